/** Cross-entropy with label smoothing, as one op with its own short gradient. */
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
  const [batch, classes] = logits.shape;
  const hit = labels
    .reshape([batch, 1])
    .equal(tf.range(0, classes, 1, 'int32').reshape([1, classes]));
  const target = hit
    .cast('float32')
    .mul(tf.scalar(1 - smoothing))
    .add(tf.scalar(smoothing / classes));

  const differentiable = tf.customGrad((x, save) => {
    // customGrad's functions take tensors and a `save` function in one untyped list
    const [input, keep] = [x as Tensor2D, save as (tensors: Tensor[]) => void];
    const shifted = input.sub(input.max(1, true));
    const exponentials = shifted.exp();
    const total = exponentials.sum(1, true);
    // what the gradient needs must be saved: everything else of the forward pass is freed
    keep([exponentials.div(total), target]);
    return {
      value: total.log().sub(shifted.mul(target).sum(1, true)).reshape([batch]),
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        saved[0]!.sub(saved[1]!).mul(dy.reshape([batch, 1])),
    };
  });
  return differentiable(logits) as Tensor1D;
}
