/**
 * The head that finds one object (method G.4): attention pooling with one learned query over the patch
 * tokens, and from the pooled feature a box and, through the ViT's own classifier, the class. The mean over
 * tokens, which a plain ViT pools with, forgets most of where things are.
 */
import type { Tensors } from '../engine/engine.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor2D, Tensor3D } from '../engine/tf.ts';
import type { Parameter } from './parameters.ts';

/** Its parameters, after those of the ViT. @param dim D, the width of the tokens. */
export function detectionParameters(dim: number): Parameter[] {
  const linear = (name: string, out: number): Parameter => ({
    name: `head.${name}`,
    shape: [out, dim],
    init: { kind: 'fan-in', fanIn: dim },
    decay: true,
  });
  const bias = (name: string, out: number): Parameter => ({
    name: `head.${name}`,
    shape: [out],
    init: { kind: 'fan-in', fanIn: dim },
    decay: false,
  });
  return [
    { name: 'head.pool.query', shape: [dim], init: { kind: 'normal', std: 0.02 }, decay: false },
    linear('pool.key.weight', dim),
    linear('pool.value.weight', dim),
    linear('box.fc1.weight', dim),
    bias('box.fc1.bias', dim),
    linear('box.fc2.weight', 4),
    bias('box.fc2.bias', 4),
  ];
}

/**
 * a = softmax(u · W_k t_j / sqrt D), f = Σ_j a_j W_v t_j, box = sigmoid(MLP(f)) with D -> D -> 4 and ReLU.
 * @param tokens [B, n, D] of the patches, without the class token.
 * @returns feature f [B, D]; boxes [B, 4] as centre and size in units of the image's side; the weights a [B, 1, n].
 */
export function detectionHead(
  parameters: Tensors,
  tokens: Tensor3D,
): { feature: Tensor2D; boxes: Tensor2D; weights: Tensor } {
  const [batch, count, dim] = tokens.shape;
  const parameter = (name: string): Tensor => {
    const tensor = parameters[`head.${name}`];
    if (!tensor) throw new Error(`the model has no parameter "head.${name}"`);
    return tensor;
  };
  // u · W_k t = (u W_k) · t, and Σ a W_v t = W_v Σ a t: products of vectors, none over all tokens
  const query = tf.matMul(parameter('pool.query').reshape([1, dim]), parameter('pool.key.weight'));
  const scores = tokens
    .reshape<Tensor2D>([batch * count, dim])
    .matMul(query.mul(tf.scalar(1 / Math.sqrt(dim))), false, true)
    .reshape([batch, 1, count]);
  const weights = tf.softmax(scores);
  const pooled = tf.matMul(weights, tokens).reshape<Tensor2D>([batch, dim]);
  const feature = tf.matMul(pooled, parameter('pool.value.weight'), false, true) as Tensor2D;
  const linear = (x: Tensor, name: string): Tensor =>
    tf.matMul(x, parameter(`${name}.weight`), false, true).add(parameter(`${name}.bias`));
  const hidden = tf.relu(linear(feature, 'box.fc1'));
  return { feature, boxes: tf.sigmoid(linear(hidden, 'box.fc2')) as Tensor2D, weights };
}

/** Multiply-accumulates of the head, without the classifier, on n patch tokens. */
export const detectionMacs = (dim: number, patches: number): number =>
  2 * patches * dim + 3 * dim ** 2 + 4 * dim;
