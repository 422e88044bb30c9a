/**
 * A learned score of patches (method B.6): one linear map of the raw pixels, s_j = w·x_j + b. Choosing
 * patches has no gradient, so every kept patch passes a gate that changes no value but lets the loss reach
 * its score: e'_j = e_j (1 + σ(s_j) - c_j), c_j = σ(s_j) taken as a constant.
 *
 * The authors' `conv` heuristic drew a new random filter in every call and learned nothing (method B.1).
 */
import { detach } from '../engine/ops.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '../engine/tf.ts';
import type { Tensors } from '../engine/engine.ts';
import { parameterOf } from './linear.ts';
import type { Parameter } from './parameters.ts';
import { gumbelKeys } from './patch-selection.ts';
import { best, gatherRows, untracked } from './tokens.ts';

/** Weight of the ratio loss, as in DynamicViT's (Rao et al. 2021). */
const ratioWeight = 2;

/**
 * The bias starts where the ratio loss is met. From 0 it would first pull all scores down, and bright
 * patches, whose pixels are large, the furthest. No weight decay: it would shrink the weights in steps that
 * select nothing and so teach nothing.
 * @param share k / N
 */
export const scorerParameters = (channels: number, patch: number, share: number): Parameter[] => [
  {
    name: 'score.weight',
    shape: [1, channels, patch, patch],
    init: { kind: 'fan-in', fanIn: channels * patch ** 2 },
    decay: false,
  },
  {
    name: 'score.bias',
    shape: [1],
    init: { kind: 'constant', value: Math.log(share / (1 - share)) },
    decay: false,
  },
];

/**
 * @param pixels [B, N, C, p²] raw, in [0, 1]
 * @returns [B, N]
 */
export function learnedScores(pixels: Tensor4D, parameters: Tensors): Tensor2D {
  const [batch, patches, channels, area] = pixels.shape;
  const rows = pixels.reshape<Tensor2D>([batch * patches, channels * area]);
  const weight = parameterOf(parameters, 'score.weight').reshape<Tensor2D>([1, -1]);
  return tf
    .matMul(rows, weight, false, true)
    .add(parameterOf(parameters, 'score.bias') as Tensor1D)
    .reshape([batch, patches]);
}

/**
 * The patches to keep: k drawn without replacement by softmax(s / τ), or the k best where there is no noise.
 * @param noise [B, N] uniform in (0, 1)
 * @returns [B, k] int32, ascending; a constant for the gradient
 */
export function chooseByScore(
  scores: Tensor2D,
  noise: Tensor2D | null,
  k: number,
  temperature: number,
): Tensor2D {
  return untracked(() => {
    if (!noise) return best(scores, k);
    const probabilities = tf.softmax(scores.mul(tf.scalar(1 / temperature)));
    return best(gumbelKeys(probabilities as Tensor2D, noise), k);
  });
}

/** 1 in value, σ'(s) in slope: [...] -> [...]. */
export function scoreGate(scores: Tensor): Tensor {
  const open = tf.sigmoid(scores);
  return open.sub(detach(open)).add(tf.scalar(1));
}

/** The gates of kept patches alone: [B, N], [B, k] -> [B, k, 1]. */
export function keptGates(scores: Tensor2D, kept: Tensor2D): Tensor3D {
  const [batch, patches] = scores.shape;
  return scoreGate(gatherRows(scores.reshape([batch, patches, 1]), kept)) as Tensor3D;
}

/**
 * Holds the mean of σ(s) at the share that is kept: without it, gates would only ever open.
 * @param scores [B, N]
 * @returns a scalar, weighted: 2 × mean over the images of (mean_j σ(s_j) - k/N)²
 */
export const ratioLoss = (scores: Tensor2D, k: number): Tensor =>
  tf
    .sigmoid(scores)
    .mean(1)
    .sub(tf.scalar(k / scores.shape[1]))
    .square()
    .mean()
    .mul(tf.scalar(ratioWeight));
