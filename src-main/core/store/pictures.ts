/** What runs did with the images they were watched on. */
import * as v from 'valibot';
import type { RunPictures, Snapshot, WatchedImage } from '../../contract.ts';
import type { ReadableDb, WritableDb } from './database.ts';

/** Of a resumed run they are told again: the same ones, or others where its config now asks for more. */
export function setWatched(db: WritableDb, run: number, images: readonly WatchedImage[]): void {
  const text = JSON.stringify(images);
  const there = db.get<{ images: string }>('select images from watched where run = ?', run);
  // snapshots of other images would be shown under these
  if (there && there.images !== text) db.run('delete from snapshot where run = ?', run);
  db.run(
    `insert into watched (run, images) values (?, ?)
     on conflict (run) do update set images = excluded.images`,
    run,
    text,
  );
}

/** One that is there already at its step is replaced: a resumed run may evaluate once more. */
export function addSnapshot(db: WritableDb, run: number, snapshot: Snapshot): void {
  db.run(
    'insert or replace into snapshot (run, step, facts) values (?, ?, ?)',
    run,
    snapshot.step,
    JSON.stringify(snapshot),
  );
}

/** Snapshots in order; nothing of both where a run was not watched. */
export function pictures(db: ReadableDb, run: number): RunPictures {
  const watched = db.get<{ images: string }>('select images from watched where run = ?', run);
  return {
    images: watched ? (JSON.parse(watched.images) as WatchedImage[]) : [],
    snapshots: db
      .all<{ facts: string }>('select facts from snapshot where run = ? order by step', run)
      .map(({ facts }) => JSON.parse(facts) as Snapshot),
  };
}

// --- what a slice of another computer may bring ----------------------------------------------------

const text = v.pipe(v.string(), v.maxLength(500));
const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const base64 = (longest: number) => v.pipe(v.string(), v.base64(), v.maxLength(longest));
/** No attention can be computed over more. */
const mostPatches = 2 ** 16;
const corners = v.nullable(v.tuple([v.number(), v.number(), v.number(), v.number()]));
const map = v.object({ cells: base64(2 * mostPatches), min: v.number(), max: v.number() });

export const watchedImages = v.array(
  v.pipe(
    v.object({
      index: whole,
      label: text,
      side: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(512)),
      rgb: base64(2_000_000),
      box: corners,
    }),
    v.check(({ side, rgb }) => Buffer.from(rgb, 'base64').length === 3 * side * side),
  ),
);

export const snapshotFacts = v.object({
  epoch: whole,
  step: whole,
  patches: v.nullable(v.pipe(whole, v.maxValue(mostPatches))),
  share: v.nullable(v.number()),
  reduced: v.boolean(),
  pictures: v.array(
    v.object({
      predicted: text,
      probability: v.number(),
      trueProbability: v.number(),
      box: corners,
      kept: v.nullable(v.pipe(v.array(whole), v.maxLength(mostPatches))),
      rollout: v.nullable(map),
      layers: v.pipe(v.array(v.object({ tokens: whole, received: map })), v.maxLength(1000)),
    }),
  ),
});
