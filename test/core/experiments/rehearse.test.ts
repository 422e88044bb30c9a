/** Forecasts of a real host with the real trainer: measured, kept, and held against a real run. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  config as fixtureConfig,
  fixtureOptions,
  removeHome,
  startHost,
  temporaryHome,
  type Witness,
} from '../../fixtures/host.ts';

let home: string;
let witness: Witness;
beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(async () => {
  await witness.host.close();
  await removeHome(home);
});

const trainer = join(import.meta.dirname, '..', '..', '..', 'src-main', 'trainer', 'main.ts');

/** Real training, with the fixture's meter of 36 W. */
const real = async (): Promise<Witness> => {
  const options = fixtureOptions(home);
  const rehearsal = { warmUp: 2, steps: 10, seconds: 1, mostSeconds: 20 };
  return startHost({
    ...options,
    entries: { ...options.entries, trainer },
    timing: { ...options.timing, stopPatienceMs: 20_000, rehearsal },
  });
};

const config = {
  name: 'tiny',
  dataset: { kind: 'greensynth' as const, size: 16, train: 320, validation: 48, test: 32 },
  model: { image: 16, patch: 4, dim: 32, layers: 2, heads: 4, dimHead: 8 },
  selection: { mode: 'drop' as const, keepRatio: 0.5 },
  train: { epochs: 4, batch: 16 },
  compute: { engine: 'cpu' as const, threads: 1 },
  energy: { baselineSeconds: 0 },
};

test(
  'a rehearsal tells what the run then takes, and is kept; after the run, the run itself tells it',
  { timeout: 120_000 },
  async () => {
    witness = await real();
    const before = await witness.call('experiments.forecast', { config });
    expect(before.cost).toMatchObject({ basis: 'none', engine: 'cpu', seconds: null });

    const { cost } = await witness.call('experiments.measure', { config });
    expect(cost.basis).toBe('measured');
    expect(cost.seconds!.low).toBeLessThan(cost.seconds!.value);
    expect(cost.seconds!.high).toBeGreaterThan(cost.seconds!.value);
    // the fixture's meter reads 36 W all the time
    expect((cost.wh!.value * 3600) / cost.seconds!.value).toBeCloseTo(36, 1);
    expect(witness.heard('measuring').at(-1)).toEqual({ label: null });
    const kept = await witness.call('experiments.forecast', { config });
    expect(kept.cost).toEqual(cost);
    // of another shape it is a rough guess
    const wider = { ...config, model: { ...config.model, dim: 64 } };
    expect((await witness.call('experiments.forecast', { config: wider })).cost.basis).toBe(
      'throughput',
    );

    const { ids } = await witness.call('runs.start', { configs: [config] });
    const done = await witness.reached(ids[0]!, 'done');
    // how near it comes is no matter of a test on a busy machine; a wrong unit or a lost stage is
    expect(done.seconds!).toBeGreaterThan(cost.seconds!.low / 10);
    expect(done.seconds!).toBeLessThan(cost.seconds!.high * 10);
    const after = await witness.call('experiments.forecast', {
      config: { ...config, train: { ...config.train, seed: 7 } },
    });
    expect(after.cost).toMatchObject({ basis: 'runs', runs: ids });
    expect(after.cost.seconds!.value).toBeCloseTo(done.seconds!, 6);
  },
);

test('nothing is measured beside a run, and a bad config is refused', async () => {
  witness = await startHost(fixtureOptions(home));
  const { ids } = await witness.call('runs.start', { configs: [fixtureConfig('slow')] });
  await witness.reached(ids[0]!, 'running');
  await expect(
    witness.call('experiments.measure', { config: fixtureConfig('works') }),
  ).rejects.toMatchObject({ code: 'CONFLICT' });
  await expect(
    witness.call('experiments.measure', { config: { train: { epochs: 0 } } }),
  ).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await witness.call('runs.stop', { id: ids[0]! });
  await witness.reached(ids[0]!, 'stopped');
});

test(
  'what ends a rehearsal is told in the trainer’s own words, and the queue is free again',
  { timeout: 60_000 },
  async () => {
    witness = await real();
    const missing = { ...config, dataset: { kind: 'cifar10' as const }, model: undefined };
    await expect(witness.call('experiments.measure', { config: missing })).rejects.toMatchObject({
      code: 'DATASET',
    });
    const { ids } = await witness.call('runs.start', {
      configs: [{ ...config, train: { epochs: 1, batch: 16 } }],
    });
    await witness.reached(ids[0]!, 'done');
  },
);
