/** Confusion matrices of several runs: summed over repeats, and what is confused most. */
import type { ComparedRun } from '../../../src-main/contract.ts';

export interface Confusion {
  labels: string[];
  /** Images by true class (rows) and predicted class, summed over the runs. */
  counts: number[][];
  /** The same as shares of each true class, 0..1. */
  shares: number[][];
  /** Runs that went in. */
  n: number;
}

/** The last test of each run, else its last validation; null where none recorded a matrix. */
export function confusionOf(details: readonly ComparedRun[]): Confusion | null {
  const results = details.flatMap(({ evaluations }) => {
    const last =
      evaluations.findLast(({ result }) => result.split === 'test') ?? evaluations.at(-1);
    return last && last.result.confusion.length > 0 ? [last.result] : [];
  });
  const [first] = results;
  if (!first) return null;
  // of another dataset: other classes, nothing to sum
  const alike = results.filter(({ confusion }) => confusion.length === first.confusion.length);
  const counts = first.confusion.map((row, i) =>
    row.map((_, j) => alike.reduce((sum, { confusion }) => sum + (confusion[i]?.[j] ?? 0), 0)),
  );
  return {
    labels: first.perClass.map(({ label }) => label),
    counts,
    shares: counts.map((row) => {
      const all = row.reduce((a, b) => a + b, 0);
      return row.map((one) => (all > 0 ? one / all : 0));
    }),
    n: alike.length,
  };
}

export interface Mistake {
  /** As it is, and as what it was taken. */
  truth: string;
  taken: string;
  /** Of the images of the true class. */
  share: number;
  images: number;
}

/** What is taken for something else most often, by share of the true class. */
export function worstMistakes({ labels, counts, shares }: Confusion, most = 5): Mistake[] {
  return shares
    .flatMap((row, i) =>
      row.map((share, j) => ({
        truth: labels[i] ?? String(i),
        taken: labels[j] ?? String(j),
        share,
        images: counts[i]?.[j] ?? 0,
        own: i === j,
      })),
    )
    .filter(({ own, images }) => !own && images > 0)
    .sort((a, b) => b.share - a.share || b.images - a.images)
    .slice(0, most)
    .map(({ own: _, ...mistake }) => mistake);
}
