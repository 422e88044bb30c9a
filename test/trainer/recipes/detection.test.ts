import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/experiment-config.ts';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';
import { Augmenter } from '../../../src-main/trainer/augment.ts';
import { Feeder } from '../../../src-main/trainer/batches.ts';
import { openDataset, type Split } from '../../../src-main/trainer/data/index.ts';
import { Sfc32 } from '../../../src-main/trainer/data/prng.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import { train } from '../../../src-main/trainer/loop.ts';
import type { EvaluationResult, FromTrainer } from '../../../src-main/trainer/messages.ts';
import {
  intersectionOverUnion,
  type Corners,
} from '../../../src-main/trainer/metrics/detection.ts';
import {
  detectionHead,
  detectionParameters,
} from '../../../src-main/trainer/models/detection-head.ts';
import { parameterCount } from '../../../src-main/trainer/models/parameters.ts';
import { supervised } from '../../../src-main/trainer/recipes/supervised.ts';
import { expectClose } from '../close.ts';

const root = mkdtempSync(join(tmpdir(), 'detection-'));
afterAll(() => rmSync(root, { recursive: true }));

const vit = { image: 16, patch: 4, dim: 32, layers: 2, heads: 4, dimHead: 8 };
const dataset = { kind: 'greensynth', size: 16, train: 1000, validation: 50, test: 300 } as const;

function configOf(input: ExperimentConfigInput) {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

/** Trains to the end. @returns the evaluations; the test comes last. */
async function evaluationsOf(input: ExperimentConfigInput): Promise<EvaluationResult[]> {
  const messages: FromTrainer[] = [];
  await train({
    config: configOf(input),
    dataDir: join(root, 'data'),
    runDir: mkdtempSync(join(root, 'run-')),
    resume: null,
    openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 1 }), why: 'a test' }),
    post: (message) => void messages.push(message),
    stop: new AbortController().signal,
  });
  return messages.flatMap((message) => (message.type === 'evaluation' ? message.result : []));
}

const boxesOf = ({ boxes, count }: Split): Corners[] =>
  Array.from({ length: count }, (_, i) => [...boxes!.subarray(4 * i, 4 * i + 4)] as never);

describe('a run that finds boxes', () => {
  it('is clearly better than any one box for all images', async () => {
    const data = await openDataset(configOf({ dataset }).dataset, { dataDir: join(root, 'data') });
    const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    const known = boxesOf(data.splits.train);
    const constant = [0, 1, 2, 3].map((side) => mean(known.map((box) => box[side]!)));
    const constantIou = mean(
      boxesOf(data.splits.test).map((box) =>
        intersectionOverUnion(constant as unknown as Corners, box),
      ),
    );

    const [test] = (
      await evaluationsOf({
        dataset,
        model: vit,
        train: { task: 'detect', epochs: 20, batch: 25, lr: 3e-3, evalEvery: 20 },
      })
    ).slice(-1);
    const { meanIou, locAcc50, clsLoc50, ap50, ap, boxes } = test!.detection!;
    expect(boxes).toBe(300);
    expect(constantIou).toBeGreaterThan(0.2);
    expect(meanIou).toBeGreaterThan(constantIou + 0.2);
    expect(locAcc50).toBeGreaterThan(0.4);
    expect(clsLoc50).toBeLessThanOrEqual(locAcc50);
    expect(clsLoc50).toBeLessThanOrEqual(test!.accuracy);
    expect(ap50).toBeGreaterThan(ap);
    expect(test!.accuracy).toBeGreaterThan(0.2); // chance: 0.1 +- 0.017
  });

  it('a frozen, pre-trained encoder serves a head that finds boxes', async () => {
    const evaluations = await evaluationsOf({
      dataset: { ...dataset, train: 200, test: 30 },
      model: { ...vit, dim: 16, layers: 2 },
      augment: { flip: true },
      finetune: { share: 0.5 },
      train: { task: 'detect', recipe: 'pt+ft', epochs: 6, batch: 25, lr: 3e-3 },
    });
    // one for each of the last three epochs, and the test
    expect(evaluations.map(({ detection }) => detection?.boxes)).toEqual([50, 50, 50, 30]);
    const [first, , last] = evaluations;
    expect(last!.loss).toBeLessThan(first!.loss);
  });

  it('goes with patch selection and augmentation', async () => {
    const evaluations = await evaluationsOf({
      dataset: { ...dataset, train: 100, test: 30 },
      model: { ...vit, dim: 16, layers: 1 },
      selection: {
        mode: 'drop',
        keepRatio: 0.6,
        evalSelect: 'topk',
        schedule: 'constant',
        prob: 1,
      },
      augment: { flip: true, crop: 4, randAugment: 1 },
      train: { task: 'detect', epochs: 2, batch: 20 },
    });
    expect(evaluations).toHaveLength(3);
    for (const { detection, patchRecall, loss } of evaluations) {
      expect(detection!.meanIou).toBeGreaterThan(0);
      expect(patchRecall).toBeGreaterThan(0.6);
      // cross-entropy alone is about log 10; the box adds to it
      expect(loss).toBeGreaterThan(2.5);
    }
  });
});

describe('boxes of a batch', () => {
  const split: Split = {
    count: 2,
    images: new Uint8Array(2 * 3 * 16 * 16),
    labels: Int32Array.of(0, 1),
    boxes: Int16Array.of(4, 0, 12, 8, 0, 14, 2, 16),
  };
  const inputs = { boxes: { shape: [2, 4], dtype: 'float32' } } as const;
  const order = Uint32Array.of(1, 0);

  it('are in units of the image, in the order of the batch', () => {
    const feeder = new Feeder(inputs, split);
    feeder.images(order);
    expect([...feeder.feeds.boxes!]).toEqual([0, 0.875, 0.125, 1, 0.25, 0, 0.75, 0.5]);
  });

  it('follow their images, and have no area where they were cropped away', () => {
    const options = configOf({ augment: { flip: true, crop: 8 } }).augment;
    const seen = { mirrored: 0, gone: 0 };
    for (let epoch = 0; epoch < 40; epoch++) {
      const augmenter = new Augmenter(options, 16, 1, epoch);
      const feeder = new Feeder(inputs, split);
      feeder.images(order, { augmenter, mix: null });
      order.forEach((image, b) => {
        const [x0, y0, x1, y1] = feeder.feeds.boxes!.slice(4 * b, 4 * b + 4);
        const expected = augmenter.box(image, boxesOf(split)[image] as never);
        expect([x0, y0, x1, y1]).toEqual(expected.map((value) => value / 16));
        if (augmenter.changeOf(image).mirrored) seen.mirrored++;
        if (!(x1! > x0! && y1! > y0!)) seen.gone++;
      });
    }
    expect(seen.mirrored).toBeGreaterThan(10);
    expect(seen.gone).toBeGreaterThan(3);
  });

  it('are refused to a dataset that has none', () => {
    const feeder = new Feeder(inputs, { ...split, boxes: null });
    expect(() => feeder.images(order)).toThrow(/the dataset has none/);
  });
});

describe('the loss of a step', () => {
  /** The loss and gradient step of one batch with these boxes; parameters as they start. */
  async function lossOf(boxes: number[]): Promise<number> {
    const config = configOf({ model: { ...vit, layers: 1 }, train: { task: 'detect' } });
    const shape = { channels: 3, size: 16, classes: ['a', 'b'], mean: [0.5, 0.5, 0.5], std: [1, 1, 1] }; // prettier-ignore
    const recipe = supervised(config, shape, 2);
    const engine = openOrtEngine('cpu', { threads: 1 });
    const { step, specs } = recipe.evaluate!({ epoch: 0, selects: false });
    const size = recipe.layout.size;
    const random = new Sfc32(3, 4, 5);
    const parameters = Float32Array.from({ length: size }, () => random.unit() - 0.5);
    const state = await engine.createState({ parameters: { shape: [size], data: parameters } });
    const program = await engine.compile(step, specs);
    const { losses } = await program.run(state, {
      images: Uint8Array.from({ length: 2 * 3 * 256 }, (_, i) => (i * 31) % 251),
      labels: Int32Array.of(0, 1),
      boxes: Float32Array.from(boxes),
    });
    await engine.dispose();
    return losses![1]!;
  }

  it('has no part for a box that is not there', async () => {
    const none = await lossOf([0.1, 0.1, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5]);
    const other = await lossOf([0.1, 0.1, 0.9, 0.9, 0, 0, 0, 0]);
    const some = await lossOf([0.1, 0.1, 0.9, 0.9, 0, 0, 0.1, 0.1]);
    expect(other).toBe(none);
    expect(some).toBeGreaterThan(none + 0.5);
  });
});

describe('the head', () => {
  beforeAll(async () => void (await tf.setBackend('cpu')));

  it('computes attention pooling as it is written, token by token', () => {
    const [batch, count, dim] = [2, 5, 3];
    const random = new Sfc32(1, 2, 3);
    const values = (n: number) => Array.from({ length: n }, () => 2 * random.unit() - 1);
    const parameters: Record<string, tf.Tensor> = {};
    for (const { name, shape } of detectionParameters(dim))
      parameters[name] = tf.tensor(values(shape.reduce((a, b) => a * b, 1)), [...shape]);
    const tokens = tf.tensor3d(values(batch * count * dim), [batch, count, dim]);
    const array = (name: string) => parameters[`head.${name}`]!.arraySync() as number[][];
    const vector = (name: string) => parameters[`head.${name}`]!.arraySync() as number[];
    const times = (w: number[][], x: number[]) => w.map((row) => row.reduce((sum, v, i) => sum + v * x[i]!, 0)); // prettier-ignore

    const expected = (tokens.arraySync() as number[][][]).map((image) => {
      const query = vector('pool.query');
      const scores = image.map((t) =>
        times(array('pool.key.weight'), t).reduce((sum, k, i) => sum + k * query[i]!, 0),
      );
      const weights = scores.map((s) => Math.exp(s / Math.sqrt(dim)));
      const total = weights.reduce((a, b) => a + b);
      const feature = vector('pool.query').map((_, d) =>
        image.reduce(
          (sum, t, j) => sum + (weights[j]! / total) * times(array('pool.value.weight'), t)[d]!,
          0,
        ),
      );
      const hidden = times(array('box.fc1.weight'), feature).map((x, i) =>
        Math.max(0, x + vector('box.fc1.bias')[i]!),
      );
      const box = times(array('box.fc2.weight'), hidden).map(
        (x, i) => 1 / (1 + Math.exp(-x - vector('box.fc2.bias')[i]!)),
      );
      return { feature, box };
    });
    const { feature, boxes } = detectionHead(parameters, tokens);
    expectClose(feature, expected.map(({ feature }) => feature), 1e-6); // prettier-ignore
    expectClose(boxes, expected.map(({ box }) => box), 1e-6); // prettier-ignore
  });

  it('is counted in the forecast', () => {
    const shape = { channels: 3, size: 16, classes: Array.from({ length: 10 }, (_, i) => `${i}`), mean: [0, 0, 0], std: [1, 1, 1] }; // prettier-ignore
    for (const task of ['classify', 'detect'] as const) {
      const config = configOf({ dataset, model: vit, train: { task } });
      const { parameters } = supervised(config, shape, 2);
      expect(forecast(config).parameters).toBe(parameterCount(parameters));
    }
    const macs = (task: 'classify' | 'detect') =>
      forecast(configOf({ dataset, model: vit, train: { task } })).macsFull;
    // 16 patches, D = 32: scores and their sum, three D x D products, four numbers
    expect(macs('detect') - macs('classify')).toBe(2 * 16 * 32 + 3 * 32 * 32 + 4 * 32);
  });
});

describe('the task', () => {
  it.each<[string, ExperimentConfigInput, string, RegExp]>([
    [
      'a dataset without boxes',
      { dataset: { kind: 'cifar10' } },
      'train.task',
      /cifar10 has no boxes to learn from: choose greensynth or tiny-imagenet/,
    ],
    [
      'a model without tokens',
      { model: { kind: 'resnet' } },
      'train.task',
      /resnet has no patch tokens .* choose the vit model/,
    ],
    [
      'a recipe that teaches classes only',
      { train: { recipe: 'distil' } },
      'train.task',
      /the teacher of distil finds no boxes/,
    ],
    [
      'tokens that go',
      { routing: { kind: 'prune' } },
      'routing.kind',
      /prune takes tokens away, and a box is found by all of them/,
    ],
    ['mixed images', { augment: { mixup: 0.2 } }, 'augment', /only one has its box/],
    ['cut images', { augment: { cutmix: 1 } }, 'augment', /only one has its box/],
  ])('is refused with %s', (_, input, path, message) => {
    const parsed = parseExperimentConfig({ ...input, train: { ...input.train, task: 'detect' } });
    expect(parsed).toEqual({
      ok: false,
      issues: [{ path, message: expect.stringMatching(message) }],
    });
    expect(parseExperimentConfig(input).ok).toBe(true);
  });

  it('is to classify where nothing is said', () => {
    expect(configOf({}).train.task).toBe('classify');
  });
});
