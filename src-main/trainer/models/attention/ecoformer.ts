/**
 * EcoFormer's hash attention (Liu et al., NeurIPS 2022, arXiv 2209.09004; method F.2): queries and keys share
 * one projection and become codes of b signs, so that attention is linear in the number of tokens.
 *
 * Where it differs from the paper: there, anchors are tokens of the first batch and the hash A is
 * learned greedily from pairs of near and far tokens. Here both start from the run's seed and are either
 * trained with the model through the straight-through estimator, or left as they are. The mean kernel
 * value is that of the image at hand instead of a stored one.
 */
import { detach } from '../../engine/ops.ts';
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor4D } from '../../engine/tf.ts';
import type { AttentionVariant } from './registry.ts';
import { squaredNorms, unitRows } from './scores.ts';

export const ecoformer: AttentionVariant<'ecoformer'> = {
  projections: () => ['qk', 'v'],

  parameters: ({ bits, anchors }, { heads, dimHead }) => [
    {
      // about as long as the unit vectors they are compared with
      name: 'anchors',
      shape: [heads, anchors, dimHead],
      init: { kind: 'normal', std: dimHead ** -0.5 },
      decay: false,
    },
    {
      // keeps A κ within (-1, 1), where the straight-through estimator has a gradient
      name: 'hash',
      shape: [heads, bits, anchors],
      init: { kind: 'normal', std: anchors ** -0.5 },
      decay: false,
    },
  ],

  attend({ project, parameter }, { hash, publicCode }) {
    const [x, v] = [unitRows(project('qk')), project('v')];
    const own = (name: string): Tensor => {
      const values = parameter(name);
      const batch = tf.zeros([x.shape[0]!, 1, 1, 1]);
      // spelled out for the batch: the gradient of a product does not sum over what was broadcast
      return batch.add((hash === 'random' ? detach(values) : values).expandDims(0));
    };
    const kernel = anchorKernel(x, own('anchors'));
    const projected = tf.matMul(kernel.sub(kernel.mean(-2, true)), own('hash'), false, true);
    return codeAttention(signs(projected), v, publicCode);
  },
};

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
  const [n, bits] = [codes.shape.at(-2)!, codes.shape.at(-1)!];
  const offset = tf.scalar(bits + 1);
  const products = tf.matMul(codes, tf.matMul(codes, v, true, false));
  const bias = (publicCode ? v : v.sum(-2, true)).mul(offset);
  const mass = codes.mul(codes.sum(-2, true)).sum(-1, true);
  return products.add(bias).div(mass.add(tf.scalar(n * (bits + 1)))) as Tensor4D;
}
