/**
 * From stored bytes to patches, on the device: images cross to it as the uint8 they are stored as
 * (a batch of 128 CIFAR images is 0.4 MB that way and 77 MB as 224 x 224 floats).
 */
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor3D, Tensor4D } from '../engine/tf.ts';

/** Mean and standard deviation per channel, in [0, 1] units. */
export interface Normalisation {
  mean: readonly number[];
  std: readonly number[];
}

/** What the authors use for every dataset (method A.5). */
export const imagenetNormalisation: Normalisation = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/**
 * Bytes to patches of pixels in [0, 1], resized where needed.
 * @param images [B, C, s, s] int32, 0..255
 * @param side S, what the model sees; S is a multiple of `patch`.
 * @returns [B, N, C, p²], N row by row over the grid, pixels row by row in the patch.
 */
export function pixelPatches(images: Tensor4D, side: number, patch: number): Tensor4D {
  return tf.tidy(() => {
    const [batch, channels, stored] = images.shape;
    const grid = side / patch;
    const bytes = images.cast<Tensor4D>('float32');
    const pixels = stored === side ? bytes : resizeBilinear(bytes, side);
    return pixels
      .mul(tf.scalar(1 / 255))
      .reshape([batch, channels, grid, patch, grid, patch])
      .transpose([0, 2, 4, 1, 3, 5])
      .reshape([batch, grid * grid, channels, patch * patch]);
  });
}

/**
 * (x - mean) / std per channel.
 * @param patches [B, n, C, p²]
 * @returns [B, n, C p²], each patch flattened in (channel, row, column) order like a convolution's weight.
 */
export function normalisePatches(patches: Tensor4D, { mean, std }: Normalisation): Tensor3D {
  return tf.tidy(() => {
    const [batch, count, channels, pixels] = patches.shape;
    const scale = tf.tensor(Array.from({ length: channels }, (_, c) => 1 / std[c]!));
    const shift = tf.tensor(Array.from({ length: channels }, (_, c) => -mean[c]! / std[c]!));
    return patches
      .mul(scale.reshape([1, 1, channels, 1]))
      .add(shift.reshape([1, 1, channels, 1]))
      .reshape([batch, count, channels * pixels]);
  });
}

/**
 * Bytes to a normalised image, resized where needed: what a convolution sees.
 * @param images [B, C, s, s] int32, 0..255
 * @returns [B, C, side, side]
 */
export function normaliseImages(
  images: Tensor4D,
  side: number,
  { mean, std }: Normalisation,
): Tensor4D {
  return tf.tidy(() => {
    const [, channels, stored] = images.shape;
    const bytes = images.cast<Tensor4D>('float32');
    const pixels = stored === side ? bytes : resizeBilinear(bytes, side);
    const perChannel = (of: (c: number) => number): Tensor =>
      tf.tensor(Array.from({ length: channels }, (_, c) => of(c))).reshape([1, channels, 1, 1]);
    return pixels
      .mul(perChannel((c) => 1 / (255 * std[c]!)))
      .add(perChannel((c) => -mean[c]! / std[c]!)) as Tensor4D;
  });
}

/**
 * Bilinear with half-pixel centres (torch: align_corners = false), as two products with a fixed matrix:
 * the same result on every engine. Golden: `primitives.bilinear_half_pixel`.
 * @param images [B, C, s, s]
 * @returns [B, C, side, side]
 */
export function resizeBilinear(images: Tensor4D, side: number): Tensor4D {
  return tf.tidy(() => {
    const [batch, channels, stored] = images.shape;
    const weights = tf.tensor2d(bilinearWeights(stored, side), [side, stored]);
    const columns = tf.matMul(
      images.reshape([batch * channels * stored, stored]) as Tensor,
      weights,
      false,
      true,
    );
    const rows = tf.matMul(
      weights.reshape([1, side, stored]),
      columns.reshape([batch * channels, stored, side]),
    );
    return rows.reshape([batch, channels, side, side]);
  });
}

/** [to, from], row by row: how much each source pixel gives to each target pixel. */
function bilinearWeights(from: number, to: number): Float32Array {
  const weights = new Float32Array(to * from);
  for (let target = 0; target < to; target++) {
    const centre = Math.max(0, ((target + 0.5) * from) / to - 0.5);
    const low = Math.min(from - 1, Math.floor(centre));
    const high = Math.min(from - 1, low + 1);
    const share = centre - low;
    weights[target * from + low]! += 1 - share;
    weights[target * from + high]! += share;
  }
  return weights;
}
