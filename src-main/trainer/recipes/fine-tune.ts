/**
 * Fine-tuning a pre-trained encoder (paper, RQ3; method G.3): a new head, the encoder frozen.
 *
 * A frozen encoder gives the same features for an image in every epoch, so they are computed once and
 * the head is trained on them: about one forward pass over the images in place of one per epoch. A head
 * that finds boxes looks at every token, so it is trained with the encoder's pass in each step.
 */
import { patchCount, type ExperimentConfig } from '../../experiment-config.ts';
import type { Specs, Tensors } from '../engine/engine.ts';
import type { Tensor1D, Tensor2D } from '../engine/tf.ts';
import { meanBoxLoss } from '../losses/box.ts';
import { focalTo } from '../losses/focal.ts';
import { dropoutFrom } from '../models/dropout.ts';
import { parameterCount } from '../models/parameters.ts';
import { buildModel, dropoutBytesOf, type ModelOutput } from '../models/registry.ts';
import { vitEncode, vitHead, vitPool } from '../models/vit.ts';
import { labelSpecs, labelTargets } from './labels.ts';
import { imageInput, modelInput } from './model-input.ts';
import { pictureStep } from './picture-step.ts';
import { classificationOutputs, detectionOutputs, zeroDeltaOutputs } from './outputs.ts';
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
  const { layers } = vit.model;
  const firstTrained = layers - finetune.unfreezeLast;
  const isTrained = (name: string): boolean => {
    const block = /^b(\d+)\./.exec(name)?.[1];
    return name.startsWith('head.') || (block !== undefined && Number(block) >= firstTrained);
  };
  const parameters = built.parameters.filter(({ name }) => isTrained(name));
  const frozen = built.parameters.filter(({ name }) => !isTrained(name));
  const state = new StateLayout({ parameters, frozen });
  const tokens = patchCount(vit.model) + 1;
  const detects = train.task === 'detect';
  // finding a box takes all tokens of an image: too much to keep of every one
  const cached = finetune.unfreezeLast === 0 && !detects;

  const derived: Derived | null = cached
    ? {
        name: 'the frozen encoder’s features',
        input: 'pooled',
        width: vit.model.dim,
        splits: ['train', 'validation'],
        definition: {
          tokens,
          specs: {
            state: { frozen: { shape: [state.frozenLayout.size], dtype: 'float32' } },
            inputs: imageInput(dataset, batch),
          },
          step: (tensors, inputs) => {
            const input = modelInput(config, dataset, built.sees, inputs);
            if (input.kind !== 'patches') throw new Error('the encoder sees patches');
            return { outputs: { derived: vitPool(vitEncode(vit, state.frozen(tensors), input)) } };
          },
        },
      }
    : null;
  const forward = (parameters: Tensors, inputs: Tensors, training: boolean): ModelOutput =>
    cached
      ? { logits: vitHead(parameters, inputs.pooled as Tensor2D), buffers: {} }
      : built.forward({
          parameters,
          buffers: {},
          input: modelInput(config, dataset, built.sees, inputs),
          training,
          ...(inputs.dropout && { dropout: dropoutFrom(inputs.dropout, built.dropoutRate) }),
        });
  const inputs: Specs = {
    ...(cached
      ? { pooled: { shape: [batch, vit.model.dim], dtype: 'float32' } }
      : imageInput(dataset, batch)),
    labels: { shape: [batch], dtype: 'int32' },
    ...(detects && { boxes: { shape: [batch, 4], dtype: 'float32' } }),
  };

  // in frozen blocks too where blocks are trained, as a module in training mode has it; a head has none
  const dropoutBytes = finetune.unfreezeLast > 0 ? dropoutBytesOf(built, batch, tokens) : 0;
  const step = trainingStep(state, train, {
    tokens: cached ? 0 : tokens,
    inputs: {
      ...inputs,
      ...labelSpecs(config.augment, batch),
      ...(dropoutBytes > 0 && { dropout: { shape: [dropoutBytes], dtype: 'uint8' } }),
    },
    loss: (views, fed, beside) => {
      const { logits, boxes } = forward({ ...beside.frozen, ...views }, fed, true);
      const targets = labelTargets(fed, dataset.classes.length, train.labelSmoothing);
      const classes = focalTo(logits, targets, train.focalGamma).mean();
      return { loss: boxes ? classes.add(meanBoxLoss(boxes, fed.boxes as Tensor2D)) : classes };
    },
  });
  const evaluation: StepDefinition = {
    tokens,
    specs: { state: state.evaluation, inputs },
    step: (tensors, fed) => {
      const all = { ...state.frozen(tensors), ...state.parameters(tensors) };
      const { logits, boxes, zeroDeltas } = forward(all, fed, false);
      const labels = fed.labels as Tensor1D;
      return {
        outputs: {
          ...(boxes
            ? detectionOutputs(logits, labels, boxes, fed.boxes as Tensor2D)
            : classificationOutputs(logits, labels)),
          ...zeroDeltaOutputs(zeroDeltas),
        },
      };
    },
  };

  // the encoder's pass too where the head is trained on what it gave once
  const picture = pictureStep(built, state, {
    tokens,
    inputs: imageInput(dataset, batch),
    inputOf: (_, fed) => modelInput(config, dataset, built.sees, fed),
  });

  return recipeOf(state, {
    derived,
    parameterCount: parameterCount(built.parameters),
    batch,
    patches: tokens - 1,
    train: () => step,
    evaluate: () => evaluation,
    picture: () => picture,
  });
}
