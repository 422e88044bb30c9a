/**
 * Successive halving (Jamieson & Talwalkar 2016; Li et al., Hyperband, JMLR 2018, algorithm 1): trials train to
 * a rung, the best 1/eta of them go on, the rest are dropped. All trials of a rung are judged together, once
 * the last has come there. Pure: what follows from a decision is done in `runs/sweeps.ts`.
 */
import type { ExperimentConfig, SweepObjective, SweepRung } from '../../contract.ts';
import { stageEpochs } from '../../experiment-config/stage-epochs.ts';

/** What a trial is judged by. */
export interface Judged {
  /** Its place in the sweep, from 0. */
  order: number;
  /** Null: not evaluated, or no energy was read. It never goes on. */
  score: number | null;
  /** Beyond the energy limit: behind all that keep it. */
  overLimit: boolean;
  wh: number | null;
}

/**
 * Better first: within the limit, the higher score; of equals the one that took less energy, then the earlier.
 * Beyond the limit, the one that takes less. Without a score last.
 */
export function compareTrials(a: Judged, b: Judged): number {
  if (a.score === null || b.score === null)
    return Number(a.score === null) - Number(b.score === null) || a.order - b.order;
  if (a.overLimit !== b.overLimit) return Number(a.overLimit) - Number(b.overLimit);
  const byEnergy = (a.wh ?? Infinity) - (b.wh ?? Infinity) || 0;
  const byScore = b.score - a.score;
  return (a.overLimit ? byEnergy || byScore : byScore || byEnergy) || a.order - b.order;
}

/** Those that go on, the best first: `goOn` at most, and none without a score. */
export const survivors = <Trial extends Judged>(trials: readonly Trial[], goOn: number): Trial[] =>
  trials
    .filter(({ score }) => score !== null)
    .toSorted(compareTrials)
    .slice(0, goOn);

/** Trials left after so many rungs: floor(n / eta^rungs), at least one. */
export const trialsLeft = (trials: number, eta: number, rungs: number): number =>
  Math.max(1, Math.floor(trials / eta ** rungs + 1e-9));

/**
 * Rungs at 1/eta, 1/eta^2, ... of the last stage, as many as there are trials for; an epoch that is not
 * evaluated gives way to the next that is.
 */
export function usualRungs(config: ExperimentConfig, trials: number, eta: number): number[] {
  const { epochs, evalEvery } = config.train;
  const first = firstEvaluated(config);
  const last = epochs - (first - 1);
  const epochsAt = (rung: number): number =>
    Math.ceil((first - 1 + Math.max(1, Math.round(last / eta ** rung))) / evalEvery) * evalEvery;
  const most = Math.floor(Math.log(trials) / Math.log(eta) + 1e-9);
  const found = Array.from({ length: most }, (_, i) => epochsAt(most - i));
  return [...new Set(found)].filter((rung) => rung < epochs);
}

/** The first epoch after which there can be a score: earlier stages of a recipe have none. */
export const firstEvaluated = (config: ExperimentConfig): number =>
  stageEpochs(config)
    .slice(0, -1)
    .reduce((sum, { epochs }) => sum + epochs, 1);

/** How many trials come to each rung, and how many go on. */
export const peopled = (rungs: readonly number[], trials: number, eta: number): SweepRung[] =>
  rungs.map((epochs, i) => ({
    epochs,
    enter: trialsLeft(trials, eta, i),
    goOn: trialsLeft(trials, eta, i + 1),
  }));

export interface Measures {
  /** 0..1, of the last validation. */
  validationF1: number | null;
  /** So far. */
  wh: number | null;
  /** To the full length, at the pace so far. */
  projectedWh: number | null;
}

/** What a run is worth by an objective; macro F1 in points (0..100) where it is divided by Wh. */
export function scoreOf(
  objective: SweepObjective,
  limitWh: number | null,
  { validationF1, wh, projectedWh }: Measures,
): { score: number | null; overLimit: boolean } {
  if (validationF1 === null) return { score: null, overLimit: false };
  switch (objective) {
    case 'f1':
      return { score: validationF1, overLimit: false };
    case 'f1PerWh':
      return { score: wh ? (100 * validationF1) / wh : null, overLimit: false };
    case 'f1WithinWh':
      return projectedWh === null
        ? { score: null, overLimit: false }
        : { score: validationF1, overLimit: limitWh !== null && projectedWh > limitWh };
  }
}

/** Energy of a run to its full length: what it took, and its epochs so far scaled to those to come. */
export function projectWh(
  wh: number | null,
  phases: readonly { epoch: number | null; wh: number | null }[],
  trained: number,
  epochs: number,
): number | null {
  if (wh === null || trained >= epochs) return wh;
  if (trained <= 0) return null;
  const inEpochs = phases.reduce(
    (sum, phase) => sum + (phase.epoch === null ? 0 : (phase.wh ?? 0)),
    0,
  );
  return wh + (inEpochs / trained) * (epochs - trained);
}
