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
  const { logits, probabilities } = await session.run(feeds);
  await session.release();
  expect(logits!.dims).toEqual([count, classes.length]);
  const rows = (tensor: ort.Tensor | undefined) =>
    Array.from({ length: count }, (_, i) =>
      (tensor!.data as Float32Array).slice(i * classes.length, (i + 1) * classes.length),
    );
  return { logits: rows(logits), probabilities: rows(probabilities) };
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

async function sameAsEvaluation(input: ExperimentConfigInput, noise?: Float32Array) {
  const scene = await sceneOf(input, folder);
  const target = join(folder, 'model.onnx');
  await exportModel({ checkpoint: scene.checkpoint, format: 'onnx', target, facts });
  const images = someImages(7, 5);
  const { log, predictions } = await scene.evaluate(images, noise);
  let worst = 0;
  for (const count of [1, 3, 7]) {
    const few = images.slice(0, count * 3 * side * side);
    const patches = noise && noise.slice(0, (count * noise.length) / 7);
    const { logits, probabilities } = await runFile(target, few, patches);
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

  it.each(['cnn', 'fc', 'transformer'] as const)(
    'of ImageSig, head %s, takes images',
    async (head) => {
      const model = { kind: 'imagesig', head, image: 20, columns: head === 'fc' } as const;
      expect(await sameAsEvaluation({ model })).toBeLessThan(1e-4);
    },
  );

  it('of randomly kept patches takes the draw as an input', async () => {
    const random = new Sfc32(1, 1);
    const noise = Float32Array.from({ length: 7 * 16 }, () => random.unit());
    const selection = { ...drop, heuristic: 'random' } as const;
    expect(await sameAsEvaluation({ model: vit, selection }, noise)).toBeLessThan(1e-5);
  });
});
