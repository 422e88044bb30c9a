/**
 * The way of every token through a model, out of its graph and into plain numbers: `GraphTrace` makes outputs of what
 * the forward pass tells, `traceOf` reads them back for one image.
 */
import type { HostArray, Tensors } from '../engine/engine.ts';
import type { Tensor, Tensor2D } from '../engine/tf.ts';
import type { Matching } from '../models/routing/merge.ts';
import type { Pruned } from '../models/routing/prune.ts';
import type { TokenTrace } from '../models/token-trace.ts';

export class GraphTrace implements TokenTrace {
  readonly outputs: Tensors = {};

  routed(layer: number, rows: Tensor2D): void {
    this.outputs[`routed${layer}`] = rows;
  }

  attended(layer: number, weights: Tensor): void {
    this.outputs[`weights${layer}`] = weights.mean(1);
  }

  pruned(layer: number, { rows, fused }: Pruned): void {
    this.outputs[`staying${layer}`] = rows;
    if (!fused) return;
    this.outputs[`fused${layer}`] = fused.rows;
    this.outputs[`shares${layer}`] = fused.shares;
  }

  merged(layer: number, { staying, merged, into }: Matching): void {
    this.outputs[`candidates${layer}`] = staying;
    this.outputs[`merged${layer}`] = merged;
    this.outputs[`into${layer}`] = into;
  }

  pooled(weights: Tensor): void {
    this.outputs['pool'] = weights;
  }
}

/** One layer of one image. Tokens are called by their place among those that enter the layer. */
export interface LayerTrace {
  /** Those that attend, m of them; null: all. */
  routed: ArrayLike<number> | null;
  /** [m, m], the mean over heads: row i is what token i takes of each. */
  weights: ArrayLike<number>;
  /** Those that go on, and what the one behind them is made of. */
  pruned: {
    staying: ArrayLike<number>;
    fused: { rows: ArrayLike<number>; shares: ArrayLike<number> } | null;
  } | null;
  /** Of every second token those that stay, and those that go into one of the others (`into` counts these alone). */
  merged: {
    staying: ArrayLike<number>;
    merged: ArrayLike<number>;
    into: ArrayLike<number>;
  } | null;
}

export interface ImageTrace {
  layers: LayerTrace[];
  /** How the head weighs the patch tokens that leave the last layer; null: it takes the mean of all tokens. */
  pool: ArrayLike<number> | null;
}

/**
 * Of one image among those that a program with these outputs was run on.
 * @returns null for a model without attention
 */
export function traceOf(
  outputs: Readonly<Record<string, HostArray>>,
  image: number,
  images: number,
): ImageTrace | null {
  const own = (name: string): HostArray | null => {
    const all = outputs[name];
    if (!all) return null;
    const size = all.length / images;
    return all.subarray(image * size, (image + 1) * size);
  };
  const layers: LayerTrace[] = [];
  for (let layer = 0; ; layer++) {
    const weights = own(`weights${layer}`);
    if (!weights) break;
    const staying = own(`staying${layer}`);
    const [fused, shares] = [own(`fused${layer}`), own(`shares${layer}`)];
    const [candidates, merged, into] = ['candidates', 'merged', 'into'].map((name) =>
      own(`${name}${layer}`),
    );
    layers.push({
      routed: own(`routed${layer}`),
      weights,
      pruned: staying && { staying, fused: fused && shares && { rows: fused, shares } },
      merged: candidates && merged && into ? { staying: candidates, merged, into } : null,
    });
  }
  return layers.length > 0 ? { layers, pool: own('pool') } : null;
}
