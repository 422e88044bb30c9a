import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { AppError } from '../../contract.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import { withSession } from '../session.ts';

export const importRuns: Command = {
  name: 'import',
  usage: 'FILE...',
  summary: 'Takes in runs from CSV files of CodeCarbon 2.x or 3.x, or of this program.',
  details: 'Exit code: 0 when every row of every file was taken, 1 otherwise.',
  options: {},
  run: async ({ positionals, json }) => {
    if (positionals.length === 0) throw new UsageError('Which file?');
    const sources: { name: string; csv: string }[] = [];
    for (const path of positionals) sources.push({ name: basename(path), csv: await read(path) });
    return withSession('import', async (session) => {
      const results: Record<string, unknown>[] = [];
      let complete = true;
      for (const { name, csv } of sources) {
        const result = await session.call('runs.import', { name, csv });
        complete &&= result.refused.length === 0 && result.taken > 0;
        results.push({ file: name, ...result });
        if (json) continue;
        console.log(
          `${name}: ${result.taken} taken${result.ids.length ? ` (run ${result.ids.join(', ')})` : ''}`,
        );
        for (const { row, reason } of result.refused) console.log(`  row ${row}: ${reason}`);
      }
      if (json) printJson(results);
      return complete ? exitCode.ok : exitCode.failed;
    });
  },
};

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new AppError(
      'BAD_INPUT',
      code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read: ${message}.`,
    );
  }
}
