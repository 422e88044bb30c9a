import { describe, expect, it } from 'vitest';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import type { Tensor, Tensor3D } from '../../../../src-main/trainer/engine/tf.ts';
import { referencesOf, thresholded } from '../../../../src-main/trainer/models/attention/delta.ts';
import { golden } from '../../../fixtures/golden.ts';
import { largestError } from '../../engine/reference.ts';
import { compute, flatten, openEngines, type Nested } from './compute.ts';

const expected = golden<
  Record<
    'X' | 'Wq' | 'Wk' | 'scores' | 'delta' | 'delta_thresholded' | 'scores_thresholded',
    Nested
  > & { tau: number; sparsity: number }
>('divit_delta');
const { X, Wq, Wk } = expected;

const TOLERANCE = 3e-6;

describe.each(await openEngines())('delta on %s', (_, engine) => {
  it('has the golden differences, scores and share of zeros', async () => {
    const outputs = await compute(engine, { X, Wq, Wk }, (inputs) => {
      const [X, Wq, Wk] = [inputs.X!, inputs.Wq!, inputs.Wk!] as unknown as tf.Tensor2D[];
      const first = X!.slice([0, 0], [1, 3]);
      const scores = (x: Tensor) =>
        tf.matMul(tf.matMul(x as tf.Tensor2D, Wq!), tf.matMul(x as tf.Tensor2D, Wk!), false, true);
      const delta = X!.sub(first);
      const kept = thresholded(delta, expected.tau);
      return {
        delta,
        delta_thresholded: kept,
        scores: scores(first.add(thresholded(delta, 0))),
        scores_thresholded: scores(first.add(kept)),
        sparsity: tf.scalar(1).sub(tf.step(kept.abs()).mean()),
      };
    });
    for (const name of [
      'delta',
      'delta_thresholded',
      'scores',
      'scores_thresholded',
      'sparsity',
    ] as const)
      expect(largestError(outputs[name]!, flatten(expected[name])), name).toBeLessThan(TOLERANCE);
  });

  it('refers to the patch before, or to the mean; class token and first patch to themselves', async () => {
    const tokens = [
      [
        [7, 70],
        [1, 10],
        [2, 20],
        [6, 60],
      ],
    ];
    const { previous, mean } = await compute(engine, { tokens }, ({ tokens }) => ({
      previous: referencesOf(tokens! as unknown as Tensor3D, 'previous'),
      mean: referencesOf(tokens! as unknown as Tensor3D, 'mean'),
    }));
    expect([...previous!]).toEqual([7, 70, 1, 10, 1, 10, 2, 20]);
    expect([...mean!]).toEqual([7, 70, 3, 30, 3, 30, 3, 30]);
  });
});
