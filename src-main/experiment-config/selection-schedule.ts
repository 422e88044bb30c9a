/**
 * How often batches are reduced to their kept patches in the course of a run (method B.5).
 *
 * The trainer draws by it and the forecast averages over it, hence a file of its own without tensors.
 */
import type { ExperimentConfig } from '../experiment-config.ts';

/**
 * With which probability a batch of this epoch is reduced to its kept patches.
 * Golden: `schedules`.
 * @param epoch 0-based.
 */
export function selectionProbability(
  { prob, schedule, decayRate, tail }: ExperimentConfig['selection'],
  epoch: number,
  epochs: number,
): number {
  switch (schedule) {
    case 'constant':
      return prob;
    case 'hyperbolic':
      return prob / (1 + decayRate * epoch);
    case 'exponential':
      return prob * Math.exp(-decayRate * epoch);
    case 'authors-compounding': {
      let p = prob;
      for (let past = 1; past <= epoch; past++) p /= 1 + decayRate * past;
      return p;
    }
    case 'anneal': {
      // the tail on full images closes the gap between training and full-image evaluation (method B.8)
      const tailEpochs = Math.max(1, Math.round(tail * epochs));
      const falling = epochs - tailEpochs;
      return falling <= 0 ? 0 : prob * Math.max(0, 1 - epoch / falling);
    }
  }
}
