import { describe, expect, it } from 'vitest';
import {
  averagePrecision,
  detectionMetrics,
  intersectionOverUnion,
  type Detection,
} from '../../../src-main/trainer/metrics/detection.ts';
import { PatchRecall } from '../../../src-main/trainer/metrics/patch-recall.ts';
import { Sfc32 } from '../../../src-main/trainer/data/prng.ts';
import { golden } from '../../fixtures/golden.ts';

const vectors = golden<{
  scores: number[];
  iou: number[];
  npos: number;
  ap50: number;
  ap75: number;
  coco_ap: number;
  mean_iou: number;
  loc_acc50: number;
}>('ap');

const oneClass: Detection[] = vectors.scores.map((score, i) => ({
  truth: 0,
  predicted: 0,
  score,
  iou: vectors.iou[i]!,
}));

describe('detection metrics', () => {
  it('are the golden ones, in whatever order images come', () => {
    for (const detections of [oneClass, oneClass.toReversed()]) {
      const metrics = detectionMetrics(detections)!;
      expect(metrics.boxes).toBe(vectors.npos);
      expect(metrics.ap50).toBeCloseTo(vectors.ap50, 10);
      expect(metrics.ap75).toBeCloseTo(vectors.ap75, 10);
      expect(metrics.ap).toBeCloseTo(vectors.coco_ap, 10);
      expect(metrics.meanIou).toBeCloseTo(vectors.mean_iou, 10);
      expect(metrics.locAcc50).toBeCloseTo(vectors.loc_acc50, 10);
      expect(metrics.clsLoc50).toBeCloseTo(vectors.loc_acc50, 10);
    }
  });

  it('count a box of the wrong class as found, but not as recognised', () => {
    const metrics = detectionMetrics([
      { truth: 0, predicted: 0, score: 0.9, iou: 0.8 },
      { truth: 1, predicted: 0, score: 0.95, iou: 0.8 },
    ])!;
    expect(metrics).toMatchObject({ locAcc50: 1, clsLoc50: 0.5 });
    // class 0: the false alarm comes first, so precision is 1/2 at every recall; class 1 is never found
    expect(metrics.ap50).toBeCloseTo(0.25, 12);
  });

  it('reach a threshold in spite of the last bit', () => {
    const at = (iou: number) => averagePrecision([{ truth: 0, predicted: 0, score: 1, iou }], 0.55);
    expect(at(0.55 - 1e-15)).toBe(1);
    expect(at(0.5499)).toBe(0);
  });

  it('are nothing without a box', () => {
    expect(detectionMetrics([])).toBeNull();
  });
});

describe('intersection over union', () => {
  it.each(golden<{ a: number[]; b: number[]; iou: number }[]>('giou'))(
    'of $a and $b is $iou',
    ({ a, b, iou }) => {
      type Box = [number, number, number, number];
      expect(intersectionOverUnion(a as Box, b as Box)).toBeCloseTo(iou, 10);
    },
  );

  it('is 0 for a box of no area or turned inside out', () => {
    expect(intersectionOverUnion([1, 1, 1, 1], [1, 1, 1, 1])).toBe(0);
    expect(intersectionOverUnion([2, 2, 0, 0], [0, 0, 2, 2])).toBe(0);
  });
});

describe('object-patch recall', () => {
  // a 4 x 4 grid of 8 px patches
  const recall = (kept: number[], box: [number, number, number, number]) => {
    const counted = new PatchRecall(16, 32);
    counted.add(kept, box);
    return counted.value;
  };

  it('is the share of the patches that the box overlaps', () => {
    // columns 1 and 2, rows 0 and 1: patches 1, 2, 5, 6
    expect(recall([1, 2, 5, 6], [8, 0, 24, 16])).toBe(1);
    expect(recall([1, 15], [8, 0, 24, 16])).toBe(0.25);
    expect(recall([0, 3, 4, 7], [8, 0, 24, 16])).toBe(0);
    // one pixel over the border is one more column
    expect(recall([1, 2, 5, 6], [8, 0, 25, 16])).toBeCloseTo(4 / 6, 12);
  });

  it('agrees with a look at every patch', () => {
    const random = new Sfc32(1, 2, 3);
    for (let trial = 0; trial < 200; trial++) {
      const [a, b, c, d] = [0, 0, 0, 0].map(() => random.randint(33)) as [number, number, number, number]; // prettier-ignore
      const [x0, x1, y0, y1] = [Math.min(a, b), Math.max(a, b), Math.min(c, d), Math.max(c, d)];
      if (x0 === x1 || y0 === y1) continue;
      const kept = Array.from({ length: 16 }, (_, patch) => patch).filter(
        () => random.unit() < 0.5,
      );
      const touches = (patch: number): boolean => {
        const [x, y] = [(patch % 4) * 8, Math.floor(patch / 4) * 8];
        return x < x1 && x + 8 > x0 && y < y1 && y + 8 > y0;
      };
      const all = Array.from({ length: 16 }, (_, patch) => patch).filter(touches);
      const expected = kept.filter(touches).length / all.length;
      expect(recall(kept, [x0, y0, x1, y1])).toBeCloseTo(expected, 12);
    }
  });

  it('is a mean over images, without those that have no box', () => {
    const counted = new PatchRecall(16, 32);
    expect(counted.value).toBeNull();
    counted.add([0], [0, 0, 0, 0]);
    expect(counted.value).toBeNull();
    counted.add([0], [0, 0, 8, 8]);
    counted.add([1], [0, 0, 8, 8]);
    expect(counted.value).toBe(0.5);
  });
});
