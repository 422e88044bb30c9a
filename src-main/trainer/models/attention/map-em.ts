/**
 * Probabilistic attention (Movellan and Gabbur 2020, arXiv 2010.15583; Gabbur et al. 2021, arXiv
 * 2106.15338; method C.1, C.2, C.3): keys and values are the means of a Gaussian mixture, and the output
 * is the value that is most probable given the query, found by EM.
 *
 * With magnitude priors, one precision for all keys and no iterations this is standard attention.
 * Key iterations move the keys towards the queries of the image at hand, in training and at inference.
 */
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor4D } from '../../engine/tf.ts';
import { negativeLogLikelihood } from './gmm-fixed.ts';
import type { AttentionVariant, WeightsReader } from './registry.ts';
import {
  attendByScores,
  attendWith,
  forAllHeads,
  type Pair,
  perHead,
  scoresOf,
  squaredNorms,
  unitRows,
  withKeyBias,
} from './scores.ts';

export const mapEm: AttentionVariant<'map_em'> = {
  parameters({ prior }, { heads, dimHead }) {
    // a dot product of unit vectors is sqrt d times smaller than that of LayerNorm's rows is after scaling
    const start = prior === 'vmf' ? Math.sqrt(dimHead) : 1 / Math.sqrt(dimHead);
    return [
      {
        name: 'precision',
        shape: [heads],
        init: { kind: 'constant', value: Math.log(Math.expm1(start)) },
        decay: false,
      },
      ...(prior === 'learned'
        ? [
            {
              name: 'prior',
              shape: [heads, dimHead],
              init: { kind: 'constant' as const, value: 0 },
              decay: false,
            },
          ]
        : []),
    ];
  },

  attend(
    { project, parameter, logSizes, onWeights, onPenalty },
    { prior, keyIterations, keyPrior, valueIterations, valuePrecision, likelihood },
  ) {
    const [q, k, v] = [project('q'), project('k'), project('v')];
    if (likelihood > 0) onPenalty?.(negativeLogLikelihood(q, k).mul(tf.scalar(likelihood)));
    const alpha = perHead(tf.softplus(parameter('precision')));
    const unit = prior === 'vmf';
    return mapAttention({
      q: unit ? unitRows(q) : q,
      k: unit ? unitRows(k) : k,
      v,
      alpha,
      // between unit vectors magnitude priors are uniform ones: softmax(κ cos), von Mises and Fisher
      prior: unit || prior === 'magnitude' ? 'magnitude' : logPrior(),
      keyIterations,
      keyPrior,
      valueIterations,
      valuePrecision,
      logSizes: logSizes && forAllHeads(logSizes, k),
      onWeights,
    });

    /** log π up to a constant: u·k with a learned u per head, uniform at the start. */
    function logPrior(): Tensor | null {
      if (prior !== 'learned') return null;
      const [, heads, , dimHead] = k.shape;
      return k.mul(parameter('prior').reshape([1, heads, 1, dimHead])).sum(-1, true);
    }
  },
};

export interface MapAttention {
  /** [B, h, n, d] each. */
  q: Tensor;
  k: Tensor;
  v: Tensor;
  /** α, the precision of the keys: [1, h, 1, 1] per head, or [B, h, n, 1] per key. */
  alpha: Tensor;
  /** Prior of the keys: π ∝ exp(α |ζ|² / 2), uniform (null), or log π as [B, h, n, 1]. */
  prior: 'magnitude' | Tensor | null;
  /** EM steps on the keys, and the precision λ of the prior that holds each at its place. */
  keyIterations?: number;
  keyPrior?: number;
  /** EM steps on the values, and their precision β. */
  valueIterations?: number;
  valuePrecision?: number;
  /** Log of the patches each key stands for, [B, h, n, 1]: a factor of its prior. */
  logSizes?: Tensor | undefined;
  onWeights?: WeightsReader | undefined;
}

/** @returns [B, h, n, d] */
export function mapAttention(given: MapAttention): Tensor4D {
  const {
    v,
    onWeights,
    keyIterations = 0,
    keyPrior = 1,
    valueIterations = 0,
    valuePrecision = 0,
  } = given;
  let keys = given.k;
  for (let i = 0; i < keyIterations; i++) keys = adaptKeys(given, keys, keyPrior);

  const pair = keyLogits(given, keys);
  if (valueIterations === 0) return attendWith(pair, v, onWeights);

  // every step adds the likelihood of the current value estimate to the logits (method C.1)
  const scores = scoresOf(pair);
  const beta = tf.scalar(valuePrecision);
  const valueBias = squaredNorms(v).mul(tf.scalar(-valuePrecision / 2));
  let estimate = attendByScores(scores, v);
  for (let i = 1; i <= valueIterations; i++) {
    const likelihood = scoresOf(withKeyBias(estimate.mul(beta), v, valueBias));
    const last = i === valueIterations;
    estimate = attendByScores(scores.add(likelihood), v, last ? onWeights : undefined);
  }
  return estimate;
}

/** Queries and keys whose dot product is log r_ij, up to what is the same for all keys. */
function keyLogits({ q, alpha, prior, logSizes }: MapAttention, keys: Tensor): Pair {
  const perKey = alpha.shape.at(-2) !== 1;
  if (!perKey && prior === 'magnitude' && !logSizes) return { q: q.mul(alpha), k: keys };

  const half = tf.scalar(-0.5);
  const terms = [
    prior === 'magnitude' ? null : squaredNorms(keys).mul(alpha).mul(half),
    prior === 'magnitude' ? null : prior,
    logSizes ?? null,
  ].filter((term) => term !== null);
  const bias = terms.length > 0 ? terms.reduce((sum, term) => sum.add(term)) : null;
  if (!perKey) return withKeyBias(q.mul(alpha), keys, bias!);

  // precisions of their own: |q|² and the normaliser of each Gaussian no longer cancel
  const normaliser = alpha.log().mul(tf.scalar(keys.shape.at(-1)! / 2));
  const pair = withKeyBias(q, keys.mul(alpha), bias ? bias.add(normaliser) : normaliser);
  return {
    q: tf.concat([pair.q, squaredNorms(q)], -1),
    k: tf.concat([pair.k, alpha.mul(half)], -1),
  };
}

/** ζ ← (λ k + α Σ_i w_ij q_i) / (λ + α Σ_i w_ij): anchored to the network's key k (method C.2). */
function adaptKeys(given: MapAttention, keys: Tensor, lambda: number): Tensor {
  const { q, k, alpha } = given;
  const weights = tf.softmax(scoresOf(keyLogits(given, keys)));
  const received = tf.matMul(weights, q, true, false).mul(alpha);
  const mass = weights.sum(-2).expandDims(-1).mul(alpha);
  // a key that no query chooses has hardly any mass
  return k
    .mul(tf.scalar(lambda))
    .add(received)
    .div(mass.add(tf.scalar(lambda + 1e-6)));
}
