import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { exitCode, printJson, runIds, UsageError, type Command } from '../command.ts';
import { ensureBuilt } from '../build.ts';
import { exportTo, save } from '../files.ts';
import { withSession } from '../session.ts';

const formats = { csv: ['runs', 'samples', 'metrics'], report: ['report'], pdf: ['pdf'] } as const;

export const exportRuns: Command = {
  name: 'export',
  usage: 'ID... [--format csv|report|pdf] [--out PATH]',
  summary: 'Writes runs to files: CSV for spreadsheets and CodeCarbon readers, a report, its PDF.',
  options: {
    format: {
      type: 'string',
      value: 'FORMAT',
      help: 'csv (three files: runs, samples, metrics), report (HTML) or pdf; default csv',
    },
    out: {
      type: 'string',
      value: 'PATH',
      help: 'a folder, or a file for report and pdf; default .',
    },
  },
  run: async ({ positionals, text, json }) => {
    const ids = runIds(positionals);
    const format = text('format') ?? 'csv';
    if (!Object.hasOwn(formats, format))
      throw new UsageError(`"${format}" is not a format: csv, report or pdf.`);
    const kind = format as keyof typeof formats;
    const out = text('out') ?? '.';
    const toFile = kind !== 'csv' && /\.(html?|pdf)$/i.test(out) && !(await isFolder(out));
    return withSession('export', async (session) => {
      let paths: string[];
      if (toFile) {
        await ensureBuilt('report');
        const file = await session.call('runs.export', { ids, format: formats[kind][0] });
        paths = [await save(dirname(out), basename(out), Buffer.from(file.base64, 'base64'))];
      } else paths = await exportTo(session, out, ids, [...formats[kind]]);
      if (json) printJson({ files: paths });
      else console.log(paths.join('\n'));
      return exitCode.ok;
    });
  },
};

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => null))?.isDirectory() ?? false;
