import { describe, expect, it } from 'vitest';
import { parseExperimentConfig } from '../../../../src-main/experiment-config.ts';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import type { Tensor } from '../../../../src-main/trainer/engine/tf.ts';
import { mapAttention } from '../../../../src-main/trainer/models/attention/map-em.ts';
import {
  fullKeys,
  mixedAttention,
  shiftedKeys,
} from '../../../../src-main/trainer/models/attention/mgk.ts';
import { golden } from '../../../fixtures/golden.ts';
import { largestError } from '../../engine/reference.ts';
import { compute, flatten, goldenLoss, openEngines, type Nested } from './compute.ts';

const { q, k, v } = golden<Record<'q' | 'k' | 'v', Nested>>('attention_inputs');
const expected = golden<
  Record<'k2' | 'out' | 'responsibility_key1' | 'dq' | 'dk1' | 'dv', Nested> & {
    sigma2: number;
    hard: { out: Nested };
    shifted: { mu: Nested; pi: [number, number]; sigma2_1: number; sigma2_2: number; out: Nested };
  }
>('attention_mgk');

const TOLERANCE = 3e-6;
const precision = 1 / expected.sigma2;
const even = () => tf.zeros([1, 2, 1, 1]);

describe.each(await openEngines())('mgk on %s', (_, engine) => {
  it('has the golden output, responsibilities and gradients with full keys', async () => {
    const outputs = await compute(engine, { q, k, k2: expected.k2, v }, ({ q, k, k2, v }) => {
      const attend = (q: Tensor, k: Tensor, v: Tensor) =>
        mixedAttention(fullKeys(q, k, k2!, precision, 1), even(), v);
      const [dq, dk1, dv] = tf.grads((q, k, v) => goldenLoss(attend(q!, k!, v!)))([q!, k!, v!]);
      const { difference } = fullKeys(q!, k!, k2!, precision, 1);
      return {
        out: attend(q!, k!, v!),
        responsibility_key1: tf.sigmoid(difference.neg()),
        dq: dq!,
        dk1: dk1!,
        dv: dv!,
      };
    });
    for (const name of ['out', 'responsibility_key1', 'dq', 'dk1', 'dv'] as const)
      expect(largestError(outputs[name]!, flatten(expected[name])), name).toBeLessThan(TOLERANCE);
  });

  it('has the golden output with the nearer key alone', async () => {
    const { out } = await compute(engine, { q, k, k2: expected.k2, v }, ({ q, k, k2, v }) => ({
      out: mixedAttention(fullKeys(q!, k!, k2!, precision, 1), 'hard', v!),
    }));
    expect(largestError(out!, flatten(expected.hard.out))).toBeLessThan(TOLERANCE);
  });

  it('has the golden output with shifted keys, as with both keys projected', async () => {
    const { mu, pi, sigma2_1, sigma2_2, out } = expected.shifted;
    const ratio = sigma2_1 / sigma2_2;
    const outputs = await compute(engine, { q, k, v, mu }, ({ q, k, v, mu }) => {
      const mixing = tf.scalar(Math.log(pi[1] / pi[0])).reshape([1, 1, 1, 1]);
      return {
        shifted: mixedAttention(shiftedKeys(q!, k!, mu!, 1 / sigma2_1, ratio), mixing, v!),
        full: mixedAttention(fullKeys(q!, k!, k!.sub(mu!), 1 / sigma2_1, ratio), mixing, v!),
      };
    });
    expect(largestError(outputs.shifted!, flatten(out))).toBeLessThan(TOLERANCE);
    expect(largestError(outputs.full!, flatten(out))).toBeLessThan(TOLERANCE);
  });

  it('is attention by distance where both keys are one', async () => {
    const outputs = await compute(engine, { q, k, v }, ({ q, k, v }) => {
      const alpha = tf.scalar(precision).reshape([1, 1, 1, 1]);
      const same = fullKeys(q!, k!, k!, precision, 1);
      return {
        learned: mixedAttention(same, even(), v!),
        soft: mixedAttention(same, 'soft', v!),
        distance: mapAttention({ q: q!, k: k!, v: v!, alpha, prior: null }),
      };
    });
    expect(largestError(outputs.learned!, outputs.distance!)).toBeLessThan(TOLERANCE);
    expect(largestError(outputs.soft!, outputs.distance!)).toBeLessThan(TOLERANCE);
  });

  it('stays finite for a query far from all keys', async () => {
    const { out } = await compute(engine, { q, k, v }, ({ q, k, v }) => ({
      out: mixedAttention(fullKeys(q!.mul(tf.scalar(1e4)), k!, k!.neg(), 1, 1), even(), v!),
    }));
    expect([...out!].every(Number.isFinite)).toBe(true);
  });
});

it('mgk refuses to halve an odd number of heads', () => {
  expect(parseExperimentConfig({ model: { heads: 3 }, attention: { kind: 'mgk' } })).toEqual({
    ok: false,
    issues: [
      { path: 'model.heads', message: '3 heads cannot be halved: mgk needs an even number' },
    ],
  });
});
