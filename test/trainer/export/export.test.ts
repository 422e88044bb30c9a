import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExperimentConfigInput } from '../../../src-main/experiment-config.ts';
import { Sfc32 } from '../../../src-main/trainer/data/prng.ts';
import { capture } from '../../../src-main/trainer/engine/capture.ts';
import { encodeModel } from '../../../src-main/trainer/engine/onnx.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import { freeBatch } from '../../../src-main/trainer/export/free-batch.ts';
import { exportModel } from '../../../src-main/trainer/export/index.ts';
import type { ExportFacts } from '../../../src-main/trainer/messages.ts';
import { decodeSafetensors } from '../../../src-main/trainer/safetensors.ts';
import { classes, sceneOf, side, someImages } from './scene.ts';

const root = mkdtempSync(join(tmpdir(), 'export-'));
afterAll(() => rmSync(root, { recursive: true }));
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(root, 'run-'))));

const facts: ExportFacts = {
  version: '1.2.3',
  runId: 4,
  name: 'a run',
  evaluations: [],
  energy: { kWh: 0.25, uncertaintyKWh: 0.01, gCO2e: 100, region: 'world', components: ['cpu'] },
};

const vit = { image: 16, patch: 4, dim: 12, layers: 2, heads: 2, dimHead: 6 };
const drop = { mode: 'drop', keepRatio: 0.4, evalSelect: 'topk' } as const;
const kinds: [string, ExperimentConfigInput][] = [
  ['vit', { model: vit }],
  ['vit resized, q, k, v bias', { model: { ...vit, image: 24, qkvBias: true } }],
  ['vit with one head', { model: { ...vit, heads: 1, dimHead: 12 } }],
  ['sparsemax', { model: vit, attention: { kind: 'standard', normaliser: 'sparsemax' } }],
  ['entmax', { model: vit, attention: { kind: 'standard', normaliser: 'entmax15' } }],
  ['gmm_fixed', { model: vit, attention: { kind: 'gmm_fixed', gate: true } }],
  ['map_em', { model: vit, attention: { kind: 'map_em', prior: 'learned', keyIterations: 2 } }],
  ['map_em values', { model: vit, attention: { kind: 'map_em', valueIterations: 2 } }],
  ['mgk', { model: vit, attention: { kind: 'mgk', mixing: 'soft' } }],
  ['mgk shifted', { model: vit, attention: { kind: 'mgk', keys: 'shifted', mixing: 'hard' } }],
  ['ecoformer', { model: vit, attention: { kind: 'ecoformer' } }],
  ['gmm_repo', { model: vit, attention: { kind: 'gmm_repo' }, train: { clipNorm: 1 } }],
  ['delta', { model: vit, attention: { kind: 'delta' } }],
  ['delta of the mean', { model: vit, attention: { kind: 'delta', reference: 'mean' } }],
  ['routed with a hint', { model: vit, routing: { kind: 'route' } }],
  [
    'routed after random dropping',
    {
      model: vit,
      routing: { kind: 'route', scope: 'block' },
      selection: { ...drop, heuristic: 'random', evalSelect: 'full' },
    },
  ],
  ['pruned', { model: vit, routing: { kind: 'prune' } }],
  ['merged', { model: vit, routing: { kind: 'merge', tokens: 4 } }],
  ['dropping the worst', { model: vit, selection: drop }],
  [
    'blanking by entropy',
    { model: vit, selection: { ...drop, mode: 'mask', heuristic: 'entropy' } },
  ],
  ['dropping by contrast', { model: vit, selection: { ...drop, heuristic: 'contrast_guarded' } }],
  [
    'whole images after training on few',
    { model: vit, selection: { ...drop, evalSelect: 'full' } },
  ],
  [
    'a box and a class of the best patches',
    { model: vit, selection: { ...drop, evalSelect: 'topk' }, train: { task: 'detect' } },
  ],
  ['resnet', { model: { kind: 'resnet', depth: 8, image: 16 } }],
  ['efficientnetv2-micro', { model: { kind: 'efficientnetv2-micro', image: 16 } }],
];

/** Runs the file as a person would: ONNX Runtime as it comes. */
async function runFile(path: string, images: Uint8Array, noise?: Float32Array) {
  const session = await ort.InferenceSession.create(path);
  const count = images.length / (3 * side * side);
  const feeds: Record<string, ort.Tensor> = {
    images: new ort.Tensor('uint8', images, [count, 3, side, side]),
  };
  if (noise) feeds.noise = new ort.Tensor('float32', noise, [count, noise.length / count]);
  const { logits, probabilities, boxes } = await session.run(feeds);
  await session.release();
  expect(logits!.dims).toEqual([count, classes.length]);
  const rows = (tensor: ort.Tensor | undefined) =>
    Array.from({ length: count }, (_, i) =>
      (tensor!.data as Float32Array).slice(i * classes.length, (i + 1) * classes.length),
    );
  return {
    logits: rows(logits),
    probabilities: rows(probabilities),
    boxes: (boxes?.data as Float32Array | undefined) ?? null,
  };
}

const argMax = (row: Float32Array): number => row.indexOf(Math.max(...row));
const logSoftmax = (row: Float32Array): number[] => {
  const most = Math.max(...row);
  const total = most + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  return Array.from(row, (logit) => logit - total);
};

/** The largest difference of log-probabilities, by the size of the logits. */
function distance(logits: Float32Array[], log: Float32Array[]): number {
  const size = Math.max(1, ...logits.flatMap((row) => Array.from(row, Math.abs)));
  return Math.max(
    ...logits.flatMap((row, i) => logSoftmax(row).map((p, c) => Math.abs(p - log[i]![c]!) / size)),
  );
}

async function sameAsEvaluation(
  input: ExperimentConfigInput,
  noise?: Float32Array,
  epochs?: number,
) {
  const scene = await sceneOf(input, folder, epochs);
  const target = join(folder, 'model.onnx');
  await exportModel({ checkpoint: scene.checkpoint, format: 'onnx', target, facts });
  const images = someImages(7, 5);
  const { log, predictions, boxes: expected } = await scene.evaluate(images, noise);
  // images that the model cannot tell apart would prove nothing
  expect(Math.max(...log.slice(1).map((row) => Math.abs(row[0]! - log[0]![0]!)))).toBeGreaterThan(
    1e-3,
  );
  let worst = 0;
  for (const count of [1, 3, 7]) {
    const few = images.slice(0, count * 3 * side * side);
    const patches = noise && noise.slice(0, (count * noise.length) / 7);
    const { logits, probabilities, boxes } = await runFile(target, few, patches);
    expect(boxes?.length).toBe(expected ? 4 * count : undefined);
    boxes?.forEach((value, i) => expect(value).toBeCloseTo(expected![i]!, 5));
    expect(logits.map(argMax)).toEqual(predictions.slice(0, count));
    worst = Math.max(worst, distance(logits, log));
    for (const row of probabilities) expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
  }
  return worst;
}

describe('the ONNX file', () => {
  it.each(kinds)('of %s computes what its evaluation does, at any batch', async (_, input) => {
    expect(await sameAsEvaluation(input)).toBeLessThan(1e-5);
  });

  it.each([
    [2, { kind: 'none' }],
    [6, { kind: 'prune', keep: 0.75 }],
    [20, { kind: 'prune', keep: 0.5 }],
  ])(
    'of the best weights from epoch %i of 20 keeps as many tokens as they were evaluated with',
    async (epochs, routing) => {
      const input: ExperimentConfigInput = {
        model: { ...vit, layers: 4 },
        routing: { kind: 'prune', keep: 0.5, warmup: 0.2, shrink: 0.2 },
        train: { epochs: 20 },
      };
      expect(await sameAsEvaluation(input, undefined, epochs)).toBeLessThan(1e-5);
      const target = join(folder, 'model.safetensors');
      const checkpoint = join(folder, 'best.json');
      await exportModel({ checkpoint, format: 'safetensors', target, facts });
      const { metadata } = decodeSafetensors(readFileSync(target), 'it');
      expect(JSON.parse(metadata.routing!)).toMatchObject(routing);
    },
  );

  it.each(['cnn', 'fc', 'transformer'] as const)(
    'of ImageSig, head %s, takes images',
    async (head) => {
      const model = { kind: 'imagesig', head, image: 20, columns: head === 'fc' } as const;
      expect(await sameAsEvaluation({ model })).toBeLessThan(1e-5);
    },
  );

  it('of randomly kept patches takes the draw as an input', async () => {
    const random = new Sfc32(1, 1, 0);
    const noise = Float32Array.from({ length: 7 * 16 }, () => random.unit());
    const selection = { ...drop, heuristic: 'random' } as const;
    expect(await sameAsEvaluation({ model: vit, selection }, noise)).toBeLessThan(1e-5);
  });
});

describe('a file', () => {
  const write = async (
    format: 'onnx' | 'safetensors',
    input: ExperimentConfigInput = { model: vit },
  ) => {
    const { checkpoint } = await sceneOf(input, folder);
    const target = join(folder, `model.${format}`);
    const told = { ...facts, evaluations: [evaluation(12, 'test'), evaluation(8, 'validation')] };
    const { bytes, step } = await exportModel({ checkpoint, format, target, facts: told });
    const content = readFileSync(target);
    expect({ bytes, step }).toEqual({ bytes: content.length, step: 12 });
    return { content, checkpoint, target };
  };
  const evaluation = (step: number, split: 'test' | 'validation') => ({
    ...{ split, step, epoch: 1, loss: 1, accuracy: 0.5 },
    ...{ microF1: 0.5, macroF1: 0.4, weightedF1: 0.5 },
  });

  it('of weights holds weights and buffers by their public names, and what they are', async () => {
    const { content } = await write('safetensors', {
      model: { kind: 'resnet', depth: 8, image: 16 },
    });
    const { tensors, metadata } = decodeSafetensors(content, 'it');
    expect(Object.keys(tensors).filter((name) => name.startsWith('moment'))).toEqual([]);
    expect(tensors['stem.norm.running_var']!.shape).toEqual([16]);
    expect(tensors['head.weight']!.shape).toEqual([classes.length, 64]);
    expect(metadata).toMatchObject({ format: 'pt', program: 'HuggingGreen 1.2.3', patches: 'all' });
    expect(JSON.parse(metadata.classes!)).toEqual(classes);
    expect(JSON.parse(metadata.images!)).toMatchObject({ channels: 3, size: side });
    // of these very weights, not of earlier ones
    expect(JSON.parse(metadata.metrics!)).toEqual([evaluation(12, 'test')]);
    expect(JSON.parse(metadata.energy!)).toMatchObject({ kWh: 0.25 });
    expect(JSON.parse(metadata.config!)).toMatchObject({ model: { kind: 'resnet', depth: 8 } });
  });

  it('of ONNX names its weights, says what it is, and asks for nothing but standard ONNX', async () => {
    const { content } = await write('onnx');
    const text = content.toString('latin1');
    for (const said of ['b0.qkv.weight', 'classes', JSON.stringify(classes), 'HuggingGreen 1.2.3'])
      expect(text).toContain(said);
    expect(text).not.toContain('com.microsoft');
    const { tensors } = decodeSafetensors((await write('safetensors')).content, 'it');
    for (const [name, { data }] of Object.entries(tensors)) {
      expect(text, name).toContain(name);
      expect(
        content.includes(Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
        name,
      ).toBe(true);
    }
  });

  it('is not written from a damaged checkpoint, and leaves nothing behind', async () => {
    const { checkpoint, target } = await write('onnx');
    const before = readFileSync(target);
    truncateSync(join(folder, 'step-12.safetensors'), 100);
    for (const format of ['onnx', 'safetensors'] as const)
      await expect(exportModel({ checkpoint, format, target, facts })).rejects.toThrow(
        /step-12.safetensors cannot be used: it has 100 bytes/,
      );
    expect(readFileSync(target).equals(before)).toBe(true);
    writeFileSync(checkpoint, '{');
    await expect(exportModel({ checkpoint, format: 'onnx', target, facts })).rejects.toThrow(
      /no JSON/,
    );
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('cannot be ONNX where the checkpoint does not say how images were fed; its weights can be had', async () => {
    const { checkpoint, target } = await write('onnx');
    const old = JSON.parse(readFileSync(checkpoint, 'utf8')) as { images?: unknown };
    delete old.images;
    writeFileSync(checkpoint, JSON.stringify(old));
    const job = { checkpoint, target, facts };
    await expect(exportModel({ ...job, format: 'onnx' })).rejects.toThrow(/did not keep the mean/);
    expect((await exportModel({ ...job, format: 'safetensors' })).bytes).toBeGreaterThan(1000);
  });

  it('is not made of a stage before the last', async () => {
    const { checkpoint, target } = await write('onnx');
    const json = JSON.parse(readFileSync(checkpoint, 'utf8')) as { position: { stage: number } };
    json.position.stage = 1;
    writeFileSync(checkpoint, JSON.stringify(json));
    for (const format of ['onnx', 'safetensors'] as const)
      await expect(exportModel({ checkpoint, target, facts, format })).rejects.toThrow(
        /is of stage 2 of 1: its model is trained in the last one/,
      );
  });

  it('is not made of other tensors than the config has', async () => {
    const { checkpoint, target } = await write('onnx');
    const json = JSON.parse(readFileSync(checkpoint, 'utf8')) as { config: { model: object } };
    json.config.model = { ...json.config.model, layers: 3 };
    writeFileSync(checkpoint, JSON.stringify(json));
    await expect(exportModel({ checkpoint, target, facts, format: 'onnx' })).rejects.toThrow(
      /does not hold the model of its config: "b2.ln1.g" is missing/,
    );
  });
});

describe('a free batch', () => {
  const captureAt = (step: (images: tf.Tensor) => tf.Tensor) => (batch: number) =>
    capture((_, { images }) => ({ outputs: { y: step(images!) } }), {
      state: {},
      inputs: { images: { shape: [batch, 4], dtype: 'float32' } },
    }).graph;

  it('is told apart from sides that have its size at one capture', async () => {
    const graph = freeBatch(captureAt((x) => tf.concat([x, tf.ones([x.shape[0]!, 53])], 1)));
    expect(graph.outputs).toMatchObject([{ shape: ['batch', 57] }]);
    const session = await ort.InferenceSession.create(encodeModel(graph));
    const result = await session.run({
      'input:images': new ort.Tensor('float32', new Float32Array(8), [2, 4]),
    });
    expect(result['output:y']!.dims).toEqual([2, 57]);
    await session.release();
  });

  it.each<[string, (x: tf.Tensor) => tf.Tensor, RegExp]>([
    ['a mean over it', (x) => x.div(tf.scalar(x.shape[0]!)), /float32 numbers/],
    [
      'a square of it',
      (x) => tf.zeros([x.shape[0]! ** 2]).add(x.sum()),
      /is 2809, 3481, 3721 for batches/,
    ],
    [
      'another graph for some',
      (x) => (x.shape[0]! > 55 ? x.exp() : x.exp().exp()),
      /nodes at one size/,
    ],
    ['another node for some', (x) => (x.shape[0]! > 55 ? x.exp() : x.sin()), /not the same/],
  ])('is refused where the graph has %s', (_, step, reason) => {
    expect(() => freeBatch(captureAt(step))).toThrow(reason);
  });
});
