/** Scaled dot-product attention: softmax(q kᵀ / sqrt d) v (method A.1), or with a sparse normaliser (D). */
import * as tf from '../../engine/tf.ts';
import type { Tensor4D } from '../../engine/tf.ts';
import { normalise } from './normalisers.ts';
import type { AttentionVariant } from './registry.ts';
import { attendWith, forAllHeads, withKeyBias } from './scores.ts';

export const standard: AttentionVariant<'standard'> = {
  attend({ project, logSizes, onWeights }, { normaliser }) {
    const [q, k, v] = [project('q'), project('k'), project('v')];
    const scale = q.shape[3] ** -0.5;
    if (logSizes) {
      const sized = withKeyBias(q.mul(tf.scalar(scale)), k, forAllHeads(logSizes, k));
      return attendWith(sized, v, onWeights);
    }
    if (normaliser === 'softmax') return attendWith({ q, k }, v, onWeights, scale);
    const scores = tf.matMul(q.mul(tf.scalar(scale)), k, false, true);
    const weights = normalise(scores, normaliser);
    onWeights?.(weights);
    return tf.matMul(weights, v) as Tensor4D;
  },
};
