import { describe, expect, it } from 'vitest';
import {
  matrixDatasets,
  matrixGeometries,
  parseExperimentConfig,
  patchCount,
  repeatChoices,
} from '../../../src-main/contract.ts';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';
import { expandMatrix, matrices } from '../../../src-main/core/experiments/matrix.ts';
import type { RunCost } from '../../../src-main/contract.ts';
import { previewOf } from '../../../src-main/core/experiments/matrix-preview.ts';
import { vitOf } from '../../fixtures/vit.ts';

const armOf = (id: string, arm: string, more: object = {}) =>
  expandMatrix({ id, ...more }).arms.find((one) => one.id === arm)!.config;

describe('every matrix', () => {
  it.each(matrices().map(({ id }) => id))(
    '%s has valid arms of its own on every dataset and geometry',
    (id) => {
      for (const dataset of matrixDatasets)
        for (const geometry of matrixGeometries) {
          const { arms, matrix } = expandMatrix({ id, dataset, geometry });
          expect(new Set(arms.map(({ id }) => id)).size).toBe(arms.length);
          expect(new Set(arms.map(({ title }) => title)).size).toBe(arms.length);
          // two arms that are one and the same config would be compared with themselves
          expect(new Set(arms.map(({ config }) => JSON.stringify(config))).size).toBe(arms.length);
          for (const { config, baseline } of arms) {
            expect(parseExperimentConfig(config)).toEqual({ ok: true, config });
            expect(config.dataset.kind).toBe(dataset);
            if (baseline !== null) {
              const other = arms.find(({ id }) => id === baseline);
              expect(other?.baseline).toBeNull();
            }
          }
          expect(Object.values(repeatChoices)).toContain(matrix.repeats);
        }
    },
  );

  it('has 64 patches at the native side, 196 in the paper’s geometry', () => {
    for (const { id } of matrices())
      for (const dataset of matrixDatasets)
        for (const [geometry, count] of [
          ['native', 64],
          ['paper', 196],
        ] as const)
          for (const { config } of expandMatrix({ id, dataset, geometry }).arms)
            if (config.model.kind === 'vit') expect(patchCount(config.model)).toBe(count);
    expect(armOf('rq2', 'none', { dataset: 'tiny-imagenet' }).model).toMatchObject({
      image: 64,
      patch: 8,
    });
    expect(armOf('rq2', 'none', { dataset: 'mnist' }).model).toMatchObject({ image: 32, patch: 4 });
    expect(armOf('references', 'resnet-20', { geometry: 'paper' }).model.image).toBe(32);
  });
});

describe('the paper’s rows', () => {
  it('Table II as layers and as heads: 138 of 196 patches, batches of 512, p 0.5, decay 5e-3', () => {
    for (const [id, key] of [
      ['rq2-layers', 'layers'],
      ['rq2-heads', 'heads'],
    ] as const)
      for (const n of [4, 8, 12])
        for (const heuristic of ['contrast', 'variance', 'entropy']) {
          const config = armOf(id, `${heuristic}.${n}-${key}`);
          const model = vitOf(config);
          expect(model).toMatchObject({ image: 224, patch: 16, dim: 64, dimHead: 64, [key]: n });
          expect(forecast(config)).toMatchObject({ patches: 196, kept: 138 });
          expect(config.selection).toMatchObject({
            mode: 'drop',
            probabilistic: true,
            prob: 0.5,
            schedule: 'hyperbolic',
            decayRate: 0.005,
          });
          expect(config.selection.heuristic).toContain(heuristic);
          expect(config.train).toMatchObject({ batch: 512, lr: 1e-3, optimizer: 'adam' });
          const plain = expandMatrix({ id }).arms.find(({ id }) => id === `none.${n}-${key}`)!;
          expect(plain.config).toEqual({ ...config, selection: plain.config.selection });
        }
  });

  it('RQ2 crosses four heuristics with dropping, masking and two keep ratios, beside none', () => {
    const { arms } = expandMatrix({ id: 'rq2' });
    expect(arms).toHaveLength(1 + 4 * 2 * 2);
    const cells = arms
      .slice(1)
      .map(({ config: { selection } }) =>
        [selection.heuristic, selection.mode, selection.keepRatio].join(),
      );
    expect(new Set(cells).size).toBe(16);
    // where patches are dropped, the arms differ in the heuristic alone and compute the same
    const macs = (arm: string) => forecast(armOf('rq2', arm)).trainMacs;
    expect(macs('variance-drop-50')).toBe(macs('random-drop-50'));
    expect(macs('variance-mask-50')).toBe(macs('none'));
    expect(macs('variance-drop-50')).toBeLessThan(macs('variance-drop-70'));
  });

  it('RQ3: from scratch, and two recipes with either pre-training, in as many epochs', () => {
    const { arms } = expandMatrix({ id: 'rq3' });
    expect(arms.map(({ config: { train, pretrain } }) => [train.recipe, pretrain.method])).toEqual([
      ['scratch', 'simmim'],
      ['pt+ft', 'simmim'],
      ['pt+cl+ft', 'simmim'],
      ['pt+ft', 'mae'],
      ['pt+cl+ft', 'mae'],
    ]);
    for (const { config } of arms) {
      expect(config.pretrain.ratio).toBe(config.pretrain.method === 'mae' ? 0.75 : 0.15);
      expect(config.train.epochs).toBe(30);
      expect(config.finetune.unfreezeLast).toBe(0);
    }
    // the encoder sees a quarter of the patches
    const macs = (arm: string) => forecast(armOf('rq3', arm)).trainMacs;
    expect(macs('pt-ft-mae')).toBeLessThan(0.6 * macs('pt-ft-simmim'));
    for (const arm of ['pt-ft', 'pt-cl-ft'])
      expect(armOf('rq3-paper', arm)).toMatchObject({
        model: { image: 224, patch: 16, dim: 64 },
        pretrain: { method: 'simmim', ratio: 0.15, images: 'tiny-imagenet' },
      });
  });

  it('RQ1: five attentions, and the one pruned by its prior, which computes less', () => {
    const { arms } = expandMatrix({ id: 'rq1' });
    expect(
      arms.map(({ config: { attention, routing } }) => [attention.kind, routing.kind]),
    ).toEqual([
      ['standard', 'none'],
      ['gmm_fixed', 'none'],
      ['map_em', 'none'],
      ['map_em', 'prune'],
      ['mgk', 'none'],
      ['ecoformer', 'none'],
    ]);
    expect(armOf('rq1', 'gmm-fixed').attention).toMatchObject({ gate: true });
    expect(armOf('rq1', 'mgk').attention).toMatchObject({ halfHeads: true });
    const macs = (arm: string) => forecast(armOf('rq1', arm)).trainMacs;
    for (const arm of ['map-em-prune', 'mgk', 'ecoformer'])
      expect(macs(arm)).toBeLessThan(0.95 * macs('standard'));
    expect(macs('map-em')).toBeGreaterThanOrEqual(macs('standard'));
  });

  it('RQ1 in its letter is the model of 1.41 billion parameters', () => {
    expect(forecast(armOf('rq1-literal', 'standard')).parameters).toBeGreaterThan(1.4e9);
  });
});

describe('an order', () => {
  const three = ['none', 'random-drop-70', 'variance-drop-70'];

  it('runs one warm-up, then the arms in turn, there and back, each with the same seeds', () => {
    const { runs, order } = expandMatrix({ id: 'rq2', arms: three, repeats: 3 });
    expect(runs.map(({ arm, warmUp }) => (warmUp ? `(${arm})` : arm))).toEqual([
      '(none)',
      ...three,
      ...three.toReversed(),
      ...three,
    ]);
    expect(order.seeds).toEqual([42, 43, 44]);
    for (const arm of three) {
      const own = runs.filter((run) => run.arm === arm && !run.warmUp);
      expect(own.map(({ seed }) => seed)).toEqual([42, 43, 44]);
      expect(own.map(({ repeat }) => repeat)).toEqual([1, 2, 3]);
      expect(own.map(({ config }) => config.train.seed)).toEqual([42, 43, 44]);
    }
    expect(new Set(runs.map(({ name }) => name)).size).toBe(runs.length);
    expect(runs.every(({ name, config }) => config.name === name)).toBe(true);
  });

  it('takes seeds, epochs, common settings, and leaves the warm-up out when told', () => {
    const { runs, arms } = expandMatrix({
      id: 'RQ2',
      dataset: 'greensynth',
      seeds: [7, 5],
      epochs: 3,
      arms: ['variance-drop-70', 'none'],
      warmUp: false,
      common: { dataset: { train: 500 }, model: { layers: 2 }, train: { batch: 50, epochs: 9 } },
    });
    expect(runs.map(({ arm, seed }) => `${arm} ${seed}`)).toEqual([
      'none 7',
      'variance-drop-70 7',
      'variance-drop-70 5',
      'none 5',
    ]);
    for (const { config } of arms) {
      expect(config.dataset).toMatchObject({ kind: 'greensynth', train: 500, test: 2000 });
      expect(config.model).toMatchObject({ kind: 'vit', layers: 2, patch: 4 });
      expect(config.train).toMatchObject({ batch: 50, epochs: 3 });
    }
  });

  it('lets an arm win over common settings, and another model drop those of the ViT', () => {
    const { arms } = expandMatrix({
      id: 'references',
      common: { model: { dim: 32 }, selection: { keepRatio: 0.1 } },
    });
    const model = (id: string) => arms.find((arm) => arm.id === id)!.config.model;
    expect(model('vit')).toMatchObject({ dim: 32 });
    expect(model('resnet-20')).toEqual({ kind: 'resnet', image: 32, depth: 20 });
    const drop = arms.find(({ id }) => id === 'vit-drop')!.config;
    expect(drop.selection.keepRatio).toBe(0.7);
  });

  it('follows the size of the dataset that it is given', () => {
    const order = { id: 'rq2', dataset: 'greensynth', common: { dataset: { size: 20 } } } as const;
    expect(armOf('rq2', 'none', order).model).toMatchObject({ image: 24, patch: 3 });
    const sized = { ...order, common: { ...order.common, model: { image: 20, patch: 5 } } };
    expect(armOf('rq2', 'none', sized).model).toMatchObject({ image: 20, patch: 5 });
  });

  it.each<[string, Parameters<typeof expandMatrix>[0], RegExp]>([
    ['no such matrix', { id: 'rq9' }, /There is no matrix "rq9"/],
    ['no such arm', { id: 'rq1', arms: ['nothing'] }, /There is no arm "nothing"/],
    ['a seed twice', { id: 'rq1', seeds: [1, 1] }, /A seed is given twice/],
    ['too few seeds', { id: 'rq1', seeds: [1], repeats: 2 }, /2 repeats need 2 seeds; 1 are given/],
    ['an impossible setting', { id: 'rq1', common: { train: { lr: -1 } } }, /train\.lr/],
    [
      'another dataset in a corner',
      { id: 'rq1', common: { dataset: { kind: 'mnist' } } },
      /own option/,
    ],
    ['a key that is none', { id: 'rq1', common: { surprise: 1 } }, /unknown key "surprise"/],
  ])('refuses %s', (_, order, words) => {
    expect(() => expandMatrix(order)).toThrow(words);
  });
});

describe('a preview', () => {
  const unknown: RunCost = {
    basis: 'none',
    how: '',
    runs: [],
    engine: 'cpu',
    seconds: null,
    wh: null,
    gCO2e: null,
    baselineSeconds: 5,
  };
  const seconds = { low: 9, value: 10, high: 12 };
  const costly: RunCost = { ...unknown, basis: 'runs', seconds, wh: { low: 1, value: 2, high: 3 } };
  const judges = {
    warnings: () => ['of all'],
    refusal: () => null,
    cost: () => unknown,
  };
  const expansion = expandMatrix({
    id: 'rq2',
    dataset: 'greensynth',
    repeats: 2,
    arms: ['none', 'random-drop-50'],
  });

  it('adds up all runs, the warm-up included', () => {
    const { total, arms, runs } = previewOf(expansion, judges);
    const [none, half] = arms.map(({ forecast }) => forecast);
    expect(runs).toHaveLength(5);
    expect(total).toEqual({
      runs: 5,
      steps: 3 * none!.steps + 2 * half!.steps,
      trainMacs: 3 * none!.trainMacs + 2 * half!.trainMacs,
      memoryBytes: none!.memoryBytes,
      seconds: null,
      wh: null,
      gCO2e: null,
      how: 'Not known: nothing has run here yet.',
    });
  });

  it('tells time and energy only where those of every arm are known, idle baselines included', () => {
    const some = (config: { selection: { mode: string } }) =>
      config.selection.mode === 'off' ? costly : unknown;
    const half = previewOf(expansion, { ...judges, cost: some }).total;
    expect(half).toMatchObject({ seconds: null, wh: null });
    expect(half.how).toBe(
      '1 arm from earlier runs of them here; 1 arm not known: nothing has run here yet.',
    );
    const all = previewOf(expansion, { ...judges, cost: () => costly }).total;
    expect(all.seconds).toEqual({ low: 70, value: 75, high: 85 });
    expect(all.wh).toEqual({ low: 5, value: 10, high: 15 });
    expect(all.gCO2e).toBeNull();
    expect(all.how).toBe('From earlier runs of them here.');
  });

  it('says of which arms a warning is, and names the one that is refused', () => {
    const preview = previewOf(expansion, {
      ...judges,
      warnings: ({ selection }) => ['of all', ...(selection.mode === 'off' ? ['of none'] : [])],
      refusal: () => ({ message: 'This run would need 99 GB.', hint: '' }),
    });
    expect(preview.warnings).toEqual([
      { message: 'of all', arms: [] },
      { message: 'of none', arms: ['no selection'] },
    ]);
    expect(preview.refusal?.message).toBe('The arm “no selection” would need 99 GB.');
  });
});
