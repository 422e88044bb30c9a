/** Ranges of an axis: what zooming and moving do to them. */
import { niceStep } from './ticks.ts';

export type Range = readonly [from: number, to: number];

/** Deeper than this a chart shows nothing but rounding. */
const deepest = 1e-4;

/**
 * Where the axis of a run that goes on ends: up to a tenth ahead, at a round number, so that it stands still
 * while points are added and a chart need draw those only.
 */
export function ahead([from, to]: Range): Range {
  if (!(to > from)) return [from, to];
  const step = niceStep(to - from, 20);
  return [from, Math.ceil((to - from) / step) * step + from];
}

/** No wider than `full`, inside it, and null where it is all of it. */
export function within([from, to]: Range, full: Range): Range | null {
  const whole = full[1] - full[0];
  const span = Math.min(whole, Math.max(to - from, whole * deepest));
  if (!(whole > 0) || span >= whole * (1 - 1e-9)) return null;
  const start = Math.min(full[1] - span, Math.max(full[0], from));
  return [start, start + span];
}

/** Zooms so that `centre` stays where it is; a factor below 1 goes closer. */
export const zoomAbout = (range: Range, centre: number, factor: number, full: Range) =>
  within([centre - (centre - range[0]) * factor, centre + (range[1] - centre) * factor], full);

/** Moves it by a share of its own length. */
export function moved(range: Range, share: number, full: Range): Range | null {
  const by = share * (range[1] - range[0]);
  return within([range[0] + by, range[1] + by], full);
}

/** Indices of the points in a range, with one more on either side so that lines run to the edge. */
export function indicesIn(x: readonly number[], [from, to]: Range): [first: number, end: number] {
  return [Math.max(0, lowerBound(x, from) - 1), Math.min(x.length, lowerBound(x, to, true) + 1)];
}

/** First index whose value is not below `value`; with `past`, whose value is above it. `x` ascends. */
export function lowerBound(x: readonly number[], value: number, past = false): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = x[middle] ?? Infinity;
    if (past ? at <= value : at < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `y` at a place between two points of an ascending `x`; null outside of them. */
export function interpolate(x: readonly number[], y: readonly number[], at: number): number | null {
  const last = x.length - 1;
  if (last < 0 || at < (x[0] ?? 0) || at > (x[last] ?? 0)) return null;
  const after = Math.min(last, lowerBound(x, at, true));
  const before = Math.max(0, after - 1);
  const [x0, x1] = [x[before] ?? 0, x[after] ?? 0];
  const [y0, y1] = [y[before] ?? 0, y[after] ?? 0];
  return x1 > x0 ? y0 + ((y1 - y0) * (at - x0)) / (x1 - x0) : y1;
}
