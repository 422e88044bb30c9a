import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { AppError, RunSummary } from '../../src-main/contract.ts';
import { connectControl, controlPath } from '../../src-main/core/control.ts';
import {
  config,
  fixtureOptions,
  removeHome,
  startHost,
  temporaryHome,
  type Witness,
} from '../fixtures/host.ts';

let home: string;
let witness: Witness;
beforeEach(async () => {
  home = await temporaryHome();
  witness = await startHost(fixtureOptions(home));
});
afterEach(async () => {
  delete process.env.HUGGINGGREEN_REPLAY;
  await witness.host.close();
  await removeHome(home);
});

/** Ends the host as it is and starts another on the same data. */
async function restart(): Promise<void> {
  await witness.host.close();
  witness = await startHost(fixtureOptions(home));
}

test('a run goes through baseline, training and end, and all of it is told and kept', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('works', 1)] });
  const id = ids[0]!;
  const done = await witness.reached(id, 'done');
  expect(done).toMatchObject({ engine: 'cpu', parameters: 1234, step: 8, steps: 8, macroF1: 0.8 });

  const statuses = witness.heard('run').map(({ status }) => status);
  expect([...new Set(statuses)]).toEqual(['queued', 'baseline', 'running', 'done']);
  expect(witness.heard('run.evaluation')).toHaveLength(2);
  expect(witness.heard('run.steps').flatMap(({ steps }) => steps.step)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8,
  ]);
  expect(witness.heard('run.progress').map(({ label }) => label)).toContain('Drawing images');

  const detail = await witness.call('runs.get', { id });
  expect(detail.phases.map(({ name, epoch }) => `${name} ${epoch}`)).toEqual([
    'baseline null',
    'prepare null',
    'train 1',
    'evaluate 1',
    'train 2',
    'evaluate 2',
  ]);
  // the fixture's meter reads 36 W all the time: gross is 10 mWh a second, net of idle nothing
  const energy = detail.energy!;
  expect(energy.wh! / energy.seconds).toBeCloseTo(36 / 3600, 6);
  expect(energy.components[0]!.idleWatts).toBeCloseTo(36, 6);
  expect(energy.netWh).toBeCloseTo(0, 6);
  expect(energy.coverage).toBe(1);
  // half of it goes to the trainer from its start on, a quarter to the program all the time
  expect(energy.programWh! / energy.wh!).toBeCloseTo(0.25, 6);
  expect(energy.processWh! / energy.wh!).toBeGreaterThan(0);
  expect(energy.processWh! / energy.wh!).toBeLessThanOrEqual(0.5);
  const baseline = detail.phases[0]!;
  expect(baseline.wh! / (baseline.to! - baseline.from)).toBeCloseTo(36 / 3600, 6);
  expect(detail.circumstances).toMatchObject({
    engine: 'cpu',
    engineWhy: 'Fixture engine; the only one',
    classes: ['a', 'b'],
    graphNodes: 7,
    machine: { hostname: 'fixture' },
  });
  const machine = await witness.call('machine.get', {});
  expect(machine.idle?.watts['cpu']).toBeCloseTo(36, 6);
});

test('a check says what this machine lacks, before anything is queued', async () => {
  const input = { config: { ...config('x'), dataset: { kind: 'cifar10' } } };
  const checked = await witness.call('experiments.check', input);
  expect(checked.ok && checked.warnings[0]).toContain('CIFAR-10 is not on this computer');
});

test('runs train one at a time, in order', async () => {
  const { ids } = await witness.call('runs.start', {
    configs: [config('works'), config('works'), config('works')],
  });
  await witness.reached(ids[2]!, 'done');
  const order = witness
    .heard('run')
    .filter(({ status }) => status === 'running' || status === 'done')
    .map(({ id, status }) => `${id} ${status}`)
    .filter((word, i, all) => word !== all[i - 1]);
  expect(order).toEqual(ids.flatMap((id) => [`${id} running`, `${id} done`]));
});

test('a trainer that is killed mid-run: failed, everything kept, the next goes on, resumable', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('dies'), config('works')] });
  const [dying, next] = ids as [number, number];
  const failed = await witness.reached(dying, 'failed');
  expect(failed.error?.message).toContain('ended unexpectedly (killed by SIGKILL)');
  expect(failed.error?.message).toContain('the driver has gone');
  expect(failed.error?.hint).toContain('Resume');
  // what it wrote, what became of it, and why it ended: in the order in which it came
  const log = await witness.call('runs.log', { id: dying, lines: 100 });
  const said = log.map(({ kind, text }) => `${kind} ${text}`);
  const places = [
    'info starts: dies',
    'info train, epoch 1 began',
    'info checkpoint at step 3 (checkpoint), 0.0 MB',
    'stderr the driver has gone',
    'error The training process ended unexpectedly (killed by SIGKILL).',
  ].map((line) => said.indexOf(line));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places[0]).toBe(0);
  expect(said.at(-1)).toMatch(/^error failed after step 5 of 8, /);
  await witness.reached(next, 'done');

  const series = await witness.call('runs.series', {
    id: dying,
    names: ['loss'],
    x: 'step',
    width: 100,
  });
  expect(series[0]!.x).toEqual([1, 2, 3, 4, 5]);
  expect(failed.wh).toBeGreaterThan(0);

  // steps 4 and 5 came after the checkpoint: they are done anew, their energy stays counted
  await witness.call('runs.resume', { id: dying });
  const done = await witness.reached(dying, 'done');
  expect(done.step).toBe(8);
  expect(done.wh).toBeGreaterThan(failed.wh!);
  const all = await witness.call('runs.series', {
    id: dying,
    names: ['loss'],
    x: 'step',
    width: 100,
  });
  expect(all[0]!.x).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const { notes } = await witness.call('runs.get', { id: dying });
  expect(notes.map(({ message }) => message)).toContain('Resumed from the checkpoint at step 3.');
});

test('a trainer that fails in its own words', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('fails')] });
  const failed = await witness.reached(ids[0]!, 'failed');
  expect(failed.error).toEqual({
    code: 'DATASET',
    message: 'The file is cut short.',
    hint: 'Load it again.',
  });
});

test('stop writes a checkpoint; a second stop ends a trainer that hangs', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('slow'), config('hangs')] });
  const [slow, hanging] = ids as [number, number];
  await witness.until('run.steps', ({ id, steps }) => id === slow && steps.step.includes(5));
  await witness.call('runs.stop', { id: slow });
  expect(await witness.reached(slow, 'stopped')).toMatchObject({ step: 5, imagesSeen: 80 });
  const { checkpoints } = await witness.call('runs.get', { id: slow });
  expect(existsSync(checkpoints[0]!.path)).toBe(true);

  await witness.until('run.progress', ({ id, label }) => id === hanging && label === 'hanging');
  await witness.call('runs.stop', { id: hanging });
  await witness.call('runs.stop', { id: hanging });
  expect(await witness.reached(hanging, 'stopped')).toMatchObject({ step: 5 });
});

test('a trainer that hears no stop is ended when its time is over', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('hangs')] });
  await witness.until('run.progress', ({ label }) => label === 'hanging');
  await witness.call('runs.stop', { id: ids[0]! });
  await witness.reached(ids[0]!, 'stopped');
  const { notes } = await witness.call('runs.get', { id: ids[0]! });
  expect(notes.some(({ message }) => message.includes('did not stop within 0.4 s'))).toBe(true);
});

test('a run whose checkpoint is gone is not begun anew over its records', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('slow')] });
  const id = ids[0]!;
  await witness.until('run.steps', ({ steps }) => steps.step.includes(5));
  await witness.call('runs.stop', { id });
  await witness.reached(id, 'stopped');
  const { checkpoints } = await witness.call('runs.get', { id });
  await rm(checkpoints[0]!.path);
  await expect(witness.call('runs.resume', { id })).rejects.toThrow(/its checkpoint .* is gone/);
  expect((await witness.call('runs.get', { id })).summary).toMatchObject({
    status: 'stopped',
    step: 5,
  });
});

test('a run that waits leaves the queue without a trace of training', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('slow'), config('works')] });
  const [slow, waiting] = ids as [number, number];
  await witness.call('runs.stop', { id: waiting });
  expect((await witness.reached(waiting, 'stopped')).startedAt).toBeNull();
  await expect(witness.call('runs.stop', { id: waiting })).rejects.toThrow('is not running');
  await expect(witness.call('runs.delete', { ids: [slow] })).rejects.toThrow('is active');
  await witness.call('runs.delete', { ids: [waiting] });
  expect((await witness.call('runs.list', {})).map(({ id }) => id)).toEqual([slow]);
});

test('a deletion can be undone for a while, then it is carried out; what is left marked goes at the next start', async () => {
  const ids: number[] = [];
  for (const name of ['one', 'two', 'three']) {
    const started = await witness.call('runs.start', { configs: [config(name)] });
    await witness.reached(started.ids[0]!, 'done');
    ids.push(...started.ids);
  }
  const [one, two, three] = ids as [number, number, number];
  const folder = (id: number) => join(home, 'runs', String(id));
  const there = async () => (await witness.call('runs.list', {})).map(({ id }) => id);
  await mkdir(folder(one), { recursive: true });
  await writeFile(join(folder(one), 'big'), 'x'.repeat(5000));
  const { bytes } = await witness.call('runs.disk', { ids: [one, 99] });
  expect(bytes).toBeGreaterThanOrEqual(5000);

  await witness.call('runs.delete', { ids: [one], undoSeconds: 60 });
  expect(await there()).toEqual([three, two]);
  expect(existsSync(folder(one))).toBe(true);
  await witness.call('runs.restore', { ids: [one] });
  expect(await there()).toEqual([three, two, one]);

  await witness.call('runs.delete', { ids: [one, two], undoSeconds: 0.05 });
  await expect
    .poll(() => witness.call('runs.get', { id: one }).catch(({ code }: AppError) => code))
    .toBe('NOT_FOUND');
  await expect.poll(() => existsSync(folder(one))).toBe(false);

  await writeFile(join(home, 'runs', 'keep'), '');
  await mkdir(folder(three), { recursive: true });
  await witness.call('runs.delete', { ids: [three], undoSeconds: 60 });
  await restart();
  expect(await there()).toEqual([]);
  expect(existsSync(folder(three))).toBe(false);
  await expect(witness.call('runs.get', { id: three })).rejects.toThrow('no run');
});

test('a run that waits comes back into the line when its deletion is undone', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('slow'), config('works')] });
  const [slow, waiting] = ids as [number, number];
  await expect(
    witness.call('runs.delete', { ids: [slow, waiting], undoSeconds: 60 }),
  ).rejects.toThrow('is active');
  await witness.call('runs.delete', { ids: [waiting], undoSeconds: 60 });
  await witness.call('runs.restore', { ids: [waiting] });
  await witness.call('runs.stop', { id: slow });
  await witness.reached(waiting, 'done');
});

test('what is written beside many runs is told at once', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('works'), config('works')] });
  await witness.reached(ids[1]!, 'done');
  await witness.call('runs.annotate', { ids, addTags: ['paper'], note: 'x' });
  expect(witness.heard('runs')).toHaveLength(1);
  expect(witness.heard('runs')[0]!.map(({ tags }) => tags)).toEqual([['paper'], ['paper']]);
  await witness.call('runs.archive', { ids: [ids[0]!] });
  expect(witness.heard('run').at(-1)!.archivedAt).not.toBeNull();
  await expect(witness.call('runs.annotate', { ids, addTags: ['a,b'] })).rejects.toThrow('comma');
});

test('closing the program stops the active run with a checkpoint; the queue goes on next time', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('slow'), config('works')] });
  const [slow, waiting] = ids as [number, number];
  await witness.until('run.steps', ({ id, steps }) => id === slow && steps.step.includes(5));
  await restart();
  const stopped = await witness.call('runs.get', { id: slow });
  expect(stopped.summary.status).toBe('stopped');
  expect(stopped.checkpoints.at(-1)?.step).toBe(5);
  expect(stopped.notes.map(({ message }) => message)).toContain(
    'Stopped because the program was closed.',
  );
  await witness.reached(waiting, 'done');
});

test('a meter that crashes is started again, and said so', async () => {
  const trap = join(home, 'trap');
  await writeFile(trap, '');
  process.env.HUGGINGGREEN_REPLAY = trap;
  await restart();
  const notice = await witness.until('notice', ({ message }) => message.includes('meter'));
  expect(notice.message).toContain('ended unexpectedly (exit code 3)');
  expect(notice.hint).toContain('segmentation fault in the driver');
  // the new one reads again
  await witness.until('power', (trace) => trace.watts['cpu']?.[0] === 36);
  const { ids } = await witness.call('runs.start', { configs: [config('works')] });
  expect((await witness.reached(ids[0]!, 'done')).wh).toBeGreaterThan(0);
});

test('what the meter says while a run goes on is kept with the run, with its time', async () => {
  const said = join(home, 'said');
  process.env.HUGGINGGREEN_DRM = said;
  onTestFinished(() => void delete process.env.HUGGINGGREEN_DRM);
  await restart();
  const { ids } = await witness.call('runs.start', { configs: [config('slow')] });
  await witness.until('run.steps', ({ steps }) => steps.step.includes(5));
  const before = Date.now();
  await writeFile(`${said}.new`, 'NVIDIA H200: the clock is held down by the power cap.');
  await rename(`${said}.new`, said);
  await witness.until('notice', ({ message }) => message.includes('held down'));
  await witness.call('runs.stop', { id: ids[0]! });
  await witness.reached(ids[0]!, 'stopped');
  const { notes } = await witness.call('runs.get', { id: ids[0]! });
  const note = notes.find(({ message }) => message.includes('held down'));
  expect(note).toMatchObject({ level: 'warning' });
  // when it happened, not when it was heard of
  // (two clocks are compared, to some milliseconds)
  expect(note!.at).toBeGreaterThanOrEqual(before - 520);
  expect(note!.at).toBeLessThan(Date.now() - 480);
});

test('a second program on the same data is refused, and may ask the first', async () => {
  await expect(startHost(fixtureOptions(home))).rejects.toMatchObject({ code: 'CONFLICT' });
  const link = await connectControl(home);
  expect(link).not.toBeNull();
  expect(await link!.call('runs.list', {})).toMatchObject({ ok: [] });
  expect(await link!.call('runs.get', { id: 9 })).toMatchObject({ error: { code: 'NOT_FOUND' } });
  const heard = new Promise((resolve) => link!.listen(resolve));
  witness.host.events.emit('run.removed', { ids: [1] });
  expect(await heard).toMatchObject({ event: 'run.removed' });
  await witness.host.close();
  await link!.closed;
  expect(await link!.call('runs.list', {})).toMatchObject({ error: { code: 'UNAVAILABLE' } });
  expect(await connectControl(home)).toBeNull();
});

test('without room for its socket the program starts all the same', async () => {
  await witness.host.close();
  await mkdir(join(home, 'control.sock'));
  const said: string[] = [];
  witness = await startHost({ ...fixtureOptions(home), log: (line) => void said.push(line) });
  expect(await witness.call('runs.list', {})).toEqual([]);
  expect(said.join()).toContain('cannot reach this program');
});

test('engines that cannot be looked for are said to be so', async () => {
  await witness.host.close();
  const options = fixtureOptions(home);
  const trainer = join(home, 'no-such-trainer.ts');
  witness = await startHost({ ...options, entries: { ...options.entries, trainer } });
  await expect
    .poll(() => witness.call('machine.get', {}))
    .toMatchObject({
      detecting: false,
      engines: [],
      engineFailure: expect.stringContaining('Looking for engines ended with exit code 1'),
    });
  // looked for again, it is told again to whoever listens
  await witness.call('machine.probe', {});
  const { message } = await witness.until('notice', ({ level }) => level === 'error');
  expect(message).toContain('Looking for engines ended with exit code 1');
});

test('idle power is measured by itself while no run is under way, and those that are added wait', async () => {
  const measured = witness.call('machine.idle', { seconds: 5 });
  const { ids } = await witness.call('runs.start', { configs: [config('works')] });
  await witness.until('queue', ({ waiting }) => waiting.includes(ids[0]!));
  expect((await witness.call('queue.get', {})).active).toBeNull();
  const { idle } = await measured;
  expect(idle!.watts.cpu).toBeCloseTo(36, 1);
  await witness.reached(ids[0]!, 'done');

  const { ids: slow } = await witness.call('runs.start', { configs: [config('slow')] });
  await witness.reached(slow[0]!, 'running');
  await expect(witness.call('machine.idle', {})).rejects.toMatchObject({ code: 'CONFLICT' });
  await witness.call('runs.stop', { id: slow[0]! });
  await witness.reached(slow[0]!, 'stopped');
});

test('idle power that is broken off is not kept, and the queue goes on', async () => {
  const before = (await witness.call('machine.get', {})).idle;
  const measured = witness.call('machine.idle', { seconds: 60, job: 'idle' });
  const refused = expect(measured).rejects.toMatchObject({ code: 'CANCELLED' });
  await sleep(300);
  await witness.call('jobs.cancel', { job: 'idle' });
  await refused;
  const { ids } = await witness.call('runs.start', { configs: [config('works')] });
  await witness.reached(ids[0]!, 'done');
  expect((await witness.call('machine.get', {})).idle).toEqual(before);
});

test("a price of one's own that nobody has named is the world average, and says so", async () => {
  const { ids } = await witness.call('runs.start', {
    configs: [{ ...config('works'), energy: { baselineSeconds: 0, region: 'custom' } }],
  });
  await witness.reached(ids[0]!, 'done');
  const { notes, energy } = await witness.call('runs.get', { id: ids[0]! });
  expect(notes.map(({ message }) => message).join()).toContain('the settings have none');
  expect(energy!.emissions.regionCode).toBe('world');
});

test('what is no call ends its connection and nothing else', async () => {
  for (const text of ['no call', 'null', '{"id":1}']) {
    const socket = connect(controlPath(home));
    socket.write(`${text}\n`);
    await new Promise((resolve) => socket.once('close', resolve).resume());
  }
  expect(await witness.call('runs.list', {})).toEqual([]);
});

test('a checkpoint folder that cannot be made: the run fails in words, not as a fault of ours', async () => {
  await writeFile(join(home, 'runs'), 'a file where a folder should be');
  const { ids } = await witness.call('runs.start', { configs: [config('works')] });
  const { error } = await witness.reached(ids[0]!, 'failed');
  expect(error?.message).toContain(join(home, 'runs'));
  expect(error?.hint).not.toContain('fault');
});

test('bad configs are refused as a whole, with the keys that are wrong', async () => {
  const bad = { ...config('works'), train: { epochz: 3 }, model: { patch: 5 } };
  await expect(
    witness.call('runs.start', { configs: [config('works'), bad] }),
  ).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/Config 2 of 2.*unknown key "epochz"/),
  });
  expect(await witness.call('runs.list', {})).toEqual([]);
});

test('a damaged database is set aside and said; the program starts with an empty one', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('works')] });
  await witness.reached(ids[0]!, 'done');
  await witness.host.close();
  await writeFile(join(home, 'hugginggreen.sqlite'), 'this is no database, and never was one');
  witness = await startHost(fixtureOptions(home));
  expect(witness.host.remark).toContain('damaged and has been set aside');
  expect(await witness.call('runs.list', {})).toEqual([]);
  // run 1 of the new database must not write over the checkpoints of the old one
  expect(existsSync(join(home, 'runs', '1'))).toBe(false);
  const kept = (await readdir(home)).find((name) => name.endsWith('-runs'));
  expect(existsSync(join(home, kept!, '1', 'checkpoint.json'))).toBe(true);
});

test('settings are kept, and a region that is not known is refused', async () => {
  await witness.call('settings.set', { region: 'FRA', theme: 'dark' });
  await expect(witness.call('settings.set', { region: 'nowhere' })).rejects.toThrow('nowhere');
  await expect(witness.call('settings.set', { region: 'custom' })).rejects.toThrow('its figure');
  await expect(witness.call('settings.set', { ramMode: 'constant' })).rejects.toThrow('in watts');
  await expect(
    witness.call('settings.set', { cpuCurve: { idle: 0.1, span: 0.7, exponent: 3 } }),
  ).rejects.toThrow();
  const cpuCurve = { idle: 0.15, span: 0.75, exponent: 1 };
  const libreHardwareMonitor = 'http://127.0.0.1:8085';
  for (const wrong of ['file:///etc/passwd', '127.0.0.1:8085', ''])
    await expect(witness.call('settings.set', { libreHardwareMonitor: wrong })).rejects.toThrow(
      'begins with http',
    );
  await witness.call('settings.set', {
    ramMode: 'constant',
    ramWatts: 8,
    cpuCurve,
    libreHardwareMonitor,
  });
  await restart();
  expect(await witness.call('settings.get', {})).toMatchObject({
    region: 'FRA',
    theme: 'dark',
    ramMode: 'constant',
    ramWatts: 8,
    cpuCurve,
    libreHardwareMonitor,
  });
});

test('addresses that are refused leave the metrics where they were', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  const free = createServer().listen(0, '127.0.0.1');
  await Promise.all([once(taken, 'listening'), once(free, 'listening')]);
  const portOf = (server: Server) => String((server.address() as AddressInfo).port);
  const metrics = portOf(free);
  await new Promise((resolve) => free.close(resolve));
  await witness.host.close();
  const servePage = () => Promise.reject(new Error('the port is taken'));
  witness = await startHost({ ...fixtureOptions(home), servePage });
  await witness.call('settings.set', { metrics });
  const served = async (): Promise<number> =>
    (await fetch(`http://127.0.0.1:${metrics}/metrics`)).status;
  expect(await served()).toBe(200);
  await expect(witness.call('settings.set', { metrics: portOf(taken) })).rejects.toThrow(
    'is taken',
  );
  expect(await served()).toBe(200);
  const both = { metrics: null, servePort: 12_345 };
  await expect(witness.call('settings.set', both)).rejects.toThrow('the port is taken');
  expect(await served()).toBe(200);
  expect(await witness.call('settings.get', {})).toMatchObject({ metrics, servePort: null });
});

test('engines and sensors are found', async () => {
  await witness.until('power', ({ at }) => at.length > 0);
  while ((await witness.call('machine.get', {})).detecting) await witness.call('machine.get', {});
  const machine = await witness.call('machine.get', {});
  expect(machine).toMatchObject({ autoEngine: 'cpu', components: [{ key: 'cpu' }] });
  const trace = await witness.call('machine.power', { seconds: 60 });
  expect(trace.watts['cpu']).toHaveLength(trace.at.length);
  expect(trace.watts['cpu']?.every((watts) => watts === 36)).toBe(true);
});

test('a matrix queues its runs in turn, and each knows its arm', async () => {
  const order = {
    id: 'rq2',
    dataset: 'greensynth' as const,
    repeats: 2,
    epochs: 1,
    arms: ['none', 'variance-drop-70'],
    common: { dataset: { train: 64, validation: 16, test: 16 }, energy: { baselineSeconds: 0 } },
  };
  const preview = await witness.call('matrices.preview', order);
  expect(preview.total).toMatchObject({ runs: 5, seconds: null });
  expect(preview.refusal).toBeNull();
  const { group, ids } = await witness.call('matrices.start', order);
  await witness.reached(ids.at(-1)!, 'done');
  const runs = (await witness.call('runs.list', {})).toSorted((a, b) => a.id - b.id);
  expect(runs.map(({ id }) => id)).toEqual(ids);
  expect(runs.map(({ name }) => name)).toEqual(preview.runs.map(({ name }) => name));
  expect(
    runs.map(({ matrix, seed }) => [matrix?.arm, matrix?.repeat, matrix?.warmUp, seed]),
  ).toEqual([
    ['none', 1, true, 42],
    ['none', 1, false, 42],
    ['variance-drop-70', 1, false, 42],
    ['variance-drop-70', 2, false, 43],
    ['none', 2, false, 43],
  ]);
  expect(new Set(runs.map(({ matrix }) => matrix?.group))).toEqual(new Set([group]));
  // what ran before tells how long it takes
  const again = await witness.call('matrices.preview', order);
  expect(again.total.seconds!.value).toBeGreaterThan(0);
});

test('what cannot fit into memory is refused before it is queued, unless it is forced', async () => {
  // 30 TB, more than any machine has
  const common = { train: { batch: 50_000 } };
  const literal = { id: 'rq1-literal', repeats: 1, arms: ['standard'], warmUp: false, common };
  const preview = await witness.call('matrices.preview', literal);
  expect(preview.refusal?.message).toMatch(/The arm “standard ViT” would need about \d+ GiB/);
  const refused = { code: 'UNAVAILABLE', message: expect.stringMatching(/would need .* has \d+/) };
  await expect(witness.call('matrices.start', literal)).rejects.toMatchObject(refused);
  const { config: huge } = preview.arms[0]!;
  const check = await witness.call('experiments.check', { config: huge });
  expect(check).toMatchObject({ ok: true, refusal: { hint: expect.stringContaining('batch') } });
  const configs = [config('works'), huge];
  await expect(witness.call('runs.start', { configs })).rejects.toMatchObject(refused);
  expect(await witness.call('runs.list', {})).toEqual([]);

  // its name tells the fixture trainer to draw until it is stopped
  const forced = { ...huge, name: 'draws', energy: { ...huge.energy, baselineSeconds: 0 } };
  const { ids } = await witness.call('runs.start', { configs: [forced], force: true });
  await witness.reached(ids[0]!, 'running');
  await witness.call('runs.stop', { id: ids[0]! });
  await witness.reached(ids[0]!, 'stopped');
});

test('an export that is broken off leaves no file, and the next one is made', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('works')] });
  await witness.reached(ids[0]!, 'done');
  const order = { ids, format: 'metrics' as const, job: 'mine' };
  const broken = witness.call('runs.export', order);
  await witness.call('jobs.cancel', { job: 'mine' });
  await expect(broken).rejects.toMatchObject({ code: 'CANCELLED' });
  const whole = await witness.call('runs.export', order);
  expect(whole.bytes).toBeGreaterThan(100);
  await expect.poll(() => readdir(join(home, 'exports'))).toHaveLength(1);
  const log = await witness.call('runs.exportLog', { id: ids[0]! });
  expect(log).toMatchObject({ name: `run-${ids[0]}.log`, mime: 'text/plain' });
  expect(log.bytes).toBeGreaterThan(100);
});

test('a stop that comes while the end of a run is stored changes nothing of it', async () => {
  const stops: Promise<unknown>[] = [];
  witness.host.events.listen(({ event, data }) => {
    const { id, status } = data as RunSummary;
    if (event === 'run' && status === 'done') stops.push(witness.call('runs.stop', { id }).catch(() => {})); // prettier-ignore
  });
  const { ids } = await witness.call('runs.start', { configs: [config('works'), config('works')] });
  await witness.reached(ids[1]!, 'done');
  await expect.poll(async () => (await witness.call('queue.get', {})).active).toBeNull();
  await Promise.all(stops);
  expect(stops.length).toBeGreaterThan(1);
  for (const id of ids)
    expect((await witness.call('runs.get', { id })).summary.status).toBe('done');
});

test('settings that are changed at once are all changed', async () => {
  await Promise.all([
    witness.call('settings.set', { hz: 4 }),
    witness.call('settings.set', { theme: 'dark' }),
    witness.call('settings.set', { notify: false }),
  ]);
  expect(await witness.call('settings.get', {})).toMatchObject({
    hz: 4,
    theme: 'dark',
    notify: false,
  });
});

test('a folder is shown where the program can, and a run only counts as failed when it was cut short', async () => {
  const { ids } = await witness.call('runs.start', { configs: [config('works')] });
  const id = ids[0]!;
  await witness.reached(id, 'done');
  await expect(witness.call('runs.reveal', { id })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(witness.call('runs.markFailed', { id })).rejects.toThrow(/was not interrupted/);
  await witness.host.close();
  const shown: string[] = [];
  witness = await startHost({ ...fixtureOptions(home), reveal: (path) => void shown.push(path) });
  await witness.call('runs.reveal', { id, file: 'run.log' });
  await witness.call('runs.reveal', { id });
  expect(shown).toEqual([join(home, 'runs', `${id}`, 'run.log'), join(home, 'runs', `${id}`)]);
  await expect(witness.call('runs.reveal', { id, file: 'gone.json' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  await expect(witness.call('runs.reveal', { id, file: '../x' })).rejects.toMatchObject({
    code: 'BAD_INPUT',
  });
});
