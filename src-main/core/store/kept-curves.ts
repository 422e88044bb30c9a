/**
 * Curves of runs that are over, as they were thinned once and kept (`curve-writes.ts`).
 *
 * What is kept is believed only while a digest of what it was made of is still right: samples that come late, a
 * run that is resumed or measured by other components make it void without anybody having to remember that.
 */
import { createHash } from 'node:crypto';
import type { ReadableDb } from './database.ts';
import type { Axis } from './series.ts';

/** What a kept curve is over; `power` is all that was read of the components. */
export type KeptAxis = Axis | 'power';

/** Changed with every change of how curves are thinned. */
const form = 2;

/** Those of these curves that are kept and still right, by name. */
export function keptCurves<Content>(
  db: ReadableDb,
  run: number,
  axis: KeptAxis,
  names: readonly string[],
  width: number,
): Map<string, Content> {
  const rows = db.rows<[name: string, madeOf: string, content: string]>(
    `select name, made_of, content from curve
     where run = ? and axis = ? and width = ? and name in (select value from json_each(?))`,
    run,
    axis,
    width,
    JSON.stringify(names),
  );
  const kept = new Map<string, Content>();
  if (rows.length === 0) return kept;
  const now = madeOf(db, run);
  for (const [name, then, content] of rows)
    if (then === now) kept.set(name, JSON.parse(content) as Content);
  return kept;
}

/**
 * A digest of everything that the curves of a run hang on: where its stretches of activity, its steps and the
 * readings in and right after them end. Null while it goes on, and where it never began.
 */
export function madeOf(db: ReadableDb, run: number): string | null {
  const segments = db.rows<[id: number, launch: number, from: number, to: number | null]>(
    'select id, launch, from_t, to_t from segment where run = ? order by id',
    run,
  );
  if (segments.length === 0 || segments.some(([, , , to]) => to === null)) return null;
  const own = db.rows(
    `select steps_per_epoch, counted, (select max(step) from metric where run = @run),
       (select count(*) from evaluation where run = @run),
       (select max(step) from scalar where run = @run)
     from run where id = @run`,
    { run },
  );
  const readings = segments.map(([, launch, , to]) =>
    db
      .rows<[component: number, last: number | null, read: number | null, next: number | null]>(
        `select c.id,
           (select max(t) from power_sample where component = c.id and t <= @to),
           (select max(t) from power_sample where component = c.id and joules is not null and t <= @to),
           (select min(t) from power_sample where component = c.id and joules is not null and t > @to)
         from component c join session s on s.id = c.session where s.launch = @launch order by c.id`,
        { launch, to },
      )
      .filter(([, last]) => last !== null)
      // the next reading tells only of an end that no reading falls on
      .map(([component, last, read, next]) => [component, last, read, read === to ? null : next]),
  );
  const all = JSON.stringify([form, own, segments, readings]);
  return createHash('sha256').update(all).digest('base64url').slice(0, 22);
}
