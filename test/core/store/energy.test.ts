import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import {
  batch,
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
} from './scene.ts';

const wh = (joules: number) => joules / 3600;

describe('energy of a run and its parts', () => {
  it('is the difference of counters at the stamps, and the parts add up to the whole', async () => {
    const store = await openScene();
    await meter(store, 'a');
    const id = await store.createRun(newRun('parts', { pue: 1.5 }));
    await store.startPhase(id, 'baseline', null, seconds(10));
    await store.endPhase(id, 'baseline', null, seconds(15));
    await store.setIdle(id, { [gpu.key]: 20, cpu: 5 });
    await store.startSegment(id, { micros: seconds(20), utc });
    // 100 W, and 300 W from second 30.05 on: no stamp falls on a sample
    const joules = (s: number) => 100 * s + 200 * Math.max(0, s - 30);
    await store.addSamples(batch('a', 5, 60, { [gpu.key]: { joules }, cpu: steady(10) }));
    await store.startPhase(id, 'train', 1, seconds(20));
    await store.endPhase(id, 'train', 1, seconds(33.33));
    await store.startPhase(id, 'evaluate', 1, seconds(33.33));
    await store.endPhase(id, 'evaluate', 1, seconds(40.01));
    await store.startPhase(id, 'train', 2, seconds(40.01));
    await store.endRun(id, { at: seconds(50), status: 'done' });

    const { energy, phases, phaseTotals, summary } = await store.getRun(id);
    const total = 30 * 100 + 20 * 200 + 30 * 10;
    expect(energy!.seconds).toBe(30);
    expect(energy!.wh).toBeCloseTo(wh(total), 9);
    expect(energy!.netWh).toBeCloseTo(wh(total - 30 * 25), 9);
    expect(energy!.coverage).toBe(1);
    expect(energy!.emissions.gCO2e).toBeCloseTo((wh(total) / 1000) * 1.5 * 500, 9);
    expect(summary).toMatchObject({ seconds: 30, endedAt: utc + 30_000 });
    expect(summary.wh).toBeCloseTo(wh(total), 9);
    expect(summary.whByKind.cpu).toBeCloseTo(wh(300), 9);
    expect(summary.provenanceByKind).toEqual({ gpu: 'counted', cpu: 'modelled' });

    expect(phases.map(({ name, epoch, from, to }) => [name, epoch, from, to])).toEqual([
      ['baseline', null, -10, -5],
      ['train', 1, 0, 13.33],
      ['evaluate', 1, 13.33, 20.01],
      ['train', 2, 20.01, 30],
    ]);
    expect(phases[0]!.wh).toBeCloseTo(wh(5 * 110), 9);
    expect(phases[1]!.byKind.gpu).toBeCloseTo(wh(100 * 13.33 + 200 * 3.33), 9);
    const parts = phases.slice(1).reduce((sum, phase) => sum + phase.wh!, 0);
    expect(parts).toBeCloseTo(wh(total), 9);
    expect(phases.map(({ images }) => images)).toEqual([null, null, null, null]);
    const train = phaseTotals.find(({ name }) => name === 'train')!;
    expect(train.wh).toBeCloseTo(phases[1]!.wh! + phases[3]!.wh!, 12);
  });

  it('tells the parts of the run and of the program apart, over pauses and meter sessions', async () => {
    const store = await openScene();
    await meter(store, 'a');
    const id = await store.createRun(newRun('whose'));
    const own = (watts: number, from = 0) => ({
      joules: (s: number) => watts * (s - from),
      run: (s: number) => 0.5 * watts * (s - from),
      program: (s: number) => 0.1 * watts * (s - from),
    });
    await store.startSegment(id, { micros: seconds(10), utc });
    await store.addSamples(batch('a', 5, 20, { [gpu.key]: own(100), cpu: own(20) }));
    await store.endRun(id, { at: seconds(20), status: 'stopped' });
    await store.addSamples(batch('a', 20.1, 30, { [gpu.key]: own(100), cpu: own(20) }));
    await meter(store, 'b');
    await store.startSegment(id, { micros: seconds(41), utc: utc + 31_000 });
    await store.addSamples(batch('b', 40, 60, { [gpu.key]: own(100, 40), cpu: own(20, 40) }));
    await store.endRun(id, { at: seconds(51), status: 'done' });
    const { energy } = await store.getRun(id);
    expect(energy!.wh).toBeCloseTo(wh(20 * 120), 9);
    expect(energy!.processWh).toBeCloseTo(wh(20 * 60), 9);
    expect(energy!.programWh).toBeCloseTo(wh(20 * 12), 9);
    expect(energy!.components.map(({ processWh }) => processWh)).toEqual([
      expect.closeTo(wh(20 * 50), 9),
      expect.closeTo(wh(20 * 10), 9),
    ]);
  });

  it('does not know a part that became unknown on the way, nor one that nobody told apart', async () => {
    const store = await openScene();
    await meter(store, 'a');
    const id = await store.createRun(newRun('half known'));
    const gpuRun = (s: number) => (s < 15 ? 50 * s : null);
    await store.startSegment(id, { micros: seconds(10), utc });
    await store.addSamples(
      batch('a', 5, 30, {
        [gpu.key]: { ...steady(100), run: gpuRun },
        cpu: { ...steady(20), run: (s) => 5 * s, program: () => 0 },
      }),
    );
    await store.endRun(id, { at: seconds(20), status: 'done' });
    const { energy } = await store.getRun(id);
    const [card, processor] = energy!.components;
    expect([card!.processWh, card!.programWh]).toEqual([null, null]);
    expect(processor!.processWh).toBeCloseTo(wh(50), 9);
    expect(processor!.programWh).toBe(0);
    expect([energy!.processWh, energy!.programWh]).toEqual([null, null]);
  });

  it('gives no energy to a gap and lowers the coverage instead', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu]);
    const id = await store.createRun(newRun('gap'));
    await store.startSegment(id, { micros: 0, utc });
    await store.addSamples(batch('a', 0, 10, { [gpu.key]: steady(100) }));
    // the sensor is away for 20 s; the meter goes on with its counter where it was
    await store.addSamples(batch('a', 10.1, 29.9, { [gpu.key]: { joules: () => null } }));
    await store.addSamples(
      batch('a', 30, 40, {
        [gpu.key]: {
          joules: (s) => 1000 + 100 * (s - 30),
          watts: () => 100,
          flags: (s) => (s === 30 ? SampleFlag.gap : 0),
        },
      }),
    );
    await store.endRun(id, { at: seconds(40), status: 'done' });
    const { energy, circumstances } = await store.getRun(id);
    expect(energy!.wh).toBeCloseTo(wh(2000), 9);
    expect(energy!.coverage).toBeCloseTo(0.5, 9);
    expect(energy!.components[0]!.meanWatts).toBeCloseTo(100, 9);
    expect(circumstances.gaps).toBe(1);
    // 101 + 101 readings, and one sample that marks the silence instead of 199
    expect(circumstances.samples).toBe(203);
    const [series] = (await store.power(id, 400)).components;
    const silent = series!.x.filter((x, i) => series!.watts[i] === null && x > 10 && x < 30);
    expect(silent.length).toBeGreaterThan(0);
  });

  it('does not pay for a counter that starts anew, nor for what was never read', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu]);
    const id = await store.createRun(newRun('two sessions'));
    await store.startSegment(id, { micros: seconds(0), utc });
    await store.addSamples(batch('a', 0, 10, { [gpu.key]: steady(50) }));
    await meter(store, 'b', [gpu]);
    await store.addSamples(batch('b', 12, 20, { [gpu.key]: { joules: (s) => 50 * (s - 12) } }));
    await store.endRun(id, { at: seconds(20), status: 'done' });
    const { energy, circumstances } = await store.getRun(id);
    expect(energy!.wh).toBeCloseTo(wh(50 * 18), 9);
    expect(energy!.coverage).toBeCloseTo(0.9, 9);
    expect(circumstances).toMatchObject({ gaps: 1, samples: 101 + 81 });

    const blind = await store.createRun(newRun('blind'));
    await store.startSegment(blind, { micros: seconds(100), utc });
    await store.endRun(blind, { at: seconds(110), status: 'done' });
    expect(await store.getSummary(blind)).toMatchObject({ wh: null, gCO2e: null, seconds: 10 });
  });

  it('counts samples per component, and what was not read at the ends as gaps', async () => {
    const store = await openScene();
    await meter(store, 'a');
    const id = await store.createRun(newRun('late'));
    await store.startSegment(id, { micros: seconds(0), utc });
    await store.addSamples(batch('a', 0, 40, { [gpu.key]: steady(50) }));
    await store.addSamples(batch('a', 10, 30, { cpu: steady(50) }));
    await store.endRun(id, { at: seconds(40), status: 'done' });
    const { circumstances } = await store.getRun(id);
    expect(circumstances).toMatchObject({ samples: 401, gaps: 2 });
  });

  it('counts a running run up to now, and prices a copy when region or PUE change', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu]);
    const id = await store.createRun(newRun('live'));
    expect(await store.energy(id)).toBeNull();
    await store.startSegment(id, { micros: 0, utc });
    await store.addSamples(batch('a', 0, 10, { [gpu.key]: steady(100) }));
    expect((await store.energy(id, seconds(4)))!.wh).toBeCloseTo(wh(400), 9);
    expect((await store.getSummary(id)).wh).toBeCloseTo(wh(1000), 9);
    await store.endRun(id, { at: seconds(10), status: 'done' });
    const before = await store.getSummary(id);
    const other = {
      code: 'FRA',
      name: 'France',
      kind: 'country',
      gPerKwh: 50,
      year: 2024,
      source: 's',
      basis: 'b',
    } as const;
    await store.updateRun(id, { intensity: other, pue: 2 });
    const after = await store.getSummary(id);
    expect(after.gCO2e).toBeCloseTo((before.gCO2e! / 500) * 50 * 2, 12);
    expect(after.wh).toBe(before.wh);
  });
});

describe('a run that is resumed', () => {
  it('counts active time only, and replaces the steps it does again', async () => {
    const file = join(folder(), 'data.sqlite');
    const first = await openScene(file);
    await meter(first, 'a', [gpu]);
    const id = await first.createRun(newRun('resumed'));
    await first.updateRun(id, { status: 'running', trainImages: 1280, stepsPerEpoch: 10 });
    expect(await first.startSegment(id, { micros: seconds(100), utc })).toBe(0);
    await first.addSamples(batch('a', 100, 120, { [gpu.key]: steady(10) }));
    await first.addSteps(
      id,
      steps(1, 18, (n) => 100 + n),
    );
    await first.addEvaluation(id, {
      at: seconds(111),
      epoch: 1,
      step: 10,
      result: scores('validation', 0.5),
    });
    await first.addEvaluation(id, {
      at: seconds(119),
      epoch: 2,
      step: 18,
      result: scores('validation', 0.9),
    });
    await first.endRun(id, { at: seconds(120), status: 'stopped', step: 18, imagesSeen: 18 * 128 });
    await first.close();

    // another boot: the monotonic clock begins again, and so do the counters
    const second = await openScene(file);
    await meter(second, 'a', [gpu]);
    expect(await second.startSegment(id, { micros: seconds(5), utc: utc + 9e6 })).toBe(20);
    await second.rewind(id, 11);
    expect(await second.getSummary(id)).toMatchObject({
      step: 10,
      epoch: 1,
      macroF1: 0.5,
      imagesSeen: 1280,
    });
    await second.addSamples(batch('a', 0, 40, { [gpu.key]: steady(30) }));
    await second.addSteps(
      id,
      steps(11, 15, (n) => n - 5),
    );
    await second.addSteps(
      id,
      steps(15, 20, (n) => n - 5),
    );
    await second.endRun(id, { at: seconds(25), status: 'done' });

    const { summary, energy } = await second.getRun(id);
    expect(energy!.seconds).toBe(40);
    expect(energy!.wh).toBeCloseTo(wh(20 * 10 + 20 * 30), 9);
    expect(energy!.coverage).toBe(1);
    expect(summary).toMatchObject({
      status: 'done',
      step: 20,
      epoch: 2,
      endedAt: utc + 9e6 + 20_000,
    });
    const [byStep, byTime, byWh] = await Promise.all(
      (['step', 'time', 'wh'] as const).map((x) => second.series(id, ['loss'], x, 400)),
    );
    expect(byStep![0]!.x).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    // step 11 is at second 6 of a boot where the run went on at second 5, after 20 s
    expect(byTime![0]!.x[10]).toBeCloseTo(21, 9);
    expect(byTime![0]!.x).toEqual([...byTime![0]!.x].sort((a, b) => a - b));
    expect(byWh![0]!.x[0]).toBeCloseTo(wh(10), 9);
    expect(byWh![0]!.x[19]).toBeCloseTo(wh(200 + 10 * 30), 9);
  });

  it('ends at its last record when the program died, and keeps everything', async () => {
    const file = join(folder(), 'data.sqlite');
    const died = await openScene(file);
    await meter(died, 'a', [gpu]);
    const queued = await died.createRun(newRun('waiting'));
    const id = await died.createRun(newRun('killed'));
    await died.updateRun(id, { status: 'running' });
    await died.startSegment(id, { micros: seconds(100), utc });
    await died.startPhase(id, 'train', 1, seconds(101));
    await died.addSteps(
      id,
      steps(1, 5, (n) => 100 + n),
    );
    await died.addSamples(batch('a', 100, 110, { [gpu.key]: steady(36) }));

    const next = await openScene(file);
    expect(next.opened.setAside).toBeNull();
    expect(await next.markInterrupted()).toEqual([id]);
    expect(await next.markInterrupted()).toEqual([]);
    const { summary, phases } = await next.getRun(id);
    expect(summary).toMatchObject({ status: 'interrupted', seconds: 10, step: 5 });
    expect(summary.wh).toBeCloseTo(0.1, 9);
    expect(phases).toMatchObject([{ name: 'train', from: 1, to: 10 }]);
    expect((await next.getSummary(queued)).status).toBe('queued');
  });
});
