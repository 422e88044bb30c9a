import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { AppError, papers, reportSections, type CallInput } from '../../contract.ts';
import { exitCode, printJson, runIds, UsageError, type Command } from '../command.ts';
import { ensureBuilt } from '../build.ts';
import { exportTo, saveCopy, withReport } from '../files.ts';
import { withSession, type Session } from '../session.ts';

const formats = {
  csv: ['runs', 'samples', 'metrics'],
  phases: ['phases'],
  predictions: ['predictions'],
  report: ['report'],
  pdf: ['pdf'],
  markdown: ['markdown'],
  charts: ['charts'],
  json: ['json'],
  bundle: ['bundle'],
} as const;
const csvKinds: string[] = ['csv', 'phases', 'predictions'];
/** In place of a PDF. */
const instead = ['report', ...formats.csv] as const;
/** That have a title, notes and sections. */
const reports: string[] = ['report', 'pdf', 'markdown', 'json'];
const modelFormats = ['onnx', 'safetensors'] as const;
type ModelFormat = (typeof modelFormats)[number];
const checkpoints = ['best', 'last'] as const;

export const exportRuns: Command = {
  name: 'export',
  usage:
    'ID... [--format csv|phases|predictions|report|pdf|markdown|charts|json|bundle|onnx|safetensors] [--out PATH] [--paper a4|letter] [--title TEXT] [--notes TEXT] [--sections LIST] [--or-html] [--bom] [--checkpoints] [--checkpoint best|last]',
  summary: 'Writes runs to files: CSV, a report, its PDF or data, a bundle, or the trained model.',
  details: `bundle is one zip file with the runs' part of the database, their report, CSV and configs; "hugginggreen
import" takes it in on another computer. json is the data of the report; charts is a zip of its charts as SVG and
PNG, markdown one of its text with them. Only pdf takes a browser (Chromium, Chrome or Edge) on this machine.
In a folder, a JSON file of the same name beside each CSV says what its columns hold, each with its unit.
phases is one CSV file with a row per epoch and phase: time, Wh in all and by component, images, J per image.
predictions is one CSV file with what each run said of every image of the test, and of its best and last
validation: classes, probabilities, and the box with its IoU where the run finds boxes.
onnx is the whole inference graph, from stored pixels to class probabilities, for any batch; safetensors
is the weights, named as in PyTorch. Both say what they are: classes, config, dataset, metrics, kWh.`,
  options: {
    format: {
      type: 'string',
      value: 'FORMAT',
      help: 'csv (three files: runs, samples, metrics), phases and predictions (CSV), report (HTML), pdf, markdown, charts, json, bundle, onnx or safetensors; default csv',
    },
    checkpoint: {
      type: 'string',
      value: 'WHICH',
      help: 'of onnx and safetensors: best or last; default best, where there is one',
    },
    checkpoints: { type: 'boolean', help: 'of bundle: with the checkpoints, which are most of it' },
    bom: {
      type: 'boolean',
      help: 'of CSV: begins with the mark by which Excel knows UTF-8',
    },
    paper: { type: 'string', value: 'PAPER', help: 'of report and pdf: a4 or letter; default a4' },
    title: { type: 'string', value: 'TEXT', help: 'of a report: what stands above it' },
    notes: {
      type: 'string',
      value: 'TEXT',
      help: 'of a report: a paragraph of your own below the title; an empty line parts paragraphs',
    },
    'or-html': {
      type: 'boolean',
      help: 'of pdf: without a browser to print it with, writes the HTML report and the CSV files instead',
    },
    sections: {
      type: 'string',
      value: 'LIST',
      help: `of report, pdf and markdown: which of ${reportSections.join(',')}; default all`,
    },
    out: {
      type: 'string',
      value: 'PATH',
      help: 'a folder, or a file for all but csv; default .',
    },
  },
  run: async ({ positionals, text, flag, json }) => {
    const ids = runIds(positionals);
    const format = text('format') ?? 'csv';
    const model = modelFormats.find((one) => one === format);
    if (!model && !Object.hasOwn(formats, format))
      throw new UsageError(
        `"${format}" is not a format: ${[...Object.keys(formats), ...modelFormats].join(', ')}.`,
      );
    const wanted = text('checkpoint');
    const checkpoint = checkpoints.find((one) => one === wanted);
    if (wanted !== undefined && !checkpoint)
      throw new UsageError(`"${wanted}" is not a checkpoint: best or last.`);
    if (wanted !== undefined && !model)
      throw new UsageError('--checkpoint is for the formats onnx and safetensors.');
    const kind = format as keyof typeof formats;
    const paper = papers.find((one) => one === text('paper'));
    if (text('paper') !== undefined && !paper)
      throw new UsageError(`"${text('paper')}" is not a paper: ${papers.join(' or ')}.`);
    if (paper && kind !== 'report' && kind !== 'pdf')
      throw new UsageError('--paper is for the formats report and pdf.');
    const title = text('title')?.trim();
    const notes = text('notes')?.trim();
    if (title !== undefined && !reports.includes(kind))
      throw new UsageError(`--title is for the formats ${reports.join(', ')}.`);
    if (notes !== undefined && !reports.includes(kind))
      throw new UsageError(`--notes is for the formats ${reports.join(', ')}.`);
    if (flag('or-html') && kind !== 'pdf') throw new UsageError('--or-html is for the format pdf.');
    const sections = text('sections')
      ?.split(',')
      .map((name) => {
        const section = reportSections.find((one) => one === name.trim());
        if (!section)
          throw new UsageError(`"${name}" is not a section: ${reportSections.join(', ')}.`);
        return section;
      });
    if (sections && !reports.includes(kind))
      throw new UsageError(`--sections is for the formats ${reports.join(', ')}.`);
    if (flag('bom') && !csvKinds.includes(kind))
      throw new UsageError(`--bom is for the formats ${csvKinds.join(', ')}.`);
    if (flag('checkpoints') && kind !== 'bundle')
      throw new UsageError('--checkpoints is for the format bundle.');
    const more: More = {
      checkpoints: flag('checkpoints'),
      bom: flag('bom'),
      look: {
        ...(paper && { paper }),
        ...(title && { title }),
        ...(notes && { notes }),
        ...(sections && { sections }),
      },
    };
    const out = text('out') ?? '.';
    const toFile =
      /\.(csv|html?|pdf|json|zip|onnx|safetensors)$/i.test(out) && !(await isFolder(out));
    if (model && toFile && ids.length > 1)
      throw new UsageError('Several models need a folder: --out FOLDER.');
    return withSession('export', async (session) => {
      const paths = model
        ? await exportModels(session, ids, model, checkpoint, { out, toFile })
        : await exportResults(session, ids, kind, { out, toFile }, more).catch((cause: unknown) => {
            if (!flag('or-html') || !(cause instanceof AppError) || cause.code !== 'UNAVAILABLE')
              throw cause;
            console.error(
              `${cause.message} The HTML report and the CSV files are written instead.`,
            );
            return exportTo(session, toFile ? dirname(out) : out, ids, instead, more);
          });
      if (json) printJson({ files: paths });
      else console.log(paths.join('\n'));
      return exitCode.ok;
    });
  },
};

type More = Omit<CallInput<'runs.export'>, 'ids' | 'format'>;

interface Place {
  out: string;
  /** `out` is the file itself. */
  toFile: boolean;
}

async function exportResults(
  session: Session,
  ids: number[],
  kind: keyof typeof formats,
  { out, toFile }: Place,
  more: More,
): Promise<string[]> {
  if (!toFile || kind === 'csv') return exportTo(session, out, ids, formats[kind], more);
  const format = formats[kind][0];
  if (withReport.includes(format)) await ensureBuilt('report');
  const file = await session.call('runs.export', { ids, format, ...more });
  return [await saveCopy(dirname(out), basename(out), file.path)];
}

async function exportModels(
  session: Session,
  ids: number[],
  format: ModelFormat,
  checkpoint: (typeof checkpoints)[number] | undefined,
  { out, toFile }: Place,
): Promise<string[]> {
  const paths: string[] = [];
  for (const id of ids) {
    const file = await session.call('runs.exportModel', {
      id,
      format,
      ...(checkpoint && { checkpoint }),
    });
    const [folder, name] = toFile ? [dirname(out), basename(out)] : [out, basename(file.name)];
    paths.push(await saveCopy(folder, name, file.path));
  }
  return paths;
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => null))?.isDirectory() ?? false;
