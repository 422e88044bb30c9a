import { describe, expect, it } from 'vitest';
import {
  EnergyAccount,
  plainPricing,
  runEnergy,
  type Readings,
} from '../../../src-main/core/energy/account.ts';
import { findRegion } from '../../../src-main/core/energy/regions.ts';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import type { PowerComponent } from '../../../src-main/contract.ts';

const second = 1_000_000;

/** One reading a second; joules as given, flags 0 unless listed. */
const perSecond = (joules: (number | null)[], gapsAt: number[] = [], start = 0): Readings => ({
  t: joules.map((_, i) => (start + i) * second),
  joules,
  flags: joules.map((_, i) => (gapsAt.includes(i) ? SampleFlag.gap : 0)),
});

describe('energy of an interval', () => {
  it('is power times time at steady power', () => {
    const account = EnergyAccount.of([perSecond([500, 600, 700, 800, 900])]);
    expect(account.between(second, 4 * second)).toEqual({ joules: 300, coverage: 1, gaps: 0 });
  });

  it('interpolates between readings, also inside one sample period', () => {
    // a ramp: 0, 10, 40, 90 J
    const account = EnergyAccount.of([perSecond([0, 10, 40, 90])]);
    expect(account.between(0.5 * second, 2.5 * second).joules).toBeCloseTo(65 - 5, 12);
    expect(account.between(1.2 * second, 1.4 * second)).toEqual({
      joules: expect.closeTo(6, 9),
      coverage: 1,
      gaps: 0,
    });
  });

  it('leaves a flagged gap out and says how much is covered', () => {
    const account = EnergyAccount.of([perSecond([0, 100, 5000, 5100, 5200], [2])]);
    expect(account.between(0, 4 * second)).toEqual({ joules: 300, coverage: 0.75, gaps: 1 });
    expect(account.between(1.2 * second, 1.8 * second)).toEqual({
      joules: null,
      coverage: 0,
      gaps: 1,
    });
    // beside the gap, not in it
    expect(account.between(2 * second, 4 * second)).toEqual({ joules: 200, coverage: 1, gaps: 0 });
    expect(account.gaps).toBe(1);
  });

  it('takes a falling counter as a gap even without a flag', () => {
    const account = EnergyAccount.of([perSecond([1000, 1100, 7, 107])]);
    expect(account.between(0, 3 * second)).toEqual({
      joules: 200,
      coverage: expect.closeTo(2 / 3, 12),
      gaps: 1,
    });
  });

  it('bridges missing values of a counter that went on, unless the gap is flagged on one of them', () => {
    expect(EnergyAccount.of([perSecond([0, null, null, 30])]).between(0, 3 * second)).toEqual({
      joules: 30,
      coverage: 1,
      gaps: 0,
    });
    expect(
      EnergyAccount.of([perSecond([0, null, null, 30, 40], [1])]).between(0, 4 * second),
    ).toEqual({ joules: 10, coverage: 0.25, gaps: 1 });
  });

  it('clips edges outside the readings and lowers the coverage', () => {
    const account = EnergyAccount.of([perSecond([0, 10, 20], [], 10)]);
    expect(account.between(9 * second, 13 * second)).toEqual({
      joules: 20,
      coverage: 0.5,
      gaps: 0,
    });
    expect(account.between(0, 5 * second)).toEqual({ joules: null, coverage: 0, gaps: 0 });
    expect(account.between(20 * second, 30 * second).joules).toBeNull();
  });

  it('is null, never 0, without readings', () => {
    const missing = { joules: null, coverage: 0, gaps: 0 };
    expect(new EnergyAccount().between(0, second)).toEqual(missing);
    expect(EnergyAccount.of([perSecond([null, null])]).between(0, second)).toEqual(missing);
    expect(
      EnergyAccount.of([
        { t: [0, second], joules: new Float64Array([NaN, NaN]), flags: new Uint8Array(2) },
      ]).between(0, second),
    ).toEqual(missing);
  });

  it('joins two sessions whose counters both start at 0', () => {
    const account = EnergyAccount.of([perSecond([0, 10, 20]), perSecond([0, 5, 10], [], 4)]);
    expect(account.between(0, 6 * second)).toEqual({
      joules: 30,
      coverage: expect.closeTo(4 / 6, 12),
      gaps: 1,
    });
  });

  it('grows as batches arrive, the session going on', () => {
    const account = new EnergyAccount();
    account.append('a', perSecond([0, 10]));
    account.append('a', perSecond([20, 30], [], 2));
    expect(account.between(0, 3 * second)).toEqual({ joules: 30, coverage: 1, gaps: 0 });
    expect(account.readings).toBe(4);
  });

  it('refuses time that runs backwards', () => {
    const account = EnergyAccount.of([perSecond([0, 10, 20])]);
    expect(() => account.append('1', perSecond([5]))).toThrow(/order of time/);
    expect(() => account.between(2, 1)).toThrow(/cannot end/);
  });

  it('gives an empty interval 0 J where readings are, null elsewhere', () => {
    const account = EnergyAccount.of([perSecond([0, 10, 500], [2])]);
    expect(account.between(second / 2, second / 2)).toEqual({ joules: 0, coverage: 1, gaps: 0 });
    expect(account.between(1.5 * second, 1.5 * second).joules).toBeNull();
    expect(account.between(9 * second, 9 * second).joules).toBeNull();
  });

  it('adds up over neighbouring intervals, wherever they are cut', () => {
    let state = 7;
    const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
    const t: number[] = [];
    const joules: (number | null)[] = [];
    const flags: number[] = [];
    let clock = 0;
    let counter = 0;
    for (let i = 0; i < 500; i++) {
      clock += 1 + Math.floor(random() * second);
      counter = random() < 0.02 ? 0 : counter + random() * 300;
      t.push(clock);
      joules.push(random() < 0.05 ? null : counter);
      flags.push(random() < 0.03 ? SampleFlag.gap : 0);
    }
    const account = EnergyAccount.of([{ t, joules, flags }]);
    for (let i = 0; i < 200; i++) {
      const [from, cut, to] = [random(), random(), random()]
        .map((share) => Math.floor((share * 1.2 - 0.1) * clock))
        .sort((a, b) => a - b) as [number, number, number];
      const whole = account.between(from, to);
      const left = account.between(from, cut);
      const right = account.between(cut, to);
      expect((left.joules ?? 0) + (right.joules ?? 0)).toBeCloseTo(whole.joules ?? 0, 6);
      expect(left.coverage * (cut - from) + right.coverage * (to - cut)).toBeCloseTo(
        whole.coverage * (to - from),
        3,
      );
    }
  });

  it('answers on a million readings exactly', () => {
    const count = 1_000_000;
    const t = Float64Array.from({ length: count }, (_, i) => i * 100_000);
    const joules = Float64Array.from({ length: count }, (_, i) => 1e9 + i * 25);
    const account = EnergyAccount.of([{ t, joules, flags: new Uint8Array(count) }]);
    for (let i = 0; i < 10_000; i++)
      expect(account.between(i * 100_000, (i + 1000) * 100_000).joules).toBe(25_000);
  });
});

const component = (over: Partial<PowerComponent>): PowerComponent => ({
  key: 'gpu:1',
  kind: 'gpu',
  name: 'GPU',
  source: 'nvml',
  provenance: 'counted',
  uncertaintyPercent: 5,
  uncertaintyWatts: null,
  method: '',
  ...over,
});
const modelled = component({
  key: 'cpu',
  kind: 'cpu',
  provenance: 'modelled',
  uncertaintyPercent: null,
  uncertaintyWatts: 30,
});
const constant = component({
  key: 'ram',
  kind: 'ram',
  provenance: 'constant',
  uncertaintyPercent: null,
});

describe('energy of a run', () => {
  const italy = findRegion('ITA').region;

  it('adds components, takes idle off, combines bands and prices the emissions', () => {
    const energy = runEnergy({
      seconds: 3600,
      pricing: plainPricing(italy, 1.5),
      components: [
        {
          info: component({}),
          energy: { joules: 720_000, coverage: 1, gaps: 0 },
          idleWatts: 50,
        },
        { info: modelled, energy: { joules: 90_000, coverage: 0.5, gaps: 1 }, idleWatts: 20 },
        { info: constant, energy: { joules: 18_000, coverage: 1, gaps: 0 }, idleWatts: 5 },
      ],
    });
    expect(energy.wh).toBeCloseTo(200 + 25 + 5, 12);
    expect(energy.components.map((c) => c.netWh)).toEqual([150, 15, 0]);
    expect(energy.components.map((c) => c.meanWatts)).toEqual([200, 50, 5]);
    // 5 % of 200 Wh; 30 W over the half hour that was covered; a constant has no band
    expect(energy.components.map((c) => c.uncertaintyWh)).toEqual([10, 15, null]);
    expect(energy.uncertaintyWh).toBeCloseTo(Math.sqrt(325), 12);
    expect(energy.netWh).toBeCloseTo(165, 12);
    expect(energy.coverage).toBe(0.5);
    expect(energy.emissions.gCO2e).toBeCloseTo(0.23 * 1.5 * 284.78, 9);
    expect(energy.emissions).toMatchObject({ regionCode: 'ITA', year: 2025, pue: 1.5 });
  });

  it('has a net energy of 0 where only rounding is left of it', () => {
    const idle = { info: component({}), energy: { joules: 0.3, coverage: 1, gaps: 0 } };
    const run = {
      seconds: 3,
      components: [{ ...idle, idleWatts: 0.1 }],
      pricing: plainPricing(italy, 1),
    };
    expect(runEnergy(run).netWh).toBe(0);
  });

  it('leaves out what was not read and says so by the coverage', () => {
    const energy = runEnergy({
      seconds: 10,
      pricing: plainPricing(italy, 1),
      components: [
        { info: component({}), energy: { joules: null, coverage: 0, gaps: 0 }, idleWatts: 50 },
        { info: modelled, energy: { joules: 360, coverage: 1, gaps: 0 }, idleWatts: null },
      ],
    });
    expect(energy.wh).toBe(0.1);
    expect(energy.netWh).toBeNull();
    expect(energy.coverage).toBe(0);
    expect(energy.components[0]).toMatchObject({ wh: null, meanWatts: null, netWh: null });
  });

  it('keeps what is not the run’s out of every total, but not out of the socket', () => {
    const card = (key: string, counted: boolean) => ({
      info: component({ key }),
      energy: { joules: 360_000, coverage: 1, gaps: 0 },
      idleWatts: 50,
      counted,
      processJoules: 180_000,
      programJoules: 3600,
    });
    const energy = runEnergy({
      seconds: 3600,
      pricing: plainPricing(italy, 1),
      components: [card('gpu:a', true), card('gpu:b', false)],
      wall: { baseWatts: 50, factor: 1.1, calibratedAt: 0, method: 'typed in' },
    });
    expect(energy).toMatchObject({ wh: 100, netWh: 50, processWh: 50, programWh: 1 });
    expect(energy.components.map(({ counted }) => counted)).toEqual([true, false]);
    expect(energy.wall!.wh).toBeCloseTo(50 + 1.1 * 200, 9);
    expect(energy.wall!.uncertaintyWh).toBeCloseTo(0.04 * 270, 9);
  });

  it('prices by the hour, with water and manufacture as lines of their own', () => {
    const hourly = {
      kind: 'profile',
      provider: 'profile',
      zone: 'office',
      name: 'office.csv',
      source: 'typed in',
      basis: 'as in the profile',
      at: [],
      gPerKwh: [],
    } as const;
    const energy = runEnergy({
      seconds: 3600,
      pricing: {
        ...plainPricing(italy, 1.2),
        hourly: { ...hourly, at: [], gPerKwh: [] },
        waterLPerKwh: 1.8,
        embodied: { kgCO2e: 876.6, years: 1 },
      },
      hourly: { gPerKwh: 100, coverage: 0.75 },
      components: [
        {
          info: component({}),
          energy: { joules: 3_600_000, coverage: 1, gaps: 0 },
          idleWatts: null,
        },
      ],
    });
    expect(energy.emissions.gCO2e).toBeCloseTo(120, 9);
    expect(energy.emissions.waterL).toBeCloseTo(1.8 * 1.2, 9);
    expect(energy.emissions.embodiedG).toBeCloseTo(100, 9);
    expect(energy.emissions.hourly).toEqual({
      name: 'office.csv',
      source: 'typed in',
      coverage: 0.75,
    });
  });

  it('is null without any reading', () => {
    const energy = runEnergy({ seconds: 10, pricing: plainPricing(italy, 1), components: [] });
    expect(energy).toMatchObject({ wh: null, uncertaintyWh: null, netWh: null, coverage: 0 });
    expect(energy.emissions.gCO2e).toBeNull();
  });
});
