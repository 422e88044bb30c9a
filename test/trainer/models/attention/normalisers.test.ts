import { describe, expect, it } from 'vitest';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import {
  normalise,
  type Normaliser,
} from '../../../../src-main/trainer/models/attention/normalisers.ts';
import { golden } from '../../../fixtures/golden.ts';
import { largestError } from '../../engine/reference.ts';
import { compute, openEngines } from './compute.ts';

const expected = golden<Record<'logits' | Normaliser, number[]>>('sparsity');
const names = ['softmax', 'sparsemax', 'entmax15'] as const;

describe.each(await openEngines())('normalisers on %s', (_, engine) => {
  it('have the golden weights, whatever is added to all scores', async () => {
    const rows = [expected.logits, expected.logits.map((s) => s + 100)];
    const outputs = await compute(engine, { logits: [[rows]] }, ({ logits }) =>
      Object.fromEntries(names.map((name) => [name, normalise(logits!, name)])),
    );
    for (const name of names)
      expect(
        largestError(outputs[name]!, [...expected[name], ...expected[name]]),
        name,
      ).toBeLessThan(1e-5);
  });

  it.each(names)('%s has the slope that differences have', async (name) => {
    const upstream = [0.3, -1.2, 0.5, 2, 0.7];
    const h = 1e-2;
    const shifted = (by: number) =>
      expected.logits.map((_, i) => expected.logits.map((s, j) => s + (i === j ? by : 0)));
    const { slope, up, down } = await compute(
      engine,
      { x: [[[expected.logits]]], above: [[shifted(h)]], below: [[shifted(-h)]] },
      ({ x, above, below }) => {
        const loss = (t: tf.Tensor) => normalise(t, name).mul(tf.tensor1d(upstream)).sum(-1);
        return {
          slope: tf.grad((t) => loss(t).sum())(x!),
          up: loss(above!),
          down: loss(below!),
        };
      },
    );
    const differences = [...up!].map((value, i) => (value - down![i]!) / (2 * h));
    expect(largestError(slope!, differences)).toBeLessThan(1e-3);
  });
});
