import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../src-main/trainer/engine/engine.ts';
import { attentionAndWeights } from '../../../src-main/trainer/engine/ops.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import type { Tensor } from '../../../src-main/trainer/engine/tf.ts';
import {
  effectiveSupport,
  hoyer,
  idleShare,
  sparsityPenalty,
} from '../../../src-main/trainer/losses/sparsity.ts';
import { normalise } from '../../../src-main/trainer/models/attention/normalisers.ts';
import { golden } from '../../fixtures/golden.ts';
import { compute, openEngines } from '../models/attention/compute.ts';

const vectors = golden<{
  logits: number[];
  softmax: number[];
  entropy_norm: number;
  d_entropy_norm: number[];
  gini: number;
  d_gini: number[];
  hoyer: number;
}>('sparsity');

let engines: [string, Engine][];
beforeAll(async () => void (engines = await openEngines()));

const near = (actual: ArrayLike<number>, expected: number[]) =>
  expected.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 6));

describe('sparsity penalties', () => {
  it('are the golden ones with their gradients, captured and eager', async () => {
    for (const [, engine] of engines) {
      const result = await compute(engine, { logits: [vectors.logits] }, ({ logits }) => {
        const entropy = (t: Tensor) => sparsityPenalty(tf.softmax(t), 'entropy');
        const gini = (t: Tensor) => sparsityPenalty(tf.softmax(t), 'gini');
        return {
          entropy: entropy(logits!),
          dEntropy: tf.grad(entropy)(logits!),
          gini: gini(logits!),
          dGini: tf.grad(gini)(logits!),
          hoyer: hoyer(tf.softmax(logits!)),
          penalty: sparsityPenalty(tf.softmax(logits!), 'hoyer'),
        };
      });
      near(result.entropy!, [vectors.entropy_norm]);
      near(result.dEntropy!, vectors.d_entropy_norm);
      near(result.gini!, [vectors.gini]);
      near(result.dGini!, vectors.d_gini);
      near(result.hoyer!, [vectors.hoyer]);
      near(result.penalty!, [1 - vectors.hoyer]);
    }
  });

  it.each(['entropy', 'gini', 'hoyer'] as const)(
    '%s: its slope along the logits sums to 0, is that of differences, and is captured as eager',
    async (form) => {
      const logits = [vectors.logits, [0.2, -0.1, 2, 0, 0.4]];
      const slopes: Float32Array[] = [];
      for (const [, engine] of engines) {
        const { slope } = await compute(engine, { logits }, ({ logits }) => ({
          slope: tf.grad((t) => sparsityPenalty(tf.softmax(t), form))(logits!),
        }));
        slopes.push(slope as Float32Array);
        const ofRow = slopes.at(-1)!.subarray(0, 5);
        expect(ofRow.reduce((a, b) => a + b)).toBeCloseTo(0, 6);
      }
      near(slopes[1]!, Array.from(slopes[0]!));

      const penaltyAt = async (step: number) => {
        const moved = [vectors.logits.map((x, i) => (i === 3 ? x + step : x)), logits[1]!];
        const { penalty } = await compute(engines[0]![1], { logits: moved }, ({ logits }) => ({
          penalty: sparsityPenalty(tf.softmax(logits!), form),
        }));
        return penalty![0]!;
      };
      const difference = ((await penaltyAt(0.01)) - (await penaltyAt(-0.01))) / 0.02;
      expect(slopes[0]![3]).toBeCloseTo(difference, 4);
    },
  );

  it('stay finite, slopes too, where a normaliser gave exact zeros', async () => {
    const result = await compute(engines[0]![1], { logits: [[4, 0, -4, 3.9]] }, ({ logits }) => ({
      sparsemax: tf.grad((t) => sparsityPenalty(normalise(t, 'sparsemax'), 'entropy'))(logits!),
      entmax: tf.grad((t) => sparsityPenalty(normalise(t, 'entmax15'), 'entropy'))(logits!),
      softmax: tf.grad((t) => sparsityPenalty(tf.softmax(t.mul(tf.scalar(100))), 'entropy'))(
        logits!,
      ),
    }));
    for (const slope of Object.values(result))
      expect(Array.from(slope).every(Number.isFinite)).toBe(true);
    expect(result.sparsemax!.some((value) => value !== 0)).toBe(true);
  });
});

describe('the fused attention', () => {
  it('passes the gradient of its weights on, as softmax by itself does', async () => {
    const rows = (factor: number) =>
      [0, 1, 2].map((i) => [0, 1].map((j) => Math.sin(factor * (2 * i + j + 1))));
    const inputs = { q: [[rows(1.3)]], k: [[rows(0.7)]], v: [[rows(2.1)]] };
    type Attend = (q: Tensor, k: Tensor, v: Tensor) => { out: Tensor; weights: Tensor };
    const slopes = (attend: Attend, q: Tensor, k: Tensor, v: Tensor) => {
      const loss = (...qkv: Tensor[]) => {
        const { out, weights } = attend(qkv[0]!, qkv[1]!, qkv[2]!);
        return out.square().sum().add(sparsityPenalty(weights, 'entropy')) as tf.Scalar;
      };
      const [dq, dk, dv] = tf.grads(loss)([q, k, v]);
      return { dq: dq!, dk: dk!, dv: dv! };
    };
    for (const [, engine] of engines) {
      const fused = await compute(engine, inputs, ({ q, k, v }) =>
        slopes((...qkv) => attentionAndWeights(...qkv, 0.6, true), q!, k!, v!),
      );
      const plain = await compute(engine, inputs, ({ q, k, v }) =>
        slopes(
          (q, k, v) => {
            const weights = tf.softmax(tf.matMul(q.mul(tf.scalar(0.6)), k, false, true));
            return { out: tf.matMul(weights, v), weights };
          },
          q!,
          k!,
          v!,
        ),
      );
      for (const name of ['dq', 'dk', 'dv']) near(fused[name]!, Array.from(plain[name]!));
    }
  });
});

describe('measures of attention', () => {
  it('count the keys a row rests on, and the tokens nobody looks at', async () => {
    const uniform = Array(4).fill(0.25) as number[];
    const weights = [
      [[uniform, uniform, uniform, uniform]],
      [
        [
          [1, 0, 0, 0],
          [1, 0, 0, 0],
          [0.4, 0.6, 0, 0],
          [1, 0, 0, 0],
        ],
      ],
    ];
    for (const [, engine] of engines) {
      const result = await compute(engine, { weights }, ({ weights }) => ({
        support: effectiveSupport(weights!),
        idle: idleShare(weights!),
      }));
      const split = Math.exp(-(0.4 * Math.log(0.4) + 0.6 * Math.log(0.6)));
      near(result.support!, [4, (3 + split) / 4]);
      // π = (0.85, 0.15, 0, 0): of the three patch tokens only the first is above 0.125
      near(result.idle!, [0, 2 / 3]);
    }
  });
});
