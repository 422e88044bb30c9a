import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { othersNoteText } from '../../../src-main/contract/other-programs.ts';
import {
  batch,
  config,
  cpu,
  folder,
  gpu,
  meter,
  newRun,
  openScene,
  scores,
  seconds,
  steady,
  steps,
  utc,
} from './scene.ts';

describe('runs', () => {
  it('share a group when they differ in name and seed only', async () => {
    const store = await openScene();
    const groupOf = async (input: object) =>
      (await store.getSummary(await store.createRun(newRun('x', { config: config(input) })))).group;
    const plain = await groupOf({ name: 'a', train: { seed: 1 } });
    expect(await groupOf({ name: 'b', train: { seed: 2 } })).toBe(plain);
    expect(await groupOf({ train: { seed: 1, epochs: 31 } })).not.toBe(plain);
    const dropped = await store.createRun(
      newRun('d', { config: config({ selection: { mode: 'drop' } }) }),
    );
    expect(await store.getSummary(dropped)).toMatchObject({
      status: 'queued',
      dataset: 'GreenSynth-10',
      selection: 'drop to 45 of 64, variance',
    });
  });

  it('stored before an option existed have its default', async () => {
    const store = await openScene();
    const old = structuredClone(config());
    Reflect.deleteProperty(old, 'augment');
    const id = await store.createRun(newRun('old', { config: old }));
    expect((await store.getRun(id)).config).toEqual(config());
  });

  it('follow their steps: epoch, mean loss of the epoch, images', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('steps'));
    await store.updateRun(id, { trainImages: 1300, stepsPerEpoch: 10, status: 'running' });
    await store.startSegment(id, { micros: 0, utc });
    const done = steps(1, 12, (n) => n);
    done.loss = done.step;
    await store.addSteps(id, done);
    const summary = await store.getSummary(id);
    // batches of 128: ten whole ones per epoch
    expect(summary).toMatchObject({
      epoch: 2,
      step: 12,
      loss: 11.5,
      imagesSeen: 12 * 128,
      imagesPerSecond: 1280,
    });
    await store.endRun(id, {
      at: seconds(20),
      status: 'failed',
      imagesSeen: 1500,
      error: { code: 'X', message: 'gone', hint: null },
    });
    expect(await store.getSummary(id)).toMatchObject({
      imagesSeen: 1500,
      error: { code: 'X', message: 'gone' },
    });
    await expect(store.addSteps(id, done)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('store what is not a number as missing', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('nan'));
    await store.startSegment(id, { micros: 0, utc });
    const done = steps(1, 3, (n) => n);
    done.loss = [1, NaN, Infinity];
    await store.addSteps(id, done);
    const rows = await store.metrics(id);
    expect(rows.map(({ loss }) => loss)).toEqual([1, null, null]);
  });

  it('count their samples as they come, and in the end', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu]);
    const id = await store.createRun(newRun('counted'));
    const other = (s: number) => (s > 15 ? 2 : 0);
    const facts = async () => (await store.getRun(id)).circumstances;
    await store.addSamples(batch('a', 5, 9.9, { [gpu.key]: steady(72) }));
    await store.startSegment(id, { micros: seconds(10), utc });
    expect(await facts()).toMatchObject({ samples: 0, gaps: 0 });
    await store.addSamples(batch('a', 10, 19.9, { [gpu.key]: { ...steady(72), flags: other } }));
    expect(await facts()).toMatchObject({ samples: 100, load: { foreignShare: 0.49 } });
    expect(await facts()).toMatchObject({ samples: 100 });
    const gap = (s: number) => (s === 20 ? 1 : 0);
    await store.addSamples(batch('a', 20, 29.9, { [gpu.key]: { ...steady(72), flags: gap } }));
    expect(await facts()).toMatchObject({ samples: 200, gaps: 1, load: { foreignShare: 0.245 } });
    await store.endRun(id, { at: seconds(25), status: 'done' });
    expect(await facts()).toMatchObject({ samples: 151, gaps: 1 });
  });

  it('are deleted while another measures its baseline, whose samples stay', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu]);
    const old = await store.createRun(newRun('old'));
    await store.startSegment(old, { micros: seconds(0), utc });
    await store.endRun(old, { at: seconds(50), status: 'done' });
    const id = await store.createRun(newRun('in its baseline'));
    await store.startPhase(id, 'baseline', null, seconds(100));
    await store.addSamples(batch('a', 100, 110, { [gpu.key]: steady(72) }));
    await store.deleteRuns([old]);
    await store.endPhase(id, 'baseline', null, seconds(110));
    await store.startSegment(id, { micros: seconds(110), utc });
    const { phases } = await store.getRun(id);
    expect(phases[0]).toMatchObject({ name: 'baseline', from: -10, to: 0 });
    expect(phases[0]!.wh).toBeCloseTo(0.2, 9);
  });

  it('are deleted with their samples, and no others', async () => {
    const file = join(folder(), 'data.sqlite');
    const store = await openScene(file);
    await meter(store, 'a', [gpu]);
    const ids: number[] = [];
    for (const start of [100, 200]) {
      const id = await store.createRun(newRun(`run at ${start}`));
      ids.push(id);
      await store.startSegment(id, { micros: seconds(start), utc });
      await store.addSamples(batch('a', start, start + 50, { [gpu.key]: steady(72) }));
      await store.addSteps(
        id,
        steps(1, 5, (n) => start + n),
      );
      await store.addNote(id, { at: seconds(start), level: 'info', message: 'x' });
      if (start === 200)
        await expect(store.deleteRuns([id])).rejects.toMatchObject({ code: 'CONFLICT' });
      await store.endRun(id, { at: seconds(start + 50), status: 'done' });
    }
    await store.deleteRuns([ids[0]!]);
    expect((await store.listRuns()).map(({ id }) => id)).toEqual([ids[1]]);
    expect((await store.energy(ids[1]!))!.wh).toBeCloseTo(1, 9);
    await expect(store.getRun(ids[0]!)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await store.deleteRuns([ids[1]!]);
    await store.close();
    const db = new Database(file, { readonly: true });
    for (const table of ['run', 'segment', 'metric', 'event', 'power_sample', 'experiment'])
      expect([table, db.prepare(`select count(*) from ${table}`).pluck().get()]).toEqual([
        table,
        0,
      ]);
    db.close();
  });

  it('compare by results, energy with its band, and every setting', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu, cpu]);
    const ids: number[] = [];
    for (const [i, mode] of (['off', 'drop'] as const).entries()) {
      const id = await store.createRun(newRun(mode, { config: config({ selection: { mode } }) }));
      ids.push(id);
      await store.startSegment(id, { micros: seconds(i * 100), utc });
      await store.addSamples(
        batch('a', i * 100, i * 100 + 36, { [gpu.key]: steady(100), cpu: steady(50) }),
      );
      await store.addEvaluation(id, {
        at: seconds(i * 100 + 30),
        epoch: 1,
        step: 1,
        result: scores('test', 0.75),
      });
      await store.endRun(id, { at: seconds(i * 100 + 36), status: 'done' });
    }
    const message = othersNoteText(43);
    await store.addNote(ids[1]!, { at: seconds(120), level: 'warning', message });
    const { rows, others } = await store.compare(ids);
    expect(others).toEqual([{ id: ids[1], percent: 43 }]);
    const row = (key: string) => rows.find((row) => row.key === key)!;
    expect(row('wh').values[0]).toBeCloseTo(1.5, 9);
    // 5 % of 1 Wh and 10 W for 36 s, independent
    expect(row('wh').uncertainty[0]).toBeCloseTo(Math.hypot(0.05, 0.1), 9);
    expect(row('macroF1')).toMatchObject({ values: [75, 75], better: 'higher', differs: false });
    expect(row('f1PerWh').values[1]).toBeCloseTo(50, 9);
    expect(row('selection.mode')).toMatchObject({
      label: 'Patch selection',
      values: ['off', 'drop'],
      differs: true,
    });
    expect(row('train.batch')).toMatchObject({ label: 'Training: Batch size', differs: false });
  });

  it('compare scores in the band of their images, and no settings with those of a command', async () => {
    const store = await openScene();
    const ids: number[] = [];
    for (const [i, split] of (['test', 'test', 'validation'] as const).entries()) {
      const id = await store.createRun(newRun(`run ${i}`));
      ids.push(id);
      await store.startSegment(id, { micros: seconds(i), utc });
      const result = scores(split, 0.8 + i / 20);
      await store.addEvaluation(id, { at: seconds(i), epoch: 1, step: 1, result });
      await store.endRun(id, { at: seconds(i + 1), status: 'done' });
    }
    const command = {
      argv: ['train'],
      cwd: '/',
      env: [],
      watch: { jsonl: null, tensorboard: null },
      energy: config().energy,
      exit: null,
    };
    const more = { command, dataset: '', model: '', seed: null, totals: {} };
    ids.push(await store.createCommandRun({ ...newRun('command'), ...more }));
    const comparison = await store.compare(ids);
    const row = (key: string) => comparison.rows.find((row) => row.key === key)!;
    const f1 = row('macroF1');
    expect(f1.uncertainty[0]).toBeCloseTo(196 * Math.sqrt(0.16 / 100), 9);
    expect(f1).toMatchObject({
      splits: ['test', 'test', 'validation', null],
      doubts: [null, 'within the bands', 'other split', null],
    });
    expect(row('accuracy').doubts[1]).toBe('within the bands');
    expect(row('seconds').doubts[1]).toBe('no band');
    expect(comparison.withoutSettings).toEqual([ids[3]]);
    expect(row('train.batch')).toMatchObject({ differs: false });
    expect(row('train.batch').values[3]).toBeNull();
  });

  it('compare without a verdict where bands or a constant decide nothing', async () => {
    const store = await openScene();
    const ram: typeof cpu = {
      ...cpu,
      key: 'ram',
      kind: 'ram',
      name: 'Test RAM',
      provenance: 'constant',
      uncertaintyWatts: null,
    };
    await meter(store, 'a', [gpu, ram]);
    const ids: number[] = [];
    // 1 Wh, 4 % more, and a fifth more, each within 5 %
    for (const [i, watts] of [100, 104, 120].entries()) {
      const id = await store.createRun(newRun(`run ${i}`));
      ids.push(id);
      await store.startSegment(id, { micros: seconds(i * 100), utc });
      const series = { [gpu.key]: steady(watts), ram: steady(20 + i) };
      await store.addSamples(batch('a', i * 100, i * 100 + 36, series));
      await store.endRun(id, { at: seconds(i * 100 + 36), status: 'done' });
    }
    const { rows } = await store.compare(ids);
    const row = (key: string) => rows.find((row) => row.key === key)!;
    const doubts = [null, 'within the bands', null];
    expect(row('wh.gpu')).toMatchObject({ doubts, better: 'lower' });
    expect(row('wh')).toMatchObject({ doubts, better: 'lower' });
    expect(row('wh.ram')).toMatchObject({ doubts: [null, 'no band', 'no band'], better: null });
    expect(row('watts').values[1]).toBeCloseTo(125, 9);
    expect(row('processWh')).toBeUndefined();
  });

  it('remember values under names', async () => {
    const store = await openScene();
    await store.remember({ settings: { theme: 'dark' }, idle: null });
    await store.remember({ settings: { theme: 'light' }, left: undefined });
    expect(await store.recall(['settings', 'idle', 'left'])).toEqual({
      settings: { theme: 'light' },
      idle: null,
    });
  });
});
