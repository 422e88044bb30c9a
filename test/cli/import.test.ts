import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findFiles, readCsvFile } from '../../src-main/cli/import-files.ts';
import { removeHome, temporaryHome } from '../fixtures/host.ts';

const bin = join(import.meta.dirname, '..', '..', 'src-main', 'cli', 'bin.js');
const old = await readFile(
  join(import.meta.dirname, '../fixtures/csv/codecarbon-2.2.1.csv'),
  'utf8',
);
const [header, row] = old.split('\n') as [string, string];

let home: string;
beforeEach(async () => void (home = await temporaryHome()));
afterEach(() => removeHome(home));

async function put(path: string, text: string): Promise<void> {
  await mkdir(join(home, path, '..'), { recursive: true });
  await writeFile(join(home, path), text);
}
/** A file with one row, of the n-th run. */
const emissions = (n: number): string =>
  [
    header,
    row.replace(/,[0-9a-f-]{36},/, `,00000000-0000-4000-8000-${String(n).padStart(12, '0')},`),
    '',
  ].join('\n');

interface Output {
  files: {
    file: string;
    error: string | null;
    taken: number;
    known: { row: number; run: number }[];
  }[];
  unreadable: { path: string; reason: string }[];
  total: Record<string, number | boolean>;
}
function cli(...args: string[]): Promise<{ code: number; stdout: string; output: Output }> {
  const env = { ...process.env, HUGGINGGREEN_HOME: join(home, 'data') };
  return new Promise((resolve) =>
    execFile(process.execPath, [bin, 'import', ...args], { cwd: home, env }, (error, stdout) =>
      resolve({
        code: Number(error?.code ?? 0),
        stdout,
        output: (args.includes('--json') ? JSON.parse(stdout) : null) as Output,
      }),
    ),
  );
}

test('finds the CSV files of folders once, in order, whatever the links', async () => {
  for (const name of [
    'RQ2/a/run10/emissions.csv',
    'RQ2/a/run2/emissions.csv',
    'RQ2/b/EMISSIONS.CSV',
  ])
    await put(name, emissions(1));
  await put('RQ2/b/notes.txt', '');
  await symlink('..', join(home, 'RQ2/b/up'));
  await symlink('gone', join(home, 'RQ2/b/dangling.csv'));
  const found = await findFiles(['RQ2', 'RQ2/a', 'missing.csv'], home);
  expect(found.files.map(({ name }) => name)).toEqual([
    'RQ2/a/run2/emissions.csv',
    'RQ2/a/run10/emissions.csv',
    'RQ2/b/EMISSIONS.CSV',
  ]);
  expect(found.others).toBe(1);
  expect(found.unreadable).toEqual([
    { path: join(home, 'RQ2/b/dangling.csv'), reason: 'there is no such file or folder' },
    { path: join(home, 'missing.csv'), reason: 'there is no such file or folder' },
  ]);
  // from elsewhere: names begin below what the paths have in common
  const paths = ['RQ2/a/run2/emissions.csv', 'RQ2/b/EMISSIONS.CSV'].map((name) => join(home, name));
  const elsewhere = await findFiles(paths, join(home, 'RQ2/a/run10'));
  expect(elsewhere.files.map(({ name }) => name)).toEqual([
    'a/run2/emissions.csv',
    'b/EMISSIONS.CSV',
  ]);
});

test.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
  'says which folder may not be read (skipped for root, who may read all)',
  async () => {
    await put('closed/emissions.csv', emissions(1));
    await chmod(join(home, 'closed'), 0);
    expect((await findFiles(['closed'], home)).unreadable).toEqual([
      { path: join(home, 'closed'), reason: 'you may not read it' },
    ]);
    await chmod(join(home, 'closed'), 0o700);
  },
);

test('a file is read in its encoding, a missing one is refused', async () => {
  await writeFile(join(home, 'e.csv'), Buffer.from(`\uFEFF${old}`, 'utf16le'));
  expect(await readCsvFile(join(home, 'e.csv'))).toBe(old);
  await expect(readCsvFile(join(home, 'gone.csv'))).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: 'gone.csv cannot be read: there is no such file or folder.',
  });
});

test('a file of 200 MB is refused before it is read', async () => {
  await writeFile(join(home, 'huge.csv'), '');
  // a hole: it takes no room on the disk
  await truncate(join(home, 'huge.csv'), 200e6);
  await expect(readCsvFile(join(home, 'huge.csv'))).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: 'huge.csv is too large: 200 MB of at most 64 MB.',
  });
});

test('the 96 files of a study, and once more; what cannot be taken is said, with the exit code', async () => {
  for (let i = 0; i < 96; i++)
    await put(
      `RQ${1 + (i % 3)}/arm ${i % 8}/run ${1 + Math.floor(i / 24)}/emissions.csv`,
      emissions(i),
    );
  await put('RQ1/log.txt', 'x');
  const first = await cli('RQ1', 'RQ2', 'RQ3', '--json');
  expect(first.code).toBe(0);
  expect(first.output.total).toEqual({
    files: 96,
    taken: 96,
    known: 0,
    refused: 0,
    refusedFiles: 0,
    unreadable: 0,
    beside: 0,
    others: 1,
    complete: true,
  });
  await put('RQ3/broken.csv', `${header}\n${row.replace('3600.5', '3600;5')}\n`);
  await put('RQ3/losses.csv', 'step,loss\n1,2\n');
  const again = await cli('RQ1', 'RQ2', 'RQ3', '--json');
  expect(again.code).toBe(1);
  expect(again.output.total).toMatchObject({
    taken: 0,
    known: 96,
    refused: 1,
    refusedFiles: 1,
    unreadable: 0,
  });
  expect(again.output.files.find(({ file }) => file === 'RQ3/losses.csv')!.error).toMatch(
    /not a CodeCarbon file: its first row lacks timestamp/,
  );
  const words = await cli('RQ3/broken.csv', 'RQ1/arm 0/run 1/emissions.csv');
  expect(words.stdout).toContain('row 2: duration is "3600;5", not a number');
  expect(words.stdout).toMatch(/1 row already here as run \d+/);
  expect(words.stdout).toContain('In all: 0 rows of 2 files taken, 1 already here, 1 refused');
});
