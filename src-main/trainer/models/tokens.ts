/** Rows of every image chosen, moved and put back, by indices that the graph itself computes. */
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '../engine/tf.ts';

/**
 * A tensor that is a constant for the gradient: nothing computed inside is on the tape. Which tokens are
 * best has no derivative, and tfjs refuses to pass a TopK on the way back.
 */
export function untracked<T extends Tensor>(compute: () => T): T {
  // an operation without inputs: there is nothing a gradient could flow to
  return tf.customGrad(() => ({ value: compute(), gradFunc: () => [] }))() as T;
}

/**
 * Where the rows stand once images lie one below the other.
 * @param indices [B, k] int32, rows of each image
 * @param all rows of an image
 * @returns [B k]
 */
export function flatRows(indices: Tensor2D, all: number): Tensor1D {
  const [batch, k] = indices.shape;
  const offsets = tf.mul(
    tf.range(0, batch, 1, 'int32').reshape([batch, 1]),
    tf.scalar(all, 'int32'),
  );
  return indices.add(offsets).reshape<Tensor1D>([batch * k]);
}

/**
 * Rows of every image.
 * @param rows [B, N, F]
 * @param indices [B, k] int32
 * @returns [B, k, F]
 */
export function gatherRows(rows: Tensor3D, indices: Tensor2D): Tensor3D {
  const [batch, all, width] = rows.shape;
  const flat = rows.reshape<Tensor2D>([batch * all, width]);
  return tf.gather(flat, flatRows(indices, all)).reshape([batch, indices.shape[1], width]);
}

/**
 * The reverse: rows at their places in [B, all, F], zeros elsewhere; rows with the same place add up.
 * @param rows [B, k, F]
 * @param indices [B, k] int32
 */
export function scatterRows(rows: Tensor3D, indices: Tensor2D, all: number): Tensor3D {
  const [batch, k, width] = rows.shape;
  const places = flatRows(indices, all);
  // its own gradient would guard against negative places, which cost more than the gather
  const scattered = tf.customGrad((values) => ({
    value: tf.unsortedSegmentSum(values as Tensor, places, batch * all),
    gradFunc: (dy: Tensor) => tf.gather(dy, places),
  }))(rows.reshape([batch * k, width]));
  return scattered.reshape([batch, all, width]);
}

/**
 * Places of the numbers from the largest to the smallest; ties to the lower place.
 * @param keys [B, N]
 * @returns [B, N] int32
 */
export const descending = (keys: Tensor2D): Tensor2D =>
  tf.topk(keys, keys.shape[1], true).indices as Tensor2D;

/**
 * The same indices in ascending order: the same set gives the same sums, whatever order it was found in.
 * @param indices [B, k] int32 below `all`
 */
export function ascending(indices: Tensor2D, all: number): Tensor2D {
  // the places come from a table of floats because ONNX Runtime's WebGPU provider casts no 64-bit indices
  const places = tf.range(0, all).neg();
  const { values } = tf.topk(tf.gather<Tensor>(places, indices), indices.shape[1], true);
  return values.neg().cast('int32') as Tensor2D;
}

/**
 * The k best, in ascending order; ties to the lower place.
 * @param keys [B, N]
 * @returns [B, k] int32
 */
export const best = (keys: Tensor2D, k: number): Tensor2D =>
  ascending(tf.topk(keys, k, true).indices as Tensor2D, keys.shape[1]);

/** Columns `from` to before `to` of [B, N]. */
export const columns = (x: Tensor2D, from: number, to: number): Tensor2D =>
  x.slice([0, from], [x.shape[0], to - from]);
