/**
 * The golden cases of all losses with their gradients, as one step of float inputs: run on every engine,
 * and by `engine/on-webgpu.ts` on that provider.
 */
import type { Specs, Step, Tensors } from '../../../src-main/trainer/engine/engine.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '../../../src-main/trainer/engine/tf.ts';
import { boxLoss, overlap } from '../../../src-main/trainer/losses/box.ts';
import {
  hardNegativeContrastive,
  khoslaContrastive,
  marginContrastive,
} from '../../../src-main/trainer/losses/contrastive.ts';
import {
  crossEntropy,
  crossEntropyTo,
  oneHot,
  smoothedTargets,
} from '../../../src-main/trainer/losses/cross-entropy.ts';
import { focalTo } from '../../../src-main/trainer/losses/focal.ts';
import { distillationLoss } from '../../../src-main/trainer/losses/distillation.ts';
import {
  maskedL1,
  maskedMse,
  normaliseEachPatch,
} from '../../../src-main/trainer/losses/masked.ts';
import {
  imagenetNormalisation,
  normalisePatches,
  pixelPatches,
} from '../../../src-main/trainer/models/images.ts';
import { labelTargets } from '../../../src-main/trainer/recipes/labels.ts';
import { golden } from '../../fixtures/golden.ts';

export type Nested = number | Nested[];
export const flatten = (values: Nested): number[] =>
  typeof values === 'number' ? [values] : values.flatMap(flatten);
const shapeOf = (values: Nested): number[] =>
  typeof values === 'number' ? [] : [values.length, ...shapeOf(values[0]!)];

interface Case {
  inputs: Record<string, Nested>;
  run: (inputs: Tensors) => Tensors;
  expected: Record<string, Nested>;
}

const contrastive = golden<
  { z: number[][]; labels: number[] } & Record<string, { loss: number; dz: number[][] }>
>('contrastive');
const giou =
  golden<{ a: number[]; b: number[]; iou: number; giou: number; dgiou_da: number[] }[]>('giou');
const mim = golden<{
  mask_patches: number[];
  simmim_l1: number;
  mae_normpix_mse: number;
  mae_raw_mse: number;
}>('mim');
const distillation = golden<{
  student: number[][];
  teacher: number[][];
  label: number;
  T: number;
  lam: number;
  loss: number;
  dstudent: number[][];
  hard_deit: number;
}>('distillation');
const { image_u8_chw: image } = golden<{ image_u8_chw: number[][][] }>('heuristics');
const entropy = golden<{
  cross_entropy: { logits: number[][]; label: number; loss: number; dlogits: number[][] };
}>('primitives').cross_entropy;

const focal = golden<{
  logits: number[][];
  labels: number[];
  cases: { gamma: number; smoothing: number; loss: number[]; gradient: number[][] }[];
}>('focal');

const ints = (t: Tensor): Tensor1D => t.cast<Tensor1D>('int32');

/** A scalar loss of `x` and its gradient. */
const withGradient = (loss: (x: Tensor) => Tensor, x: Tensor): Tensors => ({
  loss: loss(x),
  gradient: tf.grad((t) => loss(t).sum())(x),
});

const contrastiveCase = (name: string, loss: (z: Tensor2D, labels: Tensor1D) => Tensor): Case => ({
  inputs: { z: contrastive.z, labels: contrastive.labels },
  run: ({ z, labels }) => withGradient((t) => loss(t as Tensor2D, ints(labels!)), z!),
  expected: { loss: contrastive[name]!.loss, gradient: contrastive[name]!.dz },
});

/** The image of the golden file and its prediction, x + sin(0.37 i + 0.7) / 2, as normalised patches. */
function maskedInputs(pixels: Tensor, moved: Tensor): { target: Tensor3D; predicted: Tensor3D } {
  // the prediction is given over the image: it goes into patches by the same way as pixels do
  const patches = (planes: Tensor): tf.Tensor4D =>
    pixelPatches(planes.mul(tf.scalar(255)).reshape([1, 3, 8, 8]), 8, 4);
  const target = normalisePatches(patches(pixels), imagenetNormalisation);
  const shift = patches(moved).reshape<Tensor3D>([1, 4, 48]);
  return { target, predicted: target.add(shift) };
}
const maskedCase = (
  expected: number,
  loss: (predicted: Tensor3D, target: Tensor3D, mask: Tensor2D) => Tensor,
): Case => ({
  inputs: {
    pixels: image.map((plane) => plane.map((row) => row.map((value) => value / 255))),
    moved: Array.from({ length: 192 }, (_, i) => 0.5 * Math.sin(0.37 * i + 0.7)),
    mask: [Array.from({ length: 4 }, (_, patch) => (mim.mask_patches.includes(patch) ? 1 : 0))],
  },
  run: ({ pixels, moved, mask }) => {
    const { target, predicted } = maskedInputs(pixels!, moved!);
    return { loss: loss(predicted, target, mask as Tensor2D) };
  },
  expected: { loss: expected },
});

/** Two images, 0.7 of classes 2 and 0, 0.3 of 1 and 0, smoothed by 0.1: from the definition, in doubles. */
function mixedCase(): Case {
  const logits = [
    [0.5, -1, 2],
    [1, 0.25, -0.5],
  ];
  const targets = [
    [0, 0.3, 0.7],
    [1, 0, 0],
  ].map((row) => row.map((t) => 0.9 * t + 0.1 / 3));
  const totals = logits.map((row) => row.reduce((sum, x) => sum + Math.exp(x), 0));
  return {
    inputs: { logits, labels: [2, 0], otherLabels: [1, 0], share: 0.7 },
    run: ({ logits, labels, otherLabels, share }) => {
      const inputs = { labels: ints(labels!), otherLabels: ints(otherLabels!), share: share! };
      const to = labelTargets(inputs, 3, 0.1);
      return withGradient((t) => crossEntropyTo(t as Tensor2D, to), logits!);
    },
    expected: {
      loss: logits.map((row, b) =>
        row.reduce((sum, x, c) => sum - targets[b]![c]! * (x - Math.log(totals[b]!)), 0),
      ),
      gradient: logits.map((row, b) =>
        row.map((x, c) => Math.exp(x) / totals[b]! - targets[b]![c]!),
      ),
    },
  };
}

export const lossCases: Record<string, Case> = {
  'cross-entropy': {
    inputs: { logits: entropy.logits, labels: [entropy.label] },
    run: ({ logits, labels }) =>
      withGradient((t) => crossEntropy(t as Tensor2D, ints(labels!), 0), logits!),
    expected: { loss: [entropy.loss], gradient: entropy.dlogits },
  },
  'cross-entropy of mixed images': mixedCase(),
  ...Object.fromEntries(
    focal.cases.map(({ gamma, smoothing, loss, gradient }): [string, Case] => [
      `focal, gamma ${gamma}, smoothing ${smoothing}`,
      {
        inputs: { logits: focal.logits, labels: focal.labels },
        run: ({ logits, labels }) => {
          const targets = smoothedTargets(ints(labels!), 4, smoothing);
          return withGradient((t) => focalTo(t as Tensor2D, targets, gamma), logits!);
        },
        expected: { loss, gradient },
      },
    ]),
  ),
  'hard negatives, β 0': contrastiveCase('supcon_hard_beta0', (z, labels) =>
    hardNegativeContrastive(z, labels, { temperature: 0.1, hardness: 0 }),
  ),
  'hard negatives, β 1': contrastiveCase('supcon_hard_beta1', (z, labels) =>
    hardNegativeContrastive(z, labels, { temperature: 0.1, hardness: 1 }),
  ),
  khosla: contrastiveCase('supcon_khosla_tau0.1', (z, labels) => khoslaContrastive(z, labels, 0.1)),
  margin: contrastiveCase('batch_hard_margin1', (z, labels) => marginContrastive(z, labels, 1)),
  simmim: maskedCase(mim.simmim_l1, (predicted, target, mask) =>
    maskedL1(predicted, target, mask, 3),
  ),
  'mae, normalised pixels': maskedCase(mim.mae_normpix_mse, (predicted, target, mask) =>
    maskedMse(predicted, normaliseEachPatch(target), mask),
  ),
  'mae, plain pixels': maskedCase(mim.mae_raw_mse, maskedMse),
  giou: {
    inputs: { a: giou.map(({ a }) => a), b: giou.map(({ b }) => b) },
    run: ({ a, b }) => ({
      iou: overlap(a as Tensor2D, b as Tensor2D).iou,
      ...withGradient((t) => overlap(t as Tensor2D, b as Tensor2D).giou, a!),
    }),
    expected: {
      iou: giou.map(({ iou }) => iou),
      loss: giou.map(({ giou }) => giou),
      gradient: giou.map(({ dgiou_da }) => dgiou_da),
    },
  },
  'box loss': {
    // the third pair of the golden file, a as centre and size
    inputs: { a: [[0.5, 0.5, 0.8, 0.6]], b: [giou[2]!.b] },
    run: ({ a, b }) => ({ loss: boxLoss(a as Tensor2D, b as Tensor2D) }),
    expected: { loss: [5 * (0.05 + 0 + 0.5 + 0.2) + 2 * (1 - giou[2]!.giou)] },
  },
  'distillation, soft': {
    inputs: {
      student: distillation.student,
      teacher: distillation.teacher,
      labels: [distillation.label],
    },
    run: ({ student, teacher, labels }) =>
      withGradient(
        (t) =>
          distillationLoss(t as Tensor2D, teacher as Tensor2D, oneHot(ints(labels!), 3), {
            kind: 'soft',
            temperature: distillation.T,
            weight: distillation.lam,
          }),
        student!,
      ),
    expected: { loss: [distillation.loss], gradient: distillation.dstudent },
  },
  'distillation, hard': {
    inputs: {
      student: distillation.student,
      teacher: distillation.teacher,
      labels: [distillation.label],
    },
    run: ({ student, teacher, labels }) => ({
      loss: distillationLoss(student as Tensor2D, teacher as Tensor2D, oneHot(ints(labels!), 3), {
        kind: 'hard',
        temperature: 1,
        weight: 0.5,
      }),
    }),
    expected: { loss: [distillation.hard_deit] },
  },
};

/** All cases as one step: `case.output`. */
export const lossStep: Step = (_state, inputs) => ({
  outputs: Object.fromEntries(
    Object.entries(lossCases).flatMap(([name, { inputs: own, run }]) => {
      const tensors = Object.fromEntries(
        Object.keys(own).map((key) => [key, inputs[`${name}.${key}`]!]),
      );
      return Object.entries(run(tensors)).map(([key, t]) => [`${name}.${key}`, t]);
    }),
  ),
});

const allInputs = Object.entries(lossCases).flatMap(([name, { inputs }]) =>
  Object.entries(inputs).map(([key, values]) => [`${name}.${key}`, values] as const),
);
export const lossSpecs: Specs = Object.fromEntries(
  allInputs.map(([name, values]) => [name, { shape: shapeOf(values), dtype: 'float32' }]),
);
export const lossFeeds = (): Record<string, Float32Array> =>
  Object.fromEntries(allInputs.map(([name, values]) => [name, Float32Array.from(flatten(values))]));
/** Expected numbers by the names of the step's outputs. */
export const lossExpected: Record<string, number[]> = Object.fromEntries(
  Object.entries(lossCases).flatMap(([name, { expected }]) =>
    Object.entries(expected).map(([key, values]) => [`${name}.${key}`, flatten(values)]),
  ),
);
