/**
 * Forward pass of the convolutional reference models (method F.5; cnn-architecture.ts has what they are
 * built of). Training normalises by the batch and moves the running statistics, evaluation uses those.
 */
import { batchNorm, channelAffine, conv2d, maxPool2d } from '../engine/convolution.ts';
import type { Tensors } from '../engine/engine.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor2D, Tensor4D } from '../engine/tf.ts';
import {
  cnnArchitecture,
  type Activation,
  type Block,
  type CnnModel,
  type Squeeze,
  type Unit,
} from './cnn-architecture.ts';
import { linear, parameterOf } from './linear.ts';

/** Share of the newest batch in the running statistics (PyTorch's default). */
const momentum = 0.1;

export interface CnnPass {
  /** By name, as in `cnnParameters`. */
  parameters: Tensors;
  /** By name, as in `cnnBuffers`. */
  buffers: Tensors;
  /** [B, 3, S, S], normalised. */
  images: Tensor4D;
  training: boolean;
  /** Of what is classified. */
  dropout?: (values: Tensor) => Tensor;
}

/** @returns logits [B, classes] and, in training, the running statistics after this batch. */
export function cnnForward(
  model: CnnModel,
  { parameters, buffers, images, training, dropout = (values) => values }: CnnPass,
): { logits: Tensor2D; buffers: Tensors } {
  const next: Tensors = {};
  const { blocks, head, batchNormEpsilon } = cnnArchitecture(model);
  const top = blocks.reduce<Tensor4D>(applyBlock, images);
  const features = dropout(tf.mean(top, [2, 3]));
  return { logits: linear(parameters, features, head), buffers: next };

  function applyBlock(x: Tensor4D, { units, shortcut, activation, pool }: Block): Tensor4D {
    const y = units.reduce(applyUnit, x);
    const sum = shortcut === 'none' ? y : y.add<Tensor4D>(direct(x, shortcut, y.shape[1]));
    const active = activate(sum, activation);
    return pool ? maxPool2d(active, 3, 2, 1) : active;
  }

  /** What a block adds to its output. */
  function direct(x: Tensor4D, shortcut: Block['shortcut'], channels: number): Tensor4D {
    if (typeof shortcut !== 'string') return applyUnit(x, shortcut);
    return shortcut === 'pad' ? halve(x, channels) : x;
  }

  function applyUnit(x: Tensor4D, unit: Unit): Tensor4D {
    const { conv, norm, kernel, stride, depthwise, activation, squeeze } = unit;
    const weight = parameterOf(parameters, `${conv}.weight`);
    const y = conv2d(x, weight, { stride, pad: (kernel - 1) / 2, depthwise });
    const active = activate(normalise(y, norm), activation);
    return squeeze === null ? active : excite(active, squeeze);
  }

  function normalise(x: Tensor4D, name: string): Tensor4D {
    const gamma = parameterOf(parameters, `${name}.weight`);
    const beta = parameterOf(parameters, `${name}.bias`);
    const runningMean = parameterOf(buffers, `${name}.running_mean`);
    const runningVar = parameterOf(buffers, `${name}.running_var`);
    if (!training) {
      const scale = gamma.div(runningVar.add(tf.scalar(batchNormEpsilon)).sqrt());
      return channelAffine(x, scale, beta.sub(runningMean.mul(scale)));
    }
    const { y, mean, variance } = batchNorm(x, gamma, beta, batchNormEpsilon);
    const [batch, , height, width] = x.shape;
    const samples = batch * height * width;
    // the running variance is that of the population: unbiased
    const unbiased = variance.mul(tf.scalar(samples / Math.max(1, samples - 1)));
    next[`${name}.running_mean`] = moved(runningMean, mean);
    next[`${name}.running_var`] = moved(runningVar, unbiased);
    return y;
  }

  /** Every channel scaled by what the image as a whole says of it. */
  function excite(x: Tensor4D, { width, reduce, expand }: Squeeze): Tensor4D {
    const [batch, channels] = x.shape;
    const squeezed = activate(gateLayer(tf.mean(x, [2, 3]), reduce, [width, channels]), 'silu');
    const gate = tf.sigmoid(gateLayer(squeezed, expand, [channels, width]));
    return x.mul(gate.reshape([batch, channels, 1, 1]));
  }

  /** @param shape of the weights: they may be stored as a 1x1 convolution's. */
  function gateLayer(x: Tensor, name: string, shape: [number, number]): Tensor2D {
    const weight = parameterOf(parameters, `${name}.weight`).reshape<Tensor2D>(shape);
    const product = tf.matMul(x as Tensor2D, weight, false, true);
    return product.add(parameterOf(parameters, `${name}.bias`));
  }
}

const moved = (running: Tensor, now: Tensor): Tensor =>
  running.mul(tf.scalar(1 - momentum)).add(now.mul(tf.scalar(momentum)));

function activate<T extends Tensor>(x: T, activation: Activation): T {
  if (activation === 'relu') return tf.relu(x);
  return activation === 'silu' ? x.mul(tf.sigmoid(x)) : x;
}

/** Every other row and column, and zeros for the channels that are new (He et al. 2016, option A). */
function halve(x: Tensor4D, channels: number): Tensor4D {
  const [batch, own, height, width] = x.shape;
  const [rows, columns] = [height / 2, width / 2];
  // an even row and the odd one below it side by side: half of it is every other row
  const even = x.reshape([batch * own * rows, 2 * width]).slice([0, 0], [-1, width]);
  const few = even.reshape([batch * own * rows * columns, 2]).slice([0, 0], [-1, 1]);
  const kept = few.reshape<Tensor4D>([batch, own, rows, columns]);
  const added = tf.zeros([batch, channels - own, rows, columns]) as Tensor4D;
  return tf.concat([kept, added], 1);
}
