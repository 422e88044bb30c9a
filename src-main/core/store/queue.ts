/** The line of runs, as it outlives the program. */
import { parseExperimentConfig, type ExperimentConfig, type Forecast } from '../../contract.ts';
import type { ReadableDb } from './database.ts';

/** Runs that wait, in the order in which they start; those that were never placed come last. */
export const waitingRuns = (db: ReadableDb): number[] =>
  db
    .rows<[number]>(
      `select id from run where status = 'queued' and removed_ms is null
       order by queue_place is null, queue_place, id`,
    )
    .map(([id]) => id);

export interface QueuedRun {
  id: number;
  config: ExperimentConfig;
  forecast: Forecast;
  /** Where it goes on; null: at the beginning. */
  step: number | null;
  steps: number | null;
  /** Epoch after which it pauses; null: it comes to its end. */
  rung: number | null;
}

/** Trainings that wait, with what is known of them by formula. */
export const queuedRuns = (db: ReadableDb): QueuedRun[] =>
  db
    .all<{
      id: number;
      config: string;
      forecast: string;
      step: number | null;
      steps: number | null;
      rung: number | null;
    }>(
      `select id, config, forecast, step, steps, rung from run
       where status = 'queued' and removed_ms is null and config is not null
         and forecast is not null`,
    )
    .flatMap(({ config, forecast, ...run }) => {
      const complete = parseExperimentConfig(JSON.parse(config));
      if (!complete.ok) return [];
      return { ...run, config: complete.config, forecast: JSON.parse(forecast) as Forecast };
    });
