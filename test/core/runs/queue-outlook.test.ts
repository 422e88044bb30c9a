import { expect, test } from 'vitest';
import { queueOutlook } from '../../../src-main/core/runs/queue-outlook.ts';
import type { QueuedRun } from '../../../src-main/core/store/queue.ts';
import { config } from '../store/scene.ts';

const run = (id: number, more: Partial<QueuedRun> = {}): QueuedRun => ({
  id,
  config: config({ train: { epochs: 10 } }),
  forecast: {} as QueuedRun['forecast'],
  step: null,
  steps: null,
  rung: null,
  ...more,
});
const exactly = (value: number) => ({ low: value, value, high: value });

test('a run that waits takes what is left of it, or left until it pauses', async () => {
  const runs = [
    run(1),
    run(2, { step: 30, steps: 40 }),
    run(3, { rung: 3 }),
    run(4, { rung: 6, step: 12, steps: 40 }),
  ];
  const outlook = queueOutlook({
    store: { queuedRuns: () => Promise.resolve(runs) },
    costs: {
      known: () =>
        Promise.resolve({
          measured: () => null,
          cost: () =>
            ({ seconds: exactly(100), wh: exactly(10), gCO2e: null, baselineSeconds: 0 }) as never,
        }),
    },
    log: (line) => expect.unreachable(line),
  });
  await outlook.refresh();
  const wh = (id: number) => outlook.of([id], null).waiting.wh!.value;
  expect(runs.map(({ id }) => wh(id))).toEqual([10, 2.5, 3, 3]);
  expect(outlook.of([1, 2, 3, 4], null).all.seconds!.value).toBeCloseTo(185, 6);
});
