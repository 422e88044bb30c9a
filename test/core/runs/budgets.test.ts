/** Budgets with a whole host: the fixture meter reads 36 W, which is 10 mWh a second. */
import { expect, test } from 'vitest';
import { config } from '../../fixtures/host.ts';
import { hostsOfTest } from '../../fixtures/hosts.ts';

const hosts = hostsOfTest();

test('a run ends with a checkpoint when its energy is used up, and goes on with more', async () => {
  const own = await hosts.start();
  const { ids } = await own.call('runs.start', {
    configs: [{ ...config('slow again'), budget: { wh: 0.005 } }],
  });
  const id = ids[0]!;
  const stopped = await own.reached(id, 'stopped');
  expect(stopped.error).toMatchObject({
    code: 'BUDGET',
    message: expect.stringMatching(/^The energy budget is used up: .* of 5 mWh\.$/),
  });
  expect(stopped.wh).toBeGreaterThanOrEqual(0.005);
  const before = await own.call('runs.get', { id });
  expect(before.checkpoints.at(-1)?.step).toBe(5);
  expect(before.notes.map(({ message }) => message)).toContainEqual(
    expect.stringContaining('It ends with a checkpoint.'),
  );
  expect(own.heard('notice').map(({ message }) => message)).toContainEqual(
    expect.stringContaining(`Run ${id} is being stopped: The energy budget is used up`),
  );

  await expect(own.call('runs.resume', { id })).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('The energy budget is used up'),
  });

  // what it took before counts: with twice of it, it goes as far again and no further
  const budget = { wh: 2 * stopped.wh! };
  const heard = own.heard('run').length;
  await own.call('runs.resume', { id, budget });
  await own.until('run', () =>
    own
      .heard('run')
      .slice(heard)
      .some((run) => run.id === id && run.status === 'stopped'),
  );
  const after = await own.call('runs.get', { id });
  expect(after.config?.budget).toMatchObject({ ...budget, atLimit: 'stop' });
  expect(after.summary.group).toBe(stopped.group);
  expect(after.summary.error?.code).toBe('BUDGET');
  expect(after.summary.wh).toBeGreaterThanOrEqual(budget.wh);
  expect(after.summary.wh).toBeLessThan(budget.wh + stopped.wh! + 0.02);
});

test('a run that may only be warned of goes on to its end', async () => {
  const own = await hosts.start();
  const { ids } = await own.call('runs.start', {
    configs: [{ ...config('slow'), budget: { wh: 0.005, atLimit: 'warn' } }],
  });
  const { title, message } = await own.until('notice', ({ title }) => title === 'Budget');
  expect([title, message]).toEqual(['Budget', expect.stringContaining('The run goes on.')]);
  await hosts.goOn(ids[0]!);
  expect((await own.reached(ids[0]!, 'done')).error).toBeNull();
});

test('a command ends at its budget like any run', async () => {
  const own = await hosts.start();
  const { ids } = await own.call('runs.command', {
    command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'],
    cwd: hosts.home,
    energy: { baselineSeconds: 0 },
    budget: { minutes: 0.01 },
  });
  const stopped = await own.reached(ids[0]!, 'stopped');
  expect(stopped.error).toEqual({
    code: 'BUDGET',
    message: expect.stringContaining('The time budget is used up'),
    hint: 'Start the command again with a larger budget.',
  });
  const { command } = await own.call('runs.get', { id: ids[0]! });
  expect(command).toMatchObject({ budget: { minutes: 0.01 }, exit: { signal: 'SIGINT' } });
});

test('what is expected is told every second, in a run whose like has run before', async () => {
  const own = await hosts.start();
  const first = await own.call('runs.start', { configs: [config('works')] });
  await own.reached(first.ids[0]!, 'done');
  const { ids } = await own.call('runs.start', { configs: [config('slow'), config('works')] });
  const id = ids[0]!;
  const outlook = await own.until('run.outlook', (one) => one.id === id && one.wh !== null);
  expect(outlook.seconds).not.toBeNull();
  expect(outlook.wh![1]).toBeGreaterThan(0);
  expect(outlook.share).toBeGreaterThan(0);
  // the one that waits is another of the same experiment as the first
  const { outlook: queue } = await own.until(
    'queue',
    ({ outlook }) => outlook.waiting.seconds !== null && outlook.all.seconds !== null,
  );
  expect(queue.unknown).toBe(0);
  expect(queue.all.seconds!.high).toBeGreaterThanOrEqual(queue.waiting.seconds!.high);
  await hosts.goOn(id);
  await own.reached(ids[1]!, 'done');
});

test('the queue pauses when its budget is used up, and goes on when there is more', async () => {
  const own = await hosts.start();
  await own.call('settings.set', { queueBudgetWh: 0.008, queueBudgetPeriod: 'day' });
  const { ids } = await own.call('runs.start', { configs: [config('slow'), config('works')] });
  const [a, b] = ids as [number, number];
  await own.until('run', ({ id, wh }) => id === a && (wh ?? 0) > 0.008);
  await hosts.goOn(a);
  await own.reached(a, 'done');
  const state = await own.until(
    'queue',
    ({ budget, active }) => active === null && !!budget?.usedUp,
  );
  expect(state).toMatchObject({ waiting: [b], paused: false });
  expect(state.budget!.parts[0]!.used).toBeGreaterThan(0.008);
  const notice = await own.until('notice', ({ title }) => title === 'Budget used up');
  expect(notice.message).toMatch(/^The queue's budget is used up: .* of 8 mWh used today\./);

  // deleted, it has been used all the same
  await own.call('runs.delete', { ids: [a] });
  await own.call('settings.set', { queueBudgetWh: 0.0081 });
  const used = (await own.call('queue.get', {})).budget!;
  expect(used.usedUp).toBe(true);
  expect((await own.call('runs.get', { id: b })).summary.status).toBe('queued');

  await own.call('settings.set', { queueBudgetWh: 1 });
  await own.reached(b, 'done');

  // since a reset nothing was used
  await own.call('settings.set', { queueBudgetPeriod: 'reset', queueBudgetSince: Date.now() });
  expect((await own.call('queue.get', {})).budget).toMatchObject({
    period: 'reset',
    parts: [{ used: null }],
    usedUp: false,
  });
});

test('what a run took is counted once in the moment of its end', async () => {
  const own = await hosts.start();
  await own.call('settings.set', { queueBudgetWh: 0.05, queueBudgetPeriod: 'day' });
  const { ids } = await own.call('runs.start', { configs: [config('slow'), config('works')] });
  await own.until('run', ({ id, wh }) => id === ids[0] && (wh ?? 0) > 0.027);
  await hosts.goOn(ids[0]!);
  await own.reached(ids[1]!, 'done');
  const used = own.heard('queue').map(({ budget }) => budget?.parts[0]?.used ?? 0);
  expect(Math.max(...used)).toBeGreaterThan(0.027);
  expect(Math.max(...used)).toBeLessThan(0.05);
  expect(own.heard('notice').filter(({ title }) => title === 'Budget used up')).toEqual([]);
});

test('a short command says that the budget of the queue is used up instead of waiting', async () => {
  const first = await hosts.start();
  const { ids } = await first.call('runs.start', { configs: [config('slow')] });
  await first.until('run', ({ wh }) => (wh ?? 0) > 0.001);
  await hosts.goOn(ids[0]!);
  await first.reached(ids[0]!, 'done');
  await first.call('settings.set', { queueBudgetWh: 0.001 });
  await hosts.close(first);

  const own = await hosts.start({ background: false });
  await expect(own.call('runs.start', { configs: [config('works')] })).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('of 1 mWh used this month'),
  });
});
