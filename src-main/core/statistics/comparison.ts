/** Whether a variant differs from the baseline, by how much, and how sure that is (method H.4). */
import type { Bootstrap } from './bootstrap.ts';
import {
  differenceOfMeans,
  hedgesG,
  pooledVariation,
  relativeChange,
  runsPerGroup,
  type Difference,
  type RelativeChange,
} from './effects.ts';
import { isNormal, type Quantity } from './group.ts';
import { fewestRuns, significance, type Interval, type Outcome } from './outcome.ts';
import { mean, requireFinite } from './sample.ts';
import { comparisonSentence, runs } from './sentences.ts';
import { shapiroWilk } from './shapiro-wilk.ts';
import {
  differencesOf,
  holm,
  mannWhitney,
  pairedT,
  smallestMannWhitneyP,
  smallestSignedRankP,
  welch,
  wilcoxonSignedRank,
} from './tests.ts';

export interface Group {
  name: string;
  /** One value per run. */
  values: readonly number[];
}

export interface ComparisonOptions extends Quantity, Bootstrap {
  /** Values at one place of both groups belong together: same seed, same machine, interleaved. */
  paired?: boolean;
}

export type TestName = 'welch' | 'paired-t' | 'mann-whitney' | 'wilcoxon';

export interface GroupComparison {
  baseline: string;
  variant: string;
  /** What is compared: `energy` in `Wh`. */
  what: string;
  unit: string;
  /** Runs in each. */
  n: { baseline: number; variant: number };
  /** Null without a run. */
  means: { baseline: number | null; variant: number | null };
  /** Runs of one place belong together: as many pairs as there are runs of each. */
  paired: boolean;
  /** Null where no test is possible. */
  test: TestName | null;
  /** t, U or the sum of positive ranks, of the variant against the baseline. */
  statistic: number | null;
  /** Degrees of freedom of a t test. */
  df: number | null;
  /** Two-sided. */
  p: number | null;
  /** p by Holm's correction over the tests of one report; equal to p where there is one. */
  adjustedP: number | null;
  /** The smallest p that this rank test can give with so few runs; null for a t test. */
  smallestP: number | null;
  /** Tests over which p is corrected. */
  tests: number;
  /** Of the means; null without a baseline above 0. */
  change: RelativeChange | null;
  /** The same in the unit; null where a group has no run. */
  difference: Difference | null;
  /** Standardised difference, variant minus baseline; null where there is no spread. */
  hedgesG: number | null;
  /** 95 %. */
  hedgesGInterval: Interval | null;
  /**
   * Runs of each that would show a difference of this size with 80 % power (method H.5), by the spread that is seen;
   * null where there is no spread to go by, or no difference.
   */
  runsNeeded: number | null;
  verdict: 'less' | 'more' | 'no difference shown' | 'not testable';
  sentence: string;
}

/** One variant against the baseline. */
export const compareGroups = (
  baseline: Group,
  variant: Group,
  options: ComparisonOptions,
): GroupComparison => compareToBaseline(baseline, [variant], options)[0]!;

/** Every variant against the baseline, with Holm's correction over all of them. */
export const compareToBaseline = (
  baseline: Group,
  variants: readonly Group[],
  options: ComparisonOptions,
): GroupComparison[] => compareAll([{ baseline, variants, options }]);

/** Variants against a baseline in one quantity. */
export interface Family {
  baseline: Group;
  variants: readonly Group[];
  options: ComparisonOptions;
}

/** All comparisons of one report, of several quantities or baselines, with Holm's correction over all tests. */
export const compareAll = (families: readonly Family[]): GroupComparison[] =>
  corrected(
    families.flatMap(({ baseline, variants, options }) =>
      variants.map((variant) => ({
        ...measure(baseline, variant, options),
        of: [baseline, variant],
        options,
      })),
    ),
  );

type Measured = Omit<GroupComparison, 'adjustedP' | 'tests' | 'verdict' | 'sentence'>;

/** A comparison with what its sentence needs. */
type Uncorrected = Measured & { of: [Group, Group]; options: ComparisonOptions };

function corrected(comparisons: Uncorrected[]): GroupComparison[] {
  const adjusted = holm(comparisons.map(({ p }) => p));
  const tests = comparisons.filter(({ p }) => p !== null).length;
  return comparisons.map(({ of: [baseline, variant], options: _, ...measured }, i) => {
    const adjustedP = adjusted[i] ?? null;
    const verdict = verdictOf(adjustedP, mean(variant.values) - mean(baseline.values));
    const comparison = { ...measured, adjustedP, tests, verdict };
    return { ...comparison, sentence: comparisonSentence(comparison, baseline, variant) };
  });
}

function measure(baseline: Group, variant: Group, options: ComparisonOptions): Measured {
  const { paired = false } = options;
  const [before, after] = [baseline.values, variant.values];
  requireFinite(before, baseline.name);
  requireFinite(after, variant.name);
  const n = { baseline: before.length, variant: after.length };
  if (paired && n.baseline !== n.variant)
    throw new RangeError(
      `${variant.name} has ${runs(n.variant)} and ${baseline.name} ${runs(n.baseline)}: pairs need a partner each.`,
    );
  const change = relativeChange(before, after, options);
  const effect = hedgesG(after, before);
  return {
    baseline: baseline.name,
    variant: variant.name,
    what: options.what,
    unit: options.unit,
    n,
    means: {
      baseline: n.baseline > 0 ? mean(before) : null,
      variant: n.variant > 0 ? mean(after) : null,
    },
    paired,
    ...(Math.min(n.baseline, n.variant) < fewestRuns ? noTest : testOf(before, after, paired)),
    change: change.testable ? { change: change.change, interval: change.interval } : null,
    difference: differenceOfMeans(before, after, options),
    hedgesG: effect.testable ? effect.g : null,
    hedgesGInterval: effect.testable ? effect.interval : null,
    runsNeeded: runsNeeded([before, after], change.testable ? change.change : 0),
  };
}

function runsNeeded(groups: readonly (readonly number[])[], change: number): number | null {
  const variation = pooledVariation(groups);
  if (!variation || change === 0) return null;
  return Math.max(fewestRuns, runsPerGroup(variation, Math.abs(change)));
}

type Tested = Pick<GroupComparison, 'test' | 'statistic' | 'df' | 'p' | 'smallestP'>;

const noTest: Tested = { test: null, statistic: null, df: null, p: null, smallestP: null };

/** A t test where normality is not rejected, else a test of ranks. */
function testOf(before: readonly number[], after: readonly number[], paired: boolean): Tested {
  if (paired) {
    const differences = differencesOf(after, before);
    const normal = differences.testable && isNormal(shapiroWilk(differences.values));
    return normal
      ? t('paired-t', pairedT(after, before))
      : rank('wilcoxon', wilcoxonSignedRank(after, before), smallestSignedRankP(after.length));
  }
  return [before, after].every((values) => isNormal(shapiroWilk(values)))
    ? t('welch', welch(after, before))
    : rank(
        'mann-whitney',
        mannWhitney(after, before),
        smallestMannWhitneyP(after.length, before.length),
      );
}

const t = (test: TestName, outcome: Outcome<{ t: number; df: number; p: number }>): Tested =>
  outcome.testable
    ? { test, statistic: outcome.t, df: outcome.df, p: outcome.p, smallestP: null }
    : noTest;

const rank = (
  test: TestName,
  outcome: Outcome<{ statistic: number; p: number }>,
  smallestP: number,
): Tested =>
  outcome.testable
    ? { test, statistic: outcome.statistic, df: null, p: outcome.p, smallestP }
    : noTest;

function verdictOf(p: number | null, difference: number): GroupComparison['verdict'] {
  if (p === null) return 'not testable';
  if (p >= significance) return 'no difference shown';
  return difference < 0 ? 'less' : 'more';
}
