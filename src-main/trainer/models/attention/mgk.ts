/**
 * Transformer-MGK (Nguyen et al., ICML 2022, arXiv 2110.08678; method F.1): every position has two Gaussian
 * keys, a_ij ∝ Σ_r π_r exp(-|q_i - k_jr|² / 2σ_r²), so that half the heads may do.
 *
 * The sum is taken of logarithms: the public code exponentiates distances and divides, which is 0/0 for a
 * query far from all keys. What is the same for all keys of a query cancels in the softmax and is left out.
 */
import { detach } from '../../engine/ops.ts';
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor4D } from '../../engine/tf.ts';
import type { AttentionVariant } from './registry.ts';
import { attendByScores, perHead, scoresOf, squaredNorms, withKeyBias } from './scores.ts';

export const mgk: AttentionVariant<'mgk'> = {
  heads: ({ halfHeads }, { heads }) => (halfHeads ? heads / 2 : heads),

  projections: ({ keys }) => (keys === 'full' ? ['q', 'k1', 'k2', 'v'] : ['q', 'k', 'v']),

  parameters: ({ keys, mixing }, { heads, dimHead }) => [
    ...(keys === 'shifted'
      ? [
          {
            name: 'shift',
            shape: [heads, dimHead],
            init: { kind: 'normal' as const, std: 0.5 },
            decay: false,
          },
        ]
      : []),
    ...(mixing === 'learned'
      ? [
          {
            name: 'mixing',
            shape: [heads, 2],
            init: { kind: 'constant' as const, value: 0 },
            decay: false,
          },
        ]
      : []),
  ],

  attend({ project, parameter, onWeights }, { keys, mixing, precisionRatio }) {
    const [q, v] = [project('q'), project('v')];
    const precision = q.shape[3] ** -0.5;
    const two =
      keys === 'full'
        ? fullKeys(q, project('k1'), project('k2'), precision, precisionRatio)
        : shiftedKeys(q, project('k'), shift(), precision, precisionRatio);
    return mixedAttention(two, mixing === 'learned' ? logRatio() : mixing, v, onWeights);

    function shift(): Tensor {
      const mu = parameter('shift');
      return mu.reshape([1, mu.shape[0]!, 1, mu.shape[1]!]);
    }

    /** log π_2 - log π_1 of π = softmax θ; a clamped π, as in the public code, has dead gradients. */
    function logRatio(): Tensor {
      const theta = parameter('mixing');
      const heads = theta.shape[0]!;
      return perHead(theta.slice([0, 1], [heads, 1]).sub(theta.slice([0, 0], [heads, 1])));
    }
  },
};

/** log N(q_i; k_j1) and log N(q_i; k_j2) minus it, up to what is the same for all keys. */
export interface TwoKeys {
  first: Tensor;
  difference: Tensor;
}

/**
 * @param q,k1,k2 [B, h, n, d]
 * @param precision 1/σ₁²
 * @param ratio σ₁²/σ₂²
 */
export function fullKeys(
  q: Tensor,
  k1: Tensor,
  k2: Tensor,
  precision: number,
  ratio: number,
): TwoKeys {
  const first = gaussianScores(q, k1, precision);
  const difference = gaussianScores(q, k2, precision * ratio).sub(first);
  return { first, difference: withQueryTerm(difference, q, precision, ratio) };
}

/**
 * k_j2 = k_j - μ needs no scores of its own: q·(k-μ) - |k-μ|²/2 = (q·k - |k|²/2) + k·μ - q·μ - |μ|²/2.
 * @param shift μ, [1, h, 1, d]
 */
export function shiftedKeys(
  q: Tensor,
  k: Tensor,
  shift: Tensor,
  precision: number,
  ratio: number,
): TwoKeys {
  const first = gaussianScores(q, k, precision);
  const second = tf.scalar(precision * ratio);
  const ofKeys = k.mul(shift).sum(-1, true).mul(second).transpose([0, 1, 3, 2]);
  const half = squaredNorms(shift).mul(tf.scalar(0.5));
  const ofQueries = q.mul(shift).sum(-1, true).add(half).mul(second);
  const moved = ofKeys.sub(ofQueries);
  const difference = ratio === 1 ? moved : first.mul(tf.scalar(ratio - 1)).add(moved);
  return { first, difference: withQueryTerm(difference, q, precision, ratio) };
}

/** (q·k - |k|²/2) / σ²: [B, h, n, n]. */
function gaussianScores(q: Tensor, k: Tensor, precision: number): Tensor {
  const bias = squaredNorms(k).mul(tf.scalar(-precision / 2));
  return scoresOf(withKeyBias(q.mul(tf.scalar(precision)), k, bias));
}

/** |q|² cancels between keys of one precision only. */
function withQueryTerm(difference: Tensor, q: Tensor, precision: number, ratio: number): Tensor {
  if (ratio === 1) return difference;
  return difference.sub(squaredNorms(q).mul(tf.scalar((precision * (ratio - 1)) / 2)));
}

/**
 * @param mixing log π_2 - log π_1, [1, h, 1, 1]; `hard`: the nearer of the two keys alone; `soft`: π is the
 * mean responsibility of each key for this image and head, one EM step from 1/2 without gradient.
 * @param v [B, h, n, d]
 * @returns [B, h, n, d]
 */
export function mixedAttention(
  { first, difference }: TwoKeys,
  mixing: Tensor | 'hard' | 'soft',
  v: Tensor,
  onWeights?: (weights: Tensor) => void,
): Tensor4D {
  const more =
    mixing === 'hard'
      ? tf.relu(difference)
      : tf.softplus(difference.add(mixing === 'soft' ? estimatedRatio(difference) : mixing));
  return attendByScores(first.add(more), v, onWeights);
}

/** log π_2 - log π_1 after one EM step: [B, h, 1, 1]. */
function estimatedRatio(difference: Tensor): Tensor {
  const share = tf.sigmoid(detach(difference)).mean([2, 3], true);
  const second = tf.clipByValue(share, 1e-6, 1 - 1e-6);
  return second.log().sub(tf.scalar(1).sub(second).log());
}
