/**
 * How many tokens each block of a ViT computes for, and in which epoch (method E.1, E.2, F.6).
 *
 * The model builds by this plan and the forecast counts by it, hence a file of its own without tensors.
 * Blocks are numbered from 0 here; the method counts layers from 1.
 */
import type { RoutingConfig } from './routing.ts';
import type { ScoredHeuristic } from './selection.ts';
import { stageEpochs, type StageShares } from './stage-epochs.ts';

/** What a block does with its tokens beside attention and MLP. */
export type TokenAction =
  | { kind: 'dense' }
  /** The class token and `chosen` patch tokens alone attend; with `block` they alone have an MLP too. */
  | { kind: 'route'; chosen: number; scope: 'attention' | 'block' }
  /** After attention `kept` patch tokens go on, and a fused one for the others. */
  | { kind: 'prune'; kept: number; fuse: boolean }
  /** After attention `merged` pairs of tokens become one. `sized`: some stand for several patches already. */
  | { kind: 'merge'; merged: number; sized: boolean };

/** Numbers of tokens, class token included. */
export interface BlockPlan {
  action: TokenAction;
  /** That enter the block. */
  tokens: number;
  /** That attention is computed for, and over. */
  attended: number;
  /** That the MLP is computed for. */
  mlp: number;
  /** That leave the block. */
  leaving: number;
}

/** ceil(share x count) of patches; 0.7 x 10 is 7.000000000000001 and must not become 8. */
const ceilShare = (share: number, count: number): number =>
  Math.min(count, Math.max(1, Math.ceil(share * count - 1e-9)));

const isRouted = (block: number, every: number): boolean => block > 0 && (block + 1) % every === 0;

/** Blocks after whose attention tokens are pruned: layers ceil(L/4), ceil(L/2), ceil(3L/4), never the last. */
export const prunedBlocks = (layers: number): number[] =>
  [...new Set([1, 2, 3].map((quarter) => Math.ceil((quarter * layers) / 4)))]
    .filter((layer) => layer < layers)
    .map((layer) => layer - 1);

/** Whether a routing finds a block to act on. */
export function routingActs(routing: RoutingConfig, layers: number): boolean {
  switch (routing.kind) {
    case 'none':
    case 'merge':
      return true;
    case 'route':
      return Array.from({ length: layers }, (_, block) => block).some((block) =>
        isRouted(block, routing.every),
      );
    case 'prune':
      return prunedBlocks(layers).length > 0;
  }
}

/**
 * The blocks of an encoder that `tokens` tokens enter.
 * @param routing of pruning, the share of the epoch in question (`routingAt`).
 */
export function planBlocks(routing: RoutingConfig, layers: number, tokens: number): BlockPlan[] {
  const pruned = prunedBlocks(layers);
  let sized = false;
  let entering = tokens;
  return Array.from({ length: layers }, (_, block) => {
    const plan = planOf(block, entering);
    entering = plan.leaving;
    return plan;
  });

  function planOf(block: number, n: number): BlockPlan {
    const dense = {
      action: { kind: 'dense' },
      tokens: n,
      attended: n,
      mlp: n,
      leaving: n,
    } as const;
    switch (routing.kind) {
      case 'none':
        return dense;
      case 'route': {
        if (!isRouted(block, routing.every)) return dense;
        const chosen = ceilShare(routing.capacity, n - 1);
        const { scope } = routing;
        const mlp = scope === 'block' ? chosen + 1 : n;
        return { ...dense, action: { kind: 'route', chosen, scope }, attended: chosen + 1, mlp };
      }
      case 'prune': {
        const kept = ceilShare(routing.keep, n - 1);
        const fused = routing.fuse ? 1 : 0;
        // one dropped token that comes back as the fused one would be no token less
        if (!pruned.includes(block) || n - 1 - kept <= fused) return dense;
        const leaving = 1 + kept + fused;
        const action = { kind: 'prune', kept, fuse: routing.fuse } as const;
        return { ...dense, action, mlp: leaving, leaving };
      }
      case 'merge': {
        // every second token is matched with one of the others; the class token never goes
        const merged = Math.min(routing.tokens, Math.floor((n - 1) / 2));
        if (merged === 0 && !sized) return dense;
        const action = { kind: 'merge', merged, sized } as const;
        sized = true;
        return { ...dense, action, mlp: n - merged, leaving: n - merged };
      }
    }
  }
}

/** Steps in which pruning reaches its share: few, since every number of tokens is a program of its own. */
const shrinkSteps = 4;

/**
 * The share of tokens that pruning keeps each time in an epoch: 1 during the warm-up, then down to `keep` in
 * equal steps (method E.2; EViT falls in a line).
 * @param epoch 0-based.
 */
export function keepShareAt(
  { keep, warmup, shrink }: Extract<RoutingConfig, { kind: 'prune' }>,
  epoch: number,
  epochs: number,
): number {
  const past = epoch + 1 - warmup * epochs;
  const length = shrink * epochs;
  const progress = past <= 1e-9 ? 0 : length <= past ? 1 : past / length;
  const stepped = Math.floor(progress * shrinkSteps + 1e-9) / shrinkSteps;
  return 1 - stepped * (1 - keep);
}

/**
 * The routing of an epoch of the last stage of a run: what the model of its steps is built with.
 * @param epoch 0-based, of the stage; left out: its last one, whose model the test sees.
 */
export function routingAt(
  config: { routing: RoutingConfig } & StageShares,
  epoch?: number,
): RoutingConfig {
  const { routing } = config;
  if (routing.kind !== 'prune') return routing;
  const { epochs } = stageEpochs(config).at(-1)!;
  const keep = keepShareAt(routing, epoch ?? epochs - 1, epochs);
  return keep === 1 ? { kind: 'none' } : { ...routing, keep };
}

/**
 * The routing of the epoch that a checkpoint of the last stage comes from: the one it was evaluated with, or the one
 * it was stopped in. The best weights may be older than the end of the pruning schedule.
 */
export function routingOf(
  config: { routing: RoutingConfig } & StageShares,
  { epoch, stepInEpoch }: { epoch: number; stepInEpoch: number },
): RoutingConfig {
  const stages = stageEpochs(config);
  const { epochs } = stages.at(-1)!;
  const first = stages.slice(0, -1).reduce((sum, stage) => sum + stage.epochs, 0);
  // a checkpoint at the end of an epoch names the next one
  const begun = Math.min(epochs, epoch + (stepInEpoch > 0 ? 1 : 0) - first);
  return routingAt(config, Math.max(0, begun - 1));
}

/** The patch score that routers are given; null where there is none. */
export const routerHint = (routing: RoutingConfig): ScoredHeuristic | null =>
  routing.kind === 'route' && routing.heuristic !== 'none' ? routing.heuristic : null;
