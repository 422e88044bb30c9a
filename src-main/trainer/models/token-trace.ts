/**
 * What becomes of every token in a forward pass, as tensors of the pass itself: for pictures of what a model
 * looks at (pictures/). The model tells it all where it happens; whoever listens decides what leaves the graph.
 */
import type { Tensor, Tensor2D } from '../engine/tf.ts';
import type { Matching } from './routing/merge.ts';
import type { Pruned } from './routing/prune.ts';

/** Layers count from 0; of one layer, in the order in which it is told. */
export interface TokenTrace {
  /** Only these tokens attend in this layer, and only to each other: [B, m] int32, the class token first. */
  routed(layer: number, rows: Tensor2D): void;
  /** The weights [B, h, m, m] of the tokens that attend, or what an attention that forms none amounts to. */
  attended(layer: number, weights: Tensor): void;
  /** After attention. */
  pruned(layer: number, pruned: Pruned): void;
  /** After attention. */
  merged(layer: number, matching: Matching): void;
  /** How a head with an attention of its own weighs the patch tokens, [B, 1, n]; others take the mean of all tokens. */
  pooled(weights: Tensor): void;
}
