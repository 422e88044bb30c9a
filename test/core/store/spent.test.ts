import Database from 'better-sqlite3';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrations } from '../../../src-main/core/store/migrations/index.ts';
import { spent } from '../../../src-main/core/store/migrations/007-spent.ts';
import { openDatabase } from '../../../src-main/core/store/open.ts';
import {
  batch,
  cpu,
  folder,
  meter,
  newRun,
  openScene,
  seconds,
  steady,
  utc,
  world,
} from './scene.ts';

/** A machine of 36 W: 10 mWh a second. */
async function machine() {
  const store = await openScene();
  await meter(store, 'a', [cpu]);
  await store.addSamples(batch('a', 0, 200, { cpu: steady(36) }));
  /** Active from one second to another. */
  const stretch = async (id: number, from: number, to: number): Promise<void> => {
    await store.startSegment(id, { micros: seconds(from), utc: utc + from * 1000 });
    await store.endRun(id, { at: seconds(to), status: 'stopped' });
  };
  return { store, stretch };
}

describe('what was spent', () => {
  it('is the energy of every stretch, once, by when it was', async () => {
    const { store, stretch } = await machine();
    const id = await store.createRun(newRun('x'));
    await stretch(id, 10, 20);
    await stretch(id, 50, 80);
    expect(await store.spentSince(utc)).toEqual({
      seconds: 40,
      wh: expect.closeTo(0.4, 6),
      gCO2e: expect.closeTo(0.2, 6),
      unreadSeconds: 0,
    });
    // the second stretch, of which a third lies before
    const { wh, seconds: time } = await store.spentSince(utc + 60_000);
    expect(wh).toBeCloseTo(0.2, 6);
    expect(time).toBeCloseTo(20, 6);
    expect(await store.spentSince(utc + 80_000)).toMatchObject({ seconds: 0, wh: null });
  });

  it('stays when the run is deleted', async () => {
    const { store, stretch } = await machine();
    const first = await store.createRun(newRun('x'));
    await stretch(first, 10, 20);
    await store.deleteRuns([first]);
    expect((await store.spentSince(utc)).wh).toBeCloseTo(0.1, 6);
  });

  it('keeps time without readings apart, and the price of then', async () => {
    const { store, stretch } = await machine();
    const id = await store.createRun(newRun('x'));
    await stretch(id, 10, 20);
    const blind = await store.createRun(newRun('blind'));
    await stretch(blind, 300, 330);
    await store.updateRun(id, { pue: 2 });
    expect(await store.spentSince(utc)).toEqual({
      seconds: 40,
      wh: expect.closeTo(0.1, 6),
      gCO2e: expect.closeTo(0.05, 6),
      unreadSeconds: 30,
    });
  });

  it('is of each stretch alone: its own price, and nothing known where nothing was read', async () => {
    const { store, stretch } = await machine();
    const id = await store.createRun(newRun('x'));
    await stretch(id, 10, 20);
    // what runs where the current is ten times as clean, or dirty, takes from the budget by that
    await store.updateRun(id, { intensity: { ...world, gPerKwh: 50 } });
    await stretch(id, 30, 40);
    expect((await store.spentSince(utc + 20_000)).gCO2e).toBeCloseTo(0.005, 6);
    await store.updateRun(id, { intensity: { ...world, gPerKwh: 5000 } });
    await stretch(id, 50, 60);
    expect((await store.spentSince(utc + 40_000)).gCO2e).toBeCloseTo(0.5, 6);
    await stretch(id, 300, 330);
    expect(await store.spentSince(utc + 60_000)).toEqual({
      seconds: 30,
      wh: null,
      gCO2e: null,
      unreadSeconds: 30,
    });
  });

  it('has the runs of before there was a ledger', async () => {
    const file = join(folder(), 'data.sqlite');
    const before = migrations.slice(0, migrations.indexOf(spent));
    const old = openDatabase(Database, file, before);
    const insert = old.writer.prepare(
      `insert into run (name, status, dataset, model, selection, method, started_ms, seconds, wh, g_co2e,
         app_version, node, created_ms, experiment, pue, copy_of)
       values ('x', ?, '', '', '', '', ?, 10, 0.1, 0.05, '0', '0', 0, 1, 1, ?)`,
    );
    old.writer.exec(`insert into experiment (id, key, name, created_ms) values (1, 'k', 'x', 0)`);
    insert.run('done', utc, null);
    // a copy at another price took nothing anew
    insert.run('done', utc, 1);
    old.reader.close();
    old.writer.close();
    const store = await openScene(file);
    expect(await store.spentSince(utc)).toMatchObject({ seconds: 10, wh: 0.1, gCO2e: 0.05 });
  });
});
