import { describe, expect, it } from 'vitest';
import type { HourlyIntensity, Pricing } from '../../../src-main/contract.ts';
import { besideRegion, plainPricing } from '../../../src-main/core/energy/account.ts';
import { createIntensity } from '../../../src-main/core/energy/intensity/index.ts';
import { hourMs } from '../../../src-main/core/energy/intensity/steps.ts';
import { createEvents } from '../../../src-main/core/events.ts';
import { createMetrics } from '../../../src-main/core/metrics/index.ts';
import { readCsv } from '../../../src-main/core/report/csv-reader.ts';
import { runsCsv } from '../../../src-main/core/report/csv.ts';
import { sampleHub } from '../../../src-main/core/runs/samples.ts';
import { fetchHours, repriceRun } from '../../../src-main/core/runs/reprice.ts';
import type { Store } from '../../../src-main/core/store/store.ts';
import { importCsvText } from '../../../src-main/core/report/import-csv.ts';
import {
  batch,
  cpu,
  gpu,
  meter,
  newRun,
  openScene,
  scores,
  seconds,
  steady,
  steps,
  utc,
  world,
} from './scene.ts';

const wh = (joules: number) => joules / 3600;
const joulesOf = async (store: Store, id: number) =>
  (await store.getRun(id)).energy!.components.map(({ key, wh }) => [key, wh]);

const hourly = (values: [at: number, gPerKwh: number][]): HourlyIntensity => ({
  kind: 'profile',
  provider: 'profile',
  zone: 'test',
  name: 'profile test',
  source: 'a test',
  basis: 'as in the profile',
  at: values.map(([at]) => at),
  gPerKwh: values.map(([, value]) => value),
});
const priced = (more: Partial<Pricing>): Pricing => ({ ...plainPricing(world, 1), ...more });

/** 100 W for 60 s, a pause, and 300 W for 40 s; the second part begins `pauseMs` later by the date. */
async function resumedRun(store: Store, more: Partial<Pricing> = {}): Promise<number> {
  const pricing = priced(more);
  await meter(store, 'a', [gpu]);
  const id = await store.createRun(
    newRun('hours', {
      intensity: pricing.region,
      pue: pricing.pue,
      pricing: besideRegion(pricing),
    }),
  );
  const joules = (s: number) => 100 * Math.min(s, 80) + 300 * Math.max(0, s - 80);
  // starts half a minute before the full hour
  await store.startSegment(id, { micros: seconds(10), utc: utc + hourMs - 30_000 });
  await store.addSamples(batch('a', 0, 130, { [gpu.key]: { joules } }));
  await store.addSteps(
    id,
    steps(1, 3, (step) => seconds(20 + step)),
  );
  await store.endRun(id, { at: seconds(70), status: 'stopped' });
  await store.startSegment(id, { micros: seconds(85), utc: utc + 3 * hourMs + 5000 });
  await store.addEvaluation(id, {
    at: seconds(100),
    epoch: 1,
    step: 3,
    result: scores('test', 0.5),
  });
  await store.endRun(id, { at: seconds(125), status: 'done' });
  return id;
}

describe('a run priced by the hour', () => {
  it('weighs every hour by its energy, over the edge of an hour and a resume', async () => {
    const store = await openScene();
    const id = await resumedRun(store, {
      pue: 1.2,
      hourly: hourly([
        [utc, 100],
        [utc + hourMs, 200],
        [utc + 3 * hourMs, 300],
      ]),
    });
    const { energy, summary } = await store.getRun(id);
    // 30 s at 100 W before the hour, 30 s after it; 40 s at 300 W two hours later
    const grams = wh(3000) * 100 + wh(3000) * 200 + wh(12_000) * 300;
    expect(energy!.wh).toBeCloseTo(wh(18_000), 9);
    expect(energy!.emissions.gCO2e).toBeCloseTo((grams / 1000) * 1.2, 9);
    expect(energy!.emissions.gPerKwh).toBeCloseTo(grams / wh(18_000), 9);
    expect(energy!.emissions.hourly).toEqual({
      name: 'profile test',
      source: 'a test',
      coverage: 1,
    });
    expect(energy!.emissions.basis).toBe('as in the profile');
    expect(summary.gCO2e).toBeCloseTo((grams / 1000) * 1.2, 9);
  });

  it('takes the figure of the year where an hour is missing, and says of how much', async () => {
    const store = await openScene();
    const id = await resumedRun(store, { hourly: hourly([[utc, 100]]) });
    const { emissions } = (await store.getRun(id)).energy!;
    expect(emissions.gCO2e).toBeCloseTo((wh(3000) * 100 + wh(15_000) * 500) / 1000, 9);
    expect(emissions.hourly!.coverage).toBeCloseTo(1 / 6, 9);
    expect(emissions.basis).toBe('as in the profile; where no hour was known: lifecycle');
  });

  it('whose hours were never known is priced by the year, and says that too', async () => {
    const store = await openScene();
    const id = await resumedRun(store, { hourly: hourly([]) });
    const { emissions } = (await store.getRun(id)).energy!;
    expect(emissions).toMatchObject({ gPerKwh: 500, basis: 'lifecycle', hourly: { coverage: 0 } });
  });

  it('asks for missing hours once they are there; those that it has stay as they are', async () => {
    const store = await openScene();
    const intensity = createIntensity(store);
    const id = await resumedRun(store, { hourly: hourly([[utc, 100]]) });
    await expect(fetchHours({ store, intensity }, id)).rejects.toThrow(/No further hour .* "test"/);
    const at = (ms: number) => new Date(ms).toISOString();
    await intensity.importProfile(
      'test',
      `${at(utc)},999\n${at(utc + hourMs)},200\n${at(utc + 3 * hourMs)},300\n`,
    );
    const { energy, summary } = await fetchHours({ store, intensity }, id);
    const grams = wh(3000) * 100 + wh(3000) * 200 + wh(12_000) * 300;
    expect(energy!.emissions).toMatchObject({ hourly: { coverage: 1 } });
    expect(summary.gCO2e).toBeCloseTo(grams / 1000, 9);
    await expect(fetchHours({ store, intensity }, id)).rejects.toThrow(/every one of its hours/);
    const plain = await store.createRun(newRun('plain', { status: 'stopped' }));
    await expect(fetchHours({ store, intensity }, plain)).rejects.toThrow(/keeps it/);
  });
});

describe('a copy at another price', () => {
  const parts = (store: Store) => ({ store, intensity: createIntensity(store) });

  it('has the same joules to the bit, its own price, and all that was recorded', async () => {
    const store = await openScene();
    const id = await resumedRun(store, { embodied: { kgCO2e: 1000, years: 4 } });
    await store.setIdle(id, { [gpu.key]: 20 });
    await store.addNote(id, { at: 0, level: 'info', message: 'a note' });
    const copy = await repriceRun(parts(store), id, { region: 'SWE', pue: 1.5, waterLPerKwh: 2 });
    const [before, after] = [await store.getRun(id), await store.getRun(copy)];
    expect(after.summary).toMatchObject({
      name: 'hours priced for Sweden',
      status: 'done',
      copyOf: id,
      group: before.summary.group,
      macroF1: before.summary.macroF1,
    });
    expect(await joulesOf(store, copy)).toEqual(await joulesOf(store, id));
    expect(after.summary.wh).toBe(before.summary.wh);
    expect(after.energy!.netWh).toBe(before.energy!.netWh);
    expect(after.phases).toEqual(before.phases);
    expect(after.evaluations).toEqual(before.evaluations);
    const { emissions } = after.energy!;
    expect(emissions.regionName).toBe('Sweden');
    expect(emissions.gCO2e).toBeCloseTo((wh(18_000) / 1000) * 1.5 * emissions.gPerKwh, 12);
    expect(emissions.waterL).toBeCloseTo((wh(18_000) / 1000) * 1.5 * 2, 12);
    expect(emissions.embodiedG).toBeCloseTo((1e6 * 100) / (4 * 365.25 * 86_400), 12);
    expect(await store.metrics(copy)).toEqual(
      (await store.metrics(id)).map((row) => ({ ...row, run: copy })),
    );
    expect(await store.power(copy, 100)).toEqual(await store.power(id, 100));
    expect(after.notes.map(({ message }) => message)).toEqual([
      'a note',
      expect.stringContaining(`Copy of run ${id}, priced for Sweden`),
    ]);
    // the original is as it was
    expect(before.summary).toMatchObject({ copyOf: null, gCO2e: (wh(18_000) / 1000) * 500 });
  });

  it.each(['original', 'copy'] as const)('outlives the deletion of the %s', async (gone) => {
    const store = await openScene();
    const id = await resumedRun(store);
    const copy = await repriceRun(parts(store), id, { pue: 2 });
    const joules = await joulesOf(store, id);
    const [stays, goes] = gone === 'copy' ? [id, copy] : [copy, id];
    await store.deleteRuns([goes]);
    expect(await joulesOf(store, stays)).toEqual(joules);
    expect((await store.getSummary(stays)).copyOf).toBeNull();
    const { columns } = await store.samplePage(stays, null, 10_000);
    expect(columns!.utc.length).toBeGreaterThan(500);
    await store.deleteRuns([stays]);
    expect(await store.listRuns()).toEqual([]);
  });

  it('of a run that is deleted: the first copy stands for it, and the others are copies of that', async () => {
    const store = await openScene();
    const id = await resumedRun(store);
    const copies = [];
    for (const pue of [2, 3, 4]) copies.push(await repriceRun(parts(store), id, { pue }));
    // a copy of a copy is a copy of the original
    const late = await repriceRun(parts(store), copies[2]!, { pue: 5 });
    expect((await store.getSummary(late)).copyOf).toBe(id);
    await store.deleteRuns([id, copies[0]!]);
    const left = (await store.listRuns()).map(({ id, copyOf }) => [id, copyOf]);
    expect(left).toEqual([
      [late, copies[1]],
      [copies[2], copies[1]],
      [copies[1], null],
    ]);
  });

  it('is no repeat: statistics are of what was measured', async () => {
    const store = await openScene();
    const id = await resumedRun(store);
    const copies = [];
    for (const pue of [2, 3]) copies.push(await repriceRun(parts(store), id, { pue }));
    const comparison = await store.compare([id, ...copies]);
    expect(comparison.runs).toHaveLength(3);
    expect(comparison.repeats).toBeNull();
    expect(comparison.copies.map(({ id, copyOf }) => [id, copyOf])).toEqual(
      copies.map((copy) => [copy, id]),
    );
    // nor a second measurement for whoever sums up rows or series
    const runs = await Promise.all([id, ...copies].map((one) => store.getRun(one)));
    const [header, ...rows] = [...readCsv(runsCsv(runs), { delimiter: ',', columns: 500 })];
    const place = header!.cells.indexOf('hg_copy_of');
    expect(rows.map(({ cells }) => cells[place])).toEqual(['', `${id}`, `${id}`]);
    const brought = importCsvText('elsewhere.csv', runsCsv(runs));
    expect(brought.runs).toHaveLength(1);
    expect(brought.refused.map(({ row, reason }) => [row, reason.slice(0, 16)])).toEqual([
      [3, 'it is a copy of '],
      [4, 'it is a copy of '],
    ]);
    const metrics = createMetrics({
      store,
      metering: { components: [], sources: [], overhead: null },
      samples: sampleHub(),
      events: createEvents(),
      version: '0',
    });
    const series = (await metrics.text()).match(/^hugginggreen_run_energy_joules\{.*$/gm);
    expect(series).toHaveLength(1);
    await metrics.close();
  });

  it('on another basis is not ranked by its emissions', async () => {
    const store = await openScene();
    const id = await resumedRun(store);
    const same = await repriceRun(parts(store), id, { pue: 2 });
    const direct = await repriceRun(parts(store), id, { region: 'CA-QC' });
    const better = async (ids: number[]) =>
      (await store.compare(ids)).rows.find(({ key }) => key === 'gCO2e')!.better;
    expect(await better([id, same])).toBe('lower');
    expect(await better([id, direct])).toBeNull();
  });

  it('by the hour needs hours', async () => {
    const store = await openScene();
    const { intensity } = parts(store);
    const id = await resumedRun(store);
    const by = { hourly: { provider: 'profile', zone: 'office' } } as const;
    await expect(repriceRun({ store, intensity }, id, by)).rejects.toThrow(/no profile "office"/);
    await intensity.importProfile('office', `${new Date(utc).toISOString()},50\n`);
    const copy = await repriceRun({ store, intensity }, id, by);
    expect((await store.getRun(copy)).energy!.emissions.hourly!.coverage).toBeCloseTo(1 / 6, 9);
    // another region has other hours
    const moved = await repriceRun({ store, intensity }, copy, { region: 'FRA' });
    expect((await store.getRun(moved)).energy!.emissions.hourly).toBeNull();
  });

  it.each([
    [{}, /the one that the run has/],
    [{ region: 'Atlantis' }, /no region "Atlantis"/],
    [{ region: 'custom' }, /needs its figure/],
    [{ region: 'SWE', custom: { gPerKwh: 1 } }, /not both/],
  ])('is refused for the price %j', async (choice, words) => {
    const store = await openScene();
    const id = await resumedRun(store);
    await expect(repriceRun(parts(store), id, choice)).rejects.toThrow(words);
  });

  it('is refused while the run goes on or waits, and of one that is not there', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('active'));
    await expect(repriceRun(parts(store), id, { pue: 2 })).rejects.toThrow(/is queued/);
    await store.startSegment(id, { micros: 0, utc });
    await store.updateRun(id, { status: 'running' });
    await expect(repriceRun(parts(store), id, { pue: 2 })).rejects.toThrow(/is running/);
    await expect(repriceRun(parts(store), 99, { pue: 2 })).rejects.toThrow(/no run 99/);
  });

  it('of an imported run has its energy, and emissions of its own price', async () => {
    const store = await openScene();
    const { runs } = importCsvText(
      'emissions.csv',
      'timestamp,duration,emissions,energy_consumed,cpu_energy,pue\n2024-01-01T10:00:00,3600,0.5,2,2,1\n',
    );
    const [id] = await store.addImported(runs);
    const copy = await repriceRun(parts(store), id!, {
      custom: { gPerKwh: 10, name: 'Own solar', source: 'meter', year: 2024 },
      pue: 1.1,
      waterLPerKwh: 3,
    });
    const [before, after] = [await store.getRun(id!), await store.getRun(copy)];
    expect(before.energy!.emissions.gCO2e).toBe(500);
    expect(after.energy!.wh).toBe(before.energy!.wh);
    expect(after.energy!.emissions).toMatchObject({
      gCO2e: expect.closeTo(2 * 1.1 * 10, 9) as number,
      waterL: expect.closeTo(2 * 1.1 * 3, 9) as number,
      regionName: 'Own solar',
      source: 'meter',
    });
    expect(after.summary.gCO2e).toBeCloseTo(22, 9);
  });
});

describe('the baseline', () => {
  it('goes with the copy', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu, cpu]);
    const id = await store.createRun(newRun('idle'));
    await store.startPhase(id, 'baseline', null, seconds(1));
    await store.endPhase(id, 'baseline', null, seconds(6));
    await store.startSegment(id, { micros: seconds(10), utc });
    await store.addSamples(batch('a', 0, 30, { [gpu.key]: steady(50), cpu: steady(5) }));
    await store.endRun(id, { at: seconds(20), status: 'done' });
    const copy = await repriceRun({ store, intensity: createIntensity(store) }, id, {
      region: 'FRA',
    });
    await store.deleteRuns([id]);
    const [phase] = (await store.getRun(copy)).phases;
    expect(phase).toMatchObject({ name: 'baseline', from: -9, to: -4 });
    expect(phase!.wh).toBeCloseTo(wh(5 * 55), 9);
  });
});
