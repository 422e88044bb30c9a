/**
 * What a measured run does between its idle baseline and its end: training in a process of ours, or a
 * command of the person's own. The measuring around it is the same (`lifecycle.ts`).
 */
import type { RunSummary } from '../../contract.ts';
import type { RunEnd } from '../store/store.ts';
import type { RunContext } from './context.ts';
import type { Recorder } from './recorder.ts';
import type { RunLog } from './run-log.ts';

export type Ending = Pick<RunEnd, 'status' | 'error' | 'step' | 'imagesSeen'>;
export type Problem = NonNullable<RunSummary['error']>;

/** What a driver may use of the run that it drives. */
export interface Course {
  readonly id: number;
  readonly context: RunContext;
  readonly recorder: Recorder;
  readonly log: Pick<RunLog, 'write' | 'ready'>;
  /** A stop was asked for. */
  readonly stopped: AbortSignal;
  note(level: 'info' | 'warning', message: string, at?: number): void;
  /** The page hears of the run as it now stands in the store. */
  announce(): Promise<void>;
  /** In between, what changes every second is told without asking the store to sum up anew. */
  announceProgress(now: Partial<RunSummary>): void;
  /** What the run has used until now, in Wh without PUE; null: nothing is read. */
  energy(): Promise<number | null>;
  /** A process of the run has started: from here on its share of the energy can be told apart. */
  started(pid: number): void;
}

export interface Driver {
  /**
   * Does it, and resolves with how it ended when all its processes are gone. Rejects only by a fault.
   * @param timeOf seconds of the run at a moment in monotonic microseconds
   */
  drive(timeOf: (at: number) => number): Promise<Ending>;
  /** Ends it in an orderly way, and by force when it takes too long. Called once, at any time. */
  stop(): void;
  /** Ends it at once. */
  kill(): void;
  /** Processor time of all its threads and when it was read, once it has ended; null: not known. */
  readonly usage: { at: number; processorMicros: number } | null;
}
