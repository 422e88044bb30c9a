/**
 * What the Gaussian variants share: scores that have a number per key beside the dot product.
 *
 * Such a number is one more coordinate of the key that meets a 1 in every query. So it costs n² MACs per
 * head and no pass of its own over the n x n scores, and the fused attention kernel still applies.
 */
import { attentionAndWeights } from '../../engine/ops.ts';
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor4D } from '../../engine/tf.ts';
import type { WeightsReader } from './registry.ts';

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

/** softmax(scale q kᵀ) v: [B, h, n, d]. */
export function attendWith(
  { q, k }: Pair,
  v: Tensor,
  onWeights?: WeightsReader,
  scale = 1,
): Tensor4D {
  const { out, weights } = attentionAndWeights(q, k, v, scale, onWeights?.differentiable);
  onWeights?.(weights);
  return out as Tensor4D;
}

/** softmax(x) v of scores [B, h, n, n] that are there already. */
export function attendByScores(
  scores: Tensor,
  v: Tensor,
  onWeights?: (weights: Tensor) => void,
): Tensor4D {
  const weights = tf.softmax(scores);
  onWeights?.(weights);
  return tf.matMul(weights, v) as Tensor4D;
}

/** One number per key for all heads alike, spelled out: [B, 1, n, 1] -> [B, h, n, 1] as of k. */
export const forAllHeads = (one: Tensor, k: Tensor): Tensor =>
  tf.zeros([...k.shape.slice(0, -1), 1]).add(one);
