/**
 * How wide the band around a value is, and what the bands of two say of their difference. One rule for tables,
 * sentences, charts, reports and the command line.
 */
import { fewestRuns } from './outcome.ts';
import { meanInterval } from './tests.ts';

/** What a score is of. */
export type Split = 'test' | 'validation';

export interface Banded {
  value: number;
  /** Half width; 0 of what is exact; null where nothing is known of it. */
  band: number | null;
  /** Of a score. */
  split?: Split | null;
}

/** What keeps a difference from being called better or worse. */
export type Doubt = 'within the bands' | 'no band' | 'other split';

/** @returns null where the difference is larger than the joint band, the root sum of squares of both */
export function doubtOf(a: Banded, b: Banded): Doubt | null {
  if (a.split && b.split && a.split !== b.split) return 'other split';
  if (a.band === null || b.band === null) return 'no band';
  return Math.abs(a.value - b.value) <= Math.hypot(a.band, b.band) ? 'within the bands' : null;
}

/**
 * Band of the mean of repeats. What they share, the gain of a sensor or the images of a test, no number of repeats
 * averages away: the mean of their own bands stays, with half of the 95 % t interval added in squares. Two runs have
 * no interval yet (method H.3); half of their range stands for it, which is less than an interval would be.
 * @param bands of the single values; null where a value of this kind has none of its own, and spread is all there is
 */
export function bandOfMean(
  values: readonly number[],
  bands: readonly (number | null)[] | null,
): number | null {
  if (values.length === 0) return null;
  if (bands === null) return values.length < fewestRuns ? null : halfInterval(values) || null;
  const known = bands.filter((band) => band !== null);
  if (known.length < values.length) return null;
  const own = known.reduce((sum, band) => sum + band, 0) / known.length;
  const spread =
    values.length < fewestRuns
      ? (Math.max(...values) - Math.min(...values)) / 2
      : halfInterval(values);
  return Math.hypot(own, spread);
}

/** 0 without any spread. */
function halfInterval(values: readonly number[]): number {
  const interval = meanInterval(values);
  return interval.testable ? (interval.high - interval.low) / 2 : 0;
}

/**
 * Half width of the 95 % interval of a score measured on `images` images, by the normal approximation
 * to the binomial. Exact for accuracy; for macro F1 the usual rough stand-in. Of none or all it says nothing,
 * and the rule of three stands for it.
 */
export function scoreHalfWidth(score: number | null, images: number | null): number | null {
  if (score === null || !images) return null;
  const variance = score * (1 - score);
  return variance > 0 ? 1.96 * Math.sqrt(variance / images) : Math.min(1, 3 / images);
}

/** Half width of a quotient a/b whose parts are independent: relative widths add in squares. */
export function quotientHalfWidth(
  [a, aHalf]: [number, number | null],
  [b, bHalf]: [number, number | null],
): number | null {
  // half of what is doubtful would pass for all of it
  if (a === 0 || b === 0 || aHalf === null || bHalf === null) return null;
  return Math.abs(a / b) * Math.hypot(aHalf / a, bHalf / b);
}
