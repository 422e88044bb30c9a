/**
 * Classification metrics from a confusion matrix (paper, equations 1-3; method H.1).
 *
 * In single-label classification every error is one false positive and one false negative, so micro
 * precision, micro recall, micro F1 and accuracy are one number. Macro F1 tells what it hides.
 */
import type { EvaluationResult } from '../messages.ts';

/** Counts of predictions; rows are true classes, columns predicted ones. */
export class Confusion {
  readonly classes: number;
  readonly #counts: Float64Array;

  constructor(classes: number) {
    this.classes = classes;
    this.#counts = new Float64Array(classes * classes);
  }

  add(truth: number, predicted: number): void {
    const { classes } = this;
    if (!(truth >= 0 && truth < classes && predicted >= 0 && predicted < classes))
      throw new RangeError(`class ${truth} or ${predicted} is outside 0..${classes - 1}`);
    this.#counts[truth * classes + predicted]! += 1;
  }

  rows(): number[][] {
    return Array.from({ length: this.classes }, (_, row) =>
      Array.from(this.#counts.subarray(row * this.classes, (row + 1) * this.classes)),
    );
  }
}

export type ClassificationMetrics = Pick<
  EvaluationResult,
  'images' | 'accuracy' | 'microF1' | 'macroF1' | 'weightedF1' | 'perClass' | 'confusion'
>;

/**
 * Share of images whose class is among the k likeliest. @param ranks place of the true class by logit, 0 the
 * likeliest. @returns null where no class can miss the first k places.
 */
export function topAccuracy(ranks: ArrayLike<number>, k: number, classes: number): number | null {
  if (classes <= k || ranks.length === 0) return null;
  let hits = 0;
  for (let i = 0; i < ranks.length; i++) if (ranks[i]! < k) hits++;
  return hits / ranks.length;
}

/** 0/0 is 0: a class that is never predicted and never there scores nothing (method H.1). */
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

const harmonicMean = (a: number, b: number): number => ratio(2 * a * b, a + b);

/**
 * All metrics of one confusion matrix.
 * @param confusion C x C counts, rows are true classes.
 * @param classes C labels.
 */
export function classificationMetrics(
  confusion: number[][],
  classes: readonly string[],
): ClassificationMetrics {
  const count = (row: number, column: number): number => confusion[row]?.[column] ?? 0;
  const indices = classes.map((_, c) => c);
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

  const perClass = classes.map((label, c) => {
    const truePositives = count(c, c);
    const support = sum(indices.map((column) => count(c, column)));
    const precision = ratio(truePositives, sum(indices.map((row) => count(row, c))));
    const recall = ratio(truePositives, support);
    return { label, precision, recall, f1: harmonicMean(precision, recall), support };
  });

  const images = sum(perClass.map(({ support }) => support));
  const correct = sum(indices.map((c) => count(c, c)));
  const microPrecision = ratio(correct, images); // sum of TP over sum of TP + FP: every prediction
  const microRecall = ratio(correct, images); // sum of TP over sum of TP + FN: every image
  return {
    images,
    accuracy: ratio(correct, images),
    microF1: harmonicMean(microPrecision, microRecall),
    macroF1: ratio(sum(perClass.map(({ f1 }) => f1)), classes.length),
    weightedF1: ratio(sum(perClass.map(({ f1, support }) => f1 * support)), images),
    perClass,
    confusion,
  };
}
