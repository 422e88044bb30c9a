/**
 * What the statistics say, in words that a person who is no statistician can quote. The page, the report and the
 * command line all print these sentences.
 */
import { list, significant } from '../report/words.ts';
import type { Group, GroupComparison, TestName } from './comparison.ts';
import type { GroupSummary, Quantity } from './group.ts';
import { fewestRuns, significance, type Interval } from './outcome.ts';
import { mean } from './sample.ts';

export const runs = (n: number): string => `${n} ${n === 1 ? 'run' : 'runs'}`;

/** `p = 0.012`, `p < 0.001`. */
export const pValue = (p: number): string =>
  p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(p < 0.0995 ? 3 : 2)}`;

// --- a group ----------------------------------------------------------------------------------------

/** `Energy: 17.38 ± 0.10 Wh (mean of 6 runs ...)`, or its median where that is what to quote (method H.3). */
export function groupSentence(
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

/** Decimals that show two digits of a width. */
const decimalsFor = (width: number): number =>
  width > 0 ? Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(width)))) : 3;

// --- one test ---------------------------------------------------------------------------------------

export const testNames: Record<TestName, string> = {
  welch: 'Welch’s t test',
  'paired-t': 'paired t test',
  'mann-whitney': 'Mann-Whitney U test',
  wilcoxon: 'Wilcoxon signed-rank test',
};

/** One quantity of one variant in full: means, change, test. Stands behind the sentence that is quoted. */
export function comparisonSentence(
  comparison: Omit<GroupComparison, 'sentence'>,
  baseline: Group,
  variant: Group,
): string {
  const { n, what, unit, test, adjustedP, change, verdict, paired, tests } = comparison;
  const subject = `${variant.name} against ${baseline.name}`;
  if (n.baseline === 0 || n.variant === 0)
    return `${subject}: no ${what} to compare, because ${(n.variant === 0 ? variant : baseline).name} has none.`;
  const means = [variant, baseline].map(({ values }) => `${significant(mean(values), 4)} ${unit}`);
  const measured = `mean ${what} ${means.join(' against ')}`;
  const size = change ? ` (${inPercent(change.change)})` : '';
  if (verdict === 'not testable' || adjustedP === null || test === null)
    return tooFew(comparison)
      ? `${subject}: ${measured}${size}. With ${n.variant} and ${runs(n.baseline)} that can be chance; a test needs ${fewestRuns} of each.${needed(comparison)}`
      : sameInPairs(baseline, variant, paired)
        ? `${subject}: ${measured}, the same in every pair of runs; there is no difference to test.`
        : `${subject}: ${measured} in every run; without any spread there is nothing to test.`;

  const interval =
    change?.interval && !cannotShow(comparison)
      ? `, 95 % interval ${inPercent(change.interval.low)} to ${inPercent(change.interval.high)}`
      : '';
  const count = paired ? `${n.variant} pairs of runs` : `${n.variant} and ${runs(n.baseline)}`;
  const correction = tests > 1 ? `, corrected for ${tests} tests` : '';
  const proof = `${testNames[test]}, ${pValue(adjustedP)}${correction}, ${count}`;
  const found =
    verdict === 'no difference shown'
      ? `no difference in ${what} is shown`
      : `${verdict} ${what}, and more than chance would explain`;
  return `${subject}: ${found}. ${capital(measured)}${size}${interval} (${proof}).${hopeless(comparison)}${
    verdict === 'no difference shown' ? needed(comparison) : ''
  }`;
}

/** Every run has the value of its partner, while the values of the runs differ. */
const sameInPairs = (baseline: Group, variant: Group, paired: boolean): boolean =>
  paired &&
  variant.values.every((value, i) => value === baseline.values[i]) &&
  new Set(variant.values).size > 1;

const tooFew = ({ n }: Pick<GroupComparison, 'n'>): boolean =>
  Math.min(n.baseline, n.variant) < fewestRuns;

/** No p of this test with so few runs, however large the difference, would be small enough. */
const cannotShow = ({ verdict, smallestP }: Omit<GroupComparison, 'sentence'>): boolean =>
  verdict === 'no difference shown' && smallestP !== null && smallestP >= significance;

const hopeless = (comparison: Omit<GroupComparison, 'sentence'>): string =>
  cannotShow(comparison)
    ? ` With so few runs this test cannot show any difference: its p is never below ${significant(comparison.smallestP!, 2)}.`
    : '';

/** More than this is no plan any more. */
const mostRuns = 1000;

const needed = ({ runsNeeded }: Pick<GroupComparison, 'runsNeeded'>): string =>
  runsNeeded === null
    ? ''
    : runsNeeded > mostRuns
      ? ` By this spread more than ${mostRuns.toLocaleString('en-GB')} runs of each would be needed to show so small a difference.`
      : ` By this spread about ${runs(runsNeeded)} of each would show a difference of this size (80 % power).`;

const inPercent = (share: number): string =>
  share === 0
    ? 'no change'
    : `${significant(Math.abs(share) * 100, 3)} % ${share < 0 ? 'less' : 'more'}`;

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);

// --- is it better? ----------------------------------------------------------------------------------

/** What all tests of a variant come down to. */
export interface Verdict {
  /** One, or all those of which nothing but too few runs can be said. */
  variants: string[];
  baseline: string;
  sentence: string;
}

/** Variants of which nothing can be tested are told one by one up to here. */
const mostUntested = 4;

/**
 * A sentence per variant, over all quantities: `variance used 18 % less energy than plain (95 % interval 15 to 21 %
 * less; 5 paired runs; Holm-corrected p = 0.004); macro F1 did not differ detectably (...).`
 */
export function verdictsOf(comparisons: readonly GroupComparison[]): Verdict[] {
  const variants = [
    ...Map.groupBy(comparisons, ({ variant, baseline }) => JSON.stringify([variant, baseline])),
  ].map(([, all]) => all);
  const untested = variants.filter((all) => all.every(tooFew));
  const told =
    untested.length > mostUntested ? variants.filter((all) => !all.every(tooFew)) : variants;
  const verdicts = told.map((all): Verdict => {
    const [{ variant, baseline }] = all as [GroupComparison];
    return { variants: [variant], baseline, sentence: verdictSentence(all) };
  });
  for (const [baseline, all] of Map.groupBy(
    told === variants ? [] : untested,
    ([first]) => first!.baseline,
  )) {
    const names = all.map(([first]) => first!.variant);
    const short = [...names.slice(0, 3), `${names.length - 3} more`];
    verdicts.push({
      variants: names,
      baseline,
      sentence:
        `Not testable against ${baseline}: ${list(names.length > 3 ? short : names)}. A test takes ` +
        `${fewestRuns} runs of each side.`,
    });
  }
  return verdicts;
}

function verdictSentence(all: readonly GroupComparison[]): string {
  const [{ variant, baseline }] = all as [GroupComparison];
  const parts = all.map(clause);
  const [first, ...rest] = parts as [Clause, ...Clause[]];
  const begin = first.found
    ? `${variant} ${first.verb} ${first.size} than ${baseline} (${first.proof})`
    : `${variant} against ${baseline}: ${first.text}`;
  const others = rest.map((part) =>
    part.found ? `it ${part.verb} ${part.size} (${part.proof})` : part.text,
  );
  return `${[begin, ...others].join('; ')}.`;
}

type Clause =
  { found: true; verb: string; size: string; proof: string } | { found: false; text: string };

function clause(comparison: GroupComparison): Clause {
  const { what, n, means, paired, adjustedP, verdict, test, tests } = comparison;
  const few = tooFew(comparison);
  if (n.baseline === 0 || n.variant === 0) return { found: false, text: `no ${what} to compare` };
  const { size, interval } = sizeOf(comparison);
  if (verdict === 'not testable' || adjustedP === null || test === null) {
    if (!few)
      return {
        found: false,
        text:
          means.baseline === means.variant
            ? `${what} was the same, nothing to test`
            : `${what} was ${size}, not testable without any spread`,
      };
    const more = comparison.runsNeeded;
    const plan =
      more === null || more > mostRuns
        ? `a test takes ${fewestRuns} of each`
        : `about ${more} of each would show a difference of this size`;
    return {
      found: false,
      text: `${what} was ${size}, not testable with ${n.variant} and ${runs(n.baseline)} (${plan})`,
    };
  }
  const powerless = cannotShow(comparison);
  const proof = [
    // an interval of so few values beside a p that can show nothing would seem to contradict it
    interval && !powerless && `95 % interval ${interval}`,
    paired ? `${n.variant} paired runs` : `${n.variant} and ${runs(n.baseline)}`,
    `${tests > 1 ? 'Holm-corrected ' : ''}${pValue(adjustedP)}`,
  ]
    .filter(Boolean)
    .join('; ');
  if (verdict === 'no difference shown') {
    const limit = powerless
      ? `; with so few runs p is never below ${significant(comparison.smallestP!, 2)}`
      : '';
    return {
      found: false,
      text: `${what} did not differ detectably (${size}; ${proof}${limit})`,
    };
  }
  const verb = what === 'energy' ? 'used' : 'reached';
  return { found: true, verb, size: `${size} ${what}`, proof };
}

/** Scores, which are shares themselves, differ by points; all else by per cent of the baseline. */
function sizeOf({ unit, change, difference }: GroupComparison): { size: string; interval: string } {
  const inUnit = unit === 'points' || change === null;
  const [value, interval] = inUnit
    ? [difference?.value ?? 0, difference?.interval ?? null]
    : [change.change * 100, inPercents(change.interval)];
  const suffix = inUnit ? unit : '%';
  const word = (number: number): string => (number < 0 ? 'less' : 'more');
  const digits = (number: number): string => significant(Math.abs(number), 2);
  if (value === 0) return { size: 'the same', interval: '' };
  const size = `${digits(value)} ${suffix} ${word(value)}`;
  if (!interval) return { size, interval: '' };
  const { low, high } = interval;
  if (low * high > 0) {
    const [near, far] = [Math.abs(low), Math.abs(high)].sort((a, b) => a - b) as [number, number];
    return { size, interval: `${digits(near)} to ${digits(far)} ${suffix} ${word(low)}` };
  }
  return {
    size,
    interval: `${digits(low)} ${suffix} less to ${digits(high)} ${suffix} more`,
  };
}

const inPercents = (interval: Interval | null): Interval | null =>
  interval && { low: interval.low * 100, high: interval.high * 100 };
