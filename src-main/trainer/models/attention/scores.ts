/**
 * What the Gaussian variants share: scores that have a number per key beside the dot product.
 *
 * Such a number is one more coordinate of the key that meets a 1 in every query. So it costs n² MACs per
 * head and no pass of its own over the n x n scores, and the fused attention kernel still applies.
 */
import { attention } from '../../engine/ops.ts';
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor4D } from '../../engine/tf.ts';

/** Squared lengths of the rows: [..., n, d] -> [..., n, 1]. */
export const squaredNorms = (x: Tensor): Tensor => x.square().sum(-1, true);

/** Rows of length 1: [..., n, d]. */
export const unitRows = (x: Tensor): Tensor => x.div(squaredNorms(x).add(tf.scalar(1e-12)).sqrt());

/** @param one [h] numbers per head, made to broadcast with [B, h, n, d]. */
export const perHead = (one: Tensor): Tensor => one.reshape([1, -1, 1, 1]);

/** Queries and keys whose plain dot product is q·k + bias. */
export interface Pair {
  q: Tensor;
  k: Tensor;
}

/** @param bias [B, h, n, 1], one number per key. */
export function withKeyBias(q: Tensor, k: Tensor, bias: Tensor): Pair {
  const ones = tf.ones([...q.shape.slice(0, -1), 1]);
  return { q: tf.concat([q, ones], -1), k: tf.concat([k, bias], -1) };
}

/** q kᵀ: [B, h, n, n]. */
export const scoresOf = ({ q, k }: Pair): Tensor => tf.matMul(q, k, false, true);

/** softmax(q kᵀ) v: [B, h, n, d]. */
export const attendWith = ({ q, k }: Pair, v: Tensor): Tensor4D =>
  attention(q, k, v, 1) as Tensor4D;
