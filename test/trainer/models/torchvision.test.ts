/**
 * ResNet-50 and EfficientNetV2-S against torchvision: names and shapes of all parameters, logits of
 * training and evaluation, running statistics, and the size of every parameter's gradient.
 * How the numbers were made: test/fixtures/torchvision_cnns.py.
 */
import { describe, expect, it, vi } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/experiment-config.ts';
import { modelCost } from '../../../src-main/core/experiments/model-cost.ts';
import type { Tensors } from '../../../src-main/trainer/engine/engine.ts';
import {
  concatFlat,
  flatGradients,
  flatLayout,
  sliceFlat,
} from '../../../src-main/trainer/engine/flat.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import type { Tensor1D, Tensor4D } from '../../../src-main/trainer/engine/tf.ts';
import {
  cnnBuffers,
  cnnParameters,
  type CnnModel,
} from '../../../src-main/trainer/models/cnn-architecture.ts';
import { cnnForward } from '../../../src-main/trainer/models/cnn.ts';
import { crossEntropy } from '../../../src-main/trainer/losses/cross-entropy.ts';
import {
  parameterCount,
  sizeOf,
  type Parameter,
} from '../../../src-main/trainer/models/parameters.ts';
import { golden } from '../../fixtures/golden.ts';

// large models: seconds each, far more where many share the cores
vi.setConfig({ testTimeout: 240_000 });

interface Case {
  kind: 'resnet' | 'efficientnetv2-s';
  image: number;
  shapes?: Record<string, number[]>;
  evaluation: number[];
  training: number[];
  last_running_var?: number[];
  gradient_norms?: Record<string, number>;
}
const { classes, batch, cases } = golden<{ classes: number; batch: number; cases: Case[] }>(
  'torchvision_cnns',
);

function modelOf(input: NonNullable<ExperimentConfigInput['model']>): CnnModel {
  const parsed = parseExperimentConfig({ model: input });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config.model as CnnModel;
}
const caseModel = ({ kind, image }: Case): CnnModel =>
  modelOf(kind === 'resnet' ? { kind, image, depth: 50 } : { kind, image });

/** Scattered numbers in [-1, 1): whole ones over 32768. */
function numbers(size: number, seed: number, rule: (u: number) => number): Float32Array {
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const x = (i * 40503 + seed * 30011 + 12345) % 65521;
    values[i] = rule(((Math.floor((x * x + 17 * x) / 64) % 65536) - 32768) / 32768);
  }
  return values;
}

/** The numbers of the fixture's model. */
function filled(
  parameters: readonly Parameter[],
  seed: (k: number) => number,
  rule: (parameter: Parameter) => (u: number) => number,
): Float32Array {
  const flat = new Float32Array(parameterCount(parameters));
  let offset = 0;
  parameters.forEach((parameter, k) => {
    const values = numbers(sizeOf(parameter.shape), seed(k), rule(parameter));
    flat.set(values, offset);
    offset += values.length;
  });
  return flat;
}
/** Of two lists, relative to the largest number of the second. */
const relative = (actual: ArrayLike<number>, expected: readonly number[]): number =>
  Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value))) /
  Math.max(...expected.map(Math.abs));

describe('counts', () => {
  it.each([
    // torchvision's published ones; its EfficientNetV2-S is measured at 384 pixels
    [{ kind: 'resnet', depth: 50, image: 224 }, 25_557_032, 4.089],
    [{ kind: 'efficientnetv2-s', image: 384 }, 21_458_488, 8.366],
  ] as const)('%o has the published parameters and GMACs', (model, parameters, giga) => {
    const parsed = parseExperimentConfig({ model });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
    const cost = modelCost(parsed.config, 1000);
    expect(cost.parameters).toBe(parameters);
    expect(Number((cost.macs(0) / 1e9).toFixed(3))).toBe(giga);
  });
});

describe.each(cases)('$kind at $image px', (expected) => {
  const model = caseModel(expected);
  const parameters = cnnParameters(model, classes);
  const buffers = cnnBuffers(model);
  const { shapes, gradient_norms: norms } = expected;

  it.runIf(shapes)('has the parameters of torchvision, in its order', () => {
    expect(parameters.map(({ name, shape }) => [name, shape])).toEqual(Object.entries(shapes!));
  });

  it('computes what torchvision does', async () => {
    const layout = flatLayout(parameters);
    const bufferLayout = flatLayout(buffers);
    const step = (state: Tensors, inputs: Tensors): { outputs: Tensors } => {
      const pass = (training: boolean, views: Tensors) =>
        cnnForward(model, {
          parameters: views,
          buffers: sliceFlat(bufferLayout, state.buffers!),
          images: inputs.images as Tensor4D,
          training,
        });
      const evaluation = pass(false, sliceFlat(layout, state.parameters!)).logits;
      if (!norms) {
        const { logits } = pass(true, sliceFlat(layout, state.parameters!));
        return { outputs: { evaluation, training: logits } };
      }
      const { value, gradient } = flatGradients(layout, state.parameters!, (views) => {
        const { logits, buffers: next } = pass(true, views);
        const loss = crossEntropy(logits, inputs.labels as Tensor1D, 0).mean();
        return { loss, logits, buffers: concatFlat(bufferLayout, next) };
      });
      const { logits, buffers: moved } = value;
      return { outputs: { evaluation, training: logits, buffers: moved, gradient } };
    };
    const images = numbers(batch * 3 * model.image ** 2, 99, (u) => 1.7 * u);
    const engine = openOrtEngine('cpu', { threads: 2 });
    const state = await engine.createState({
      parameters: {
        shape: [layout.size],
        data: filled(
          parameters,
          (k) => k,
          ({ name, shape }) => {
            const spread = Math.sqrt(6 / sizeOf(shape.slice(1)));
            if (shape.length > 1) return (u) => spread * u;
            return name.endsWith('weight') ? (u) => 1 + 0.2 * u : (u) => 0.1 * u;
          },
        ),
      },
      buffers: {
        shape: [bufferLayout.size],
        data: filled(
          buffers,
          (k) => 7 * k,
          ({ name }) => (name.endsWith('var') ? (u) => 3 + 1.5 * u : (u) => 0.2 * u),
        ),
      },
    });
    const program = await engine.compile(step, {
      state: {
        parameters: { shape: [layout.size], dtype: 'float32' },
        buffers: { shape: [bufferLayout.size], dtype: 'float32' },
      },
      inputs: {
        images: { shape: [batch, 3, model.image, model.image], dtype: 'float32' },
        ...(norms && { labels: { shape: [batch], dtype: 'int32' } }),
      },
    });
    const got = await program.run(state, { images, labels: Int32Array.of(3, 7) });
    await Promise.all([program.dispose(), state.dispose()]);
    await engine.dispose();
    expect(relative(got.evaluation!, expected.evaluation)).toBeLessThan(5e-6);
    // of two images a batch's statistics amplify the rounding of sums
    expect(relative(got.training!, expected.training)).toBeLessThan(2e-4);
    if (!norms) return;
    const variances = got.buffers!.subarray(-sizeOf(buffers.at(-1)!.shape)).subarray(0, 8);
    expect(relative(variances, expected.last_running_var!)).toBeLessThan(2e-4);
    const largest = Math.max(...Object.values(norms));
    const errors = layout.entries.map(({ name, offset, size }) => {
      const values = (got.gradient as Float32Array).subarray(offset, offset + size);
      const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
      // what is nothing but rounding is measured against the rest
      return Math.abs(norm - norms[name]!) / Math.max(norms[name]!, 1e-3 * largest);
    });
    const median = errors.toSorted((a, b) => a - b)[Math.floor(errors.length / 2)]!;
    // a ReLU that rounding switches on or off changes a gradient by what passes through it
    const [typical, worst] = expected.kind === 'resnet' ? [5e-3, 5e-2] : [5e-5, 1e-3];
    expect(median).toBeLessThan(typical);
    expect(Math.max(...errors)).toBeLessThan(worst);
  });
});
