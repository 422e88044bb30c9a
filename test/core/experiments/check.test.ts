import { describe, expect, it } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/contract.ts';
import { checkExperiment, warningsOf } from '../../../src-main/core/experiments/check.ts';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';

const configOf = (input: ExperimentConfigInput): ExperimentConfig => {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
};

const machine = { bytes: 16 * 2 ** 30, name: 'this machine' };

describe('check', () => {
  it('passes on what is wrong with a config', () => {
    expect(checkExperiment({ model: { patch: 5 }, surprise: 1 })).toEqual({
      ok: false,
      issues: [{ path: 'surprise', message: 'unknown key "surprise"' }],
    });
    expect(checkExperiment({ model: { patch: 5 } })).toMatchObject({
      ok: false,
      issues: [{ path: 'model.patch' }],
    });
  });

  it.each<[unknown, string, RegExp]>([
    [[], '', /not a list/],
    ['train', '', /must be an object in braces/],
    [null, '', /must be an object in braces/],
    [{ train: [] }, 'train', /not a list/],
    [{ name: 5 }, 'name', /must be text in quotes/],
  ])('says of what is no config what it must be: %j', (input, path, words) => {
    expect(checkExperiment(input)).toMatchObject({
      ok: false,
      issues: [{ path, message: expect.stringMatching(words) }],
    });
  });

  it.each<[ExperimentConfigInput, string, RegExp]>([
    [
      { selection: { mode: 'drop', heuristic: 'conv' }, routing: { kind: 'route' } },
      'routing.heuristic',
      /^must be none: a learned patch score gives routing no hint$/,
    ],
    [
      { attention: { kind: 'map_em', likelihood: 0.001 }, train: { recipe: 'pt+ft', epochs: 10 } },
      'attention.likelihood',
      /the stages of pt\+ft have losses of their own/,
    ],
  ])('refuses what would silently do nothing: %j', (input, path, words) => {
    expect(checkExperiment(input)).toMatchObject({
      ok: false,
      issues: [{ path, message: expect.stringMatching(words) }],
    });
  });

  it('lets a router have its hint where patch selection keeps all', () => {
    const selection = { mode: 'drop', heuristic: 'conv', keepRatio: 1 } as const;
    const input = { selection, routing: { kind: 'route' } } as const;
    expect(checkExperiment(input)).toMatchObject({ ok: true });
  });

  it('has nothing to say about a sound config', () => {
    const config = configOf({ selection: { mode: 'drop' } });
    expect(warningsOf(config, forecast(config), machine)).toEqual([]);
  });

  it.each<[string, ExperimentConfigInput, RegExp]>([
    ['routing every token', { routing: { kind: 'route', capacity: 1 } }, /route, as set, takes no/],
    ['pruning nothing', { routing: { kind: 'prune', keep: 1 } }, /prune, as set, takes no/],
    ['pruning never', { routing: { kind: 'prune', warmup: 1 } }, /prune, as set, takes no/],
    ['merging nothing', { routing: { kind: 'merge', tokens: 0 } }, /merge, as set, takes no/],
    [
      'nearly all of the memory',
      { dataset: { kind: 'greensynth', train: 8192 }, train: { batch: 6144 } },
      /takes about 1\d GiB of the 16 GiB of this machine; .* it may not fit/,
    ],
    ['enlarged images', { model: { image: 224, patch: 16 } }, /enlarged to 224 px: 49 times/],
    ['reduced images', { model: { image: 16 } }, /reduced to 16 px/],
    ['masking', { selection: { mode: 'mask' } }, /saves no operations/],
    ['k = N', { selection: { mode: 'drop', keepRatio: 1 } }, /All 64 patches are kept/],
    [
      'a schedule that never selects',
      { selection: { mode: 'drop' }, train: { epochs: 1 } },
      /With 1 epoch, this schedule never selects/,
    ],
    [
      'the gap between kept and full images',
      { selection: { mode: 'drop', schedule: 'constant' } },
      /F1 suffers/,
    ],
    [
      'filtered test images',
      { selection: { mode: 'drop', evalSelect: 'authors-bug' } },
      /not comparable/,
    ],
    [
      'entropy with more bins than pixels',
      { selection: { mode: 'drop', heuristic: 'entropy', entropyBins: 256 } },
      /16 pixels cannot fill 256 bins/,
    ],
    ['over-wide heads', { model: { heads: 12, dimHead: 64 } }, /12 times as wide/],
    [
      'a batch larger than the data',
      { dataset: { kind: 'greensynth', train: 100 }, train: { batch: 128 } },
      /one step of 100 images/,
    ],
    [
      'fewer images than classes',
      { dataset: { kind: 'greensynth', train: 50, classes: 100 }, train: { batch: 10 } },
      /cannot show all 100/,
    ],
    [
      'a dataset that is not there',
      { dataset: { kind: 'cifar10', path: '/nowhere/at/all' } },
      /no folder or archive \/nowhere\/at\/all/,
    ],
    [
      'crops that are mostly padding',
      { augment: { crop: 9 } },
      /Shifted by up to 9 px, images of 32 px may be black/,
    ],
    [
      'mirrored digits',
      { dataset: { kind: 'mnist' }, model: { image: 28 }, augment: { flip: true } },
      /Mirrored digits are no digits/,
    ],
    [
      'a RandAugment that is too strong',
      { augment: { randAugment: 2, magnitude: 24 } },
      /turns images by 24 degrees and moves them by 36 % of their side/,
    ],
    [
      'mixing a batch of one image',
      { train: { batch: 1 }, augment: { mixup: 0.2 } },
      /no second one to mix with/,
    ],
    [
      'heads that round to none',
      { pruning: { heads: 'importance', headShare: 0.02 } },
      /removes no head: a share of 0\.02 of \d+ heads is less than one/,
    ],
    [
      'only heads',
      { model: { heads: 1 }, pruning: { heads: 'importance' } },
      /removes no head: every layer keeps one/,
    ],
    [
      'neurons that round to none',
      { model: { dim: 16, dimHead: 4, mlpRatio: 2 }, pruning: { neurons: 0.03 } },
      /removes no neuron: a share of 0\.03 of the 32 of a layer/,
    ],
    ['an unknown region', { energy: { region: 'Atlantis' } }, /no region "Atlantis"/],
  ])('warns of %s', (_, input, expected) => {
    const config = configOf(input);
    const warnings = warningsOf(config, forecast(config), machine);
    expect(warnings).toEqual([expect.stringMatching(expected)]);
  });

  it.each([
    [12, false],
    [13, true],
  ])('says whether a penalty in every %i of 12 steps never comes: %s', (every, never) => {
    const config = configOf({
      dataset: { kind: 'greensynth', train: 200 },
      train: { batch: 32, epochs: 2 },
      sparsity: { lambda: 0.01, every },
    });
    const warnings = warningsOf(config, forecast(config), machine);
    expect(warnings.some((warning) => /comes every 13 steps, .* has 12/.test(warning))).toBe(never);
  });
});
