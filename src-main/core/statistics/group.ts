/** What to report of repeated runs of one thing (method H.3). */
import { list, significant } from '../report/words.ts';
import { medianInterval, type Bootstrap } from './bootstrap.ts';
import type { Interval, Outcome } from './outcome.ts';
import { mean, median, requireFinite, variance } from './sample.ts';
import { shapiroWilk, type ShapiroWilk } from './shapiro-wilk.ts';
import { meanInterval } from './tests.ts';

/** What the numbers are: `energy` in `Wh`. */
export interface Quantity {
  what: string;
  unit: string;
}

/** Below this a test rejects. */
export const significance = 0.05;
/** Fewer runs than this are reported as they are. */
export const fewestRuns = 3;

export interface GroupSummary {
  n: number;
  /** Null without a run. */
  mean: number | null;
  median: number | null;
  /** Standard deviation, n - 1; null with fewer than two runs. */
  deviation: number | null;
  normality: Outcome<ShapiroWilk>;
  /** 95 % t interval; null with fewer than three runs or without spread. */
  meanInterval: Interval | null;
  /** 95 % percentile bootstrap; likewise. */
  medianInterval: Interval | null;
  /** Which to quote: the mean unless normality is rejected; null where there is no interval to quote. */
  headline: 'mean' | 'median' | null;
  /** The result in words for people who are no statisticians. */
  sentence: string;
}

export function summariseGroup(
  values: readonly number[],
  quantity: Quantity,
  bootstrap?: Bootstrap,
): GroupSummary {
  requireFinite(values, quantity.what);
  const n = values.length;
  const normality = shapiroWilk(values);
  const t = normality.testable ? meanInterval(values) : null;
  const summary = {
    n,
    mean: n > 0 ? mean(values) : null,
    median: n > 0 ? median(values) : null,
    deviation: n > 1 ? Math.sqrt(variance(values)) : null,
    normality,
    meanInterval: t?.testable ? { low: t.low, high: t.high } : null,
    medianInterval: normality.testable ? medianInterval(values, bootstrap) : null,
    headline: !normality.testable ? null : isNormal(normality) ? 'mean' : 'median',
  } satisfies Omit<GroupSummary, 'sentence'>;
  return { ...summary, sentence: sentenceOf(summary, values, quantity) };
}

/** Not rejected, that is: 3 values or more with p of at least 0.05. */
export const isNormal = (normality: Outcome<ShapiroWilk>): boolean =>
  normality.testable && normality.p >= significance;

function sentenceOf(
  summary: Omit<GroupSummary, 'sentence'>,
  values: readonly number[],
  { what, unit }: Quantity,
): string {
  const { n, normality, meanInterval, medianInterval } = summary;
  const name = what[0]!.toUpperCase() + what.slice(1);
  if (n === 0) return `${name}: no run has a value.`;
  const single = (value: number): string => significant(value, 4);
  if (n < fewestRuns)
    return `${name}: ${list(values.map(single))} ${unit} (${runs(n)}; an interval needs ${fewestRuns}).`;
  if (!normality.testable || !meanInterval || !medianInterval)
    return `${name}: ${single(values[0]!)} ${unit} in all ${n} runs.`;

  const test = `Shapiro-Wilk W = ${normality.w.toFixed(3)}, ${pValue(normality.p)}`;
  const half = (meanInterval.high - meanInterval.low) / 2;
  // as many decimals as the interval has a use for
  const decimals = decimalsFor(half);
  const number = (value: number): string => value.toFixed(decimals);
  if (summary.headline === 'mean')
    return (
      `${name}: ${number(summary.mean!)} ± ${number(half)} ${unit} (mean of ${n} runs with its 95 % ` +
      `confidence interval; median ${number(summary.median!)} ${unit}). Nothing speaks against a normal ` +
      `distribution (${test})${n < 10 ? `, which ${n} runs can hardly show` : ''}.`
    );
  const [middle, low, high, average] = [
    summary.median!,
    medianInterval.low,
    medianInterval.high,
    summary.mean!,
  ].map((value) => significant(value, 3)) as [string, string, string, string];
  return (
    `${name}: median ${middle} ${unit}, 95 % bootstrap interval ${low} to ${high} ${unit} (${runs(n)}). The ` +
    `values are not normally distributed (${test}), so their mean of ${average} ${unit} would mislead.`
  );
}

export const runs = (n: number): string => `${n} ${n === 1 ? 'run' : 'runs'}`;

/** `p = 0.012`, `p < 0.001`. */
export const pValue = (p: number): string =>
  p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(p < 0.0995 ? 3 : 2)}`;

/** Decimals that show two digits of a width. */
const decimalsFor = (width: number): number =>
  width > 0 ? Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(width)))) : 3;
