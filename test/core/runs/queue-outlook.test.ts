import { expect, test } from 'vitest';
import { createCosts, expandSweep, forecast } from '../../../src-main/core/experiments/index.ts';
import type { PastRun } from '../../../src-main/core/experiments/run-cost.ts';
import { defaultSettings } from '../../../src-main/core/settings.ts';
import { queueOutlook } from '../../../src-main/core/runs/queue-outlook.ts';
import type { QueuedRun } from '../../../src-main/core/store/queue.ts';
import { config } from '../store/scene.ts';

const run = (id: number, more: Partial<QueuedRun> = {}): QueuedRun => ({
  id,
  config: config({ train: { epochs: 10 } }),
  forecast: forecast(config({})),
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
    coolDown: () => null,
    log: (line) => expect.unreachable(line),
  });
  await outlook.refresh();
  const wh = (id: number) => outlook.of([id], null).waiting.wh!.value;
  expect(runs.map(({ id }) => wh(id))).toEqual([10, 2.5, 3, 3]);
  expect(outlook.of([1, 2, 3, 4], null).all.seconds!.value).toBeCloseTo(185, 6);
});

test('waits for idle power between runs are counted where a run measures it first', async () => {
  const runs = [1, 2, 3].map((id) =>
    run(id, {
      config: config({ train: { epochs: 10 }, energy: { baselineSeconds: id === 3 ? 0 : 20 } }),
    }),
  );
  const outlook = queueOutlook({
    store: { queuedRuns: () => Promise.resolve(runs) },
    costs: {
      known: () =>
        Promise.resolve({
          measured: () => null,
          cost: () =>
            ({ seconds: exactly(100), wh: null, gCO2e: null, baselineSeconds: 0 }) as never,
        }),
    },
    coolDown: () => ({ low: 0, value: 30, high: 60 }),
    log: (line) => expect.unreachable(line),
  });
  await outlook.refresh();
  const active = {
    expected: () => null,
    soFar: () => ({ seconds: 0, wh: null, gCO2e: null }),
  } as never;
  const { waiting } = outlook.of([1, 2, 3], active);
  expect(waiting.seconds).toEqual({ low: 300, value: 360, high: 420 });
  // no run comes before the first: the machine is at rest
  expect(outlook.of([1, 2, 3], null).waiting.seconds!.value).toBe(330);
});

test('a long queue is set against the runs of the past without reading them for each', async () => {
  const { runs } = expandSweep({
    config: {},
    fields: { 'train.lr': { from: 1e-4, to: 1e-2, scale: 'log' } },
    trials: 200,
    warmUp: false,
  });
  const cost = forecast(runs[0]!.config);
  const past = (count: number) =>
    runs.slice(0, count).map(
      ({ config }, id) =>
        ({ id, config: structuredClone(config), forecast: cost, engine: 'cpu', cpu: 'x', seconds: 100, wh: 1, phases: {} }) as PastRun, // prettier-ignore
    );
  const took = async (count: number): Promise<number> => {
    const known = past(count);
    const { refresh, of } = queueOutlook({
      store: {
        queuedRuns: () =>
          Promise.resolve(runs.map((_, id) => run(id, { config: structuredClone(runs[id]!.config) }))), // prettier-ignore
      },
      costs: createCosts({
        store: { pastRuns: () => Promise.resolve(known), recall: () => Promise.resolve({}) },
        autoEngine: () => 'cpu',
        cpu: () => 'x',
        settings: () => defaultSettings,
      }),
      coolDown: () => null,
      log: (line) => expect.unreachable(line),
    });
    const began = performance.now();
    await refresh();
    const passed = performance.now() - began;
    expect(of([0], null).waiting.seconds).not.toBeNull();
    return passed;
  };
  await took(1);
  expect(await took(60)).toBeLessThan(4 * (await took(1)));
});
