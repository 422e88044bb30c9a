/**
 * Path signatures of images as tensor ops: what `signature.ts` computes on the host, for an exported model
 * that takes images. Same method (F.4), same numbers up to the rounding of float32.
 */
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor3D, Tensor4D } from '../engine/tf.ts';
import { resizeBilinear } from './images.ts';
import { signatureLevel, type SignatureOptions } from './signature.ts';

/**
 * Signatures of every row, and of every column if asked, of pixels in [0, 1].
 * @param images [B, C, size, size] int32, 0..255
 * @returns [B, S, 120] for colour, or [B, 2 S, 120]
 */
export function signaturesOf(
  images: Tensor4D,
  { channels, size, image, columns }: SignatureOptions,
): Tensor3D {
  const bytes = images.cast<Tensor4D>('float32');
  const pixels = size === image ? bytes : resizeBilinear(bytes, image);
  const rows = pixels.transpose([0, 2, 3, 1]);
  const lines = columns ? tf.concat([rows, pixels.transpose([0, 3, 2, 1])], 1) : rows;
  const [batch, count] = [images.shape[0], lines.shape[1]!];
  const paths = lines.reshape<Tensor3D>([batch * count, image, channels]);
  return pathSignatures(paths, 1 / 255).reshape([batch, count, -1]);
}

/**
 * Levels 1 to 4 of the signatures of paths of straight segments.
 *
 * Level L of a path grows, with a segment d, by the sum over l of (level L - l before it) x d^l / l!
 * (Chen's identity with exp(d) written out), where x is the tensor product. A sum over the segments
 * before each one is a running sum, so that no segment waits for the one before it.
 * @param points [R, length, C]; whole numbers stay exact for two levels
 * @param unit what a step of 1 counts as; it scales the result
 * @returns [R, C + C² + C³ + C⁴], order as in `PathSignature`
 */
export function pathSignatures(points: Tensor3D, unit = 1): Tensor {
  const [, length, channels] = points.shape;
  const from = points.slice([0, 0, 0], [-1, length - 1, channels]);
  const to = points.slice([0, 1, 0], [-1, length - 1, channels]);
  const steps: Tensor = to.sub(from);
  /** d, d², d³, d⁴: [R, length - 1, C^l] */
  const powers = [steps];
  while (powers.length < signatureLevel) powers.push(outer(powers.at(-1)!, steps));

  const sums: Tensor[] = [];
  /** Levels before each segment. */
  const before: Tensor[] = [];
  for (let level = 1, factorial = 1; level <= signatureLevel; level++, factorial *= level) {
    let growth = powers[level - 1]!.mul(tf.scalar(1 / factorial));
    for (let l = 1, divisor = 1; l < level; l++, divisor *= l)
      growth = growth.add(
        outer(before[level - l - 1]!, powers[l - 1]!).mul(tf.scalar(1 / divisor)),
      );
    sums.push(growth.sum(1).mul(tf.scalar(unit ** level)));
    if (level < signatureLevel) before.push(tf.cumsum(growth, 1, true));
  }
  return tf.concat(sums, 1);
}

/** [R, T, p], [R, T, q] -> [R, T, p q], the first index the slower one. */
function outer(a: Tensor, b: Tensor): Tensor {
  const [, length, p] = a.shape as [number, number, number];
  const q = b.shape.at(-1)!;
  return a
    .expandDims(3)
    .mul(b.expandDims(2))
    .reshape([-1, length, p * q]);
}
