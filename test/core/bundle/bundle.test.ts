/** A bundle leaves one installation and comes whole into another; what is no whole bundle leaves nothing there. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { deflateRawSync } from 'node:zlib';
import BetterSqlite3 from 'better-sqlite3';
import { beforeAll, describe, expect, it } from 'vitest';
import { openPromise } from 'yauzl';
import { readBundle } from '../../../src-main/core/bundle/read.ts';
import { writeBundle } from '../../../src-main/core/bundle/write.ts';
import { createRunLogs } from '../../../src-main/core/runs/run-log.ts';
import { ZipWriter } from '../../../src-main/core/bundle/zip-writer.ts';
import { createIntensity } from '../../../src-main/core/energy/intensity/index.ts';
import { expandSweep } from '../../../src-main/core/experiments/sweep.ts';
import { importCsvText } from '../../../src-main/core/report/import-csv.ts';
import { samplePages } from '../../../src-main/core/report/index.ts';
import { repriceRun } from '../../../src-main/core/runs/reprice.ts';
import type { Store } from '../../../src-main/core/store/store.ts';
import {
  batch,
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
} from '../store/scene.ts';

interface Installation {
  store: Store;
  home: string;
  runDir(id: number): string;
}

async function installation(): Promise<Installation> {
  const home = folder();
  const store = await openScene(join(home, 'hugginggreen.sqlite'));
  return { store, home, runDir: (id) => join(home, 'runs', String(id)) };
}

/** Paused and resumed, with a gap, a baseline, a part of its own and readings that do not fall on its edges. */
async function fullRun(store: Store, name: string, session: string, start: number) {
  await meter(store, session, [gpu, cpu]);
  const id = await store.createRun(newRun(name, { pue: 1.3 }));
  await store.startPhase(id, 'baseline', null, seconds(start - 8.04));
  await store.endPhase(id, 'baseline', null, seconds(start - 0.03));
  await store.setIdle(id, { [gpu.key]: 10.1, cpu: null });
  const joules = (s: number) => 97.3 * s + Math.sin(s);
  await store.startSegment(id, { micros: seconds(start + 0.017), utc });
  await store.startPhase(id, 'train', 1, seconds(start + 1.003));
  await store.addSamples(
    batch(session, start - 20, start + 90, {
      [gpu.key]: {
        joules,
        watts: () => 97.3,
        flags: (s) => (Math.abs(s - start - 12) < 1e-6 ? 1 : 0),
        run: (s) => joules(s) / 3,
        program: (s) => joules(s) / 50,
      },
      cpu: { ...steady(41.7), run: (s) => 20 * s, program: (s) => s },
    }),
  );
  await store.addSteps(
    id,
    steps(1, 12, (n) => start + n),
  );
  await store.endPhase(id, 'train', 1, seconds(start + 20.5));
  await store.addEvaluation(id, {
    at: seconds(start + 21),
    epoch: 1,
    step: 12,
    result: scores('test', 0.8),
  });
  await store.addNote(id, { at: seconds(start + 5), level: 'warning', message: 'a door was open' });
  await store.endRun(id, { at: seconds(start + 30.049), status: 'stopped' });
  await store.startSegment(id, { micros: seconds(start + 50.01), utc: utc + 60_000 });
  await store.endRun(id, { at: seconds(start + 71.07), status: 'done' });
  return id;
}

const source = ({ store, runDir }: Installation, reportDir: string) => ({
  store,
  runDir,
  reportDir,
  appVersion: '1.2.3',
  logs: createRunLogs({ runDir, hear: () => {} }),
});

let reportDir: string;
beforeAll(() => {
  reportDir = join(import.meta.dirname, '..', '..', 'fixtures', 'report');
});

async function bundleOf(from: Installation, ids: number[], checkpoints = false): Promise<string> {
  const path = join(folder(), 'x.hgb.zip');
  await writeBundle(source(from, reportDir), ids, path, checkpoints);
  expect(readdirSync(join(path, '..'))).toEqual(['x.hgb.zip']);
  return path;
}

const take = (to: Installation, path: string) => readBundle(to, path, folder());

/** All that a page would show of a run, without the numbers that are this installation's own. */
async function all({ store }: Installation, id: number) {
  const detail = await store.getRun(id);
  const samples = [];
  for await (const page of samplePages(store, id)) samples.push(page);
  const metrics = await store.metrics(id);
  return {
    ...detail,
    checkpoints: detail.checkpoints.map(({ path, ...rest }) => ({
      ...rest,
      path: path.split('/').at(-1),
    })),
    summary: { ...detail.summary, id: 0, copyOf: null, matrix: null, origin: null },
    samples,
    metrics: metrics.map((row) => ({ ...row, run: 0 })),
    power: await store.power(id, 300),
    series: await store.series(id, ['loss', 'validation.macroF1', 'test.macroF1'], 'wh', 300),
  };
}

describe('a bundle', () => {
  it('brings every figure to another installation to the bit, under numbers of its own', async () => {
    const [from, to] = [await installation(), await installation()];
    const ids = [
      await fullRun(from.store, 'one', 'a', 100),
      await fullRun(from.store, 'two', 'a', 300),
    ];
    const other = await fullRun(from.store, 'left at home', 'a', 190);
    const copy = await repriceRun(
      { store: from.store, intensity: createIntensity(from.store) },
      ids[0]!,
      { region: 'SWE' },
    );
    await fullRun(to.store, 'mine', 'a', 100);
    const path = await bundleOf(from, [...ids, copy]);
    const { ids: there, taken, known } = await take(to, path);
    expect({ taken, known }).toEqual({ taken: 3, known: [] });
    expect(there).toEqual([2, 3, 4]);
    for (const [i, id] of [...ids, copy].entries()) {
      const [before, after] = [await all(from, id), await all(to, there[i]!)];
      expect(before.energy!.processWh).toBeGreaterThan(0);
      expect(before.samples.length).toBeGreaterThan(0);
      expect(after).toEqual(before);
    }
    expect((await to.store.getSummary(there[0]!)).origin).toMatchObject({ host: hostname() });
    expect((await to.store.getSummary(there[2]!)).copyOf).toBe(there[0]);
    // what is not of these runs stays at home: its samples as well
    const count = async ({ store }: Installation, of: number) =>
      (await store.getRun(of)).circumstances.samples;
    expect(await count(from, other)).toBeGreaterThan(400);
    const rows = (file: string) => {
      const db = new BetterSqlite3(file, { readonly: true });
      const { n } = db.prepare('select count(*) as n from power_sample').get() as { n: number };
      db.close();
      return n;
    };
    expect(rows(join(from.home, 'hugginggreen.sqlite'))).toBeGreaterThan(
      rows(await member(path, 'runs.sqlite')) + 500,
    );
    // either can be deleted without the other
    await to.store.deleteRuns([there[0]!]);
    expect((await all(to, there[2]!)).energy).toEqual((await all(from, copy)).energy);
  });

  it('is taken in once, and known again at home', async () => {
    const [from, to] = [await installation(), await installation()];
    const ids = [
      await fullRun(from.store, 'one', 'a', 100),
      await fullRun(from.store, 'two', 'a', 300),
    ];
    const first = await bundleOf(from, [ids[0]!]);
    const both = await bundleOf(from, ids);
    expect((await take(to, first)).ids).toEqual([1]);
    expect(await take(to, both)).toMatchObject({ ids: [2], known: [{ row: 1, run: 1 }] });
    expect(await take(to, both)).toMatchObject({
      taken: 0,
      known: [
        { row: 1, run: 1 },
        { row: 2, run: 2 },
      ],
    });
    // handed on, it comes home
    expect(await take(from, await bundleOf(to, [1, 2]))).toMatchObject({
      taken: 0,
      known: [
        { row: 1, run: ids[0] },
        { row: 2, run: ids[1] },
      ],
    });
    expect(await from.store.listRuns()).toHaveLength(2);
  });

  it('says there too that a run is of the example', async () => {
    const [from, to] = [await installation(), await installation()];
    for (const example of [true, false])
      await from.store.createRun(newRun('x', { status: 'done', example }));
    const { ids } = await take(to, await bundleOf(from, [1, 2]));
    const runs = await Promise.all(ids.map((id) => to.store.getSummary(id)));
    expect(runs.map(({ example }) => example)).toEqual([true, false]);
  });

  it('brings the trials of a sweep with their rungs; there, none of them goes on', async () => {
    const [from, to] = [await installation(), await installation()];
    const { order } = expandSweep({
      config: {},
      fields: { 'train.lr': [0.01, 0.02] },
      halving: { eta: 2, rungs: [1] },
    });
    const group = await from.store.createMatrix({ id: 'sweep', title: 'rates', order });
    const place = { group, armTitle: '', baseline: null, repeat: 1, warmUp: false };
    for (const { arm } of order.trials) {
      const rung = { epochs: 1, dropped: false };
      const id = await from.store.createRun(newRun(arm, { place: { ...place, arm, rung } }));
      await from.store.startSegment(id, { micros: seconds(100 * id), utc });
      await from.store.endRun(id, { at: seconds(100 * id + 30), status: 'stopped' });
    }
    await from.store.dropTrial(2);
    expect(await from.store.openSweeps()).toEqual([group]);
    const { ids } = await take(to, await bundleOf(from, [1, 2]));
    const places = await Promise.all(ids.map(async (id) => (await to.store.getSummary(id)).matrix));
    expect(places.map((own) => own?.rung)).toEqual([
      { epochs: 1, dropped: false },
      { epochs: 1, dropped: true },
    ]);
    expect(await to.store.openSweeps()).toEqual([]);
    const there = await to.store.startedMatrix(places[0]!.group);
    expect(there.order).toEqual((await from.store.startedMatrix(group)).order);
  });

  it('takes runs along that came from a CSV file', async () => {
    const [from, to] = [await installation(), await installation()];
    const { runs } = importCsvText(
      'emissions.csv',
      'timestamp,run_id,duration,emissions,energy_consumed,cpu_energy\n' +
        '2024-01-01T10:00:00,r,3600,0.5,2,2\n2024-01-01T11:00:00,r,3600,0.6,3,3\n',
    );
    const ids = await from.store.addImported(runs);
    const { ids: there } = await take(to, await bundleOf(from, ids));
    expect(there).toHaveLength(2);
    for (const [i, id] of ids.entries())
      expect(await all(to, there[i]!)).toEqual(await all(from, id));
  });

  it('has checkpoints only where they are asked for, and puts them where the run is', async () => {
    const [from, to] = [await installation(), await installation()];
    const id = await fullRun(from.store, 'one', 'a', 100);
    const dir = from.runDir(id);
    mkdirSync(dir, { recursive: true });
    const files = { 'last.json': '{}', 'step-12.safetensors': 'weights', 'notes.txt': 'private' };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    await from.store.addCheckpoint(id, {
      at: 5000,
      epoch: 1,
      step: 12,
      paths: [join(dir, 'last.json')],
      file: 'step-12.safetensors',
      sha256: 'ab',
      bytes: 2,
    });
    await fullRun(to.store, 'mine', 'a', 100);

    const { ids } = await take(to, await bundleOf(from, [id], true));
    expect(readdirSync(to.runDir(ids[0]!)).sort()).toEqual(['last.json', 'step-12.safetensors']);
    const [checkpoint] = (await to.store.getRun(ids[0]!)).checkpoints;
    expect(checkpoint!.path).toBe(join(to.runDir(ids[0]!), 'last.json'));

    const third = await installation();
    const without = await take(third, await bundleOf(from, [id]));
    expect((await third.store.getRun(without.ids[0]!)).checkpoints).toEqual([]);
    expect(existsSync(third.runDir(without.ids[0]!))).toBe(false);
  });

  it('takes the log of a run along where it is small', async () => {
    const [from, to] = [await installation(), await installation()];
    const ids = [
      await fullRun(from.store, 'small', 'a', 100),
      await fullRun(from.store, 'large', 'b', 300),
    ];
    const line = '2026-01-01T00:00:00.000Z stdout hello\n';
    for (const [i, text] of [line, line.repeat(130_000)].entries()) {
      mkdirSync(from.runDir(ids[i]!), { recursive: true });
      writeFileSync(join(from.runDir(ids[i]!), 'run.log'), text);
    }
    const { ids: there } = await take(to, await bundleOf(from, ids));
    expect(readFileSync(join(to.runDir(there[0]!), 'run.log'), 'utf8')).toBe(line);
    expect(existsSync(to.runDir(there[1]!))).toBe(false);
  });

  it('leaves nothing behind where it is broken off', async () => {
    const from = await installation();
    const id = await fullRun(from.store, 'one', 'a', 100);
    const path = join(folder(), 'x.hgb.zip');
    const abort = new AbortController();
    const written = writeBundle(source(from, reportDir), [id], path, false, abort.signal);
    abort.abort();
    await expect(written).rejects.toThrow(/abort/);
    expect(readdirSync(join(path, '..'))).not.toContain('parts');
  });

  it('is for people too: every member is there, with its sum', async () => {
    const from = await installation();
    const id = await fullRun(from.store, 'Größe', 'a', 100);
    const path = await bundleOf(from, [id]);
    const manifest = JSON.parse(readFileSync(await member(path, 'manifest.json'), 'utf8')) as {
      members: { name: string; bytes: number; sha256: string }[];
    };
    expect(manifest).toMatchObject({ format: 1, appVersion: '1.2.3', host: hostname() });
    expect(manifest.members.map(({ name }) => name)).toEqual([
      'runs.sqlite',
      'report.html',
      'runs.csv',
      'metrics.csv',
      'samples.csv',
      `configs/${id}.json`,
    ]);
    for (const { name, sha256, bytes } of manifest.members) {
      const content = readFileSync(await member(path, name));
      expect(content.length).toBe(bytes);
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    }
    expect(readFileSync(await member(path, 'report.html'), 'utf8')).toContain('Größe');
  });

  it('is refused of runs that go on, and of none', async () => {
    const from = await installation();
    const id = await from.store.createRun(newRun('waits'));
    const path = join(folder(), 'x.hgb.zip');
    await expect(writeBundle(source(from, reportDir), [id], path, false)).rejects.toThrow(
      /Run 1 is queued: it can go into a bundle when it is over/,
    );
    await expect(writeBundle(source(from, reportDir), [9], path, false)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });
});

/** One member as a file. */
async function member(path: string, name: string): Promise<string> {
  const content = (await membersOf(path)).get(name);
  if (!content) throw new Error(`${name} is not in ${path}`);
  const file = join(folder(), 'member');
  writeFileSync(file, content);
  return file;
}

async function membersOf(path: string): Promise<Map<string, Buffer>> {
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false });
  const found = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry())
    found.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  zip.close();
  return found;
}

/** A zip of these members, whatever they are called, with sums that are right. */
async function zipOf(members: Map<string, Buffer>, lie?: (manifest: Manifest) => void) {
  const manifest = JSON.parse(String(members.get('manifest.json'))) as Manifest;
  manifest.members = [...members]
    .filter(([name]) => name !== 'manifest.json')
    .map(([name, content]) => ({
      name,
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    }));
  lie?.(manifest);
  const path = join(folder(), 'y.hgb.zip');
  const zip = await ZipWriter.create(path);
  for (const [name, content] of members) {
    if (name === 'manifest.json') continue;
    const file = join(folder(), 'content');
    writeFileSync(file, content);
    await zip.addFile(name, file);
  }
  await zip.addText('manifest.json', JSON.stringify(manifest));
  await zip.finish();
  return path;
}
interface Manifest {
  format: number;
  schema: number;
  members: { name: string; bytes: number; sha256: string }[];
}

describe('what is no whole bundle of ours', () => {
  let good: string;
  let members: Map<string, Buffer>;
  let to: Installation;
  async function scene() {
    const from = await installation();
    const id = await fullRun(from.store, 'one', 'a', 100);
    const dir = from.runDir(id);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'last.json'), '{}');
    good = await bundleOf(from, [id], true);
    members = await membersOf(good);
    to = await installation();
  }
  const refusedWith = async (path: string, words: RegExp) => {
    await expect(take(to, path)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(words) as string,
    });
    expect(await to.store.listRuns()).toEqual([]);
    expect(existsSync(join(to.home, 'runs'))).toBe(false);
    const db = new BetterSqlite3(join(to.home, 'hugginggreen.sqlite'), { readonly: true });
    for (const table of [
      'power_sample',
      'component',
      'session',
      'segment',
      'experiment',
      'machine',
    ])
      expect(db.prepare(`select count(*) as n from ${table}`).get()).toEqual({ n: 0 });
    db.close();
  };
  /** The bundle with another database. */
  const doctored = async (change: (db: BetterSqlite3.Database) => void) => {
    const file = join(folder(), 'runs.sqlite');
    writeFileSync(file, members.get('runs.sqlite')!);
    const db = new BetterSqlite3(file);
    db.pragma('foreign_keys = OFF');
    change(db);
    db.close();
    return zipOf(new Map([...members, ['runs.sqlite', readFileSync(file)]]));
  };

  it('is refused with nothing left behind: broken zips, wrong sums, members too many or too few', async () => {
    await scene();
    const bytes = readFileSync(good);
    const write = (content: Buffer) => {
      const path = join(folder(), 'z.hgb.zip');
      writeFileSync(path, content);
      return path;
    };
    await refusedWith(write(Buffer.from('hello')), /not a zip file/);
    await refusedWith(
      write(bytes.subarray(0, bytes.length / 2)),
      /not a zip file, or a damaged one/,
    );
    const flipped = Buffer.from(bytes);
    flipped[400]! ^= 0xff;
    await refusedWith(write(flipped), /runs\.sqlite in it is (damaged|not what)/);
    await refusedWith(
      await zipOf(members, ({ members }) => (members[1]!.sha256 = '0'.repeat(64))),
      /is not what its manifest\.json says/,
    );
    await refusedWith(
      await zipOf(new Map([...members, ['extra.sh', Buffer.from('rm')]]), (manifest) => {
        manifest.members = manifest.members.filter(({ name }) => name !== 'extra.sh');
      }),
      /"extra\.sh", which its manifest\.json does not name/,
    );
    await refusedWith(
      await zipOf(members, ({ members }) =>
        members.push({ name: 'gone', bytes: 0, sha256: '0'.repeat(64) }),
      ),
      /gone is missing/,
    );
    const without = new Map(members);
    without.delete('runs.sqlite');
    await refusedWith(await zipOf(without), /no runs\.sqlite/);
    await refusedWith(
      await zipOf(members, (manifest) => (manifest.schema = 999)),
      /newer HuggingGreen \(format 1, schema 999/,
    );
  });

  it('is refused: names that lead out of the folder, and bombs', async () => {
    await scene();
    for (const name of ['../../evil', '/etc/evil', 'C:\\evil', 'a\\..\\evil'])
      await refusedWith(
        await zipOf(new Map([...members, [name, Buffer.from('x')]])),
        /relative path|absolute path|invalid characters|not a zip|damaged/,
      );
    await refusedWith(
      await zipOf(new Map([...members, ['checkpoints/1/../../evil', Buffer.from('x')]])),
      /relative path/,
    );
    await refusedWith(
      await zipOf(new Map([...members, ['checkpoints/1/.bashrc', Buffer.from('x')]])),
      /no file of a checkpoint/,
    );
    const bomb = Buffer.alloc(160e6);
    expect(deflateRawSync(bomb).length).toBeLessThan(200_000);
    await refusedWith(
      await zipOf(new Map([...members, ['report.html', bomb]])),
      /unpack to far more/,
    );
  });

  it('is refused: a database that is none, is damaged, is another schema or does not hold together', async () => {
    await scene();
    const withDatabase = (content: Buffer) =>
      zipOf(new Map([...members, ['runs.sqlite', content]]));
    await refusedWith(await withDatabase(Buffer.from('hello')), /file is not a database/);
    const whole = members.get('runs.sqlite')!;
    await refusedWith(await withDatabase(whole.subarray(0, 20_000)), /cannot be used/);
    const torn = Buffer.from(whole);
    torn.fill(0xff, 8192, 60_000);
    await refusedWith(await withDatabase(torn), /cannot be used/);
    const cases: [sql: string, words: RegExp][] = [
      ['pragma user_version = 99', /newer HuggingGreen \(schema 99/],
      ['pragma application_id = 1', /not of this program/],
      [
        `create trigger evil after insert on run begin delete from run; end`,
        /tables are not those/,
      ],
      ['create view evil as select 1', /tables are not those/],
      [`update run set status = 'running'`, /is "running"/],
      [`update run set config = '{"model": 1}'`, /config in it is none/],
      [`update run set config = 'no json'`, /not JSON/],
      [`update run set origin = null`, /where it is from/],
      [`update run set sample_facts = '[]'`, /not what it should be/],
      [`update segment set to_t = null`, /has no end/],
      [`update phase set segment = 77`, /points to one that is not there/],
      [`update artifact set path = '../../x'`, /none of ours/],
      [`update artifact set file = '../../x'`, /none of ours/],
      [`update evaluation set result = '7'`, /not what it should be/],
      [`delete from run`, /points to one|no runs/],
    ];
    const artifact = `insert into artifact (run, kind, epoch, step, path, bytes)
      select id, 'checkpoint', 1, 1, 'last.json', 2 from run`;
    for (const [sql, words] of cases)
      await refusedWith(
        await doctored((db) => {
          db.exec(artifact);
          db.exec(sql);
        }),
        words,
      );
    // and undoctored it comes in
    await take(to, good);
    expect(await to.store.listRuns()).toHaveLength(1);
  });

  it('leaves no run behind where its checkpoints cannot be written', async () => {
    await scene();
    const blocked: Installation = {
      ...to,
      runDir: () => join(to.home, 'hugginggreen.sqlite', 'x'),
    };
    await expect(take(blocked, good)).rejects.toThrow(/ENOTDIR|EEXIST/);
    expect(await to.store.listRuns()).toEqual([]);
  });
});

describe('the zip writer', () => {
  it('writes the fields for what passes 4 GB as readers want them', async () => {
    const path = join(folder(), 'large.zip');
    const zip = await ZipWriter.create(path, { zip64: true });
    const content = 'a line\n'.repeat(10_000);
    const file = join(folder(), 'file');
    writeFileSync(file, content);
    await zip.addFile('file', file);
    await zip.addFile('stored', file, false);
    await zip.addText('text', content);
    await zip.finish();
    const found = await membersOf(path);
    expect([...found.keys()]).toEqual(['file', 'stored', 'text']);
    for (const one of found.values()) expect(String(one)).toBe(content);
  });

  it('does not write over a file', async () => {
    const path = join(folder(), 'x.zip');
    await copyFile(import.meta.filename, path);
    await expect(ZipWriter.create(path)).rejects.toThrow(/EEXIST/);
    expect(statSync(path).size).toBe(statSync(import.meta.filename).size);
  });
});
