/**
 * Delta attention, inspired by DiVIT (Li et al., J. Systems Architecture 128, 2022, 102520), whose text we could
 * not read: queries and keys are computed from what a patch differs from a reference patch, with small
 * differences set to 0 (method F.3). Projections are linear, so q = W x_ref + W Δ = W (x_ref + Δ), and
 * threshold 0 loses nothing. Dense hardware multiplies the zeros too: only an accelerator would save, and
 * evaluations count how much it could.
 */
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor1D, Tensor3D } from '../../engine/tf.ts';
import { deltaOwn, type DeltaReference } from '../../../experiment-config/attention.ts';
import type { AttentionVariant, ZeroDeltas } from './registry.ts';
import { attendWith } from './scores.ts';

export const delta: AttentionVariant<'delta'> = {
  attend({ tokens, project, onWeights, onZeroDeltas }, { reference, threshold }) {
    const references = referencesOf(tokens, reference);
    const kept = thresholded(tokens.sub(references), threshold);
    onZeroDeltas?.(zeroDeltas(kept as Tensor3D, reference));
    const coarse = references.add(kept);
    const [q, k, v] = [project('q', coarse), project('k', coarse), project('v')];
    return attendWith({ q, k }, v, onWeights, q.shape[3] ** -0.5);
  },
};

/**
 * What every token is compared with. The first `deltaOwn` of them are their own: the class token, and of
 * patches in a row the first.
 * @param tokens [B, n, D], class token first; for `serpentine` the whole grid of patches follows it
 */
export function referencesOf(tokens: Tensor3D, reference: DeltaReference): Tensor {
  const [batch, n, width] = tokens.shape;
  switch (reference) {
    case 'previous': {
      const own = tokens.slice([0, 0, 0], [batch, 2, width]);
      return tf.concat([own, tokens.slice([0, 1, 0], [batch, n - 2, width])], 1);
    }
    case 'serpentine':
      return tf.gather(tokens, tf.tensor1d(serpentinePredecessors(n - 1), 'int32'), 1);
    case 'mean': {
      const cls = tokens.slice([0, 0, 0], [batch, 1, width]);
      const patches = tokens.slice([0, 1, 0], [batch, n - 1, width]);
      const mean = tf.zeros(patches.shape).add(patches.mean(1, true));
      return tf.concat([cls, mean], 1);
    }
  }
}

/**
 * The token before each on a way through the grid that turns round at the end of every row, so that it is always
 * a neighbour: even rows from left to right, odd ones back.
 * @param patches of a square grid
 * @returns [1 + patches] places, class token first
 */
export function serpentinePredecessors(patches: number): Int32Array {
  const side = Math.round(Math.sqrt(patches));
  if (side ** 2 !== patches)
    throw new Error(
      `serpentine order needs the whole grid of patches, and ${patches} are no square: use "previous"`,
    );
  const before = new Int32Array(patches + 1);
  for (let patch = 0; patch < patches; patch++) {
    const [row, column] = [Math.floor(patch / side), patch % side];
    const [step, first] = row % 2 === 0 ? [-1, 0] : [1, side - 1];
    const previous = column === first ? patch - side : patch + step;
    before[patch + 1] = 1 + (patch === 0 ? 0 : previous);
  }
  return before;
}

/** Differences below the threshold become 0, the others stay as they are. */
export function thresholded(differences: Tensor, threshold: number): Tensor {
  const kept = tf.greaterEqual(differences.abs(), tf.scalar(threshold));
  return differences.mul(tf.cast(kept, 'float32'));
}

/**
 * The delta sparsity meter: shares of zeros among the differences of tokens that have a reference.
 * @param kept [B, n, D] after the threshold
 */
export function zeroDeltas(kept: Tensor3D, reference: DeltaReference): ZeroDeltas {
  const [batch, n, width] = kept.shape;
  const own = deltaOwn[reference];
  const sizes = kept.slice([0, own, 0], [batch, n - own, width]).abs();
  // rounded to whole steps, the largest difference of the image being 127 of them, half a step is 0
  const halfStep = sizes.max([1, 2], true).div(tf.scalar(254));
  const share = (limit: Tensor): Tensor1D =>
    tf.cast(tf.lessEqual(sizes, limit), 'float32').mean<Tensor1D>([1, 2]);
  return { thresholded: share(tf.scalar(0)), in8Bits: share(halfStep) };
}
