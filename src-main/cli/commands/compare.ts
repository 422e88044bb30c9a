import {
  meaningfulRows,
  splitsCaution,
  type Comparison,
  type ComparisonRow,
  type RepeatedRuns,
} from '../../contract.ts';
import { ranges } from '../../core/store/groups.ts';
import { exampleCaution } from '../../contract/example.ts';
import { othersCaution } from '../../contract/other-programs.ts';
import { exitCode, printJson, runIds, type Command } from '../command.ts';
import { withSession } from '../session.ts';
import { missing, number, table } from '../text.ts';

export const compare: Command = {
  name: 'compare',
  usage: 'ID ID...',
  summary: 'Sets runs side by side; the first one is the baseline.',
  details: `Runs that differ in nothing but name and seed are repeats. From three repeats on, their means with
95 % intervals are told, and whether other groups of runs differ from the first run's group.

Repeats share a column, and more than six groups are listed one per line; --runs shows every run.`,
  options: {
    all: { type: 'boolean', help: 'also what does not differ' },
    runs: { type: 'boolean', help: 'a column for every run instead of every group of repeats' },
  },
  run: async ({ positionals, json, flag }) => {
    const ids = runIds(positionals, 2);
    return withSession('compare', async (session) => {
      const comparison = await session.call('runs.compare', { ids });
      if (json) printJson(comparison);
      else {
        console.log(
          flag('runs')
            ? comparisonTable(comparison, flag('all'))
            : groupTable(comparison, flag('all')),
        );
        if (comparison.warmUps.length > 0) console.log(`\n${warmUpsText(comparison)}`);
        if (comparison.copies.length > 0) console.log(`\n${copiesText(comparison)}`);
        for (const caution of [
          settingsText(comparison),
          exampleCaution(comparison.runs),
          splitsCaution(comparison.runs),
          othersCaution(comparison.others, comparison.runs.length),
        ])
          if (caution) console.log(`\n${caution}`);
        if (comparison.repeats) console.log(`\n${repeatsText(comparison.repeats)}`);
      }
      return exitCode.ok;
    });
  },
};

/** More groups than this are lines of a table, not columns. */
const mostColumns = 6;

/** A column per group of repeats; a line per group where there are many. */
export function groupTable(comparison: Comparison, all: boolean, columns?: number): string {
  const { groups, groupRows } = comparison;
  if (groups.length > mostColumns) return groupList(comparison);
  const titles = groups.map(({ name, ids }) =>
    ids.length === 1 ? `${ids[0]} ${name}` : `${name} (${ids.length})`,
  );
  return sideBySide(titles, groupRows, all, columns);
}

/** What every group comes down to, and its energy against the first one. */
function groupList({ groups, groupRows }: Comparison): string {
  const shown = ['macroF1', 'wh', 'gCO2e', 'f1PerWh', 'seconds'].flatMap(
    (key) => groupRows.find((row) => row.key === key) ?? [],
  );
  const energy = groupRows.find(({ key }) => key === 'wh');
  const text = table(
    [
      'group',
      'runs',
      ...shown.map(({ label, unit }) => (unit ? `${label} (${unit})` : label)),
      'energy',
    ],
    groups.map(({ name, ids }, i) => [
      name,
      ids.length === 1 ? String(ids[0]) : `${ids.length} (${ranges(ids)})`,
      ...shown.map((row) => cell(row.values[i] ?? null, row.uncertainty[i] ?? null)),
      energy && i > 0 ? change(against(energy, i)) : '',
    ]),
  );
  return `${text}\n${bandsText}`;
}

const bandsText =
  '± is the uncertainty of the meter or of so many images, with half of the 95 % interval of the repeats from three runs\n' +
  'on; of two, with half of their range.';

/** Only one column beside the first. */
function against(row: ComparisonRow, i: number): ComparisonRow {
  const pick = <Value>(all: readonly Value[]): Value[] => [all[0]!, all[i]!];
  return {
    ...row,
    values: pick(row.values),
    uncertainty: pick(row.uncertainty),
    doubts: pick(row.doubts),
    splits: row.splits && pick(row.splits),
  };
}

/** A column per run. */
export const comparisonTable = (
  { runs, rows }: Comparison,
  all: boolean,
  columns?: number,
): string =>
  sideBySide(
    runs.map(({ id, name }) => `${id} ${name}`),
    rows,
    all,
    columns,
  );

/** As wide as the terminal; a file or a pipe gets names in full. */
function sideBySide(
  titles: readonly string[],
  rows: ComparisonRow[],
  all: boolean,
  columns: number = process.stdout.columns ?? Infinity,
): string {
  const shown = meaningfulRows({ rows }).filter(
    ({ differs, group }) => all || differs || group !== 'config',
  );
  const lines = shown.map((row) => [
    row.unit ? `${row.label} (${row.unit})` : row.label,
    ...row.values.map((value, i) => cell(value, row.uncertainty[i] ?? null)),
    change(row),
  ]);
  const laidOut = (width: number): string =>
    table(['', ...titles.map((title) => shortened(title, width)), 'difference'], lines);
  const longest = Math.max(...titles.map(({ length }) => length));
  // names are shortened only as far as the terminal demands
  for (let width = longest; width > shortestName; width--) {
    const text = laidOut(width);
    if (text.split('\n').every((line) => line.length <= columns)) return text;
  }
  return laidOut(shortestName);
}

export const warmUpsText = ({ warmUps }: Comparison): string =>
  `Left out as a warm-up, which counts for nothing: ${warmUps.map(({ id, name }) => `${id} ${name}`).join(', ')}.`;

export const copiesText = ({ copies }: Comparison): string =>
  `The same joules at another price, no repeats and in no statistics: ${copies.map(({ id, name, copyOf }) => `${id} ${name} (run ${copyOf})`).join(', ')}.`;

/** Why no setting of some runs is shown; null where all have some, or none. */
export function settingsText({ withoutSettings, runs }: Comparison): string | null {
  const n = withoutSettings.length;
  if (n === 0 || n === runs.length) return null;
  return `${n === 1 ? '1 run has' : `${n} runs have`} no settings: commands and imports differ from nothing there.`;
}

/** A paragraph per group that has repeats, then what the comparisons come down to. */
export const repeatsText = ({ groups, verdicts }: RepeatedRuns): string =>
  [
    ...groups
      .filter(({ ids }) => ids.length > 1)
      .map(({ name, ids, quantities }) =>
        [
          `${name} (runs ${ranges(ids)})`,
          ...quantities.map(({ sentence }) => `  ${sentence}`),
        ].join('\n'),
      ),
    ...verdicts.map(({ sentence }) => sentence),
  ].join('\n');

const shortestName = 12;

const shortened = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, width - 1)}…`;

function cell(value: number | string | boolean | null, uncertainty: number | null): string {
  if (typeof value !== 'number') return value === null ? missing : String(value);
  const text = value >= 1e6 ? withPrefix(value) : plain(value);
  // 0: exact
  return !uncertainty ? text : `${text} ± ${number(uncertainty, 2)}`;
}

const plain = (value: number): string =>
  Number.isInteger(value) ? String(value) : number(value, 4);

const prefixes = ['M', 'G', 'T', 'P', 'E'];

/** Counts of millions and more: 3.21 G. */
function withPrefix(value: number): string {
  const power = Math.min(prefixes.length + 1, Math.floor(Math.log10(value) / 3));
  return `${number(value / 1000 ** power)} ${prefixes[power - 2]}`;
}

/**
 * Of the last run against the first, in the unit of the row and in per cent: shares in points, what may as well be 0
 * without per cent. What cannot be called better or worse says why.
 */
function change(row: ComparisonRow): string {
  const { unit, values, uncertainty, doubts, splits, better } = row;
  const [first, last] = [values[0], values.at(-1)];
  if (row.group === 'config' || typeof first !== 'number' || typeof last !== 'number') return '';
  const doubt = better === null ? null : (doubts.at(-1) ?? null);
  if (doubt === 'other split') return `${splits?.at(-1)} against ${splits?.[0]}`;
  if (first === last) return 'the same';
  const size = difference(last - first, unit, first, uncertainty[0] ?? 0);
  return doubt === null ? size : `${size}, ${doubtWords[doubt]}`;
}

const doubtWords = {
  'within the bands': 'within the uncertainty',
  'no band': 'uncertainty not known',
};

function difference(delta: number, unit: string | null, first: number, band: number): string {
  const sign = delta > 0 ? '+' : '-';
  const size = Math.abs(delta);
  if (unit === '%') return `${sign}${size.toFixed(1)} points`;
  const amount = `${sign}${size >= 1e6 ? withPrefix(size) : number(size)}${unit && !unit.startsWith('1/') ? ` ${unit}` : ''}`;
  if (Math.abs(first) <= band || first === 0) return amount;
  const percent = (delta / first) * 100;
  return `${amount} (${sign}${Math.abs(percent).toFixed(1)} %)`;
}
