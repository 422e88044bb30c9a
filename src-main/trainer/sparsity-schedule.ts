/** When, where and how strongly attention weights are penalised (method D). */
import type { ExperimentConfig } from '../experiment-config.ts';
import { Sfc32 } from './data/prng.ts';
import { randomStreams } from './random-streams.ts';

type Sparsity = ExperimentConfig['sparsity'];

/** Whether a step has the penalty. @param step 1-based, of the stage. */
export const isPenalised = ({ lambda, every }: Sparsity, step: number): boolean =>
  lambda > 0 && step % every === 0;

/**
 * The layer of an epoch: drawn, so that the mean over epochs is that over the layers, and one for a whole
 * epoch, so that one more program is enough.
 * @param epoch 0-based, of the run.
 */
export const penalisedLayer = (seed: number, epoch: number, layers: number): number =>
  new Sfc32(seed, randomStreams.penalisedLayer, epoch).randint(layers);

/**
 * What the penalty of a step that has one is multiplied by: λ on its way up from 0, times the steps that
 * it stands for.
 * @param step 1-based
 */
export const penaltyWeight = (
  { lambda, warmup, every }: Sparsity,
  step: number,
  steps: number,
): number => lambda * every * Math.min(1, warmup > 0 ? step / (warmup * steps) : 1);
