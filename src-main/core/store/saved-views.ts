/** Looks at the table of runs that a person keeps under a name. */
import { AppError, type SavedView } from '../../contract.ts';
import type { ReadableDb, WritableDb } from './database.ts';

export const savedViews = (db: ReadableDb): SavedView[] =>
  db.all<SavedView>('select id, name, state from saved_view order by name collate nocase');

/** One that has the name already takes the new state. */
export function saveView(db: WritableDb, name: string, state: string): SavedView {
  db.run(
    `insert into saved_view (name, state, created_ms) values (@name, @state, @now)
     on conflict (name) do update set state = excluded.state`,
    { name, state, now: Date.now() },
  );
  return db.get<SavedView>('select id, name, state from saved_view where name = ?', name)!;
}

/** @throws AppError NOT_FOUND, or CONFLICT where another view has the name */
export function renameView(db: WritableDb, id: number, name: string): void {
  const other = db.get<{ id: number }>(
    'select id from saved_view where name = ? and id <> ?',
    name,
    id,
  );
  if (other) throw new AppError('CONFLICT', `There is a view called "${name}" already.`);
  const { changes } = db.run('update saved_view set name = ? where id = ?', name, id);
  if (changes === 0) throw new AppError('NOT_FOUND', 'This view is not there any more.');
}

/** One that is gone already is no mistake. */
export function deleteView(db: WritableDb, id: number): void {
  db.run('delete from saved_view where id = ?', id);
}
