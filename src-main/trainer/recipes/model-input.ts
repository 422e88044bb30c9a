/** From a batch as it is stored to what the model sees of it. */
import { patchCount, type ExperimentConfig, type VitModel } from '../../experiment-config.ts';
import { routerHint } from '../../experiment-config/token-routing.ts';
import type { Specs, Tensors } from '../engine/engine.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor2D, Tensor3D, Tensor4D } from '../engine/tf.ts';
import {
  imagenetNormalisation,
  normaliseImages,
  normalisePatches,
  pixelPatches,
  type Normalisation,
} from '../models/images.ts';
import { gatherPatches, keepMask, scorePatches, selectPatches } from '../models/patch-selection.ts';
import type { FeatureTransform, ModelInput } from '../models/registry.ts';
import type { DatasetShape } from './recipe.ts';

/** How the patches of one program are chosen. */
export interface PatchChoice {
  /** Keeping all N patches is `null`. */
  keep: number | null;
  sampled: boolean;
  /** Whether scores are fed; patches without are always drawn. */
  scored: boolean;
}

export const allPatches: PatchChoice = { keep: null, sampled: false, scored: false };

export const normalisationOf = (
  { train }: Pick<ExperimentConfig, 'train'>,
  dataset: DatasetShape,
): Normalisation => (train.normalisation === 'imagenet' ? imagenetNormalisation : dataset);

/** Stored images, as every step that sees images is fed them. */
export const imageInput = (dataset: DatasetShape, batch: number): Specs => ({
  images: { shape: [batch, dataset.channels, dataset.size, dataset.size], dtype: 'uint8' },
});

/** The inputs that `modelInput` reads. */
export const modelInputSpecs = (
  dataset: DatasetShape,
  batch: number,
  features: FeatureTransform | null,
): Specs =>
  features
    ? { features: { shape: [batch, ...features.shape], dtype: 'float32' } }
    : imageInput(dataset, batch);

/** The inputs that choosing patches reads. */
export const patchChoiceSpecs = (choice: PatchChoice, batch: number, patches: number): Specs => ({
  ...(choice.keep !== null &&
    choice.scored && { scores: { shape: [batch, patches], dtype: 'float32' } }),
  ...(choice.keep !== null &&
    choice.sampled && { noise: { shape: [batch, patches], dtype: 'float32' } }),
});

/** What the model sees of a batch. */
export function modelInput(
  config: Pick<ExperimentConfig, 'model' | 'selection' | 'routing' | 'train'>,
  dataset: DatasetShape,
  sees: ModelInput['kind'],
  inputs: Tensors,
  choice: PatchChoice = allPatches,
): ModelInput {
  const { model, selection } = config;
  const normalisation = normalisationOf(config, dataset);
  if (sees === 'features') return { kind: 'features', features: inputs.features as Tensor3D };
  if (model.kind === 'vit')
    return {
      kind: 'patches',
      ...encoderInput(inputs, choice, model, selection, normalisation),
      scores: hintsOf(config, model, inputs),
    };
  const images = normaliseImages(inputs.images as Tensor4D, model.image, normalisation);
  return { kind: 'image', images };
}

/** What a router is told of the patches [B, N]: scores the step is fed, or else computes; null for no hint. */
export function hintsOf(
  { selection, routing }: Pick<ExperimentConfig, 'selection' | 'routing'>,
  { image, patch }: VitModel,
  inputs: Tensors,
): Tensor2D | null {
  const heuristic = routerHint(routing);
  if (!heuristic) return null;
  if (inputs.scores) return inputs.scores as Tensor2D;
  const pixels = pixelPatches(inputs.images as Tensor4D, image, patch);
  return scorePatches(pixels, { ...selection, heuristic });
}

/** Images to what the encoder sees: all patches, the kept ones, or all with the others blanked. */
function encoderInput(
  inputs: Tensors,
  { keep, scored }: PatchChoice,
  model: VitModel,
  selection: ExperimentConfig['selection'],
  normalisation: Normalisation,
): { patches: Tensor3D; kept: Tensor2D | null } {
  const pixels = pixelPatches(inputs.images as Tensor4D, model.image, model.patch);
  if (keep === null) return { patches: normalisePatches(pixels, normalisation), kept: null };
  const [batch, patches, channels, area] = pixels.shape;
  // scores may be there for a router alone
  const scores = (scored ? inputs.scores! : tf.zeros([batch, patchCount(model)])) as Tensor2D;
  const kept = selectPatches(scores, (inputs.noise ?? null) as Tensor2D | null, keep, selection);
  if (selection.mode === 'mask') {
    const all = normalisePatches(pixels, normalisation);
    return { patches: all.mul<Tensor3D>(keepMask(kept, patches)), kept: null };
  }
  // dropped before normalisation and projection: nothing is computed for a dropped patch
  const few = gatherPatches(pixels.reshape([batch, patches, channels * area]), kept);
  const unfolded = few.reshape<Tensor4D>([batch, keep, channels, area]);
  return { patches: normalisePatches(unfolded, normalisation), kept };
}
