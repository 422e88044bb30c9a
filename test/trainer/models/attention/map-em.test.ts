import { describe, expect, it } from 'vitest';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import type { Tensor } from '../../../../src-main/trainer/engine/tf.ts';
import { mapAttention } from '../../../../src-main/trainer/models/attention/map-em.ts';
import { unitRows } from '../../../../src-main/trainer/models/attention/scores.ts';
import { golden } from '../../../fixtures/golden.ts';
import { largestError } from '../../engine/reference.ts';
import { compute, flatten, goldenLoss, openEngines, type Nested } from './compute.ts';

interface Result {
  weights: Nested;
  out: Nested;
}
const { q, k, v } = golden<Record<'q' | 'k' | 'v', Nested>>('attention_inputs');
const standard = golden<Record<'out' | 'dq' | 'dk' | 'dv', Nested>>('attention_standard');
const expected = golden<{
  alpha: number;
  uniform_prior: Result & Record<'dq' | 'dk' | 'dv', Nested> & { L: number };
  learned_prior: Result & { log_pi: Nested[][] };
  per_key_precision: Result & { alpha_jh: Nested[][] };
  key_adaptation: Record<'one_iter_no_prior' | 'two_iters_prior_precision1', Result>;
  value_em: Result & { beta: number; iters: number };
}>('attention_probabilistic');
const { vmf_attention: vmf } = golden<{ vmf_attention: { kappa: number; weights: Nested } }>(
  'primitives',
);

const TOLERANCE = 3e-6;
const alpha = () => tf.scalar(expected.alpha).reshape([1, 1, 1, 1]);
/** Weights come out where the values are the unit vectors. */
const units = (q: Tensor) => {
  const [batch, heads, n] = q.shape as [number, number, number];
  return tf.zeros([batch, heads, n, n]).add(tf.eye(n).reshape([1, 1, n, n]));
};

describe.each(await openEngines())('map_em on %s', (_, engine) => {
  const weightsAndOutput = (
    given: (inputs: Record<string, Tensor>) => Omit<Parameters<typeof mapAttention>[0], 'v'>,
    more: Record<string, Nested> = {},
  ) =>
    compute(engine, { q, k, v, ...more }, (inputs) => {
      const call = given(inputs);
      return {
        weights: mapAttention({ ...call, v: units(call.q) }),
        out: mapAttention({ ...call, v: inputs.v! }),
      };
    });
  const expectResult = (outputs: Awaited<ReturnType<typeof weightsAndOutput>>, result: Result) => {
    for (const name of ['weights', 'out'] as const)
      expect(largestError(outputs[name]!, flatten(result[name])), name).toBeLessThan(TOLERANCE);
  };

  it.each([
    ['uniform', null, expected.uniform_prior],
    ['magnitude', 'magnitude' as const, standard],
  ])('a %s prior has the golden output and gradients', async (_, prior, result) => {
    const outputs = await compute(engine, { q, k, v }, ({ q, k, v }) => {
      const attend = (q: Tensor, k: Tensor, v: Tensor) =>
        mapAttention({ q, k, v, alpha: alpha(), prior });
      const [dq, dk, dv] = tf.grads((q, k, v) => goldenLoss(attend(q!, k!, v!)))([q!, k!, v!]);
      return { out: attend(q!, k!, v!), dq: dq!, dk: dk!, dv: dv! };
    });
    for (const name of ['out', 'dq', 'dk', 'dv'] as const)
      expect(largestError(outputs[name]!, flatten(result[name])), name).toBeLessThan(TOLERANCE);
  });

  it('a learned prior', async () => {
    const column = expected.learned_prior.log_pi.map((heads) =>
      heads.map((row) => (row as Nested[]).map((value) => [value])),
    );
    const outputs = await weightsAndOutput(
      ({ q, k, prior }) => ({ q: q!, k: k!, alpha: alpha(), prior: prior! }),
      { prior: column },
    );
    expectResult(outputs, expected.learned_prior);
  });

  it('a precision per key, with its normaliser', async () => {
    const column = expected.per_key_precision.alpha_jh.map((heads) =>
      heads.map((row) => (row as Nested[]).map((value) => [value])),
    );
    const outputs = await weightsAndOutput(
      ({ q, k, alpha }) => ({ q: q!, k: k!, alpha: alpha!, prior: null }),
      { alpha: column },
    );
    expectResult(outputs, expected.per_key_precision);
  });

  it.each([
    ['one_iter_no_prior' as const, 1, 0],
    ['two_iters_prior_precision1' as const, 2, 1],
  ])('keys adapt: %s', async (name, keyIterations, keyPrior) => {
    const outputs = await weightsAndOutput(({ q, k }) => ({
      q: q!,
      k: k!,
      alpha: alpha(),
      prior: null,
      keyIterations,
      keyPrior,
    }));
    expectResult(outputs, expected.key_adaptation[name]);
  });

  it('values adapt', async () => {
    const { out } = await compute(engine, { q, k, v }, ({ q, k, v }) => ({
      out: mapAttention({
        q: q!,
        k: k!,
        v: v!,
        alpha: alpha(),
        prior: null,
        valueIterations: expected.value_em.iters,
        valuePrecision: expected.value_em.beta,
      }),
    }));
    expect(largestError(out!, flatten(expected.value_em.out))).toBeLessThan(TOLERANCE);
  });

  it('unit vectors make it a mixture of von Mises-Fisher densities', async () => {
    const { weights } = await compute(engine, { q, k }, ({ q, k }) => ({
      weights: mapAttention({
        q: unitRows(q!),
        k: unitRows(k!),
        v: units(q!),
        alpha: tf.scalar(vmf.kappa).reshape([1, 1, 1, 1]),
        prior: 'magnitude',
      }),
    }));
    expect(largestError(weights!, flatten(vmf.weights))).toBeLessThan(TOLERANCE);
  });
});
