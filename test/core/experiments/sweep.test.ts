import { describe, expect, it } from 'vitest';
import type { RunCost, SweepOrder } from '../../../src-main/contract.ts';
import {
  expandSweep,
  previewSweep,
  stretchesOf,
} from '../../../src-main/core/experiments/sweep.ts';

const base = {
  name: 'small',
  dataset: { kind: 'greensynth', train: 64, validation: 16, test: 16 },
  train: { epochs: 9, batch: 16, seed: 7 },
};
const order = (more: Partial<SweepOrder>): SweepOrder => ({
  config: base,
  fields: { 'train.lr': [0.001] },
  ...more,
});
const valuesOf = (request: SweepOrder) =>
  expandSweep(request).order.trials.map(({ values }) => values);

describe('a grid', () => {
  it('is every combination, the last field varying fastest, in configs that differ in it alone', () => {
    const {
      order: plan,
      arms,
      runs,
    } = expandSweep(
      order({
        fields: {
          'train.lr': { from: 1e-4, to: 1e-2, steps: 3, scale: 'log' },
          'selection.keepRatio': [0.5, 0.7],
        },
        warmUp: false,
      }),
    );
    expect(plan.trials.map(({ title }) => title)).toEqual([
      'lr 0.0001, keepRatio 0.5',
      'lr 0.0001, keepRatio 0.7',
      'lr 0.001, keepRatio 0.5',
      'lr 0.001, keepRatio 0.7',
      'lr 0.01, keepRatio 0.5',
      'lr 0.01, keepRatio 0.7',
    ]);
    expect(arms.map(({ config }) => [config.train.lr, config.selection.keepRatio])).toEqual([
      [1e-4, 0.5],
      [1e-4, 0.7],
      [1e-3, 0.5],
      [1e-3, 0.7],
      [1e-2, 0.5],
      [1e-2, 0.7],
    ]);
    expect(runs.map(({ name }) => name)).toContain('small: lr 0.001, keepRatio 0.7, seed 7');
    expect(plan).toMatchObject({ name: 'small', seed: null, seeds: [7], epochs: 9, halving: null });
  });

  it('takes linear steps, whole numbers where the key holds them, and no value twice', () => {
    expect(
      valuesOf(order({ fields: { 'train.weightDecay': { from: 0, to: 0.1, steps: 3 } } })),
    ).toEqual([0, 0.05, 0.1].map((value) => ({ 'train.weightDecay': value })));
    expect(valuesOf(order({ fields: { 'model.layers': { from: 1, to: 3, steps: 5 } } }))).toEqual(
      [1, 2, 3].map((value) => ({ 'model.layers': value })),
    );
  });

  it('repeats each trial with the base’s seed and the next ones, there and back, after a warm-up', () => {
    const { runs } = expandSweep(order({ fields: { 'train.lr': [0.1, 0.2] }, repeats: 2 }));
    expect(runs.map(({ arm, seed, warmUp }) => [arm, seed, warmUp])).toEqual([
      ['trial-1', 7, true],
      ['trial-1', 7, false],
      ['trial-2', 7, false],
      ['trial-2', 8, false],
      ['trial-1', 8, false],
    ]);
  });

  it('replaces a section whole where its kind is varied, and says kinds by their section', () => {
    const { arms, order: plan } = expandSweep(
      order({
        config: { ...base, attention: { kind: 'mgk' } },
        fields: { 'attention.kind': ['standard', 'mgk'] },
      }),
    );
    expect(arms.map(({ config }) => config.attention.kind)).toEqual(['standard', 'mgk']);
    expect(plan.trials.map(({ title }) => title)).toEqual(['attention standard', 'attention mgk']);
  });
});

describe('a random search', () => {
  const request = order({
    fields: {
      'train.lr': { from: 1e-4, to: 1e-1, scale: 'log' },
      'train.weightDecay': { from: 0, to: 0.2 },
      'model.layers': { from: 1, to: 4 },
      'attention.kind': ['standard', 'gmm_fixed'],
    },
    trials: 300,
    seed: 5,
  });

  it('is the same for the same seed, another for another, and a longer one begins like it', () => {
    const all = valuesOf(request);
    expect(valuesOf(request)).toEqual(all);
    expect(valuesOf({ ...request, trials: 20 })).toEqual(all.slice(0, 20));
    expect(valuesOf({ ...request, seed: 6 })[0]).not.toEqual(all[0]);
    expect(new Set(all.map((own) => JSON.stringify(own))).size).toBe(300);
  });

  it('draws one field whatever the others are', () => {
    const rest = { ...request.fields };
    delete rest['attention.kind'];
    const lr = (own: Record<string, unknown>) => own['train.lr'];
    expect(
      valuesOf({ ...request, fields: rest })
        .map(lr)
        .slice(0, 50),
    ).toEqual(valuesOf(request).map(lr).slice(0, 50));
  });

  it('stays in range: log-uniform by ratio, uniform by difference, whole numbers with their ends', () => {
    const all = valuesOf(request);
    const column = (key: string) => all.map((own) => own[key] as number);
    const share = (values: number[], below: number) =>
      values.filter((value) => value < below).length / values.length;
    const lr = column('train.lr');
    expect(Math.min(...lr)).toBeGreaterThanOrEqual(1e-4);
    expect(Math.max(...lr)).toBeLessThanOrEqual(1e-1);
    // a third of the draws in each of three decades; 300 draws: a standard deviation of 2.7 points
    expect(share(lr, 1e-3)).toBeCloseTo(1 / 3, 1);
    expect(share(lr, 1e-2)).toBeCloseTo(2 / 3, 1);
    const decay = column('train.weightDecay');
    expect(Math.max(...decay)).toBeLessThanOrEqual(0.2);
    expect(share(decay, 0.05)).toBeCloseTo(1 / 4, 1);
    const layers = column('model.layers');
    expect(new Set(layers)).toEqual(new Set([1, 2, 3, 4]));
    for (const n of [1, 2, 3, 4])
      expect(layers.filter((one) => one === n).length / 300).toBeCloseTo(1 / 4, 1);
  });

  it('says how many there are where more different trials are asked for', () => {
    expect(() =>
      expandSweep(order({ fields: { 'train.lr': [0.1, 0.2, 0.3] }, trials: 4 })),
    ).toThrow(/4 different trials cannot be drawn .*: about 3 are possible/);
  });
});

describe('what cannot be meant', () => {
  it.each<[string, Partial<SweepOrder>, RegExp, string]>([
    [
      'an unknown key',
      { fields: { 'train.lrr': [1] } },
      /train.lrr: is no key/,
      'fields.train.lrr',
    ],
    ['a seed', { fields: { 'train.seed': [1, 2] } }, /varied by repeats/, 'fields.train.seed'],
    [
      'no values',
      { fields: { 'train.lr': { from: 0, to: 1 } } },
      /a grid needs values/,
      'fields.train.lr',
    ],
    [
      'a reversed range',
      { fields: { 'train.lr': { from: 1, to: 0, steps: 2 } } },
      /begins below its end/,
      'fields.train.lr',
    ],
    [
      'a range of whole numbers between two of them',
      { fields: { 'model.layers': { from: 1.2, to: 1.8 } }, trials: 1 },
      /model.layers: holds whole numbers, so its range begins and ends with one/,
      'fields.model.layers',
    ],
    [
      'log from 0',
      { fields: { 'train.lr': { from: 0, to: 1, steps: 2, scale: 'log' } } },
      /begins above 0/,
      'fields.train.lr',
    ],
    [
      'a value twice',
      { fields: { 'train.lr': [0.1, 0.1] } },
      /0.1 is given twice/,
      'fields.train.lr',
    ],
    [
      'a value out of bounds',
      { fields: { 'train.lr': [0.1, 11] } },
      /1 of 2 trials cannot be run: train.lr: must be at most 10 \(lr 11\)/,
      'fields.train.lr',
    ],
    ['no limit', { objective: 'f1WithinWh' }, /energy limit of one run/, 'limitWh'],
    ['a limit for nothing', { limitWh: 1 }, /belongs to the objective/, 'limitWh'],
    [
      'halved epochs',
      { fields: { 'train.epochs': [3, 9] }, halving: {} },
      /cannot be varied with halving/,
      'fields.train.epochs',
    ],
    [
      'halving of two',
      { fields: { 'train.lr': [0.1, 0.2] }, halving: { eta: 3 } },
      /2 trials are too few to keep one in 3/,
      'halving',
    ],
    [
      'a rung at the end',
      { fields: { 'train.lr': { from: 0.1, to: 1, steps: 9 } }, halving: { rungs: [3, 9] } },
      /end before epoch 9: 9 does not fit/,
      'halving',
    ],
    [
      'a rung for one',
      { fields: { 'train.lr': { from: 0.1, to: 1, steps: 3 } }, halving: { rungs: [1, 3] } },
      /only one trial comes to rung 3/,
      'halving',
    ],
    [
      'a rung that is not evaluated',
      {
        config: { ...base, train: { ...base.train, evalEvery: 2 } },
        fields: { 'train.lr': [0.1, 0.2, 0.3] },
        halving: { rungs: [3] },
      },
      /evaluated every 2 epochs and has no score at rung 3/,
      'halving',
    ],
    [
      'a rung in pre-training',
      {
        config: { ...base, train: { ...base.train, recipe: 'pt+ft' } },
        fields: { 'train.lr': [0.1, 0.2, 0.3] },
        halving: { rungs: [1] },
      },
      /has not come to its last stage .* the first rung can be \d/,
      'halving',
    ],
  ])('%s', (_, change, message, path) => {
    const error = (() => {
      try {
        expandSweep(order(change));
      } catch (cause) {
        return cause as Error & { code: string; issues: { path: string }[] };
      }
      throw new Error('it was accepted');
    })();
    expect(error.message).toMatch(message);
    expect(error.code).toBe('BAD_INPUT');
    expect(error.issues.map((issue) => issue.path)).toContain(path);
  });

  it('an empty sweep, and a base config that is none', () => {
    expect(() => expandSweep(order({ fields: {} }))).toThrow(/needs a field to vary/);
    expect(() => expandSweep(order({ config: { train: { epochs: 0 } } }))).toThrow(
      /The base config cannot be run: train.epochs: must be at least 1/,
    );
  });
});

describe('halving', () => {
  const nine = { 'train.lr': { from: 0.01, to: 0.09, steps: 9 } };

  it('makes its rungs of the full length, as many as there are trials for', () => {
    const rungsOf = (more: Partial<SweepOrder>) =>
      expandSweep(order({ fields: nine, ...more })).order.halving?.rungs;
    expect(rungsOf({ halving: {} })).toEqual([
      { epochs: 1, enter: 9, goOn: 3 },
      { epochs: 3, enter: 3, goOn: 1 },
    ]);
    expect(rungsOf({ halving: { eta: 2 } })?.map(({ epochs, enter }) => [epochs, enter])).toEqual([
      [1, 9],
      [2, 4],
      [5, 2],
    ]);
    expect(rungsOf({ halving: { eta: 3, rungs: [4] } })).toEqual([
      { epochs: 4, enter: 9, goOn: 3 },
    ]);
    // an epoch without an evaluation gives way
    const every = { ...base, train: { ...base.train, evalEvery: 2 } };
    expect(rungsOf({ config: every, halving: {} })?.map(({ epochs }) => epochs)).toEqual([2, 4]);
    // of a recipe, the last stage alone has scores
    const staged = { ...base, train: { ...base.train, epochs: 20, recipe: 'pt+ft' } };
    expect(rungsOf({ config: staged, halving: {} })![0]!.epochs).toBeGreaterThan(10);
  });

  it('leaves the configs at their full length: schedules do not know of rungs', () => {
    const { arms } = expandSweep(order({ fields: nine, halving: {} }));
    expect(new Set(arms.map(({ config }) => config.train.epochs))).toEqual(new Set([9]));
  });

  it('is expected to cost what its stretches cost, from the cheapest to the dearest trial', () => {
    // a run costs its epochs, times its learning rate in percent
    const cost = ({
      train: { epochs, lr },
    }: {
      train: { epochs: number; lr: number };
    }): RunCost => {
      const of = (factor: number) => ({
        low: 0.5 * factor * epochs * lr * 100,
        value: factor * epochs * lr * 100,
        high: 2 * factor * epochs * lr * 100,
      });
      return {
        basis: 'runs',
        how: '',
        runs: [],
        engine: 'cpu',
        seconds: of(1),
        wh: of(10),
        gCO2e: of(100),
        baselineSeconds: 0,
      };
    };
    const none = { ...base, energy: { baselineSeconds: 2 } };
    const expansion = expandSweep(
      order({ config: none, fields: nine, halving: {}, warmUp: false }),
    );
    const { total, order: plan } = previewSweep(expansion, {
      warnings: () => [],
      refusal: () => null,
      cost,
    });
    expect(stretchesOf(plan.halving!.rungs, 9, 9)).toEqual([
      { trials: 9, epochs: 1, first: true },
      { trials: 3, epochs: 2, first: false },
      { trials: 1, epochs: 6, first: false },
    ]);
    // mean 5: 9 x 1 x 5 + 3 x 2 x 5 + 1 x 6 x 5; idle power once per trial
    expect(total.seconds!.value).toBeCloseTo(105 + 18, 9);
    // half of (1..9) + 2 x (1 + 2 + 3) + 6 x 1
    expect(total.seconds!.low).toBeCloseTo(0.5 * (45 + 12 + 6) + 18, 9);
    // twice (1..9) + 2 x (7 + 8 + 9) + 6 x 9
    expect(total.seconds!.high).toBeCloseTo(2 * (45 + 48 + 54) + 18, 9);
    expect(total.wh!.value).toBeCloseTo(1050, 9);
    expect(total.runs).toBe(9);
    // (9 x 1 + 3 x 2 + 1 x 6) of 4 steps an epoch
    expect(total.steps).toBe(21 * 4);
  });
});
