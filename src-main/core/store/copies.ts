/**
 * A copy of a run at another price. It has its own row, segments, phases, steps and notes; the power
 * samples are those of the original, found through the launch of its segments, so that the joules of both
 * are the same to the bit and either can be deleted without the other.
 */
import { AppError, type Pricing } from '../../contract.ts';
import { besideRegion, priced } from '../energy/account.ts';
import type { Value, WritableDb } from './database.ts';
import { importedEnergy } from './imported.ts';
import { storeTotals } from './totals.ts';
import type { ImportedRun } from './types.ts';
import { addNote, updateRun } from './writes.ts';

/** What belongs to a run row by row; checkpoints stay with the original, whose folder they lie in. */
const parts = [
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
];
/** A copy is of no matrix, where it would count as a repeat, and in no queue. */
const own = [
  'id',
  'matrix',
  'arm',
  'arm_title',
  'arm_baseline',
  'repeat',
  'warm_up',
  'rung',
  'dropped',
  'queue_place',
  'archived_ms',
  'removed_ms',
];

/**
 * @returns the id of the copy
 * @throws AppError NOT_FOUND, or CONFLICT while the run is active or waits
 */
export function copyRun(db: WritableDb, id: number, name: string, pricing: Pricing): number {
  const run = db.get<{ status: string; imported: string | null; copy_of: number | null }>(
    'select status, imported, copy_of from run where id = ?',
    id,
  );
  if (!run) throw new AppError('NOT_FOUND', `There is no run ${id}.`);
  if (['queued', 'baseline', 'running', 'stopping'].includes(run.status))
    throw new AppError(
      'CONFLICT',
      `Run ${id} is ${run.status}: it can be priced anew when it is over.`,
    );
  const original = run.copy_of ?? id;
  const columns = columnsOf(db, 'run').filter((column) => !own.includes(bare(column)));
  const copy = db.run(
    `insert into run (${columns.join(', ')}) select ${columns.join(', ')} from run where id = ?`,
    id,
  ).id;
  db.run('update run set copy_of = ?, created_ms = ? where id = ?', original, Date.now(), copy);

  const segments = new Map<number, number>();
  const ofSegment = columnsOf(db, 'segment').filter(
    (column) => !['id', 'run'].includes(bare(column)),
  );
  for (const segment of db.all<{ id: number }>(
    'select id from segment where run = ? order by id',
    id,
  ))
    segments.set(
      segment.id,
      db.run(
        `insert into segment (run, ${ofSegment.join(', ')}) select ?, ${ofSegment.join(', ')} from segment where id = ?`,
        copy,
        segment.id,
      ).id,
    );
  for (const part of parts) copyPart(db, part, id, copy, segments);

  const { region, pue } = pricing;
  updateRun(db, copy, { name, intensity: region, pue, pricing: besideRegion(pricing) });
  if (run.imported) priceImported(db, copy, JSON.parse(run.imported) as ImportedRun, pricing);
  else storeTotals(db, copy);
  addNote(db, copy, {
    at: 0,
    level: 'info',
    message: `Copy of run ${id}, priced for ${region.name} (${region.gPerKwh} gCO2e/kWh, ${region.year}), PUE ${pue}; the joules are those of run ${id}.`,
  });
  return copy;
}

function copyPart(
  db: WritableDb,
  table: string,
  from: number,
  to: number,
  segments: ReadonlyMap<number, number>,
): void {
  const columns = columnsOf(db, table).filter((column) => !['id', 'run'].includes(bare(column)));
  const values: Record<string, Value> = { from, to, segments: JSON.stringify([...segments]) };
  const selected = columns.map((column) =>
    bare(column) === 'segment'
      ? `(select value ->> '$[1]' from json_each(@segments) where value ->> '$[0]' = segment)`
      : column,
  );
  // a parameter that a statement does not have is refused
  if (!columns.map(bare).includes('segment')) delete values['segments'];
  db.run(
    `insert into ${table} (run, ${columns.join(', ')})
     select @to, ${selected.join(', ')} from ${table} where run = @from`,
    values,
  );
}

const bare = (column: string): string => column.slice(1, -1);

/** In quotes: a column may be called like a word of SQL. */
const columnsOf = (db: WritableDb, table: string): string[] =>
  db
    .all<{ name: string }>('select name from pragma_table_info(?) order by cid', table)
    .map(({ name }) => `"${name}"`);

/** The file's own emissions belong to its own price: the copy's are computed from its energy. */
function priceImported(db: WritableDb, id: number, run: ImportedRun, pricing: Pricing): void {
  const { region: intensity, pue } = pricing;
  const { wh, seconds } = importedEnergy(run);
  const { gCO2e } = priced(wh, seconds, pricing);
  const repriced: ImportedRun = { ...run, intensity, pue, gCO2e, pricing: besideRegion(pricing) };
  db.run(
    'update run set imported = ?, g_co2e = ? where id = ?',
    JSON.stringify(repriced),
    gCO2e,
    id,
  );
}
