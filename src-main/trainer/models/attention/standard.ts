/** Scaled dot-product attention: softmax(q kᵀ / sqrt d) v (method A.1). */
import { attention } from '../../engine/ops.ts';
import type { Tensor4D } from '../../engine/tf.ts';
import type { AttentionVariant } from './registry.ts';

export const standard: AttentionVariant = {
  attend: ({ q, k, v }) => attention(q, k, v, q.shape[3] ** -0.5) as Tensor4D,
};
