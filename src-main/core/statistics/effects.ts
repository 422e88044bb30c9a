/** How large a difference is, beside whether it is there (method H.4), and how many runs show it (H.5). */
import { differenceInterval, relativeChangeInterval, type Bootstrap } from './bootstrap.ts';
import { notTestable, type Interval, type Outcome } from './outcome.ts';
import { mean, requireFinite, variance } from './sample.ts';

/** z for 95 % confidence, two-sided, and for 80 % power. */
const [zConfidence, zPower] = [1.959963984540054, 0.8416212335729143];

/** (ā - b̄) in pooled standard deviations. */
export function cohenD(a: readonly number[], b: readonly number[]): Outcome<{ d: number }> {
  requireFinite([...a, ...b]);
  const df = a.length + b.length - 2;
  if (a.length < 2 || b.length < 2)
    return notTestable('too-few', 'An effect size needs 2 values or more in both groups.');
  const pooled = ((a.length - 1) * variance(a) + (b.length - 1) * variance(b)) / df;
  if (pooled === 0)
    return notTestable(
      'no-spread',
      'An effect size needs spread: in both groups all values are equal.',
    );
  return { testable: true, d: (mean(a) - mean(b)) / Math.sqrt(pooled) };
}

/**
 * Cohen's d without its bias in small groups: d (1 - 3 / (4 df - 1)). Its 95 % interval is the large-sample one of
 * Hedges and Olkin (1985), which takes the groups as unpaired: for pairs it is too wide rather than too narrow.
 */
export function hedgesG(
  a: readonly number[],
  b: readonly number[],
): Outcome<{ g: number; interval: Interval }> {
  const effect = cohenD(a, b);
  if (!effect.testable) return effect;
  const n = a.length + b.length;
  const g = effect.d * (1 - 3 / (4 * (n - 2) - 1));
  const half = zConfidence * Math.sqrt(n / (a.length * b.length) + g ** 2 / (2 * n));
  return { testable: true, g, interval: { low: g - half, high: g + half } };
}

/** Of the means, variant minus baseline. */
export interface Difference {
  value: number;
  /** 95 % percentile bootstrap; null with fewer than three values in a group. */
  interval: Interval | null;
}

/** In the unit of the values; null where a group has none. */
export function differenceOfMeans(
  baseline: readonly number[],
  variant: readonly number[],
  { paired = false, ...bootstrap }: Bootstrap & { paired?: boolean } = {},
): Difference | null {
  if (baseline.length === 0 || variant.length === 0) return null;
  const few = Math.min(baseline.length, variant.length) < 3;
  return {
    value: mean(variant) - mean(baseline),
    interval: few ? null : differenceInterval(baseline, variant, paired, bootstrap),
  };
}

export interface RelativeChange {
  /** mean(variant) / mean(baseline) - 1: -0.2 is a fifth less. */
  change: number;
  /** 95 % percentile bootstrap; null with fewer than three values in a group. */
  interval: Interval | null;
}

export function relativeChange(
  baseline: readonly number[],
  variant: readonly number[],
  { paired = false, ...bootstrap }: Bootstrap & { paired?: boolean } = {},
): Outcome<RelativeChange> {
  requireFinite([...baseline, ...variant]);
  if (baseline.length === 0 || variant.length === 0)
    return notTestable('too-few', 'A change needs values in both groups.');
  if (!baseline.every((value) => value > 0))
    return notTestable('no-ratio', 'A relative change needs a baseline above 0.');
  const change = mean(variant) / mean(baseline) - 1;
  const few = Math.min(baseline.length, variant.length) < 3;
  const interval = few ? null : relativeChangeInterval(baseline, variant, paired, bootstrap);
  return { testable: true, change, interval };
}

/**
 * Runs per group that show a relative difference with 80 % power at p < 0.05.
 * @param cv run-to-run standard deviation over the mean
 * @param difference the relative difference to be shown
 */
export function runsPerGroup(cv: number, difference: number): number {
  if (!(cv >= 0 && difference > 0))
    throw new RangeError(
      `Needs a variation of 0 or more and a difference above 0, not ${cv} and ${difference}.`,
    );
  return Math.ceil(2 * (zConfidence + zPower) ** 2 * (cv / difference) ** 2) + 1;
}

/**
 * Run-to-run variation of one group over the mean of it, pooled over the groups that have two values or more; null
 * where none has, or where a mean is not above 0.
 */
export function pooledVariation(groups: readonly (readonly number[])[]): number | null {
  const spread = groups.filter((values) => values.length > 1);
  const df = spread.reduce((total, values) => total + values.length - 1, 0);
  if (df === 0 || spread.some((values) => !(mean(values) > 0))) return null;
  const squares = spread.map(
    (values) => ((values.length - 1) * variance(values)) / mean(values) ** 2,
  );
  return Math.sqrt(squares.reduce((a, b) => a + b) / df);
}
