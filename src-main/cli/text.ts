/** Numbers and tables as text. */
import { validationMark, validationMeaning } from '../contract/splits.ts';
import { statusOf, type RunSummary } from '../contract.ts';

/** Missing is a dash, never 0. */
export const missing = '–';

/** An F1 from 0 to 1, as in the window. */
export const score = (f1: number | null): string => (f1 === null ? missing : f1.toFixed(3));

/** Significant digits, without an exponent where people can do without. */
export function number(value: number | null | undefined, digits = 3): string {
  if (value == null || !Number.isFinite(value)) return missing;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(digits - 1);
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toFixed(decimals);
}

export const withUnit = (value: number | null | undefined, unit: string, digits = 3): string =>
  value == null ? missing : `${number(value, digits)} ${unit}`;

export function duration(seconds: number | null | undefined): string {
  if (seconds == null) return missing;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Files and downloads, as disks and networks count them: `170 MB`. */
export const bytes = (count: number | null | undefined): string =>
  sized(count, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);

/** Memory, which comes in powers of two: `24.0 GiB`. */
export const memory = (count: number | null | undefined): string =>
  sized(count, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);

function sized(count: number | null | undefined, base: number, units: readonly string[]): string {
  if (count == null) return missing;
  const power = Math.floor(Math.log(Math.max(1, count)) / Math.log(base) + 1e-9);
  const unit = Math.min(units.length - 1, power);
  return `${number(count / base ** unit)} ${units[unit]}`;
}

const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

/** Counts, three digits: 523 k, 3.21 T. */
export function count(value: number): string {
  const power = Math.max(0, Math.min(prefixes.length - 1, Math.floor(Math.log10(value) / 3)));
  if (value < 1000 || power === 0) return String(value);
  return `${number(value / 1000 ** power)} ${prefixes[power]}`;
}

export const date = (at: number | null): string =>
  at === null ? missing : new Date(at).toISOString().slice(0, 16).replace('T', ' ');

const looksLikeNumber = /^(–|[-+±]?\d)/;

/**
 * A text as lines of a terminal, broken at spaces but not between a figure and its unit; one with a command that
 * is to be copied has no break in it.
 * @param first what its first line begins with, `others` what the later ones do
 */
export function wrap(text: string, first: string, others: string, columns = 80): string[] {
  if (/`|sudo |[|>&]{1,2} /.test(text)) return [first + text];
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.replace(/(\d) (%|W|J|s)(?![\w])/g, '$1\u00a0$2').split(' ')) {
    if (!empty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = others;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

/** Columns as wide as they need to be; columns of numbers to the right. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const right = head.map((_, i) => rows.every((row) => looksLikeNumber.test(row[i] ?? '')));
  const line = (cells: string[]): string =>
    cells
      .map((cell, i) => (right[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  // a last column of sentences needs no rule across three screens
  const rule = line(widths.map((width) => '-'.repeat(Math.min(width, 60))));
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** Scores of validation carry a mark, which is explained below. */
export function runsTable(runs: RunSummary[]): string {
  const validated = runs.some(
    ({ f1Split, macroF1 }) => f1Split === 'validation' && macroF1 !== null,
  );
  const mark = ({ f1Split }: RunSummary): string =>
    validated ? (f1Split === 'validation' ? ` ${validationMark}` : '  ') : '';
  const text = table(
    [
      'run',
      'status',
      'name',
      'dataset',
      'method',
      'selection',
      'engine',
      'macro F1',
      'Wh',
      'gCO2e',
      'time',
    ],
    runs.map((run) => [
      String(run.id),
      // a warm-up or the example is a run, and no result
      statusOf(run).label + (run.matrix?.warmUp ? ' (warm-up)' : run.example ? ' (example)' : ''),
      run.name || missing,
      run.dataset,
      run.method || missing,
      run.selection,
      run.engine ?? missing,
      run.macroF1 === null ? missing : score(run.macroF1) + mark(run),
      number(run.wh),
      number(run.gCO2e),
      duration(run.seconds),
    ]),
  );
  return validated ? `${text}\n\nMacro F1 with a ${validationMeaning}.` : text;
}
