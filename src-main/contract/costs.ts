/** What a config will take, before it runs. */
import type { EngineName, ExperimentConfig } from '../experiment-config.ts';

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

/** Why a config is not started unless it is forced. */
export interface Refusal {
  message: string;
  hint: string;
}
