import { describe, expect, it } from 'vitest';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import {
  anchorKernel,
  codeAttention,
  ecoformer,
  signs,
} from '../../../../src-main/trainer/models/attention/ecoformer.ts';
import { unitRows } from '../../../../src-main/trainer/models/attention/scores.ts';
import { golden } from '../../../fixtures/golden.ts';
import { largestError } from '../../engine/reference.ts';
import { compute, flatten, openEngines, type Nested } from './compute.ts';

const expected = golden<
  Record<
    'x' | 'v' | 'anchors' | 'mvec' | 'codes' | 'pre_sign' | 'out' | 'out_public_code',
    Nested
  > & { A: Nested[] }
>('attention_ecoformer');
const { sign_ste: ste } = golden<{ sign_ste: { z: number[]; grad_mask: number[] } }>('primitives');
const { x, v, anchors, mvec, codes } = expected;

const TOLERANCE = 3e-6;

describe.each(await openEngines())('ecoformer on %s', (_, engine) => {
  it('has the golden hashes, codes and outputs', async () => {
    const inputs = { x, v, anchors, mean: mvec, A: [expected.A] };
    const outputs = await compute(engine, inputs, ({ x, v, anchors, mean, A }) => {
      const kernel = anchorKernel(unitRows(x!), anchors!);
      const hashes = tf.matMul(kernel.sub(mean!), A!, false, true);
      const codes = signs(hashes);
      return {
        pre_sign: hashes,
        codes,
        out: codeAttention(codes, v!, false),
        out_public_code: codeAttention(codes, v!, true),
      };
    });
    for (const name of ['pre_sign', 'codes', 'out', 'out_public_code'] as const)
      expect(largestError(outputs[name]!, flatten(expected[name])), name).toBeLessThan(TOLERANCE);
  });

  it.each([false, true])(
    'attends with what was learned, as the public code: %s',
    async (publicCode) => {
      const inputs = { x, v, anchors, mean: mvec, A: [expected.A] };
      const { out } = await compute(engine, inputs, ({ x, v, anchors, mean, A }) => {
        const learned: Record<string, tf.Tensor> = {
          anchors: anchors!.squeeze([0]),
          kernelMean: mean!.squeeze([0, 2]),
          hash: A!.squeeze([0]),
        };
        const out = ecoformer.attend(
          {
            tokens: x!.reshape([1, -1, 1]),
            project: (name) => (name === 'qk' ? x! : v!),
            parameter: (name) => learned[name]!,
          },
          {
            kind: 'ecoformer',
            ...{ hash: 'learned', refreshEvery: 0, bits: 4, anchors: 3, publicCode },
          },
        );
        return { out };
      });
      const wanted = flatten(publicCode ? expected.out_public_code : expected.out);
      expect(largestError(out!, wanted)).toBeLessThan(TOLERANCE);
    },
  );

  it('computes in linear form what explicit weights do', async () => {
    const outputs = await compute(engine, { codes, v }, ({ codes, v }) => {
      const bits = codes!.shape[3];
      const similarity = tf.matMul(codes!, codes!, false, true).add(tf.scalar(bits + 1));
      const weights = similarity.div(similarity.sum(-1, true));
      return { linear: codeAttention(codes!, v!, false), explicit: tf.matMul(weights, v!) };
    });
    expect(largestError(outputs.linear!, outputs.explicit!)).toBeLessThan(TOLERANCE);
  });

  it('passes the gradient through the sign where |z| < 1, and calls 0 positive', async () => {
    const { slope, value } = await compute(engine, { z: ste.z }, ({ z }) => ({
      slope: tf.grad((t) => signs(t).sum())(z!),
      value: signs(z!),
    }));
    expect([...slope!]).toEqual(ste.grad_mask);
    expect([...value!]).toEqual(ste.z.map((z) => (z < 0 ? -1 : 1)));
  });
});
