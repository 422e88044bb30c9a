/** What goes into the store beyond the values of the contract. */
import type {
  ComponentKind,
  ExperimentConfig,
  Forecast,
  Inventory,
  MatrixPreview,
  Pricing,
  Region,
  RunCommand,
  RunPlace,
  RunStatus,
  RunSummary,
  SweepPlan,
} from '../../contract.ts';
import type { WallCalibration } from '../energy/account.ts';

export interface NewRun {
  name: string;
  config: ExperimentConfig;
  /** `queued` unless said otherwise. */
  status?: RunStatus;
  machine: Inventory | null;
  appVersion: string;
  /** Version of Node. */
  node: string;
  /** The factor that prices this run; kept with it. */
  intensity: Region;
  pue: number;
  /** Beside region and PUE. */
  pricing?: Omit<Pricing, 'region' | 'pue'>;
  forecast: Forecast | null;
  /** Samples per second of the meter. */
  hz: number | null;
  /** Its place in a matrix, whose `group` is of `createMatrix`. */
  place?: Omit<RunPlace, 'id' | 'title'>;
  /** Of the built-in example; not, unless said otherwise. */
  example?: boolean;
}

/** A command that is to be measured. */
export interface NewCommand extends Omit<
  NewRun,
  'config' | 'status' | 'forecast' | 'place' | 'example'
> {
  command: RunCommand;
  /** Empty where it was not told. */
  dataset: string;
  /** Empty: the command itself. */
  model: string;
  /** Null: as the command's arguments say. */
  seed: number | null;
  totals: { steps?: number | undefined; epochs?: number | undefined };
}

/** Values that a command reported; all columns are equally long. */
export interface Scalars {
  /** Monotonic microseconds. */
  t: number[];
  step: number[];
  name: string[];
  value: (number | null)[];
}

/** One start of an experiment matrix or a sweep. */
export interface NewMatrix {
  id: string;
  title: string;
  order: MatrixPreview['order'] | SweepPlan;
}

/** Facts learnt about a run while it goes on. Keys left out stay as they are. */
export interface RunPatch {
  name?: string;
  status?: RunStatus;
  command?: RunCommand;
  machine?: Inventory | null;
  intensity?: Region;
  pue?: number;
  /** Keys of the components that are the run's; null: all that are read. */
  counted?: string[] | null;
  /** Beside region and PUE. */
  pricing?: Omit<Pricing, 'region' | 'pue'>;
  /** The calibration of the whole machine as it was then. */
  wall?: WallCalibration | null;
  hz?: number | null;
  engine?: string | null;
  engineWhy?: string | null;
  parameters?: number | null;
  /** Images in the training split. */
  trainImages?: number | null;
  stepsPerEpoch?: number | null;
  steps?: number | null;
  epochs?: number | null;
  classes?: string[];
  graphNodes?: number | null;
  forecast?: Forecast | null;
  error?: RunSummary['error'];
  epoch?: number | null;
  step?: number | null;
  imagesSeen?: number | null;
}

/** How a stretch of activity ended. */
export interface RunEnd {
  /** Monotonic microseconds. */
  at: number;
  status: RunStatus;
  error?: RunSummary['error'];
  step?: number | null;
  imagesSeen?: number | null;
}

/** The same moment on both clocks. */
export interface ClockPair {
  /** Monotonic microseconds. */
  micros: number;
  /** Milliseconds since 1970. */
  utc: number;
}

/** Tensors of a run with the JSON files that point to them. */
export interface Checkpoint {
  /** Milliseconds since 1970. */
  at: number | null;
  epoch: number;
  step: number;
  /** Of the JSON files. */
  paths: string[];
  /** Of the tensors, beside them. */
  file: string | null;
  sha256: string | null;
  bytes: number;
}

/** One JSON file of a checkpoint, as it is kept. */
export interface CheckpointRow extends Omit<Checkpoint, 'paths'> {
  path: string;
}

/** One run taken from a CSV file. */
export interface ImportedRun {
  name: string;
  /** Runs with the same are repeats of one another. */
  group: string;
  startedAt: number | null;
  endedAt: number | null;
  seconds: number | null;
  dataset: string;
  model: string;
  selection: string;
  method: string;
  engine: string | null;
  seed: number | null;
  epochs: number | null;
  parameters: number | null;
  imagesSeen: number | null;
  loss: number | null;
  macroF1: number | null;
  /** Watt-hours without PUE by component kind; null where the file has none. */
  wh: { gpu: number | null; cpu: number | null; ram: number | null };
  /** Likewise of all of it, for a file that does not say what it was of; rows taken by earlier versions have none. */
  totalWh?: number | null;
  sources: { gpu: string | null; cpu: string | null; ram: string | null };
  idleWatts: { gpu: number | null; cpu: number | null };
  /** What fell to the run's processes and to the program; rows taken by earlier versions have none. */
  parts?: { processWh: number | null; programWh: number | null };
  coverage: number | null;
  /** Half width of the band around the energy; null where the file has none. */
  uncertaintyPercent: number | null;
  gCO2e: number | null;
  intensity: Region;
  pue: number;
  /** Of a copy at another price; a file says nothing of water and manufacture that we would know. */
  pricing?: Omit<Pricing, 'region' | 'pue'>;
  appVersion: string;
  hz: number | null;
  samples: number;
  gaps: number;
  /** Every cell of the row that is not empty, by column name. */
  columns: Record<string, string>;
  /** Of all cells; rows taken by earlier versions have none. */
  digest?: string;
}

/** Samples of one component, a column per quantity; all columns are equally long. */
export interface SampleColumns {
  key: string;
  kind: ComponentKind;
  source: string;
  /** Milliseconds since 1970, with fraction. */
  utc: number[];
  /** Since the start of the run. */
  seconds: number[];
  watts: (number | null)[];
  /** Cumulative since the start of the run. */
  wh: (number | null)[];
  utilPercent: (number | null)[];
  memoryMb: (number | null)[];
  tempC: (number | null)[];
  clockMhz: (number | null)[];
  valid: boolean[];
}

/** Where the next page of samples begins; its fields are the store's own. */
export interface SampleCursor {
  table: number;
  /** Monotonic µs of the last row that was handed out. */
  after: number | null;
  /** The last reading; `gap`: a sample after it, without a reading, said that a gap begins. */
  last: { t: number; joules: number; gap: boolean } | null;
  /** Of the component since the segment began. */
  joules: number | null;
  /** Joules of earlier segments by component. */
  before: Record<string, number>;
}

export interface SamplePage {
  /** Of one component; null behind the last. */
  columns: SampleColumns | null;
  next: SampleCursor | null;
}

/** One row of the metrics CSV: a step or an evaluation. */
export interface MetricRow {
  run: number;
  step: number;
  epoch: number;
  seconds: number;
  kind: 'step' | 'validation' | 'test';
  loss: number | null;
  lr: number | null;
  tokens: number | null;
  stepMs: number | null;
  waitMs: number | null;
  accuracy: number | null;
  microF1: number | null;
  macroF1: number | null;
  top5: number | null;
  meanIou: number | null;
  locAcc50: number | null;
  clsLoc50: number | null;
  ap: number | null;
  ap50: number | null;
  ap75: number | null;
  patchRecall: number | null;
  zeroDeltas: number | null;
  zeroDeltas8Bit: number | null;
}

/** What tells one run from every other, on this computer and elsewhere. */
export interface RunIdentity {
  id: number;
  createdAt: number;
  group: string;
  hostname: string | null;
  endedAt: number | null;
  /** The file's own id of an imported run. */
  importedRunId: string | null;
  /** Task of a CodeCarbon task file; its rows share the id of their run. */
  importedTask: string | null;
  importedDigest: string | null;
  /** Of a run that a bundle brought: what it is called where it was measured. */
  originUuid: string | null;
}

/** What a slice of another computer's store brought. */
export interface Joined {
  /** In the order of the slice. */
  ids: number[];
  /** Their numbers there, in the same order. */
  from: number[];
  /** Runs that are here already: the place in the slice, from 1, and as which run. */
  known: { row: number; run: number }[];
}
