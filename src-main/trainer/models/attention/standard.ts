/** Scaled dot-product attention: softmax(q kᵀ / sqrt d) v (method A.1), or with a sparse normaliser (D). */
import { attention } from '../../engine/ops.ts';
import * as tf from '../../engine/tf.ts';
import type { Tensor4D } from '../../engine/tf.ts';
import { normalise } from './normalisers.ts';
import type { AttentionVariant } from './registry.ts';

export const standard: AttentionVariant<'standard'> = {
  attend({ project }, { normaliser }) {
    const [q, k, v] = [project('q'), project('k'), project('v')];
    const scale = q.shape[3] ** -0.5;
    if (normaliser === 'softmax') return attention(q, k, v, scale) as Tensor4D;
    const scores = tf.matMul(q.mul(tf.scalar(scale)), k, false, true);
    return tf.matMul(normalise(scores, normaliser), v) as Tensor4D;
  },
};
