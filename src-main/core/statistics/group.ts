/** What to report of repeated runs of one thing (method H.3). */
import { medianInterval, type Bootstrap } from './bootstrap.ts';
import { significance, type Interval, type Outcome } from './outcome.ts';
import { mean, median, requireFinite, variance } from './sample.ts';
import { shapiroWilk, type ShapiroWilk } from './shapiro-wilk.ts';
import { groupSentence } from './sentences.ts';
import { meanInterval } from './tests.ts';

/** What the numbers are: `energy` in `Wh`. */
export interface Quantity {
  what: string;
  unit: string;
}

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
  return { ...summary, sentence: groupSentence(summary, values, quantity) };
}

/** Not rejected, that is: 3 values or more with p of at least 0.05. */
export const isNormal = (normality: Outcome<ShapiroWilk>): boolean =>
  normality.testable && normality.p >= significance;
