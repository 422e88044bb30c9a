/**
 * How spread attention weights are: penalties that training adds, and measures that evaluation reports
 * (method D). Golden: `sparsity`, values and gradients.
 */
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor2D } from '../engine/tf.ts';
import type { SparsityConfig } from '../../experiment-config/sparsity.ts';

/** 0 log 0 = 0, and a weight that a sparse normaliser set to 0 has a finite slope. */
const logOf = (weights: Tensor): Tensor => weights.maximum(tf.scalar(1e-30)).log();

/** Entropy of every row in nats: [..., n] -> [...]. */
const entropies = (weights: Tensor): Tensor => weights.mul(logOf(weights)).sum(-1).neg();

/**
 * The mean penalty of all rows, between 0 (one key has all) and 1 (uniform; Gini: 1 - 1/n).
 * @param weights [..., n], rows that sum to 1; n of at least 2.
 */
export function sparsityPenalty(weights: Tensor, form: SparsityConfig['form']): Tensor {
  const n = weights.shape.at(-1)!;
  switch (form) {
    case 'entropy':
      return entropies(weights)
        .mean()
        .mul(tf.scalar(1 / Math.log(n)));
    case 'gini':
      return tf.scalar(1).sub(weights.square().sum(-1).mean());
    case 'hoyer':
      return tf.scalar(1).sub(hoyer(weights).mean());
  }
}

/** Hoyer's sparsity of every row, (√n - 1/|a|₂) / (√n - 1): 0 uniform, 1 where one key has all. */
export function hoyer(weights: Tensor): Tensor {
  const root = Math.sqrt(weights.shape.at(-1)!);
  return tf.div(tf.scalar(root).sub(tf.rsqrt(weights.square().sum(-1))), tf.scalar(root - 1));
}

/**
 * How many keys an image's rows rest on: exp(H), mean over heads and queries.
 * @param weights [B, h, n, n]
 * @returns [B], from 1 to n
 */
export const effectiveSupport = (weights: Tensor): Tensor => entropies(weights).exp().mean([1, 2]);

/**
 * The share of an image's patch tokens that attention hardly looks at: π_j < 0.5 / n with π_j the mean of
 * column j over heads and queries. These are what token pruning loses least by dropping.
 * @param weights [B, h, n, n], class token first
 * @returns [B]
 */
export function idleShare(weights: Tensor): Tensor {
  const [batch, , , n] = weights.shape as [number, number, number, number];
  const pi = weights.mean([1, 2]).slice([0, 1], [batch, n - 1]) as Tensor2D;
  return pi
    .less(tf.scalar(0.5 / n))
    .cast('float32')
    .mean(1);
}
