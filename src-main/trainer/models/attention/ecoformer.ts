/**
 * EcoFormer's hash attention (Liu et al., NeurIPS 2022, arXiv 2209.09004; method F.2): queries and keys share
 * one projection and become codes of b signs, so that attention is linear in the number of tokens.
 *
 * As in the paper, anchors are tokens of the first batch and the hash A is learned greedily from pairs of near
 * and far tokens (kernel-hash.ts); both then stay as they are. Two other hashes are ours, for comparison: one
 * trained with the model through the straight-through estimator, one random. They centre the kernel on the
 * image at hand, having no mean of a batch.
 */
import { detach } from '../../engine/ops.ts';
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor4D } from '../../engine/tf.ts';
import { learnHash, type Rows } from './kernel-hash.ts';
import type { AttentionCalibration, AttentionVariant } from './registry.ts';
import { squaredNorms, unitRows } from './scores.ts';

export const ecoformer: AttentionVariant<'ecoformer'> = {
  projections: () => ['qk', 'v'],

  parameters: ({ bits, anchors, hash }, { heads, dimHead }) => [
    {
      // about as long as the unit vectors they are compared with
      name: 'anchors',
      shape: [heads, anchors, dimHead],
      init: { kind: 'normal', std: dimHead ** -0.5 },
      decay: false,
    },
    ...(hash === 'learned'
      ? [
          {
            // of a kernel whose distances are all alike
            name: 'kernelMean',
            shape: [heads, anchors],
            init: { kind: 'constant' as const, value: Math.exp(-0.5) },
            decay: false,
          },
        ]
      : []),
    {
      name: 'hash',
      shape: [heads, bits, anchors],
      // learning begins where the public code does; untaught, A κ is kept within (-1, 1), where the
      // straight-through estimator has a gradient
      init: { kind: 'normal', std: hash === 'learned' ? 1 : anchors ** -0.5 },
      decay: false,
    },
  ],

  calibration: ({ hash, bits, anchors, refreshEvery }) =>
    hash === 'learned' ? hashLearning(bits, anchors, refreshEvery || null) : null,

  attend({ project, parameter, onWeights }, { hash, publicCode }) {
    const [x, v] = [unitRows(project('qk')), project('v')];
    const own = (name: string): Tensor => {
      const values = parameter(name);
      const batch = tf.zeros([x.shape[0]!, 1, 1, 1]);
      // spelled out for the batch: the gradient of a product does not sum over what was broadcast
      return batch.add((hash === 'trained' ? values : detach(values)).expandDims(0));
    };
    const kernel = anchorKernel(x, own('anchors'));
    const mean =
      hash === 'learned'
        ? detach(parameter('kernelMean')).expandDims(1).expandDims(0)
        : kernel.mean(-2, true);
    const projected = tf.matMul(kernel.sub(mean), own('hash'), false, true);
    const codes = signs(projected);
    if (onWeights?.implied) onWeights(codeWeights(codes, publicCode));
    return codeAttention(codes, v, publicCode);
  },
};

/** Tokens the hash is learned from, at most: thousands of small steps per layer and head walk over them. */
const tokensLearned = 1024;

const hashLearning = (
  bits: number,
  anchors: number,
  every: number | null,
): AttentionCalibration => ({
  names: ['anchors', 'kernelMean', 'hash'],
  every,
  observe({ project }) {
    const x = unitRows(project('qk')) as Tensor4D;
    const [batch, heads, tokens, dim] = x.shape;
    const images = Math.min(batch, Math.max(1, Math.floor(tokensLearned / tokens)));
    return x.slice([0, 0, 0, 0], [images, heads, tokens, dim]);
  },
  learn: ({ shape, data }, { own, fresh }, { random, again }) => {
    const rows = { shape, data } as Rows;
    // the anchors stay those of the first batch (method F.2)
    const keep = again ? own.anchors! : null;
    return { ...learnHash(rows, { hash: fresh.hash!, bits, anchors, keep }, random) };
  },
});

/**
 * exp(-D / 2σ) of the squared distances D between tokens and anchors, σ their mean per image and head.
 * @param x [B, h, n, d] of unit rows
 * @param anchors [B, h, m, d]
 * @returns [B, h, n, m]
 */
export function anchorKernel(x: Tensor, anchors: Tensor): Tensor {
  const products = tf.matMul(x, anchors, false, true).mul(tf.scalar(-2));
  const distances = products
    .add(squaredNorms(x))
    .add(squaredNorms(anchors).transpose([0, 1, 3, 2]));
  return distances.div(distances.mean([2, 3], true).mul(tf.scalar(-2))).exp();
}

/** The sign, +1 for 0. Straight-through: the gradient passes where |z| < 1. */
export function signs(z: Tensor): Tensor {
  return tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([x as Tensor]);
    const positive = tf.cast(tf.greaterEqual(x as Tensor, tf.scalar(0)), 'float32');
    return {
      value: positive.mul(tf.scalar(2)).sub(tf.scalar(1)),
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        dy.mul(tf.cast(tf.less(saved[0]!.abs(), tf.scalar(1)), 'float32')),
    };
  })(z);
}

/**
 * Attention with weights c_i·c_j + b + 1 > 0, without ever forming them:
 * (c_i (Σ_j c_j v_jᵀ) + (b+1) Σ_j v_j) / (c_i·Σ_j c_j + n (b+1)).
 * @param codes [B, h, n, b] of -1 and 1
 * @param v [B, h, n, d]
 * @param publicCode adds (b+1) v_i instead of the sum over j, as the public code does: no weighted mean
 */
export function codeAttention(codes: Tensor, v: Tensor, publicCode: boolean): Tensor4D {
  const offset = tf.scalar(codes.shape.at(-1)! + 1);
  const products = tf.matMul(codes, tf.matMul(codes, v, true, false));
  const bias = (publicCode ? v : v.sum(-2, true)).mul(offset);
  return products.add(bias).div(codeMass(codes)) as Tensor4D;
}

/**
 * The weights that `codeAttention` never forms, n² of them, for whoever wants to look at them: [B, h, n, n]. Rows
 * sum to 1, but for those of the public code.
 */
export function codeWeights(codes: Tensor, publicCode: boolean): Tensor {
  const [n, bits] = [codes.shape.at(-2)!, codes.shape.at(-1)!];
  const ones = publicCode ? tf.eye(n) : tf.ones([n, n]);
  const products = tf.matMul(codes, codes, false, true);
  return products.add(ones.mul(tf.scalar(bits + 1))).div(codeMass(codes));
}

/** c_i·Σ_j c_j + n (b+1): [B, h, n, 1]. */
function codeMass(codes: Tensor): Tensor {
  const [n, bits] = [codes.shape.at(-2)!, codes.shape.at(-1)!];
  const agreement = codes.mul(codes.sum(-2, true)).sum(-1, true);
  return agreement.add(tf.scalar(n * (bits + 1)));
}
