/**
 * Thins the curves of runs that are over, once, so that pages read them as they are.
 *
 * Only of long runs: of the others the steps and samples themselves are few. It is done in pieces of some ten
 * milliseconds each, between which other questions are answered.
 */
import { chartWidth } from '../../contract.ts';
import type { ReadableDb, WritableDb } from './database.ts';
import { madeOf, type KeptAxis } from './kept-curves.ts';
import { componentsOf } from './readings.ts';
import { climbedLadder, mostLadders } from './sample-ladder.ts';
import { curvesOf, described, powerWindows, totalsOf, tracesOf, type Axis } from './series.ts';

/** Steps, or samples of a component, from which on thinning takes longer than a person notices. */
const long = 5000;
/** What the page of a run and a comparison draw of its steps and evaluations. */
const names = [
  'loss',
  'lr',
  'tokens',
  'stepMs',
  'step',
  'seconds',
  'validation.loss',
  'validation.macroF1',
  'validation.microF1',
];
const mostScalars = 24;
const axes: readonly Axis[] = ['step', 'epoch', 'time', 'wh'];
/** Samples that one piece looks at. */
const samplesAtOnce = 200_000;

const isLong = `r.status in ('done', 'stopped', 'failed', 'interrupted') and r.imported is null
  and (ifnull(r.step, 0) >= ${long} or ifnull(r.seconds * r.hz, 0) >= ${long})`;

/**
 * Long runs that are over and whose curves are not kept; the newest first.
 * @param thorough whether those that are kept are looked at too, which takes some 0.3 ms of each
 */
export const runsWithoutCurves = (db: ReadableDb, thorough = false): number[] =>
  db
    .rows<[number]>(
      `select r.id from run r where ${isLong} and (@thorough or not exists
         (select 1 from curve where run = r.id and axis = @last)) order by r.id desc`,
      { thorough: thorough ? 1 : 0, last: axes.at(-1)! },
    )
    .map(([id]) => id)
    .filter((id) => nextPiece(db, id) !== null);

/**
 * Does one piece of what is to do for a run.
 * @returns whether there is more to do
 */
export function keepCurves(db: WritableDb, run: number): boolean {
  if (!db.get(`select 1 from run r where r.id = ? and ${isLong}`, run)) return false;
  const piece = nextPiece(db, run);
  if (!piece) return false;
  const { axis, stamp } = piece;
  if (axis === 'power') {
    if (!climbed(db, run)) return true;
    const components = tracesOf(db, powerWindows(db, run), chartWidth);
    const { watts, wh } = totalsOf(described(db, run, components), chartWidth);
    put(db, run, axis, stamp, { components, watts, wh });
  } else {
    const all = [...names, ...scalarsOf(db, run)];
    const curves = curvesOf(db, run, all, axis, chartWidth);
    put(db, run, axis, stamp, Object.fromEntries(all.map((name, i) => [name, curves[i]])));
  }
  return nextPiece(db, run) !== null;
}

/** What is to be made next; null where all is there, and while the run goes on. */
function nextPiece(db: ReadableDb, run: number): { axis: KeptAxis; stamp: string } | null {
  const stamp = madeOf(db, run);
  if (stamp === null) return null;
  const there = db.rows<[KeptAxis]>(
    'select distinct axis from curve where run = ? and width = ? and made_of = ?',
    run,
    chartWidth,
    stamp,
  );
  const axis = (['power', ...axes] as const).find((one) => !there.some(([axis]) => axis === one));
  return axis ? { axis, stamp } : null;
}

/** Reads on in the samples; true when all were looked at, after a few times. */
function climbed(db: ReadableDb, run: number): boolean {
  const parts = powerWindows(db, run).flatMap((window) =>
    componentsOf(db, window.segment.launch).map(({ id }) => ({ id, window })),
  );
  // what cannot be remembered till the next piece is done in one
  if (parts.length > mostLadders) return true;
  let left = samplesAtOnce;
  for (const { id, window } of parts) {
    left -= climbedLadder(db, id, window, left).taken;
    if (left <= 0) return false;
  }
  return true;
}

const scalarsOf = (db: ReadableDb, run: number): string[] =>
  db
    .rows<[string]>(
      'select distinct name from scalar where run = ? order by name limit ?',
      run,
      mostScalars,
    )
    .map(([name]) => `scalar.${name}`);

function put(
  db: WritableDb,
  run: number,
  axis: KeptAxis,
  stamp: string,
  contents: Record<string, unknown>,
): void {
  db.run('delete from curve where run = ? and axis = ? and made_of <> ?', run, axis, stamp);
  for (const [name, content] of Object.entries(contents))
    db.run(
      `insert or replace into curve (run, axis, name, width, made_of, content)
       values (?, ?, ?, ?, ?, ?)`,
      run,
      axis,
      name,
      chartWidth,
      stamp,
      JSON.stringify(content),
    );
}
