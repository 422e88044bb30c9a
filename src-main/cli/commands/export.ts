import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { exitCode, printJson, runIds, UsageError, type Command } from '../command.ts';
import { ensureBuilt } from '../build.ts';
import { exportTo, save, saveCopy } from '../files.ts';
import { withSession, type Session } from '../session.ts';

const formats = { csv: ['runs', 'samples', 'metrics'], report: ['report'], pdf: ['pdf'] } as const;
const modelFormats = ['onnx', 'safetensors'] as const;
type ModelFormat = (typeof modelFormats)[number];
const checkpoints = ['best', 'last'] as const;

export const exportRuns: Command = {
  name: 'export',
  usage: 'ID... [--format csv|report|pdf|onnx|safetensors] [--checkpoint best|last] [--out PATH]',
  summary: 'Writes runs to files: CSV, a report, its PDF, or the trained model.',
  details: `onnx is the whole inference graph, from stored pixels to class probabilities, for any batch; safetensors
is the weights, named as in PyTorch. Both say what they are: classes, config, dataset, metrics, kWh.`,
  options: {
    format: {
      type: 'string',
      value: 'FORMAT',
      help: 'csv (three files: runs, samples, metrics), report (HTML), pdf, onnx or safetensors; default csv',
    },
    checkpoint: {
      type: 'string',
      value: 'WHICH',
      help: 'of onnx and safetensors: best or last; default best, where there is one',
    },
    out: {
      type: 'string',
      value: 'PATH',
      help: 'a folder, or a file for all but csv; default .',
    },
  },
  run: async ({ positionals, text, json }) => {
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
    const out = text('out') ?? '.';
    const toFile = /\.(html?|pdf|onnx|safetensors)$/i.test(out) && !(await isFolder(out));
    if (model && toFile && ids.length > 1)
      throw new UsageError('Several models need a folder: --out FOLDER.');
    return withSession('export', async (session) => {
      const paths = model
        ? await exportModels(session, ids, model, checkpoint, { out, toFile })
        : await exportResults(session, ids, format as keyof typeof formats, { out, toFile });
      if (json) printJson({ files: paths });
      else console.log(paths.join('\n'));
      return exitCode.ok;
    });
  },
};

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
): Promise<string[]> {
  if (!toFile || kind === 'csv') return exportTo(session, out, ids, [...formats[kind]]);
  await ensureBuilt('report');
  const file = await session.call('runs.export', { ids, format: formats[kind][0] });
  return [await save(dirname(out), basename(out), Buffer.from(file.base64, 'base64'))];
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
