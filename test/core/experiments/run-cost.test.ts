/** What a run will take: from runs of the same kind, from a rehearsal, from other work (pure arithmetic). */
import { describe, expect, test } from 'vitest';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';
import {
  measuredCost,
  runCost,
  shapeOf,
  total,
  type Experience,
  type MeasuredCost,
  type PastRun,
  type Place,
} from '../../../src-main/core/experiments/run-cost.ts';
import { parseExperimentConfig, type ExperimentConfigInput } from '../../../src-main/contract.ts';

function configOf(input: ExperimentConfigInput) {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}
const base: ExperimentConfigInput = {
  dataset: { kind: 'greensynth', train: 320, validation: 64, test: 32 },
  train: { epochs: 4, batch: 32 },
};
const config = configOf(base);
const place: Place = { engine: 'cpu', cpu: 'A processor' };
const none: Experience = { runs: [], measured: null, others: [] };
const tell = (experience: Partial<Experience>, of = config, where = place) =>
  runCost(of, forecast(of), { ...none, ...experience }, where, 0.4);

const past = (id: number, seconds: number, own = config, more: Partial<PastRun> = {}): PastRun => ({
  id,
  config: own,
  forecast: forecast(own),
  engine: 'cpu',
  cpu: 'A processor',
  seconds,
  wh: seconds / 100,
  phases: { prepare: 1, train: seconds * 0.8, evaluate: seconds * 0.1 },
  ...more,
});

/** Steps of 50 ms on all patches, of 20 ms on the kept ones, at 36 W. */
const rehearsed = (of = config, watts: number | null = 36): MeasuredCost =>
  measuredCost(
    {
      engine: { name: 'cpu', description: '', why: '' },
      prepareSeconds: 1,
      compileSeconds: 2,
      stages: [
        {
          phase: 'train',
          batch: 32,
          onceSecondsPerImage: 0,
          steps: [
            { selects: false, from: 0, to: 5e5, stepMs: Array<number>(10).fill(50) },
            ...(of.selection.mode === 'off'
              ? []
              : [{ selects: true, from: 5e5, to: 7e5, stepMs: Array<number>(10).fill(20) }]),
          ],
        },
      ],
      evaluation: { batch: 32, batchSeconds: 0.5 },
    },
    forecast(of),
    watts,
  );

describe('nothing is told of a machine', () => {
  test('on which nothing has run', () => {
    expect(tell({})).toMatchObject({ basis: 'none', seconds: null, wh: null, gCO2e: null });
  });
  test('from runs of another engine or another processor', () => {
    const runs = [
      past(1, 10, config, { engine: 'webgpu' }),
      past(2, 10, config, { cpu: 'Another' }),
    ];
    expect(tell({ runs }).basis).toBe('none');
  });
});

describe('earlier runs of the same experiment', () => {
  test('one: its own figures, and an assumed band that is told', () => {
    const { basis, seconds, wh, gCO2e, how, runs } = tell({ runs: [past(7, 100)] });
    expect({ basis, runs }).toEqual({ basis: 'runs', runs: [7] });
    expect(seconds!.value).toBe(100);
    expect(seconds!.low).toBeCloseTo(85);
    expect(seconds!.high).toBeCloseTo(115);
    expect(wh!.value).toBeCloseTo(1);
    expect(gCO2e!.value).toBeCloseTo(0.4);
    expect(how).toContain('From run 7');
    expect(how).toContain('15 %');
  });

  test('several: their mean and spread; seed, name and region make no difference', () => {
    const seeded = configOf({
      ...base,
      name: 'x',
      train: { ...base.train, seed: 7 },
      energy: { region: 'FRA' },
    });
    const { seconds, runs } = tell({ runs: [past(1, 90), past(2, 100, seeded), past(3, 110)] });
    expect(runs).toEqual([1, 2, 3]);
    expect(seconds!.value).toBeCloseTo(100);
    // two standard deviations of 10
    expect(seconds!.low).toBeCloseTo(80);
    expect(seconds!.high).toBeCloseTo(120);
  });

  test('of other epochs: training and evaluation are scaled, preparation is not', () => {
    const twice = configOf({ ...base, train: { ...base.train, epochs: 8 } });
    const { seconds, how } = tell({ runs: [past(1, 100)] }, twice);
    // 80 s of training and 10 s of evaluation come twice, 10 s once
    expect(seconds!.value).toBeCloseTo(190);
    expect(how).toContain('scaled to these epochs');
  });

  test('runs without a power reading tell the time only', () => {
    expect(tell({ runs: [past(1, 100, config, { wh: null })] })).toMatchObject({
      basis: 'runs',
      wh: null,
      gCO2e: null,
    });
  });
});

describe('a rehearsal', () => {
  test('adds up steps, evaluations and what is done once', () => {
    const { basis, seconds, wh } = tell({ measured: rehearsed() });
    // 4 epochs of 10 steps; 4 evaluations of 2 batches and the test's one; 3 s once
    const value = 4 * 10 * 0.05 + (4 * 2 + 1) * 0.5 + 3;
    expect(basis).toBe('measured');
    expect(seconds!.value).toBeCloseTo(value);
    expect(seconds!.low).toBeLessThan(0.9 * value);
    expect(seconds!.high).toBeGreaterThan(1.1 * value);
    expect(wh!.value).toBeCloseTo((36 * value) / 3600);
  });

  test('averages the selection schedule over the epochs', () => {
    const halved = configOf({
      ...base,
      selection: { mode: 'drop', keepRatio: 0.5, schedule: 'constant', prob: 0.5 },
    });
    const annealed = configOf({
      ...base,
      selection: { mode: 'drop', schedule: 'anneal', tail: 0.25 },
    });
    const rest = (4 * 2 + 1) * 0.5 + 3;
    expect(tell({ measured: rehearsed(halved) }, halved).seconds!.value).toBeCloseTo(
      40 * (0.5 * 0.05 + 0.5 * 0.02) + rest,
    );
    // the share falls from 1 over 2/3 and 1/3 to a full epoch at the end
    const share = (1 + 2 / 3 + 1 / 3) / 4;
    expect(tell({ measured: rehearsed(annealed) }, annealed).seconds!.value).toBeCloseTo(
      40 * (share * 0.02 + (1 - share) * 0.05) + rest,
    );
  });

  test('gives way to earlier runs', () => {
    expect(tell({ measured: rehearsed(), runs: [past(1, 100)] }).basis).toBe('runs');
  });

  test('without power tells the time only', () => {
    expect(tell({ measured: rehearsed(config, null) }).wh).toBeNull();
  });
});

describe('other work here', () => {
  const other = configOf({ ...base, model: { dim: 32 } });

  test('gives a guess within a factor, and says so', () => {
    const { basis, seconds, how, runs } = tell({ runs: [past(5, 50, other)] });
    const [own, its] = [forecast(config), forecast(other)];
    expect(own.macsFull).toBeGreaterThan(its.macsFull);
    // 40 s of training; per operation, the larger model takes as much, or a root of the sizes less
    const evaluated = 4 * 64 * own.macsFull + 32 * (own.macsTest ?? own.macsFull);
    const most = (40 * (own.trainMacs + evaluated)) / its.trainMacs;
    const least = most / Math.sqrt(own.macsFull / its.macsFull);
    // 5 s of 50 are neither training nor evaluation
    expect(seconds!.high).toBeCloseTo(3 * most + 7.5);
    expect(seconds!.low).toBeCloseTo(least / 3 + 2.5);
    expect(seconds!.value).toBeCloseTo(Math.sqrt(most * least) + 5);
    expect(basis).toBe('throughput');
    expect(how).toContain('rough guess');
    expect(runs).toEqual([5]);
    // so does a rehearsal of another config
    expect(tell({ others: [rehearsed(other)] }).basis).toBe('throughput');
  });

  test('that was over before it had trained tells nothing, nor does that of a model of another size', () => {
    const short = past(5, 3, other, { phases: { prepare: 2, train: 0.2, evaluate: 0.1 } });
    expect(tell({ runs: [short] }).basis).toBe('none');
    const huge = configOf({ ...base, model: { dim: 768, layers: 12 } });
    expect(tell({ runs: [past(5, 50)] }, huge).basis).toBe('none');
  });

  test('of tiny runs holds what a larger model was found to take', () => {
    // measured on one machine: 110,784 MACs an image at 2.6e-10 s each, 7.67 M at 3.6e-11 s
    const tiny = past(7, 8.6, other, {
      forecast: { ...forecast(other), macsFull: 110_784, trainMacs: 12_762_316_800 },
      phases: { prepare: 0.65, compile: 0.2, train: 3.35, evaluate: 0.87, checkpoint: 2.31 },
    });
    const larger = { ...forecast(config), macsFull: 7.67e6, trainMacs: 449e9 };
    const { seconds } = runCost(config, larger, { ...none, runs: [tiny] }, place, 0.4);
    expect(seconds!.low).toBeLessThan(16);
    expect(seconds!.high).toBeGreaterThan(16);
    expect(seconds!.value).toBeLessThan(60);
  });
});

test('the shape changes with all that a step depends on, and with nothing else', () => {
  const shape = (input: ExperimentConfigInput, where = place) => shapeOf(configOf(input), where);
  const own = shape(base);
  expect(shape({ ...base, name: 'x' })).toBe(own);
  expect(shape({ ...base, train: { ...base.train, seed: 9, epochs: 20 } })).toBe(own);
  expect(shape({ ...base, compute: { engine: 'cpu' } })).toBe(own);
  for (const other of [
    { ...base, model: { dim: 32 } },
    { ...base, selection: { mode: 'drop' as const } },
    { ...base, train: { ...base.train, batch: 16 } },
    { ...base, compute: { threads: 1 } },
  ])
    expect(shape(other)).not.toBe(own);
  expect(shape(base, { ...place, engine: 'webgpu' })).not.toBe(own);
  expect(shape(base, { ...place, cpu: 'Another' })).not.toBe(own);
});

test('a sum with something unknown in it is unknown', () => {
  const one = { low: 1, value: 2, high: 3 };
  expect(total([one, one])).toEqual({ low: 2, value: 4, high: 6 });
  expect(total([one, null])).toBeNull();
});
