/**
 * Losses of masked patch modelling (method G.1): how well hidden patches were predicted. Golden: `mim`.
 *
 * All take pixels as patches [B, N, C p²], the layout of `normalisePatches`; a mask is [B, N], 1 for the
 * patches that were hidden. Visible patches count for nothing.
 */
import * as tf from '../engine/tf.ts';
import type { Scalar, Tensor2D, Tensor3D } from '../engine/tf.ts';

/**
 * Mean absolute error of the hidden pixels, as SimMIM takes it (Xie et al. 2022, arXiv 2111.09886):
 * Σ |x - x̂| m / (Σ m + 1e-5) / C, with m per pixel.
 * @param channels C
 */
export function maskedL1(
  predicted: Tensor3D,
  target: Tensor3D,
  mask: Tensor2D,
  channels: number,
): Scalar {
  const pixels = target.shape[2] / channels; // of one patch
  const wrong = predicted.sub(target).abs().sum(2).mul(mask).sum();
  const hidden = mask.sum().mul(tf.scalar(pixels)).add(tf.scalar(1e-5));
  return wrong.div(hidden.mul(tf.scalar(channels)));
}

/**
 * Mean squared error of the hidden patches (MAE, He et al. 2022, arXiv 2111.06377). With the target
 * through `normaliseEachPatch`, it is the paper's better variant; with plain pixels, the other one.
 */
export function maskedMse(predicted: Tensor3D, target: Tensor3D, mask: Tensor2D): Scalar {
  const perPatch = predicted.sub(target).square().mean(2);
  // a batch always hides something; the guard keeps an empty mask from being 0 / 0
  return perPatch
    .mul(mask)
    .sum()
    .div(mask.sum().maximum(tf.scalar(1))) as Scalar;
}

/** (t - mean) / sqrt(var + 1e-6) over each patch, with the unbiased variance. @param patches [B, N, C p²] */
export function normaliseEachPatch(patches: Tensor3D): Tensor3D {
  return tf.tidy(() => {
    const values = patches.shape[2];
    const centred = patches.sub(patches.mean(2, true));
    const variance = centred
      .square()
      .sum(2, true)
      .mul(tf.scalar(1 / Math.max(1, values - 1)));
    return centred.div(variance.add(tf.scalar(1e-6)).sqrt());
  });
}
