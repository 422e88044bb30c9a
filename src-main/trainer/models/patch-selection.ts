/**
 * Patch selection: score every patch, turn scores into probabilities, keep k of N (paper, section VI;
 * method B). Scores are taken from raw pixels in [0, 1]; the authors' code scored normalised ones,
 * where contrast has poles and entropy is undefined (method B.2).
 *
 * All of it is tensor work in the step's graph, except the noise: that comes from the host.
 */
import * as tf from '../engine/tf.ts';
import type { Tensor2D, Tensor3D, Tensor4D } from '../engine/tf.ts';
import type { ExperimentConfig } from '../../experiment-config.ts';
import { best, gatherRows } from './tokens.ts';

export type Selection = ExperimentConfig['selection'];

/** ITU-R BT.601 luma. */
const lumaWeights = [0.299, 0.587, 0.114] as const;

/**
 * Scores of all patches.
 * @param patches [B, N, C, p²] raw pixels in [0, 1].
 * @returns [B, N], never negative, never NaN or infinite for finite pixels.
 */
export function scorePatches(
  patches: Tensor4D,
  { heuristic, entropyBins }: Pick<Selection, 'heuristic' | 'entropyBins'>,
): Tensor2D {
  return tf.tidy(() => {
    switch (heuristic) {
      case 'variance_channel_mean':
        return variance(patches).mean(2);
      case 'variance_luma':
        return variance(luma(patches)) as Tensor2D;
      case 'contrast':
        return contrast(patches, [2, 3], 1e-8, 0);
      case 'contrast_guarded':
        // the 0.05 stops a nearly black, noisy patch from scoring 1
        return contrast(luma(patches), [2], 0, 0.05);
      case 'entropy':
        return entropy(luma(patches), entropyBins);
      case 'conv':
        throw new Error('a learned score needs its weights: learned-score.ts');
      case 'random':
        return tf.zeros([patches.shape[0], patches.shape[1]]);
    }
  });
}

/** [B, N, C, P] -> [B, N, P]; one channel is its own luma. */
function luma(patches: Tensor4D): Tensor3D {
  const channels = patches.shape[2];
  if (channels === 1) return patches.squeeze([2]);
  const weights = tf.tensor(lumaWeights.slice(0, channels), [1, 1, channels, 1]);
  return patches.mul(weights).sum<Tensor3D>(2);
}

/** Unbiased variance over the last axis. Two passes: a flat patch scores exactly nothing. */
function variance(values: tf.Tensor): tf.Tensor {
  const pixels = values.shape.at(-1) ?? 1;
  return tf.div(
    values.sub(values.mean(-1, true)).square().sum(-1),
    tf.scalar(Math.max(1, pixels - 1)),
  );
}

/** (max - min + top) / (max + min + bottom), 0 where the patch is black. */
function contrast(values: tf.Tensor, axes: number[], top: number, bottom: number): Tensor2D {
  const most = values.max(axes);
  const least = values.min(axes);
  const whole = most.add(least).add(tf.scalar(bottom));
  // a black patch would divide 1e-8 by 0: its denominator becomes huge instead
  const black = whole.equal(tf.scalar(0)).cast('float32');
  return most
    .sub(least)
    .add(tf.scalar(top))
    .mul(tf.scalar(1).sub(black))
    .div(whole.add(black)) as Tensor2D;
}

/** Entropy in bits of the histogram of 8-bit luma: floor(floor(255 Y + 0.5) x bins / 256). */
function entropy(values: Tensor3D, bins: number): Tensor2D {
  const pixels = values.shape[2];
  const level = values.mul(tf.scalar(255)).add(tf.scalar(0.5)).floor();
  const bin = level.mul(tf.scalar(bins / 256)).floor();
  // one count per bin: bins small passes over the luma plane, and no [B, N, p², bins] tensor
  let bits: tf.Tensor | null = null;
  for (let b = 0; b < bins; b++) {
    const inside = b === bins - 1 ? bin.greaterEqual(tf.scalar(b)) : bin.equal(tf.scalar(b));
    const share = inside.cast('float32').mean(-1);
    // 0 log 0 = 0; shares are at least 1 / p² otherwise
    const term = share.mul(share.maximum(tf.scalar(0.25 / pixels)).log());
    bits = bits ? bits.add(term) : term;
  }
  return (bits ?? tf.zeros([1])).mul(tf.scalar(-1 / Math.LN2)) as Tensor2D;
}

/**
 * Scores to probabilities over the patches of an image (method B.3). Golden: `heuristics.probs_linear`.
 * @param scores [B, N]; negative ones count as 0.
 * @returns [B, N], rows sum to 1. `linear` and `softmax` never give a zero, so any k <= N can be drawn.
 */
export function patchProbabilities(
  scores: Tensor2D,
  { probMap, delta }: Pick<Selection, 'probMap' | 'delta'>,
): Tensor2D {
  return tf.tidy(() => {
    const s = tf.relu(scores);
    const mean = s.mean(1, true);
    const patches = scores.shape[1];
    switch (probMap) {
      case 'linear':
        return orUniform(s.add(mean.mul(tf.scalar(delta))), patches);
      case 'minmax':
        // the lowest patch gets (almost) nothing, as with the authors; 1e-6 is what their NaN becomes
        return orUniform(
          scores
            .sub(scores.min(1, true))
            .div(scores.max(1, true).sub(scores.min(1, true)).maximum(tf.scalar(1e-30)))
            .add(tf.scalar(1e-6)),
          patches,
        );
      case 'softmax': {
        const centred = s.sub(mean);
        const spread = centred.square().mean(1, true).sqrt();
        const z = centred.div(spread.add(tf.scalar(1e-12)));
        const weights = z.sub(z.max(1, true)).exp();
        return orUniform(weights, patches);
      }
    }
  });
}

/** w / sum w, and 1 / N for an image without any weight. */
function orUniform(weights: tf.Tensor, patches: number): Tensor2D {
  const total = weights.sum(1, true);
  const none = total.lessEqual(tf.scalar(0)).cast('float32');
  return weights.add(none).div(total.add(none.mul(tf.scalar(patches)))) as Tensor2D;
}

/**
 * The patches to keep.
 *
 * With noise: Gumbel-top-k, which draws k patches without replacement one after the other in
 * proportion to p (Plackett-Luce; Kool et al. 2019, arXiv 1903.06059; method B.4). Without: the k
 * best, ties to the lower index.
 * @param scores [B, N]
 * @param noise [B, N] uniform in (0, 1), or null for the k best.
 * @returns [B, k] int32, ascending.
 */
export function selectPatches(
  scores: Tensor2D,
  noise: Tensor2D | null,
  k: number,
  options: Pick<Selection, 'probMap' | 'delta'>,
): Tensor2D {
  return tf.tidy(() => {
    const keys = noise ? gumbelKeys(patchProbabilities(scores, options), noise) : tf.relu(scores);
    return best(keys as Tensor2D, k);
  });
}

/** log p - log(-log u), the perturbed log-probabilities. */
export function gumbelKeys(probabilities: Tensor2D, noise: Tensor2D): Tensor2D {
  return tf.tidy(
    () => probabilities.maximum(tf.scalar(1e-30)).log().sub(noise.log().neg().log()) as Tensor2D,
  );
}

/** The rows of kept patches: [B, N, F], [B, k] -> [B, k, F]. */
export const gatherPatches = gatherRows;

/**
 * 1 for kept patches, 0 for the others: what the authors multiply the normalised image with.
 * @returns [B, N, 1] float32
 */
export function keepMask(kept: Tensor2D, all: number): Tensor3D {
  return tf.tidy(() => {
    const [batch, k] = kept.shape;
    const positions = tf.range(0, all, 1, 'int32').reshape([1, 1, all]);
    return kept
      .reshape([batch, k, 1])
      .equal(positions)
      .cast('float32')
      .sum(1)
      .reshape([batch, all, 1]);
  });
}
