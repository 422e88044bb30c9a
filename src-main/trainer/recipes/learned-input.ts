/** From a batch as it is stored to the patches that a learned score keeps of it (method B.6). */
import type { ExperimentConfig, VitModel } from '../../experiment-config.ts';
import type { Tensors } from '../engine/engine.ts';
import type { Tensor2D, Tensor3D, Tensor4D } from '../engine/tf.ts';
import { normalisePatches, pixelPatches } from '../models/images.ts';
import {
  chooseByScore,
  keptGates,
  learnedScores,
  ratioLoss,
  scoreGate,
} from '../models/learned-score.ts';
import { gatherPatches, keepMask } from '../models/patch-selection.ts';
import type { ModelInput } from '../models/registry.ts';
import { untracked } from '../models/tokens.ts';
import { normalisationOf, type PatchChoice } from './model-input.ts';
import type { DatasetShape } from './recipe.ts';

type Chosen = PatchChoice & { keep: number };

/** The patches that a learned score keeps, [B, k] int32. */
export function chosenPatches(
  { model, selection }: Pick<ExperimentConfig, 'selection'> & { model: VitModel },
  parameters: Tensors,
  inputs: Tensors,
  { keep, sampled }: Chosen,
): { pixels: Tensor4D; scores: Tensor2D; kept: Tensor2D } {
  const pixels = pixelPatches(inputs.images as Tensor4D, model.image, model.patch);
  const scores = learnedScores(pixels, parameters);
  const noise = sampled ? (inputs.noise as Tensor2D) : null;
  return { pixels, scores, kept: chooseByScore(scores, noise, keep, selection.temperature) };
}

/** What the model sees of a batch: kept patches behind their gates, or all with the others blanked. */
export function learnedInput(
  config: Pick<ExperimentConfig, 'selection' | 'train'> & { model: VitModel },
  dataset: DatasetShape,
  parameters: Tensors,
  inputs: Tensors,
  choice: Chosen,
): ModelInput {
  const { keep } = choice;
  const normalisation = normalisationOf(config, dataset);
  const { pixels, scores, kept } = chosenPatches(config, parameters, inputs, choice);
  const [batch, patches, channels, area] = pixels.shape;
  const penalty = ratioLoss(scores, keep);
  if (config.selection.mode === 'mask') {
    const all = normalisePatches(pixels, normalisation);
    const mask = untracked(() => keepMask(kept, patches));
    // a blank patch says nothing about its score: its gate is a plain 1
    const gate = scoreGate(scores.reshape([batch, patches, 1]).mul(mask)) as Tensor3D;
    return { kind: 'patches', patches: all.mul<Tensor3D>(mask), kept: null, gate, penalty };
  }
  const few = gatherPatches(pixels.reshape([batch, patches, channels * area]), kept);
  const unfolded = few.reshape<Tensor4D>([batch, keep, channels, area]);
  return {
    kind: 'patches',
    patches: normalisePatches(unfolded, normalisation),
    kept,
    gate: keptGates(scores, kept),
    penalty,
  };
}
