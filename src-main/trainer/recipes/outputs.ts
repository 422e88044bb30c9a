/** What evaluation steps return; `metrics/evaluation.ts` reads it. */
import type { Tensors } from '../engine/engine.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor1D, Tensor2D } from '../engine/tf.ts';
import { crossEntropy, oneHot } from '../losses/cross-entropy.ts';

/**
 * Of a classifier: the cross-entropy, without smoothing so that runs can be compared, the likeliest class
 * and the place of the true one.
 * @param logits [B, C]
 * @param labels [B] int32
 */
export const classificationOutputs = (logits: Tensor2D, labels: Tensor1D): Tensors => ({
  losses: crossEntropy(logits, labels, 0),
  predictions: logits.argMax(1).cast('int32'),
  ranks: ranks(logits, labels),
});

/**
 * Place of the true class by its logit, 0 for the likeliest; of equal ones the lower class comes first, as
 * in `argMax`. Logits that are no numbers put it last.
 * @returns [B] int32
 */
export function ranks(logits: Tensor2D, labels: Tensor1D): Tensor1D {
  const [batch, classes] = logits.shape;
  const own = logits.mul(oneHot(labels, classes)).sum(1, true);
  const later = tf
    .range(0, classes, 1, 'int32')
    .reshape([1, classes])
    .greater(labels.reshape([batch, 1]))
    .cast<tf.Tensor>('float32');
  const below = logits.less(own).cast<tf.Tensor>('float32');
  const level = logits.equal(own).cast<tf.Tensor>('float32');
  return tf
    .scalar(classes - 1)
    .sub(below.add(level.mul(later)).sum(1))
    .cast('int32');
}
