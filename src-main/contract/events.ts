/** What the host tells by itself. */
import type { ComponentKind } from '../meter/messages.ts';
import type { ActionId } from './actions.ts';
import type { Calibration } from './calibration.ts';
import type { LogLine } from './commands.ts';
import type { DatasetState } from './datasets.ts';
import type { Range } from './figures.ts';
import type { PowerTrace } from './machine.ts';
import type { QueueState } from './queue.ts';
import type { PhaseLabel, ReportedResult, ReportedSteps, RunSummary } from './runs.ts';

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
    /** A newer one about the same takes its place. */
    about?: string;
    /** Worth a notification of the system under this title while the window is not looked at. */
    title?: string;
  };
}
export type EventName = keyof Events;
