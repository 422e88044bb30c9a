/** Focal loss (Lin et al. 2017, eq. 4) over a softmax: cross-entropy that counts easy images less. */
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor1D, Tensor2D } from '../engine/tf.ts';
import { crossEntropyTo } from './cross-entropy.ts';

/** 1 - p is kept above this: its power below 1 has no slope at 0. */
const smallest = 1e-6;

/**
 * Per image: -Σ target_c (1 - p_c)^gamma log p_c, p = softmax(logits). With gamma 0 it is cross-entropy;
 * ImageSig's authors train with 2 (method F.4). Golden: `focal`, made with PyTorch.
 * @param logits [B, C]
 * @param targets [B, C], rows sum to 1; a constant for the gradient.
 * @returns [B]
 */
export function focalTo(logits: Tensor2D, targets: Tensor2D, gamma: number): Tensor1D {
  if (gamma === 0) return crossEntropyTo(logits, targets);
  const differentiable = tf.customGrad((x, save) => {
    // customGrad's functions take tensors and a `save` function in one untyped list
    const [input, keep] = [x as Tensor2D, save as (tensors: Tensor[]) => void];
    const shifted = input.sub(input.max(1, true));
    const logP = shifted.sub(shifted.exp().sum(1, true).log());
    const p = logP.exp();
    const rest = tf.maximum(tf.scalar(1).sub(p), tf.scalar(smallest));
    const weight = tf.pow(rest, tf.scalar(gamma));
    // d loss / d log p, with the derivative of the weight
    const slope = weight
      .sub(
        tf
          .pow(rest, tf.scalar(gamma - 1))
          .mul(p)
          .mul(logP)
          .mul(tf.scalar(gamma)),
      )
      .mul(targets)
      .neg();
    keep([slope.sub(p.mul(slope.sum(1, true)))]);
    return {
      value: weight.mul(logP).mul(targets).sum(1).neg(),
      gradFunc: (dy: Tensor, saved: Tensor[]) => saved[0]!.mul(dy.reshape([-1, 1])),
    };
  });
  return differentiable(logits) as Tensor1D;
}
