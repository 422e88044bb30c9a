/** Started matrices and sweeps as a whole, and what successive halving decides of their runs. */
import { AppError, type MatrixPreview, type RunSummary, type SweepPlan } from '../../contract.ts';
import type { Provenance } from '../../meter/messages.ts';
import type { ReadableDb, WritableDb } from './database.ts';
import { summariesOf } from './reads.ts';
import { addNote } from './writes.ts';

/** One start of a matrix. */
export interface StartedMatrix {
  group: number;
  /** `sweep`, or that of the matrix. */
  id: string;
  title: string;
  createdAt: number;
  order: SweepPlan | MatrixPreview['order'];
  /** Rungs at which it was chosen who goes on. */
  decided: number;
  /** A person ended it, milliseconds since 1970. */
  stoppedAt: number | null;
  /** All but those whose deletion is under way, in the order in which they were made. */
  runs: RunSummary[];
  /** Of runs that were evaluated: the last on validation. */
  validations: { run: number; epoch: number; macroF1: number | null }[];
  /** Labels of the components that were read, by their kind. */
  provenances: { kind: string; provenance: Provenance }[];
}

interface MatrixRow {
  id: number;
  key: string;
  title: string;
  ordered: string;
  created_ms: number;
  decided: number;
  stopped_ms: number | null;
}

/** @throws AppError NOT_FOUND */
export function startedMatrix(db: ReadableDb, group: number): StartedMatrix {
  const row = db.get<MatrixRow>('select * from matrix where id = ?', group);
  if (!row)
    throw new AppError(
      'NOT_FOUND',
      `There is no matrix or sweep ${group}.`,
      'hugginggreen list shows which run belongs to which.',
    );
  const ids = db
    .rows<[number]>('select id from run where matrix = ? and removed_ms is null', group)
    .map(([id]) => id);
  return {
    group,
    id: row.key,
    title: row.title,
    createdAt: row.created_ms,
    order: JSON.parse(row.ordered) as StartedMatrix['order'],
    decided: row.decided,
    stoppedAt: row.stopped_ms,
    runs: summariesOf(db, ids),
    validations: db.all<StartedMatrix['validations'][number]>(
      `select run, epoch, macro_f1 as macroF1 from evaluation e
       where split = 'validation' and run in (select value from json_each(?))
         and step = (select max(step) from evaluation
                     where run = e.run and split = 'validation')`,
      JSON.stringify(ids),
    ),
    provenances: db.all<StartedMatrix['provenances'][number]>(
      `select distinct c.kind, c.provenance from component c join session s on s.id = c.session
       where s.launch in (select launch from segment where run in (select value from json_each(?)))
         and exists (select 1 from power_sample p where p.component = c.id)`,
      JSON.stringify(ids),
    ),
  };
}

/** Sweeps that nobody ended and of which a trial may still go on: not those that came to their end long ago. */
export const openSweeps = (db: ReadableDb): number[] =>
  db
    .rows<[number]>(
      `select id from matrix where key = 'sweep' and stopped_ms is null and exists
         (select 1 from run where matrix = matrix.id and removed_ms is null and warm_up = 0 and dropped = 0
            and status not in ('done', 'failed'))
       order by id`,
    )
    .map(([id]) => id);

/** What is decided at a rung, with the sentence that each run keeps of it. */
export interface RungDecision {
  group: number;
  /** Rungs decided with this one. */
  decided: number;
  /** They wait in the queue again, up to the next rung; null: to their end. */
  goOn: { run: number; why: string }[];
  nextRung: number | null;
  dropped: { run: number; why: string }[];
}

export function decideRung(db: WritableDb, decision: RungDecision, at: number): void {
  const { group, decided, goOn, nextRung, dropped } = decision;
  db.run('update matrix set decided = ? where id = ?', decided, group);
  for (const { run, why } of goOn) {
    db.run(`update run set rung = ?, status = 'queued' where id = ?`, nextRung, run);
    addNote(db, run, { at, level: 'info', message: why });
  }
  for (const { run, why } of dropped) {
    db.run('update run set dropped = 1 where id = ?', run);
    addNote(db, run, { at, level: 'info', message: why });
  }
}

/** A person takes the run out of its sweep: it does not go on by itself. */
export function dropTrial(db: WritableDb, run: number): void {
  db.run(
    `update run set dropped = 1
     where id = ? and matrix in (select id from matrix where key = 'sweep')`,
    run,
  );
}

/** A person takes a run up again that was dropped: it comes to its end, whatever the others do. */
export function freeTrial(db: WritableDb, run: number): void {
  db.run('update run set rung = null, dropped = 0 where id = ?', run);
}

export function endMatrix(db: WritableDb, group: number, at: number): void {
  db.run('update matrix set stopped_ms = ? where id = ? and stopped_ms is null', at, group);
}
