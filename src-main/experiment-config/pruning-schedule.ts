/**
 * How much of a model is pruned away in the course of a run (method F.6).
 *
 * The trainer prunes by it and the forecast averages over it, hence a file of its own without tensors.
 */
import type { PruningConfig } from './pruning.ts';
import type { VitModel } from '../experiment-config.ts';

/** Times a model is made smaller: few, since every time its programs are compiled anew. */
const pruningSteps = 5;

/**
 * How far pruning is when an epoch is over, 0 to 1: 1 - (1 - t)³ of the time t between start and end, so
 * most goes while there is time to recover.
 * @param epoch 0-based; -1 before the first.
 */
export function pruningProgress(
  { start, end }: Pick<PruningConfig, 'start' | 'end'>,
  epoch: number,
  epochs: number,
): number {
  if (epoch < 0) return 0;
  const past = (epoch + 1) / epochs - start;
  const time = past < -1e-9 ? 0 : end - start <= past + 1e-9 ? 1 : past / (end - start);
  const stepped = Math.floor(time * pruningSteps + 1e-9) / pruningSteps;
  return 1 - (1 - stepped) ** 3;
}

/** Heads of all layers together that are gone when an epoch is over; every layer keeps one. */
export function headsRemoved(
  pruning: PruningConfig,
  { layers, heads }: { layers: number; heads: number },
  epoch: number,
  epochs: number,
): number {
  if (pruning.heads !== 'importance') return 0;
  const share = pruning.headShare * pruningProgress(pruning, epoch, epochs);
  return Math.min(layers * (heads - 1), wholeShare(share, layers * heads));
}

/** Neurons of each layer that are left when an epoch is over, at least one. */
export const neuronsLeft = (
  pruning: PruningConfig,
  hidden: number,
  epoch: number,
  epochs: number,
): number =>
  Math.max(
    1,
    hidden - wholeShare(pruning.neurons * pruningProgress(pruning, epoch, epochs), hidden),
  );

/** The share of single weights that are 0 when an epoch is over. */
export const weightsZeroed = (pruning: PruningConfig, epoch: number, epochs: number): number =>
  pruning.magnitude * pruningProgress(pruning, epoch, epochs);

/**
 * The model as it is when an epoch is over, its heads and neurons spread evenly over the layers: which layers lose
 * more shows in the run, and costs the same. Gates (`l0`) close when they will: they are all counted.
 */
export function prunedModel(
  model: VitModel,
  pruning: PruningConfig,
  epoch: number,
  epochs: number,
): VitModel {
  const { layers, dim } = model;
  const hidden = Math.max(1, Math.round(dim * model.mlpRatio));
  return {
    ...model,
    heads: model.heads - headsRemoved(pruning, model, epoch, epochs) / layers,
    mlpRatio: neuronsLeft(pruning, hidden, epoch, epochs) / dim,
  };
}

/** floor(share x count); 0.7 x 10 is 7.000000000000001, 0.3 x 10 is 3 and must not become 2. */
const wholeShare = (share: number, count: number): number => Math.floor(share * count + 1e-9);
