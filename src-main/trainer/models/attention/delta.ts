/**
 * Delta attention, inspired by DiVIT (Li et al., J. Systems Architecture 128, 2022, 102520), whose text we could
 * not read: queries and keys are computed from what a patch differs from a reference patch, with small
 * differences set to 0 (method F.3). Projections are linear, so q = W x_ref + W Δ = W (x_ref + Δ), and
 * threshold 0 loses nothing. Dense hardware multiplies the zeros too: only an accelerator would save.
 */
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor3D } from '../../engine/tf.ts';
import type { AttentionVariant } from './registry.ts';
import { attendWith } from './scores.ts';

export const delta: AttentionVariant<'delta'> = {
  attend({ tokens, project, onWeights }, { reference, threshold }) {
    const references = referencesOf(tokens, reference);
    const coarse = references.add(thresholded(tokens.sub(references), threshold));
    const [q, k, v] = [project('q', coarse), project('k', coarse), project('v')];
    return attendWith({ q, k }, v, onWeights, q.shape[3] ** -0.5);
  },
};

/**
 * What every token is compared with. The class token, and with `previous` the first patch, are their own.
 * @param tokens [B, n, D], class token first, n of at least 2
 */
export function referencesOf(tokens: Tensor3D, reference: 'previous' | 'mean'): Tensor {
  const [batch, n, width] = tokens.shape;
  if (reference === 'previous') {
    const own = tokens.slice([0, 0, 0], [batch, 2, width]);
    return tf.concat([own, tokens.slice([0, 1, 0], [batch, n - 2, width])], 1);
  }
  const cls = tokens.slice([0, 0, 0], [batch, 1, width]);
  const patches = tokens.slice([0, 1, 0], [batch, n - 1, width]);
  const mean = tf.zeros(patches.shape).add(patches.mean(1, true));
  return tf.concat([cls, mean], 1);
}

/** Differences below the threshold become 0, the others stay as they are. */
export function thresholded(differences: Tensor, threshold: number): Tensor {
  const kept = tf.greaterEqual(differences.abs(), tf.scalar(threshold));
  return differences.mul(tf.cast(kept, 'float32'));
}
