/** Labels as inputs of a training step: one per image, or two and a share where images are mixed. */
import type { ExperimentConfig } from '../../experiment-config.ts';
import { mixes } from '../augment/mix.ts';
import type { Specs, Tensors } from '../engine/engine.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor1D, Tensor2D } from '../engine/tf.ts';
import { smoothedTargets } from '../losses/cross-entropy.ts';

/** `labels` [B]; with mixup or CutMix also `otherLabels` [B] and `share`, the weight of the first. */
export const labelSpecs = (augment: ExperimentConfig['augment'], batch: number): Specs => ({
  labels: { shape: [batch], dtype: 'int32' },
  ...(mixes(augment) && {
    otherLabels: { shape: [batch], dtype: 'int32' },
    share: { shape: [], dtype: 'float32' },
  }),
});

/**
 * share onehot(label) + (1 - share) onehot(other), smoothed: what cross-entropy is taken against.
 * @param inputs of a step that declares `labelSpecs`.
 * @returns [B, C]
 */
export function labelTargets(inputs: Tensors, classes: number, smoothing: number): Tensor2D {
  const own = smoothedTargets(inputs.labels as Tensor1D, classes, smoothing);
  const { otherLabels, share } = inputs;
  if (!otherLabels || !share) return own;
  const other = smoothedTargets(otherLabels as Tensor1D, classes, smoothing);
  return own.mul<Tensor2D>(share).add(other.mul(tf.scalar(1).sub(share)));
}
