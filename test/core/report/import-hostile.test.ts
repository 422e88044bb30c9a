/** Files that spreadsheets, older versions and strangers made. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { decodeText } from '../../../src-main/contract.ts';
import { readCsv } from '../../../src-main/core/report/csv-reader.ts';
import { runsCsv } from '../../../src-main/core/report/csv.ts';
import { importCsvText } from '../../../src-main/core/report/import-csv.ts';
import { importCsv } from '../../../src-main/core/report/index.ts';
import { openScene } from '../store/scene.ts';

const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, '../../fixtures/csv', name), 'utf8');
const old = fixture('codecarbon-2.2.1.csv');
const [header, first, second] = old.trim().split('\n') as [string, string, string];
const columns = header.split(',');

/** A row of the older version with some cells changed. */
function row(cells: Record<string, string> = {}, of = first): string {
  const values = of.split(',');
  return columns.map((name, i) => cells[name] ?? values[i]).join(',');
}
const file = (...rows: string[]): string => [header, ...rows].join('\n');
const fresh = (n: number): Record<string, string> => ({
  run_id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
});

it.each([
  ['UTF-8 with a mark', (text: string) => Buffer.from(`\uFEFF${text}`)],
  ['UTF-16 LE', (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le')],
  ['UTF-16 BE', (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16()],
  ['UTF-16 without a mark', (text: string) => Buffer.from(text, 'utf16le')],
  ['Latin-1', (text: string) => Buffer.from(text, 'latin1')],
])('%s is read, letters beyond ASCII too', (_, encode) => {
  const bytes = encode(file(row({ region: 'île-de-france' })));
  const { runs, refused } = importCsvText('e.csv', decodeText(bytes));
  expect(refused).toEqual([]);
  expect(runs[0]!.columns.region).toBe('île-de-france');
});

it('a separator line, semicolons and lone carriage returns are read; decimal commas are refused', () => {
  const semicolons = file(
    row(),
    row({ ...fresh(1), duration: '3600,5' }).replace('3600,5', '3600#5'),
  )
    .replaceAll(',', ';')
    .replace('#', ',');
  const { runs, refused } = importCsvText('e.csv', `sep=;\r${semicolons.replaceAll('\n', '\r')}`);
  expect(runs.map(({ seconds }) => seconds)).toEqual([3600.5]);
  expect(refused).toEqual([
    { row: 3, reason: 'duration is "3600,5": decimals need a point, and no separators' },
  ]);
});

it('one stray quote costs its own row and no other', () => {
  const text = file(
    row({ os: 'Li"nux' }),
    row({ ...fresh(1), os: '"never closed' }),
    row(fresh(2)),
    row({ ...fresh(3), os: '"Linux"x' }),
    row({ ...fresh(4), os: '"a ""quoted"" name, with\r\na line"' }),
  );
  const { runs, refused, rows } = importCsvText('e.csv', text);
  expect(refused.map(({ row, reason }) => [row, reason])).toEqual([
    [2, 'a quote stands inside a cell that does not begin with one'],
    [3, 'text follows a closing quote'],
    [5, 'text follows a closing quote'],
  ]);
  expect(rows).toEqual([4, 6]);
  expect(runs[1]!.columns.os).toBe('a "quoted" name, with\r\na line');
});

it('an open quote at the very end does not swallow the rows before', () => {
  const text = file(row({ os: '"never closed' }), row(fresh(1)), row(fresh(2)));
  expect(importCsvText('e.csv', text)).toMatchObject({
    rows: [3, 4],
    refused: [{ row: 2, reason: 'a quote is opened and never closed' }],
  });
});

it.each([
  [{ longitude: 'Y' }, /longitude is "Y", not a number from -180 to 180/],
  [{ latitude: '123' }, /latitude is "123"/],
  [{ on_cloud: '0.41' }, /on_cloud is "0.41": cells may have shifted/],
  [{ country_iso_code: 'Netherlands' }, /country_iso_code/],
  [{ tracking_mode: 'N' }, /tracking_mode/],
  [{ gpu_power: '1e309' }, /gpu_power is too large/],
  [{ cpu_energy: '-0.0425' }, /cpu_energy is negative/],
  [{ os: 'Linux\uFFFD' }, /could not be decoded/],
])('%j is refused with its reason', (cells, reason) => {
  expect(importCsvText('e.csv', file(row(cells))).refused[0]?.reason).toMatch(reason);
});

it('rows of a 38-column file that the appending bug left with 33 cells are refused', () => {
  const [header, line] = fixture('codecarbon-3.3.0.csv').trim().split('\n');
  const short = line!.split(',').slice(5).join(',');
  const { runs, refused } = importCsvText('e.csv', [header, line, short].join('\n'));
  expect([runs.length, header!.split(',').length]).toEqual([1, 38]);
  expect(refused).toEqual([
    { row: 3, reason: 'it has 33 cells under 38 columns: they have shifted' },
  ]);
});

it('a line of a million cells and a long file of open quotes take linear time', () => {
  // quadratic time would run into the time limit of the test
  const wide = importCsvText('e.csv', file(row(), ','.repeat(1_000_000)));
  expect(wide.refused).toEqual([{ row: 3, reason: 'it has more than 500 cells' }]);
  const quotes = importCsvText('e.csv', file(...Array<string>(50_000).fill('"a')));
  expect(quotes.refused).toHaveLength(50_000);
});

it('records are those of RFC 4180', () => {
  const read = (text: string) =>
    [...readCsv(text, { delimiter: ',', columns: 9 })].map(({ cells }) => cells);
  expect(read('a,"b ""c"", d",\r\n,"e\nf"\n')).toEqual([
    ['a', 'b "c", d', ''],
    ['', 'e\nf'],
  ]);
  expect(read('')).toEqual([]);
  expect(read('a\n\nb')).toEqual([['a'], [''], ['b']]);
});

it('takes a file of tasks, each as a run of its own', async () => {
  const store = await openScene();
  const header = ['task_name', ...columns].join(',');
  const tasks = ['load', 'train'].map((task) => `${task},${row()}`);
  const text = [header, ...tasks].join('\n');
  const { ids } = await importCsv(store, 'RQ2/emissions_tasks.csv', text);
  const runs = await Promise.all(ids.map((id) => store.getSummary(id)));
  expect(runs.map(({ name }) => name)).toEqual(['RQ2/tasks load', 'RQ2/tasks train']);
  expect(runs[0]!.group).not.toBe(runs[1]!.group);
  expect((await importCsv(store, 'again.csv', text)).known).toEqual(
    ids.map((run, i) => ({ row: i + 2, run })),
  );
});

it('knows a row without an id again, and a row that is twice in a file', async () => {
  const store = await openScene();
  const text = file(row({ run_id: '' }), row({ run_id: '' }), row({ run_id: '' }, second));
  const { ids, refused } = await importCsv(store, 'e.csv', text);
  expect(refused).toEqual([{ row: 3, reason: 'the same as row 2' }]);
  expect((await importCsv(store, 'e.csv', text)).known.map(({ run }) => run)).toEqual([
    ids[0],
    ids[0],
    ids[1],
  ]);
});

it('names runs by their folders, and groups repeats', async () => {
  const store = await openScene();
  const paths = [
    'RQ2/variance/emissions-1.csv',
    'RQ2/variance/emissions-2.csv',
    'RQ2/none/run 1/emissions.csv',
    'RQ2/none/run 2/emissions.csv',
    'RQ2/drop-70.csv',
    'RQ2/drop-50.csv',
    'emissions.csv',
    'emissions.csv',
  ];
  const runs = [];
  for (const [i, path] of paths.entries()) {
    const { ids } = await importCsv(store, path, file(row(fresh(i))));
    runs.push(await store.getSummary(ids[0]!));
  }
  expect(runs.map(({ name }) => name)).toEqual([
    'RQ2/variance/1',
    'RQ2/variance/2',
    'RQ2/none/run 1',
    'RQ2/none/run 2',
    'RQ2/drop-70',
    'RQ2/drop-50',
    'emissions',
    'emissions',
  ]);
  const groups = runs.map(({ group }) => group);
  // two pairs of repeats, and four that are none
  expect([groups[0] === groups[1], groups[2] === groups[3]]).toEqual([true, true]);
  expect(new Set(groups).size).toBe(6);
});

it('keeps every cell of a row it takes, and writes each out again', async () => {
  const store = await openScene();
  const shown = row({ project_name: '=cmd()' });
  const { ids } = await importCsv(store, 'e.csv', file(shown));
  const run = await store.getRun(ids[0]!);
  const expected = Object.fromEntries(
    columns.map((name, i) => [name, shown.split(',')[i]!]).filter(([, cell]) => cell !== ''),
  );
  expect(run.circumstances.imported).toEqual(expected);
  const [names, cells] = [...readCsv(runsCsv([run]), { delimiter: ',', columns: 500 })].map(
    ({ cells }) => cells,
  );
  const out = Object.fromEntries(names!.map((name, i) => [name, cells![i]]));
  expect(out).toMatchObject({
    project_name: "'=cmd()",
    longitude: expected.longitude,
    cpu_model: expected.cpu_model,
    codecarbon_version: '2.2.1',
  });
  // power is energy over time, whatever the file said
  expect(Number(out.gpu_power)).toBeCloseTo((0.065 * 3.6e6) / 3600.5, 9);
});
