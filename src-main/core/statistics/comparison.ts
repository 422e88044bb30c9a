/** Whether a variant differs from the baseline, by how much, and how sure that is (method H.4). */
import { significant } from '../report/words.ts';
import type { Bootstrap } from './bootstrap.ts';
import { hedgesG, relativeChange, type RelativeChange } from './effects.ts';
import { fewestRuns, isNormal, pValue, runs, significance, type Quantity } from './group.ts';
import type { Outcome } from './outcome.ts';
import { mean, requireFinite } from './sample.ts';
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
  /** Of the means; null without a baseline above 0. */
  change: RelativeChange | null;
  /** Standardised difference, variant minus baseline; null where there is no spread. */
  hedgesG: number | null;
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

type Measured = Omit<GroupComparison, 'adjustedP' | 'verdict' | 'sentence'>;

/** A comparison with what its sentence needs. */
type Uncorrected = Measured & { of: [Group, Group]; options: ComparisonOptions };

function corrected(comparisons: Uncorrected[]): GroupComparison[] {
  const adjusted = holm(comparisons.map(({ p }) => p));
  return comparisons.map(({ of: [baseline, variant], options, ...measured }, i) => {
    const adjustedP = adjusted[i] ?? null;
    const verdict = verdictOf(adjustedP, mean(variant.values) - mean(baseline.values));
    const tests = comparisons.filter(({ p }) => p !== null).length;
    const comparison = { ...measured, adjustedP, verdict };
    return {
      ...comparison,
      sentence: sentenceOf(comparison, baseline, variant, options, tests),
    };
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
    ...(Math.min(n.baseline, n.variant) < fewestRuns ? noTest : testOf(before, after, paired)),
    change: change.testable ? { change: change.change, interval: change.interval } : null,
    hedgesG: effect.testable ? effect.g : null,
  };
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

const testNames: Record<TestName, string> = {
  welch: 'Welch’s t test',
  'paired-t': 'paired t test',
  'mann-whitney': 'Mann-Whitney U test',
  wilcoxon: 'Wilcoxon signed-rank test',
};

function sentenceOf(
  { n, test, adjustedP, smallestP, change, verdict }: Omit<GroupComparison, 'sentence'>,
  baseline: Group,
  variant: Group,
  { what, unit, paired }: ComparisonOptions,
  tests: number,
): string {
  const subject = `${variant.name} against ${baseline.name}`;
  if (n.baseline === 0 || n.variant === 0)
    return `${subject}: no ${what} to compare, because ${(n.variant === 0 ? variant : baseline).name} has none.`;
  const means = [variant, baseline].map(({ values }) => `${significant(mean(values), 4)} ${unit}`);
  const measured = `mean ${what} ${means.join(' against ')}`;
  const size = change ? ` (${inPercent(change.change)})` : '';
  if (verdict === 'not testable' || adjustedP === null || test === null)
    return Math.min(n.baseline, n.variant) < fewestRuns
      ? `${subject}: ${measured}${size}. With ${n.variant} and ${runs(n.baseline)} that can be chance; a test needs ${fewestRuns} of each.`
      : sameInPairs(baseline, variant, paired)
        ? `${subject}: ${measured}, the same in every pair of runs; there is no difference to test.`
        : `${subject}: ${measured} in every run; without any spread there is nothing to test.`;

  const interval = change?.interval
    ? `, 95 % interval ${inPercent(change.interval.low)} to ${inPercent(change.interval.high)}`
    : '';
  const count = paired ? `${n.variant} pairs of runs` : `${n.variant} and ${runs(n.baseline)}`;
  const correction = tests > 1 ? `, corrected for ${tests} tests` : '';
  const proof = `${testNames[test]}, ${pValue(adjustedP)}${correction}, ${count}`;
  const found =
    verdict === 'no difference shown'
      ? `no difference in ${what} is shown`
      : `${verdict} ${what}, and more than chance would explain`;
  const hopeless =
    verdict === 'no difference shown' && smallestP !== null && smallestP >= significance
      ? ` With so few runs this test cannot show any difference: its p is never below ${significant(smallestP, 2)}.`
      : '';
  return `${subject}: ${found}. ${measured[0]!.toUpperCase()}${measured.slice(1)}${size}${interval} (${proof}).${hopeless}`;
}

/** Every run has the value of its partner, while the values of the runs differ. */
const sameInPairs = (baseline: Group, variant: Group, paired = false): boolean =>
  paired &&
  variant.values.every((value, i) => value === baseline.values[i]) &&
  new Set(variant.values).size > 1;

const inPercent = (share: number): string =>
  share === 0
    ? 'no change'
    : `${significant(Math.abs(share) * 100, 3)} % ${share < 0 ? 'less' : 'more'}`;
