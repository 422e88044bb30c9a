import { describe, expect, it } from 'vitest';
import {
  keptPatches,
  parseExperimentConfig,
  type ExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/contract.ts';
import {
  forwardMacs,
  layerMacs,
  parameterCount,
  stepMemoryBytes,
  type Model,
} from '../../../src-main/core/experiments/cost.ts';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';
import { vitParameters } from '../../../src-main/trainer/models/vit.ts';
import counts from '../../fixtures/golden/counts.json' with { type: 'json' };
import { vitOf } from '../../fixtures/vit.ts';

const configOf = (input: ExperimentConfigInput): ExperimentConfig => {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
};

const modelOf = (entry: (typeof counts.vit)[keyof typeof counts.vit]): Model => ({
  kind: 'vit',
  image: entry.image,
  patch: entry.patch,
  dim: entry.D,
  layers: entry.layers,
  heads: entry.heads,
  dimHead: entry.dim_head,
  mlpRatio: entry.mlp_ratio,
  posInit: 'vit',
  qkvBias: false,
  dropout: 0,
});

describe('counts', () => {
  it.each(Object.entries(counts.vit))('%s has the golden numbers', (_, golden) => {
    const model = modelOf(golden);
    const { classes, N } = golden;
    const full = forwardMacs(model, classes, N);
    const kept = (keepRatio: number) =>
      keptPatches({ model, selection: { ...configOf({}).selection, keepRatio } });
    const ratio = (keepRatio: number) => forwardMacs(model, classes, kept(keepRatio)) / full;

    expect(parameterCount(model, classes)).toBe(golden.params);
    expect(full).toBe(golden.macs_full);
    expect(layerMacs(model, N + 1)).toBe(golden.layer_macs_full);
    expect(kept(0.7)).toBe(golden.k70);
    expect(forwardMacs(model, classes, golden.k70)).toBe(golden.macs_k70);
    expect(ratio(0.7)).toBeCloseTo(golden.ratio_k70, 11);
    expect(ratio(0.5)).toBeCloseTo(golden.ratio_k50, 11);
    expect(ratio(0.3)).toBeCloseTo(golden.ratio_k30, 11);
    expect(layerMacs(model, golden.k70 + 1) / layerMacs(model, N + 1)).toBeCloseTo(
      golden.layer_ratio_k70,
      11,
    );
    expect(1 - 0.5 * (1 - ratio(0.7))).toBeCloseTo(golden.expected_ratio_prob05_k70, 11);
  });

  it.each<[string, Partial<Model>]>([
    ['as the defaults have it', {}],
    ['with biases of q, k and v', { qkvBias: true }],
    ['with one head as wide as the embedding', { heads: 1, dimHead: 64 }],
    ['with an odd MLP ratio', { mlpRatio: 2.345 }],
    ['as the authors have it', { image: 224, patch: 16, heads: 12, dimHead: 64 }],
  ])('agree with the model that is built, %s', (_, over) => {
    const model = { ...vitOf(configOf({})), ...over };
    const built = vitParameters({
      model,
      attention: configOf({}).attention,
      channels: 3,
      classes: 10,
    });
    expect(parameterCount(model, 10)).toBe(
      built.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    );
  });

  it('leave out the MACs of a projection that is not there', () => {
    const model = { ...vitOf(configOf({})), heads: 1, dimHead: 64 };
    const four = { ...model, heads: 4, dimHead: 16 };
    expect(layerMacs(four, 65) - layerMacs(model, 65)).toBe(65 * 64 * 64);
  });

  it('models memory that grows with the batch and the square of the tokens', () => {
    const model = modelOf(counts.vit.authors_L8);
    const at = (batch: number, patches: number) => stepMemoryBytes(model, 10, batch, patches);
    expect(at(256, 196)).toBeGreaterThan(1.9 * at(128, 196));
    expect(at(128, 98)).toBeLessThan(0.6 * at(128, 196));
    // the literal reading of RQ1 cannot fit a 16 GB card: weights, gradients and moments alone are 22.6 GB
    const literal = modelOf(counts.vit.paper_RQ1_literal_h16);
    expect(stepMemoryBytes(literal, 10, 1, 196)).toBeGreaterThan(22.6e9);
  });
});

describe('forecast', () => {
  it('knows the size of each dataset without opening it', () => {
    const steps = (dataset: ExperimentConfigInput['dataset']) =>
      forecast(configOf({ dataset, train: { batch: 128, epochs: 3 } }));
    expect(steps({ kind: 'cifar10' })).toMatchObject({ stepsPerEpoch: 371, steps: 1113 });
    expect(steps({ kind: 'greensynth', train: 1000 })).toMatchObject({ stepsPerEpoch: 7 });
    expect(steps({ kind: 'greensynth', train: 50 })).toMatchObject({ stepsPerEpoch: 1, steps: 3 });
    const classes = (labels: 'fine' | 'coarse') => steps({ kind: 'cifar100', labels }).parameters;
    expect(classes('fine') - classes('coarse')).toBe(80 * 65);
  });

  it('averages over the schedule of the selection', () => {
    const selection = { mode: 'drop', keepRatio: 0.7, prob: 0.5, schedule: 'constant' } as const;
    const at = (over: Partial<ExperimentConfigInput['selection'] & object>) =>
      forecast(
        configOf({
          model: { image: 224, patch: 16, layers: 8, heads: 12, dimHead: 64 },
          selection: { ...selection, ...over },
          train: { epochs: 10 },
        }),
      );
    expect(at({})).toMatchObject({ patches: 196, kept: 138, tokensFull: 197, tokensKept: 139 });
    expect(at({}).macsKept).toBe(counts.vit.authors_L8.macs_k70);
    expect(at({}).trainRatio).toBeCloseTo(counts.vit.authors_L8.expected_ratio_prob05_k70, 11);
    expect(at({ prob: 1 }).trainRatio).toBeCloseTo(counts.vit.authors_L8.ratio_k70, 11);
    // ten epochs, the last two full: probabilities 1, 7/8, ... 1/8, 0, 0 have the mean 0.45
    expect(at({ prob: 1, schedule: 'anneal' }).trainRatio).toBeCloseTo(
      1 - 0.45 * (1 - counts.vit.authors_L8.ratio_k70),
      11,
    );
    const full = at({ mode: 'off' });
    expect(full).toMatchObject({ kept: 196, tokensKept: 197, trainRatio: 1 });
    expect(full.trainMacs).toBe(3 * counts.vit.authors_L8.macs_full * full.steps * 128);
  });

  it('gives masking no credit', () => {
    const masked = forecast(configOf({ selection: { mode: 'mask', keepRatio: 0.5 } }));
    expect(masked).toMatchObject({ kept: 32, tokensKept: 65, trainRatio: 1 });
    expect(masked.macsKept).toBe(masked.macsFull);
  });
});

describe('recipes with several stages', () => {
  /** N = 16 patches of 48 numbers, D = 16, 2 blocks; 100 images in batches of 20 for 10 epochs. */
  const staged = (extra: ExperimentConfigInput): ExperimentConfig =>
    configOf({
      dataset: { kind: 'greensynth', size: 16, train: 100, validation: 20, test: 10 },
      model: { kind: 'vit', image: 16, patch: 4, dim: 16, layers: 2, heads: 2, dimHead: 8 },
      ...extra,
      train: { epochs: 10, batch: 20, ...extra.train },
    });
  const { model } = staged({});
  if (model.kind !== 'vit') throw new Error('a ViT');
  const encoder = (patches: number) => forwardMacs(model, 10, patches) - 160;
  const images = 100;
  const head = 3 * 16 * 10;

  it('pre-training and a frozen encoder: 6 epochs of it, one pass, 4 epochs of the head', () => {
    const { steps, trainMacs, trainRatio } = forecast(staged({ train: { recipe: 'pt+ft' } }));
    expect(steps).toBe(50);
    const simmim = encoder(16) + 16 * 16 * 48;
    const once = (100 + 20) * encoder(16);
    expect(trainMacs).toBe(6 * images * 3 * simmim + once + 4 * images * head);
    expect(trainRatio).toBeCloseTo(trainMacs / (10 * images * 3 * forwardMacs(model, 10, 16)), 12);
  });

  it('a masked autoencoder computes the visible patches, and all in its small decoder', () => {
    const { trainMacs } = forecast(
      staged({ train: { recipe: 'pt+ft' }, pretrain: { method: 'mae', ratio: 0.75 } }),
    );
    // width 8, one head of 8 without a projection behind it, hidden layer 32, 17 tokens
    const block = 17 * (3 * 8 * 8 + 2 * 8 * 32) + 2 * 17 ** 2 * 8;
    const mae = encoder(4) + 5 * 16 * 8 + 16 * 4 * 8 + block + 16 * 8 * 48;
    expect(trainMacs).toBe(6 * images * 3 * mae + 120 * encoder(16) + 4 * images * head);
  });

  it('a contrastive stage, unfrozen blocks and a hidden layer cost what they compute', () => {
    const config = staged({
      train: { recipe: 'pt+cl+ft' },
      finetune: { unfreezeLast: 1, head: 'mlp' },
    });
    const { trainMacs, parameters } = forecast(config);
    const simmim = 3 * (encoder(16) + 16 * 16 * 48);
    const contrast = 3 * (encoder(16) + 16 * 16 + 16 * 128 + 128 * 20);
    const classify = 160 + 256;
    const tune = encoder(16) + classify + 2 * (classify + layerMacs(model, 17));
    expect(trainMacs).toBe(images * (4 * simmim + 2 * contrast + 4 * tune));
    expect(parameters).toBe(parameterCount(model, 10) + 16 * 16 + 16);
  });

  it('a teacher counts: its training and its pass over the images', () => {
    const config = staged({ train: { recipe: 'distil' }, distil: { teacher: 'vit-wide' } });
    const teacher = forwardMacs({ ...model, dim: 32, heads: 4 }, 10, 16);
    const student = forwardMacs(model, 10, 16);
    const { trainMacs } = forecast(config);
    expect(trainMacs).toBe(images * (5 * 3 * teacher + teacher + 5 * 3 * student));
    const moving = forecast({ ...config, augment: { ...config.augment, flip: true } });
    expect(moving.trainMacs).toBe(images * (5 * 3 * teacher + 5 * (teacher + 3 * student)));
  });
});
