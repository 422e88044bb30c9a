/**
 * Fine-tuning a pre-trained encoder (paper, RQ3; method G.3): a new head, the encoder frozen.
 *
 * A frozen encoder gives the same features for an image in every epoch, so they are computed once and
 * the head is trained on them: about one forward pass over the images in place of one per epoch.
 */
import { patchCount, type ExperimentConfig } from '../../experiment-config.ts';
import type { Specs, Tensors } from '../engine/engine.ts';
import type { Tensor1D, Tensor2D } from '../engine/tf.ts';
import { crossEntropyTo } from '../losses/cross-entropy.ts';
import { parameterCount } from '../models/parameters.ts';
import { buildModel } from '../models/registry.ts';
import { vitEncode, vitHead, vitPool } from '../models/vit.ts';
import { labelSpecs, labelTargets } from './labels.ts';
import { imageInput, modelInput } from './model-input.ts';
import { classificationOutputs } from './outputs.ts';
import {
  recipeOf,
  StateLayout,
  trainingStep,
  type DatasetShape,
  type Derived,
  type Recipe,
  type StepDefinition,
} from './recipe.ts';

export function fineTune(config: ExperimentConfig, dataset: DatasetShape, batch: number): Recipe {
  const { train, finetune } = config;
  const built = buildModel(config, dataset);
  const { vit } = built;
  if (!vit) throw new Error('fine-tuning needs an encoder');
  const { layers, dim } = vit.model;
  const firstTrained = layers - finetune.unfreezeLast;
  const isTrained = (name: string): boolean => {
    const block = /^b(\d+)\./.exec(name)?.[1];
    return name.startsWith('head.') || (block !== undefined && Number(block) >= firstTrained);
  };
  const parameters = built.parameters.filter(({ name }) => isTrained(name));
  const frozen = built.parameters.filter(({ name }) => !isTrained(name));
  const state = new StateLayout({ parameters, frozen });
  const tokens = patchCount(vit.model) + 1;
  const headOnly = finetune.unfreezeLast === 0;

  /** Images to the mean over the tokens, [B, D]. */
  const pooled = (tensors: Tensors, inputs: Tensors): Tensor2D => {
    const input = modelInput(config, dataset, built.sees, inputs);
    if (input.kind !== 'patches') throw new Error('the encoder sees patches');
    return vitPool(vitEncode(vit, tensors, input));
  };
  const derived: Derived | null = headOnly
    ? {
        name: 'the frozen encoder’s features',
        input: 'pooled',
        width: dim,
        splits: ['train', 'validation'],
        definition: {
          tokens,
          specs: {
            state: { frozen: { shape: [state.frozenLayout.size], dtype: 'float32' } },
            inputs: imageInput(dataset, batch),
          },
          step: (tensors, inputs) => ({
            outputs: { derived: pooled(state.frozen(tensors), inputs) },
          }),
        },
      }
    : null;
  const logitsOf = (trained: Tensors, still: Tensors, inputs: Tensors): Tensor2D =>
    vitHead(
      trained,
      headOnly ? (inputs.pooled as Tensor2D) : pooled({ ...still, ...trained }, inputs),
    );
  const inputs: Specs = {
    ...(headOnly
      ? { pooled: { shape: [batch, dim], dtype: 'float32' } }
      : imageInput(dataset, batch)),
    labels: { shape: [batch], dtype: 'int32' },
  };

  const step = trainingStep(state, train, {
    tokens: headOnly ? 0 : tokens,
    inputs: { ...inputs, ...labelSpecs(config.augment, batch) },
    loss: (views, fed, beside) => {
      const logits = logitsOf(views, beside.frozen, fed);
      const targets = labelTargets(fed, dataset.classes.length, train.labelSmoothing);
      return { loss: crossEntropyTo(logits, targets).mean() };
    },
  });
  const evaluation: StepDefinition = {
    tokens,
    specs: { state: state.evaluation, inputs },
    step: (tensors, fed) => {
      const logits = logitsOf(state.parameters(tensors), state.frozen(tensors), fed);
      return { outputs: classificationOutputs(logits, fed.labels as Tensor1D) };
    },
  };

  return recipeOf(state, {
    derived,
    parameterCount: parameterCount(built.parameters),
    batch,
    patches: tokens - 1,
    train: () => step,
    evaluate: () => evaluation,
  });
}
