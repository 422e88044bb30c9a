/**
 * Gates on heads that can be exactly 0 and still learn: the hard concrete distribution (Louizos et al. 2018,
 * arXiv 1712.01312; method E.3). Golden: `hard_concrete`, values and gradients.
 */
import * as tf from '../engine/tf.ts';
import type { Tensor } from '../engine/tf.ts';

const beta = 2 / 3;
const gamma = -0.1;
const zeta = 1.1;
/** log α - this is the logit of P(z ≠ 0). */
const shift = beta * Math.log(-gamma / zeta);

/** z = clip(s (ζ - γ) + γ, 0, 1); where it is cut off, there is no gradient. */
const stretched = (s: Tensor): Tensor =>
  s
    .mul(tf.scalar(zeta - gamma))
    .add(tf.scalar(gamma))
    .clipByValue(0, 1);

/**
 * Gates as training draws them.
 * @param noise uniform in (0, 1), of the same shape; from the host.
 */
export function sampledGates(logAlpha: Tensor, noise: Tensor): Tensor {
  const logistic = noise.log().sub(tf.scalar(1).sub(noise).log());
  return stretched(tf.sigmoid(logistic.add(logAlpha).mul(tf.scalar(1 / beta))));
}

/** Gates as evaluation has them: z = clip(σ(log α)(ζ - γ) + γ, 0, 1). */
export const settledGates = (logAlpha: Tensor): Tensor => stretched(tf.sigmoid(logAlpha));

/** P(z ≠ 0) = σ(log α - β log(-γ/ζ)); the penalty is their sum. */
export const openProbabilities = (logAlpha: Tensor): Tensor =>
  tf.sigmoid(logAlpha.sub(tf.scalar(shift)));

/** The same of one number, on the host. */
export const openProbability = (logAlpha: number): number => 1 / (1 + Math.exp(shift - logAlpha));
