/** What a comparison comes down to, as sentences: each run against the baseline, in energy and F1. */
import type {
  ComparedRun,
  Comparison,
  ComparisonRow,
  Doubt,
  Inventory,
} from '../../../src-main/contract.ts';
import {
  amountOn,
  compact,
  difference,
  pointsOf,
  significant,
  siScale,
  type Difference,
  type Scale,
} from './number.ts';
import { duration } from './time.ts';

/** @param count columns from the first on that are told of */
export function comparisonSentences(
  { runs, rows }: Pick<Comparison, 'runs' | 'rows'>,
  count = runs.length,
): string[] {
  const [base, ...others] = runs.slice(0, count);
  if (!base) return [];
  const [energy, f1] = ['wh', 'macroF1'].map((key) => rows.find((row) => row.key === key));
  return others.flatMap((run, i) => {
    const parts = [
      energy && clause('used', energy, i + 1, 'energy'),
      f1 && clause('reached', f1, i + 1, 'macro F1'),
    ].filter((part) => part != null);
    return parts.length > 0 ? [`Against ${base.name}, ${run.name} ${parts.join(' and ')}.`] : [];
  });
}

/** `used 3 mWh less energy (20 %, within the uncertainty)`. */
function clause(verb: string, row: ComparisonRow, i: number, what: string): string | null {
  const doubt = doubtWords(row, i);
  if (row.doubts[i] === 'other split') return `has a ${what} not to compare (${doubt})`;
  const change = rowDifference(row, i, rowScale([row], row));
  if (!change) return null;
  if (change.verdict === 'same') return `${verb} the same ${what}`;
  const aside = [change.share, doubt].filter(Boolean).join(', ');
  return `${verb} ${change.amount} ${change.word} ${what}${aside && ` (${aside})`}`;
}

/** What a report quotes: what the tests of repeats come down to, or, without repeats, run against run. */
export const quotable = (comparison: Comparison): string[] =>
  comparison.repeats && comparison.groups.some(({ ids }) => ids.length > 1)
    ? comparison.repeats.verdicts.map(({ sentence }) => sentence)
    : comparisonSentences(comparison);

const numbersOf = ({ values }: ComparisonRow) =>
  values.filter((value) => typeof value === 'number');

/** Rows of one unit are read together: they share their prefix. */
export const rowScale = (rows: readonly ComparisonRow[], row: ComparisonRow): Scale =>
  siScale(rows.filter(({ unit }) => unit === row.unit).flatMap(numbersOf), row.unit ?? '');

/** Of a column against the first; null for what is no number, or not known. */
export function rowDifference(row: ComparisonRow, i: number, scale: Scale): Difference | null {
  const [base] = row.values;
  const value = row.values[i];
  if (row.group === 'config' || typeof base !== 'number' || typeof value !== 'number') return null;
  const { unit } = row;
  return difference(base, value, {
    better: row.doubts[i] ? null : row.better,
    band: row.uncertainty[0],
    points: unit === '%',
    amount:
      unit === '%'
        ? pointsOf()
        : unit === 's'
          ? duration
          : unit === null
            ? (size) =>
                Number.isInteger(size) || size >= 1e6 ? compact(size) : significant(size, 2)
            : // "per Wh" is said by the row
              amountOn(unit.startsWith('1/') ? { ...scale, unit: '' } : scale),
  });
}

/** Why a difference is called neither better nor worse, in a few words; null where it is, or could not be. */
export function doubtWords(
  { doubts, splits, better, values }: ComparisonRow,
  i: number,
): string | null {
  const doubt = doubts[i];
  if (!doubt || better === null) return null;
  if (doubt === 'other split') return `${splits?.[i]} against ${splits?.[0]}`;
  return values[i] === values[0] ? null : doubtLabels[doubt];
}

export const doubtLabels: Record<Exclude<Doubt, 'other split'>, string> = {
  'within the bands': 'within the uncertainty',
  'no band': 'uncertainty not known',
};
/** What that means, for the hint. */
export const doubtMeanings: Record<Doubt, string> = {
  'within the bands':
    'The difference is no larger than the bands of both values together (root sum of squares). A sensor’s own gain is the same in both runs, so tests of repeats on one machine may tell more.',
  'no band':
    'Nobody knows how far such values lie apart by chance, so the difference is called neither better nor worse. Three repeats of each would tell.',
  'other split':
    'One score is of the validation split, the other of the test split: their difference says nothing of the runs.',
};

/** Says where runs cannot be compared like for like; null where they can. */
export function comparisonCaution(details: readonly ComparedRun[]): string | null {
  const differ = (of: (run: ComparedRun) => string | number | null | undefined) =>
    new Set(details.map(of).filter((value) => value != null)).size > 1;
  const imported = details.filter(({ summary }) => summary.status === 'imported').length;
  const parts = [
    differ(({ summary, config }) =>
      config ? JSON.stringify({ ...config.dataset, seed: null, path: null }) : summary.dataset,
    ) && 'dataset',
    differ(({ summary }) => summary.parameters) && 'model size',
    differ(({ circumstances: { machine } }) => machine && machineKey(machine)) && 'machine',
    imported > 0 && imported < details.length && 'origin (imported or measured here)',
  ].filter((part) => part !== false);
  const last = parts.pop();
  const unlike = 'the comparison is not like for like.';
  if (last !== undefined) {
    const list = parts.length > 0 ? `${parts.join(', ')} and ${last}` : last;
    return `These runs differ in ${list}: ${unlike}`;
  }
  return imported > 0 ? `These runs are imported, their circumstances not known: ${unlike}` : null;
}
const machineKey = ({ hostname, cpu, gpus }: Inventory) =>
  [hostname, cpu.brand, ...gpus.map(({ name }) => name)].join();

/** What the sentences leave open: how many runs stand behind them, and how the energy came about. */
export function comparisonCaveat(details: readonly ComparedRun[]): string | null {
  if (details.length === 0) return null;
  const groups = new Set(details.map(({ summary }) => summary.group));
  const single =
    groups.size === details.length
      ? 'One run of each: other seeds may tell another story.'
      : 'The tests tell differences from chance, not from errors that all runs of a sensor share.';
  const estimated = new Set(
    details.flatMap(({ energy }) =>
      (energy?.components ?? [])
        .filter(
          ({ counted, provenance }) =>
            counted && (provenance === 'modelled' || provenance === 'constant'),
        )
        .map(({ kind, provenance }) => `${kind.toUpperCase()} energy is ${provenance}`),
    ),
  );
  return estimated.size > 0
    ? `${single} ${[...estimated].join(', ')}: differences there follow load and running time.`
    : single;
}
