/** A run: in a line of the table, in all its detail, and what it reported on its way. */
import type { SkippedMacs } from '../core/experiments/skipped-macs.ts';
import type { ExperimentConfig } from '../experiment-config.ts';
import type { ComponentKind, Inventory } from '../meter/messages.ts';
import type {
  EvaluationResult,
  PhaseName,
  Snapshot,
  StepMetrics,
  WatchedImage,
} from '../trainer/messages.ts';
import type { RunCommand } from './commands.ts';
import type { Forecast } from './costs.ts';
import type { Energy } from './energy.ts';
import type { RunValue } from './run-query.ts';

export type RunStatus =
  | 'queued'
  | 'baseline'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'done'
  | 'failed'
  | 'interrupted'
  | 'imported';

/** A run's place in an experiment matrix. */
export interface RunPlace {
  /** The same for all runs that were started together. */
  group: number;
  /** The matrix: `rq2`. */
  id: string;
  title: string;
  arm: string;
  armTitle: string;
  /** The arm that this one is compared with; null where it is such an arm itself. */
  baseline: string | null;
  /** From 1; every arm has a run with the same seed in each. */
  repeat: number;
  /** Brings the machine to working temperature; its figures count for nothing. */
  warmUp: boolean;
  /** Of a trial of a sweep that is to stop before its end, or was dropped; left out of all other runs. */
  rung?: {
    /** It stops after so many epochs, and waits for the other trials; null: it was to come to its end. */
    epochs: number | null;
    /** It does not go on: others were better, it failed, its budget was used up, or a person stopped it. */
    dropped: boolean;
  };
}

export interface RunSummary {
  id: number;
  name: string;
  status: RunStatus;
  createdAt: number;
  startedAt: number | null;
  endedAt: number | null;
  /** Runs with the same config but for seed and name. */
  group: string;
  dataset: string;
  model: string;
  selection: string;
  /** Attention, routing, recipe and whatever else is unusual, in a few words; empty where not known. */
  method: string;
  /** The matrix that this run is part of; null for a run on its own. */
  matrix: RunPlace | null;
  /** The run whose joules this re-priced copy shares; null for a run of its own. */
  copyOf: number | null;
  /** Of the built-in example: a demonstration, not a result. */
  example: boolean;
  /** Stopped by a person who means to go on: resumed, it is first in the line. */
  paused: boolean;
  /** Where a bundle brought it from: computer and the run's name for machines there; null for a run of this one. */
  origin: { host: string; uuid: string } | null;
  /** As it would be typed; null where the run is a training of ours. */
  command: string | null;
  engine: string | null;
  seed: number | null;
  epoch: number | null;
  epochs: number | null;
  step: number | null;
  steps: number | null;
  parameters: number | null;
  /** Training loss, mean of the last epoch's steps. */
  loss: number | null;
  /** Of the test split when it was evaluated, else the last validation. */
  microF1: number | null;
  macroF1: number | null;
  f1Split: 'test' | 'validation' | null;
  imagesSeen: number | null;
  imagesPerSecond: number | null;
  seconds: number | null;
  wh: number | null;
  uncertaintyWh: number | null;
  gCO2e: number | null;
  whByKind: Partial<Record<ComponentKind, number | null>>;
  /** At the socket, by the calibration of this machine; null without one. */
  wallWh: number | null;
  /** What falls to the run's own processes; null where that is not known. */
  processWh: number | null;
  /** Macro F1 in points (0..100) per Wh. */
  f1PerWh: number | null;
  error: { code: string; message: string; hint: string | null } | null;
  star: boolean;
  note: string | null;
  /** In alphabetical order. */
  tags: string[];
  /** Null where it is not put away. */
  archivedAt: number | null;
}

/** Leaves of configs (`train.lr`) and metrics by a rule (`metric.accuracy~max`), a column per key. */
export interface RunValues {
  ids: number[];
  /** As long as `ids`; null where a run has none. */
  values: Record<string, Exclude<RunValue, undefined>[]>;
}

/** How the table of runs was looked at, under a name. */
export interface SavedView {
  id: number;
  name: string;
  /** The query of the page's address. */
  state: string;
}

/** Ours have names of a list; a command calls its phases as it likes. */
export type PhaseLabel = PhaseName | 'baseline' | (string & {});

export interface PhaseEnergy {
  name: PhaseLabel;
  epoch: number | null;
  /** Seconds since the start of the run (negative for the baseline). */
  from: number;
  to: number | null;
  wh: number | null;
  byKind: Partial<Record<ComponentKind, number | null>>;
}

/** What a run reported of an evaluation. A command may tell only some of it: null is not told. */
export type ReportedResult = Omit<EvaluationResult, ReportedScore> &
  Record<ReportedScore, number | null>;
type ReportedScore = 'images' | 'loss' | 'accuracy' | 'microF1' | 'macroF1' | 'weightedF1';

/** Steps as a run reported them: a command tells neither how long each took nor, always, its loss. */
export type ReportedSteps = Omit<StepMetrics, 'loss' | 'lr' | 'stepMs' | 'waitMs'> &
  Record<'loss' | 'lr' | 'stepMs' | 'waitMs', (number | null)[]>;

export interface RunDetail {
  summary: RunSummary;
  /** Null for imported runs and for commands. */
  config: ExperimentConfig | null;
  /** Null for all runs but commands. */
  command: RunCommand | null;
  /** Names of what a command reported and this program has no place for, in alphabetical order. */
  scalars: string[];
  /** Paths of what a command wrote; null for all runs but commands that were started. */
  log: { stdout: string; stderr: string } | null;
  energy: Energy | null;
  /** Every phase in order. */
  phases: PhaseEnergy[];
  /** Summed over epochs by name. */
  phaseTotals: { name: PhaseEnergy['name']; seconds: number; wh: number | null }[];
  /** Epoch 0: a command that told none. */
  evaluations: { epoch: number; step: number; at: number; result: ReportedResult }[];
  /** What the zero differences of the last evaluation are worth; null without delta attention. */
  skippedMacs: SkippedMacs | null;
  cost: Forecast | null;
  notes: { at: number; level: 'info' | 'warning'; message: string }[];
  /** In order of time. */
  markers: Marker[];
  checkpoints: { epoch: number; step: number; path: string; bytes: number }[];
  /** Hardware, software and sensors at the time of the run, for the methods paragraph. */
  circumstances: {
    machine: Inventory | null;
    engine: string | null;
    engineWhy: string | null;
    appVersion: string;
    node: string;
    hz: number | null;
    /** Per component: of the one that was sampled most. */
    samples: number;
    /** Stretches without readings, of the component that has most of them. */
    gaps: number;
    classes: string[];
    graphNodes: number | null;
    /** Over the samples of the active time; left out where there are none. */
    load?: {
      /** Mean utilisation by component kind. */
      utilPercent: Partial<Record<ComponentKind, number | null>>;
      memoryMb: Partial<Record<ComponentKind, number | null>>;
      /** Share of the GPU samples in which another process computed there, 0..1. */
      foreignShare: number | null;
      /** Share of the GPU samples with the clock held down, 0..1. */
      throttledShare: number | null;
    };
    /** Columns that an imported CSV brought and that have no field here. */
    imported: Record<string, string> | null;
  };
}

/** A run as a comparison shows it: without its course, whose energy is read phase by phase. */
export type ComparedRun = Omit<RunDetail, 'log' | 'phases' | 'phaseTotals'>;

/** A moment of a run that is worth seeing in its charts. */
export interface Marker {
  /** Null for those that came of themselves. */
  id: number | null;
  /** Seconds of the run's active time. */
  time: number;
  kind: 'own' | 'checkpoint' | 'resume' | 'note';
  text: string;
}

/** A few images that a run is watched on, and what the model did with them from time to time. */
export interface RunPictures {
  /** None where the run was not watched. */
  images: WatchedImage[];
  /** In order of their steps. */
  snapshots: Snapshot[];
}
