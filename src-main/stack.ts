/**
 * Several series on one common x, to be drawn one upon the other. Each column holds the mean of what
 * fell into it, so that the area stays the energy; a short hole is bridged, a long one stays a gap.
 */

import type { PowerSeries } from './contract.ts';

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

export function stack(series: readonly Points[], columns: number): Stack {
  const all = series.flatMap(({ x }) => [x[0], x.at(-1)]).filter((x) => x !== undefined);
  if (all.length === 0) return { x: [], values: series.map(() => []), tops: series.map(() => []) };
  const from = Math.min(...all);
  const span = Math.max(...all) - from;
  const longest = Math.max(...series.map(({ x }) => x.length));
  const n = Math.max(1, Math.min(Math.floor(columns), longest));
  const x = Array.from({ length: n }, (_, i) => from + ((i + 0.5) / n) * span);
  const values = series.map((points) => means(points, n, from, span));
  const below = Array<number>(n).fill(0);
  const tops = values.map((own) =>
    own.map((value, i) => {
      if (value === null) return null;
      below[i] = (below[i] ?? 0) + value;
      return below[i] ?? null;
    }),
  );
  return { x, values, tops };
}

function means({ x, y }: Points, n: number, from: number, span: number): (number | null)[] {
  const sums = Array<number>(n).fill(0);
  const counts = Array<number>(n).fill(0);
  const missing = Array<boolean>(n).fill(false);
  x.forEach((at, i) => {
    const column = span === 0 ? 0 : Math.min(n - 1, Math.floor(((at - from) / span) * n));
    const value = y[i];
    if (value == null) missing[column] = true;
    else {
      sums[column] = (sums[column] ?? 0) + value;
      counts[column] = (counts[column] ?? 0) + 1;
    }
  });
  const own = sums.map((sum, column) => {
    const count = counts[column] ?? 0;
    return count > 0 ? sum / count : null;
  });
  return bridge(own, missing);
}

/** Fills short holes between two columns with the straight line; a missing reading stays a gap. */
function bridge(values: (number | null)[], missing: readonly boolean[]): (number | null)[] {
  let left = -1;
  for (let right = 0; right < values.length; right++) {
    const to = values[right];
    if (missing[right] && to == null) left = -1;
    if (to == null) continue;
    const from = values[left];
    if (from != null && right - left - 1 <= bridged)
      for (let i = left + 1; i < right; i++)
        values[i] = from + ((to - from) * (i - left)) / (right - left);
    left = right;
  }
  return values;
}
