/** Deletions that can still be undone: such runs are in no list, and nothing of theirs is gone yet. */
import { AppError } from '../../contract.ts';
import { allThere } from './annotations.ts';
import type { ReadableDb, WritableDb } from './database.ts';

/** @throws AppError NOT_FOUND, or CONFLICT while one is active */
export function removeRuns(db: WritableDb, ids: readonly number[]): void {
  allThere(db, ids);
  const list = JSON.stringify(ids);
  const busy = db.get<{ id: number }>(
    `select id from run where id in (select value from json_each(?))
       and status in ('baseline', 'running', 'stopping') limit 1`,
    list,
  );
  if (busy)
    throw new AppError(
      'CONFLICT',
      `Run ${busy.id} is active and cannot be deleted.`,
      'Stop it first.',
    );
  db.run('update run set removed_ms = @now where id in (select value from json_each(@list))', {
    list,
    now: Date.now(),
  });
}

/** @returns those that were still there to bring back */
export function restoreRuns(db: WritableDb, ids: readonly number[]): number[] {
  const list = JSON.stringify(ids);
  const found = db.rows<[number]>(
    `select id from run
     where removed_ms is not null and id in (select value from json_each(?)) order by id`,
    list,
  );
  db.run('update run set removed_ms = null where id in (select value from json_each(?))', list);
  return found.map(([id]) => id);
}

/** All whose deletion was asked for and has not been carried out. */
export const removedRuns = (db: ReadableDb): number[] =>
  db
    .rows<[number]>('select id from run where removed_ms is not null order by id')
    .map(([id]) => id);
