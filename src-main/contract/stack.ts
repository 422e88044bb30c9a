/**
 * Several series on one common x, to be drawn one upon the other. Each column holds the mean of what
 * fell into it, so that the area stays the energy; a short hole is bridged, a long one stays a gap.
 */

import type { PowerSeries } from './curves.ts';

type Range = readonly [from: number, to: number];

interface Points {
  x: readonly number[];
  y: readonly (number | null)[];
}

export interface Stack {
  x: number[];
  /** Own value of each series. */
  values: (number | null)[][];
  /** Value plus all below; null where the series itself is missing. */
  tops: (number | null)[][];
}

const bridged = 2;

/** The sum over all components that are a run's and that were ever read. */
export function totalOf(
  { components }: PowerSeries,
  of: 'watts' | 'wh',
  columns: number,
): { x: number[]; y: (number | null)[] } {
  const { x, values } = stack(
    components
      .filter(({ counted, [of]: values }) => counted && values.some((value) => value !== null))
      .map((component) => ({ x: component.x, y: component[of] })),
    columns,
  );
  // a part that is missing makes the sum unknown, not smaller
  const y = x.map((_, i) =>
    values.reduce<number | null>((sum, column) => {
      const value = column[i] ?? null;
      return sum === null || value === null ? null : sum + value;
    }, 0),
  );
  return { x, y };
}

/** Of whole series, in at most as many columns as the longest has points. */
export function stack(series: readonly Points[], columns: number): Stack {
  const ends = series.flatMap(({ x }) => [x[0], x.at(-1)]).filter((x) => x !== undefined);
  const range: Range = ends.length > 0 ? [Math.min(...ends), Math.max(...ends)] : [0, 0];
  const longest = Math.max(...series.map(({ x }) => x.length));
  const n = Math.max(1, Math.min(Math.floor(columns), longest));
  return stackOf(series.map((points) => new ColumnMeans(range, n).extend(points, points.x.length)));
}

/**
 * The mean of a series in each column of a range; carried on where the series has grown. One column more
 * on either side takes what lies beyond the range, so that an area runs to its edge.
 */
export class ColumnMeans {
  readonly sums: number[];
  readonly counts: number[];
  /** Columns in which something was not read. */
  readonly missing: boolean[];
  readonly range: Range;
  /** Without the two beyond the range. */
  readonly n: number;
  /** Where the points begin and end. */
  from = Infinity;
  to = -Infinity;
  #end: number;

  /** @param first index in the series of the first point that counts */
  constructor(range: Range, n: number, first = 0) {
    this.range = range;
    this.n = n;
    this.#end = first;
    this.sums = Array<number>(n + 2).fill(0);
    this.counts = Array<number>(n + 2).fill(0);
    this.missing = Array<boolean>(n + 2).fill(false);
  }

  /** @param end index after the last point that counts */
  extend({ x, y }: Points, end: number): this {
    const [from, to] = this.range;
    const perColumn = (to - from) / this.n || 1;
    for (; this.#end < end; this.#end++) {
      const at = x[this.#end] ?? 0;
      this.from = Math.min(this.from, at);
      this.to = Math.max(this.to, at);
      const inside = Math.min(this.n - 1, Math.floor((at - from) / perColumn));
      const column = 1 + (at < from ? -1 : at > to ? this.n : inside);
      const value = y[this.#end] ?? null;
      if (value === null) this.missing[column] = true;
      else {
        this.sums[column]! += value;
        this.counts[column]! += 1;
      }
    }
    return this;
  }
}

/** @param series over the same columns, the lowest first */
export function stackOf(series: readonly ColumnMeans[]): Stack {
  const [one] = series;
  if (!one) return { x: [], values: [], tops: [] };
  const { n, range } = one;
  const used = (column: number) =>
    series.some(({ counts, missing }) => counts[column]! > 0 || missing[column]);
  let [first, end] = [0, n + 2];
  while (first < end && !used(first)) first++;
  while (end > first && !used(end - 1)) end--;
  const perColumn = (range[1] - range[0]) / n;
  const x: number[] = [];
  for (let column = first; column < end; column++) x.push(range[0] + (column - 0.5) * perColumn);
  if (x.length > 1) {
    // the area is as long as the series: its ends lie where they do, not in the middle of a column
    const half = perColumn / 2;
    const [from, to] = [Math.min(...series.map((one) => one.from)), Math.max(...series.map((one) => one.to))]; // prettier-ignore
    x[0] = Math.max(x[0]! - half, Math.min(x[0]! + half, from));
    x[x.length - 1] = Math.max(x.at(-1)! - half, Math.min(x.at(-1)! + half, to));
  }

  const below = Array<number>(end - first).fill(0);
  const values = series.map((means) => valuesOf(means, first, end));
  const tops = values.map((own) =>
    own.map((value, i) => (value === null ? null : (below[i]! += value))),
  );
  return { x, values, tops };
}

/**
 * Fills short holes between two columns with the straight line, and short ones at either end with the value beside
 * them: components are not read at the same moments. A missing reading stays a gap.
 */
function valuesOf({ sums, counts, missing }: ColumnMeans, first: number, end: number) {
  const values: (number | null)[] = [];
  let left = -1;
  for (let column = first; column < end; column++) {
    const here = values.length;
    const count = counts[column]!;
    values.push(count > 0 ? sums[column]! / count : null);
    if (count === 0) {
      if (missing[column]) left = -1;
      continue;
    }
    const [from, to] = [values[left], values[here]!];
    if (from != null && here - left - 1 <= bridged)
      for (let i = left + 1; i < here; i++)
        values[i] = from + ((to - from) * (i - left)) / (here - left);
    left = here;
  }
  const read = counts.slice(first, end).map((count) => count > 0);
  const unread = missing.slice(first, end);
  fillEdge(values, read.indexOf(true), -1, unread);
  fillEdge(values, read.lastIndexOf(true), 1, unread);
  return values;
}

/** From a column outwards, where the end is near and nothing says that the reading is missing there. */
function fillEdge(
  values: (number | null)[],
  from: number,
  step: 1 | -1,
  unread: readonly boolean[],
): void {
  const last = step > 0 ? values.length - 1 : 0;
  if (from < 0 || Math.abs(last - from) > bridged) return;
  for (let i = from; i !== last && !unread[i + step]; i += step) values[i + step] = values[from]!;
}
