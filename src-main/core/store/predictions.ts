/** Predictions of single images as they were kept, and what is asked about them. */
import {
  AppError,
  type KeptPredictions,
  type PredictionComparison,
  type PredictionComparisonQuery,
  type PredictionPage,
  type PredictionQuery,
} from '../../contract.ts';
import { unpackPredictions, type Prediction } from '../../predictions.ts';
import {
  disagreement,
  mostCompared,
  whyNotComparable,
  type Judged,
} from '../predictions/disagreement.ts';
import { pageOf } from '../predictions/page.ts';
import type { ReadableDb } from './database.ts';

/** @throws AppError NOT_FOUND for a run, or an evaluation that kept none */
export function predictions(db: ReadableDb, query: PredictionQuery): PredictionPage {
  const { id, split, step } = query;
  const { classes, why } = runOf(db, id);
  const kept = keptPredictions(db, id);
  const wanted = kept.filter(
    (one) => one.split === (split ?? one.split) && one.step === (step ?? one.step),
  );
  const of = wanted.find(isChosen) ?? wanted[0] ?? null;
  if (!of) {
    if (kept.length > 0)
      throw new AppError('NOT_FOUND', `Run ${id} kept no predictions of that evaluation.`);
    return { kept, of, why, classes, judged: 0, wrong: 0, total: 0, images: [] };
  }
  return { kept, of, why: null, classes, ...pageOf(unpacked(db, id, of).predictions, query) };
}

/** Which evaluations of a run kept every prediction; the test first, then the best validation. */
export const keptPredictions = (db: ReadableDb, id: number): KeptPredictions[] =>
  db
    .all<
      Record<'boxes' | 'best' | 'last', number> & Omit<KeptPredictions, 'boxes' | 'best' | 'last'>
    >(
      `select p.split, p.epoch, p.step, p.images, p.boxes, p.side,
         p.split = 'validation' and not exists
           (select 1 from evaluation e where e.run = p.run and e.split = p.split
              and (e.macro_f1 > own.macro_f1 or (e.macro_f1 = own.macro_f1 and e.step < p.step))) as best,
         p.split = 'validation' and not exists
           (select 1 from evaluation e where e.run = p.run and e.split = p.split and e.step > p.step) as last
       from prediction p
         left join evaluation own on own.run = p.run and own.split = p.split and own.step = p.step
       where p.run = ? order by p.split = 'test' desc, own.macro_f1 desc, p.step`,
      id,
    )
    .map(({ boxes, best, last, ...row }) => ({
      ...row,
      boxes: boxes === 1,
      best: best === 1,
      last: last === 1,
    }));

/** Every prediction of an evaluation, in the order of its split. */
export const predictionsOf = (
  db: ReadableDb,
  id: number,
  of: Pick<KeptPredictions, 'split' | 'step'>,
): Prediction[] => unpacked(db, id, of).predictions;

/** @throws AppError NOT_FOUND */
export function comparePredictions(
  db: ReadableDb,
  query: PredictionComparisonQuery,
): PredictionComparison {
  const all = query.ids.map((id) => ({ id, ...runOf(db, id), kept: keptPredictions(db, id) }));
  const having = (split: 'test' | 'validation') =>
    all.filter(({ kept }) => kept.some((one) => one.split === split)).length;
  const splits = (['test', 'validation'] as const).filter((split) => having(split) > 1);
  const split = query.split ?? splits[0] ?? 'test';

  const runs: Judged[] = [];
  const leftOut: PredictionComparison['leftOut'] = [];
  for (const { id, name, classes, kept, why } of all) {
    const of = kept.find((one) => one.split === split);
    const leave = (reason: string) => leftOut.push({ id, name, reason });
    if (!of) {
      leave(
        kept.length > 0
          ? `it kept no predictions of ${split === 'test' ? 'the test' : 'a validation'}`
          : why,
      );
      continue;
    }
    if (runs.length === mostCompared) {
      leave(`more than ${mostCompared} runs have no room beside each other`);
      continue;
    }
    const one = { id, name, classes, epoch: of.epoch, ...unpacked(db, id, of) };
    const reason = runs[0] ? whyNotComparable(one, runs[0]) : null;
    if (reason) leave(reason);
    else runs.push(one);
  }
  const frame = { split, splits, leftOut };
  if (runs.length > 1) return { ...frame, ...disagreement(runs, query, split) };
  return {
    ...frame,
    classes: [],
    boxes: false,
    side: null,
    judged: 0,
    runs: [],
    pairs: [],
    differ: 0,
    allWrong: 0,
    total: 0,
    images: [],
  };
}

/** Of several validations the best. */
const isChosen = ({ split, best }: KeptPredictions): boolean => split === 'test' || best;

function runOf(
  db: ReadableDb,
  id: number,
): { name: string; classes: string[]; /** Why it kept no predictions. */ why: string } {
  const run = db.get<{
    name: string;
    classes: string | null;
    status: string;
    command: string | null;
    evaluated: number;
  }>(
    `select name, classes, status, command,
       exists (select 1 from evaluation where run = run.id) as evaluated
     from run where id = ? and removed_ms is null`,
    id,
  );
  if (!run) throw new AppError('NOT_FOUND', `There is no run ${id}.`);
  const why =
    run.command !== null
      ? 'it is a command of your own, which tells no single predictions'
      : run.status === 'imported'
        ? 'it was imported from a file that has no single predictions'
        : run.evaluated
          ? 'it is of a version that kept no single predictions'
          : 'it was never evaluated';
  return { name: run.name, classes: JSON.parse(run.classes ?? '[]') as string[], why };
}

function unpacked(
  db: ReadableDb,
  id: number,
  { split, step }: Pick<KeptPredictions, 'split' | 'step'>,
) {
  const row = db.get<{
    images: number;
    boxes: number;
    side: number;
    fingerprint: string;
    cells: Uint8Array;
  }>(
    `select images, boxes, side, fingerprint, cells from prediction
     where run = ? and split = ? and step = ?`,
    id,
    split,
    step,
  );
  if (!row) throw new AppError('NOT_FOUND', `Run ${id} kept no predictions of that evaluation.`);
  const boxes = row.boxes === 1;
  const { side, fingerprint } = row;
  return { boxes, side, fingerprint, predictions: unpackPredictions({ ...row, boxes }) };
}
