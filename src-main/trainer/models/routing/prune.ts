/**
 * EM-prior token pruning (method E.2): after the attention of a few blocks, the patch tokens that attention
 * looks at least are dropped for good. How much a token is looked at is π_j, the mean of its column of
 * the attention weights over heads and queries: in the mixture view, the M-step for its weight. EViT (Liang et al.
 * 2022, arXiv 2202.07800) takes the class token's row instead; the column fits mean pooling.
 */
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor2D, Tensor3D } from '../../engine/tf.ts';
import { ascending, columns, descending, gatherRows, untracked } from '../tokens.ts';

/**
 * π_j = mean over heads and queries of w_ij; rows sum to 1. Golden: `em_prior_importance`.
 * @param weights [B, h, n, n]
 * @returns [B, n]
 */
export const importance = (weights: Tensor): Tensor2D => weights.mean([1, 2]);

/** Places among the tokens before. */
export interface Pruned {
  /** [B, 1 + k] that go on, ascending, the class token first. */
  rows: Tensor2D;
  /** What the token behind them is made of: the others [B, n - 1 - k] and their shares [B, n - 1 - k, 1]; null without one. */
  fused: { rows: Tensor2D; shares: Tensor3D } | null;
}

/**
 * The class token, the k most important patch tokens in their order, and on request one token for the rest:
 * Σ π_j t_j / Σ π_j over what was dropped (EViT leaves out the division). π is a constant for the gradient.
 * @param tokens [B, n, D], class token first
 * @param pi [B, n]
 * @param onPruned is told which tokens went on, and what became of the others
 * @returns [B, 1 + k (+ 1), D]
 */
export function pruneTokens(
  tokens: Tensor3D,
  pi: Tensor2D,
  kept: number,
  fuse: boolean,
  onPruned?: (pruned: Pruned) => void,
): Tensor3D {
  const [batch, n] = tokens.shape;
  const order = untracked(() => descending(columns(pi, 1, n)));
  const one = tf.scalar(1, 'int32');
  const rows = untracked(() => {
    const patches = ascending(columns(order, 0, kept), n - 1).add(one);
    return tf.concat([tf.zeros([batch, 1], 'int32'), patches], 1) as Tensor2D;
  });
  const staying = gatherRows(tokens, rows);
  if (!fuse) {
    onPruned?.({ rows, fused: null });
    return staying;
  }
  const dropped = untracked(() => columns(order, kept, n - 1).add(one) as Tensor2D);
  const shares = untracked(() => {
    const own = gatherRows(pi.reshape([batch, n, 1]), dropped);
    return own.div(own.sum(1, true).add(tf.scalar(1e-12))) as Tensor3D;
  });
  onPruned?.({ rows, fused: { rows: dropped, shares } });
  const fused = gatherRows(tokens, dropped).mul(shares).sum(1, true);
  return tf.concat([staying, fused], 1) as Tensor3D;
}
