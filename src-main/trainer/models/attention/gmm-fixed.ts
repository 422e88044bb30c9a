/**
 * The paper's sentence done right (method C.6): every query sees a Gaussian mixture over values,
 * p(y | q_i) = Σ_j a_ij N(y; v_j, σ² I) with the weights of standard attention. The output is the mixture's
 * mean; on request it is weighted by how probable the query itself is under the keys (the gate).
 */
import { detach } from '../../engine/ops.ts';
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor4D } from '../../engine/tf.ts';
import type { AttentionVariant } from './registry.ts';
import { squaredNorms, unitRows } from './scores.ts';
import { standard } from './standard.ts';

export const gmmFixed: AttentionVariant<'gmm_fixed'> = {
  attend(input, { gate, temperature, likelihood }) {
    const [q, k, v] = [input.project('q'), input.project('k'), input.project('v')];
    if (likelihood > 0) input.onPenalty?.(negativeLogLikelihood(q, k).mul(tf.scalar(likelihood)));
    if (!gate) {
      // without its gate the mixture's mean is standard attention
      const projected: Record<string, Tensor4D> = { q, k, v };
      return standard.attend(
        { ...input, project: (name) => projected[name]! },
        { kind: 'standard', normaliser: 'softmax' },
      );
    }
    const mixture = valueMixture(q, k, v);
    input.onWeights?.(mixture.weights);
    return queryGate(mixture.logDensity, temperature).mul(mixture.mean);
  },
};

/**
 * The auxiliary loss of maximum likelihood (method C.6): the mean of -log p(q_i) over queries, heads and images,
 * p as in the mixture above. Rows are made unit length first: as they are, long q and k that all lie in one
 * place would minimise it.
 * @param q,k [B, h, n, d]
 */
export function negativeLogLikelihood(q: Tensor, k: Tensor): Tensor {
  const [n, d] = [k.shape.at(-2)!, k.shape.at(-1)!];
  const alpha = d ** -0.5;
  const cosines = tf.matMul(unitRows(q), unitRows(k), false, true);
  // -α/2 |q - k|² = α cos - α
  const logDensity = logSumExp(cosines.mul(tf.scalar(alpha)));
  return logDensity
    .mean()
    .add(tf.scalar(logScale(n, d) - alpha))
    .neg();
}

/** (d/2) log(α / 2π) - log n with α = 1/sqrt d: what Gaussian components of equal weight have in common. */
const logScale = (n: number, d: number): number =>
  (d / 2) * Math.log(d ** -0.5 / (2 * Math.PI)) - Math.log(n);

/**
 * @param q,k,v [B, h, n, d]
 * @returns the mixture's weights [B, h, n, n], its mean [B, h, n, d], and the log density of every query
 * under the mixture of keys with precision 1/sqrt d, [B, h, n, 1].
 */
export function valueMixture(q: Tensor, k: Tensor, v: Tensor) {
  const [n, d] = [k.shape.at(-2)!, k.shape.at(-1)!];
  const alpha = d ** -0.5;
  const half = tf.scalar(-alpha / 2);
  const scores = tf.matMul(q.mul(tf.scalar(alpha)), k, false, true);
  const weights = tf.softmax(scores);

  const keyTerms = squaredNorms(k).mul(half).transpose([0, 1, 3, 2]);
  const logDensity = logSumExp(scores.add(keyTerms))
    .add(squaredNorms(q).mul(half))
    .add(tf.scalar(logScale(n, d)));
  return { weights, mean: tf.matMul(weights, v) as Tensor4D, logDensity };
}

/** Variance of the mixture by the law of total variance: Σ_j a_ij v_j² - m_i² + σ², [B, h, n, d]. */
export function mixtureVariance(weights: Tensor, v: Tensor, mean: Tensor, sigma2: number): Tensor {
  return tf.matMul(weights, v.square()).sub(mean.square()).add(tf.scalar(sigma2));
}

/** n softmax over the queries of log p / τ: probable queries speak louder, the mean gate is 1. */
export function queryGate(logDensity: Tensor, temperature: number): Tensor {
  const [batch, heads, n] = logDensity.shape as [number, number, number];
  const rows = logDensity.reshape([batch, heads, n]).mul(tf.scalar(1 / temperature));
  return tf.softmax(rows).mul(tf.scalar(n)).reshape([batch, heads, n, 1]);
}

/** log Σ exp over the last axis, kept as 1. The maximum is only a shift, so it needs no gradient. */
function logSumExp(x: Tensor): Tensor {
  const top = detach(x.max(-1, true));
  return x.sub(top).exp().sum(-1, true).log().add(top);
}
