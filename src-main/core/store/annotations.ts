/** What a person writes beside a run: star, note, tags; and whether it is put away. */
import { AppError } from '../../contract.ts';
import type { ReadableDb, WritableDb } from './database.ts';

export interface Annotation {
  star?: boolean | undefined;
  /** Empty or null: none. */
  note?: string | null | undefined;
  addTags?: readonly string[] | undefined;
  removeTags?: readonly string[] | undefined;
}

/**
 * What is left out stays as it is. Of tags that differ only in upper and lower case, the first stays.
 * @throws AppError NOT_FOUND where one of the runs is not there; then none is changed
 */
export function annotateRuns(db: WritableDb, ids: readonly number[], change: Annotation): void {
  allThere(db, ids);
  const { star, note, addTags = [], removeTags = [] } = change;
  const list = JSON.stringify(ids);
  const chosen = 'in (select value from json_each(@list))';
  if (star !== undefined)
    db.run(`update run set star = @star where id ${chosen}`, { list, star: star ? 1 : 0 });
  if (note !== undefined)
    db.run(`update run set note = @note where id ${chosen}`, { list, note: note || null });
  for (const name of removeTags)
    db.run(`delete from tag where run ${chosen} and name = @name collate nocase`, { list, name });
  for (const name of addTags)
    db.run(
      `insert into tag (run, name) select id, @name from run where id ${chosen}
         and not exists (select 1 from tag where run = run.id and name = @name collate nocase)`,
      { list, name },
    );
}

/** @throws AppError NOT_FOUND, or CONFLICT where one is active or waits: its end would be out of sight */
export function archiveRuns(db: WritableDb, ids: readonly number[], at: number | null): void {
  allThere(db, ids);
  const list = JSON.stringify(ids);
  const busy = db.get<{ id: number; status: string }>(
    `select id, status from run where id in (select value from json_each(?))
       and status in ('queued', 'baseline', 'running', 'stopping') limit 1`,
    list,
  );
  if (busy && at !== null)
    throw new AppError(
      'CONFLICT',
      `Run ${busy.id} is ${busy.status} and cannot be archived yet.`,
      'Stop it first, or wait for its end.',
    );
  db.run('update run set archived_ms = @at where id in (select value from json_each(@list))', {
    list,
    at,
  });
}

/** @throws AppError NOT_FOUND naming the first run that is missing, or whose deletion is under way */
export function allThere(db: ReadableDb, ids: readonly number[]): void {
  const missing = db.get<{ id: number }>(
    `select value as id from json_each(?)
     where value not in (select id from run where removed_ms is null) limit 1`,
    JSON.stringify(ids),
  );
  if (missing) throw new AppError('NOT_FOUND', `There is no run ${missing.id}.`);
}
