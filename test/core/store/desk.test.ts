import { describe, expect, it } from 'vitest';
import { config, newRun, openScene, scores, utc } from './scene.ts';
import type { Store } from '../../../src-main/core/store/store.ts';

const three = async (store: Store) => {
  const ids: number[] = [];
  for (const name of ['a', 'b', 'c'])
    ids.push(await store.createRun(newRun(name, { status: 'done' })));
  return ids as [number, number, number];
};
const row = async (store: Store, id: number) =>
  (await store.listRuns()).find((run) => run.id === id)!;

describe('what a person writes beside runs', () => {
  it('is kept, run by run and together, and is the same in the list and by itself', async () => {
    const store = await openScene();
    const [a, b, c] = await three(store);
    expect(await row(store, a)).toMatchObject({
      star: false,
      note: null,
      tags: [],
      archivedAt: null,
    });
    await store.annotateRuns([a, b], { star: true, addTags: ['Paper', 'main'] });
    await store.annotateRuns([a], { note: 'two\nlines', addTags: ['paper', 'zeta'] });
    expect(await row(store, a)).toMatchObject({
      star: true,
      note: 'two\nlines',
      tags: ['main', 'Paper', 'zeta'],
    });
    expect(await row(store, a)).toEqual(await store.getSummary(a));
    expect(await row(store, b)).toMatchObject({ star: true, note: null, tags: ['main', 'Paper'] });
    expect(await row(store, c)).toMatchObject({ star: false, tags: [] });
    await store.annotateRuns([a, b, c], { star: false, note: '', removeTags: ['PAPER'] });
    expect(await row(store, a)).toMatchObject({ star: false, note: null, tags: ['main', 'zeta'] });
    expect(await store.summariesOf([c, a, 99])).toEqual([await row(store, a), await row(store, c)]);
  });

  it('changes nothing where one of the runs is not there', async () => {
    const store = await openScene();
    const [a] = await three(store);
    await expect(store.annotateRuns([a, 99], { star: true })).rejects.toThrow('no run 99');
    expect((await row(store, a)).star).toBe(false);
  });

  it('puts away what is over, and nothing else', async () => {
    const store = await openScene();
    const [a, b] = await three(store);
    await store.archiveRuns([a], 123);
    expect((await row(store, a)).archivedAt).toBe(123);
    await store.archiveRuns([a], null);
    expect((await row(store, a)).archivedAt).toBeNull();
    await store.updateRun(b, { status: 'queued' });
    await expect(store.archiveRuns([a, b], 5)).rejects.toThrow(`Run ${b} is queued`);
    expect((await row(store, a)).archivedAt).toBeNull();
  });
});

describe('a deletion that can be undone', () => {
  it('takes runs out of every list and brings them back whole', async () => {
    const store = await openScene();
    const [a, b, c] = await three(store);
    await store.annotateRuns([a], { note: 'stays', addTags: ['x'] });
    const before = await row(store, a);
    await store.removeRuns([a, b]);
    expect((await store.listRuns()).map(({ id }) => id)).toEqual([c]);
    expect((await store.runIdentities()).map(({ id }) => id)).toEqual([c]);
    expect((await store.runValues(['train.lr'])).ids).toEqual([c]);
    expect(await store.removedRuns()).toEqual([a, b]);
    await expect(store.annotateRuns([a], { star: true })).rejects.toThrow(`no run ${a}`);
    expect(await store.restoreRuns([a, c])).toEqual([a]);
    expect(await row(store, a)).toEqual(before);
    expect(await store.removedRuns()).toEqual([b]);
  });

  it('is refused while a run is active', async () => {
    const store = await openScene();
    const [a, b] = await three(store);
    await store.updateRun(b, { status: 'running' });
    await expect(store.removeRuns([a, b])).rejects.toThrow(`Run ${b} is active`);
    expect(await store.removedRuns()).toEqual([]);
  });
});

describe('values of configs and metrics', () => {
  it('come as they stand in the config, a column per key', async () => {
    const store = await openScene();
    const a = await store.createRun(
      newRun('a', { config: config({ train: { lr: 0.002 }, model: { qkvBias: true } }) }),
    );
    const b = await store.createRun(
      newRun('b', { config: config({ selection: { mode: 'drop' } }) }),
    );
    const { ids, values } = await store.runValues(['train.lr', 'model.qkvBias', 'selection.mode']);
    expect(ids).toEqual([a, b]);
    expect(values['train.lr']![0]).toBe(0.002);
    expect(values['model.qkvBias']![0]).toBe(true);
    expect(values['selection.mode']).toEqual(['off', 'drop']);
    await expect(store.runValues(['train.lrr'])).rejects.toThrow('No config has a key "train.lrr"');
    // a key goes into the statement as a value, never as a part of it
    await expect(store.runValues(["train.lr' or 1"])).rejects.toThrow('No config has a key');
  });

  it('of commands are the last of each metric, and their names are listed', async () => {
    const store = await openScene();
    const id = await store.createCommandRun({
      ...newRun('c'),
      command: {
        argv: ['train'],
        cwd: '/',
        env: [],
        watch: { jsonl: null, tensorboard: null },
        energy: config().energy,
        exit: null,
      },
      dataset: '',
      model: '',
      seed: null,
      totals: {},
    });
    expect(await store.metricNames()).toEqual([]);
    await store.updateRun(id, { status: 'running' });
    await store.startSegment(id, { micros: 0, utc });
    await store.addScalars(id, {
      t: [1, 2, 3, 4],
      step: [1, 2, 1, 3],
      name: ['val_acc', 'val_acc', 'loss2', 'loss2'],
      value: [0.1, 0.7, 5, null],
    });
    expect(await store.metricNames()).toEqual(['loss2', 'val_acc']);
    const { values } = await store.runValues(['metric.val_acc', 'metric.loss2', 'metric.none']);
    expect(values).toEqual({
      'metric.val_acc': [0.7],
      'metric.loss2': [null],
      'metric.none': [null],
    });
    const ruled = ['max', 'min', 'mean'].map((rule) => `metric.val_acc~${rule}`);
    expect((await store.runValues([...ruled, 'metric.loss2~max'])).values).toEqual({
      'metric.val_acc~max': [0.7],
      'metric.val_acc~min': [0.1],
      'metric.val_acc~mean': [expect.closeTo(0.4, 12)],
      'metric.loss2~max': [5],
    });
  });

  it('are evaluations on validation by a rule, of any run', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('a'));
    await store.createRun(newRun('not begun'));
    await store.updateRun(id, { status: 'running' });
    await store.startSegment(id, { micros: 0, utc });
    for (const [epoch, f1] of [0.2, 0.9, 0.6].entries())
      await store.addEvaluation(id, {
        at: epoch,
        epoch: epoch + 1,
        step: epoch + 1,
        result: scores('validation', f1),
      });
    await store.addEvaluation(id, { at: 3, epoch: 3, step: 3, result: scores('test', 0.95) });
    const keys = ['', '~max', '~min', '~mean'].map((end) => `metric.validation.macroF1${end}`);
    expect(Object.values((await store.runValues(keys)).values)).toEqual([
      [0.6, null],
      [0.9, null],
      [0.2, null],
      [expect.closeTo(1.7 / 3, 12), null],
    ]);
  });
});

it('saved views are replaced by name, renamed and deleted', async () => {
  const store = await openScene();
  const best = await store.saveView('Best', 'filter=a');
  expect(await store.saveView('Best', 'filter=b')).toEqual({ ...best, state: 'filter=b' });
  const other = await store.saveView('also', 'sort=wh');
  expect((await store.savedViews()).map(({ name }) => name)).toEqual(['also', 'Best']);
  await expect(store.renameView(other.id, 'Best')).rejects.toThrow('called "Best" already');
  await store.renameView(other.id, 'Z');
  await store.deleteView(best.id);
  expect(await store.savedViews()).toEqual([{ ...other, name: 'Z' }]);
  await expect(store.renameView(best.id, 'x')).rejects.toThrow('not there any more');
});
