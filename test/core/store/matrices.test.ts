import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { migrations } from '../../../src-main/core/store/migrations/index.ts';
import { openDatabase } from '../../../src-main/core/store/open.ts';
import { describeConfig } from '../../../src-main/core/store/describe.ts';
import { config, folder, newRun, openScene } from './scene.ts';

const order = {
  id: 'rq2',
  dataset: 'greensynth',
  geometry: 'native',
  repeats: 2,
  seeds: [42, 43],
  epochs: 1,
  arms: ['none', 'drop'],
  warmUp: true,
} as const;

describe('runs of a matrix', () => {
  const place = { arm: 'none', armTitle: 'no selection', baseline: null, repeat: 1, warmUp: false };

  it('know their group, arm and repeat, and the warm-up is marked', async () => {
    const store = await openScene();
    const plan = { ...order, seeds: [...order.seeds], arms: [...order.arms] };
    const group = await store.createMatrix({ id: 'rq2', title: 'RQ2', order: plan });
    const other = await store.createMatrix({ id: 'rq2', title: 'RQ2', order: plan });
    expect(other).not.toBe(group);
    const first = await store.createRun(newRun('w', { place: { ...place, group, warmUp: true } }));
    const drop = { arm: 'drop', armTitle: 'dropped', baseline: 'none', repeat: 2 };
    const second = await store.createRun(newRun('d', { place: { ...place, group, ...drop } }));
    const alone = await store.createRun(newRun('alone'));

    expect((await store.getSummary(first)).matrix).toEqual({
      group,
      id: 'rq2',
      title: 'RQ2',
      arm: 'none',
      armTitle: 'no selection',
      baseline: null,
      repeat: 1,
      warmUp: true,
    });
    const listed = await store.listRuns();
    expect(listed.find(({ id }) => id === second)?.matrix).toMatchObject({
      ...drop,
      group,
      warmUp: false,
    });
    expect(listed.find(({ id }) => id === alone)?.matrix).toBeNull();
  });

  it('keep their sweep open while one of them may go on', async () => {
    const store = await openScene();
    const sweep = { id: 'sweep', title: 'x', order: {} as never };
    const [group, ended, other] = [
      await store.createMatrix(sweep),
      await store.createMatrix(sweep),
      await store.createMatrix({ ...sweep, id: 'rq2' }),
    ];
    const rung = { epochs: 1, dropped: false };
    const run = (of: number, more: object = {}) =>
      store.createRun(newRun('x', { place: { ...place, group: of, rung, ...more } }));
    const warmUp = await run(group, { warmUp: true });
    const [first, second] = [await run(group), await run(group)];
    await run(ended);
    await run(other);
    await store.endMatrix(ended, 1);
    expect(await store.openSweeps()).toEqual([group]);
    await store.updateRun(first, { status: 'done' });
    for (const id of [second, warmUp]) await store.updateRun(id, { status: 'stopped' });
    expect(await store.openSweeps()).toEqual([group]);
    await store.dropTrial(second);
    expect(await store.openSweeps()).toEqual([]);
  });

  it('take their matrix with them when the last is deleted, not before', async () => {
    const file = join(folder(), 'data.sqlite');
    const store = await openScene(file);
    const plan = { ...order, seeds: [...order.seeds], arms: [...order.arms] };
    const group = await store.createMatrix({ id: 'rq2', title: 'RQ2', order: plan });
    const ids = [
      await store.createRun(newRun('a', { place: { ...place, group } })),
      await store.createRun(newRun('b', { place: { ...place, group, repeat: 2 } })),
    ];
    await store.deleteRuns([ids[0]!]);
    expect((await store.getSummary(ids[1]!)).matrix?.group).toBe(group);
    await store.deleteRuns([ids[1]!]);
    await store.close();
    const db = new Database(file, { readonly: true });
    expect(db.prepare('select count(*) from matrix').pluck().get()).toBe(0);
    db.close();
  });
});

it('a database of the first schema is copied, and its runs get their method and no matrix', async () => {
  const file = join(folder(), 'data.sqlite');
  const { writer, reader } = openDatabase(Database, file, migrations.slice(0, 1));
  writer.exec(`insert into experiment (key, name, created_ms) values ('k', 'old', 0)`);
  const insert = writer.prepare(
    `insert into run (experiment, name, status, config, dataset, model, selection, pue, app_version, node, created_ms)
     values (1, ?, ?, ?, 'GreenSynth-10', 'ViT', 'off', 1, '0.1.0', '24', 0)`,
  );
  insert.run('mgk', 'done', JSON.stringify(config({ attention: { kind: 'mgk' } })));
  insert.run('before attention', 'done', '{"model":{"kind":"vit"}}');
  insert.run('cnn', 'done', JSON.stringify(config({ model: { kind: 'resnet' } })));
  insert.run('from a file', 'imported', null);
  reader.close();
  writer.close();

  const store = await openScene(file);
  expect(store.opened).toMatchObject({ migratedFrom: 1, schema: migrations.length });
  const runs = await store.listRuns();
  expect(runs.map(({ name, method, matrix }) => [name, method, matrix])).toEqual([
    ['from a file', '', null],
    ['cnn', '', null],
    ['before attention', 'standard', null],
    ['mgk', 'mgk', null],
  ]);
  const copy = new Database(store.opened.copy!, { readonly: true });
  expect(copy.pragma('user_version', { simple: true })).toBe(1);
  expect(copy.prepare('select count(*) from run').pluck().get()).toBe(4);
  copy.close();
});

describe('the method of a config', () => {
  it.each<[object, string]>([
    [{}, 'standard'],
    [{ train: { epochs: 3, lr: 1, seed: 7 }, dataset: { kind: 'cifar10' } }, 'standard'],
    [
      { attention: { kind: 'standard', normaliser: 'sparsemax' } },
      'standard, normaliser sparsemax',
    ],
    [{ attention: { kind: 'gmm_fixed', gate: true } }, 'gmm_fixed, gate'],
    [{ attention: { kind: 'mgk', halfHeads: false } }, 'mgk, no half heads'],
    [
      { attention: { kind: 'map_em', prior: 'vmf', keyIterations: 2 } },
      'map_em, prior vmf, key iterations 2',
    ],
    [{ attention: { kind: 'gmm_repo' }, train: { clipNorm: 1 } }, 'gmm_repo'],
    [{ routing: { kind: 'prune' } }, 'standard; prune'],
    [{ routing: { kind: 'route', capacity: 0.25 } }, 'standard; route, capacity 0.25'],
    [{ pruning: { heads: 'l0' } }, 'standard; pruning heads l0'],
    [{ routing: { kind: 'route' } }, 'standard; route'],
    [{ routing: { kind: 'prune', keep: 0.5 } }, 'standard; prune, keep 0.5'],
    [{ model: { kind: 'resnet' } }, ''],
    [{ train: { recipe: 'pt+ft' } }, 'standard; pt+ft; simmim 0.15'],
    [
      {
        train: { recipe: 'pt+ft' },
        pretrain: { method: 'mae', ratio: 0.75, images: 'tiny-imagenet' },
        contrastive: { hardness: 3 },
      },
      'standard; pt+ft; mae 0.75, images tiny-imagenet',
    ],
    [
      { train: { recipe: 'pt+cl+ft' }, contrastive: { hardness: 3 } },
      'standard; pt+cl+ft; simmim 0.15; contrastive hardness 3',
    ],
    [
      { train: { recipe: 'distil' }, distil: { weight: 0.9 } },
      'standard; distil; distil weight 0.9',
    ],
    [{ model: { kind: 'resnet' }, augment: { flip: true, crop: 4 } }, 'flip, crop 4'],
  ])('%j is %s', (input, method) => {
    expect(describeConfig(config(input)).method).toBe(method);
  });
});
