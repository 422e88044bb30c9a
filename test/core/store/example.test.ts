import Database from 'better-sqlite3';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exampleConfigs } from '../../../src-main/core/experiments/example.ts';
import { reportData } from '../../../src-main/core/report/report-data.ts';
import { example } from '../../../src-main/core/store/migrations/012-example.ts';
import { migrations } from '../../../src-main/core/store/migrations/index.ts';
import { openDatabase } from '../../../src-main/core/store/open.ts';
import { folder, newRun, openScene } from './scene.ts';

describe('a run of the example', () => {
  it('is one under any name, and its report says what that means', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('a', { status: 'done', example: true }));
    const other = await store.createRun(newRun('b', { status: 'done' }));
    await store.renameRun(id, 'My best result');
    const summaries = await Promise.all([id, other].map((one) => store.getSummary(one)));
    expect(summaries.map((run) => run.example)).toEqual([true, false]);
    const limits = async (ids: number[]) => (await reportData(store, ids, '1')).limits;
    expect((await limits([id]))[0]).toBe('Example run: a demonstration, not a result.');
    expect((await limits([id, other]))[0]).toBe(
      'Of the built-in example, a demonstration and no result: My best result.',
    );
    expect((await limits([other])).join()).not.toMatch(/example/i);
  });

  it('of before is known by its config, and another run with its name is not', async () => {
    const file = join(folder(), 'data.sqlite');
    const old = openDatabase(Database, file, migrations.slice(0, migrations.indexOf(example)));
    old.writer.exec(`insert into experiment (id, key, name, created_ms) values (1, 'k', 'x', 0)`);
    const insert = old.writer.prepare(
      `insert into run (name, status, config, dataset, model, selection, method, app_version, node,
         created_ms, experiment, pue)
       values (?, 'done', ?, '', '', '', '', '0', '0', 0, 1, 1)`,
    );
    const [plain, dropping] = exampleConfigs();
    insert.run('renamed', JSON.stringify(plain));
    insert.run(dropping!.name, JSON.stringify(dropping));
    // what a person made of it
    const longer = { ...plain, train: { ...plain!.train, epochs: 100 } };
    insert.run(plain!.name, JSON.stringify(longer));
    insert.run('a command', null);
    old.reader.close();
    old.writer.close();
    const store = await openScene(file);
    const runs = (await store.listRuns()).toReversed();
    expect(runs.map((run) => run.example)).toEqual([true, true, false, false]);
  });
});
