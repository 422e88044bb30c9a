import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { PatchMap, Snapshot, WatchedImage } from '../../../src-main/contract.ts';
import type { Store } from '../../../src-main/core/store/store.ts';
import { config, folder, newRun, openScene, seconds, utc, world } from './scene.ts';

const cells = (...bytes: number[]) => Buffer.from(bytes).toString('base64');
const map: PatchMap = { cells: cells(1, 0, 255, 7), min: 0.1, max: 0.4 };
const image = (index: number): WatchedImage => ({
  index,
  label: 'disc',
  side: 1,
  rgb: cells(1, 2, index),
  box: [0, 0.25, 1, 1],
});
const snapshot = (step: number, more: Partial<Snapshot> = {}): Snapshot => ({
  epoch: step / 10,
  step,
  patches: 4,
  share: 0.5,
  reduced: false,
  pictures: [
    {
      predicted: 'ring',
      probability: 0.5,
      trueProbability: 0.25,
      box: null,
      kept: [0, 2],
      rollout: map,
      layers: [{ tokens: 4, received: map }],
    },
  ],
  ...more,
});

async function watchedRun(store: Store, steps = [0, 10, 20]): Promise<number> {
  const id = await store.createRun(newRun('watched'));
  await store.startSegment(id, { micros: 0, utc });
  await store.setWatched(id, [image(3)]);
  for (const step of steps) await store.addSnapshot(id, snapshot(step));
  return id;
}
const ended = async (store: Store, id: number) => {
  await store.endRun(id, { at: seconds(9), status: 'done' });
  return id;
};
const stepsOf = async (store: Store, id: number) =>
  (await store.pictures(id)).snapshots.map(({ step }) => step);

describe('pictures of a run', () => {
  it('are kept in the order of their steps, and one of the same step takes the place of the other', async () => {
    const store = await openScene();
    const id = await watchedRun(store, [10, 0]);
    await store.addSnapshot(id, snapshot(10, { share: 0.75 }));
    expect(await store.pictures(id)).toEqual({
      images: [image(3)],
      snapshots: [snapshot(0), snapshot(10, { share: 0.75 })],
    });
    const other = await store.createRun(newRun('nobody looked'));
    expect(await store.pictures(other)).toEqual({ images: [], snapshots: [] });
  });

  it('after its checkpoint are removed when a run is resumed, those up to it stay', async () => {
    const store = await openScene();
    const id = await watchedRun(store);
    await store.rewind(id, 11);
    await store.setWatched(id, [image(3)]);
    expect(await stepsOf(store, id)).toEqual([0, 10]);
    // resumed with other images: theirs begin anew
    await store.setWatched(id, [image(4)]);
    expect(await stepsOf(store, id)).toEqual([]);
  });

  it('go with the run, into a copy of it and out of the store', async () => {
    const file = join(folder(), 'data.sqlite');
    const store = await openScene(file);
    const id = await ended(store, await watchedRun(store));
    const pricing = { region: world, pue: 2, hourly: null, waterLPerKwh: null, embodied: null };
    const copy = await store.copyRun(id, 'copy', pricing);
    expect(await store.pictures(copy)).toEqual(await store.pictures(id));
    await store.deleteRuns([id, copy]);
    await store.close();
    const rows = new BetterSqlite3(file, { readonly: true });
    for (const table of ['watched', 'snapshot'])
      expect(rows.prepare(`select count(*) as n from ${table}`).get()).toEqual({ n: 0 });
    rows.close();
  });

  it('make no other experiment of it, nor of one that knew no pictures', async () => {
    const store = await openScene();
    const groupOf = async (input: object) =>
      (await store.getSummary(await store.createRun(newRun('x', { config: config(input) })))).group;
    // of the default config, in the version before there were pictures
    const before = 'ef24836e64d7';
    expect(await groupOf({})).toBe(before);
    expect(await groupOf({ watch: { images: 0 } })).toBe(before);
    expect(await groupOf({ watch: { images: 12, snapshots: 5 } })).toBe(before);
    const id = await store.createRun(newRun('x', { config: config({ watch: { images: 0 } }) }));
    expect(await store.getSummary(id)).toMatchObject({ method: 'standard' });
  });
});

describe('a slice', () => {
  async function sliceOf(change: (slice: BetterSqlite3.Database) => void = () => {}) {
    const store = await openScene();
    const id = await ended(store, await watchedRun(store));
    const file = join(folder(), 'slice.sqlite');
    await store.writeSlice([id], file);
    const slice = new BetterSqlite3(file);
    change(slice);
    slice.close();
    return { file, pictures: await store.pictures(id) };
  }

  it('brings them to another computer', async () => {
    const { file, pictures } = await sliceOf();
    const there = await openScene();
    const { ids } = await there.joinSlice(file);
    expect(pictures.snapshots).toHaveLength(3);
    expect(await there.pictures(ids[0]!)).toEqual(pictures);
  });

  it.each([
    ['watched', 'images', [{ ...image(3), rgb: cells(1) }], 'a list of watched images'],
    ['watched', 'images', { not: 'a list' }, 'a list of watched images'],
    ['snapshot', 'facts', { ...snapshot(0), pictures: [{ predicted: 'ring' }] }, 'a snapshot'],
    ['snapshot', 'facts', { ...snapshot(0), patches: 2 ** 30 }, 'a snapshot'],
  ] as const)('with a doctored %s is refused', async (table, column, value, what) => {
    const { file } = await sliceOf((slice) =>
      slice.prepare(`update ${table} set ${column} = ?`).run(JSON.stringify(value)),
    );
    const there = await openScene();
    await expect(there.joinSlice(file)).rejects.toThrow(`${what} is not what it should be`);
    expect(await there.listRuns()).toEqual([]);
  });
});
