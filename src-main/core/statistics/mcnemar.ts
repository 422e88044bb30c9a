/** Whether two models that were asked about the same images are right equally often: McNemar's exact test. */
import { logGamma } from './distributions.ts';
import { notTestable, significance, type Outcome } from './outcome.ts';
import { pValue } from './sentences.ts';

/** Images by who was right about them. */
export interface PairedCounts {
  both: number;
  /** Only the first, only the second. */
  first: number;
  second: number;
  neither: number;
}

/**
 * Two-sided exact p: only images on which one is right and the other wrong tell them apart; if both were right
 * equally often, each of these falls to either side by the toss of a coin (McNemar 1947, Psychometrika 12;
 * exact form: Dixon and Mood 1946). Golden: Agresti's 86 and 150 give 3.716e-5 (R, exact2x2).
 * @param first images on which only the first is right. @param second only the second.
 */
export function mcnemar(first: number, second: number): Outcome<{ p: number }> {
  const n = first + second;
  if (n === 0)
    return notTestable(
      'no-spread',
      'Both are right about the same images and wrong about the same: there is nothing to test.',
    );
  const few = Math.min(first, second);
  // P(X <= few) of a binomial distribution, from its largest term down to where nothing is added any more
  const choose = logGamma(n + 1) - logGamma(few + 1) - logGamma(n - few + 1);
  let term = Math.exp(choose - n * Math.LN2);
  let tail = 0;
  for (let k = few; k >= 0 && term > tail * 1e-17; k--) {
    tail += term;
    term *= k / (n - k + 1);
  }
  return { testable: true, p: Math.min(1, 2 * tail) };
}

interface Pair {
  first: string;
  second: string;
  counts: PairedCounts;
  /** `test`, `validation`. */
  split: string;
  /** What being right means: `right`, `right with its box`. */
  right: string;
  /** Corrected where there are several tests; null where there is nothing to test. */
  p: number | null;
  /** Tests that it was corrected for. */
  tests: number;
}

/** To be quoted as it is. */
export function mcnemarSentence({ first, second, counts, split, right, p, tests }: Pair): string {
  const count = (n: number): string => n.toLocaleString('en-GB');
  const images = counts.both + counts.first + counts.second + counts.neither;
  const asked = `Of the same ${count(images)} ${split} images`;
  if (p === null)
    return (
      `${asked}, ${first} and ${second} are ${right} about the same ${count(counts.both)}: there is no ` +
      'difference to test.'
    );
  const proof = `McNemar’s exact test, ${tests > 1 ? 'Holm-corrected ' : ''}${pValue(p)}`;
  const found =
    p < significance ? 'more than chance would explain' : 'a difference that chance may explain';
  return (
    `${asked}, ${first} alone is ${right} about ${count(counts.first)} and ${second} alone about ` +
    `${count(counts.second)}: ${found} (${proof}).`
  );
}
