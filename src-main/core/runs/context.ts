/** What the parts of a run's life need of the host. */
import type { ExperimentConfig, Events, Pricing, RunDetail } from '../../contract.ts';
import type { WallCalibration } from '../energy/account.ts';
import type { IntensityChoice, IntensityService } from '../energy/intensity/index.ts';
import type { EventBus } from '../events.ts';
import type { Metering } from '../metering.ts';
import type { Spawn } from '../spawn.ts';
import type { Store } from '../store/store.ts';
import type { CommandDesk } from './command/command-driver.ts';
import type { Foreknown } from './outlook.ts';
import type { RunLogs } from './run-log.ts';
import type { SampleHub } from './samples.ts';

export interface RunContext {
  store: Store;
  metering: Metering;
  samples: SampleHub;
  events: Pick<EventBus, 'emit'>;
  spawn: Spawn;
  /** The trainer's script. */
  trainerEntry: string;
  /** Datasets and their caches. */
  dataDir: string;
  /** Folder of one run's checkpoints; need not exist. */
  runDir(id: number): string;
  logs: Pick<RunLogs, 'open' | 'add'>;
  /** What belongs to commands of the person's own. */
  commands: CommandDesk;
  /** Samples per second of the meter, now. */
  hz(): number;
  /** How a run is priced, who knows the hours of it, and what is doubtful about it. */
  priceOf(config: Pick<ExperimentConfig, 'energy'>): {
    pricing: Pricing;
    hourly: IntensityChoice | null;
    warning: string | null;
  };
  intensity: Pick<IntensityService, 'hours' | 'nothingYet'>;
  /** The calibration of the whole machine that holds now; null without one. */
  wall(): WallCalibration | null;
  /** What is known of a training before it begins: until it pauses, where it does. */
  foreknown(detail: Pick<RunDetail, 'config' | 'cost' | 'summary'>): Promise<Foreknown>;
  /** Resolves when the program does nothing else that takes power. */
  quiet(): Promise<void>;
  /** Evaluations without a better one after which a run is said to get no better; null: never. */
  plateauEvaluations(): number | null;
  notice(notice: Events['notice']): void;
  log(line: string): void;
  /** A trainer that was asked to stop has this long to finish its step and write a checkpoint. */
  stopPatienceMs: number;
  /** A stop that a person repeats after this time means: at once, without a checkpoint. */
  stopInsistMs: number;
  /** Pause before the end of a run is stored again that found a full disk; null: no second attempt. */
  retryMs: number | null;
  /** The program is being closed. */
  closing: AbortSignal;
}
