/** Sweeps of the in-memory host: what the page shows of one, without the trials' arithmetic. */
import {
  AppError,
  parseExperimentConfig,
  type ExperimentConfig,
  type Forecast,
  type MatrixState,
  type RunCost,
  type SweepField,
  type SweepOrder,
  type SweepPlan,
  type SweepPreview,
  type SweepValue,
  type TrialRow,
} from '../../src-main/contract.ts';

const valuesOf = (field: SweepField): SweepValue[] => {
  if (Array.isArray(field)) return field;
  const { from, to, steps = 3 } = field;
  return Array.from({ length: steps }, (_, i) => from + ((to - from) * i) / (steps - 1));
};

/** Every combination, or as many of them as are to be drawn. */
export function sweepPreview(
  order: SweepOrder,
  forecastOf: (config: ExperimentConfig) => Forecast,
  costOf: (config: ExperimentConfig) => RunCost,
): SweepPreview {
  const parsed = parseExperimentConfig(order.config);
  if (!parsed.ok) throw new AppError('BAD_INPUT', 'The base config cannot be run.');
  const { config } = parsed;
  const { eta = 3 } = order.halving ?? {};
  const all = Object.entries(order.fields).reduce<Record<string, SweepValue>[]>(
    (own, [key, field]) =>
      own.flatMap((one) => valuesOf(field).map((value) => ({ ...one, [key]: value }))),
    [{}],
  );
  const values = Array.from({ length: order.trials ?? all.length }, (_, i) => all[i % all.length]!);
  if (order.halving && values.length < eta)
    throw new AppError('BAD_INPUT', 'This sweep cannot be run.', null, [
      { path: 'halving', message: `${values.length} trials are too few to keep one in ${eta}` },
    ]);
  const trials = values.map((own, i) => ({
    arm: `trial-${i + 1}`,
    title: Object.entries(own)
      .map(([key, value]) => `${key.split('.')[1]} ${value}`)
      .join(', '),
    values: own,
  }));
  const plan: SweepPlan = {
    name: order.name ?? config.name,
    base: config,
    fields: order.fields,
    seed: order.trials === undefined ? null : (order.seed ?? 42),
    objective: order.objective ?? 'f1',
    limitWh: order.limitWh ?? null,
    seeds: Array.from({ length: order.repeats ?? 1 }, (_, i) => config.train.seed + i),
    warmUp: order.warmUp ?? true,
    epochs: config.train.epochs,
    halving: order.halving
      ? {
          eta,
          rungs: (order.halving.rungs ?? [1]).map((epochs) => ({
            epochs,
            enter: trials.length,
            goOn: Math.max(1, Math.floor(trials.length / eta)),
          })),
        }
      : null,
    trials,
  };
  const arms = trials.map(({ arm, title }) => ({
    id: arm,
    title,
    baseline: null,
    config,
    forecast: forecastOf(config),
    cost: costOf(config),
  }));
  const runs = trials.length * plan.seeds.length + (plan.warmUp ? 1 : 0);
  const each = forecastOf(config);
  return {
    order: plan,
    arms,
    runs: [],
    total: {
      runs,
      steps: runs * each.steps,
      trainMacs: runs * each.trainMacs,
      memoryBytes: each.memoryBytes,
      seconds: { low: 5400, value: 6600, high: 7800 },
      wh: { low: 300, value: 350, high: 400 },
      gCO2e: { low: 90, value: 105, high: 120 },
      how: 'From earlier runs of them here.',
    },
    warnings: [],
    refusal: null,
  };
}

/** A sweep over two fields with halving, of runs that are told: one still trains, one is dropped, one is done. */
export function sweepState(config: ExperimentConfig, ids: readonly number[]): MatrixState {
  const trial = (i: number, more: Partial<TrialRow>): TrialRow => ({
    arm: `trial-${i + 1}`,
    title: `lr 0.00${i + 1}, keepRatio 0.${5 + i}`,
    values: { 'train.lr': (i + 1) / 1000, 'selection.keepRatio': (5 + i) / 10 },
    ids: ids[i] === undefined ? [] : [ids[i]],
    state: 'done',
    epochs: 9,
    score: 0.8,
    overLimit: false,
    rank: 1,
    validationF1: 0.8,
    testF1: 0.79,
    wh: 120,
    uncertaintyWh: 6,
    gCO2e: 40,
    seconds: 600,
    ...more,
  });
  const trials = [
    trial(0, {}),
    trial(1, { state: 'running', epochs: 3, score: 0.7, validationF1: 0.7, testF1: null, rank: 2 }),
    trial(2, { state: 'dropped', epochs: 1, score: 0.4, validationF1: 0.4, testF1: null, rank: 3 }),
    trial(3, { state: 'dropped', epochs: 1, score: 0.3, validationF1: 0.3, testF1: null, rank: 4 }),
  ];
  return {
    group: 4,
    id: 'sweep',
    title: 'green 32',
    createdAt: Date.UTC(2026, 10, 1),
    plan: {
      name: 'green 32',
      base: config,
      fields: {
        'train.lr': { from: 0.001, to: 0.004, scale: 'log' },
        'selection.keepRatio': [0.5, 0.6, 0.7, 0.8],
      },
      seed: 42,
      objective: 'f1',
      limitWh: null,
      seeds: [42],
      warmUp: true,
      epochs: 9,
      halving: {
        eta: 2,
        rungs: [
          { epochs: 1, enter: 4, goOn: 2 },
          { epochs: 3, enter: 2, goOn: 1 },
        ],
      },
      trials: trials.map(({ arm, title, values }) => ({ arm, title, values })),
    },
    state: 'running',
    trials,
    warmUps: [],
    decided: 1,
    best: 'trial-1',
    energy: {
      wh: 412,
      uncertaintyWh: 21,
      gCO2e: 140,
      droppedWh: 268,
      droppedUncertaintyWh: 13,
      failedWh: 0,
      warmUpWh: 0,
      unread: 0,
      labels: '80 % counted, 20 % modelled',
    },
  };
}
