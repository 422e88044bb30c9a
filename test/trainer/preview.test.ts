/** Images and kept patches before a run: they have to be those of the run itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Feeder } from '../../src-main/trainer/batches.ts';
import { openDataset } from '../../src-main/trainer/data/index.ts';
import * as tf from '../../src-main/trainer/engine/tf.ts';
import type {
  ImageSamples,
  PreviewRequest,
  SelectionPreview,
} from '../../src-main/trainer/messages.ts';
import { Previewer } from '../../src-main/trainer/preview.ts';
import { randomStreams } from '../../src-main/trainer/random-streams.ts';
import { selectPatches } from '../../src-main/trainer/models/patch-selection.ts';
import { configOf, small } from './train-small.ts';

const root = mkdtempSync(join(tmpdir(), 'preview-'));
afterAll(() => rmSync(root, { recursive: true }));
beforeAll(() => tf.ready());

const previewer = new Previewer({ dataDir: root });
type Extra = Parameters<typeof small>[0];
const configFor = (extra: Extra) => configOf(small(extra));

function ask(extra: Extra, epoch = 1, indices = [0, 1, 2]): Promise<SelectionPreview> {
  const config = configFor(extra);
  const request: PreviewRequest = {
    what: 'selection',
    dataset: config.dataset,
    split: 'train',
    indices,
    config,
    epoch,
  };
  return previewer.answer(request) as Promise<SelectionPreview>;
}

test('images are those of the dataset, drawn without drawing all of it', async () => {
  const { dataset } = configFor({});
  const samples = (await previewer.answer({
    what: 'images',
    dataset,
    split: 'validation',
    indices: [3, 53],
  })) as ImageSamples;
  const whole = await openDataset(dataset, { dataDir: root });
  const { images, labels, boxes } = whole.splits.validation;
  expect(samples).toMatchObject({ size: 16, total: 50 });
  // 53 is beyond the end: it begins anew
  expect(samples.images.map(({ index }) => index)).toEqual([3, 3]);
  const [first] = samples.images;
  expect(first!.label).toBe(whole.classes[labels[3]!]);
  expect(first!.box).toEqual([...boxes!.subarray(12, 16)]);
  const rgb = Buffer.from(first!.rgb, 'base64');
  for (let c = 0; c < 3; c++)
    expect([...rgb].filter((_, i) => i % 3 === c)).toEqual([
      ...images.subarray((9 + c) * 256, (10 + c) * 256),
    ]);
});

test('each heuristic keeps k patches, and how much of the object is told', async () => {
  const { patches, keep, choices } = await ask({
    selection: { mode: 'drop', keepRatio: 0.5, probabilistic: false, heuristic: 'contrast' },
  });
  expect({ patches, keep }).toEqual({ patches: 16, keep: 8 });
  expect(choices.map(({ heuristic }) => heuristic)).toEqual([
    'variance_channel_mean',
    'contrast',
    'entropy',
    'random',
  ]);
  for (const { images } of choices)
    for (const { kept, objectShare } of images!) {
      expect(kept).toHaveLength(8);
      expect([...new Set(kept)].toSorted((a, b) => a - b)).toEqual(kept);
      expect(objectShare).toBeGreaterThanOrEqual(0);
      expect(objectShare).toBeLessThanOrEqual(1);
    }
  const all = await ask({ selection: { mode: 'drop', keepRatio: 1 } });
  expect(all.choices[0]!.images![0]).toEqual({
    kept: Array.from({ length: 16 }, (_, i) => i),
    objectShare: 1,
  });
});

test('what is drawn is what training draws of these images in that epoch', async () => {
  const config = configFor({
    selection: { mode: 'drop', keepRatio: 0.25, heuristic: 'random' },
    train: { seed: 7 },
  });
  const indices = Uint32Array.of(5, 11);
  const split = (await openDataset(config.dataset, { dataDir: root })).splits.train;
  const feeder = new Feeder({ noise: { shape: [2, 16], dtype: 'float32' } }, split);
  feeder.noise(indices, { seed: 7, epoch: 2, stream: randomStreams.selectionNoise });
  const noise = tf.tensor2d(feeder.feeds.noise as Float32Array, [2, 16]);
  const trained = selectPatches(tf.zeros([2, 16]), noise, 4, config.selection).arraySync();
  const extra: Extra = { selection: config.selection, train: { seed: 7 } };
  const shown = await ask(extra, 3, [...indices]);
  expect(shown.choices.at(-1)!.images!.map(({ kept }) => kept)).toEqual(trained);
  const later = await ask(extra, 4, [...indices]);
  expect(later.choices.at(-1)).not.toEqual(shown.choices.at(-1));
});

test('the share of reduced batches follows the schedule', async () => {
  const selection = { mode: 'drop' as const, schedule: 'anneal' as const, tail: 0.25 };
  const shares = await Promise.all([1, 2, 4].map((epoch) => ask({ selection }, epoch)));
  expect(shares[0]!.share).toBe(1);
  expect(shares[1]!.share).toBeCloseTo(2 / 3);
  expect(shares[2]!.share).toBe(0);
});

test('a learned score has nothing to show yet, a model without patches nothing at all', async () => {
  const learned = await ask({ selection: { mode: 'drop', heuristic: 'conv' } });
  expect(learned.choices.at(-1)).toEqual({ heuristic: 'conv', images: null });
  const config = configOf({ dataset: { kind: 'greensynth' }, model: { kind: 'resnet' } });
  const { dataset } = config;
  expect(
    await previewer.answer({
      what: 'selection',
      dataset,
      split: 'test',
      indices: [0],
      config,
      epoch: 1,
    }),
  ).toEqual({ patches: null, keep: null, share: null, choices: [] });
});

test('images that are not there are refused, and looked for anew the next time', async () => {
  const request = {
    what: 'images' as const,
    dataset: { kind: 'cifar10' as const, path: null },
    split: 'train' as const,
    indices: [0],
  };
  for (let i = 0; i < 2; i++)
    await expect(previewer.answer(request)).rejects.toMatchObject({ code: 'DATASET' });
});
