/** The curves of repeated runs as one line with a band. */
import { studentQuantile } from '../../../src-main/contract.ts';
import type { Line } from './plot.ts';

export type Curve = Pick<Line, 'x' | 'y' | 'mean'>;

export const bandKinds = {
  interval: '95 % interval of the mean',
  deviation: 'standard deviation',
  range: 'lowest to highest',
} as const;
export type BandKind = keyof typeof bandKinds;

export interface Band {
  x: number[];
  mean: (number | null)[];
  /** Null where there is no band: below two curves, for an interval below three. */
  low: (number | null)[];
  high: (number | null)[];
  /** Curves that went in. */
  n: number;
}

/** Places at which curves of different x are read; more tell nothing on a screen. */
const places = 240;

/**
 * Mean and band where all curves have values: beyond the end of the shortest one the mean would jump. Curves of
 * one x are taken as they are, others are read between their points.
 */
export function bandOf(curves: readonly Curve[], kind: BandKind): Band {
  const known = curves.map(withoutGaps).filter(({ x }) => x.length > 0);
  const [first, ...rest] = known;
  if (!first) return { x: [], mean: [], low: [], high: [], n: 0 };
  const same = rest.every(
    ({ x }) => x.length === first.x.length && x.every((at, i) => at === first.x[i]),
  );
  const x = same ? [...first.x] : commonPlaces(known);
  const rows = x.map((at, i) => known.map((one) => (same ? one.y[i]! : valueAt(one, at))));
  const t = kind === 'interval' && known.length > 2 ? studentQuantile(0.95, known.length - 1) : 0;
  const stats = rows.map((values) => spreadOf(values, kind, t));
  return {
    x,
    mean: stats.map(({ mean }) => mean),
    low: stats.map(({ low }) => low),
    high: stats.map(({ high }) => high),
    n: known.length,
  };
}

function withoutGaps({ x, y }: Curve): { x: number[]; y: number[] } {
  const kept = x.flatMap((_, i) => (y[i] == null ? [] : [i]));
  return { x: kept.map((i) => x[i]!), y: kept.map((i) => y[i]!) };
}

function commonPlaces(curves: readonly { x: number[] }[]): number[] {
  const from = Math.max(...curves.map(({ x }) => x[0]!));
  const to = Math.min(...curves.map(({ x }) => x.at(-1)!));
  if (from > to) return [];
  const n = Math.max(2, Math.min(places, Math.max(...curves.map(({ x }) => x.length))));
  return from === to
    ? [from]
    : Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));
}

/** Between two points, on the line through them. */
function valueAt({ x, y }: { x: number[]; y: number[] }, at: number): number {
  let [low, high] = [0, x.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle]! <= at) low = middle;
    else high = middle;
  }
  const width = x[high]! - x[low]!;
  const share = width > 0 ? Math.min(1, Math.max(0, (at - x[low]!) / width)) : 0;
  return y[low]! + share * (y[high]! - y[low]!);
}

function spreadOf(values: readonly number[], kind: BandKind, t: number) {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b) / n;
  if (n < 2) return { mean, low: null, high: null };
  if (kind === 'range') return { mean, low: Math.min(...values), high: Math.max(...values) };
  if (kind === 'interval' && n < 3) return { mean, low: null, high: null };
  const deviation = Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1),
  );
  const half = kind === 'deviation' ? deviation : (t * deviation) / Math.sqrt(n);
  return { mean, low: mean - half, high: mean + half };
}

/** Mean in front, the band behind it, shaded between its two edges. */
export function bandLines(
  look: Pick<Line, 'key' | 'label' | 'colour' | 'dash'>,
  curves: readonly Curve[],
  kind: BandKind,
): Line[] {
  const { x, mean, low, high, n } = bandOf(curves, kind);
  // what the runs do not share has no mean: energies, say, that lie apart
  if (n === 0 || x.length < 2)
    return curves.flatMap(
      (curve, i) =>
      curve.x.length === 0
        ? []
        : [{ ...look, key: `${look.key} ${i}`, label: `${look.label}, ${i + 1} of ${curves.length}`, x: curve.x, y: curve.y, faint: i > 0 }], // prettier-ignore
    );
  const label = n > 1 ? `${look.label} (n = ${n})` : look.label;
  const edge = (key: string, y: (number | null)[], more: Partial<Line> = {}): Line[] =>
    y.some((value) => value !== null)
      ? [{ ...look, key: `${look.key} ${key}`, label: `${look.label}, ${key}`, x, y, faint: true, edge: true, ...more }] // prettier-ignore
      : [];
  return [
    ...edge('lower edge', low),
    ...edge('upper edge', high, { shade: true }),
    { ...look, label, x, y: mean },
  ];
}
