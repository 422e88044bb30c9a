/**
 * Normalisers that give exact zeros where softmax only comes near: sparsemax (Martins and Astudillo 2016,
 * arXiv 1602.02068) and 1.5-entmax (Peters et al. 2019, arXiv 1905.05702; method D). Both subtract a
 * threshold that is found by sorting, so they are slower than softmax and save nothing by themselves.
 */
import * as tf from '../../engine/tf.ts';
import type { Tensor } from '../../engine/tf.ts';

export type Normaliser = 'softmax' | 'sparsemax' | 'entmax15';

/** Rows (last axis) that are not negative and sum to 1. */
export function normalise(scores: Tensor, normaliser: Normaliser): Tensor {
  switch (normaliser) {
    case 'softmax':
      return tf.softmax(scores);
    case 'sparsemax':
      return sparsemax(scores);
    case 'entmax15':
      return entmax15(scores);
  }
}

/** p = max(z - τ, 0): the point of the simplex nearest to z. Jacobian diag(s) - s sᵀ / |S|, s the support. */
const sparsemax = thresholded(
  (z) => {
    const { sorted, counts } = ranked(z);
    const sums = tf.cumsum(sorted, z.rank - 1);
    const support = tf.cast(tf.greater(sorted.mul(counts).add(tf.scalar(1)), sums), 'float32');
    const total = sorted.mul(support).sum(-1, true);
    const threshold = total.sub(tf.scalar(1)).div(support.sum(-1, true));
    return tf.relu(z.sub(threshold));
  },
  (p) => tf.step(p),
);

/** p = max(z/2 - τ, 0)², between softmax and sparsemax. Jacobian diag(g) - g gᵀ / Σ g with g = sqrt p. */
const entmax15 = thresholded(
  (scores) => {
    const z = scores.sub(scores.max(-1, true)).mul(tf.scalar(0.5));
    const { sorted, counts } = ranked(z);
    const axis = z.rank - 1;
    const mean = tf.cumsum(sorted, axis).div(counts);
    const meanSquare = tf.cumsum(sorted.square(), axis).div(counts);
    const spread = meanSquare.sub(mean.square()).mul(counts);
    const root = tf.relu(tf.scalar(1).sub(spread).div(counts)).sqrt();
    const thresholds = mean.sub(root);
    const support = tf.cast(tf.lessEqual(thresholds, sorted), 'float32').sum(-1, true);
    const last = tf.cast(tf.equal(counts, support), 'float32');
    return tf.relu(z.sub(thresholds.mul(last).sum(-1, true))).square();
  },
  (p) => p.sqrt(),
);

/** A row in descending order, and the numbers 1 to n beside it. */
function ranked(z: Tensor): { sorted: Tensor; counts: Tensor } {
  const n = z.shape.at(-1)!;
  return { sorted: tf.topk(z, n).values, counts: tf.range(1, n + 1) };
}

/** Both have a Jacobian diag(g) - g gᵀ / Σ g, with a g that the result alone decides. */
function thresholded(
  forward: (z: Tensor) => Tensor,
  slope: (p: Tensor) => Tensor,
): (z: Tensor) => Tensor {
  return tf.customGrad((scores, save) => {
    const p = forward(scores as Tensor);
    (save as tf.GradSaveFunc)([p]);
    return {
      value: p,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const g = slope(saved[0]!);
        const mean = dy.mul(g).sum(-1, true).div(g.sum(-1, true));
        return g.mul(dy.sub(mean));
      },
    };
  });
}
