import { beforeAll, describe, expect, it } from 'vitest';
import { parseExperimentConfig } from '../../../src-main/experiment-config.ts';
import {
  concatFlat,
  decayMask,
  flatGradients,
  flatLayout,
  packFlat,
  sliceFlat,
} from '../../../src-main/trainer/engine/flat.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import {
  imagenetNormalisation,
  normalisePatches,
  pixelPatches,
} from '../../../src-main/trainer/models/images.ts';
import { crossEntropy } from '../../../src-main/trainer/losses/cross-entropy.ts';
import {
  initialValues,
  parameterCount,
  publicTensors,
  sizeOf,
} from '../../../src-main/trainer/models/parameters.ts';
import { gatherPatches, keepMask } from '../../../src-main/trainer/models/patch-selection.ts';
import {
  vitEncode,
  vitForward,
  vitParameters,
  type VitShape,
} from '../../../src-main/trainer/models/vit.ts';
import { adamUpdate, stepScalars } from '../../../src-main/trainer/optimiser.ts';
import { golden } from '../../fixtures/golden.ts';
import { expectClose } from '../close.ts';
import { vitOf } from '../../fixtures/vit.ts';

interface VitTiny {
  tensors: { name: string; shape: number[]; phase: number; rule: string }[];
  trace: { embed: number[][][]; block0: number[][][]; block1: number[][][] };
  logits: number[][];
  label: number;
  loss: number;
  grad_norms: Record<string, number>;
  grads: {
    cls: number[][][];
    patch_bias: number[];
    head_weight: number[][];
    head_bias: number[];
    qkv0_row0: number[];
  };
  drop_keep_0_2_3: { logits: number[][] };
  mask_patch1_zero: { logits: number[][] };
  adam3: { lr: number; grad: number[]; start: number[]; steps: number[][] };
  adamw3: { lr: number; weight_decay: number; steps: number[][] };
}

const tiny = golden<VitTiny>('vit_tiny');
const { image_u8_chw: image } = golden<{ image_u8_chw: number[][][] }>('heuristics');

function shapeOf(model: object, classes: number): VitShape {
  const parsed = parseExperimentConfig({ model });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return { model: vitOf(parsed.config), attention: parsed.config.attention, channels: 3, classes };
}
const shape = shapeOf({ image: 8, patch: 4, dim: 6, layers: 2, heads: 2, dimHead: 3 }, 3);
const parameters = vitParameters(shape);
const layout = flatLayout(parameters);

/** The sine weights of the golden file, in our flat layout. */
function goldenWeights(): Float32Array {
  return Float32Array.from(
    tiny.tensors.flatMap(({ shape, phase, rule }) =>
      Array.from({ length: sizeOf(shape) }, (_, i) => {
        const wave = Math.sin(0.37 * i + phase);
        return rule.startsWith('1+') ? 1 + 0.1 * wave : 0.3 * wave;
      }),
    ),
  );
}

const normalised = () =>
  normalisePatches(
    pixelPatches(tf.tensor4d([image], [1, 3, 8, 8], 'int32'), 8, 4),
    imagenetNormalisation,
  );

const norm = (tensor: tf.Tensor) => Math.sqrt(tensor.square().sum().dataSync()[0]!);

beforeAll(async () => void (await tf.setBackend('cpu')));

describe('the golden ViT', () => {
  it('has the tensors of the golden file, in its order', () => {
    expect(publicTensors(parameters)).toEqual(
      tiny.tensors.map(({ name, shape }) => ({ name, shape })),
    );
  });

  it('computes its embedding, every block and its logits', () => {
    const trace: Record<string, tf.Tensor> = {};
    const logits = vitForward(shape, sliceFlat(layout, tf.tensor1d(goldenWeights())), {
      patches: normalised(),
      kept: null,
      observe: (name, tokens) => (trace[name] = tokens),
    });
    expectClose(trace.embed!, tiny.trace.embed);
    expectClose(trace.block0!, tiny.trace.block0);
    expectClose(trace.block1!, tiny.trace.block1);
    expectClose(logits, tiny.logits);
  });

  it('has its loss and every gradient', () => {
    const { value, gradient } = flatGradients(layout, tf.tensor1d(goldenWeights()), (views) => ({
      loss: crossEntropy(
        vitForward(shape, views, { patches: normalised(), kept: null }),
        tf.tensor1d([tiny.label], 'int32'),
        0,
      ).mean(),
    }));
    expectClose(value.loss, tiny.loss);

    const gradients = sliceFlat(layout, gradient);
    const joint = (name: string): tf.Tensor =>
      gradients[name] ??
      tf.concat(['q', 'k', 'v'].map((part) => gradients[name.replace('qkv', part)]!));
    for (const [name, expected] of Object.entries(tiny.grad_norms))
      expect(norm(joint(name)), name).toBeCloseTo(expected, 5);
    expectClose(joint('cls'), tiny.grads.cls);
    expectClose(joint('patch.bias'), tiny.grads.patch_bias);
    expectClose(joint('head.weight'), tiny.grads.head_weight);
    expectClose(joint('head.bias'), tiny.grads.head_bias);
    expectClose(joint('b0.qkv.weight').slice([0, 0], [1, 6]), [tiny.grads.qkv0_row0]);
  });

  it('drops patches and keeps the positions of the others', () => {
    const kept = tf.tensor2d([[0, 2, 3]], [1, 3], 'int32');
    const logits = vitForward(shape, sliceFlat(layout, tf.tensor1d(goldenWeights())), {
      patches: gatherPatches(normalised(), kept),
      kept,
    });
    expectClose(logits, tiny.drop_keep_0_2_3.logits);
  });

  it('masks a patch as the authors do, which is not the same', () => {
    const kept = tf.tensor2d([[0, 2, 3]], [1, 3], 'int32');
    const logits = vitForward(shape, sliceFlat(layout, tf.tensor1d(goldenWeights())), {
      patches: normalised().mul<tf.Tensor3D>(keepMask(kept, 4)),
      kept: null,
    });
    expectClose(logits, tiny.mask_patch1_zero.logits);
  });

  it('computes the same with all patches kept as without selection', () => {
    const views = sliceFlat(layout, tf.tensor1d(goldenWeights()));
    const kept = tf.tensor2d([[0, 1, 2, 3]], [1, 4], 'int32');
    const patches = gatherPatches(normalised(), kept);
    expectClose(
      vitForward(shape, views, { patches, kept }),
      vitForward(shape, views, { patches: normalised(), kept: null }).arraySync(),
      1e-6,
    );
  });

  it('can be entered between the patch projection and the positions', () => {
    const views = sliceFlat(layout, tf.tensor1d(goldenWeights()));
    const trace: Record<string, tf.Tensor> = {};
    vitEncode(shape, views, {
      patches: normalised(),
      kept: null,
      embedded: (projected) => projected.mul(tf.scalar(0)),
      observe: (name, tokens) => (trace[name] = tokens),
    });
    const nothing = tf.concat([views.cls!.reshape([1, 6]), tf.zeros([4, 6])]);
    expectClose(trace.embed!, [nothing.add(views.pos!).arraySync() as number[][]], 1e-6);
  });

  it('gives dropped patches no position gradient', () => {
    const kept = tf.tensor2d([[0, 2, 3]], [1, 3], 'int32');
    const { gradient } = flatGradients(layout, tf.tensor1d(goldenWeights()), (views) => ({
      loss: vitForward(shape, views, { patches: gatherPatches(normalised(), kept), kept }).sum(),
    }));
    const rows = sliceFlat(layout, gradient).pos!.abs().sum(1).arraySync() as number[];
    expect(rows.map((row) => row > 0)).toEqual([true, true, false, true, true]);
  });
});

describe('Adam', () => {
  const scalars = (optimizer: 'adam' | 'adamw', weightDecay: number, lr: number, step: number) => {
    const { stepSize, secondScale, shrink } = stepScalars({ optimizer, weightDecay }, lr, step);
    return {
      stepSize: tf.scalar(stepSize),
      secondScale: tf.scalar(secondScale),
      shrink: tf.scalar(shrink),
    };
  };

  it.each([
    ['adam' as const, 0, tiny.adam3.steps],
    ['adamw' as const, tiny.adamw3.weight_decay, tiny.adamw3.steps],
  ])('%s makes the golden three steps', (optimizer, weightDecay, steps) => {
    const gradient = tf.tensor1d(tiny.adam3.grad);
    const decay = optimizer === 'adamw' ? tf.ones([3]) : null;
    let state = {
      parameters: tf.tensor1d(tiny.adam3.start) as tf.Tensor,
      moment1: tf.zeros([3]) as tf.Tensor,
      moment2: tf.zeros([3]) as tf.Tensor,
    };
    steps.forEach((expected, i) => {
      state = adamUpdate(
        state.parameters,
        state,
        gradient,
        decay,
        scalars(optimizer, weightDecay, tiny.adam3.lr, i + 1),
      );
      expectClose(state.parameters, expected, 1e-7);
    });
  });

  it('decays weights, never biases, LayerNorm, class token and positions', () => {
    const decayed = parameters.filter(({ decay }) => decay).map(({ name }) => name);
    expect(decayed.every((name) => name.endsWith('.weight'))).toBe(true);
    const weights = parameters.filter(({ name }) => name.endsWith('.weight'));
    expect(decayed).toHaveLength(weights.length);
    expect(decayMask(layout).reduce((a, b) => a + b)).toBe(parameterCount(weights));
  });
});

describe('initial values', () => {
  const large = vitParameters(shapeOf({ dim: 64, layers: 1 }, 10));
  const largeLayout = flatLayout(large);
  const cut = (name: string, seed: number): Float32Array => {
    const { offset, size } = largeLayout.entries.find((entry) => entry.name === name)!;
    return initialValues(large, seed).subarray(offset, offset + size);
  };

  it('are those of PyTorch: uniform within 1 / sqrt(fan in)', () => {
    const weights = cut('b0.fc1.weight', 1);
    const bound = 1 / Math.sqrt(64);
    const variance = weights.reduce((sum, w) => sum + w * w, 0) / weights.length;
    expect(Math.max(...weights.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1);
    expect([...cut('b0.ln1.g', 1)]).toEqual(Array(64).fill(1));
  });

  it('are normal with std 0.02 for positions', () => {
    const positions = cut('pos', 1);
    const variance = positions.reduce((sum, w) => sum + w * w, 0) / positions.length;
    expect(Math.sqrt(variance)).toBeCloseTo(0.02, 3);
  });

  it('depend on the seed and nothing else', () => {
    expect(initialValues(large, 7)).toEqual(initialValues(large, 7));
    expect(initialValues(large, 7)).not.toEqual(initialValues(large, 8));
  });

  it('survive the flat layout', () => {
    const flat = initialValues(parameters, 3);
    const views = sliceFlat(layout, tf.tensor1d(flat));
    expect(concatFlat(layout, views).dataSync()).toEqual(flat);
    const named = Object.fromEntries(
      Object.entries(views).map(([name, view]) => [
        name,
        { shape: view.shape, data: view.dataSync<'float32'>() },
      ]),
    );
    expect(packFlat(layout, named)).toEqual(flat);
  });
});

it('a single head as wide as the model has no output projection', () => {
  const names = vitParameters(shapeOf({ dim: 8, heads: 1, dimHead: 8, layers: 1 }, 10)).map(
    ({ name }) => name,
  );
  expect(names).not.toContain('b0.out.weight');
});
