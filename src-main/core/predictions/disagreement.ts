/**
 * Where runs disagree about the same images, and whether one is right more often than the other. Runs can be
 * compared image by image only where they were asked about the same images in the same order; the others are left
 * out with the reason.
 */
import type {
  PredictionCell,
  PredictionComparison,
  PredictionComparisonQuery,
} from '../../contract.ts';
import { isRight, type Judge, type Prediction } from '../../predictions.ts';
import { holm, mcnemar, mcnemarSentence, type PairedCounts } from '../statistics/index.ts';

/** A run with the predictions of one evaluation. */
export interface Judged {
  id: number;
  name: string;
  epoch: number;
  classes: readonly string[];
  boxes: boolean;
  side: number;
  fingerprint: string;
  predictions: readonly Prediction[];
}

/** More runs than this have no room beside each other. */
export const mostCompared = 8;

type Told = Omit<PredictionComparison, 'split' | 'splits' | 'leftOut'>;

/** Why the images of a run are not those of the baseline; null: they are. */
export function whyNotComparable(one: Judged, baseline: Judged): string | null {
  if (one.fingerprint === baseline.fingerprint) {
    return one.classes.join('\n') === baseline.classes.join('\n')
      ? null
      : 'its classes have other names';
  }
  const [own, other] = [one.predictions.length, baseline.predictions.length];
  if (one.classes.join('\n') !== baseline.classes.join('\n'))
    return `it has other classes than ${baseline.name}`;
  if (own !== other)
    return `it was asked about ${imagesOf(own)}, ${baseline.name} about ${imagesOf(other)}`;
  if (one.side !== baseline.side)
    return `its images are stored at ${one.side} px, those of ${baseline.name} at ${baseline.side} px`;
  return `its images are others than those of ${baseline.name}, or in another order`;
}

const imagesOf = (n: number): string =>
  `${n.toLocaleString('en-GB')} ${n === 1 ? 'image' : 'images'}`;

/** @param runs asked about the same images; the first is the baseline. */
export function disagreement(
  runs: readonly Judged[],
  {
    judge,
    show,
    offset,
    limit,
  }: Omit<PredictionComparisonQuery, 'ids' | 'split'> & { judge: Judge },
  split: string,
): Told {
  const [baseline, ...others] = runs as [Judged, ...Judged[]];
  const boxes = runs.every((run) => run.boxes);
  // without boxes of all there is nothing but the class to judge by
  const by = boxes ? judge : 'class';
  const verdicts = runs.map(({ predictions }) => predictions.map((one) => isRight(one, by)));
  const places = baseline.predictions
    .map((_, image) => image)
    .filter((image) => verdicts.every((of) => of[image] !== null));
  const rightAt = (image: number): number => verdicts.filter((of) => of[image]).length;

  const tested = others.map(({ id, name }, i) => {
    const counts: PairedCounts = { both: 0, first: 0, second: 0, neither: 0 };
    for (const image of places) counts[cellOf(verdicts[0]![image]!, verdicts[i + 1]![image]!)]++;
    const test = mcnemar(counts.first, counts.second);
    return { other: id, name, counts, p: test.testable ? test.p : null };
  });
  const adjusted = holm(tested.map(({ p }) => p));
  const tests = adjusted.filter((p) => p !== null).length;

  const pair = typeof show === 'object' ? runs.findIndex(({ id }) => id === show.other) : -1;
  const isWanted = (image: number): boolean => {
    if (typeof show === 'object')
      return pair > 0 && cellOf(verdicts[0]![image]!, verdicts[pair]![image]!) === show.cell;
    if (show === 'all') return true;
    const right = rightAt(image);
    return show === 'all-wrong' ? right === 0 : right > 0 && right < runs.length;
  };
  const wanted = places.filter(isWanted);
  return {
    classes: [...baseline.classes],
    boxes,
    side: baseline.side,
    judged: places.length,
    runs: runs.map(({ id, name, epoch }, i) => ({
      id,
      name,
      epoch,
      right: places.filter((image) => verdicts[i]![image]).length,
    })),
    pairs: tested.map(({ other, name, counts }, i) => ({
      other,
      counts,
      p: adjusted[i]!,
      sentence: mcnemarSentence({
        first: baseline.name,
        second: name,
        counts,
        split,
        right: rightWords[by],
        p: adjusted[i]!,
        tests,
      }),
    })),
    differ: places.filter((image) => rightAt(image) > 0 && rightAt(image) < runs.length).length,
    allWrong: places.filter((image) => rightAt(image) === 0).length,
    total: wanted.length,
    images: wanted.slice(offset, offset + limit).map((image) => ({
      image,
      truth: baseline.predictions[image]!.truth,
      predictions: runs.map(({ predictions }) => predictions[image]!),
    })),
  };
}

const rightWords: Record<Judge, string> = {
  class: 'right',
  box: 'right with its box',
  both: 'right with class and box',
};

const cellOf = (first: boolean, second: boolean): PredictionCell =>
  first ? (second ? 'both' : 'first') : second ? 'second' : 'neither';
