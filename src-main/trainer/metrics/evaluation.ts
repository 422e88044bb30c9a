/**
 * One evaluation of a split while it is under way: takes what the steps return of each batch, and makes
 * the result of it.
 *
 * Outputs are named by the recipe (`recipes/outputs.ts`): `losses`, `predictions`, `ranks`, `scores` and
 * `trueScores` of every classifier; `boxes` of one that finds objects as well; `zeroDeltas` and `zeroDeltas8Bit`
 * of one with delta attention.
 */
import type { Predictions } from '../../predictions.ts';
import type { Split } from '../data/index.ts';
import type { HostArray } from '../engine/engine.ts';
import type { DeltaSparsity, EvaluationResult } from '../messages.ts';
import { classificationMetrics, Confusion, topAccuracy } from './classification.ts';
import {
  detectionMetrics,
  intersectionOverUnion,
  type Corners,
  type Detection,
} from './detection.ts';
import { PatchRecall } from './patch-recall.ts';
import { PredictionLog } from './predictions.ts';

export type StepOutputs = Record<string, HostArray | undefined>;

export class Evaluation {
  readonly #classes: readonly string[];
  readonly #split: Split;
  readonly #size: number;
  readonly #confusion: Confusion;
  readonly #recall: PatchRecall;
  readonly #ranks: number[] = [];
  readonly #detections: Detection[] = [];
  readonly #predictions: PredictionLog;
  #attention: { support: number; idle: number } | null = null;
  #zeros: DeltaSparsity | null = null;
  #lossSum = 0;
  #images = 0;

  /** @param size side of the stored images, in pixels. @param patches N of the model; 0 where it sees none. */
  constructor(split: Split, classes: readonly string[], size: number, patches: number) {
    this.#split = split;
    this.#classes = classes;
    this.#size = size;
    this.#confusion = new Confusion(classes.length);
    this.#recall = new PatchRecall(patches, size);
    this.#predictions = new PredictionLog(split, size);
  }

  /**
   * Takes a batch.
   * @param first place of its first image in the split. @param count its images; what follows does not count.
   */
  add(first: number, count: number, outputs: StepOutputs): void {
    const { losses, predictions, ranks, boxes, scores, trueScores } = outputs;
    const { zeroDeltas, zeroDeltas8Bit } = outputs;
    if (zeroDeltas && zeroDeltas8Bit) this.#zeros ??= { thresholded: 0, in8Bits: 0 };
    for (let i = 0; i < count; i++) {
      const truth = this.#split.labels[first + i] ?? -1;
      const predicted = predictions?.[i] ?? -1;
      this.#lossSum += losses?.[i] ?? NaN;
      this.#confusion.add(truth, predicted);
      if (ranks) this.#ranks.push(ranks[i]!);
      if (this.#zeros) {
        this.#zeros.thresholded += zeroDeltas?.[i] ?? NaN;
        this.#zeros.in8Bits += zeroDeltas8Bit?.[i] ?? NaN;
      }
      const score = scores?.[i] ?? NaN;
      const found = boxes ? scaled(cornersAt(boxes, i), this.#size) : null;
      const box = found && this.#boxOf(first + i);
      const iou = box && intersectionOverUnion(found, box);
      if (iou !== null) this.#detections.push({ truth, predicted, score, iou });
      this.#predictions.add({
        truth,
        predicted,
        confidence: score,
        trueProbability: trueScores?.[i] ?? NaN,
        rank: (ranks?.[i] ?? 0) + 1,
        box: found && [...found],
        iou,
      });
    }
    this.#images += count;
  }

  /** Takes the patches that selection keeps of a batch. @param kept [B, k] */
  keeps(first: number, count: number, kept: HostArray, k: number): void {
    for (let i = 0; i < count; i++) {
      const box = this.#boxOf(first + i);
      if (box) this.#recall.add(kept.subarray(i * k, (i + 1) * k), box);
    }
  }

  /** Takes how sparse attention is in a batch. */
  attends(count: number, { support, idle }: StepOutputs): void {
    const mean = (values: HostArray | undefined): number =>
      Array.from(values ?? [])
        .slice(0, count)
        .reduce((a, b) => a + b, 0) / count;
    this.#attention = { support: mean(support), idle: mean(idle) };
  }

  result(split: EvaluationResult['split']): EvaluationResult {
    return {
      split,
      loss: this.#lossSum / this.#images,
      ...classificationMetrics(this.#confusion.rows(), this.#classes),
      top5: topAccuracy(this.#ranks, 5, this.#classes.length),
      detection: detectionMetrics(this.#detections),
      patchRecall: this.#recall.value,
      attentionSupport: this.#attention?.support ?? null,
      attentionIdle: this.#attention?.idle ?? null,
      deltaSparsity: this.#zeros && {
        thresholded: this.#zeros.thresholded / this.#images,
        in8Bits: this.#zeros.in8Bits / this.#images,
      },
    };
  }

  /** What was said of every image so far. */
  predictions(): Predictions {
    return this.#predictions.packed();
  }

  /** Null where the object is not known. */
  #boxOf(image: number): Corners | null {
    const { boxes } = this.#split;
    if (!boxes) return null;
    const box = cornersAt(boxes, image);
    return box[2] > box[0] && box[3] > box[1] ? box : null;
  }
}

const cornersAt = (boxes: ArrayLike<number>, i: number): Corners => [
  boxes[4 * i]!,
  boxes[4 * i + 1]!,
  boxes[4 * i + 2]!,
  boxes[4 * i + 3]!,
];

const scaled = ([x0, y0, x1, y1]: Corners, by: number): Corners => [
  x0 * by,
  y0 * by,
  x1 * by,
  y1 * by,
];
