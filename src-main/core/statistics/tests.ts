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

/** `auto`: counted over all orders where there are few enough, else by the normal approximation. */
export type RankMethod = 'auto' | 'exact' | 'normal';

/**
 * Mann and Whitney's U, also called Wilcoxon's rank-sum test. `auto`: exact without ties for n m of at most 400 and
 * with ties for at most 20,000 orders, else by the normal approximation with the corrections for ties and continuity.
 */
export function mannWhitney(
  a: readonly number[],
  b: readonly number[],
  method: RankMethod = 'auto',
): Outcome<RankTest> {
  requireFinite([...a, ...b]);
  const [n, m] = [a.length, b.length];
  if (n < 1 || m < 1) return notTestable('too-few', 'A rank test needs values in both groups.');
  const { ranks: all, ties } = ranks([...a, ...b]);
  if (ties[0] === n + m)
    return notTestable('no-spread', 'A rank test needs spread: all values are equal.');
  const statistic = sum(all.slice(0, n)) - (n * (n + 1)) / 2;
  const smallest = smallestMannWhitneyP(n, m);

  const few = ties.length === 0 ? n * m <= 400 : 2 / smallest <= mostTiedOrders;
  const exact = method === 'exact' || (method === 'auto' && few);
  if (exact) {
    // of the smaller group, which has fewer sums; its p is that of the other
    const chosen = n <= m ? all.slice(0, n) : all.slice(n);
    const p = twoSided(rankSumCounts(all, chosen.length), 2 * sum(chosen));
    return { testable: true, statistic, p, exact };
  }
  const larger = Math.max(statistic, n * m - statistic);
  const total = n + m;
  const tieTerm = sum(ties.map((t) => t ** 3 - t)) / (total * (total - 1));
  const deviation = Math.sqrt(((n * m) / 12) * (total + 1 - tieTerm));
  const z = Math.max(0, larger - (n * m) / 2 - 0.5) / deviation;
  // of unequal groups with many ties the tail of the normal distribution is far too thin
  return { testable: true, statistic, p: Math.max(smallest, normalTwoSided(z)), exact };
}

/** With ties the orders are no longer those of a table: they are counted up to here (n = m = 8, or 14 pairs). */
const mostTiedOrders = 20_000;

/**
 * Of a distribution over sums, at `index`: twice the smaller of both tails. Ties make it lopsided; what counts only
 * the orders as far from the middle could then fall below the smallest p.
 */
function twoSided(counts: readonly number[], index: number): number {
  const tail = Math.min(sum(counts.slice(index)), sum(counts.slice(0, index + 1)));
  return Math.min(1, (2 * tail) / sum(counts));
}

/** How many ways of choosing `n` of these (mid-)ranks give each sum; index by twice the sum, which is an integer. */
function rankSumCounts(all: readonly number[], n: number): number[] {
  const doubled = all.map((rank) => 2 * rank);
  const most = sum(doubled.toSorted((a, b) => b - a).slice(0, n));
  const ways = Array.from({ length: n + 1 }, () => new Array<number>(most + 1).fill(0));
  ways[0]![0] = 1;
  for (const rank of doubled)
    for (let k = n; k > 0; k--)
      for (let total = most; total >= rank; total--)
        ways[k]![total]! += ways[k - 1]![total - rank]!;
  return ways[n]!;
}

/**
 * Wilcoxon's signed-rank test of the differences a - b; pairs without a difference are left out. `auto`: exact for at
 * most 50 pairs without ties and for at most 20,000 orders with ties, else by the normal approximation with both
 * corrections.
 */
export function wilcoxonSignedRank(
  a: readonly number[],
  b: readonly number[],
  method: RankMethod = 'auto',
): Outcome<RankTest> {
  const differences = differencesOf(a, b);
  if (!differences.testable) return differences;
  const values = differences.values.filter((difference) => difference !== 0);
  const n = values.length;
  if (n === 0)
    return notTestable('no-spread', 'A signed-rank test needs a pair that differs; none does.');
  const { ranks: sizes, ties } = ranks(values.map(Math.abs));
  const statistic = sum(sizes.filter((_, i) => values[i]! > 0));

  const few = ties.length === 0 ? n <= 50 : 2 ** n <= mostTiedOrders;
  if (method === 'exact' || (method === 'auto' && few))
    return {
      testable: true,
      statistic,
      p: twoSided(signedRankChances(sizes), 2 * statistic),
      exact: true,
    };
  const all = (n * (n + 1)) / 2;
  const larger = Math.max(statistic, all - statistic);
  const tieTerm = sum(ties.map((t) => t ** 3 - t)) / 48;
  const deviation = Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24 - tieTerm);
  const z = Math.max(0, larger - all / 2 - 0.5) / deviation;
  const p = Math.max(smallestSignedRankP(n), normalTwoSided(z));
  return { testable: true, statistic, p, exact: false };
}

/** The chance of each sum where every (mid-)rank is positive or negative by a coin; index by twice the sum. */
function signedRankChances(sizes: readonly number[]): number[] {
  const doubled = sizes.map((rank) => 2 * rank);
  const most = sum(doubled);
  const chances = new Array<number>(most + 1).fill(0);
  chances[0] = 1;
  for (const rank of doubled)
    for (let total = most; total >= 0; total--)
      chances[total] = (chances[total]! + (chances[total - rank] ?? 0)) / 2;
  return chances;
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
