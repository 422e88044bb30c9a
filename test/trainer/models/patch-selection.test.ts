import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseExperimentConfig, keptPatches } from '../../../src-main/experiment-config.ts';
import { selectionProbability } from '../../../src-main/experiment-config/selection-schedule.ts';
import { openDataset } from '../../../src-main/trainer/data/index.ts';
import { Sfc32 } from '../../../src-main/trainer/data/prng.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import { PatchRecall } from '../../../src-main/trainer/metrics/patch-recall.ts';
import { pixelPatches, resizeBilinear } from '../../../src-main/trainer/models/images.ts';
import { crossEntropy } from '../../../src-main/trainer/losses/cross-entropy.ts';
import {
  gumbelKeys,
  keepMask,
  patchProbabilities,
  scorePatches,
  selectPatches,
  type Selection,
} from '../../../src-main/trainer/models/patch-selection.ts';
import { golden } from '../../fixtures/golden.ts';
import { expectClose } from '../close.ts';
import { vitOf } from '../../fixtures/vit.ts';

interface Heuristics {
  image_u8_chw: number[][][];
  unit: Record<string, number[]>;
  probs_linear: { p: number[] };
  probs_all_zero: number[];
  gumbel_topk: { u: number[]; keys: number[]; selected_k3_sorted: number[] };
  plackett_luce_prob_of_order: number;
}

const vectors = golden<Heuristics>('heuristics');

function selectionOf(selection: object): Selection {
  const parsed = parseExperimentConfig({ selection });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config.selection;
}
const linear = selectionOf({});

const goldenPatches = () =>
  pixelPatches(tf.tensor4d([vectors.image_u8_chw], [1, 3, 8, 8], 'int32'), 8, 4);

beforeAll(async () => void (await tf.setBackend('cpu')));

describe('scores', () => {
  it.each([
    ['variance_channel_mean', 16, 'variance_channel_mean'],
    ['variance_luma', 16, 'variance_luma'],
    ['contrast_guarded', 16, 'contrast_guarded'],
    ['entropy', 16, 'entropy_luma_bits_bins16'],
    ['entropy', 256, 'entropy_luma_bits_bins256'],
  ] as const)('%s (%i bins) is the golden one', (heuristic, entropyBins, name) => {
    const scores = scorePatches(goldenPatches(), { heuristic, entropyBins });
    expectClose(scores, [vectors.unit[name]!], 2e-6);
  });

  it('contrast is the paper’s formula, and 0 for a black patch', () => {
    const scores = scorePatches(goldenPatches(), { heuristic: 'contrast', entropyBins: 16 });
    const [first, , third, fourth] = vectors.unit.contrast_paper!;
    expectClose(scores, [[first!, 0, third!, fourth!]], 2e-6);
  });

  it('a single channel is its own luma', () => {
    const grey = tf.tensor4d([[[[0, 0.5, 1, 0.5]]]]);
    const scores = scorePatches(grey, { heuristic: 'variance_luma', entropyBins: 16 });
    expectClose(scores, [[1 / 6]], 1e-6);
  });
});

describe('probabilities', () => {
  it('are the golden ones', () => {
    const scores = tf.tensor2d([vectors.unit.variance_luma!]);
    expectClose(patchProbabilities(scores, linear), [vectors.probs_linear.p], 1e-6);
  });

  it.each(['linear', 'minmax', 'softmax'] as const)('%s is uniform without a score', (probMap) => {
    const scores = tf.zeros([1, 4]) as tf.Tensor2D;
    const p = patchProbabilities(scores, { probMap, delta: 0.01 });
    expectClose(p, [vectors.probs_all_zero], 1e-7);
  });

  it('softmax is of the z-score', () => {
    const p = patchProbabilities(tf.tensor2d([[1, 3]]), { probMap: 'softmax', delta: 0 });
    const high = Math.E / (Math.E + 1 / Math.E);
    expectClose(p, [[1 - high, high]], 1e-6);
  });

  it('minmax starves the lowest patch', () => {
    const p = patchProbabilities(tf.tensor2d([[0, 1, 3]]), { probMap: 'minmax', delta: 0 });
    expectClose(p, [[0, 0.25, 0.75]], 1e-5);
  });
});

describe('selection', () => {
  it('has the golden keys and set', () => {
    const scores = tf.tensor2d([vectors.unit.variance_luma!]);
    const noise = tf.tensor2d([vectors.gumbel_topk.u]);
    expectClose(
      gumbelKeys(patchProbabilities(scores, linear), noise),
      [vectors.gumbel_topk.keys],
      1e-5,
    );
    expect(selectPatches(scores, noise, 3, linear).arraySync()).toEqual([
      vectors.gumbel_topk.selected_k3_sorted,
    ]);
  });

  it('without noise keeps the best, ties to the lower index, in ascending order', () => {
    const scores = tf.tensor2d([[1, 5, 1, 9, 1]]);
    expect(selectPatches(scores, null, 3, linear).arraySync()).toEqual([[0, 1, 3]]);
  });

  it('masks what it does not keep', () => {
    const kept = tf.tensor2d([[0, 2], [1, 3]], [2, 2], 'int32'); // prettier-ignore
    expect(keepMask(kept, 4).squeeze([2]).arraySync()).toEqual([
      [1, 0, 1, 0],
      [0, 1, 0, 1],
    ]);
  });

  it('draws sets as Plackett and Luce do', () => {
    const p = [0.6, 0.3, 0.1];
    const draws = 20_000;
    const random = new Sfc32(1, 2, 3);
    const noise = Float32Array.from({ length: draws * 3 }, () => random.unit());
    const scores = tf.tensor2d(p, [1, 3]).mul<tf.Tensor2D>(tf.ones([draws, 1]));
    const kept = selectPatches(scores, tf.tensor2d(noise, [draws, 3]), 2, {
      probMap: 'linear',
      delta: 0,
    });
    // the pair is known by the patch left out: P{i, j} = p_i p_j (1 / (1 - p_i) + 1 / (1 - p_j))
    const leftOut = [0, 0, 0];
    for (const sum of kept.sum(1).dataSync()) leftOut[3 - sum]! += 1;
    p.forEach((_, out) => {
      const [a, b] = p.filter((_, i) => i !== out) as [number, number];
      const expected = a * b * (1 / (1 - a) + 1 / (1 - b));
      expect(leftOut[out]! / draws).toBeCloseTo(expected, 1.7);
    });
  });

  it('keeps k patches where the golden file does', () => {
    const k = (image: number, patch: number, keepRatio: number) => {
      const parsed = parseExperimentConfig({
        model: { image, patch },
        selection: { mode: 'drop', keepRatio },
      });
      if (!parsed.ok) return null;
      return keptPatches({ model: vitOf(parsed.config), selection: parsed.config.selection });
    };
    expect([k(224, 16, 0.7), k(32, 4, 0.7), k(32, 4, 0.5), k(32, 4, 0.3)]).toEqual([
      138, 45, 32, 20,
    ]);
  });
});

describe('schedules', () => {
  const vectors = golden<{
    prob0: number;
    rate: number;
    epochs: number[];
    repo_compounding: number[];
    hyperbolic: number[];
    exponential: number[];
    anneal_to_zero_E10_tail2: number[];
    repo_compounding_at: Record<string, number>;
  }>('schedules');
  const at = (schedule: Selection['schedule'], epoch: number, epochs = 100) =>
    selectionProbability(
      selectionOf({ schedule, prob: vectors.prob0, decayRate: vectors.rate, tail: 0.2 }),
      epoch,
      epochs,
    );

  it('are the golden ones', () => {
    for (const epoch of vectors.epochs) {
      expect(at('authors-compounding', epoch)).toBeCloseTo(vectors.repo_compounding[epoch]!, 10);
      expect(at('hyperbolic', epoch)).toBeCloseTo(vectors.hyperbolic[epoch]!, 10);
      expect(at('exponential', epoch)).toBeCloseTo(vectors.exponential[epoch]!, 10);
      expect(at('constant', epoch)).toBe(vectors.prob0);
    }
    vectors.anneal_to_zero_E10_tail2.forEach((expected, epoch) =>
      expect(at('anneal', epoch, 10)).toBeCloseTo(expected, 10),
    );
    for (const [epoch, expected] of Object.entries(vectors.repo_compounding_at))
      expect(at('authors-compounding', Number(epoch)) / expected).toBeCloseTo(1, 9);
  });
});

describe('on GreenSynth', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'selection-'));
  afterAll(() => rmSync(dataDir, { recursive: true }));

  const recall = golden<Record<string, { recall: Record<string, number> }>>(
    'heuristic_recall_on_synth',
  ).distractors0!.recall;

  it.each([
    ['variance_channel_mean', 'variance_channel_mean'],
    ['contrast_guarded', 'contrast_guarded'],
    ['entropy', 'entropy_luma_bits_bins16'],
    ['random', 'random'],
  ] as const)('%s keeps the share of object patches it should', async (heuristic, name) => {
    const count = 300;
    const data = await openDataset(
      { kind: 'greensynth', seed: 42, train: count, validation: 1, test: 1, size: 32, classes: 10, noise: 4, distractors: 0 },
      { dataDir },
    ); // prettier-ignore
    const { images, boxes } = data.splits.train;
    const pixels = tf.tensor4d(Int32Array.from(images), [count, 3, 32, 32], 'int32');
    const scores = scorePatches(pixelPatches(pixels, 32, 4), { heuristic, entropyBins: 16 });
    const random = new Sfc32(5, 6, 7);
    const noise = tf.tensor2d(
      Float32Array.from({ length: count * 64 }, () => random.unit()),
      [count, 64],
    );
    for (const [how, drawn] of [
      ['sample', noise],
      ['topk', null],
    ] as const) {
      // prettier-ignore
      if (heuristic === 'random' && how === 'topk') continue; // without noise: the first patches
      for (const keepRatio of [0.7, 0.3]) {
        const k = Math.ceil(keepRatio * 64 - 1e-9);
        const kept = selectPatches(scores, drawn, k, linear).arraySync();
        const expected = recall[`${name}|${how}|${keepRatio}`]!;
        const measured = objectRecall(kept, boxes!);
        expect(Math.abs(measured - expected), `${how} ${keepRatio}: ${measured}`).toBeLessThan(
          0.05,
        );
      }
    }
  });

  function objectRecall(kept: number[][], boxes: Int16Array): number {
    const recall = new PatchRecall(64, 32);
    kept.forEach((patches, i) => {
      const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * i, 4 * i + 4);
      recall.add(patches, [x0, y0, x1, y1]);
    });
    return recall.value!;
  }
});

describe('images and loss', () => {
  const vectors = golden<{
    cross_entropy: { logits: number[][]; label: number; loss: number; dlogits: number[][] };
    bilinear_half_pixel: { src: number[][]; dst7: number[][] };
  }>('loss_and_resize');

  it('resizes with half-pixel centres', () => {
    const { src, dst7 } = vectors.bilinear_half_pixel;
    expectClose(resizeBilinear(tf.tensor4d([[src]]), 7), [[dst7]], 1e-5);
  });

  it('cuts patches row by row, channels first', () => {
    const image = tf.range(0, 2 * 4 * 4, 1, 'int32').reshape<tf.Tensor4D>([1, 2, 4, 4]);
    const patches = pixelPatches(image, 4, 2).mul(tf.scalar(255)).round().arraySync();
    expect(patches).toEqual([
      [
        [[0, 1, 4, 5], [16, 17, 20, 21]],
        [[2, 3, 6, 7], [18, 19, 22, 23]],
        [[8, 9, 12, 13], [24, 25, 28, 29]],
        [[10, 11, 14, 15], [26, 27, 30, 31]],
      ], // prettier-ignore
    ]);
  });

  it('smoothed cross-entropy and its gradient', () => {
    const { logits, label, loss, dlogits } = vectors.cross_entropy;
    const labels = tf.tensor1d([label], 'int32');
    for (const smoothing of [0, 0.1]) {
      const target = logits[0]!.map((_, c) => (c === label ? 1 - smoothing : 0) + smoothing / 3);
      const logTotal = Math.log(logits[0]!.reduce((sum, x) => sum + Math.exp(x), 0));
      const expected = target.reduce((sum, t, c) => sum - t * (logits[0]![c]! - logTotal), 0);
      expectClose(crossEntropy(tf.tensor2d(logits), labels, smoothing), [expected], 1e-6);
    }
    expectClose(crossEntropy(tf.tensor2d(logits), labels, 0.1), [loss], 1e-6);
    const gradient = tf.grad((x) => crossEntropy(x as tf.Tensor2D, labels, 0).sum());
    expectClose(gradient(tf.tensor2d(logits)), dlogits, 1e-6);
  });
});
