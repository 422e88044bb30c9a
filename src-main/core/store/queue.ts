/** The line of runs, as it outlives the program. */
import type { ReadableDb } from './database.ts';

/** Runs that wait, in the order in which they start; those that were never placed come last. */
export const waitingRuns = (db: ReadableDb): number[] =>
  db
    .rows<[number]>(
      `select id from run where status = 'queued' and removed_ms is null
       order by queue_place is null, queue_place, id`,
    )
    .map(([id]) => id);
