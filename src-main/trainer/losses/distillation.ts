/** Learning from a teacher's logits (method F.6). Golden: `distillation`. */
import * as tf from '../engine/tf.ts';
import type { Tensor1D, Tensor2D } from '../engine/tf.ts';
import { crossEntropy, crossEntropyTo } from './cross-entropy.ts';

export interface DistillationOptions {
  /** `soft`: the teacher's whole distribution; `hard`: the class it finds likeliest. */
  kind: 'soft' | 'hard';
  /** T of the soft kind: the higher, the more the unlikely classes count. */
  temperature: number;
  /** λ, the teacher's share in the soft loss; the hard one takes half. */
  weight: number;
}

/**
 * The loss per image.
 *
 * `soft` (Hinton et al. 2015, arXiv 1503.02531):
 * (1 - λ) CE(s, y) + λ T² KL(softmax(t / T) ‖ softmax(s / T)).
 * `hard` (DeiT, Touvron et al. 2021, arXiv 2012.12877): ½ CE(s, y) + ½ CE(s, argmax t).
 * @param student [B, C] logits
 * @param teacher [B, C] logits, a constant for the gradient.
 * @param targets [B, C] the labels, smoothed or mixed; rows sum to 1.
 * @returns [B]
 */
export function distillationLoss(
  student: Tensor2D,
  teacher: Tensor2D,
  targets: Tensor2D,
  { kind, temperature, weight }: DistillationOptions,
): Tensor1D {
  const own = crossEntropyTo(student, targets);
  if (kind === 'hard') {
    const chosen = teacher.argMax(1).cast<Tensor1D>('int32');
    return own.add(crossEntropy(student, chosen, 0)).mul(tf.scalar(0.5));
  }
  return own
    .mul(tf.scalar(1 - weight))
    .add(softDivergence(student, teacher, temperature).mul(tf.scalar(weight)));
}

/** T² KL(softmax(t / T) ‖ softmax(s / T)) per image; T² keeps its gradient as large as that of cross-entropy. */
export function softDivergence(
  student: Tensor2D,
  teacher: Tensor2D,
  temperature: number,
): Tensor1D {
  const soften = (logits: Tensor2D): Tensor2D => logits.mul(tf.scalar(1 / temperature));
  const softened = soften(teacher);
  const targets = tf.softmax(softened);
  // KL(p ‖ q) = H(p, q) - H(p), and the teacher's entropy is its cross-entropy with itself
  return crossEntropyTo(soften(student), targets)
    .sub(crossEntropyTo(softened, targets))
    .mul(tf.scalar(temperature ** 2));
}
