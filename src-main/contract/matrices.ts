/** Many runs that are started together: matrices of the paper’s questions, and sweeps. */
import * as v from 'valibot';
import type { ExperimentConfig } from '../experiment-config.ts';
import type { Estimate, Forecast, Refusal, RunCost } from './costs.ts';
import { json, seed } from './fields.ts';

/** Datasets on which a matrix can be run; its models take their geometry from them. */
export const matrixDatasets = [
  'greensynth',
  'cifar10',
  'cifar100',
  'tiny-imagenet',
  'mnist',
] as const;
/**
 * How models fit a dataset. `native`: the stored side, up to the next multiple of 8, in 8 x 8 patches.
 * `paper`: 224 px in patches of 16, as the paper has it for every dataset.
 */
export const matrixGeometries = ['native', 'paper'] as const;
/** Runs per arm by what they are for (method H.5). */
export const repeatChoices = { quick: 3, standard: 5, report: 10 } as const;

export interface MatrixArm {
  id: string;
  title: string;
  /** The arm that this one is compared with; null where it is such an arm itself. */
  baseline: string | null;
}

/** A grid of experiments that answers one question. */
export interface Matrix {
  id: string;
  /** In run names: `RQ2`. */
  short: string;
  title: string;
  description: string;
  arms: MatrixArm[];
  /** What is taken where an order says nothing. */
  dataset: (typeof matrixDatasets)[number];
  geometry: (typeof matrixGeometries)[number];
  repeats: number;
  epochs: number;
}

/** One run of a matrix, in the order in which they train. */
export interface MatrixRun {
  arm: string;
  repeat: number;
  seed: number;
  warmUp: boolean;
  name: string;
}

export interface MatrixPreview {
  /** The order with everything it left open. */
  order: Required<Omit<MatrixOrder, 'common'>>;
  arms: (MatrixArm & { config: ExperimentConfig; forecast: Forecast; cost: RunCost })[];
  runs: MatrixRun[];
  /** Over all runs, the warm-up included; memory of the largest. */
  total: {
    runs: number;
    steps: number;
    trainMacs: number;
    memoryBytes: number;
    /** Idle baselines included; null unless the cost of every arm is known. */
    seconds: Estimate | null;
    wh: Estimate | null;
    gCO2e: Estimate | null;
    /** How that is known, in a sentence or two. */
    how: string;
  };
  /** `arms`: of which it is said; empty where of all. */
  warnings: { message: string; arms: string[] }[];
  refusal: Refusal | null;
}

export type SweepValue = v.InferOutput<typeof sweepValue>;
export type SweepRange = v.InferOutput<typeof sweepRange>;
export type SweepField = v.InferOutput<typeof sweepField>;

/** One point of a sweep: an arm whose config differs from the base in these values. */
export interface SweepTrial {
  arm: string;
  title: string;
  values: Record<string, SweepValue>;
}

/** Where successive halving stops trials. */
export interface SweepRung {
  epochs: number;
  /** Trials that train up to here. */
  enter: number;
  /** Trials that go on from here. */
  goOn: number;
}

/** A sweep's order with everything it left open: what is kept of it, and what it is decided by. */
export interface SweepPlan {
  name: string;
  base: ExperimentConfig;
  fields: Record<string, SweepField>;
  /** Of a random search, the seed of its draw; null for a grid. */
  seed: number | null;
  objective: SweepObjective;
  /** Wh of one run, for the objective that has a limit. */
  limitWh: number | null;
  /** Of training, one per repeat. */
  seeds: number[];
  warmUp: boolean;
  /** Full length of a run: learning rate and all other schedules are of it. */
  epochs: number;
  /** Rungs in order; null without halving. */
  halving: { eta: number; rungs: SweepRung[] } | null;
  trials: SweepTrial[];
}

/** What a sweep would run; with halving, the totals are what is expected of it. */
export type SweepPreview = Omit<MatrixPreview, 'order'> & { order: SweepPlan };

export type TrialState =
  'planned' | 'running' | 'queued' | 'waits' | 'stopped' | 'dropped' | 'failed' | 'done';

/** An arm of a started matrix as it stands: of a sweep, a trial. Sums and means are over its repeats. */
export interface TrialRow extends SweepTrial {
  ids: number[];
  state: TrialState;
  /** Trained so far and evaluated; null before the first evaluation. */
  epochs: number | null;
  /** By the objective, higher is better; null while there is none. */
  score: number | null;
  /** Takes, or at this pace will take, more than the energy limit. */
  overLimit: boolean;
  /** From 1; those that trained longer come first. Null without a score. */
  rank: number | null;
  /** Macro F1 on validation and on test, means. */
  validationF1: number | null;
  testF1: number | null;
  /** Sums. */
  wh: number | null;
  uncertaintyWh: number | null;
  gCO2e: number | null;
  seconds: number | null;
}

/** A started matrix as a whole. */
export interface MatrixState {
  group: number;
  /** `sweep`, or that of the matrix. */
  id: string;
  title: string;
  createdAt: number;
  /** Null for a matrix with arms of its own. */
  plan: SweepPlan | null;
  /** `stopped`: by a person; what was dropped or done until then stays. */
  state: 'running' | 'over' | 'stopped';
  trials: TrialRow[];
  /** The warm-up; empty without one. */
  warmUps: number[];
  /** Rungs that have been decided. */
  decided: number;
  /** Arm of the best trial so far; null before the first score, and for a matrix without objective. */
  best: string | null;
  energy: MatrixEnergy;
}

/** What a matrix took so far, and what of it bought no result. Half widths add up: the sensors are the same. */
export interface MatrixEnergy {
  wh: number | null;
  uncertaintyWh: number | null;
  gCO2e: number | null;
  /** Of it, spent on trials that were dropped. */
  droppedWh: number | null;
  droppedUncertaintyWh: number | null;
  /** Of it, spent on runs that failed. */
  failedWh: number | null;
  warmUpWh: number | null;
  /** Runs that trained and of which no energy was read. */
  unread: number;
  /** How much of it was counted, modelled and so on; empty where nothing was read. */
  labels: string;
}
/** What a person asks of a matrix; what is left out is taken from the matrix. */
export const matrixOrderSchema = v.strictObject({
  id: v.pipe(v.string(), v.maxLength(100)),
  dataset: v.optional(v.picklist(matrixDatasets)),
  geometry: v.optional(v.picklist(matrixGeometries)),
  /** Runs per arm. */
  repeats: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100))),
  /** One per repeat, the same for every arm; 42, 43, ... where left out. */
  seeds: v.optional(v.pipe(v.array(seed), v.minLength(1), v.maxLength(100))),
  epochs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000))),
  /** Ids of the arms that run; all where left out. */
  arms: v.optional(v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(1000))),
  /** One run ahead whose figures count for nothing; on where left out. */
  warmUp: v.optional(v.boolean()),
  /** A part of a config that holds for every arm, below what the arm itself sets. */
  common: v.optional(v.record(v.string(), v.unknown())),
});
export type MatrixOrder = v.InferOutput<typeof matrixOrderSchema>;

const sweepValue = v.nullable(v.union([v.number(), v.string(), v.boolean()]));
const sweepRange = v.strictObject({
  from: v.pipe(v.number(), v.finite()),
  to: v.pipe(v.number(), v.finite()),
  /** So many values, both ends among them; a random search may leave it out and draw any value. */
  steps: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(1000))),
  /** `log`: equal ratios instead of equal differences; `linear` where left out. */
  scale: v.optional(v.picklist(['linear', 'log'])),
});
const sweepField = v.union([
  v.pipe(v.array(sweepValue), v.minLength(1, 'give one value at least'), v.maxLength(1000)),
  sweepRange,
]);
/**
 * What the best trial has most of, always on validation: macro F1; macro F1 per Wh; macro F1 of those that
 * keep within an energy.
 */
export const sweepObjectives = ['f1', 'f1PerWh', 'f1WithinWh'] as const;
export type SweepObjective = (typeof sweepObjectives)[number];
/** What a person asks of a sweep, also as a file: a base config, and what is tried of some of its keys. */
export const sweepOrderSchema = v.strictObject({
  config: json,
  name: v.optional(v.pipe(v.string(), v.trim(), v.maxLength(100))),
  /** By key: `train.lr`. */
  fields: v.record(v.pipe(v.string(), v.maxLength(200)), sweepField),
  /** Drawn at random; every combination where left out. */
  trials: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000))),
  /** Of the draw. */
  seed: v.optional(seed),
  objective: v.optional(v.picklist(sweepObjectives)),
  limitWh: v.optional(v.pipe(v.number(), v.finite(), v.gtValue(0))),
  /** Runs per trial, with the base's seed and the next ones; 1 where left out. */
  repeats: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100))),
  /** One run ahead whose figures count for nothing; on where left out. */
  warmUp: v.optional(v.boolean()),
  /** Of the trials that came to a rung (in epochs), one in `eta` goes on; rungs are made where left out. */
  halving: v.optional(
    v.strictObject({
      eta: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(20)), 3),
      rungs: v.optional(
        v.pipe(
          v.array(v.pipe(v.number(), v.integer(), v.minValue(1))),
          v.minLength(1),
          v.maxLength(20),
        ),
      ),
    }),
  ),
});
export type SweepOrder = v.InferInput<typeof sweepOrderSchema>;
