/** Runs that repeat each other taken as one column of a comparison, and as one point of energy against F1. */
import type { ComparisonGroup, ComparisonRow, RunSummary, TradeOff } from '../../contract.ts';
import { hypervolume, meanInterval, standings, type Interval } from '../statistics/index.ts';

/**
 * The same for runs that repeat each other: what a file says was not measured here, and repeats nothing of
 * ours; nor does what another computer measured.
 */
export const repeatKey = ({ status, group, origin }: RunSummary): string =>
  `${status === 'imported' ? 'imported ' : ''}${origin ? `${origin.host} ` : ''}${group}`;

/**
 * All runs in groups of repeats, in the order of the runs. A copy at another price is alone: the joules are those
 * of its original.
 */
export function groupsOf(runs: readonly RunSummary[]): ComparisonGroup[] {
  const members = [
    ...Map.groupBy(runs, (run) =>
      run.copyOf === null ? repeatKey(run) : `copy ${run.id}`,
    ).values(),
  ];
  const names = uniqueNames(members);
  return members.map((group, i) => ({ name: names[i]!, ids: group.map(({ id }) => id) }));
}

/**
 * What the runs of a group are called together: the arm of their matrix, or their name without the seed. Where two
 * groups would be called the same, each also names its runs.
 */
export function uniqueNames(groups: readonly (readonly RunSummary[])[]): string[] {
  const names = groups.map(commonName);
  return groups.map((members, i) =>
    names.filter((name) => name === names[i]).length > 1
      ? `${names[i]} (${members.length === 1 ? 'run' : 'runs'} ${ranges(members.map(({ id }) => id))})`
      : names[i]!,
  );
}

function commonName(members: readonly RunSummary[]): string {
  const [{ id, name, matrix, status }] = members as [RunSummary, ...RunSummary[]];
  const imported = status === 'imported' && name === '';
  if (members.length === 1) return name || `${imported ? 'imported run' : 'run'} ${id}`;
  const own =
    matrix && members.every((run) => run.matrix?.arm === matrix.arm)
      ? matrix.armTitle
      : name.replace(/[\s,]*\(?\bseed \d+\)?$/i, '');
  return own || `runs ${ranges(members.map((run) => run.id))}`;
}

/** `1 to 4, 7`. */
export function ranges(ids: readonly number[]): string {
  const sorted = [...ids].sort((a, b) => a - b);
  const stretches: [number, number][] = [];
  for (const id of sorted) {
    const last = stretches.at(-1);
    if (last && id === last[1] + 1) last[1] = id;
    else stretches.push([id, id]);
  }
  return stretches
    .map(([from, to]) =>
      from === to ? `${from}` : to === from + 1 ? `${from}, ${to}` : `${from} to ${to}`,
    )
    .join(', ');
}

/**
 * The rows with a column per group: means of what was measured with the half width of their 95 % t interval (from
 * three runs on), settings that all of a group share. A run on its own keeps its value and its band.
 */
export function groupRows(
  rows: readonly ComparisonRow[],
  runs: readonly RunSummary[],
  groups: readonly ComparisonGroup[],
): ComparisonRow[] {
  const at = new Map(runs.map(({ id }, i) => [id, i]));
  return rows.map((row) => {
    const columns = groups.map(({ ids }) => {
      const places = ids.map((id) => at.get(id)!);
      const values = places.map((place) => row.values[place] ?? null);
      return places.length === 1
        ? { value: values[0]!, band: row.uncertainty[places[0]!] ?? null }
        : together(values, row.group);
    });
    const values = columns.map(({ value }) => value);
    const uncertainty = columns.map(({ band }) => band);
    return {
      ...row,
      values,
      uncertainty,
      tied: values.map((_, i) => i > 0 && withinBands(values, uncertainty, i)),
      differs: values.some((value) => value !== values[0]),
    };
  });
}

type Cell = ComparisonRow['values'][number];

/**
 * A difference to the first run that is no larger than the bands of the two explain. A value without a band
 * is never tied: there is nothing to judge it by.
 */
export function withinBands(values: Cell[], bands: (number | null)[], i: number): boolean {
  const [a, b] = [values[0], values[i]];
  const [bandA, bandB] = [bands[0] ?? null, bands[i] ?? null];
  if (typeof a !== 'number' || typeof b !== 'number' || a === b) return false;
  if (bandA === null || bandB === null) return false;
  return Math.abs(b - a) <= Math.hypot(bandA, bandB);
}

function together(
  values: Cell[],
  of: ComparisonRow['group'],
): { value: Cell; band: number | null } {
  if (values.every((value) => value === values[0])) return { value: values[0]!, band: null };
  const numbers = values.filter((value) => typeof value === 'number');
  // seeds have no mean, and words neither
  if (of === 'config' || numbers.length === 0) return { value: 'varies', band: null };
  const t = numbers.length >= 3 ? meanInterval(numbers) : null;
  return {
    value: numbers.reduce((a, b) => a + b) / numbers.length,
    band: t?.testable ? (t.high - t.low) / 2 : null,
  };
}

/** Means of energy and macro F1 by group, with the groups that lack one of them left out. */
export function tradeOffOf(
  runs: readonly RunSummary[],
  groups: readonly ComparisonGroup[],
): TradeOff {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const points = groups.flatMap(({ name, ids }) => {
    const both = ids.flatMap((id) => {
      const { wh, macroF1 } = byId.get(id)!;
      return wh === null || macroF1 === null || wh <= 0 ? [] : [{ wh, f1: macroF1 }];
    });
    if (both.length === 0) return [];
    const [energy, f1] = [both.map(({ wh }) => wh), both.map((one) => one.f1)];
    return [
      {
        name,
        ids,
        n: both.length,
        wh: average(energy),
        f1: average(f1),
        whInterval: intervalOf(energy),
        f1Interval: intervalOf(f1),
      },
    ];
  });
  const standing = standings(
    points.map(({ wh, f1, whInterval, f1Interval }) => ({
      kwh: wh / 1000,
      f1,
      kwhInterval: whInterval && {
        low: whInterval.low / 1000,
        high: whInterval.high / 1000,
      },
      f1Interval,
    })),
  );
  const limitWh = Math.max(0, ...points.map(({ wh }) => wh));
  return {
    points: points.map((point, i) => ({ ...point, standing: standing[i]! })),
    limitWh,
    // the dearest point covers no area of its own: only a front of several has one
    hypervolume: hypervolume(
      points.map(({ wh, f1 }) => ({ kwh: wh / 1000, f1 })),
      { kwh: limitWh / 1000, f1: 0 },
    ),
  };
}

const average = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b) / values.length;

function intervalOf(values: readonly number[]): Interval | null {
  const t = values.length >= 3 ? meanInterval(values) : null;
  return t?.testable ? { low: t.low, high: t.high } : null;
}
