import { describe, expect, it } from 'vitest';
import {
  isRight,
  packPredictions,
  predictionBytes,
  unpackPredictions,
  type Prediction,
} from '../src-main/predictions.ts';

const one = (more: Partial<Prediction> = {}): Prediction => ({
  truth: 3,
  predicted: 3,
  confidence: 0.75,
  trueProbability: 0.75,
  rank: 1,
  box: null,
  iou: null,
  ...more,
});
const facts = { side: 32, fingerprint: '0011223344556677' };
const through = (of: Prediction[], boxes = true): Prediction[] =>
  unpackPredictions(packPredictions(of, { ...facts, boxes }));

describe('packed predictions', () => {
  it('take 10 bytes per image, 20 with a box', () => {
    const of = Array.from({ length: 7 }, () => one());
    expect(packPredictions(of, { ...facts, boxes: false }).cells.byteLength).toBe(70);
    expect(packPredictions(of, { ...facts, boxes: true }).cells.byteLength).toBe(140);
    expect(predictionBytes(10_000, true)).toBe(200_000);
  });

  it('come back in order, with every class and the probabilities to 5 decimals', () => {
    const of = Array.from({ length: 500 }, (_, i) =>
      one({
        truth: i,
        predicted: (i * 7) % 500,
        confidence: (i + 0.3) / 500,
        trueProbability: 1 / (i + 1),
        rank: i + 1,
      }),
    );
    const back = through(of, false);
    back.forEach((prediction, i) => {
      const { confidence, trueProbability, ...rest } = prediction;
      const { confidence: sure, trueProbability: right, ...expected } = of[i]!;
      expect(rest).toEqual(expected);
      expect(Math.abs(confidence! - sure!)).toBeLessThan(1e-5);
      expect(Math.abs(trueProbability! - right!)).toBeLessThan(1e-5);
    });
  });

  it('have null where the model computed no number, and where there is no true box', () => {
    const [prediction] = through([
      one({ confidence: NaN, trueProbability: null, box: [0, 0, 8, 8], iou: null }),
    ]);
    expect(prediction).toMatchObject({ confidence: null, trueProbability: null, iou: null });
    expect(through([one({ confidence: 0, trueProbability: 1 })])[0]).toMatchObject({
      confidence: 0,
      trueProbability: 1,
    });
  });

  it('keep boxes to a five-hundredth of a pixel, also where they reach out of the image', () => {
    const box: Prediction['box'] = [-15.9, 3.21, 47.9, 31.07];
    const [prediction] = through([one({ box, iou: 0.4 })]);
    prediction!.box!.forEach((side, i) => expect(Math.abs(side - box[i]!)).toBeLessThan(2e-3));
  });

  it('never lift an IoU over the threshold that it has not reached, nor under it', () => {
    const ious = [0.5, 0.5 - 1e-13, 0.499_999_9, 0.499_99, 0.500_01];
    const back = through(ious.map((iou) => one({ iou, box: [0, 0, 1, 1] })));
    expect(back.map((prediction) => isRight(prediction, 'box'))).toEqual([
      true, // exactly
      true, // but for its last bit
      false,
      false,
      true,
    ]);
  });

  it('are refused where bytes are missing', () => {
    const packed = packPredictions([one(), one()], { ...facts, boxes: false });
    const cells = packed.cells.subarray(0, 19);
    expect(() => unpackPredictions({ ...packed, cells })).toThrow(
      'not the predictions of 2 images',
    );
  });
});

it('a prediction is judged by its class, its box, or both; without a true box by its class alone', () => {
  const judged = (of: Prediction) =>
    (['class', 'box', 'both'] as const).map((judge) => isRight(of, judge));
  expect(judged(one({ iou: 0.6 }))).toEqual([true, true, true]);
  expect(judged(one({ iou: 0.4 }))).toEqual([true, false, false]);
  expect(judged(one({ predicted: 1, iou: 0.6 }))).toEqual([false, true, false]);
  expect(judged(one({ iou: null }))).toEqual([true, null, null]);
});
