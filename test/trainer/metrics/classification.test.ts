import { describe, expect, it } from 'vitest';
import {
  classificationMetrics,
  Confusion,
  topAccuracy,
} from '../../../src-main/trainer/metrics/classification.ts';
import { golden } from '../../fixtures/golden.ts';

interface F1 {
  confusion_rows_true_cols_pred: number[][];
  precision: number[];
  recall: number[];
  f1: number[];
  micro_f1: number;
  accuracy: number;
  macro_f1: number;
  weighted_f1: number;
  zero_division_case: { confusion: number[][]; f1: number[]; macro_f1: number; micro_f1: number };
}

const vectors = golden<F1>('f1');
const classes = ['a', 'b', 'c'];

describe('classification metrics', () => {
  it('are the golden ones', () => {
    const metrics = classificationMetrics(vectors.confusion_rows_true_cols_pred, classes);
    metrics.perClass.forEach(({ precision, recall, f1 }, c) => {
      expect(precision).toBeCloseTo(vectors.precision[c]!, 10);
      expect(recall).toBeCloseTo(vectors.recall[c]!, 10);
      expect(f1).toBeCloseTo(vectors.f1[c]!, 10);
    });
    expect(metrics.microF1).toBeCloseTo(vectors.micro_f1, 10);
    expect(metrics.accuracy).toBeCloseTo(vectors.accuracy, 10);
    expect(metrics.macroF1).toBeCloseTo(vectors.macro_f1, 10);
    expect(metrics.weightedF1).toBeCloseTo(vectors.weighted_f1, 10);
    expect(metrics.perClass.map(({ support }) => support)).toEqual([55, 50, 40]);
  });

  it('score 0 for a class that is never predicted', () => {
    const { confusion, f1, macro_f1, micro_f1 } = vectors.zero_division_case;
    const metrics = classificationMetrics(confusion, classes);
    metrics.perClass.forEach((row, c) => expect(row.f1).toBeCloseTo(f1[c]!, 10));
    expect(metrics.macroF1).toBeCloseTo(macro_f1, 10);
    expect(metrics.microF1).toBeCloseTo(micro_f1, 10);
  });

  it('count an image as right for top-5 where its class is among the first five', () => {
    expect(topAccuracy([0, 4, 5, 9], 5, 10)).toBe(0.5);
    expect(topAccuracy([0, 4], 5, 5)).toBeNull(); // five places hold every class
    expect(topAccuracy([], 5, 10)).toBeNull();
  });

  it('count truth in rows and predictions in columns', () => {
    const confusion = new Confusion(3);
    confusion.add(0, 2);
    confusion.add(0, 2);
    confusion.add(1, 1);
    expect(confusion.rows()).toEqual([
      [0, 0, 2],
      [0, 1, 0],
      [0, 0, 0],
    ]);
    expect(() => confusion.add(3, 0)).toThrow(RangeError);
  });
});
