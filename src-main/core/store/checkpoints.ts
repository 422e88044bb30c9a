/** Checkpoints of a run as they are kept, and what its model had reached at each. */
import type { ReadableDb } from './database.ts';
import { whAt } from './run-energy.ts';
import type { CheckpointRow } from './types.ts';

/** In order of their steps; a JSON file each. */
export const checkpointsOf = (db: ReadableDb, run: number): CheckpointRow[] =>
  db.all<CheckpointRow>(
    `select epoch, step, path, bytes, file, sha256, written_ms as at from artifact
     where run = ? and kind = 'checkpoint' order by step, id`,
    run,
  );

/** Macro F1 on validation by step, with the energy (Wh, without PUE) of the run until then. */
export function scoresBySteps(
  db: ReadableDb,
  run: number,
): { step: number; macroF1: number; wh: number | null }[] {
  const rows = db.all<{ step: number; macroF1: number; segment: number; t: number }>(
    `select step, macro_f1 as macroF1, segment, t from evaluation
     where run = ? and split = 'validation' and macro_f1 is not null and segment is not null order by t`,
    run,
  );
  const wh = whAt(db, run, rows);
  return rows.map(({ step, macroF1 }, i) => ({ step, macroF1, wh: wh[i] ?? null }));
}
