/** What evaluation steps return; `metrics/evaluation.ts` reads it. */
import type { Tensors } from '../engine/engine.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor1D, Tensor2D } from '../engine/tf.ts';
import { boxLoss, centreToCorners, hasArea } from '../losses/box.ts';
import { crossEntropy, oneHot } from '../losses/cross-entropy.ts';
import type { ZeroDeltas } from '../models/attention/registry.ts';

/**
 * Of a classifier: the cross-entropy, without smoothing so that runs can be compared, the likeliest class,
 * the place of the true one, and how probable both are.
 * @param logits [B, C]
 * @param labels [B] int32
 */
export const classificationOutputs = (logits: Tensor2D, labels: Tensor1D): Tensors => ({
  losses: crossEntropy(logits, labels, 0),
  predictions: logits.argMax(1).cast('int32'),
  ranks: ranks(logits, labels),
  ...probabilities(logits, labels),
});

/** Softmax of the likeliest and of the true class, [B] each. */
function probabilities(logits: Tensor2D, labels: Tensor1D): Tensors {
  const all = tf.softmax(logits);
  return {
    scores: all.max(1),
    trueScores: all.mul(oneHot(labels, logits.shape[1])).sum(1),
  };
}

/** Of a model that counts zero differences, the shares [B] by image; nothing of others. */
export const zeroDeltaOutputs = (zeros: ZeroDeltas | undefined): Tensors =>
  zeros ? { zeroDeltas: zeros.thresholded, zeroDeltas8Bit: zeros.in8Bits } : {};

/**
 * Of a model that finds an object as well: its box as corners, 0..1, and a loss with that of the box in it.
 * @param boxes [B, 4] predicted, centre and size
 * @param target [B, 4] corners; of no area where the object is not known.
 */
export function detectionOutputs(
  logits: Tensor2D,
  labels: Tensor1D,
  boxes: Tensor2D,
  target: Tensor2D,
): Tensors {
  const classes = classificationOutputs(logits, labels);
  return {
    ...classes,
    losses: classes.losses!.add(boxLoss(boxes, target).mul(hasArea(target))),
    boxes: centreToCorners(boxes),
  };
}

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
