/** Two-sided tests of whether two groups of runs differ (method H.4). Golden: `stats`. */
import { normalTwoSided, studentQuantile, studentTwoSided } from './distributions.ts';
import { notTestable, type Interval, type Outcome } from './outcome.ts';
import { mean, ranks, requireFinite, sum, variance } from './sample.ts';

export interface TTest {
  t: number;
  df: number;
  p: number;
}

/** t interval of the mean: x̄ ± t s / √n. Needs two values. */
export function meanInterval(values: readonly number[], level = 0.95): Outcome<Interval> {
  requireFinite(values);
  const n = values.length;
  if (n < 2)
    return notTestable('too-few', `An interval needs 2 values or more; there ${areOf(n)}.`);
  const half = studentQuantile(level, n - 1) * Math.sqrt(variance(values) / n);
  const centre = mean(values);
  return { testable: true, low: centre - half, high: centre + half };
}

const areOf = (n: number): string => (n === 1 ? 'is 1' : `are ${n}`);

/** Welch's t test of a against b; variances may differ, degrees of freedom after Satterthwaite. */
export function welch(a: readonly number[], b: readonly number[]): Outcome<TTest> {
  requireFinite([...a, ...b]);
  if (a.length < 2 || b.length < 2)
    return notTestable('too-few', 'A t test needs 2 values or more in both groups.');
  const [va, vb] = [variance(a) / a.length, variance(b) / b.length];
  if (va + vb === 0)
    return notTestable('no-spread', 'A t test needs spread: in both groups all values are equal.');
  const t = (mean(a) - mean(b)) / Math.sqrt(va + vb);
  const df = (va + vb) ** 2 / (va ** 2 / (a.length - 1) + vb ** 2 / (b.length - 1));
  return { testable: true, t, df, p: studentTwoSided(t, df) };
}

/** Paired t test: whether the differences a - b of runs that belong together are 0 on average. */
export function pairedT(a: readonly number[], b: readonly number[]): Outcome<TTest> {
  const differences = differencesOf(a, b);
  if (!differences.testable) return differences;
  const { values } = differences;
  if (values.length < 2) return notTestable('too-few', 'A paired t test needs 2 pairs or more.');
  const spread = variance(values);
  if (spread === 0)
    return notTestable('no-spread', 'A paired t test needs spread: all differences are equal.');
  const t = mean(values) / Math.sqrt(spread / values.length);
  const df = values.length - 1;
  return { testable: true, t, df, p: studentTwoSided(t, df) };
}

export interface RankTest {
  /** U of the first group (pairs in which it is larger, ties half), or the sum of positive ranks. */
  statistic: number;
  p: number;
  /** Counted over all orders, or approximated by a normal distribution. */
  exact: boolean;
}

/**
 * Mann and Whitney's U, also called Wilcoxon's rank-sum test. `auto`: exact for n m of at most 400 without ties,
 * else by the normal approximation with the corrections for ties and continuity.
 */
export function mannWhitney(
  a: readonly number[],
  b: readonly number[],
  method: 'auto' | 'exact' | 'normal' = 'auto',
): Outcome<RankTest> {
  requireFinite([...a, ...b]);
  const [n, m] = [a.length, b.length];
  if (n < 1 || m < 1) return notTestable('too-few', 'A rank test needs values in both groups.');
  const { ranks: all, ties } = ranks([...a, ...b]);
  if (ties[0] === n + m)
    return notTestable('no-spread', 'A rank test needs spread: all values are equal.');
  const statistic = sum(all.slice(0, n)) - (n * (n + 1)) / 2;
  const larger = Math.max(statistic, n * m - statistic);

  if (method === 'exact' && ties.length > 0)
    return notTestable('no-spread', 'The exact rank test is not defined with equal values.');
  const exact = method === 'exact' || (method === 'auto' && n * m <= 400 && ties.length === 0);
  if (exact) {
    const counts = rankSumCounts(n, m);
    const p = Math.min(1, (2 * sum(counts.slice(larger))) / sum(counts));
    return { testable: true, statistic, p, exact };
  }
  const total = n + m;
  const tieTerm = sum(ties.map((t) => t ** 3 - t)) / (total * (total - 1));
  const deviation = Math.sqrt(((n * m) / 12) * (total + 1 - tieTerm));
  const z = Math.max(0, larger - (n * m) / 2 - 0.5) / deviation;
  return { testable: true, statistic, p: normalTwoSided(z), exact };
}

/** How many ways of ranking n among n + m values give each U of 0 to n m. */
function rankSumCounts(n: number, m: number): number[] {
  // ways[k][u]: k of the ranks seen so far chosen, with U so far u; a chosen rank adds the unchosen below it
  let ways = Array.from({ length: n + 1 }, () => new Array<number>(n * m + 1).fill(0));
  ways[0]![0] = 1;
  for (let rank = 0; rank < n + m; rank++) {
    const next = ways.map((row) => [...row]);
    for (let k = 0; k < n; k++) {
      const below = rank - k;
      if (below < 0 || below > m) continue;
      for (let u = 0; u + below <= n * m; u++) next[k + 1]![u + below]! += ways[k]![u]!;
    }
    ways = next;
  }
  return ways[n]!;
}

/**
 * Wilcoxon's signed-rank test of the differences a - b; pairs without a difference are left out. Exact for
 * at most 50 pairs without ties, else by the normal approximation with both corrections.
 */
export function wilcoxonSignedRank(a: readonly number[], b: readonly number[]): Outcome<RankTest> {
  const differences = differencesOf(a, b);
  if (!differences.testable) return differences;
  const values = differences.values.filter((difference) => difference !== 0);
  const n = values.length;
  if (n === 0)
    return notTestable('no-spread', 'A signed-rank test needs a pair that differs; none does.');
  const { ranks: sizes, ties } = ranks(values.map(Math.abs));
  const statistic = sum(sizes.filter((_, i) => values[i]! > 0));
  const all = (n * (n + 1)) / 2;
  const larger = Math.max(statistic, all - statistic);

  if (n <= 50 && ties.length === 0) {
    // probability of every sum when each rank is positive or negative by the toss of a coin
    const chances = new Array<number>(all + 1).fill(0);
    chances[0] = 1;
    for (let rank = 1; rank <= n; rank++)
      for (let total = all; total >= 0; total--)
        chances[total] = (chances[total]! + (chances[total - rank] ?? 0)) / 2;
    return {
      testable: true,
      statistic,
      p: Math.min(1, 2 * sum(chances.slice(larger))),
      exact: true,
    };
  }
  const tieTerm = sum(ties.map((t) => t ** 3 - t)) / 48;
  const deviation = Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24 - tieTerm);
  const z = Math.max(0, larger - all / 2 - 0.5) / deviation;
  return { testable: true, statistic, p: normalTwoSided(z), exact: false };
}

/** a - b, pair by pair. */
export function differencesOf(
  a: readonly number[],
  b: readonly number[],
): Outcome<{ values: number[] }> {
  requireFinite([...a, ...b]);
  if (a.length !== b.length)
    return notTestable(
      'unpaired',
      `Pairs need a partner each: there are ${a.length} and ${b.length} values.`,
    );
  return { testable: true, values: a.map((value, i) => value - b[i]!) };
}

/** The smallest p that `mannWhitney` can give for n and m runs, whatever the values: 0.1 with 3 and 3. */
export function smallestMannWhitneyP(n: number, m: number): number {
  let orders = 1;
  for (let i = 1; i <= n; i++) orders = (orders * (m + i)) / i;
  return Math.min(1, 2 / orders);
}

/** The smallest p of `wilcoxonSignedRank`: 0.25 with 3 pairs. */
export const smallestSignedRankP = (pairs: number): number => Math.min(1, 2 / 2 ** pairs);

/**
 * Holm's step-down correction: p values of several tests of one report, in the order given. A p of null (not
 * testable) is no test and stays null.
 */
export function holm<P extends number | null>(ps: readonly P[]): P[] {
  const order = ps
    .map((p, at) => ({ p, at }))
    .filter((test): test is { p: P & number; at: number } => test.p !== null)
    .sort((a, b) => a.p - b.p);
  const adjusted = [...ps] as (number | null)[];
  let floor = 0;
  order.forEach(({ p, at }, i) => {
    floor = Math.max(floor, Math.min(1, (order.length - i) * p));
    adjusted[at] = floor;
  });
  return adjusted as P[];
}
