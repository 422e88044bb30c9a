/**
 * A slice: some runs with everything that belongs to them, as a database file of the same schema.
 *
 * Of the power samples it has those of the runs' own time, and of each component one reading on either side,
 * from which energy at the edges is interpolated: all that is computed from them comes out the same to the
 * bit. Checkpoints' files are named, not contained; settings and views of the person stay here.
 */
import { hostname } from 'node:os';
import { AppError } from '../../contract.ts';
import type { ReadableDb } from './database.ts';
import { uuidOf } from './identity.ts';
import { migrations, schemaVersion } from './migrations/index.ts';
import { applicationId } from './open.ts';
import { runIdentities } from './reads.ts';

/** What belongs to a run row by row. */
export const runParts = [
  'segment',
  'phase',
  'metric',
  'evaluation',
  'event',
  'scalar',
  'tag',
  'marker',
  'prediction',
  'watched',
  'snapshot',
] as const;

/** Names of a checkpoint's files in the folder of its run. */
export const checkpointName =
  /^((last|best|best-per-kwh|step-\d{1,12})\.json|step-\d{1,12}(-[0-9a-f]{1,16})?\.safetensors)$/;

/** What a run that is over can be. */
export const overStatuses = ['done', 'stopped', 'failed', 'interrupted', 'imported'];

/**
 * Writes a slice to a file that does not exist yet.
 * @param checkpoints whether the runs' checkpoints are named in it, without their folders
 * @throws AppError NOT_FOUND, or CONFLICT for a run that is not over
 */
export function writeSlice(
  db: ReadableDb,
  ids: readonly number[],
  file: string,
  checkpoints = false,
): void {
  const wanted = JSON.stringify(ids);
  const runs = new Map(
    db
      .all<{ id: number; status: string }>(
        'select id, status from run where id in (select value from json_each(?))',
        wanted,
      )
      .map(({ id, status }) => [id, status]),
  );
  for (const id of ids) {
    const status = runs.get(id);
    if (status === undefined) throw new AppError('NOT_FOUND', `There is no run ${id}.`);
    if (!overStatuses.includes(status))
      throw new AppError(
        'CONFLICT',
        `Run ${id} is ${status}: it can go into a bundle when it is over.`,
      );
  }
  const uuids = runIdentities(db)
    .filter(({ id }) => runs.has(id))
    .map((run) => [run.id, uuidOf(run)]);

  const slice = db.open(file);
  try {
    // whoever is interrupted here has no bundle, and needs no journal
    slice.pragma('journal_mode = OFF');
    slice.pragma('synchronous = OFF');
    // whoever takes it in checks them all
    slice.pragma('foreign_keys = OFF');
    for (const step of migrations) slice.exec(step);
    slice.pragma(`user_version = ${schemaVersion}`);
    slice.pragma(`application_id = ${applicationId}`);
    slice.prepare('attach ? as here').run(db.file);
    slice.transaction(() => {
      const copy = (sql: string): void => void slice.prepare(sql).run({ wanted });
      const own = '(select value from json_each(@wanted))';
      for (const [table, column] of [
        ['experiment', 'experiment'],
        ['machine', 'machine'],
        ['intensity', 'intensity'],
        ['matrix', 'matrix'],
      ] as const)
        copy(
          `insert into ${table} select * from here.${table}
           where id in (select ${column} from here.run where id in ${own})`,
        );
      copy(`insert into run select * from here.run where id in ${own} order by id`);
      for (const part of runParts)
        copy(`insert into ${part} select * from here.${part} where run in ${own}`);
      if (checkpoints) copy(`insert into artifact select * from here.artifact where run in ${own}`);
      slice
        .prepare(
          `update run set queue_place = null, removed_ms = null, archived_ms = null,
             copy_of = iif(copy_of in (select id from run), copy_of, null)`,
        )
        .run();
      slice
        .prepare(
          `update run set origin = json_object('host', @host, 'uuid',
             (select value ->> '$[1]' from json_each(@uuids) where value ->> '$[0]' = run.id))
           where origin is null`,
        )
        .run({ host: hostname(), uuids: JSON.stringify(uuids) });
      // a file is known by its name in the run's folder, wherever that is
      const named = slice.prepare('update artifact set path = ? where id = ?');
      for (const { id, path } of slice.prepare('select id, path from artifact').all() as {
        id: number;
        path: string;
      }[])
        named.run(path.split(/[/\\]/).at(-1)!, id);

      slice.exec(`
        insert into launch select id, opened_ms, ifnull(closed_ms, opened_ms) from here.launch
          where id in (select launch from segment);
        insert into session select * from here.session where launch in (select id from launch);
        insert into component select * from here.component
          where session in (select id from session);`);
      copySamples(slice);
    })();
  } finally {
    slice.close();
  }
}

function copySamples(slice: ReturnType<ReadableDb['open']>): void {
  const windows = slice
    .prepare(
      `select s.launch, min(s.from_t, ifnull(min(p.from_t), s.from_t)) as "from",
         max(s.to_t, ifnull(max(p.to_t), s.to_t)) as "to"
       from segment s left join phase p on p.segment = s.id
       group by s.id`,
    )
    .all() as { launch: number; from: number; to: number }[];
  const components = slice.prepare(
    'select c.id from component c join session s on s.id = c.session where s.launch = ?',
  );
  const samples = slice.prepare(
    `insert or ignore into power_sample select * from here.power_sample
     where component = @component
       and t >= ifnull((select max(t) from here.power_sample
                        where component = @component and joules is not null and t <= @from), @from)
       and t <= ifnull((select min(t) from here.power_sample
                        where component = @component and joules is not null and t > @to), @to)`,
  );
  for (const { launch, from, to } of windows)
    for (const { id } of components.all(launch) as { id: number }[])
      samples.run({ component: id, from, to });
}
