/**
 * What the authors' `gmm_multi_head_attention` computes, errors included (method C.5): the statistics of a
 * Gaussian are taken over heads instead of mixture components, the sign of its exponent is wrong, log s
 * counts twice, and the unbounded log density multiplies the attention. Only here to be compared with.
 *
 * Their parameters `mean`, `logvar` and `mix_coef` are never read and left out.
 */
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor4D } from '../../engine/tf.ts';
import type { AttentionVariant } from './registry.ts';

export const gmmRepo: AttentionVariant<'gmm_repo'> = {
  attend({ project, onWeights }) {
    const { weights, out } = headDensityAttention(project('q'), project('k'), project('v'));
    onWeights?.(weights);
    return out;
  },
};

/**
 * @param q,k,v [B, h, n, d]; h of at least 2, or the variance over heads is 0/0
 * @returns the weights A [B, h, n, n], the log density ℓ [B, h, n, 1] and the output (ℓ ⊙ A) v [B, h, n, d]
 */
export function headDensityAttention(q: Tensor4D, k: Tensor4D, v: Tensor4D) {
  const [, heads, , d] = q.shape;
  const weights = tf.softmax(tf.matMul(q.mul(tf.scalar(d ** -0.5)), k, false, true));
  const attended = tf.matMul(weights, v);

  const centred = attended.sub(attended.mean(1, true));
  const squares = centred.square();
  const variance = squares.sum(1, true).div(tf.scalar(heads - 1));
  const logVariance = variance.log();
  const exponent = squares.div(variance).mul(tf.scalar(-0.5));
  const density = logVariance
    .add(exponent)
    .add(tf.scalar(Math.log(2 * Math.PI)))
    .mul(tf.scalar(-0.5));
  const logDensity: Tensor = density.sub(logVariance.mul(tf.scalar(0.5))).sum(-1, true);
  // the second product with v could be saved, but it is what their code costs
  return { weights, logDensity, out: tf.matMul(weights.mul(logDensity), v) as Tensor4D };
}
