/**
 * Metrics of one predicted box per image (method G.4). Boxes are corners x0, y0, x1, y1, x1 and y1 just
 * outside, in any one unit. Golden: `ap`.
 */
import type { DetectionResult } from '../messages.ts';

export type Corners = readonly [x0: number, y0: number, x1: number, y1: number];

/** One image with a box, and what was predicted of it. */
export interface Detection {
  /** True class. */
  truth: number;
  predicted: number;
  /** Softmax of the predicted class: detections are ranked by it. */
  score: number;
  /** Of the predicted with the true box. */
  iou: number;
}

/** Intersection over union; 0 where a box has no area. */
export function intersectionOverUnion(a: Corners, b: Corners): number {
  const area = ([x0, y0, x1, y1]: Corners): number => Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
  const common = area([
    Math.max(a[0], b[0]),
    Math.max(a[1], b[1]),
    Math.min(a[2], b[2]),
    Math.min(a[3], b[3]),
  ]);
  const union = area(a) + area(b) - common;
  return union > 0 ? common / union : 0;
}

/** 0.50, 0.55, ..., 0.95: the thresholds of COCO's AP. */
const thresholds = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100);
/** An IoU that is a threshold but for its last bit has reached it. */
const reaches = (iou: number, threshold: number): boolean => iou >= threshold - 1e-12;

/** All metrics; null where no image has a box. */
export function detectionMetrics(detections: readonly Detection[]): DetectionResult | null {
  const boxes = detections.length;
  if (boxes === 0) return null;
  const share = (holds: (detection: Detection) => boolean): number =>
    detections.filter(holds).length / boxes;
  const ap = thresholds.map((threshold) => averagePrecision(detections, threshold));
  const at = (threshold: number): number => ap[thresholds.indexOf(threshold)]!;
  return {
    boxes,
    meanIou: mean(detections.map(({ iou }) => iou)),
    locAcc50: share(({ iou }) => reaches(iou, 0.5)),
    clsLoc50: share(({ iou, truth, predicted }) => truth === predicted && reaches(iou, 0.5)),
    ap: mean(ap),
    ap50: at(0.5),
    ap75: at(0.75),
  };
}

/**
 * Mean over the classes that occur of the precision at 101 recalls 0, 0.01, ..., 1, each the best at that
 * recall or a higher one. Every image is one detection, of its predicted class.
 */
export function averagePrecision(detections: readonly Detection[], threshold: number): number {
  const occurring = new Map<number, number>();
  for (const { truth } of detections) occurring.set(truth, (occurring.get(truth) ?? 0) + 1);
  const byPrediction = Map.groupBy(detections, ({ predicted }) => predicted);
  return mean(
    [...occurring].map(([c, positives]) => {
      const ranked = (byPrediction.get(c) ?? []).toSorted((a, b) => b.score - a.score);
      return interpolated(
        ranked.map(({ truth, iou }) => truth === c && reaches(iou, threshold)),
        positives,
      );
    }),
  );
}

/** @param hits of the detections of a class, the most certain first. @param positives true boxes of it. */
function interpolated(hits: readonly boolean[], positives: number): number {
  let found = 0;
  const curve = hits.map((hit, i) => {
    if (hit) found++;
    return { found, precision: found / (i + 1) };
  });
  for (let i = curve.length - 2; i >= 0; i--)
    curve[i]!.precision = Math.max(curve[i]!.precision, curve[i + 1]!.precision);
  let sum = 0;
  for (let percent = 0, i = 0; percent <= 100; percent++) {
    // in whole numbers: a recall of 3 in 5 is exactly 60 %
    while (i < curve.length && curve[i]!.found * 100 < percent * positives) i++;
    sum += curve[i]?.precision ?? 0;
  }
  return sum / 101;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
