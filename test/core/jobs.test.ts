import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createJobs } from '../../src-main/core/jobs.ts';

it('who breaks a call off hears so at once, and the work is told', async () => {
  const jobs = createJobs();
  let aborted: AbortSignal | null = null;
  const never = jobs.run('a', (signal) => {
    aborted = signal;
    return new Promise<void>(() => {});
  });
  jobs.cancel('b');
  expect(aborted!.aborted).toBe(false);
  jobs.cancel('a');
  await expect(never).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(aborted!.aborted).toBe(true);
  // it has ended: its name means nothing any more
  jobs.cancel('a');
});

it('what ends by itself ends as it does, with a name or without', async () => {
  const jobs = createJobs();
  expect(await jobs.run('a', () => Promise.resolve(7))).toBe(7);
  await expect(jobs.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await jobs.run(undefined, () => sleep(1, 8))).toBe(8);
});
