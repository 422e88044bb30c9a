import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWasmEngine } from '../../../src-main/trainer/engine/eager.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import {
  hardNegativeContrastive,
  khoslaContrastive,
  marginContrastive,
} from '../../../src-main/trainer/losses/contrastive.ts';
import { boxLoss, hasArea, overlap } from '../../../src-main/trainer/losses/box.ts';
import { crossEntropyTo, smoothedTargets } from '../../../src-main/trainer/losses/cross-entropy.ts';
import { focalTo } from '../../../src-main/trainer/losses/focal.ts';
import { distillationLoss } from '../../../src-main/trainer/losses/distillation.ts';
import { maskedL1, maskedMse } from '../../../src-main/trainer/losses/masked.ts';
import { golden } from '../../fixtures/golden.ts';
import { expectClose } from '../close.ts';
import { largestError } from '../engine/reference.ts';
import { lossExpected, lossFeeds, lossSpecs, lossStep } from './loss-cases.ts';

const engines = [openOrtEngine('cpu', { threads: 1 }), await openWasmEngine()];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

describe.each(engines.map((engine) => [engine.name, engine] as const))('%s', (_, engine) => {
  let outputs: Record<string, ArrayLike<number>>;
  beforeAll(async () => {
    const program = await engine.compile(lossStep, { state: {}, inputs: lossSpecs });
    outputs = await program.run(await engine.createState({}), lossFeeds());
    await program.dispose();
  });

  it.each(Object.keys(lossExpected))('%s is the golden one', (name) => {
    expect(largestError(outputs[name]!, lossExpected[name]!)).toBeLessThan(5e-6);
  });
});

describe('focal loss', () => {
  beforeAll(async () => void (await tf.setBackend('cpu')));

  it('is cross-entropy at gamma 0, and finite where an image is certain', () => {
    const logits = tf.tensor2d([
      [200, 0, -200],
      [0, 300, 1],
    ]);
    const targets = smoothedTargets(tf.tensor1d([0, 0], 'int32'), 3, 0.1);
    const plain = crossEntropyTo(logits, targets);
    expectClose(focalTo(logits, targets, 0), plain.arraySync(), 0);
    for (const gamma of [0.5, 2]) {
      const slope = tf.grad((x) => focalTo(x as tf.Tensor2D, targets, gamma).sum())(logits);
      expect(focalTo(logits, targets, gamma).isFinite().all().dataSync()[0]).toBe(1);
      expect(slope.isFinite().all().dataSync()[0]).toBe(1);
    }
  });
});

describe('contrastive losses', () => {
  beforeAll(async () => void (await tf.setBackend('cpu')));
  const { z, labels } = golden<{ z: number[][]; labels: number[] }>('contrastive');
  const options = { temperature: 0.1, hardness: 1 };

  it('are 0, without slope, where no image has a partner', () => {
    const lonely = tf.tensor1d([0, 1, 2, 3, 4, 5], 'int32');
    for (const loss of [
      (x: tf.Tensor) => hardNegativeContrastive(x as tf.Tensor2D, lonely, options),
      (x: tf.Tensor) => khoslaContrastive(x as tf.Tensor2D, lonely, 0.1),
      (x: tf.Tensor) => marginContrastive(x as tf.Tensor2D, lonely, 1),
    ]) {
      expectClose(loss(tf.tensor2d(z)), 0, 0);
      expectClose(tf.grad(loss)(tf.tensor2d(z)), tf.zeros([6, 4]).arraySync() as number[][], 0);
    }
  });

  it('are 0 where all images are of one class', () => {
    const alike = tf.tensor1d([1, 1, 1, 1, 1, 1], 'int32');
    expectClose(hardNegativeContrastive(tf.tensor2d(z), alike, options), 0, 0);
    expectClose(marginContrastive(tf.tensor2d(z), alike, 1), 0, 0);
  });

  it('stay finite at a small temperature and for twins and zeros', () => {
    const rows = tf.tensor2d([z[0]!, z[0]!, z[1]!, z[1]!, [0, 0, 0, 0], [0, 0, 0, 0]]);
    const pairs = tf.tensor1d([0, 0, 1, 0, 1, 0], 'int32');
    for (const loss of [
      (x: tf.Tensor) =>
        hardNegativeContrastive(x as tf.Tensor2D, pairs, { temperature: 0.005, hardness: 4 }),
      (x: tf.Tensor) => khoslaContrastive(x as tf.Tensor2D, pairs, 0.005),
      (x: tf.Tensor) => marginContrastive(x as tf.Tensor2D, pairs, 1),
    ]) {
      expect(loss(rows).dataSync()[0]).toBeGreaterThan(0);
      expect(loss(rows).dataSync().every(Number.isFinite)).toBe(true);
      expect(tf.grad(loss)(rows).dataSync().every(Number.isFinite)).toBe(true);
    }
  });

  it('harder negatives cost more; the length of an embedding does not', () => {
    const at = (hardness: number, scale: number) =>
      hardNegativeContrastive(tf.tensor2d(z).mul(tf.scalar(scale)), tf.tensor1d(labels, 'int32'), {
        temperature: 0.1,
        hardness,
      }).dataSync()[0]!;
    expect(at(1, 1)).toBeGreaterThan(at(0, 1));
    expect(at(2, 1)).toBeGreaterThan(at(1, 1));
    expect(at(1, 7)).toBeCloseTo(at(1, 1), 4);
  });

  it('are not what the authors’ code computes, which takes labels for flags of pairs', () => {
    const { repo_ContrastiveLoss_margin1: theirs } =
      golden<Record<string, { loss: number }>>('contrastive');
    // class 1 is drawn to every image, its own included; class 0 are the negatives, the farthest counts
    const squared = z.map((a) => z.map((b) => a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0)));
    const rowsOf = (label: number) => squared.filter((_, i) => labels[i] === label);
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
    const pull = sum(rowsOf(1).flat()) / z.length;
    const push = sum(rowsOf(0).map((row) => Math.max(0, 1 - Math.max(...row))));
    expect(pull + push).toBeCloseTo(theirs!.loss, 8);
    const ours = marginContrastive(tf.tensor2d(z), tf.tensor1d(labels, 'int32'), 1);
    expect(Math.abs(ours.dataSync()[0]! - theirs!.loss)).toBeGreaterThan(1e-3);
  });
});

describe('box losses', () => {
  const box = (...numbers: number[]) => tf.tensor2d([numbers as [number, number, number, number]]);

  it('are nothing for the box itself, and GIoU is IoU for boxes one inside the other', () => {
    expectClose(boxLoss(box(0.4, 0.5, 0.2, 0.6), box(0.3, 0.2, 0.5, 0.8)), [0], 1e-6);
    const { iou, giou } = overlap(box(0.1, 0.1, 0.9, 0.9), box(0.3, 0.3, 0.5, 0.5));
    expectClose(giou, iou.arraySync(), 1e-6);
  });

  it('stay finite for boxes of no area, with a slope towards the box', () => {
    const point = box(0.5, 0.5, 0, 0);
    for (const target of [box(0.5, 0.5, 0.5, 0.5), box(0, 0, 0.1, 0.1)]) {
      const loss = (x: tf.Tensor) => boxLoss(x as tf.Tensor2D, target).sum();
      expect(loss(point).dataSync().every(Number.isFinite)).toBe(true);
      expect(tf.grad(loss)(point).dataSync().every(Number.isFinite)).toBe(true);
    }
  });

  it('know a box that was cropped away', () => {
    const boxes = tf.tensor2d([
      [0.1, 0.1, 0.2, 0.2],
      [0.3, 0.1, 0.3, 0.2],
      [0.1, 0.2, 0.2, 0.2],
    ]);
    expectClose(hasArea(boxes), [1, 0, 0], 0);
  });
});

describe('masked losses', () => {
  it('see hidden patches only, and are 0 where none is hidden', () => {
    const predicted = tf.tensor3d([[[5, 5], [1, 3]]]); // prettier-ignore
    const target = tf.tensor3d([[[0, 0], [1, 1]]]); // prettier-ignore
    const hidden = (...mask: number[]) => tf.tensor2d([mask]);
    expectClose(maskedL1(predicted, target, hidden(0, 1), 1), 1, 1e-4);
    expectClose(maskedMse(predicted, target, hidden(0, 1)), 2, 1e-6);
    expectClose(maskedL1(predicted, target, hidden(0, 0), 1), 0, 0);
    expectClose(maskedMse(predicted, target, hidden(0, 0)), 0, 0);
  });
});

describe('distillation', () => {
  const logits = [[1, 0.2, -0.5]];
  const loss = (student: number[][], kind: 'soft' | 'hard', weight: number) =>
    distillationLoss(tf.tensor2d(student), tf.tensor2d(logits), tf.tensor2d([[0, 0, 1]]), {
      kind,
      temperature: 2,
      weight,
    });

  it('has nothing left to learn from a teacher that it equals', () => {
    expectClose(loss(logits, 'soft', 1), [0], 1e-6);
    expect(loss([[0, 0.2, -0.5]], 'soft', 1).dataSync()[0]).toBeGreaterThan(0.01);
  });

  it('hard: half for the label, half for the class the teacher finds likeliest', () => {
    const crossEntropyOf = (c: number) =>
      Math.log(logits[0]!.reduce((sum, x) => sum + Math.exp(x), 0)) - logits[0]![c]!;
    expectClose(loss(logits, 'hard', 0.3), [(crossEntropyOf(2) + crossEntropyOf(0)) / 2], 1e-6);
  });
});
