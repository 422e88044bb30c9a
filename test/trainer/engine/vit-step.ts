/** One whole training step of the baseline ViT (method A) with AdamW, for the engine's tests and benches. */
import { flatGradients, flatLayout, decayMask } from '../../../src-main/trainer/engine/flat.ts';
import type {
  HostArray,
  HostTensor,
  Specs,
  Step,
} from '../../../src-main/trainer/engine/engine.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import {
  imagenetNormalisation,
  normalisePatches,
  pixelPatches,
} from '../../../src-main/trainer/models/images.ts';
import { crossEntropy } from '../../../src-main/trainer/models/loss.ts';
import { initialValues } from '../../../src-main/trainer/models/parameters.ts';
import { vitForward, vitParameters } from '../../../src-main/trainer/models/vit.ts';
import { adamUpdate, stepScalars } from '../../../src-main/trainer/optimiser.ts';

export interface VitStepOptions {
  image: number;
  patch: number;
  dim: number;
  layers: number;
  heads: number;
  dimHead: number;
  batch: number;
  classes?: number;
  /** Patches that go through the encoder; all where left out. */
  keep?: number;
}

export interface VitStep {
  step: Step;
  specs: { state: Specs; inputs: Specs };
  state: () => Record<string, HostTensor>;
  /** @param t 1-based step, for Adam's bias correction */
  feeds: (t: number) => Record<string, HostArray>;
}

export function vitStep(options: VitStepOptions): VitStep {
  const { image, patch, batch, keep, classes = 10, ...geometry } = options;
  const shape = {
    model: {
      kind: 'vit' as const,
      image,
      patch,
      mlpRatio: 4,
      posInit: 'vit' as const,
      qkvBias: false,
      dropout: 0,
      ...geometry,
    },
    attention: 'standard' as const,
    channels: 3,
    classes,
  };
  const parameters = vitParameters(shape);
  const layout = flatLayout(parameters);
  const decay = decayMask(layout);
  const count = (image / patch) ** 2;

  const step: Step = (state, inputs) => {
    const all = pixelPatches(inputs.images as tf.Tensor4D, image, patch);
    const kept = keep === undefined ? null : (inputs.kept as tf.Tensor2D);
    const seen = kept ? tf.gather(all, kept, 1, 1) : all;
    const patches = normalisePatches(seen as tf.Tensor4D, imagenetNormalisation);
    const { value, gradient } = flatGradients(layout, state.parameters!, (views) => {
      const logits = vitForward(shape, views, { patches, kept });
      return { loss: tf.mean(crossEntropy(logits, inputs.labels as tf.Tensor1D, 0.1)) };
    });
    const next = adamUpdate(
      state.parameters!,
      { moment1: state.moment1!, moment2: state.moment2! },
      gradient,
      tf.tensor1d(decay),
      {
        stepSize: inputs.stepSize!,
        secondScale: inputs.secondScale!,
        shrink: inputs.shrink!,
      },
    );
    return { state: { ...next }, outputs: { loss: value.loss } };
  };

  const flat = { shape: [layout.size], dtype: 'float32' as const };
  const scalar = { shape: [], dtype: 'float32' as const };
  const specs = {
    state: { parameters: flat, moment1: flat, moment2: flat },
    inputs: {
      images: { shape: [batch, 3, image, image], dtype: 'uint8' as const },
      labels: { shape: [batch], dtype: 'int32' as const },
      ...(keep !== undefined && { kept: { shape: [batch, keep], dtype: 'int32' as const } }),
      stepSize: scalar,
      secondScale: scalar,
      shrink: scalar,
    },
  };

  const images = Uint8Array.from({ length: batch * 3 * image * image }, (_, i) => (i * 7919) % 251);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % classes);
  const kept = keep && Int32Array.from({ length: batch * keep }, (_, i) => keptPatch(i % keep));
  function keptPatch(i: number): number {
    return Math.floor((i * count) / (keep ?? count));
  }

  return {
    step,
    specs,
    state: () => ({
      parameters: { shape: [layout.size], data: initialValues(parameters, 1) },
      moment1: { shape: [layout.size], data: new Float32Array(layout.size) },
      moment2: { shape: [layout.size], data: new Float32Array(layout.size) },
    }),
    feeds: (t) => {
      const scalars = stepScalars({ optimizer: 'adamw', weightDecay: 0.05 }, 1e-3, t);
      return {
        images,
        labels,
        ...(kept && { kept }),
        stepSize: Float32Array.of(scalars.stepSize),
        secondScale: Float32Array.of(scalars.secondScale),
        shrink: Float32Array.of(scalars.shrink),
      };
    },
  };
}

/** The two geometries whose speed is a promise of the README. */
export const authors224: VitStepOptions = {
  image: 224,
  patch: 16,
  dim: 64,
  layers: 4,
  heads: 12,
  dimHead: 64,
  batch: 16,
};
export const green32: VitStepOptions = {
  image: 32,
  patch: 4,
  dim: 64,
  layers: 4,
  heads: 4,
  dimHead: 16,
  batch: 128,
};
