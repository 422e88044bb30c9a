/**
 * Token merging, ToMe (Bolya et al. 2023, arXiv 2210.09461; method F.6): after the attention of every block,
 * r tokens are averaged into the token of the other half whose key is most like theirs. Tokens then
 * stand for several patches: means are weighted by that, and so are keys (softmax of logits + log size).
 */
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '../../engine/tf.ts';
import {
  ascending,
  columns,
  descending,
  flatRows,
  gatherRows,
  scatterRows,
  untracked,
} from '../tokens.ts';
import { unitRows } from '../attention/scores.ts';

/** Tokens and how many patches each stands for. */
export interface SizedTokens {
  /** [B, n, D] */
  tokens: Tensor3D;
  /** [B, n, 1], a constant for the gradient; null where each stands for one. */
  sizes: Tensor3D | null;
}

/** Which tokens become one: every second token, from the class token on, is a candidate. */
export interface Matching {
  /** [B, a - r] candidates that stay, by their place among all tokens, ascending: the class token first. */
  staying: Tensor2D;
  /** [B, r] candidates that are merged, by their place among all tokens. */
  merged: Tensor2D;
  /** [B, r] what each is merged into, by its place among the other half. */
  into: Tensor2D;
}

/**
 * Bipartite soft matching: each candidate finds the token of the other half with the largest cosine between
 * their keys, and the r best pairs are taken. The class token never goes. No gradient.
 * @param keys [B, h, n, d]; their mean over heads is compared
 * @param r at most floor((n - 1) / 2)
 */
export function matchTokens(keys: Tensor4D, r: number): Matching {
  const n = keys.shape[2];
  // on the tape, what is found with it could not be passed on the way back
  const likeness = untracked<Tensor3D>(() => {
    const metric = unitRows(keys.mean(1)) as Tensor3D;
    return tf.matMul(everySecond(metric, 0), everySecond(metric, 1), false, true);
  });
  const half = likeness.shape[1];
  // below every cosine: the class token is the last that would be merged
  const classToken = tf.tensor2d(
    Array.from({ length: half }, (_, i) => (i === 0 ? -4 : 0)),
    [1, half],
  );
  const order = descending(likeness.max<Tensor2D>(2).add(classToken));
  const two = tf.scalar(2, 'int32');
  const merged = columns(order, 0, r);
  const nearest = likeness.argMax<Tensor2D>(2).cast<Tensor2D>('int32');
  return {
    staying: ascending(columns(order, r, half), n).mul(two),
    merged: merged.mul(two),
    into: lookUp(nearest, merged),
  };
}

/** Merges by a matching: [B, n, D] becomes [B, n - r, D], those that stay first, then the other half. */
export function mergeTokens(
  { tokens, sizes }: SizedTokens,
  { staying, merged, into }: Matching,
): SizedTokens {
  const [batch, n] = tokens.shape;
  const weights = sizes ?? tf.ones([batch, n, 1]);
  const weighted = sizes ? tokens.mul<Tensor3D>(sizes) : tokens;
  const sums = collected(weighted);
  const counts = untracked(() => collected(weights as Tensor3D));
  const averaged = tf.concat([gatherRows(tokens, staying), sums.div(counts)], 1);
  const stay = untracked(() => gatherRows(weights as Tensor3D, staying));
  return {
    tokens: averaged as Tensor3D,
    sizes: untracked(() => tf.concat([stay, counts], 1) as Tensor3D),
  };

  /** Of the other half, each with what is merged into it. */
  function collected(rows: Tensor3D): Tensor3D {
    const others = everySecond(rows, 1);
    return others.add(scatterRows(gatherRows(rows, merged), into, others.shape[1]));
  }
}

/** Tokens number first, first + 2, first + 4, ... of each image. */
function everySecond(tokens: Tensor3D, first: number): Tensor3D {
  const n = tokens.shape[1];
  const places = Array.from({ length: Math.ceil((n - first) / 2) }, (_, i) => first + 2 * i);
  return tf.gather(tokens, tf.tensor1d(places, 'int32'), 1);
}

/** values[b, places[b, i]]: [B, N] and [B, k], both int32, to [B, k]. */
function lookUp(values: Tensor2D, places: Tensor2D): Tensor2D {
  const [batch, all] = values.shape;
  return tf
    .gather<Tensor>(values.reshape([batch * all]), flatRows(places, all))
    .reshape<Tensor2D>([batch, places.shape[1]]);
}
