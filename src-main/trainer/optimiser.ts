/**
 * Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019) with PyTorch's arithmetic, on one
 * flat tensor, and the learning rate of every step.
 *
 * What changes from step to step comes from the host as scalars, so that one graph serves all steps.
 */
import type { ExperimentConfig } from '../experiment-config.ts';
import * as tf from './engine/tf.ts';
import type { Scalar, Tensor } from './engine/tf.ts';

export type TrainConfig = ExperimentConfig['train'];

const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-8;

export interface Moments {
  /** Running mean of the gradient, [P]. */
  moment1: Tensor;
  /** Running mean of its square, [P]. */
  moment2: Tensor;
}

/** The scalars of one step. */
export interface StepScalars {
  /** lr / (1 - beta1^t) */
  stepSize: number;
  /** 1 / sqrt(1 - beta2^t) */
  secondScale: number;
  /** lr x weight decay; 0 for Adam. */
  shrink: number;
}

/** @param step 1-based: t of the bias corrections. */
export function stepScalars(
  { optimizer, weightDecay }: Pick<TrainConfig, 'optimizer' | 'weightDecay'>,
  lr: number,
  step: number,
): StepScalars {
  return {
    stepSize: lr / (1 - beta1 ** step),
    secondScale: 1 / Math.sqrt(1 - beta2 ** step),
    shrink: optimizer === 'adamw' ? lr * weightDecay : 0,
  };
}

/**
 * One update. Golden: `vit_tiny.adam3`, `vit_tiny.adamw3`.
 * @param parameters [P]
 * @param gradient [P]
 * @param decay [P] 1 where weight decay applies; null: nowhere.
 */
export function adamUpdate(
  parameters: Tensor,
  { moment1, moment2 }: Moments,
  gradient: Tensor,
  decay: Tensor | null,
  { stepSize, secondScale, shrink }: Record<keyof StepScalars, Tensor>,
): { parameters: Tensor } & Moments {
  const m = moment1.mul(tf.scalar(beta1)).add(gradient.mul(tf.scalar(1 - beta1)));
  const v = moment2.mul(tf.scalar(beta2)).add(gradient.square().mul(tf.scalar(1 - beta2)));
  const update = m.mul(stepSize).div(v.sqrt().mul(secondScale).add(tf.scalar(epsilon)));
  const decayed = decay ? parameters.sub(parameters.mul(decay.mul(shrink))) : parameters;
  return { parameters: decayed.sub(update), moment1: m, moment2: v };
}

/** Scales a gradient down to a largest global norm (torch.nn.utils.clip_grad_norm_). */
export function clipToNorm(gradient: Tensor, largest: number): Tensor {
  const norm = gradient.square().sum().sqrt();
  const factor = tf.minimum(tf.scalar(1), tf.scalar(largest).div(norm.add(tf.scalar(1e-6))));
  return gradient.mul(factor as Scalar);
}

/**
 * The learning rate of a step: a line up from 0 over the warm-up, then constant or half a cosine that
 * reaches `minLr` in the last step.
 * @param step 1-based.
 */
export function learningRate(
  { lr, minLr, warmup, schedule }: Pick<TrainConfig, 'lr' | 'minLr' | 'warmup' | 'schedule'>,
  step: number,
  steps: number,
): number {
  const warmupSteps = Math.round(warmup * steps);
  if (step <= warmupSteps) return (lr * step) / warmupSteps;
  if (schedule === 'constant') return lr;
  const progress = (step - warmupSteps - 1) / Math.max(1, steps - warmupSteps - 1);
  return minLr + 0.5 * (lr - minLr) * (1 + Math.cos(Math.PI * Math.min(1, progress)));
}
