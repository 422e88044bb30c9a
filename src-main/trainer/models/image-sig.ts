/**
 * ImageSig's heads (Ibrahim and Lyons 2022; method F.4): a fully connected one, a small convolution over
 * the sequence of signatures, and a transformer encoder.
 */
import { maxPool1d } from '../engine/convolution.ts';
import type { Tensors } from '../engine/engine.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor2D, Tensor3D } from '../engine/tf.ts';
import { span, type ImageSigModel } from './image-sig-architecture.ts';
import { linear } from './linear.ts';

/**
 * The heads `fc` and `cnn`.
 * @param signatures [B, n, 120]
 * @returns logits [B, classes]
 */
export function denseHeadForward(
  { head }: Pick<ImageSigModel, 'head'>,
  parameters: Tensors,
  signatures: Tensor3D,
  dropout: (values: Tensor) => Tensor,
): Tensor2D {
  const block = (x: Tensor3D, name: string): Tensor3D =>
    maxPool1d(tf.relu(conv1d(parameters, x, name)), span);
  const top = head === 'cnn' ? block(block(signatures, 'conv1'), 'conv2') : signatures;
  const flat = top.reshape([top.shape[0], -1]);
  return linear(parameters, dropout(tf.relu(linear(parameters, flat, 'dense'))), 'head');
}

/**
 * Convolution over a sequence without padding: neighbours side by side, then one product.
 * @param x [B, n, C]
 * @returns [B, n - span + 1, out]
 */
function conv1d(parameters: Tensors, x: Tensor3D, name: string): Tensor3D {
  const [batch, length, channels] = x.shape;
  const places = length - span + 1;
  const neighbours = Array.from({ length: span }, (_, at) =>
    x.slice([0, at, 0], [batch, places, channels]),
  );
  const rows = tf.concat(neighbours, 2).reshape([batch * places, span * channels]);
  return linear(parameters, rows, name).reshape([batch, places, -1]);
}
