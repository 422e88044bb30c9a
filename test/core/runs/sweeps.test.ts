import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MatrixState, SweepOrder } from '../../../src-main/contract.ts';
import { config, type Witness } from '../../fixtures/host.ts';
import { hostsOfTest } from '../../fixtures/hosts.ts';

const hosts = hostsOfTest();

/** The fixture's trials have their learning rate as macro F1: 7 none, 8 waits to be let go, 9 fails. */
const sweep = (rates: number[], more: Partial<SweepOrder> = {}): SweepOrder => ({
  config: config('scored'),
  fields: { 'train.lr': rates },
  warmUp: false,
  halving: { eta: 2, rungs: [1] },
  ...more,
});

/** As it stands when nothing of it is under way any more. */
async function over(own: Witness, group: number): Promise<MatrixState> {
  for (let heard = -1; ;) {
    const state = await own.call('matrices.get', { group });
    if (state.state !== 'running') return state;
    const now = own.heard('run').length;
    if (now === heard) await own.until('run', () => own.heard('run').length > now);
    heard = now;
  }
}
const statesOf = ({ trials }: MatrixState) =>
  trials.map(({ values, state, epochs }) => [values['train.lr'], state, epochs]);

test('the best go on from their checkpoints, each trial one run; the others are dropped', async () => {
  const own = await hosts.start();
  const { group, ids } = await own.call('sweeps.start', sweep([0.2, 0.4, 0.1, 0.3]));
  // what was in the line before the decision comes after it
  const behind = await own.call('runs.start', { configs: [config('works')] });
  const state = await over(own, group);
  expect(statesOf(state)).toEqual([
    [0.2, 'dropped', 1],
    [0.4, 'done', 2],
    [0.1, 'dropped', 1],
    [0.3, 'done', 2],
  ]);
  expect(state).toMatchObject({ state: 'over', decided: 1, best: 'trial-2', id: 'sweep' });
  expect(state.trials.map(({ ids }) => ids)).toEqual(ids.map((id) => [id]));
  expect(state.trials.map(({ rank }) => rank)).toEqual([3, 1, 4, 2]);

  await own.reached(behind.ids[0]!, 'done');
  const begun = own.heard('run').filter(({ status }) => status === 'running');
  const order = begun.map(({ id }) => id).filter((id, i, all) => id !== all[i - 1]);
  expect(order).toEqual([...ids, ids[1], ids[3], behind.ids[0]]);

  const best = await own.call('runs.get', { id: ids[1]! });
  expect(best.summary).toMatchObject({ status: 'done', step: 8, matrix: { group } });
  expect(best.summary.matrix).not.toHaveProperty('rung');
  const sentences = (detail: typeof best) => detail.notes.map(({ message }) => message);
  expect(sentences(best)).toContain('Goes on from epoch 1 to 2: 1 of 4 in the sweep.');
  expect(sentences(best)).toContain('Resumed from the checkpoint at step 4.');
  const dropped = await own.call('runs.get', { id: ids[0]! });
  expect(dropped.summary).toMatchObject({
    status: 'stopped',
    step: 4,
    matrix: { rung: { epochs: 1, dropped: true } },
  });
  expect(sentences(dropped)).toContain('Dropped at epoch 1: 3 of 4 in the sweep, 2 go on.');
});

test('trials without a score do not go on, be it that they failed or that there is no F1', async () => {
  const own = await hosts.start();
  const { group } = await own.call(
    'sweeps.start',
    sweep([7, 9, 0.1, 9.5, 7.5], { halving: { eta: 2, rungs: [1] } }),
  );
  const state = await over(own, group);
  expect(statesOf(state)).toEqual([
    [7, 'dropped', 1],
    [9, 'failed', null],
    [0.1, 'dropped', 1],
    [9.5, 'done', 2],
    [7.5, 'done', 2],
  ]);
  expect(state.trials[0]).toMatchObject({ score: null, rank: null });
});

test('a sweep in which nothing can be chosen by ends, and says so', async () => {
  const own = await hosts.start();
  const { group } = await own.call('sweeps.start', sweep([7, 9]));
  expect(statesOf(await over(own, group))).toEqual([
    [7, 'dropped', 1],
    [9, 'failed', null],
  ]);
  expect(own.heard('notice').map(({ message }) => message)).toContain(
    'The sweep “scored” ends at epoch 1: no trial has a value to choose by.',
  );
});

test('goes on after a restart in the middle, with the trial that it cut short', async () => {
  const own = await hosts.start();
  const { group, ids } = await own.call('sweeps.start', sweep([0.2, 8, 0.3, 0.1]));
  await own.until('run.steps', ({ id, steps }) => id === ids[1] && steps.step.includes(2));
  await hosts.close(own);

  const again = await hosts.start();
  const state = await over(again, group);
  expect(statesOf(state)).toEqual([
    [0.2, 'dropped', 1],
    [8, 'done', 2],
    [0.3, 'done', 2],
    [0.1, 'dropped', 1],
  ]);
  const { notes } = await again.call('runs.get', { id: ids[1]! });
  expect(notes.map(({ message }) => message)).toContain(
    'A trial of a sweep: it goes on by itself after the restart of the program.',
  );
});

test('a trial whose checkpoint is gone after a restart is dropped, and keeps nobody waiting', async () => {
  const own = await hosts.start();
  const { group, ids } = await own.call('sweeps.start', sweep([0.2, 8, 0.3]));
  await own.until('run.steps', ({ id, steps }) => id === ids[1] && steps.step.includes(2));
  await hosts.close(own);
  await rm(join(hosts.home, 'runs', String(ids[1])), { recursive: true });

  const again = await hosts.start();
  expect(statesOf(await over(again, group))).toEqual([
    [0.2, 'dropped', 1],
    [8, 'dropped', null],
    [0.3, 'done', 2],
  ]);
  const { notes } = await again.call('runs.get', { id: ids[1]! });
  expect(notes.at(-1)!.message).toMatch(/^Dropped: .*checkpoint/);
});

test('a restart at the rung, between the last trial and the decision, decides', async () => {
  const own = await hosts.start();
  await own.call('queue.pause', {});
  const { group, ids } = await own.call('sweeps.start', sweep([0.2, 0.3]));
  await own.call('queue.resume', {});
  await own.reached(ids[0]!, 'stopped');
  await hosts.close(own);
  const again = await hosts.start();
  expect(statesOf(await over(again, group))).toEqual([
    [0.2, 'dropped', 1],
    [0.3, 'done', 2],
  ]);
});

test('a trial that a person stops is out; the others need not wait for it', async () => {
  const own = await hosts.start();
  const { group, ids } = await own.call('sweeps.start', sweep([0.1, 8, 0.3]));
  await own.call('queue.pause', {});
  await own.reached(ids[0]!, 'stopped');
  await own.call('runs.stop', { id: ids[1]! });
  await own.call('queue.resume', {});
  const state = await over(own, group);
  expect(statesOf(state)).toEqual([
    [0.1, 'dropped', 1],
    [8, 'dropped', null],
    [0.3, 'done', 2],
  ]);
  // taken up again by hand it comes to its end, whatever the others did
  await own.call('runs.resume', { id: ids[0]! });
  await own.reached(ids[0]!, 'done');
  expect(statesOf(await own.call('matrices.get', { group }))[0]).toEqual([0.1, 'done', 2]);
});

test('a trial that has used up its budget is out, also after a restart', async () => {
  const own = await hosts.start();
  const base = { ...config('scored'), budget: { minutes: 0.01 } };
  const { group, ids } = await own.call('sweeps.start', sweep([0.1, 8, 0.3], { config: base }));
  const ended = await own.reached(ids[1]!, 'stopped');
  expect(ended.error?.code).toBe('BUDGET');
  expect(statesOf(await over(own, group))).toEqual([
    [0.1, 'dropped', 1],
    [8, 'dropped', null],
    [0.3, 'done', 2],
  ]);
  await hosts.close(own);
  const again = await hosts.start();
  expect((await again.call('matrices.get', { group })).trials[1]!.state).toBe('dropped');
  // with a larger budget it comes to its end by itself
  await again.call('runs.resume', { id: ids[1]!, budget: {} });
  await hosts.goOn(ids[1]!);
  expect((await again.reached(ids[1]!, 'done')).matrix).not.toHaveProperty('rung');
});

test('a trial that waits for the others is not resumed by hand; a stopped sweep lets it go', async () => {
  const own = await hosts.start();
  const { group, ids } = await own.call('sweeps.start', sweep([0.1, 8, 0.05]));
  await own.until('run.steps', ({ id }) => id === ids[1]);
  const resumed = own.call('runs.resume', { id: ids[0]!, budget: { minutes: 7 } });
  await expect(resumed).rejects.toMatchObject({
    code: 'CONFLICT',
    message: `Run ${ids[0]} waits at epoch 1 for the other trials of its sweep.`,
  });
  // what is refused has changed nothing
  const { config: unchanged } = await own.call('runs.get', { id: ids[0]! });
  expect(unchanged!.budget.minutes).toBeNull();
  await own.call('matrices.stop', { group });
  await own.reached(ids[1]!, 'stopped');
  const state = await over(own, group);
  expect(state).toMatchObject({ state: 'stopped', decided: 0 });
  expect(statesOf(state).map(([, state]) => state)).toEqual(['waits', 'stopped', 'stopped']);
  await own.call('runs.resume', { id: ids[0]! });
  await own.reached(ids[0]!, 'done');
});

test('a trial that is deleted keeps nobody waiting', async () => {
  const own = await hosts.start();
  await own.call('queue.pause', {});
  const { group, ids } = await own.call('sweeps.start', sweep([0.1, 0.2, 0.3]));
  await own.call('runs.delete', { ids: [ids[1]!] });
  await own.call('queue.resume', {});
  expect(statesOf(await over(own, group))).toEqual([
    [0.1, 'dropped', 1],
    [0.3, 'done', 2],
  ]);
});

test('a grid without halving runs to its end, repeats and warm-up included', async () => {
  const own = await hosts.start();
  const order = sweep([0.2, 0.4], { repeats: 2, warmUp: true });
  delete order.halving;
  const preview = await own.call('sweeps.preview', order);
  expect(preview.runs.map(({ name }) => name)).toEqual([
    'scored warm-up: lr 0.2',
    'scored: lr 0.2, seed 42',
    'scored: lr 0.4, seed 42',
    'scored: lr 0.4, seed 43',
    'scored: lr 0.2, seed 43',
  ]);
  const { group, ids } = await own.call('sweeps.start', order);
  const state = await over(own, group);
  expect(state).toMatchObject({ best: 'trial-2', warmUps: [ids[0]], decided: 0 });
  expect(state.trials.map(({ ids }) => ids.length)).toEqual([2, 2]);
  expect(state.trials[1]).toMatchObject({ score: 0.4, state: 'done' });
});

test('a warm-up with halving ends at the first rung, and is no trial', async () => {
  const own = await hosts.start();
  const { group, ids } = await own.call('sweeps.start', sweep([0.2, 0.4], { warmUp: true }));
  const state = await over(own, group);
  expect(statesOf(state)).toEqual([
    [0.2, 'dropped', 1],
    [0.4, 'done', 2],
  ]);
  expect((await own.call('runs.get', { id: ids[0]! })).summary).toMatchObject({
    status: 'stopped',
    step: 4,
  });
});

test('there is no state of what was never started', async () => {
  const own = await hosts.start();
  await expect(own.call('matrices.get', { group: 9 })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: 'There is no matrix or sweep 9.',
  });
});
