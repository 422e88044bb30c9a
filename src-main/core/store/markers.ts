/** Moments of a run that its charts show: those that a person marked, and those that came of themselves. */
import { AppError, type Marker } from '../../contract.ts';
import type { ReadableDb, WritableDb } from './database.ts';
import { runSeconds, segmentsOf, utcOf, type Segment } from './readings.ts';

/** In order of time. */
export function markersOf(db: ReadableDb, run: number): Marker[] {
  const segments = segmentsOf(db, run);
  const byId = new Map(segments.map((segment) => [segment.id, segment]));
  const at = (id: number, t: number) => runSeconds({ segment: byId.get(id)!, t });

  const own = db
    .all<{ id: number; segment: number; t: number; text: string }>(
      'select id, segment, t, text from marker where run = ?',
      run,
    )
    .map(({ id, segment, t, text }): Marker => ({ id, time: at(segment, t), kind: 'own', text }));
  // the order of the join is given: a run has few checkpoints and up to millions of steps
  const checkpoints = db
    .all<{ step: number; segment: number; t: number }>(
      `select a.step, m.segment, m.t from artifact a
       cross join metric m on m.run = a.run and m.step = a.step
       where a.run = ? and a.kind = 'checkpoint' group by a.step`,
      run,
    )
    .map(({ step, segment, t }) =>
      came('checkpoint', at(segment, t), `Checkpoint at step ${step}`),
    );
  const resumes = segments.slice(1).map((segment, i) => {
    const before = segments[i]!;
    const paused = (segment.utcMs - utcOf({ segment: before, t: before.to })) / 1000;
    return came('resume', segment.before / 1e6, `Resumed after ${pause(Math.max(0, paused))}`);
  });
  const notes = db
    .all<{ utc: number; message: string }>(
      'select utc_ms as utc, message from event where run = ?',
      run,
    )
    .flatMap(({ utc, message }) => {
      const time = activeSeconds(segments, utc);
      return time === null ? [] : [came('note', time, message)];
    });
  return [...own, ...checkpoints, ...resumes, ...notes].sort((a, b) => a.time - b.time);
}

/** `40 s`, `12 min`, `7 h`. */
function pause(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

const came = (kind: Marker['kind'], time: number, text: string): Marker => ({
  id: null,
  time,
  kind,
  text,
});

/** Seconds of active time at a moment in ms since 1970; null while the run was not active. */
function activeSeconds(segments: readonly Segment[], utc: number): number | null {
  const segment = segments.findLast(({ utcMs }) => utcMs <= utc);
  if (!segment) return null;
  const t = segment.from + (utc - segment.utcMs) * 1000;
  return t > segment.to ? null : runSeconds({ segment, t });
}

/**
 * @param time seconds of the run's active time; null: `at`, monotonic us of this moment
 * @throws AppError CONFLICT where the run was never active, or is over and no time is given
 */
export function addMarker(
  db: WritableDb,
  run: number,
  { time, at, text }: { time: number | null; at: number; text: string },
): Marker {
  const segments = segmentsOf(db, run, at);
  const last = segments.at(-1);
  if (!last)
    throw new AppError('CONFLICT', `Run ${run} has not started: there is no moment to mark.`);
  if (time === null && !last.open)
    throw new AppError(
      'CONFLICT',
      `Run ${run} is over.`,
      'Move the crosshair of a chart to the moment that is meant, then mark it.',
    );
  const micros = time === null ? null : time * 1e6;
  const segment =
    micros === null ? last : (segments.findLast(({ before }) => before <= micros) ?? segments[0]!);
  const t =
    micros === null
      ? at
      : Math.min(segment.to, segment.from + Math.max(0, micros - segment.before));
  const { id } = db.get<{ id: number }>(
    'insert into marker (run, segment, t, text) values (?, ?, ?, ?) returning id',
    run,
    segment.id,
    t,
    text,
  )!;
  return { id, time: runSeconds({ segment, t }), kind: 'own', text };
}

/** @throws AppError NOT_FOUND */
export function removeMarker(db: WritableDb, run: number, marker: number): void {
  const { changes } = db.run('delete from marker where run = ? and id = ?', run, marker);
  if (changes === 0) throw new AppError('NOT_FOUND', `Run ${run} has no marker ${marker}.`);
}
