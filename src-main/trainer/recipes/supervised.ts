/**
 * Supervised training from random weights (recipe `scratch`, method G.0): the steps of a run as pure
 * functions, and what goes into them.
 *
 * A run needs at most two training programs, full images and kept patches: one draw per batch decides
 * between them (method B.5), so there are exactly two shapes to compile.
 */
import {
  type ExperimentConfig,
  keptPatches,
  patchCount,
  type VitModel,
} from '../../experiment-config.ts';
import type { Specs, Step, Tensors } from '../engine/engine.ts';
import {
  concatFlat,
  decayMask,
  flatGradients,
  flatLayout,
  sliceFlat,
  type FlatLayout,
} from '../engine/flat.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '../engine/tf.ts';
import {
  imagenetNormalisation,
  normaliseImages,
  normalisePatches,
  pixelPatches,
} from '../models/images.ts';
import { dropoutFrom } from '../models/dropout.ts';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { parameterCount, type Parameter } from '../models/parameters.ts';
import { gatherPatches, keepMask, scorePatches, selectPatches } from '../models/patch-selection.ts';
import {
  buildModel,
  dropoutBytesOf,
  type FeatureTransform,
  type ModelInput,
} from '../models/registry.ts';
import { adamUpdate, clipToNorm } from '../optimiser.ts';

/** What a recipe has to know of a dataset. */
export interface DatasetShape {
  channels: number;
  /** Side of the stored images. */
  size: number;
  classes: readonly string[];
  mean: readonly number[];
  std: readonly number[];
}

/** A step, ready to be compiled. */
export interface StepDefinition {
  step: Step;
  specs: { state: Specs; inputs: Specs };
  /** Tokens per image in the encoder, class token included; null for a model without. */
  tokens: number | null;
}

export interface Recipe {
  parameters: readonly Parameter[];
  layout: FlatLayout;
  /** Running statistics and the like: state of the model that is not trained. */
  buffers: readonly Parameter[];
  bufferLayout: FlatLayout;
  /** Computed once per image before the first step; null where steps see the images themselves. */
  features: FeatureTransform | null;
  parameterCount: number;
  batch: number;
  /** N, the patches of an image; 0 for a model that sees none. */
  patches: number;
  /** Scores [B, N] of images; null where no step needs them (no selection, or the random control). */
  score: StepDefinition | null;
  train: { full: StepDefinition; kept: StepDefinition | null };
  evaluate: { full: StepDefinition; kept: StepDefinition | null };
}

export const optimiserState = (layout: FlatLayout): Specs => ({
  parameters: { shape: [layout.size], dtype: 'float32' },
  moment1: { shape: [layout.size], dtype: 'float32' },
  moment2: { shape: [layout.size], dtype: 'float32' },
});

/** How the patches of one program are chosen. */
interface Choice {
  /** Keeping all N patches is `null`. */
  keep: number | null;
  sampled: boolean;
}

/** @param batch images per step, of training and evaluation alike. */
export function supervised(config: ExperimentConfig, dataset: DatasetShape, batch: number): Recipe {
  const { model, selection, train } = config;
  const built = buildModel(config, dataset);
  const normalisation = train.normalisation === 'imagenet' ? imagenetNormalisation : dataset;
  const { parameters, buffers, features } = built;
  const layout = flatLayout(parameters);
  const bufferLayout = flatLayout(buffers);
  const sight = model.kind === 'vit' ? model : null;
  const patches = sight ? patchCount(sight) : 0;
  const kept = sight ? keptPatches({ model: sight, selection }) : 0;
  // keeping all patches is the full image: one program, no scores
  const selects = selection.mode !== 'off' && kept < patches;
  const scored = selects && selection.heuristic !== 'random';
  // patches without a score are always drawn: their "k best" would be the top of the image
  const sampled = selection.probabilistic || !scored;
  const full: Choice = { keep: null, sampled: false };

  const stateOf = (...names: string[]): Specs => {
    const all = optimiserState(layout);
    return {
      ...Object.fromEntries(names.map((name) => [name, all[name]!])),
      ...(buffers.length > 0 && { buffers: { shape: [bufferLayout.size], dtype: 'float32' } }),
    };
  };
  const buffersOf = (state: Tensors): Tensors =>
    state.buffers ? sliceFlat(bufferLayout, state.buffers) : {};
  const imageInput: Specs = {
    images: { shape: [batch, dataset.channels, dataset.size, dataset.size], dtype: 'uint8' },
  };
  const seenInput: Specs = features
    ? { features: { shape: [batch, ...features.shape], dtype: 'float32' } }
    : imageInput;
  const tokensOf = ({ keep }: Choice): number | null =>
    sight && (selection.mode === 'drop' && keep !== null ? keep : patches) + 1;

  const inputsOf = (choice: Choice): Specs => ({
    ...seenInput,
    labels: { shape: [batch], dtype: 'int32' },
    ...(choice.keep !== null &&
      scored && { scores: { shape: [batch, patches], dtype: 'float32' } }),
    ...(choice.keep !== null &&
      choice.sampled && { noise: { shape: [batch, patches], dtype: 'float32' } }),
  });

  /** What the model sees of a batch. */
  const modelInput = (inputs: Tensors, choice: Choice): ModelInput => {
    if (features) return { kind: 'features', features: inputs.features as Tensor3D };
    if (sight) return { kind: 'patches', ...encoderInput(inputs, choice, sight) };
    const images = normaliseImages(inputs.images as Tensor4D, model.image, normalisation);
    return { kind: 'image', images };
  };

  /** Images to what the encoder sees: all patches, the kept ones, or all with the others blanked. */
  const encoderInput = (
    inputs: Tensors,
    { keep }: Choice,
    model: VitModel,
  ): { patches: Tensor3D; kept: Tensor2D | null } => {
    const pixels = pixelPatches(inputs.images as Tensor4D, model.image, model.patch);
    if (keep === null) return { patches: normalisePatches(pixels, normalisation), kept: null };
    const scores = (inputs.scores ?? tf.zeros([batch, patches])) as Tensor2D;
    const kept = selectPatches(scores, (inputs.noise ?? null) as Tensor2D | null, keep, selection);
    if (selection.mode === 'mask') {
      const all = normalisePatches(pixels, normalisation);
      return { patches: all.mul<Tensor3D>(keepMask(kept, patches)), kept: null };
    }
    // dropped before normalisation and projection: nothing is computed for a dropped patch
    const [, , channels, area] = pixels.shape;
    const few = gatherPatches(pixels.reshape([batch, patches, channels * area]), kept);
    const unfolded = few.reshape<Tensor4D>([batch, keep, channels, area]);
    return { patches: normalisePatches(unfolded, normalisation), kept };
  };

  const trainStep = (choice: Choice): StepDefinition => {
    const tokens = tokensOf(choice);
    const dropoutBytes = dropoutBytesOf(built, batch, tokens ?? 0);
    const decays = train.optimizer === 'adamw' && train.weightDecay > 0;
    return {
      tokens,
      specs: {
        state: stateOf('parameters', 'moment1', 'moment2'),
        inputs: {
          ...inputsOf(choice),
          stepSize: { shape: [], dtype: 'float32' },
          secondScale: { shape: [], dtype: 'float32' },
          ...(decays && { shrink: { shape: [], dtype: 'float32' } }),
          ...(dropoutBytes > 0 && { dropout: { shape: [dropoutBytes], dtype: 'uint8' } }),
        },
      },
      step: (state, inputs) => {
        const { value, gradient } = flatGradients(layout, state.parameters!, (views) => {
          const {
            logits,
            buffers: next,
            penalty,
          } = built.forward({
            parameters: views,
            buffers: buffersOf(state),
            input: modelInput(inputs, choice),
            training: true,
            ...(inputs.dropout && { dropout: dropoutFrom(inputs.dropout, built.dropoutRate) }),
          });
          const losses = crossEntropy(logits, inputs.labels as Tensor1D, train.labelSmoothing);
          const loss = losses.mean();
          return {
            loss: penalty ? loss.add(penalty) : loss,
            ...(state.buffers && { buffers: concatFlat(bufferLayout, next) }),
          };
        });
        const updated = adamUpdate(
          state.parameters!,
          { moment1: state.moment1!, moment2: state.moment2! },
          train.clipNorm === null ? gradient : clipToNorm(gradient, train.clipNorm),
          decays ? tf.tensor1d(decayMask(layout)) : null,
          {
            stepSize: inputs.stepSize!,
            secondScale: inputs.secondScale!,
            shrink: inputs.shrink ?? tf.scalar(0),
          },
        );
        return {
          state: { ...updated, ...(value.buffers && { buffers: value.buffers }) },
          outputs: { loss: value.loss },
        };
      },
    };
  };

  const evaluateStep = (choice: Choice): StepDefinition => ({
    tokens: tokensOf(choice),
    specs: { state: stateOf('parameters'), inputs: inputsOf(choice) },
    step: (state, inputs) => {
      const views = sliceFlat(layout, state.parameters!);
      const { logits } = built.forward({
        parameters: views,
        buffers: buffersOf(state),
        input: modelInput(inputs, choice),
        training: false,
      });
      return {
        outputs: {
          // the loss of an evaluation is plain cross-entropy, so that runs can be compared
          losses: crossEntropy(logits, inputs.labels as Tensor1D, 0),
          predictions: logits.argMax(1).cast('int32'),
        },
      };
    },
  });

  const evaluateKept = (): StepDefinition | null => {
    if (!selects || selection.evalSelect === 'full') return null;
    return evaluateStep({
      keep: kept,
      sampled: selection.evalSelect === 'topk' ? !scored : sampled,
    });
  };

  return {
    parameters,
    layout,
    buffers,
    bufferLayout,
    features,
    parameterCount: parameterCount(parameters),
    batch,
    patches,
    score:
      scored && sight
        ? {
            tokens: 0,
            specs: { state: {}, inputs: imageInput },
            step: (_, inputs) => ({
              outputs: {
                scores: scorePatches(
                  pixelPatches(inputs.images as Tensor4D, sight.image, sight.patch),
                  selection,
                ),
              },
            }),
          }
        : null,
    train: {
      full: trainStep(full),
      kept: selects ? trainStep({ keep: kept, sampled }) : null,
    },
    evaluate: { full: evaluateStep(full), kept: evaluateKept() },
  };
}
