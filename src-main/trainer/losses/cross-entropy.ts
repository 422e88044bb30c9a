/** Cross-entropy against any distribution over the classes, as one op with its own short gradient. */
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor1D, Tensor2D } from '../engine/tf.ts';

/**
 * Per image: -Σ target_c log softmax(logits)_c with target = (1 - s) onehot + s / C (torch's
 * `label_smoothing`). Golden: `primitives.cross_entropy`.
 * @param logits [B, C]
 * @param labels [B] int32
 * @returns [B]
 */
export function crossEntropy(logits: Tensor2D, labels: Tensor1D, smoothing: number): Tensor1D {
  return crossEntropyTo(logits, smoothedTargets(labels, logits.shape[1], smoothing));
}

/** (1 - s) onehot(label) + s / C. @returns [B, C] */
export function smoothedTargets(labels: Tensor1D, classes: number, smoothing: number): Tensor2D {
  return oneHot(labels, classes)
    .mul(tf.scalar(1 - smoothing))
    .add(tf.scalar(smoothing / classes));
}

/** @returns [B, C] float32: 1 at the label, 0 elsewhere. */
export function oneHot(labels: Tensor1D, classes: number): Tensor2D {
  return labels
    .reshape([-1, 1])
    .equal(tf.range(0, classes, 1, 'int32').reshape([1, classes]))
    .cast('float32');
}

/**
 * Per image: -Σ target_c log softmax(logits)_c.
 * @param logits [B, C]
 * @param targets [B, C], rows sum to 1; a constant for the gradient.
 * @returns [B]
 */
export function crossEntropyTo(logits: Tensor2D, targets: Tensor2D): Tensor1D {
  const [batch] = logits.shape;
  const differentiable = tf.customGrad((x, save) => {
    // customGrad's functions take tensors and a `save` function in one untyped list
    const [input, keep] = [x as Tensor2D, save as (tensors: Tensor[]) => void];
    const shifted = input.sub(input.max(1, true));
    const exponentials = shifted.exp();
    const total = exponentials.sum(1, true);
    // what the gradient needs must be saved: everything else of the forward pass is freed
    keep([exponentials.div(total), targets]);
    return {
      value: total.log().sub(shifted.mul(targets).sum(1, true)).reshape([batch]),
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        saved[0]!.sub(saved[1]!).mul(dy.reshape([batch, 1])),
    };
  });
  return differentiable(logits) as Tensor1D;
}
