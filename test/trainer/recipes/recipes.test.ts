import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExperimentConfigInput } from '../../../src-main/experiment-config.ts';
import type { FromTrainer } from '../../../src-main/trainer/messages.ts';
import { classBalancedOrder } from '../../../src-main/trainer/recipes/contrastive.ts';
import { tensorBytes, trainToEnd, type RunOptions } from '../run.ts';

const root = mkdtempSync(join(tmpdir(), 'recipes-'));
afterAll(() => rmSync(root, { recursive: true }));
let runDir: string;
beforeEach(() => (runDir = mkdtempSync(join(root, 'run-'))));
const run = (input: ExperimentConfigInput, options: RunOptions = {}) =>
  trainToEnd(input, { dataDir: join(root, 'data'), runDir, ...options });

/** 12 steps an epoch on images of 4 patches, a few milliseconds each. */
const small = (extra: ExperimentConfigInput): ExperimentConfigInput => ({
  dataset: { kind: 'greensynth', size: 8, train: 200, validation: 50, test: 30 },
  model: { kind: 'vit', image: 8, patch: 4, dim: 16, layers: 2, heads: 2, dimHead: 8 },
  ...extra,
  train: { epochs: 4, batch: 16, ...extra.train },
});

const recipes: [string, ExperimentConfigInput, string[]][] = [
  ['pt+ft, simmim', { train: { recipe: 'pt+ft' } }, ['pretrain', 'pretrain', 'features', 'finetune', 'finetune']], // prettier-ignore
  ['pt+cl+ft, mae', { train: { recipe: 'pt+cl+ft' }, pretrain: { method: 'mae', ratio: 0.75 } }, ['pretrain', 'contrastive', 'features', 'finetune', 'finetune']], // prettier-ignore
  ['pt+ft, two blocks unfrozen', { train: { recipe: 'pt+ft' }, finetune: { unfreezeLast: 1, head: 'mlp' } }, ['pretrain', 'pretrain', 'finetune', 'finetune']], // prettier-ignore
  ['distil', { train: { recipe: 'distil' } }, ['teacher', 'teacher', 'features', 'train', 'train']],
  ['distil, wide, hard, augmented', { train: { recipe: 'distil' }, distil: { teacher: 'vit-wide', hard: true }, augment: { flip: true } }, ['teacher', 'teacher', 'train', 'train']], // prettier-ignore
  ['pt+ft, its images mixed', { train: { recipe: 'pt+ft' }, augment: { mixup: 0.8, cutmix: 1, randAugment: 1 } }, ['pretrain', 'pretrain', 'finetune', 'finetune']], // prettier-ignore
];

describe.each(recipes)('%s', (_, extra, phases) => {
  it('is one run whose stages have phases of their own', async () => {
    const { all, last, losses, messages } = await run(small(extra));
    const stages = new Set(['pretrain', 'contrastive', 'finetune', 'teacher', 'train', 'features']);
    const started = all('phase').filter(({ name, edge }) => edge === 'start' && stages.has(name));
    expect(started.map(({ name }) => name)).toEqual(phases);
    expect(last('ready')).toMatchObject({ steps: 48, epochs: 4, stepsPerEpoch: 12 });
    expect(losses).toHaveLength(48);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(messages.at(-1)).toMatchObject({ type: 'done', step: 48, imagesSeen: 768 });
    // only the last stage is a model that classifies
    const validated = all('evaluation').filter(({ result }) => result.split === 'validation');
    expect(validated.map(({ epoch }) => epoch)).toEqual([3, 4]);
    expect(last('evaluation').result.split).toBe('test');
  });

  it.each([
    ['the first stage', (m: FromTrainer) => m.type === 'steps'],
    [
      'the last checkpoint of a stage',
      (m: FromTrainer) => m.type === 'checkpoint' && m.epoch === 2,
    ],
    [
      'the last stage',
      (m: FromTrainer) => m.type === 'phase' && m.epoch === 4 && m.name !== 'compile',
    ],
  ])('goes on bit for bit after a stop in %s', async (_, stopWhen) => {
    const straight = await run(small(extra));
    const expected = tensorBytes(join(runDir, 'last.json'));
    runDir = mkdtempSync(join(root, 'run-'));
    const first = await run(small(extra), { stopWhen });
    expect(first.messages.at(-1)).toMatchObject({ type: 'stopped' });
    const second = await run(small(extra), { resume: first.last('stopped').checkpoint });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    expect(second.last('evaluation').result).toEqual(straight.last('evaluation').result);
    expect(tensorBytes(join(runDir, 'last.json')).equals(expected)).toBe(true);
  });
});

/** Enough of GreenSynth to learn from in seconds. */
const learning = (extra: ExperimentConfigInput): ExperimentConfigInput => ({
  dataset: { kind: 'greensynth', size: 16, train: 1500, validation: 100, test: 500, noise: 0 },
  model: { kind: 'vit', image: 16, patch: 4, dim: 32, layers: 2, heads: 4, dimHead: 8 },
  ...extra,
  train: { epochs: 24, batch: 50, labelSmoothing: 0, lr: 3e-3, evalEvery: 24, checkpointEvery: 24, ...extra.train }, // prettier-ignore
});

/** Of each ten steps in a row. */
const means = (losses: readonly number[]): number[] =>
  Array.from({ length: Math.floor(losses.length / 10) }, (_, i) => {
    const stretch = losses.slice(10 * i, 10 * i + 10);
    return stretch.reduce((sum, loss) => sum + loss) / stretch.length;
  });

describe('what a stage learns', () => {
  it('a masked autoencoder predicts hidden patches, and its frozen features tell classes apart', async () => {
    const { losses, last } = await run(
      learning({
        train: { recipe: 'pt+ft', epochs: 120, evalEvery: 120, checkpointEvery: 120 },
        pretrain: { method: 'mae', ratio: 0.5, normalisedTarget: false },
        finetune: { share: 0.3, lr: 1e-2, head: 'mlp' },
      }),
    );
    const hidden = means(losses.slice(0, 84 * 30));
    expect(hidden.at(-1)).toBeLessThan(0.7 * hidden[0]!);
    expect(last('evaluation').result.accuracy).toBeGreaterThan(0.16); // chance: 0.1 +- 0.013
  });

  it('simmim predicts hidden patches, and its last block learns the classes', async () => {
    const { losses, last } = await run(
      learning({
        train: { recipe: 'pt+ft', epochs: 60, evalEvery: 60, checkpointEvery: 60 },
        finetune: { share: 0.5, unfreezeLast: 1 },
      }),
    );
    const hidden = means(losses.slice(0, 30 * 30));
    expect(hidden.at(-1)).toBeLessThan(0.7 * hidden[0]!);
    expect(last('evaluation').result.accuracy).toBeGreaterThan(0.14);
  });

  it('a contrastive stage leaves features that a linear head can use', async () => {
    const { last } = await run(
      learning({
        train: { recipe: 'pt+cl+ft', epochs: 60, lr: 2e-3, evalEvery: 60, checkpointEvery: 60 },
        contrastive: { share: 0.75, temperature: 0.5 },
        finetune: { share: 0.2, lr: 1e-2 },
      }),
    );
    expect(last('evaluation').result.accuracy).toBeGreaterThan(0.16); // chance: 0.1 +- 0.013
  });

  it('a student learns from its teacher', async () => {
    const { last, all } = await run(
      learning({
        train: { recipe: 'distil' },
        distil: { teacher: 'vit-wide', share: 0.6, weight: 0.7 },
      }),
    );
    expect(last('evaluation').result.accuracy).toBeGreaterThan(0.18); // chance: 0.1 +- 0.013
    expect(all('note').map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/^The teacher has [\d,]+ parameters and a macro F1 of 0\.\d+ on/),
    );
  });
});

describe('a teacher from an earlier run', () => {
  it('teaches without being trained again', async () => {
    const teacher = await run(small({}));
    const { path } = teacher.last('checkpoint');
    runDir = mkdtempSync(join(root, 'run-'));
    const { all } = await run(
      small({
        train: { recipe: 'distil' },
        distil: { checkpoint: path },
        model: { image: 8, dim: 8 },
      }),
    );
    const names = new Set(all('phase').map(({ name }) => name));
    expect(names.has('teacher')).toBe(false);
    expect(names.has('features')).toBe(true);
  });

  it('is refused where its classes are others', async () => {
    const teacher = await run(small({}));
    const { path } = teacher.last('checkpoint');
    runDir = mkdtempSync(join(root, 'run-'));
    const hundred = small({ train: { recipe: 'distil' }, distil: { checkpoint: path } });
    await expect(
      run({
        ...hundred,
        dataset: {
          kind: 'greensynth',
          classes: 100,
          size: 16,
          train: 200,
          validation: 100,
          test: 100,
        },
      }),
    ).rejects.toThrow(/cannot teach this run: its 10 classes are not the 100 of this dataset/);
  });

  it('is refused where there is none', async () => {
    const missing = { checkpoint: join(root, 'none.json') };
    await expect(run(small({ train: { recipe: 'distil' }, distil: missing }))).rejects.toThrow(
      /none\.json cannot be used: it cannot be read \(ENOENT\)/,
    );
  });
});

describe('a teacher from a student, and one that was pruned', () => {
  it('teaches with its own tensors, in its own images, also when its file is gone', async () => {
    const pruned = await run(
      small({ pruning: { heads: 'importance', headShare: 0.5, start: 0.2, end: 0.6 } }),
    );
    const first = join(runDir, 'last.json');
    runDir = mkdtempSync(join(root, 'run-'));
    const student = await run(
      small({ train: { recipe: 'distil' }, distil: { checkpoint: first } }),
    );
    expect(pruned.messages.at(-1)).toMatchObject({ type: 'done' });
    expect(student.messages.at(-1)).toMatchObject({ type: 'done' });
    // the student of a checkpoint teaches as well; its own teacher is left out
    const second = join(runDir, 'last.json');
    const teacherDir = runDir;
    runDir = mkdtempSync(join(root, 'run-'));
    const config = small({
      train: { recipe: 'distil' },
      distil: { checkpoint: second },
      dataset: { kind: 'greensynth', size: 8, train: 200, validation: 50, test: 30, noise: 40 },
    });
    const straight = await run(config);
    runDir = mkdtempSync(join(root, 'run-'));
    const stopped = await run(config, {
      stopWhen: (m) => m.type === 'checkpoint' && m.epoch === 2,
    });
    const { mean } = (JSON.parse(readFileSync(join(runDir, 'last.json'), 'utf8')) as { taughtBy: { images: { mean: number[] } } }).taughtBy.images; // prettier-ignore
    expect(mean).toEqual((JSON.parse(readFileSync(second, 'utf8')) as { images: { mean: number[] } }).images.mean); // prettier-ignore
    rmSync(teacherDir, { recursive: true });
    const resumed = await run(config, { resume: stopped.last('stopped').checkpoint });
    expect([...stopped.losses, ...resumed.losses]).toEqual(straight.losses);
  });
});

it('a teacher whose tokens were pruned teaches as it was when it was saved', async () => {
  const routing = { kind: 'prune', keep: 0.5, warmup: 0, shrink: 0.5 } as const;
  await run(small({ routing, train: { epochs: 8 } }), { stopWhen: (m) => m.type === 'checkpoint' });
  const early = join(runDir, 'last.json');
  runDir = mkdtempSync(join(root, 'run-'));
  await run(small({ train: { recipe: 'distil' }, distil: { checkpoint: early } }));
  const json = JSON.parse(readFileSync(join(runDir, 'last.json'), 'utf8')) as {
    taughtBy: { config: { routing: { keep?: number } } };
  };
  // half of the way at most: `routing` itself keeps 0.5
  expect(json.taughtBy.config.routing.keep ?? 1).toBeGreaterThan(0.6);
});

describe('classBalancedOrder', () => {
  const labels = Int32Array.from({ length: 103 }, (_, i) => (i < 60 ? 0 : i % 7));
  const order = (epoch: number, classes: number | null = null) =>
    classBalancedOrder(labels, { batch: 20, classes, seed: 1, epoch });

  it('gives every batch as many images of each of its classes', () => {
    for (const classes of [2, 4, 5]) {
      const all = order(0, classes);
      expect(all).toHaveLength(100);
      for (let first = 0; first < all.length; first += 20) {
        const counts = new Map<number, number>();
        for (const image of all.subarray(first, first + 20))
          counts.set(labels[image]!, (counts.get(labels[image]!) ?? 0) + 1);
        expect([...counts.values()]).toEqual(Array(classes).fill(20 / classes));
      }
    }
  });

  it('depends on seed and epoch, and uses the images of a class before it repeats one', () => {
    expect(order(1)).toEqual(order(1));
    expect(order(2)).not.toEqual(order(1));
    const zeros = [...order(0, 2)].filter((image) => labels[image] === 0);
    expect(new Set(zeros.slice(0, 60)).size).toBe(Math.min(60, zeros.length));
  });
});
