/** The trainer's own training step (recipe `scratch`, AdamW) with data to feed it, for tests and benches. */
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/experiment-config.ts';
import type {
  HostArray,
  HostTensor,
  Specs,
  Step,
} from '../../../src-main/trainer/engine/engine.ts';
import { initialValues } from '../../../src-main/trainer/models/parameters.ts';
import { stepScalars } from '../../../src-main/trainer/optimiser.ts';
import { supervised } from '../../../src-main/trainer/recipes/supervised.ts';

export interface VitStepOptions {
  image: number;
  patch: number;
  dim: number;
  layers: number;
  heads: number;
  dimHead: number;
  batch: number;
  classes?: number;
  /** Patches that go through the encoder, sampled by variance; all where left out. */
  keep?: number;
  /** Standard where left out. */
  attention?: ExperimentConfigInput['attention'];
  /** None where left out; pruning as in the last epoch. */
  routing?: ExperimentConfigInput['routing'];
  /** What it is and where: a box for every image. */
  detect?: boolean;
}

export interface VitStep {
  step: Step;
  specs: { state: Specs; inputs: Specs };
  state: () => Record<string, HostTensor>;
  /** @param t 1-based step, for Adam's bias correction */
  feeds: (t: number) => Record<string, HostArray>;
}

export function vitStep(options: VitStepOptions): VitStep {
  const { batch, keep, classes = 10, attention, routing, detect = false, ...geometry } = options;
  const parsed = parseExperimentConfig({
    model: geometry,
    ...(attention && { attention }),
    ...(routing && { routing }),
    train: { ...(attention && { clipNorm: 1 }), task: detect ? 'detect' : 'classify' },
    ...(keep !== undefined && { selection: { mode: 'drop', keep } }),
  });
  if (!parsed.ok) throw new Error(parsed.issues[0]?.message);
  const { parameters, layout, patches, selects, train } = supervised(
    parsed.config,
    {
      channels: 3,
      size: geometry.image,
      classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    },
    batch,
  );
  if (selects !== (keep !== undefined))
    throw new Error(`${keep} of ${patches} patches is no selection`);
  const definition = train({ epoch: parsed.config.train.epochs - 1, selects });

  const size = batch * 3 * geometry.image ** 2;
  const images = Uint8Array.from({ length: size }, (_, i) => (i * 7919) % 251);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % classes);
  /** Numbers in (0, 1) without a pattern that a patch grid could have. */
  const spread = (factor: number) =>
    Float32Array.from({ length: batch * patches }, (_, i) => ((i * factor) % 9973) / 9974 + 1e-5);
  const { scores, noise } = definition.specs.inputs;
  const selection: Record<string, HostArray> = {
    ...(scores && { scores: spread(7907) }),
    ...(noise && { noise: spread(3571) }),
  };

  // the last image has lost its box
  const boxes = Float32Array.from({ length: 4 * batch }, (_, i) =>
    i < 4 * (batch - 1) ? [0.1, 0.2, 0.6, 0.9][i % 4]! : 0.5,
  );

  return {
    step: definition.step,
    specs: definition.specs,
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
        ...selection,
        ...(detect && { boxes }),
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
