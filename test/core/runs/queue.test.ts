import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { PowerTrace } from '../../../src-main/contract.ts';
import { coolDown, meanWatts } from '../../../src-main/core/runs/cool-down.ts';
import { config, type Witness } from '../../fixtures/host.ts';
import { hostsOfTest } from '../../fixtures/hosts.ts';

const hosts = hostsOfTest();
afterEach(() => vi.unstubAllEnvs());

/** One that runs until it is told to go on, and more behind it. */
async function line(own: Witness, names: string[], baselineSeconds = 0): Promise<number[]> {
  const configs = names.map((name) => config(name, baselineSeconds));
  const { ids } = await own.call('runs.start', { configs });
  await own.until('run.steps', ({ id, steps }) => id === ids[0] && steps.step.includes(5));
  return ids;
}

test('the line is put into another order, and keeps it over a restart', async () => {
  const own = await hosts.start();
  const [a, b, c, d] = await line(own, ['slow', 'works', 'works', 'works']);
  expect(await own.call('queue.get', {})).toMatchObject({
    active: a,
    waiting: [b, c, d],
    paused: false,
    coolDown: null,
  });
  expect((await own.call('queue.move', { ids: [d!], before: b! })).waiting).toEqual([d, b, c]);
  expect((await own.call('queue.move', { ids: [d!, b!], before: null })).waiting).toEqual([
    c,
    d,
    b,
  ]);
  expect(own.heard('queue').at(-1)?.waiting).toEqual([c, d, b]);
  await expect(own.call('queue.move', { ids: [a!], before: null })).rejects.toMatchObject({
    code: 'CONFLICT',
    message: `Run ${a} does not wait in the queue.`,
  });
  await own.call('queue.pause', {});
  await own.host.close();

  const again = await hosts.start();
  expect(await again.call('queue.get', {})).toMatchObject({
    active: null,
    waiting: [c, d, b],
    paused: true,
  });
  await again.call('queue.resume', {});
  await again.reached(b!, 'done');
  const begun = again.heard('run').filter(({ status }) => status === 'running');
  expect([...new Set(begun.map(({ id }) => id))]).toEqual([c, d, b]);
});

test('a paused queue starts nothing; the active run goes on', async () => {
  const own = await hosts.start();
  const [a, b] = await line(own, ['slow', 'works']);
  expect(await own.call('queue.pause', {})).toMatchObject({ active: a, paused: true });
  await hosts.goOn(a!);
  await own.reached(a!, 'done');
  await own.until('queue', ({ active, paused }) => paused && active === null);
  expect((await own.call('runs.get', { id: b! })).summary.status).toBe('queued');
  expect(await own.call('queue.resume', {})).toMatchObject({ paused: false });
  await own.reached(b!, 'done');
});

test('a run that is paused writes a checkpoint, and is first in the line when it is resumed', async () => {
  const own = await hosts.start();
  const [a, b, c] = await line(own, ['slow', 'slow', 'works']);
  await expect(own.call('runs.pause', { id: c! })).rejects.toMatchObject({ code: 'CONFLICT' });
  await own.call('runs.pause', { id: a! });
  expect(await own.reached(a!, 'stopped')).toMatchObject({ paused: true, step: 5 });
  // the machine is free: the line waits with it, until a person lets it go on
  expect(await own.call('queue.get', {})).toMatchObject({ waiting: [b, c], paused: true });
  await own.call('queue.resume', {});
  await own.until('run.steps', ({ id, steps }) => id === b && steps.step.includes(5));
  await own.call('runs.resume', { id: a! });
  expect(await own.call('queue.get', {})).toMatchObject({ active: b, waiting: [a, c] });
  const { notes, summary } = await own.call('runs.get', { id: a! });
  expect(summary).toMatchObject({ status: 'queued', paused: false });
  expect(notes.map(({ message }) => message)).toContain(
    'Paused. Resume goes on from the checkpoint, before all runs that wait.',
  );
});

test('a line that was paused with a run goes on with it, after a restart too', async () => {
  const own = await hosts.start();
  const [a, b] = await line(own, ['slow', 'works']);
  await own.call('runs.pause', { id: a! });
  await own.reached(a!, 'stopped');
  await own.host.close();

  const again = await hosts.start();
  expect(await again.call('queue.get', {})).toMatchObject({
    active: null,
    waiting: [b],
    paused: true,
  });
  await again.call('runs.resume', { id: a! });
  expect(await again.call('queue.get', {})).toMatchObject({ active: a, paused: false });
  await hosts.goOn(a!);
  await again.reached(b!, 'done');
});

test('a line that was paused with a run goes on when that run is deleted or begun anew', async () => {
  const own = await hosts.start();
  const [a, b] = await line(own, ['slow', 'works']);
  await own.call('runs.pause', { id: a! });
  await own.reached(a!, 'stopped');
  await own.until('queue', ({ active, paused }) => active === null && paused);
  await own.call('runs.delete', { ids: [a!], undoSeconds: 0 });
  await own.reached(b!, 'done');
  expect(await own.call('queue.get', {})).toMatchObject({ paused: false });

  const [c, d] = await line(own, ['slow', 'works']);
  await own.call('runs.pause', { id: c! });
  await expect(own.call('runs.pause', { id: c! })).rejects.toMatchObject({ code: 'CONFLICT' });
  await own.reached(c!, 'stopped');
  await own.until('queue', ({ active, waiting }) => active === null && waiting.includes(d!));
  const { ids } = await own.call('runs.clone', { id: c!, retry: true });
  await own.reached(d!, 'done');
  await own.call('runs.stop', { id: ids[0]! });
});

test('a run is trained anew with the same config; what was imported cannot be', async () => {
  const own = await hosts.start();
  const { ids } = await own.call('runs.start', { configs: [config('works')] });
  const before = await own.reached(ids[0]!, 'done');
  const { ids: copies } = await own.call('runs.clone', { id: ids[0]! });
  const after = await own.reached(copies[0]!, 'done');
  expect(after).toMatchObject({ name: before.name, group: before.group, step: 8 });
  expect(after.id).not.toBe(before.id);
  const csv =
    'timestamp,run_id,duration,emissions,energy_consumed\n2024-01-01T00:00:00,x,60,0.03,0.1\n';
  const imported = await own.call('runs.import', { name: 'emissions.csv', csv });
  await expect(own.call('runs.clone', { id: imported.ids[0]! })).rejects.toMatchObject({
    code: 'CONFLICT',
    message: `Run ${imported.ids[0]} was imported: there is nothing to train.`,
  });
});

test('between two runs the machine comes back to idle power, and the second says so', async () => {
  const watts = join(hosts.home, 'watts');
  await writeFile(watts, '36');
  vi.stubEnv('HUGGINGGREEN_PROC_STAT', watts);
  const own = await hosts.start({ timing: { coolDownWindowSeconds: 0.4 } });
  const [a, b] = await line(own, ['slow', 'works'], 1);
  await writeFile(watts, '90');
  await hosts.goOn(a!);
  const { coolDown } = await own.until('queue', ({ coolDown }) => (coolDown?.watts ?? 0) > 60);
  expect(coolDown?.targetWatts).toBeCloseTo(1.1 * 36, 0);
  expect(own.host.activeRun).toBeNull();
  expect((await own.call('runs.get', { id: b! })).summary.status).toBe('queued');
  await writeFile(watts, '36');
  const { seconds } = await own.reached(b!, 'done');
  expect((await own.call('queue.get', {})).coolDown).toBeNull();
  expect(seconds).toBeLessThan(5);
  expect(own.heard('run.progress')).toContainEqual({
    id: b,
    label: 'Cooling down to idle power',
    fraction: null,
  });
});

test('a run that is wanted now does not wait for idle power', async () => {
  const watts = join(hosts.home, 'watts');
  await writeFile(watts, '36');
  vi.stubEnv('HUGGINGGREEN_PROC_STAT', watts);
  const own = await hosts.start({ timing: { coolDownWindowSeconds: 0.4 } });
  const [a, b] = await line(own, ['slow', 'works'], 1);
  await writeFile(watts, '90');
  await hosts.goOn(a!);
  await own.until('queue', ({ coolDown }) => coolDown !== null);
  await own.call('queue.skipCoolDown', {});
  await own.reached(b!, 'done');
});

const flat = (watts: number, seconds: number): PowerTrace => {
  const at = Array.from({ length: seconds * 10 + 1 }, (_, i) => i * 100);
  return { at, watts: { cpu: at.map(() => watts) } };
};

test('the cool-down ends at idle power, at its time, or when it is not wanted any more', async () => {
  const readings = [80, 60, 54];
  const told: (number | null)[] = [];
  const options = {
    idle: { cpu: 50, gpu: null },
    trace: () => flat(readings.length > 1 ? readings.shift()! : readings[0]!, 1),
    windowSeconds: 0.02,
    mostSeconds: 60,
    signal: new AbortController().signal,
    tell: ({ watts }: { watts: number | null }) => told.push(watts),
  };
  expect(await coolDown(options)).toMatchObject({ how: 'idle', watts: 54 });
  expect(told).toEqual([80, 60]);
  expect(await coolDown({ ...options, trace: () => flat(80, 1), mostSeconds: 0 })).toMatchObject({
    how: 'late',
    watts: 80,
  });
  const unwanted = AbortSignal.abort();
  expect(await coolDown({ ...options, trace: () => flat(80, 1), signal: unwanted })).toBeNull();
  expect(await coolDown({ ...options, idle: { cpu: null } })).toBeNull();
});

test('power over a window is not known before the window is full', () => {
  expect(meanWatts(flat(40, 10), ['cpu'], 10)).toBe(40);
  expect(meanWatts(flat(40, 4), ['cpu'], 10)).toBeNull();
  expect(meanWatts(flat(40, 10), ['cpu', 'gpu:0'], 10)).toBeNull();
});

test('runs of the example are known as such when they have another name, and when they are run again', async () => {
  const own = await hosts.start();
  await own.call('queue.pause', {});
  const { ids } = await own.call('runs.example', {});
  await own.call('runs.rename', { id: ids[0]!, name: 'My best result' });
  const again = await own.call('runs.clone', { id: ids[0]!, retry: false });
  const other = await own.call('runs.start', { configs: [config('works')] });
  const list = await own.call('runs.list', {});
  const isExample = (id: number) => list.find((run) => run.id === id)?.example;
  expect([...ids, ...again.ids, ...other.ids].map(isExample)).toEqual([true, true, true, false]);
});
