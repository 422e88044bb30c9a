/** What changes the line of runs. */
import type { WritableDb } from './database.ts';

/** The runs that wait, in the order in which they start. */
export function placeRuns(db: WritableDb, ids: number[]): void {
  db.run(
    'update run set queue_place = line.key from json_each(?) line where run.id = line.value',
    JSON.stringify(ids),
  );
}

/** A person pauses the run: while it is stopped it counts as paused (`RunSummary.paused`). */
export function markPaused(db: WritableDb, id: number): void {
  db.run('update run set queue_place = -1 where id = ?', id);
}

/** The run has begun: it waits no more. */
export function leaveLine(db: WritableDb, id: number): void {
  db.run('update run set queue_place = null where id = ?', id);
}
