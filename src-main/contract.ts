/**
 * The contract between the renderer and the host: every call, every event, every error code.
 *
 * The same list is spoken over Electron IPC and over WebSocket. It is all that the renderer may import
 * of `src-main`. Values are plain JSON: numbers, strings, null, arrays, objects; times are milliseconds
 * since 1970 (`...At`) or seconds since the start of the run; energy is in Wh, power in W, emissions in
 * gCO2e. Null means missing.
 */
import * as v from 'valibot';
import {
  budgetSchema,
  energySchema,
  type BudgetConfig,
  type ConfigIssue,
  type DatasetConfig,
  type EngineName,
  type ExperimentConfig,
} from './experiment-config.ts';
import type {
  ComponentKind,
  CpuCurve,
  Inventory,
  Provenance,
  SourceStatus,
} from './meter/messages.ts';
import type {
  DeltaSparsity,
  DetectionResult,
  EngineStatus,
  EvaluationResult,
  ImageSamples,
  PatchMap,
  PhaseName,
  Picture,
  SelectionPreview,
  Snapshot,
  StepMetrics,
  WatchedImage,
} from './trainer/messages.ts';
import type { ActionId } from './actions.ts';
import type { BudgetLimit, BudgetQuantity } from './budget.ts';
import type { Range } from './figures.ts';
import { judges, type Judge, type Prediction } from './predictions.ts';
import type { RunValue } from './run-query.ts';
import type { SkippedMacs } from './core/experiments/skipped-macs.ts';
import type {
  GroupComparison,
  GroupSummary,
  Interval,
  PairedCounts,
  Standing,
  Verdict,
} from './core/statistics/index.ts';

export * from './actions.ts';
export * from './budget.ts';
export * from './command-line.ts';
export * from './config-keys.ts';
export * from './experiment-config.ts';
export {
  figure,
  figureRange,
  share,
  span,
  spanRange,
  type FigureStyle,
  type Range,
} from './figures.ts';
export * from './meaningful-rows.ts';
export * from './metric-keys.ts';
export { energyMeanings, labelWords, sharesByLabel } from './energy-labels.ts';
export { othersCaution } from './other-programs.ts';
export * from './run-ending.ts';
export * from './run-query.ts';
export * from './status-line.ts';
export * from './sweep-words.ts';
export { studentQuantile } from './core/statistics/distributions.ts';
export { testNames } from './core/statistics/sentences.ts';
export { energyToReach } from './core/statistics/trade-off.ts';
// the page shows means of groups that a person puts together by a search
export { meanInterval } from './core/statistics/tests.ts';
export { foundIou, isRight, judges } from './predictions.ts';
export { ColumnMeans, stack, stackOf, totalOf } from './stack.ts';
export { decodeText } from './text-encoding.ts';
export type {
  ComponentKind,
  CpuCurve,
  DeltaSparsity,
  DetectionResult,
  EngineStatus,
  EvaluationResult,
  ImageSamples,
  Inventory,
  PatchMap,
  PhaseName,
  Picture,
  Judge,
  Prediction,
  Provenance,
  SelectionPreview,
  Snapshot,
  SourceStatus,
  StepMetrics,
  WatchedImage,
};

/** Raised with every change that an older page would not understand. */
export const contractVersion = 1;

// --- errors ---------------------------------------------------------------------------------------

export type ErrorCode =
  | 'BAD_INPUT'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'UNAVAILABLE'
  | 'DATASET'
  | 'ENGINE'
  | 'STORE'
  | 'DISK_FULL'
  | 'CANCELLED'
  | 'UNAUTHORIZED'
  | 'INTERNAL';

/** An error for people: what happened, what it means; `hint` says what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | null;
  /** Field errors of a refused config. */
  readonly issues: ConfigIssue[];
  constructor(
    code: ErrorCode,
    message: string,
    hint: string | null = null,
    issues: ConfigIssue[] = [],
  ) {
    super(message);
    this.name = 'AppError';
    this.code = code;
    this.hint = hint;
    this.issues = issues;
  }
}

// --- values ---------------------------------------------------------------------------------------

export interface AppInfo {
  version: string;
  /** Of what runs beneath: `Node`, `Electron`, `Chromium`. */
  versions: Record<string, string>;
  contractVersion: number;
  shell: 'electron' | 'server';
  dataDir: string;
  /** The data folder from the next start on; null: the same. */
  nextDataDir: string | null;
  /** HUGGINGGREEN_HOME names the data folder: it cannot be chosen here. */
  dataDirFixed: boolean;
  /** Where this window's interface is served to browsers, with the token; null: it is not. */
  servedAt: string | null;
  /** What this shell can do beyond a browser. */
  can: {
    pdf: boolean;
    revealInFolder: boolean;
    chooseFolder: boolean;
    /** Serve its interface to browsers as well, on this computer. */
    serve: boolean;
    /** Start commands of the person's own. */
    commands: boolean;
  };
}

export interface Machine {
  inventory: Inventory | null;
  sources: SourceStatus[];
  components: PowerComponent[];
  engines: EngineStatus[];
  /** The engine that `auto` takes here; null while detection runs. */
  autoEngine: EngineName | null;
  detecting: boolean;
  /** Why the last search for engines found nothing out; null when it went well or none has ended yet. */
  engineFailure: string | null;
  hz: number;
  /** Last measured idle power per component, from a baseline. */
  idle: { at: number; watts: Record<string, number | null> } | null;
  /** Null where it cannot be told (no Linux), and in the first seconds. */
  overhead: Overhead | null;
}

/** What this program itself uses: host, window, meter and every other process of it but a run's. */
export interface Overhead {
  /** Processors that it keeps busy; 1 = one core all the time. */
  cores: number;
  residentBytes: number;
  /** Its part of each kind's power by its share of use, W; null: not known of that kind. */
  watts: Partial<Record<ComponentKind, number | null>>;
  /** Length of time over which the power is averaged. */
  seconds: number;
}

export interface PowerComponent {
  key: string;
  kind: ComponentKind;
  name: string;
  source: string;
  provenance: Provenance;
  uncertaintyPercent: number | null;
  uncertaintyWatts: number | null;
  method: string;
}

/** A piece of a power trace, one column per component key. */
export interface PowerTrace {
  /** Milliseconds since 1970. */
  at: number[];
  watts: Record<string, (number | null)[]>;
  /** What else was read of each component, last; left out where nothing was. */
  latest?: Record<string, ComponentState>;
}

/** What a component was last seen doing; null: not read. */
export interface ComponentState {
  utilPercent: number | null;
  memoryMb: number | null;
  tempC: number | null;
  clockMhz: number | null;
  /** Another process computes on it. */
  foreign: boolean;
  /** Its clock is held down by temperature or power limit. */
  throttled: boolean;
}

export interface Region {
  code: string;
  name: string;
  kind: 'world' | 'country' | 'us-state' | 'ca-province' | 'gcp' | 'aws' | 'azure' | 'custom';
  gPerKwh: number;
  year: number;
  source: string;
  basis: string;
}

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

export interface ComponentEnergy {
  key: string;
  kind: ComponentKind;
  name: string;
  source: string;
  provenance: Provenance;
  /** Energy without PUE; null where nothing was read. */
  wh: number | null;
  /** Energy over time. */
  meanWatts: number | null;
  uncertaintyWh: number | null;
  /** Share of the time with readings, 0..1; null where an imported file does not say. */
  coverage: number | null;
  /** Stretches without readings; null where that was not kept (imports). */
  gaps: number | null;
  idleWatts: number | null;
  /** Gross minus idle power x time; null without a baseline. */
  netWh: number | null;
  /** False for what was read but is not the run's (a card that it does not use): in no total. */
  counted: boolean;
  /** What falls to the run's own processes by their share of the component's use; null: not known. */
  processWh: number | null;
  /** Likewise what falls to this program itself, its overhead. */
  programWh: number | null;
}

/**
 * An estimate of what the whole machine took from the socket, from two readings of a wall meter
 * (accuracy table, section 3): base watts x time + factor x counted energy. Never part of `wh`.
 */
export interface WallEnergy {
  wh: number | null;
  uncertaintyWh: number | null;
  baseWatts: number;
  factor: number;
  /** Milliseconds since 1970. */
  calibratedAt: number;
  /** Who read the meter: `typed in`, `Shelly Plug S at 192.168.1.20`. */
  method: string;
}

/** A plug with a meter on the local network. */
export const plugKinds = ['shelly', 'tasmota'] as const;
export type PlugKind = (typeof plugKinds)[number];
export interface PlugAddress {
  kind: PlugKind;
  /** Name or IP address, with a port if need be. */
  host: string;
}

/** Mean powers over one stretch of time. */
export interface CalibrationPoint {
  /** Of all components that are read, W. */
  countedWatts: number;
  /** At the socket, W; null until it is typed in. */
  wallWatts: number | null;
  seconds: number;
  /** How the power at the socket was found: the plug's energy counter, its power, or a person. */
  by: 'counter' | 'power' | 'typed' | null;
  /** What is doubtful about it. */
  remarks: string[];
}

/** Watts at the socket = baseWatts + factor x counted watts. */
export interface CalibrationResult {
  baseWatts: number;
  factor: number;
  /** Root mean square of what the line leaves over, W; null where two points lie on it by necessity. */
  residualWatts: number | null;
  warnings: string[];
}

export interface KeptCalibration extends CalibrationResult {
  /** Milliseconds since 1970. */
  at: number;
  /** Who read the meter. */
  method: string;
  idle: CalibrationPoint;
  load: CalibrationPoint;
  /** Why it is not true of this machine as it is read now; null: it applies to runs that start. */
  stale: string | null;
}

/** The calibration of the whole machine against a meter at the socket. */
export interface Calibration {
  kept: KeptCalibration | null;
  /** The one under way. */
  session: {
    /** Null: a person reads the meter. */
    source: PlugAddress | null;
    /** The plug, as it answered last. */
    plug: { name: string; watts: number | null } | null;
    idle: CalibrationPoint | null;
    load: CalibrationPoint | null;
    measuring: {
      which: 'idle' | 'load';
      /** `starting`: the load is on its way; `settling`: until its power is steady. */
      stage: 'starting' | 'settling' | 'measuring';
      /** Of this stage. */
      elapsed: number;
      seconds: number;
      /** Over the last seconds. */
      countedWatts: number | null;
      wallWatts: number | null;
      /** The run that is the load. */
      run: number | null;
    } | null;
    /** Why the last measurement gave no point. */
    error: { message: string; hint: string | null } | null;
    /** Of both points; null until they are there. */
    result: CalibrationResult | null;
    /** Why they give none. */
    refusal: { message: string; hint: string | null } | null;
  } | null;
}

export interface Emissions {
  gCO2e: number | null;
  gPerKwh: number;
  regionCode: string;
  regionName: string;
  year: number;
  source: string;
  basis: string;
  pue: number;
  /** Intensity hour by hour instead of the yearly figure; null where that was not asked for. */
  hourly: {
    /** `Electricity Maps, DK-DK1`, `profile office.csv`. */
    name: string;
    source: string;
    /** Share of the energy that fell into hours with a figure; the rest took the year's. */
    coverage: number;
  } | null;
  /** Litres that the power plants' or the building's cooling took (kWh x PUE x L/kWh); null: not asked. */
  waterL: number | null;
  /** The hardware's manufacture, spread over its life, for the time of the run; null: not asked. */
  embodiedG: number | null;
}

/** How a run is priced: kept with it, so that a later change of the settings changes no history. */
export interface Pricing {
  region: Region;
  pue: number;
  hourly: HourlyIntensity | null;
  waterLPerKwh: number | null;
  embodied: { kgCO2e: number; years: number } | null;
}

/** Where hourly carbon intensity can come from: a file, or a service that is asked over the network. */
export const intensityProviders = ['profile', 'electricity-maps', 'uk'] as const;
export type IntensityProvider = (typeof intensityProviders)[number];

/** gCO2e per kWh by the hour. */
export interface HourlyIntensity {
  kind: 'profile' | 'live';
  provider: IntensityProvider;
  /** Name of the profile, zone of Electricity Maps, outward postcode (empty: all of Great Britain). */
  zone: string;
  /** For people: `Electricity Maps, DK-DK1`. */
  name: string;
  source: string;
  basis: string;
  /** Start of each step, ms since 1970, ascending, and its value; a step lasts until the next, an hour at most. */
  at: number[];
  gPerKwh: number[];
}

/** A profile of hourly intensity that was read from a CSV file. */
export interface IntensityProfile {
  name: string;
  /** `day`: 24 values by the local hour of the day; `hours`: values with their dates. */
  kind: 'day' | 'hours';
  steps: number;
  /** Milliseconds since 1970; null for a day. */
  from: number | null;
  to: number | null;
  meanGPerKwh: number;
}

/** What is there to price by the hour with. */
export interface IntensityState {
  providers: { name: IntensityProvider; label: string; network: boolean; needsKey: boolean }[];
  /** Last characters of the key of Electricity Maps; the key itself never leaves the host. */
  keyEnd: string | null;
  profiles: IntensityProfile[];
}

export interface Energy {
  seconds: number;
  /** Sum over the components that were read, without PUE; null where none was. */
  wh: number | null;
  uncertaintyWh: number | null;
  netWh: number | null;
  /** What falls to the run's own processes; null where that is not known of every component. */
  processWh: number | null;
  /** What falls to this program itself; null where that is not known. */
  programWh: number | null;
  /** Sum of the components' mean powers, each over the time that its readings cover. */
  meanWatts: number | null;
  coverage: number | null;
  components: ComponentEnergy[];
  emissions: Emissions;
  /** Null where the machine was not calibrated before the run. */
  wall: WallEnergy | null;
}

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

/** The line of runs: one computes, the others wait. */
export interface QueueState {
  active: number | null;
  /** In the order in which they start. */
  waiting: number[];
  /** Nothing new starts; what is active goes on. */
  paused: boolean;
  /** The machine cools down to idle power before the next run; null: it does not. */
  coolDown: {
    /** Milliseconds since 1970. */
    since: number;
    mostSeconds: number;
    /** Mean over the last seconds; null: not read. */
    watts: number | null;
    /** At this power or below the run starts. */
    targetWatts: number;
  } | null;
  /** What the runs of a period may take together; null where no such budget is set. */
  budget: QueueBudget | null;
  /** What is still to come of the runs that are active or wait. */
  outlook: QueueOutlook;
}

/** The queue's budget and what of it is used. Nothing new starts while it is used up. */
export interface QueueBudget {
  period: QueuePeriod;
  /** Since when it counts, milliseconds since 1970. */
  since: number;
  /** `used` is null where nothing was measured. */
  parts: { what: BudgetQuantity; unit: BudgetLimit['unit']; limit: number; used: number | null }[];
  /** Active time of the period in which no power was read: it is not in `used`. */
  unreadSeconds: number;
  usedUp: boolean;
}
export const queuePeriods = ['day', 'month', 'reset'] as const;
export type QueuePeriod = (typeof queuePeriods)[number];

export interface QueueOutlook {
  /** Of those that wait, idle baselines included; null where it is not known of any. */
  waiting: Pick<RunCost, 'seconds' | 'wh' | 'gCO2e'>;
  /** Of the active run as well. */
  all: Pick<RunCost, 'seconds' | 'wh' | 'gCO2e'>;
  /** Runs that wait and of which nothing is known: they are in no sum. */
  unknown: number;
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

/** A command of the person's own that was measured like a training of ours. */
export interface RunCommand {
  argv: string[];
  /** Absolute. */
  cwd: string;
  /** Names of the variables that were set for it; their values are kept nowhere. */
  env: string[];
  /** Where it writes its metrics, besides its standard output; relative to `cwd`. */
  watch: { jsonl: string | null; tensorboard: string | null };
  energy: ExperimentConfig['energy'];
  /** Commands of earlier versions have none. */
  budget?: BudgetConfig;
  /** Null while it has not ended. */
  exit: { code: number | null; signal: string | null } | null;
}

/** Who says a line of a run's log: a process of the run on either output, or this program. */
export const logKinds = ['stdout', 'stderr', 'info', 'warning', 'error'] as const;

/** A line of a run's log. */
export interface LogLine {
  /** Milliseconds since 1970. */
  at: number;
  kind: (typeof logKinds)[number];
  /** Without control characters. */
  text: string;
}
/** Of one answer. */
export const mostLogLines = 2000;

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

/** A checkpoint of a run: its tensors, with the JSON files that point to them. */
export interface KeptCheckpoint {
  step: number;
  epoch: number;
  /** Milliseconds since 1970; null where it was not kept. */
  at: number | null;
  /** Under which names it is kept; one without is kept by its step. */
  roles: ('last' | 'best' | 'best-per-kwh')[];
  /** Of its JSON files. */
  paths: string[];
  /** Path of the tensors; null where it was not recorded. */
  tensors: string | null;
  /** On the disk; null where it is gone. */
  bytes: number | null;
  /** Of the tensors, as the trainer wrote them; null where it was not recorded. */
  sha256: string | null;
  /**
   * `there` as far as names and sizes tell; `whole`: its SHA-256 was found to be that of the trainer;
   * `changed`: it is not; `missing`: a file is gone.
   */
  state: 'there' | 'whole' | 'changed' | 'missing';
  /** What is wrong with it. */
  problem: string | null;
  /** On validation at this step; null where it was not evaluated then. */
  macroF1: number | null;
  /** In points of a hundred per kWh that the run had used until then. */
  f1PerKwh: number | null;
  /** Of those that are there. */
  best: boolean;
  bestPerKwh: boolean;
}

export interface CheckpointList {
  /** Of the run. */
  folder: string;
  /** The latest first. */
  checkpoints: KeptCheckpoint[];
  /** What would go if all but the best were deleted, and the steps of those that stay. */
  free: { count: number; bytes: number; keeps: number[] };
  /** A deletion can still be undone. */
  undo: boolean;
}

export const xAxisNames = ['step', 'epoch', 'time', 'macs', 'wh', 'co2'] as const;
/**
 * `macs` (multiply-accumulates of training), `wh` and `co2` (gCO2e) are cumulative since the start of the run;
 * `time` is in s.
 */
export type XAxis = (typeof xAxisNames)[number];

/** Thinned to at most about two points per pixel (min and max per bucket), in SQL. */
export interface Series {
  name: string;
  x: number[];
  y: (number | null)[];
  /** Mean of each bucket, where there are more points than fit; only of what fluctuates. */
  mean?: { x: number[]; y: (number | null)[] };
}

/** Pixels a chart of the interface may be wide; the host sends about two points for each. */
export const chartWidth = 900;

/** What a run's components took together, over seconds of its active time; null where a part of it is not known. */
export interface RunTotals {
  /** Power. */
  watts: { x: number[]; y: (number | null)[] };
  /** Cumulative energy since the start. */
  wh: { x: number[]; y: (number | null)[] };
}

/** A moment of a run that is worth seeing in its charts. */
export interface Marker {
  /** Null for those that came of themselves. */
  id: number | null;
  /** Seconds of the run's active time. */
  time: number;
  kind: 'own' | 'checkpoint' | 'resume' | 'note';
  text: string;
}

/** Columns of equal length per component; null where it was not read. */
export interface PowerSeries {
  components: (PowerComponent & {
    /** False for a card that is not the run's: in no sum. */
    counted: boolean;
    /** Seconds of the run's active time. */
    x: number[];
    watts: (number | null)[];
    /** Cumulative since the start of the run. */
    wh: (number | null)[];
    tempC: (number | null)[];
    /** Clock of the cores. */
    clockMhz: (number | null)[];
    utilPercent: (number | null)[];
    memoryMb: (number | null)[];
    /** Seconds at which stretches begin in which the clock was held down, as far as the points tell. */
    throttled: number[];
  })[];
}

/** A few images that a run is watched on, and what the model did with them from time to time. */
export interface RunPictures {
  /** None where the run was not watched. */
  images: WatchedImage[];
  /** In order of their steps. */
  snapshots: Snapshot[];
}

export interface Forecast {
  parameters: number;
  /** Multiply-accumulates of one image forward: all patches in a dense encoder. */
  macsFull: number;
  /** With selection and routing, as in the leanest training step. */
  macsKept: number;
  /** In the test; forecasts of earlier versions have none. */
  macsTest?: number;
  /** Patches and tokens of one image; null for a model that sees none. */
  patches: number | null;
  kept: number | null;
  tokensFull: number | null;
  tokensKept: number | null;
  stepsPerEpoch: number;
  steps: number;
  /** Of the whole training: forward and backward, schedule average, without evaluation. */
  trainMacs: number;
  /** trainMacs over that of the same model without selection and routing. */
  trainRatio: number;
  /** Weights, gradients, moments and activations of one step, modelled. */
  memoryBytes: number;
}

/** A figure with the interval that it is expected in. */
export interface Estimate {
  low: number;
  value: number;
  high: number;
}

/** What a run will take on this machine, and how that is known. */
export interface RunCost {
  /**
   * `runs`: earlier runs of the same experiment here; `measured`: its own programs, trained here for some
   * seconds; `throughput`: operations per second of other work here; `none`: nothing has run here yet.
   */
  basis: 'runs' | 'measured' | 'throughput' | 'none';
  /** A sentence. */
  how: string;
  /** Ids of the runs that tell it. */
  runs: number[];
  /** The engine that it holds for; null while that is not known. */
  engine: EngineName | null;
  /** Active time, without the idle baseline before it. */
  seconds: Estimate | null;
  /** Without PUE; null also where no power was read. The sensors' own uncertainty comes on top. */
  wh: Estimate | null;
  /** With PUE, at the yearly figure of the region. */
  gCO2e: Estimate | null;
  baselineSeconds: number;
}

export interface ConfigCost {
  forecast: Forecast;
  cost: RunCost;
  /** A start within the next 24 hours that saves a tenth of the emissions at least; null: there is none. */
  cleaner: CleanerStart | null;
}

/** From hourly carbon intensity, at the mean power that is expected. */
export interface CleanerStart {
  /** Milliseconds since 1970. */
  at: number;
  gCO2e: number;
  /** Started now. */
  nowGCO2e: number;
  /** Who says so: `profile office.csv`. */
  name: string;
}

export interface Preset {
  id: string;
  title: string;
  description: string;
  config: ExperimentConfig;
}

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

/** Why a config is not started unless it is forced. */
export interface Refusal {
  message: string;
  hint: string;
}

/** Datasets that the program can fetch from their publishers. */
export const downloadableDatasets = ['cifar10', 'cifar100', 'mnist', 'tiny-imagenet'] as const;
export type DownloadableId = (typeof downloadableDatasets)[number];

export interface DatasetState {
  id: DatasetConfig['kind'];
  title: string;
  description: string;
  state: 'ready' | 'missing' | 'downloading' | 'broken';
  detail: string;
  fix: string | null;
  bytes: number | null;
  downloadBytes: number | null;
  progress: { received: number; total: number | null; label: string } | null;
  license: string;
  url: string | null;
}

/** How numbers are written in the window: digit groups and decimal mark. Files keep `1234.5`. */
export const numberFormats = ['1,234.5', '1 234.5', '1.234,5', '1 234,5'] as const;
export type NumberFormat = (typeof numberFormats)[number];
/** In which unit the window shows energy; everything that is exchanged and kept is in Wh. */
export const energyUnits = ['Wh', 'J'] as const;
export type EnergyUnit = (typeof energyUnits)[number];

export interface Settings {
  /** Where Prometheus finds the metrics, `127.0.0.1:9797`; null: nowhere. */
  metrics: string | null;
  /** Longest wait for idle power between two runs, minutes; 0: none. */
  coolDownMinutes: number;
  /** What all runs of a period may take together; null: no limit. */
  queueBudgetWh: number | null;
  queueBudgetGCO2e: number | null;
  queueBudgetMinutes: number | null;
  queueBudgetPeriod: QueuePeriod;
  /** With the period `reset`: since when it counts, milliseconds since 1970. */
  queueBudgetSince: number;
  /** Where the end of a run and budget warnings are posted as JSON; null: nowhere. */
  webhook: string | null;
  region: string;
  /** Used when `region` is `custom`: the figure, what it is called, where it is from, of which year. */
  customGPerKwh: number | null;
  customName: string | null;
  customSource: string | null;
  customYear: number | null;
  /** Power usage effectiveness of the building; a config may have its own, as for the next three. */
  pue: number;
  /** Water per kWh; null: not told. */
  waterLPerKwh: number | null;
  /** Manufacture of the machine in kgCO2e and the years over which it is spread; null: not told. */
  embodiedKg: number | null;
  embodiedYears: number | null;
  /** Who gives the intensity by the hour; null: the year's figure of the region. */
  hourly: IntensityProvider | null;
  /** Profile, zone or postcode. */
  hourlyZone: string | null;
  /** Codes of the regions in which a run is shown as if it had taken place there. */
  elsewhere: string[];
  /** Port at which the window serves its interface to browsers of this computer; null: it does not. */
  servePort: number | null;
  theme: 'system' | 'light' | 'dark';
  numberFormat: NumberFormat;
  energyUnit: EnergyUnit;
  /** Tells the end of a run by the system's notifications while the window is not looked at. */
  notify: boolean;
  /** Evaluations without a better one after which it is said that a run gets no better; null: never. */
  plateauEvaluations: number | null;
  /** Samples per second of the meter. */
  hz: number;
  cpuTdpWatts: number | null;
  /** Curve of the CPU model; null: the program's own. */
  cpuCurve: CpuCurve | null;
  dimms: number | null;
  /** How memory is taken where no counter reads it; `off` leaves its counter out too. */
  ramMode: 'dimms' | 'constant' | 'off';
  /** Used when `ramMode` is `constant`. */
  ramWatts: number | null;
  /** Address of a LibreHardwareMonitor web server, `http://127.0.0.1:8085`; null: not asked. */
  libreHardwareMonitor: string | null;
}

/** A line of a comparison: one quantity over all runs, the first run being the baseline. */
export interface ComparisonRow {
  key: string;
  label: string;
  unit: string | null;
  group: 'result' | 'energy' | 'config';
  values: (number | string | boolean | null)[];
  /** Half width of the band, same unit; null where there is none. */
  uncertainty: (number | null)[];
  /** The difference to the first run lies within the joint band, the root sum of squares of both. */
  tied: boolean[];
  /** Which direction is better; null when neither is. */
  better: 'lower' | 'higher' | null;
  differs: boolean;
}

export interface Comparison {
  /** The first is the baseline. */
  runs: RunSummary[];
  /** Asked for and left out: warm-ups beside other runs. */
  warmUps: { id: number; name: string }[];
  /** Compared, and left out of the statistics: copies at another price, which measured nothing anew. */
  copies: { id: number; name: string; copyOf: number }[];
  /** Runs during which other programs were at work, and their part of all processors. */
  others: { id: number; percent: number }[];
  rows: ComparisonRow[];
  /** Every run is in one; the group of the first run comes first. */
  groups: ComparisonGroup[];
  /** `rows` with a column per group: means, with half of their 95 % t interval from three runs on. */
  groupRows: ComparisonRow[];
  tradeOff: TradeOff;
  /** Null where there is neither a group of three finished runs nor a second group. */
  repeats: RepeatedRuns | null;
}

/** A comparison with the runs that it was made of. */
export interface SideBySide {
  comparison: Comparison;
  /** Every run that was asked for, in that order. */
  details: ComparedRun[];
}

/** Runs that repeat each other, under a name that no other group of the comparison has. */
export interface ComparisonGroup {
  name: string;
  ids: number[];
}

/** Energy against macro F1, by groups (method H.2). */
export interface TradeOff {
  points: (ComparisonGroup & {
    /** Runs that have both. */
    n: number;
    /** Means. */
    wh: number;
    /** 0..1. */
    f1: number;
    /** 95 % t intervals of the means; null below three runs. */
    whInterval: Interval | null;
    f1Interval: Interval | null;
    standing: Standing;
  })[];
  /** Energy of the dearest point: up to here the hypervolume counts. */
  limitWh: number;
  /** Share of the area from 0 to `limitWh` and from F1 0 to 1 that the front covers; null without points. */
  hypervolume: number | null;
}

/** Runs with the same config but for seed and name, taken together. */
export interface RepeatedRuns {
  /** The one of the first run is the baseline. */
  groups: {
    name: string;
    ids: number[];
    /** Energy and macro F1. */
    quantities: (GroupSummary & { what: string; unit: string })[];
  }[];
  /** Every other group against the baseline, in every quantity; one correction over all tests. */
  comparisons: GroupComparison[];
  /** What they come down to: a sentence per group, to be quoted. */
  verdicts: Verdict[];
}

/** An evaluation of which every single prediction is kept: the test, the best and the last validation. */
export interface KeptPredictions {
  split: 'validation' | 'test';
  epoch: number;
  step: number;
  images: number;
  /** Whether a box was predicted of every image. */
  boxes: boolean;
  /** Side of the images in pixels, the unit of the boxes. */
  side: number;
  /** Of all validations of the run. */
  best: boolean;
  last: boolean;
}

/** Some predictions of a run. */
export interface PredictionPage {
  /** The test first. */
  kept: KeptPredictions[];
  /** Which of them these are. */
  of: KeptPredictions | null;
  /** Why there are none, a clause about the run; null where there are. */
  why: string | null;
  classes: string[];
  /** Images that can be judged at all, and the wrong ones of them. */
  judged: number;
  wrong: number;
  /** Images that were asked for, of which `images` are a page. */
  total: number;
  images: (Prediction & {
    /** Place in the split. */
    image: number;
  })[];
}

/** Who is right about an image, of the first run of a comparison and another one. */
export const predictionCells = ['both', 'first', 'second', 'neither'] as const;
export type PredictionCell = (typeof predictionCells)[number];

/** Predictions of several runs for the same images. */
export interface PredictionComparison {
  split: 'validation' | 'test';
  /** Splits for which there is something to compare. */
  splits: ('validation' | 'test')[];
  classes: string[];
  /** Whether every run predicts boxes, so that they can be judged. */
  boxes: boolean;
  side: number | null;
  /** Images that are judged. */
  judged: number;
  /** The first is the baseline. Empty: fewer than two can be compared. */
  runs: { id: number; name: string; epoch: number; right: number }[];
  leftOut: { id: number; name: string; reason: string }[];
  /** The baseline against each of the others. */
  pairs: {
    other: number;
    counts: PairedCounts;
    /** Of McNemar's exact test, corrected for all pairs (Holm); null: the same images are right. */
    p: number | null;
    sentence: string;
  }[];
  /** Images that some runs are right about and others not, and that all are wrong about. */
  differ: number;
  allWrong: number;
  /** Images that were asked for, of which `images` are a page. */
  total: number;
  images: {
    image: number;
    truth: number;
    /** In the order of `runs`. */
    predictions: Prediction[];
  }[];
}

/** All that the self-contained HTML report shows; embedded in it as JSON. */
export interface ReportData {
  title: string;
  generatedAt: number;
  appVersion: string;
  runs: {
    detail: RunDetail;
    /** Over time. */
    series: Series[];
    /** Loss and macro F1 over epochs, where runs of any speed lie beside each other; empty for a single run. */
    byEpoch: Series[];
    power: PowerSeries;
  }[];
  /** Null for a single run. */
  comparison: Comparison | null;
  /** Of the author's own; an empty line parts paragraphs. */
  notes: string;
  paper: Paper;
  sections: ReportSection[];
  /** Paragraphs generated from what was really done. */
  methods: string[];
  limits: string[];
}

/** Largest piece of an upload, in characters of base64. */
export const uploadPiece = 4_000_000;

/** A file that was made for the person to take away. */
export interface ExportedFile {
  name: string;
  mime: string;
  bytes: number;
  /** Where a page of this host fetches it, on its own origin; good until the next few exports. */
  url: string;
  /** The same file, for programs on the host's computer. */
  path: string;
}

/** What became of the rows of a file, or of the runs of a bundle, counted from 1. */
export interface ImportedRows {
  ids: number[];
  taken: number;
  known: { row: number; run: number }[];
  refused: { row: number; reason: string }[];
  /** What the file holds of runs beside their totals, as exported here: nothing of it is taken; else null. */
  beside: 'samples' | 'metrics' | 'predictions' | null;
}

/** A trained model on its way out. */
export interface ModelFile extends ExportedFile {
  /** Whose weights they are: of the best evaluation, or of the last checkpoint. */
  checkpoint: 'best' | 'last';
  /** Steps of training behind them. */
  step: number;
}

// --- calls ----------------------------------------------------------------------------------------

const define =
  <Output>() =>
  <Schema extends v.GenericSchema>(input: Schema): { input: Schema; output: Output } =>
    // the output exists for the compiler only
    ({ input }) as { input: Schema; output: Output };

const nothing = v.strictObject({});
const id = v.pipe(v.number(), v.integer(), v.minValue(1));
const byId = v.strictObject({ id });
const tagName = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1),
  v.maxLength(60),
  v.regex(/^[^,"\n\r]+$/, 'a tag has no comma, quote or line break'),
);
const viewName = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(100));
const viewState = v.pipe(v.string(), v.maxLength(8000));
/** A whole matrix at once. */
const manyIds = v.pipe(v.array(id), v.minLength(1), v.maxLength(10_000));
const seriesNames = v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(32));
const width = v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(8192));
const json = v.unknown();
const plugAddress = v.strictObject({
  kind: v.picklist(plugKinds),
  host: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(255)),
});
/** Seconds. */
const stretch = v.pipe(v.number(), v.finite(), v.minValue(0.1), v.maxValue(3600));

const between = (low: number, high: number) =>
  v.pipe(v.number(), v.finite(), v.minValue(low), v.maxValue(high));
const gPerKwh = between(0, 5000);
const pue = between(1, 5);
const waterLPerKwh = between(0, 1000);
const embodiedKg = between(0, 1e7);
const embodiedYears = between(0.1, 100);
const year = v.pipe(v.number(), v.integer(), v.minValue(1990), v.maxValue(2100));
const shortText = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200));
const zone = v.pipe(v.string(), v.trim(), v.maxLength(100));

/** Another price for a run's joules; what is left out stays as the run has it. */
export const repriceSchema = v.strictObject({
  /** Code of a preset, or `custom` with the figure below. */
  region: v.optional(v.pipe(v.string(), v.maxLength(64))),
  custom: v.optional(
    v.strictObject({
      gPerKwh,
      name: v.optional(shortText),
      year: v.optional(year),
      source: v.optional(shortText),
    }),
  ),
  pue: v.optional(pue),
  waterLPerKwh: v.optional(v.nullable(waterLPerKwh)),
  embodied: v.optional(v.nullable(v.strictObject({ kgCO2e: embodiedKg, years: embodiedYears }))),
  /** By the hour; dropped where left out and the region changes. */
  hourly: v.optional(
    v.nullable(v.strictObject({ provider: v.picklist(intensityProviders), zone })),
  ),
  name: v.optional(shortText),
});
export type RepriceChoice = v.InferOutput<typeof repriceSchema>;

export const settingsSchema = v.strictObject({
  metrics: v.nullable(v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(255))),
  region: v.pipe(v.string(), v.maxLength(64)),
  customGPerKwh: v.nullable(gPerKwh),
  customName: v.nullable(shortText),
  customSource: v.nullable(shortText),
  customYear: v.nullable(year),
  pue,
  waterLPerKwh: v.nullable(waterLPerKwh),
  embodiedKg: v.nullable(embodiedKg),
  embodiedYears: v.nullable(embodiedYears),
  hourly: v.nullable(v.picklist(intensityProviders)),
  hourlyZone: v.nullable(zone),
  elsewhere: v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(24)),
  servePort: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1024), v.maxValue(65_535))),
  theme: v.picklist(['system', 'light', 'dark']),
  numberFormat: v.picklist(numberFormats),
  energyUnit: v.picklist(energyUnits),
  coolDownMinutes: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(60)),
  queueBudgetWh: v.nullable(between(0.0001, 1e12)),
  queueBudgetGCO2e: v.nullable(between(0.0001, 1e12)),
  queueBudgetMinutes: v.nullable(between(0.01, 1e9)),
  queueBudgetPeriod: v.picklist(queuePeriods),
  queueBudgetSince: v.pipe(v.number(), v.finite(), v.minValue(0)),
  webhook: v.nullable(
    v.pipe(
      v.string(),
      v.trim(),
      v.maxLength(2000),
      v.check(
        (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
        'The address of a webhook begins with http:// or https://.',
      ),
    ),
  ),
  notify: v.boolean(),
  plateauEvaluations: v.nullable(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)),
  ),
  hz: v.pipe(v.number(), v.finite(), v.minValue(0.5), v.maxValue(20)),
  cpuTdpWatts: v.nullable(v.pipe(v.number(), v.finite(), v.minValue(1), v.maxValue(2000))),
  cpuCurve: v.nullable(
    v.strictObject({
      idle: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1)),
      span: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(2)),
      exponent: v.pipe(v.number(), v.finite(), v.minValue(0.1), v.maxValue(2)),
    }),
  ),
  dimms: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(128))),
  ramMode: v.picklist(['dimms', 'constant', 'off']),
  ramWatts: v.nullable(v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(2000))),
  libreHardwareMonitor: v.nullable(
    v.pipe(
      v.string(),
      v.maxLength(300),
      v.check(
        (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
        'The address of LibreHardwareMonitor begins with http:// or https://; usual is http://127.0.0.1:8085.',
      ),
    ),
  ),
});

const seed = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));
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

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096), v.excludes('\0'));
const label = v.pipe(v.string(), v.trim(), v.maxLength(200));
const word = v.pipe(v.string(), v.maxLength(131_072), v.excludes('\0'));
const total = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1e12));
/** A command of the person's own, to be measured like a training of ours. No shell reads it. */
export const commandOrderSchema = v.strictObject({
  command: v.pipe(v.array(word), v.minLength(1), v.maxLength(10_000)),
  /** Absolute. */
  cwd: path,
  /** Variables besides those of the program that runs it; they are kept in memory only. */
  env: v.optional(v.record(v.pipe(v.string(), v.regex(/^[^=\0]+$/)), word), {}),
  /** `env` is the whole environment, that of the terminal which the command was typed into. */
  wholeEnv: v.optional(v.boolean(), false),
  name: v.optional(label),
  dataset: v.optional(label),
  model: v.optional(label),
  seed: v.optional(seed),
  /** Where it writes its metrics besides its output; relative to `cwd`. */
  watch: v.optional(v.strictObject({ jsonl: v.optional(path), tensorboard: v.optional(path) }), {}),
  energy: v.optional(energySchema, {}),
  budget: v.optional(budgetSchema, {}),
  /** How much is to come, where it is known and the command does not tell. */
  totals: v.optional(v.strictObject({ steps: v.optional(total), epochs: v.optional(total) }), {}),
});
export type CommandOrder = v.InferInput<typeof commandOrderSchema>;

/** A name of the caller's choice by which `jobs.cancel` breaks the call off; it fails with CANCELLED then. */
const job = v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(64)));

const fewImages = v.strictObject({
  config: json,
  job,
  split: v.picklist(['train', 'validation', 'test']),
  /** Places in the split; those beyond its end begin anew. */
  indices: v.pipe(
    v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1))),
    v.minLength(1),
    v.maxLength(60),
  ),
});

const place = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));
const judge = v.optional(v.picklist(judges), 'class');
/** A part of a longer list. */
const part = {
  offset: v.optional(place, 0),
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(60)), 24),
};
const evaluatedSplit = v.optional(v.picklist(['validation', 'test']));
export const predictionsSchema = v.strictObject({
  id,
  /** The test where left out and there is one, else the best validation. */
  split: evaluatedSplit,
  /** Of several validations; the best where left out. */
  step: v.optional(place),
  judge,
  show: v.optional(v.picklist(['wrong', 'right', 'all']), 'wrong'),
  /** Classes. */
  truth: v.optional(place),
  predicted: v.optional(place),
  /**
   * `image`: in the order of the split; `confidence`: the surest first; `doubt`: the least sure first; `iou`: the
   * worst box first.
   */
  sort: v.optional(v.picklist(['image', 'confidence', 'doubt', 'iou']), 'confidence'),
  ...part,
});
export type PredictionQuery = v.InferOutput<typeof predictionsSchema>;
export const comparePredictionsSchema = v.strictObject({
  ids: manyIds,
  split: evaluatedSplit,
  judge,
  /** Images about which the runs differ, all are wrong, all of them, or a cell of a pair. */
  show: v.optional(
    v.union([
      v.picklist(['differ', 'all-wrong', 'all']),
      v.strictObject({ other: id, cell: v.picklist(predictionCells) }),
    ]),
    'differ',
  ),
  ...part,
});
export type PredictionComparisonQuery = v.InferOutput<typeof comparePredictionsSchema>;

/** What runs can be taken out as. */
export const exportFormats = [
  'runs',
  'samples',
  'metrics',
  'predictions',
  'report',
  'pdf',
  'markdown',
  'charts',
  'json',
  'bundle',
] as const;
export type ExportFormat = (typeof exportFormats)[number];

export const papers = ['a4', 'letter'] as const;
export type Paper = (typeof papers)[number];
/** Parts of a report that may be left out. */
export const reportSections = [
  'results',
  'statistics',
  'comparison',
  'charts',
  'methods',
  'limits',
  'runs',
  'configs',
] as const;
export type ReportSection = (typeof reportSections)[number];
/** How a report looks; what is left out is as it comes. */
export const reportLookSchema = v.strictObject({
  title: v.optional(v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200))),
  /** A paragraph or more of the author's own; an empty line parts them. */
  notes: v.optional(v.pipe(v.string(), v.trim(), v.maxLength(8000))),
  paper: v.optional(v.picklist(papers)),
  /** All where not given. */
  sections: v.optional(v.array(v.picklist(reportSections))),
});
export type ReportLook = v.InferOutput<typeof reportLookSchema>;

/** Starts what would be refused for its memory. */
const force = v.optional(v.boolean(), false);

/** Longest CSV text to import, in characters. */
export const importLimit = 64_000_000;

/** Runs whose curves are asked for at once: each is up to a few hundred kilobytes. */
const curveIds = v.pipe(v.array(id), v.minLength(1), v.maxLength(100));

/** Names are noun.verb; one object in, one value out. */
export const calls = {
  'jobs.cancel': define<void>()(v.strictObject({ job: v.string() })),

  'app.info': define<AppInfo>()(nothing),
  /** Asks the person for another data folder, used from the next start on; `usual`: the platform's, without asking. */
  'app.chooseDataDir': define<AppInfo>()(v.strictObject({ usual: v.boolean() })),

  'machine.get': define<Machine>()(nothing),
  /** Look for sensors and engines again. */
  'machine.probe': define<Machine>()(nothing),
  /** Idle power, measured without a run and remembered; fails while one is under way, and when the machine is busy. */
  'machine.idle': define<Machine>()(
    v.strictObject({ seconds: v.optional(between(5, 600), 60), job }),
  ),
  /** The last seconds of power, kept in memory. */
  'machine.power': define<PowerTrace>()(
    v.strictObject({ seconds: v.pipe(v.number(), v.minValue(1), v.maxValue(600)) }),
  ),

  'calibration.get': define<Calibration>()(nothing),
  /** Begins anew; with a plug, reads it once. Null: the meter is read by a person. */
  'calibration.start': define<Calibration>()(v.strictObject({ source: v.nullable(plugAddress) })),
  /**
   * Measures one point; progress comes as events. Under load it takes the run under way, or starts one.
   * `seconds` is the length of the measurement, `settleSeconds` of two stretches of like power before it.
   */
  'calibration.measure': define<Calibration>()(
    v.strictObject({
      which: v.picklist(['idle', 'load']),
      seconds: v.optional(stretch),
      settleSeconds: v.optional(stretch),
    }),
  ),
  /** What a person read at the meter: mean power while a point was measured. */
  'calibration.read': define<Calibration>()(
    v.strictObject({
      which: v.picklist(['idle', 'load']),
      wallWatts: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(100_000)),
    }),
  ),
  /** Keeps the result for this machine. */
  'calibration.finish': define<Calibration>()(nothing),
  /** Ends the one under way; what is kept stays. */
  'calibration.cancel': define<Calibration>()(nothing),
  'calibration.forget': define<Calibration>()(nothing),

  'regions.list': define<Region[]>()(nothing),
  'settings.get': define<Settings>()(nothing),
  'settings.set': define<Settings>()(v.partial(settingsSchema)),
  /** Posts a test to the webhook of the settings. Fails where it is not taken. */
  'webhook.test': define<{ status: number; milliseconds: number }>()(nothing),

  'intensity.get': define<IntensityState>()(nothing),
  /** The user's own key of Electricity Maps; null removes it. */
  'intensity.setKey': define<IntensityState>()(
    v.strictObject({
      key: v.nullable(
        v.pipe(v.string(), v.trim(), v.minLength(8), v.maxLength(200), v.regex(/^[\x21-\x7e]+$/)),
      ),
    }),
  ),
  /** Asks the source of the settings for this hour, over the network where it needs that. */
  'intensity.check': define<{ name: string; at: number; gPerKwh: number }>()(nothing),
  /** Hours with a UTC offset, or 24 values by the hour of the day; replaces a profile of the same name. */
  'intensity.import': define<{
    profile: IntensityProfile;
    taken: number;
    refused: { row: number; reason: string }[];
  }>()(
    v.strictObject({
      name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(100)),
      csv: v.pipe(v.string(), v.maxLength(16_000_000)),
    }),
  ),
  'intensity.remove': define<IntensityState>()(v.strictObject({ name: v.string() })),

  'datasets.list': define<DatasetState[]>()(nothing),
  'datasets.download': define<void>()(v.strictObject({ id: v.picklist(downloadableDatasets) })),
  'datasets.cancel': define<void>()(v.strictObject({ id: v.picklist(downloadableDatasets) })),

  /** Images of a config's dataset as they are stored. Takes a while where they have to be decoded first. */
  'datasets.samples': define<ImageSamples>()(fewImages),
  /** The patches of the same images that each heuristic keeps in an epoch of the config's training. */
  'experiments.selection': define<SelectionPreview>()(
    v.strictObject({
      ...fewImages.entries,
      /** From 1. */
      epoch: v.pipe(v.number(), v.integer(), v.minValue(1)),
    }),
  ),

  'experiments.presets': define<Preset[]>()(nothing),
  /** Never fails on a bad config: it says what is wrong with it. */
  'experiments.check': define<
    | {
        ok: true;
        config: ExperimentConfig;
        forecast: Forecast;
        warnings: string[];
        /** Starting it is refused unless forced. */
        refusal: Refusal | null;
      }
    | { ok: false; issues: ConfigIssue[] }
  >()(v.strictObject({ config: json })),

  /** What it will take on this machine, from what has run here. */
  'experiments.forecast': define<ConfigCost>()(
    v.strictObject({
      config: json,
      /** How many of it run one after the other, for the hour to start at. */
      runs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500)), 1),
    }),
  ),
  /**
   * Trains it for some seconds and tells the same from that. Refused while anything runs or waits; runs that
   * are started meanwhile wait.
   */
  'experiments.measure': define<ConfigCost>()(v.strictObject({ config: json, job })),

  'matrices.list': define<Matrix[]>()(nothing),
  /** What an order would run, in which order, and what it would cost. */
  'matrices.preview': define<MatrixPreview>()(matrixOrderSchema),
  /** Queues the runs of an order: a warm-up, then the arms in turn, there and back. */
  'matrices.start': define<{ group: number; ids: number[] }>()(
    v.strictObject({ ...matrixOrderSchema.entries, force }),
  ),
  /** A started matrix or sweep as a whole: its arms, the best of them, what it took. */
  'matrices.get': define<MatrixState>()(v.strictObject({ group: id })),
  /** Ends it: its runs leave the queue, the active one stops with a checkpoint, no trial goes on. */
  'matrices.stop': define<MatrixState>()(v.strictObject({ group: id })),
  /** The trials of a sweep and what they would cost. */
  'sweeps.preview': define<SweepPreview>()(sweepOrderSchema),
  /** Queues the trials of a sweep; with halving, the best go on by themselves. */
  'sweeps.start': define<{ group: number; ids: number[] }>()(
    v.strictObject({ ...sweepOrderSchema.entries, force }),
  ),

  'queue.get': define<QueueState>()(nothing),
  /** Puts runs that wait before another that waits; null: at the end. */
  'queue.move': define<QueueState>()(v.strictObject({ ids: manyIds, before: v.nullable(id) })),
  /** The active run goes on; nothing new starts, also after a restart. */
  'queue.pause': define<QueueState>()(nothing),
  'queue.resume': define<QueueState>()(nothing),
  /** Starts the next run before the machine has cooled down. */
  'queue.skipCoolDown': define<QueueState>()(nothing),

  /** Queues runs, in order; they start by themselves. Refused where one cannot fit into memory. */
  'runs.start': define<{ ids: number[] }>()(
    v.strictObject({ configs: v.pipe(v.array(json), v.minLength(1), v.maxLength(500)), force }),
  ),
  /** Queues a command. Refused where there is no such program or folder, and where commands are not allowed. */
  'runs.command': define<{ ids: number[] }>()(commandOrderSchema),
  /** The last lines of a run's log; of one that has none (it came in a bundle), its notes. */
  'runs.log': define<LogLine[]>()(
    v.strictObject({
      id,
      lines: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(mostLogLines)),
    }),
  ),
  /** The whole log as a file. */
  'runs.exportLog': define<ExportedFile>()(byId),
  /** The built-in example: plain against patch-dropping ViT on GreenSynth. */
  'runs.example': define<{ ids: number[] }>()(nothing),
  /**
   * Finishes the step, writes a checkpoint, ends; a command gets SIGINT, and SIGTERM where it does not end.
   * A queued run just leaves the queue. Asked again after 3 seconds or more, it ends the process at once.
   */
  'runs.stop': define<void>()(byId),
  /** As a stop; resumed, the run is first in the line. */
  'runs.pause': define<void>()(byId),
  /**
   * Queues a run anew with the same config, from the first step. `retry`: it stands in for one that did
   * not come to its end, in its place of the matrix.
   */
  'runs.clone': define<{ ids: number[] }>()(
    v.strictObject({ id, retry: v.optional(v.boolean(), false) }),
  ),
  /** Goes on from the last checkpoint. With a budget, that replaces the one of the run. */
  'runs.resume': define<void>()(v.strictObject({ id, budget: v.optional(budgetSchema) })),
  'runs.rename': define<void>()(
    v.strictObject({ id, name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200)) }),
  ),
  /** Star, note and tags; what is left out stays as it is. Tags that are there already are no mistake. */
  'runs.annotate': define<void>()(
    v.strictObject({
      ids: manyIds,
      star: v.optional(v.boolean()),
      note: v.optional(v.nullable(v.pipe(v.string(), v.trim(), v.maxLength(20_000)))),
      addTags: v.optional(v.pipe(v.array(tagName), v.maxLength(50))),
      removeTags: v.optional(v.pipe(v.array(tagName), v.maxLength(1000))),
    }),
  ),
  /** Puts runs away: they stay in the store and are listed where `is:archived` asks for them. */
  'runs.archive': define<void>()(v.strictObject({ ids: manyIds })),
  'runs.unarchive': define<void>()(v.strictObject({ ids: manyIds })),
  /**
   * For good. With `undoSeconds` they leave every list at once and are deleted after that time, or at the
   * next start; until then `runs.restore` brings them back.
   */
  'runs.delete': define<void>()(
    v.strictObject({
      ids: manyIds,
      undoSeconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(60)), 0),
    }),
  ),
  'runs.restore': define<void>()(v.strictObject({ ids: manyIds })),
  /** What the folders of these runs (checkpoints, logs) take on the disk. */
  'runs.disk': define<{ bytes: number }>()(v.strictObject({ ids: manyIds })),
  'checkpoints.list': define<CheckpointList>()(byId),
  /** Reads all of them: for gigabytes it takes seconds. */
  'checkpoints.verify': define<CheckpointList>()(byId),
  /** Deletes all but the best; until the time is over `checkpoints.restore` brings them back. */
  'checkpoints.free': define<CheckpointList>()(
    v.strictObject({
      id,
      undoSeconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(60)), 0),
    }),
  ),
  'checkpoints.restore': define<CheckpointList>()(byId),
  /** A run that the end of the program interrupted counts as failed; it can be resumed all the same. */
  'runs.markFailed': define<void>()(byId),
  /** Shows the folder of a run, or a file in it, in the system's file manager; only where the shell can. */
  'runs.reveal': define<void>()(
    v.strictObject({
      id,
      file: v.optional(v.pipe(v.string(), v.maxLength(200), v.regex(/^[\w-][\w.-]*$/))),
    }),
  ),
  /** Marks a moment of a run with a text: now while it is under way, else at `time` (s of its active time). */
  'runs.mark': define<Marker>()(
    v.strictObject({
      id,
      text: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200)),
      time: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0))),
    }),
  ),
  'runs.unmark': define<void>()(v.strictObject({ id, marker: id })),
  /** Archived runs too. */
  'runs.list': define<RunSummary[]>()(nothing),
  'runs.values': define<RunValues>()(
    v.strictObject({
      keys: v.pipe(v.array(v.pipe(v.string(), v.maxLength(200))), v.maxLength(60)),
    }),
  ),
  /** Names of the metrics that commands reported. */
  'runs.metricNames': define<string[]>()(nothing),
  'runs.get': define<RunDetail>()(byId),
  'runs.series': define<Series[]>()(
    v.strictObject({
      id,
      names: seriesNames,
      x: v.picklist(xAxisNames),
      width,
    }),
  ),
  'runs.power': define<PowerSeries>()(v.strictObject({ id, width })),
  /** Where attention went on a few images as training went on. */
  'runs.pictures': define<RunPictures>()(byId),
  /** `runs.series` of several runs, in their order. */
  'runs.curves': define<Series[][]>()(
    v.strictObject({ ids: curveIds, names: seriesNames, x: v.picklist(xAxisNames), width }),
  ),
  /** Power and energy of several runs, in their order; a total has a point for every two pixels. */
  'runs.totals': define<RunTotals[]>()(v.strictObject({ ids: curveIds, width })),
  'runs.compare': define<Comparison>()(v.strictObject({ ids: manyIds })),
  /** `runs.compare` with the runs themselves, each read once for both. */
  'runs.sideBySide': define<SideBySide>()(v.strictObject({ ids: manyIds })),
  /** What a run said of single images, a page at a time. */
  'runs.predictions': define<PredictionPage>()(predictionsSchema),
  /** On which images runs differ, the first being the baseline. Refuses no run: it says why one is left out. */
  'runs.comparePredictions': define<PredictionComparison>()(comparePredictionsSchema),
  /**
   * `runs`, `samples`, `metrics` and `predictions` are CSV; `report` is the self-contained HTML, `pdf` its print, `json` the
   * data of the report, `charts` a zip of its charts as SVG and PNG, `markdown` one of its text with them; `bundle`
   * is all of it with the database, for another computer.
   */
  'runs.export': define<ExportedFile>()(
    v.strictObject({
      ids: manyIds,
      format: v.picklist(exportFormats),
      /** Of a bundle: with the checkpoints, which are most of its size. */
      checkpoints: v.optional(v.boolean(), false),
      /** Of `report` and `pdf`. */
      look: v.optional(reportLookSchema, {}),
      job,
    }),
  ),
  /** The report as a page of this host's origin, to be shown in a frame; good until the next few exports. */
  'runs.report': define<{ url: string }>()(v.strictObject({ ids: manyIds })),
  /** A file of the page's computer, brought piece by piece: it may be larger than any message. */
  'uploads.begin': define<{ upload: string }>()(
    v.strictObject({ bytes: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 40)) }),
  ),
  'uploads.add': define<void>()(
    v.strictObject({
      upload: v.pipe(v.string(), v.maxLength(64)),
      base64: v.pipe(v.string(), v.minLength(1), v.maxLength(uploadPiece)),
    }),
  ),
  /** Takes in the runs of an uploaded bundle, all of them or none; the upload is removed either way. */
  'runs.importBundle': define<ImportedRows>()(
    v.strictObject({ upload: v.pipe(v.string(), v.maxLength(64)) }),
  ),
  /** A copy of a run that is over, with the same joules at another price. */
  'runs.reprice': define<{ id: number }>()(v.strictObject({ id, choice: repriceSchema })),
  /** Asks for the hours that a run priced by the hour lacks; hours that it has stay as they are. */
  'runs.fetchHours': define<RunDetail>()(byId),
  /**
   * The trained model as a file: its inference graph (`onnx`) or its weights (`safetensors`), of the best
   * checkpoint where there is one, else of the last, or of the one that is named.
   */
  'runs.exportModel': define<ModelFile>()(
    v.strictObject({
      id,
      format: v.picklist(['onnx', 'safetensors']),
      checkpoint: v.optional(v.picklist(['best', 'last'])),
      job,
    }),
  ),
  /**
   * CSV text of CodeCarbon 2.x or 3.x, or of ours. `name` may be a path: its folders name and group the
   * runs. `known` are rows that are here already, and as which run.
   */
  'runs.import': define<ImportedRows>()(
    v.strictObject({
      name: v.pipe(v.string(), v.maxLength(4096)),
      csv: v.pipe(v.string(), v.maxLength(importLimit)),
    }),
  ),

  'views.list': define<SavedView[]>()(nothing),
  /** Under a name that is there already, the new state replaces the old. */
  'views.save': define<SavedView>()(v.strictObject({ name: viewName, state: viewState })),
  'views.rename': define<void>()(v.strictObject({ id, name: viewName })),
  'views.delete': define<void>()(byId),
};

export type CallName = keyof typeof calls;
export type CallInput<K extends CallName> = v.InferInput<(typeof calls)[K]['input']>;
export type CallOutput<K extends CallName> = (typeof calls)[K]['output'];

/** What the host implements; a missing or wrong handler does not compile. */
export type Handlers = {
  [K in CallName]: (
    input: v.InferOutput<(typeof calls)[K]['input']>,
  ) => CallOutput<K> | Promise<CallOutput<K>>;
};

// --- events ---------------------------------------------------------------------------------------

/** Hints with data, a few times a second. After a gap in `seq` the page asks again by calls. */
export interface Events {
  /** Sensors, engines or inventory changed: ask `machine.get`. */
  machine: Record<string, never>;
  power: PowerTrace;
  /** While a calibration goes on, about once a second. */
  calibration: Calibration;
  run: RunSummary;
  /** Many at once. */
  runs: RunSummary[];
  'run.removed': { ids: number[] };
  queue: QueueState;
  'run.steps': {
    id: number;
    steps: ReportedSteps;
    /** Seconds since the start of the run. */ time: number[];
  };
  'run.evaluation': {
    id: number;
    epoch: number;
    step: number;
    time: number;
    result: ReportedResult;
  };
  /** There is a new snapshot of the watched images: ask `runs.pictures`. */
  'run.snapshot': { id: number; epoch: number; step: number };
  /** New lines of a run's log, some at a time; of a flood only the last. */
  'run.log': { id: number; lines: LogLine[] };
  'run.phase': {
    id: number;
    name: PhaseLabel;
    epoch: number | null;
    edge: 'start' | 'end';
    time: number;
  };
  /** Work without a step count: preparing data, compiling. */
  'run.progress': { id: number; label: string; fraction: number | null };
  /** An action was taken in the native menu. */
  action: { id: ActionId };
  /** Energy of the running run so far, about once a second. */
  'run.energy': {
    id: number;
    time: number;
    wh: number | null;
    gCO2e: number | null;
    watts: number | null;
    /** At the socket, by the calibration of this machine; null without one. */
    wallWh: number | null;
    byKind: Partial<Record<ComponentKind, number | null>>;
  };
  /** What is expected of the running run, about once a second: intervals that narrow and do not jump. */
  'run.outlook': {
    id: number;
    /** Time to go; null while nothing is known. */
    seconds: Range | null;
    /** At its end, in all. */
    wh: Range | null;
    gCO2e: Range | null;
    /** Share of the expected time that is over, 0..1; never falls. */
    share: number | null;
  };
  datasets: DatasetState;
  /** What a measurement for a forecast is doing; null when it is over. */
  measuring: { label: string | null };
  notice: {
    level: 'info' | 'warning' | 'error';
    message: string;
    hint: string | null;
    /** Worth a notification of the system under this title while the window is not looked at. */
    title?: string;
  };
}
export type EventName = keyof Events;

// --- the wire -------------------------------------------------------------------------------------

export interface WireCall {
  id: number;
  name: string;
  input: unknown;
}
export interface WireError {
  code: ErrorCode;
  message: string;
  hint: string | null;
  issues: ConfigIssue[];
}
export type WireReply = { id: number; ok: unknown } | { id: number; error: WireError };
export interface WireEvent {
  event: EventName;
  seq: number;
  data: unknown;
}

/** What a shell gives to the renderer: `window.host` under Electron, a WebSocket in a browser. */
export interface Link {
  call(name: string, input: unknown): Promise<unknown>;
  listen(hear: (event: WireEvent) => void): () => void;
}

/** A call as text off the wire; null when it is none. */
export function parseCall(text: string): WireCall | null {
  try {
    const { id, name, input } = JSON.parse(text) as Partial<WireCall>;
    return typeof id === 'number' && typeof name === 'string' ? { id, name, input } : null;
  } catch {
    return null;
  }
}

/** Answers one message against the handlers; never throws, so that every shell fails alike. */
export async function answer(handlers: Handlers, message: WireCall): Promise<WireReply> {
  const { id, name, input } = message;
  try {
    if (!Object.hasOwn(calls, name)) throw new AppError('NOT_FOUND', `There is no call "${name}".`);
    const key = name as CallName;
    const parsed = v.safeParse(calls[key].input as v.GenericSchema, input);
    if (!parsed.success) {
      const issues = parsed.issues.map((issue) => ({
        path: v.getDotPath(issue) ?? '',
        message: issue.message,
      }));
      const first = issues[0];
      throw new AppError(
        'BAD_INPUT',
        `${name}: ${first?.path ? `${first.path}: ` : ''}${first?.message ?? 'bad input'}`,
        null,
        issues,
      );
    }
    const handle = handlers[key] as (input: unknown) => unknown;
    return { id, ok: (await handle(parsed.output)) ?? null };
  } catch (cause) {
    const error = wireError(cause);
    if (error.code === 'INTERNAL') console.error(`${name}:`, cause);
    return { id, error };
  }
}

/** An `AppError` as it is; what the file system says in words; anything else is a fault of ours. */
export function wireError(cause: unknown): WireError {
  const { code, message, hint, issues } =
    cause instanceof AppError ? cause : (fileError(cause) ?? fault(cause));
  return { code, message, hint, issues };
}

const fault = (cause: unknown): AppError =>
  new AppError(
    'INTERNAL',
    cause instanceof Error ? cause.message : String(cause),
    'This is a fault of the program; the log has its trace.',
  );

/** Node's errors carry a code, the call and mostly the path: `EACCES: permission denied, mkdir '/x'`. */
function fileError(cause: unknown): AppError | null {
  if (!(cause instanceof Error) || !('code' in cause) || !('syscall' in cause)) return null;
  const path = 'path' in cause && typeof cause.path === 'string' ? cause.path : 'A file';
  switch (cause.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError(
        'DISK_FULL',
        `The disk is full: ${path} could not be written.`,
        'Free some space, or let HUGGINGGREEN_HOME point to a folder on another disk.',
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new AppError(
        'UNAVAILABLE',
        `${path} may not be read or written (${cause.message}).`,
        'Change its permissions, or let HUGGINGGREEN_HOME point to a folder of your own.',
      );
    case 'ENOTDIR':
    case 'EEXIST':
      return new AppError(
        'UNAVAILABLE',
        `${path} cannot be made: a file is where a folder should be.`,
        'Move that file away.',
      );
    default:
      return null;
  }
}
