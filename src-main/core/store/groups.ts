/** Runs that repeat each other taken as one column of a comparison, and as one point of energy against F1. */
import {
  splitOf,
  type ComparisonGroup,
  type ComparisonRow,
  type RunSummary,
  type TradeOff,
} from '../../contract.ts';
import {
  bandOfMean,
  doubtOf,
  hypervolume,
  standings,
  type Doubt,
  type Interval,
  type Split,
} from '../statistics/index.ts';

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
 * The rows with a column per group: means of what was measured with their bands, settings that all of a group share.
 * Scores are of the runs of a group that were tested, where some were, else of those that were validated.
 * @param withoutSettings runs that can have none, and so differ from nothing in any
 */
export function groupRows(
  rows: readonly ComparisonRow[],
  runs: readonly RunSummary[],
  groups: readonly ComparisonGroup[],
  withoutSettings: readonly number[],
): ComparisonRow[] {
  const at = new Map(runs.map(({ id }, i) => [id, i]));
  const configured = groups.map(({ ids }) => ids.some((id) => !withoutSettings.includes(id)));
  return rows.map((row) => {
    const columns = groups.map(({ ids }) => {
      const all = ids.map((id) => at.get(id)!);
      const split = row.splits && splitOf(all.map((place) => row.splits![place] ?? null));
      const places = all.filter((place) => !split || row.splits![place] === split);
      return { split, ...together(row, places) };
    });
    const values = columns.map(({ value }) => value);
    const uncertainty = columns.map(({ band }) => band);
    const splits = row.splits && columns.map(({ split }) => split);
    return {
      ...row,
      values,
      uncertainty,
      splits,
      doubts: doubtsOf(values, uncertainty, splits),
      differs: differ(row.group === 'config' ? values.filter((_, i) => configured[i]) : values),
    };
  });
}

type Cell = ComparisonRow['values'][number];

export const differ = (values: readonly Cell[]): boolean =>
  values.some((value) => value !== values[0]);

/** Of every column against the first. */
export const doubtsOf = (
  values: readonly Cell[],
  bands: readonly (number | null)[],
  splits: readonly (Split | null)[] | null,
): (Doubt | null)[] => {
  const [first, ...others] = values.map((value, i) =>
    typeof value === 'number'
      ? { value, band: bands[i] ?? null, split: splits?.[i] ?? null }
      : null,
  );
  return [null, ...others.map((other) => (first && other ? doubtOf(first, other) : null))];
};

function together(
  { values: all, uncertainty, group, banded }: ComparisonRow,
  places: readonly number[],
): { value: Cell; band: number | null } {
  const values = places.map((place) => all[place] ?? null);
  const known = places.flatMap((place) => {
    const value = all[place];
    return typeof value === 'number' ? [{ value, band: uncertainty[place] ?? null }] : [];
  });
  const numbers = known.map(({ value }) => value);
  if (group === 'config' || numbers.length === 0)
    // seeds have no mean, and words neither
    return { value: differ(values) ? 'varies' : values[0]!, band: null };
  return {
    value: average(numbers),
    band: bandOfMean(numbers, banded ? known.map(({ band }) => band) : null),
  };
}

/**
 * Means of energy and macro F1 by group, with the groups that lack one of them left out.
 * @param f1Bands half width of the macro F1 of every run
 */
export function tradeOffOf(
  runs: readonly RunSummary[],
  groups: readonly ComparisonGroup[],
  f1Bands: readonly (number | null)[],
): TradeOff {
  const byId = new Map(runs.map((run, i) => [run.id, { ...run, f1Band: f1Bands[i] ?? null }]));
  const points = groups.flatMap(({ name, ids }) => {
    const members = ids.map((id) => byId.get(id)!);
    const split = splitOf(members.map(({ f1Split }) => f1Split));
    const both = members.flatMap(({ wh, macroF1, uncertaintyWh, f1Band, f1Split }) =>
      wh === null || macroF1 === null || wh <= 0 || (split && f1Split !== split)
        ? []
        : [{ wh, f1: macroF1, uncertaintyWh, f1Band }],
    );
    if (both.length === 0) return [];
    const [energy, f1] = [both.map(({ wh }) => wh), both.map((one) => one.f1)];
    return [
      {
        name,
        ids,
        n: both.length,
        split,
        wh: average(energy),
        f1: average(f1),
        whInterval: intervalOf(
          energy,
          both.map(({ uncertaintyWh }) => uncertaintyWh),
        ),
        f1Interval: intervalOf(
          f1,
          both.map(({ f1Band }) => f1Band),
        ),
      },
    ];
  });
  const standing = standings(
    points.map(({ wh, f1, split, whInterval, f1Interval }) => ({
      kwh: wh / 1000,
      f1,
      split,
      kwhInterval: whInterval && {
        low: whInterval.low / 1000,
        high: whInterval.high / 1000,
      },
      f1Interval,
    })),
  );
  const limitWh = Math.max(0, ...points.map(({ wh }) => wh));
  // an area of scores on validation and on test would be one of neither
  const oneSplit = new Set(points.flatMap(({ split }) => split ?? [])).size < 2;
  return {
    points: points.map((point, i) => ({ ...point, standing: standing[i]! })),
    limitWh,
    // the dearest point covers no area of its own: only a front of several has one
    hypervolume: oneSplit
      ? hypervolume(
          points.map(({ wh, f1 }) => ({ kwh: wh / 1000, f1 })),
          { kwh: limitWh / 1000, f1: 0 },
        )
      : null,
  };
}

const average = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b) / values.length;

function intervalOf(values: readonly number[], bands: readonly (number | null)[]): Interval | null {
  const [mean, half] = [average(values), bandOfMean(values, bands)];
  return half === null ? null : { low: mean - half, high: mean + half };
}
