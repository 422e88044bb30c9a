/**
 * Percentile bootstrap with the project's own generator: the same data give the same interval everywhere
 * (method H.3, H.4).
 */
import { Sfc32 } from '../../trainer/data/prng.ts';
import type { Interval } from './outcome.ts';
import { mean, medianOfSorted } from './sample.ts';

export interface Bootstrap {
  /** Default 10,000. */
  resamples?: number;
  /** Default 1. */
  seed?: number;
  /** Share of resamples inside the interval, default 0.95. */
  level?: number;
}

/**
 * Interval of a statistic over resamples. `statistic` draws each index below n with the function it gets.
 */
export function percentileInterval(
  statistic: (draw: (n: number) => number) => number,
  { resamples = 10_000, seed = 1, level = 0.95 }: Bootstrap = {},
): Interval {
  const random = new Sfc32(seed, 0, 0);
  const draw = (n: number): number => random.randint(n);
  const results = Float64Array.from({ length: resamples }, () => statistic(draw)).sort();
  // 25 of 1,000 below; the tolerance keeps 0.025 x 1,000 from becoming 24.99
  const tail = Math.max(1, Math.floor((resamples * (1 - level)) / 2 + 1e-9));
  return { low: results[tail - 1]!, high: results[resamples - tail - 1]! };
}

/** Of the median. Golden: `stats.bootstrap_median`. */
export function medianInterval(values: readonly number[], bootstrap?: Bootstrap): Interval {
  const drawn = new Float64Array(values.length);
  return percentileInterval(
    (draw) => medianOfSorted(resample(values, drawn, draw).sort()),
    bootstrap,
  );
}

/** Of mean(variant) / mean(baseline) - 1; `paired` keeps runs of one place in both lists together. */
export const relativeChangeInterval = (
  baseline: readonly number[],
  variant: readonly number[],
  paired: boolean,
  bootstrap?: Bootstrap,
): Interval =>
  intervalOfMeans(baseline, variant, paired, (before, after) => after / before - 1, bootstrap);

/** Of mean(variant) - mean(baseline), in the unit of the values; `paired` likewise. */
export const differenceInterval = (
  baseline: readonly number[],
  variant: readonly number[],
  paired: boolean,
  bootstrap?: Bootstrap,
): Interval =>
  intervalOfMeans(baseline, variant, paired, (before, after) => after - before, bootstrap);

function intervalOfMeans(
  baseline: readonly number[],
  variant: readonly number[],
  paired: boolean,
  statistic: (before: number, after: number) => number,
  bootstrap?: Bootstrap,
): Interval {
  const [a, b] = [new Float64Array(baseline.length), new Float64Array(variant.length)];
  return percentileInterval((draw) => {
    if (paired)
      for (let i = 0; i < a.length; i++) {
        const at = draw(a.length);
        a[i] = baseline[at]!;
        b[i] = variant[at]!;
      }
    else {
      // the order of the draws is part of the result
      resample(variant, b, draw);
      resample(baseline, a, draw);
    }
    return statistic(meanOf(a), meanOf(b));
  }, bootstrap);
}

const meanOf = (values: Float64Array): number => mean(values as unknown as number[]);

function resample(
  values: readonly number[],
  into: Float64Array,
  draw: (n: number) => number,
): Float64Array {
  for (let i = 0; i < into.length; i++) into[i] = values[draw(values.length)]!;
  return into;
}
