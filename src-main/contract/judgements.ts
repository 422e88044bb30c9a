/** What runs said of single images. */
import * as v from 'valibot';
import type { PairedCounts } from '../core/statistics/index.ts';
import { judges, type Prediction } from '../predictions.ts';
import { id, manyIds, place } from './fields.ts';

/** An evaluation of which every single prediction is kept: the test, the best and the last validation. */
export interface KeptPredictions {
  split: 'validation' | 'test';
  epoch: number;
  step: number;
  images: number;
  /** Whether a box was predicted of every image. */
  boxes: boolean;
  /** Side of the images in pixels, the unit of the boxes. */
  side: number;
  /** Of all validations of the run. */
  best: boolean;
  last: boolean;
}

/** Some predictions of a run. */
export interface PredictionPage {
  /** The test first. */
  kept: KeptPredictions[];
  /** Which of them these are. */
  of: KeptPredictions | null;
  /** Why there are none, a clause about the run; null where there are. */
  why: string | null;
  classes: string[];
  /** Images that can be judged at all, and the wrong ones of them. */
  judged: number;
  wrong: number;
  /** Images that were asked for, of which `images` are a page. */
  total: number;
  images: (Prediction & {
    /** Place in the split. */
    image: number;
  })[];
}

/** Who is right about an image, of the first run of a comparison and another one. */
export const predictionCells = ['both', 'first', 'second', 'neither'] as const;
export type PredictionCell = (typeof predictionCells)[number];

/** Predictions of several runs for the same images. */
export interface PredictionComparison {
  split: 'validation' | 'test';
  /** Splits for which there is something to compare. */
  splits: ('validation' | 'test')[];
  classes: string[];
  /** Whether every run predicts boxes, so that they can be judged. */
  boxes: boolean;
  side: number | null;
  /** Images that are judged. */
  judged: number;
  /** The first is the baseline. Empty: fewer than two can be compared. */
  runs: { id: number; name: string; epoch: number; right: number }[];
  leftOut: { id: number; name: string; reason: string }[];
  /** The baseline against each of the others. */
  pairs: {
    other: number;
    counts: PairedCounts;
    /** Of McNemar's exact test, corrected for all pairs (Holm); null: the same images are right. */
    p: number | null;
    sentence: string;
  }[];
  /** Images that some runs are right about and others not, and that all are wrong about. */
  differ: number;
  allWrong: number;
  /** Images that were asked for, of which `images` are a page. */
  total: number;
  images: {
    image: number;
    truth: number;
    /** In the order of `runs`. */
    predictions: Prediction[];
  }[];
}
const judge = v.optional(v.picklist(judges), 'class');
/** A part of a longer list. */
const part = {
  offset: v.optional(place, 0),
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(60)), 24),
};
const evaluatedSplit = v.optional(v.picklist(['validation', 'test']));
export const predictionsSchema = v.strictObject({
  id,
  /** The test where left out and there is one, else the best validation. */
  split: evaluatedSplit,
  /** Of several validations; the best where left out. */
  step: v.optional(place),
  judge,
  show: v.optional(v.picklist(['wrong', 'right', 'all']), 'wrong'),
  /** Classes. */
  truth: v.optional(place),
  predicted: v.optional(place),
  /**
   * `image`: in the order of the split; `confidence`: the surest first; `doubt`: the least sure first; `iou`: the
   * worst box first.
   */
  sort: v.optional(v.picklist(['image', 'confidence', 'doubt', 'iou']), 'confidence'),
  ...part,
});
export type PredictionQuery = v.InferOutput<typeof predictionsSchema>;
export const comparePredictionsSchema = v.strictObject({
  ids: manyIds,
  split: evaluatedSplit,
  judge,
  /** Images about which the runs differ, all are wrong, all of them, or a cell of a pair. */
  show: v.optional(
    v.union([
      v.picklist(['differ', 'all-wrong', 'all']),
      v.strictObject({ other: id, cell: v.picklist(predictionCells) }),
    ]),
    'differ',
  ),
  ...part,
});
export type PredictionComparisonQuery = v.InferOutput<typeof comparePredictionsSchema>;
