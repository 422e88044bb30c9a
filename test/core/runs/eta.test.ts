import { describe, expect, it } from 'vitest';
import { Eta, Gliding, Progressed } from '../../../src-main/core/runs/eta.ts';
import { RunOutlook } from '../../../src-main/core/runs/outlook.ts';
import { planOf } from '../../../src-main/core/runs/run-plan.ts';
import { parseExperimentConfig, type ExperimentConfigInput } from '../../../src-main/contract.ts';
import type { Range } from '../../../src-main/contract/figures.ts';
import { replay, trace, type Shown } from './replay-trace.ts';

const names = ['steady', 'long-evaluations', 'slow-start', 'two-stages'];
/** As recorded, and as the same course of a run of minutes and of half an hour. */
const clocks = [1, 10, 100];
const cases = names.flatMap((name) => clocks.map((clock) => [name, clock] as const));

type Known = Shown & { shown: Range; reckoned: Range };
const known = (all: Shown[]): Known[] =>
  all.filter((one): one is Known => one.shown !== null && one.reckoned !== null);
const within = (truth: number, [low, high]: Range): boolean => low <= truth && truth <= high;

describe('the time that is left, of recorded runs', () => {
  it.each(cases)('%s, %i times as slow: the interval holds the truth', (name, clock) => {
    const shown = known(replay(trace(name), null, clock));
    const held = shown.filter((one) => within(one.truth, one.shown)).length / shown.length;
    expect(shown.length).toBeGreaterThan(4);
    expect(held).toBeGreaterThan(0.85);
  });

  it.each(cases)(
    '%s, %i times as slow: it moves with the clock, and does not jump',
    (name, clock) => {
      const shown = known(replay(trace(name), null, clock));
      shown.slice(1).forEach((one, i) => {
        const before = shown[i]!;
        for (const end of [0, 1] as const) {
          // what is 0 has nothing left that could move with the clock
          const expected = Math.max(0, before.shown[end] - (one.now - before.now));
          const most = Math.max(0.5, Math.max(before.shown[1], one.reckoned[1]) / 20);
          expect(Math.abs(one.shown[end] - expected)).toBeLessThanOrEqual(most + 1e-9);
        }
      });
    },
  );

  it.each(names)('%s: it is an interval until two epochs are done, and narrows', (name) => {
    const shown = known(replay(trace(name), null, 100)).filter(({ truth }) => truth > 100);
    const width = ({ shown: [low, high] }: Known): number => high - low;
    const [unsettled, settled] = [false, true].map((is) =>
      shown.filter((one) => one.settled === is),
    );
    for (const { shown } of unsettled!) expect(shown[1]).toBeGreaterThan(1.2 * shown[0]);
    // a later stage is a guess until it has begun
    const late = settled!.slice(-Math.ceil(settled!.length / 4));
    const mean = (of: Known[]): number => of.reduce((sum, one) => sum + width(one), 0) / of.length;
    expect(mean(late)).toBeLessThan(mean(unsettled!) / 2);
  });

  it('has the forecast before the first steps, and leaves it as steps are timed', () => {
    const prior = { low: 1000, value: 1500, high: 2500 };
    const all = replay(trace('steady'), prior, 100);
    expect(all[9]!.shown).toEqual([990, 2490]);
    expect(known(all)).toHaveLength(all.length);
    // a forecast that was wrong by far is forgotten
    const wrong = replay(trace('steady'), { low: 9000, value: 10_000, high: 11_000 }, 100);
    const half = known(wrong).slice(-Math.floor(wrong.length / 2));
    expect(half.filter((one) => within(one.truth, one.shown)).length / half.length).toBeGreaterThan(
      0.85,
    );
  });
});

function plan(more: ExperimentConfigInput = {}, until: number | null = null) {
  const parsed = parseExperimentConfig({
    dataset: { kind: 'greensynth', train: 256, validation: 64, test: 64 },
    ...more,
    train: { epochs: 10, batch: 64, ...more.train },
  });
  if (!parsed.ok) throw new Error(parsed.issues[0]!.message);
  return planOf(parsed.config, null, until);
}

const step = (step: number, epoch: number, time: number, ms: number | null = 1000) => ({
  steps: {
    t: [0],
    step: [step],
    epoch: [epoch],
    loss: [1],
    lr: [1],
    tokens: [1],
    stepMs: [ms],
    waitMs: [0],
  },
  time: [time],
});

describe('what a training has before it', () => {
  it('is its stages with their own steps and cost, validations and checkpoints', () => {
    const { stages, validations, checkpoints } = plan({
      train: { epochs: 10, batch: 64, evalEvery: 4, checkpointEvery: 3, recipe: 'pt+ft' },
      finetune: { share: 0.4 },
    });
    expect(
      stages.map(({ phase, first, last, stepsPerEpoch }) => [phase, first, last, stepsPerEpoch]),
    ).toEqual([
      ['pretrain', 1, 6, 4],
      ['finetune', 7, 10, 4],
    ]);
    // the encoder is frozen in the second
    expect(stages[1]!.units[0]).toBeLessThan(stages[0]!.units[0]! / 2);
    expect(validations).toEqual([8, 10]);
    expect(checkpoints).toEqual([3, 6, 9, 10]);
    const kept = plan({ train: { epochs: 10, checkpointEvery: 3, keepCheckpoints: 4 } });
    expect(kept.checkpoints).toEqual([3, 4, 6, 8, 9, 10]);
  });

  it('ends where it pauses, without a test', () => {
    const staged: ExperimentConfigInput = {
      train: { epochs: 10, batch: 64, evalEvery: 4, checkpointEvery: 3, recipe: 'pt+ft' },
      finetune: { share: 0.4 },
    };
    const { stages, validations, checkpoints, testImages, share } = plan(staged, 8);
    expect(stages.map(({ first, last }) => [first, last])).toEqual([
      [1, 6],
      [7, 8],
    ]);
    expect({ validations, checkpoints, testImages, share }).toEqual({
      validations: [8],
      checkpoints: [3, 6, 8],
      testImages: 0,
      share: 0.8,
    });
  });

  it('has steps that cost what the schedules make of them', () => {
    const units = plan({
      selection: { mode: 'drop', keepRatio: 0.25, schedule: 'anneal' },
    }).stages[0]!.units;
    expect(units.at(-1)).toBeGreaterThan(2 * units[0]!);
  });
});

describe('reckoning', () => {
  it('of an even run is right within what steps, validation and test allow', () => {
    const eta = new Eta(plan(), null, { time: 0, step: 0, steps: 40 });
    for (let i = 1; i <= 20; i++) {
      const epoch = Math.ceil(i / 4);
      // 4 s of steps, 2 s of validation
      const time = i + (epoch - 1) * 2;
      eta.steps(step(i, epoch, time));
      if (i % 4 > 0) continue;
      eta.phase({ name: 'evaluate', epoch, edge: 'start', time });
      eta.phase({ name: 'evaluate', epoch, edge: 'end', time: time + 2 });
    }
    // 20 steps, 5 validations, a test of the same length
    const [low, high] = eta.reckon(30)!;
    expect(within(20 + 10 + 2, [low, high])).toBe(true);
    expect((high - low) / 32).toBeLessThan(0.35);
  });

  it('of a run that pauses is the time until there, before its first steps and after', () => {
    const prior = { low: 100, value: 100, high: 100 };
    const of = (time: number, step: number) =>
      new Eta(plan({}, 5), prior, { time, step, steps: 40 });
    expect(of(0, 0).remaining(0)).toEqual([50, 50]);
    // from its fourth of ten epochs on
    const resumed = of(40, 16);
    expect(resumed.remaining(40)![1]).toBeCloseTo(10, 6);
    const eta = new Eta(plan({}, 5), null, { time: 0, step: 0, steps: 40 });
    for (let i = 1; i <= 12; i++) eta.steps(step(i, Math.ceil(i / 4), i));
    // two epochs of four steps of a second, and two validations of a quarter of that
    const [low, high] = eta.reckon(12)!;
    expect(low).toBeGreaterThan(6);
    expect(high).toBeLessThan(16);
  });

  it('of a resumed run takes what is done from the forecast, and its own pace from then on', () => {
    const prior = { low: 90, value: 100, high: 110 };
    const eta = new Eta(plan(), prior, { time: 70, step: 30, steps: 40 });
    const [low, high] = eta.reckon(70)!;
    expect([low, high].map(Math.round)).toEqual([23, 28]);
    for (let i = 31; i <= 36; i++) eta.steps(step(i, Math.ceil(i / 4), 70 + (i - 30)));
    expect(within(4 + 0.3, eta.reckon(76)!)).toBe(true);
  });

  it('of a command goes by its steps, pauses and all; without a total nothing is told', () => {
    const eta = new Eta(null, null, { time: 0, step: 0, steps: null });
    for (let i = 1; i <= 10; i++) eta.steps(step(i, 0, 3 * i, null));
    expect(eta.reckon(30)).toBeNull();
    eta.total(20);
    expect(within(30, eta.reckon(30)!)).toBe(true);
  });

  it('takes no longer for a step because many were quick', () => {
    const took = (ms: number): number => {
      const eta = new Eta(plan({ train: { epochs: 10_000, batch: 64 } }), null, {
        time: 0,
        step: 0,
        steps: 40_000,
      });
      const began = performance.now();
      for (let i = 1; i < 20_000; i++) eta.steps(step(i, Math.ceil(i / 4), (i * ms) / 1000, ms));
      return performance.now() - began;
    };
    took(100);
    // of these, 20,000 are of the last half minute, of those 300
    expect(took(1)).toBeLessThan(5 * took(100));
  });

  it('knows how many steps there really are', () => {
    const eta = new Eta(plan(), null, { time: 0, step: 0, steps: null });
    const twice = new Eta(plan(), null, { time: 0, step: 0, steps: null });
    twice.total(80);
    for (const one of [eta, twice]) for (let i = 1; i <= 3; i++) one.steps(step(i, 1, i));
    expect(twice.reckon(3)![0] / eta.reckon(3)![0]).toBeGreaterThan(1.8);
  });
});

describe('what is shown', () => {
  it('glides to another reckoning and keeps an end where nothing is reckoned', () => {
    const end = new Gliding(0.5);
    expect(end.hold(0)).toBeNull();
    expect(end.toward([100, 120], 0)).toEqual([100, 120]);
    // a second later the run seems to take three times as long
    expect(end.toward([300, 360], 1)).toEqual([99 + 18, 119 + 18]);
    expect(end.hold(11)).toEqual([107, 127]);
  });

  it('tells a share that never falls', () => {
    const progressed = new Progressed();
    expect(progressed.at(0, null)).toBeNull();
    expect(progressed.at(50, [40, 60])).toBe(0.5);
    expect(progressed.at(51, [100, 120])).toBe(0.5);
    expect(progressed.at(100, [0, 0])).toBe(1);
  });

  it('has the energy of the end from the power so far; without readings there is none', () => {
    const cost = {
      seconds: { low: 90, value: 100, high: 110 },
      wh: { low: 0.9, value: 1, high: 1.1 },
    };
    const from = { time: 0, wh: null, step: 0, steps: 40 };
    const outlook = new RunOutlook({ plan: plan(), cost }, from);
    // before anything was read, by the forecast: 36 W
    const first = outlook.at({ time: 1, wh: 0.01, gCO2e: 0.004, watts: 36 }, 0.4);
    expect(within(1, first.wh!)).toBe(true);
    expect(first.gCO2e![0]).toBeCloseTo(first.wh![0] * 0.4, 6);
    for (let time = 2; time <= 90; time++)
      outlook.at({ time, wh: time / 50, gCO2e: time / 125, watts: 72 }, 0.4);
    const late = outlook.at({ time: 91, wh: 91 / 50, gCO2e: 91 / 125, watts: 72 }, 0.4);
    expect(late.wh![0]).toBeGreaterThan(91 / 50);
    // twice the power of the forecast
    expect(within(91 / 50 + (45 * 72) / 3600, [0, late.wh![1] + 0.5])).toBe(true);

    const blind = new RunOutlook({ plan: plan(), cost: { ...cost, wh: null } }, from);
    expect(blind.at({ time: 1, wh: null, gCO2e: null, watts: null }, 0.4)).toMatchObject({
      seconds: [89, 109],
      wh: null,
      gCO2e: null,
    });
  });
});
