import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src-main/trainer/engine/tf.ts';
import { clipToNorm, learningRate } from '../../src-main/trainer/optimiser.ts';
import { expectClose } from './close.ts';

describe('the learning rate', () => {
  const cosine = { lr: 1, minLr: 0.1, warmup: 0.1, schedule: 'cosine' } as const;
  const at = (step: number) => learningRate(cosine, step, 100);

  it('climbs in a line, then falls along half a cosine to its lowest in the last step', () => {
    expect([1, 5, 10].map(at)).toEqual([0.1, 0.5, 1]);
    expect(at(11)).toBe(1);
    expect((at(55) + at(56)) / 2).toBeCloseTo(0.55, 6); // half way down
    expect(at(100)).toBeCloseTo(0.1, 10);
  });

  it('stays where it is without a schedule', () => {
    const constant = { ...cosine, warmup: 0, schedule: 'constant' } as const;
    expect([1, 50, 100].map((step) => learningRate(constant, step, 100))).toEqual([1, 1, 1]);
  });

  it('is a number in a run of one step', () => {
    expect(learningRate({ ...cosine, warmup: 0 }, 1, 1)).toBe(1);
  });
});

describe('clipping', () => {
  beforeAll(async () => void (await tf.setBackend('cpu')));

  it('scales a long gradient down and leaves a short one', () => {
    expectClose(clipToNorm(tf.tensor1d([3, 4]), 1), [0.6, 0.8], 1e-5);
    expectClose(clipToNorm(tf.tensor1d([0.3, 0.4]), 1), [0.3, 0.4], 1e-7);
  });
});
