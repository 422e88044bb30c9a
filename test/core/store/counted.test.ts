/** A machine with two cards, one of which the run does not use. */
import { expect, it } from 'vitest';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import { runsCsv } from '../../../src-main/core/report/csv.ts';
import { plainPricing } from '../../../src-main/core/energy/account.ts';
import { LiveEnergy } from '../../../src-main/core/runs/live-energy.ts';
import { batch, cpu, gpu, meter, newRun, openScene, seconds, steady, utc, world } from './scene.ts';

const other = { ...gpu, key: 'gpu:GPU-2', name: 'Other GPU' };
const wh = (joules: number) => joules / 3600;

it('adds a card that the run does not use to no figure, and still lists it', async () => {
  const store = await openScene();
  await meter(store, 'a', [gpu, other, cpu]);
  const id = await store.createRun(newRun('one card'));
  await store.updateRun(id, { counted: [gpu.key] });
  await store.startSegment(id, { micros: 0, utc });
  await store.startPhase(id, 'train', 1, 0);
  const unused = {
    joules: (s: number) => 50 * s,
    watts: () => 50,
    flags: (s: number) => (s > 5 ? SampleFlag.foreign | SampleFlag.gap : 0),
  };
  await store.addSamples(
    batch('a', 0, 20, { [gpu.key]: steady(100), [other.key]: unused, cpu: steady(10) }),
  );
  await store.endRun(id, { at: seconds(20), status: 'done' });

  const run = await store.getRun(id);
  const { energy, phases, summary, circumstances } = run;
  expect(energy!.components.map(({ key, counted }) => [key, counted])).toEqual([
    [gpu.key, true],
    [other.key, false],
    ['cpu', true],
  ]);
  expect(energy!.components[1]!.meanWatts).toBeCloseTo(50, 6);
  expect(energy!.wh).toBeCloseTo(wh(2200), 9);
  expect(energy!.coverage).toBe(1);
  expect(phases[0]!.wh).toBeCloseTo(wh(2200), 9);
  expect(phases[0]!.byKind.gpu).toBeCloseTo(wh(2000), 9);
  expect(summary.whByKind.gpu).toBeCloseTo(wh(2000), 9);
  // somebody else on the other card says nothing about this run
  expect(circumstances.gaps).toBe(0);
  expect(circumstances.load?.foreignShare).toBe(0);
  const power = await store.power(id, 100);
  expect(power.components.map(({ counted }) => counted)).toEqual([true, false, true]);
  const [, cells] = runsCsv([run]).trim().split('\r\n');
  expect(cells).toContain(String(energy!.components[0]!.wh! / 1000));
  expect(cells).not.toContain('Other');

  const live = new LiveEnergy((key) => key !== other.key);
  live.append(
    batch('a', 0, 20, { [gpu.key]: steady(100), [other.key]: steady(50), cpu: steady(10) }),
    [gpu, other, cpu],
  );
  const before = { wh: null, uncertaintyWh: null, gCO2e: null, whByKind: {} };
  const figures = live.since(0, before, plainPricing(world, 1));
  expect(figures).toMatchObject({ watts: 110, wh: expect.closeTo(wh(2200), 9) });
  expect(figures.byKind.gpu).toBeCloseTo(wh(2000), 9);
  // the band of a run that goes on is that of its last account, and grows with its energy
  expect(figures.uncertaintyWh).toBeCloseTo(energy!.uncertaintyWh!, 9);
  expect(live.since(10e6, { ...before, ...figures }, plainPricing(world, 1))).toMatchObject({
    wh: expect.closeTo(1.5 * figures.wh!, 9) as number,
    uncertaintyWh: expect.closeTo(1.5 * figures.uncertaintyWh!, 9) as number,
  });
});

it('counts a processor whose source changed on the way, whatever was named at the start', async () => {
  const store = await openScene();
  const packaged = { ...cpu, key: 'cpu:package-0' };
  await meter(store, 'a', [gpu, packaged]);
  const id = await store.createRun(newRun('later'));
  await store.updateRun(id, { counted: [gpu.key] });
  await store.startSegment(id, { micros: 0, utc });
  await store.addSamples(
    batch('a', 0, 10, { [gpu.key]: steady(100), 'cpu:package-0': steady(10) }),
  );
  await store.endRun(id, { at: seconds(10), status: 'done' });
  expect((await store.getRun(id)).energy!.wh).toBeCloseTo(wh(1100), 9);
});

it('gives temperature and clock with the power, thinned alike', async () => {
  const store = await openScene();
  await meter(store, 'a', [gpu]);
  const id = await store.createRun(newRun('warm'));
  await store.startSegment(id, { micros: 0, utc });
  const samples = batch('a', 0, 60, { [gpu.key]: steady(100) });
  const [series] = samples.series;
  series!.tempC = samples.t.map((t) => 40 + t / 6e6);
  series!.clockMhz = samples.t.map((t) => (t < 30e6 ? 1980 : 1200));
  series!.watts = samples.t.map((t) => (t === 30e6 ? 300 : 100));
  await store.addSamples(samples);
  await store.endRun(id, { at: seconds(60), status: 'done' });
  const [card] = (await store.power(id, 50)).components;
  expect(card!.x.length).toBeLessThanOrEqual(101);
  const peak = card!.watts.indexOf(300);
  expect(card!.x[peak]).toBe(30);
  expect(card!.tempC[peak]).toBe(45);
  expect(card!.clockMhz[peak]).toBe(1200);
  expect(card!.memoryMb[peak]).toBeNull();
  expect((await store.samplePage(id, null, 10)).columns!.clockMhz[0]).toBe(1980);
});
