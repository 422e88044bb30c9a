import { describe, expect, it } from 'vitest';
import {
  keptPatches,
  parseExperimentConfig,
  type ExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/contract.ts';
import {
  encoderMacs,
  forwardMacs,
  forwardMemoryBytes,
  layerMacs,
  macsOfZeros,
  parameterCount,
  stepMemoryBytes,
  type Model,
} from '../../../src-main/core/experiments/cost.ts';
import { forecast, selectedShare } from '../../../src-main/core/experiments/forecast.ts';
import { stageMemoryBytes } from '../../../src-main/core/experiments/stage-memory.ts';
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

  it('a head that finds boxes is trained with the pass of the frozen encoder', () => {
    const { trainMacs } = forecast(staged({ train: { recipe: 'pt+ft', task: 'detect' } }));
    const simmim = 3 * (encoder(16) + 16 * 16 * 48);
    const boxes = 160 + 2 * 16 * 16 + 3 * 16 * 16 + 4 * 16;
    expect(trainMacs).toBe(images * (6 * simmim + 4 * (encoder(16) + boxes + 2 * boxes)));
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

  it('a student anneals over its own epochs, not over those of its teacher', () => {
    const selection = { mode: 'drop', keep: 8, prob: 1, schedule: 'anneal' } as const;
    const distil = { teacher: 'vit-wide' } as const;
    const config = staged({ train: { recipe: 'distil' }, distil, selection });
    const teacher = forwardMacs({ ...model, dim: 32, heads: 4 }, 10, 16);
    // five epochs, the last full: probabilities 1, 3/4, 1/2, 1/4, 0
    const [full, kept] = [forwardMacs(model, 10, 16), forwardMacs(model, 10, 8)];
    const student = 3 * (2.5 * full + 2.5 * kept);
    const { trainMacs, macsTest } = forecast({
      ...config,
      selection: { ...config.selection, evalSelect: 'authors-bug' },
    });
    expect(trainMacs).toBeCloseTo(images * (5 * 3 * teacher + teacher + student), 3);
    expect(macsTest).toBe(full);
    expect(selectedShare(config)).toBeCloseTo(0.5, 12);
  });
});

describe('the memory of stages', () => {
  const vit = {
    kind: 'vit',
    image: 64,
    patch: 4,
    dim: 64,
    layers: 4,
    heads: 4,
    dimHead: 16,
  } as const;
  const bytes = (extra: ExperimentConfigInput): number =>
    forecast(configOf({ model: vit, ...extra, train: { epochs: 10, batch: 64, ...extra.train } }))
      .memoryBytes;
  const scratch = bytes({});
  const shape = vitOf(configOf({ model: vit }));

  it('is that of a teacher where the teacher is the larger one', () => {
    const wide = bytes({ model: { ...vit, dim: 128, heads: 8 } });
    const recipe = { train: { recipe: 'distil' }, distil: { teacher: 'vit-wide' } } as const;
    expect(bytes(recipe)).toBe(wide);
    expect(bytes({ ...recipe, selection: { mode: 'drop', prob: 1 } })).toBe(wide);
    const cnn = bytes({ model: { kind: 'resnet', image: 64, depth: 20 } });
    const taught = bytes({ train: { recipe: 'distil' }, distil: { teacher: 'resnet-20' } });
    expect(cnn).toBeGreaterThan(0);
    // 4 bytes for each of the teacher's weights beside the student
    const { parameters } = forecast(configOf({ model: { kind: 'resnet', image: 64, depth: 20 } }));
    expect(taught).toBe(Math.max(cnn, scratch + 4 * parameters));
  });

  it('is smaller where mae computes visible patches and the head alone is tuned', () => {
    const simmim = bytes({ train: { recipe: 'pt+ft' } });
    const mae = (ratio: number) =>
      bytes({ train: { recipe: 'pt+ft' }, pretrain: { method: 'mae', ratio } });
    expect(simmim).toBe(scratch);
    // 64 of 256 patches in four blocks, and all of them in one of half the width
    const decoder = { ...shape, dim: 32, heads: 2, layers: 1 };
    const expected = stepMemoryBytes(shape, 10, 64, 64) + stepMemoryBytes(decoder, 10, 64, 256);
    expect(mae(0.75)).toBe(expected);
    expect(mae(0.75)).toBeLessThan(scratch / 2);
    // a contrastive stage is trained on all patches again
    const contrasted = {
      train: { recipe: 'pt+cl+ft' },
      pretrain: { method: 'mae', ratio: 0.75 },
    } as const;
    expect(bytes(contrasted)).toBe(scratch);
  });

  it('of fine-tuning is a forward pass, and that of the blocks that are trained', () => {
    const tuned = (unfreezeLast: number, task: 'classify' | 'detect' = 'classify') =>
      stageMemoryBytes(
        'finetune',
        configOf({ model: vit, train: { recipe: 'pt+ft', task }, finetune: { unfreezeLast } }),
        { classes: 10, batch: 64, supervised: NaN },
      );
    expect(tuned(0)).toBe(forwardMemoryBytes(shape, 10, 64, 256));
    expect(tuned(0)).toBeLessThan(scratch / 3);
    expect(tuned(0, 'detect')).toBeGreaterThan(tuned(0));
    expect(tuned(1)).toBeGreaterThan(tuned(0));
    expect(tuned(2)).toBeGreaterThan(tuned(1));
    expect(tuned(4)).toBe(scratch);
  });
});

describe('selective activation', () => {
  const authors: Model = { ...modelOf(counts.vit.authors_L8), layers: 2 };
  const narrow: Model = { ...vitOf(configOf({})), layers: 2 };
  const standard = configOf({}).attention;
  const of = (routing: ExperimentConfigInput['routing']) => configOf({ routing }).routing;
  /** MACs of the second of two blocks over those of a dense one. */
  const second = (model: Model, tokens: number, routing: ExperimentConfigInput['routing']) => {
    const dense = layerMacs(model, tokens);
    return (encoderMacs(model, tokens, standard, of(routing)) - dense) / dense;
  };

  it('counts a routed block as the specification does', () => {
    // authors: m = 98; (m+1) 4 D I + 2 (m+1)² I + n 2 r D² + n D
    const block = 99 * 4 * 64 * 768 + 2 * 99 ** 2 * 768 + 197 * 8 * 64 ** 2 + 197 * 64;
    const dense = 197 * (4 * 64 * 768 + 8 * 64 ** 2) + 2 * 197 ** 2 * 768;
    expect(second(authors, 197, { kind: 'route' })).toBeCloseTo(block / dense, 12);
    expect(block / dense).toBeCloseTo(0.39, 2);
    expect(second(narrow, 65, { kind: 'route' })).toBeCloseTo(0.75, 2);
    // the whole block: (m + 1 + n D) of it
    const whole = layerMacs(narrow, 33) + 65 * 64;
    expect(second(narrow, 65, { kind: 'route', scope: 'block' })).toBe(
      whole / layerMacs(narrow, 65),
    );
    expect(second(narrow, 65, { kind: 'route', capacity: 1 })).toBeGreaterThan(1);
  });

  it('counts pruned and merged encoders by hand', () => {
    const model = { ...narrow, layers: 4 };
    const attention = (n: number) => n * 4 * 64 * 64 + 2 * n * n * 64;
    const mlp = (n: number) => n * 8 * 64 * 64;
    // 64, then 45 = ceil(0.7 x 64), 32 and 23 patches and the class token
    const pruned = encoderMacs(model, 65, standard, of({ kind: 'prune', fuse: false }));
    expect(pruned).toBe(
      attention(65) +
        mlp(46) +
        attention(46) +
        mlp(33) +
        attention(33) +
        mlp(24) +
        layerMacs(model, 24),
    );
    // with the fused token among those that compete: 46 = 45 + 1, 34 = ceil(0.7 x 46) + 1 and 25
    const fused = encoderMacs(model, 65, standard, of({ kind: 'prune' }));
    expect(fused).toBe(
      attention(65) +
        mlp(47) +
        attention(47) +
        mlp(35) +
        attention(35) +
        mlp(26) +
        layerMacs(model, 26),
    );
    const merged = encoderMacs(
      { ...model, layers: 2 },
      65,
      standard,
      of({ kind: 'merge', tokens: 8 }),
    );
    // keys of width 16 are compared, 33 x 32 pairs; from then on each key has its size
    expect(merged).toBe(
      attention(65) + 33 * 32 * 16 + mlp(57) + attention(57) + 4 * 57 ** 2 + 29 * 28 * 16 + mlp(49),
    );
  });

  it('adds a router to each routed block', () => {
    const model = { ...narrow, layers: 5 };
    const routed = parameterCount(model, 10, standard, of({ kind: 'route' }));
    expect(routed - parameterCount(model, 10, standard)).toBe(2 * 65);
  });

  it('averages pruning over its schedule, and tests with what is left at the end', () => {
    const config = configOf({ routing: { kind: 'prune', fuse: false }, train: { epochs: 10 } });
    const model = vitOf(config);
    const at = (keep: number) =>
      forwardMacs(model, 10, 64, standard, of({ kind: 'prune', fuse: false, keep }));
    const cost = forecast(config);
    const dense = forwardMacs(model, 10, 64);
    // one epoch of all tokens, then a quarter and a half of the way, then the whole
    const mean = (dense + at(1 - 0.25 * 0.3) + at(1 - 0.5 * 0.3) + 7 * at(0.7)) / 10;
    expect(cost.trainRatio).toBeCloseTo(mean / dense, 12);
    expect(cost).toMatchObject({ macsFull: dense, macsKept: at(0.7), macsTest: at(0.7) });
    expect(cost.memoryBytes).toBe(forecast(configOf({ train: { epochs: 10 } })).memoryBytes);
  });

  it('models less memory where fewer tokens are computed', () => {
    const memory = (routing: ExperimentConfigInput['routing']) =>
      stepMemoryBytes(narrow, 10, 128, 64, standard, of(routing));
    expect(memory({ kind: 'route' })).toBeLessThan(memory({ kind: 'none' }));
    expect(memory({ kind: 'merge', tokens: 20 })).toBeLessThan(0.8 * memory({ kind: 'none' }));
  });
});

describe('attention with something beside its output', () => {
  const small = { image: 8, patch: 4, dim: 12, layers: 2, heads: 3, dimHead: 4 };

  it('counts the likelihood loss in training alone', () => {
    const attention = { kind: 'gmm_fixed', likelihood: 0.01 } as const;
    const [plain, likely] = [
      forecast(configOf({ model: small })),
      forecast(configOf({ model: small, attention })),
    ];
    expect(likely.macsTest).toBe(plain.macsTest);
    // 3 heads, 5 x 5 cosines of 4 numbers in 2 layers, in a step's three passes over every image
    const extra = 3 * 25 * 4 * 2;
    const images = (plain.trainMacs / plain.macsFull / 3) * 3 * extra;
    expect(likely.trainMacs - plain.trainMacs).toBeCloseTo(images, 0);
  });

  it('counts what skipping zero differences would save', () => {
    const vit = vitOf(configOf({ model: small }));
    const skipping = (reference: 'previous' | 'serpentine' | 'mean', share: number) =>
      macsOfZeros(vit, 4, { kind: 'delta', reference, threshold: 0.1 }, share);
    expect(skipping('previous', 0)).toBe(0);
    // of five tokens three have a patch before them; two projections 12 -> 12 in two layers
    expect(skipping('previous', 1)).toBe(2 * 3 * 2 * 144);
    expect(skipping('serpentine', 0.5)).toBe(3 * 2 * 144);
    // four have the mean as reference, which is projected as well
    expect(skipping('mean', 1)).toBe(2 * (4 - 1) * 2 * 144);
  });
});
