/** What follows from the end of a long run takes a while, in which the page shows it as stopped already. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import {
  config,
  fixtureOptions,
  removeHome,
  startHost,
  temporaryHome,
} from '../../fixtures/host.ts';

vi.mock('../../../src-main/core/runs/curve-keeper.ts', async (original) => ({
  ...(await original<object>()),
  keepCurves: () => sleep(1500),
}));

test('a run that is resumed the moment it has stopped waits in the line, and goes on', async () => {
  const home = await temporaryHome();
  const own = await startHost(fixtureOptions(home));
  try {
    const { ids } = await own.call('runs.start', { configs: [config('slow'), config('works')] });
    const [id, behind] = ids as [number, number];
    await own.until('run.steps', ({ steps }) => steps.step.includes(5));
    await own.call('runs.stop', { id });
    await own.reached(id, 'stopped');
    await own.call('runs.resume', { id });
    expect((await own.call('queue.get', {})).active).toBe(id);
    await own.reached(id, 'done');
    await own.reached(behind, 'done');
  } finally {
    await own.host.close();
    await removeHome(home);
  }
});
