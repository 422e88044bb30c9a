/**
 * What a model of any kind costs: parameters and multiply-accumulates exactly, memory modelled.
 * A ViT's formulas are in cost.ts; the others count what they are built of.
 */
import type { AttentionConfig, ExperimentConfig, ModelConfig, VitModel } from '../../contract.ts';
import { isPretrained, learnsScore, patchCount } from '../../experiment-config.ts';
import { prunedModel } from '../../experiment-config/pruning-schedule.ts';
import { stageEpochs } from '../../experiment-config/stage-epochs.ts';
import { routingAt } from '../../experiment-config/token-routing.ts';
import { cnnCost, cnnParameters } from '../../trainer/models/cnn-architecture.ts';
import { detectionMacs, detectionParameters } from '../../trainer/models/detection-head.ts';
import {
  denseHeadCost,
  headEncoder,
  sequenceShape,
  type ImageSigModel,
} from '../../trainer/models/image-sig-architecture.ts';
import { parameterCount as countOf } from '../../trainer/models/parameters.ts';
import { forwardMacs, layerMacs, likelihoodMacs, parameterCount, stepMemoryBytes } from './cost.ts';

export interface ModelCost {
  parameters: number;
  /** Multiply-accumulates of one image forward; `patches` that go through a ViT's encoder. */
  macs(patches: number): number;
  /** What an auxiliary loss adds to that in training; left out where there is none. */
  auxiliaryMacs?(patches: number): number;
  /** Of one training step. */
  memoryBytes(batch: number, patches: number): number;
}

const bytesPerFloat = 4;
/** Weight, gradient, two moments, and the new copies of weight and moments that a step returns. */
const floatsPerParameter = 7;
/** Of each convolution's output: before and after normalisation, after activation, and two gradients. */
const floatsPerActivation = 5;

/**
 * What of a config decides; fine-tuning may bring a head with a hidden layer, a task of boxes one of its
 * own. Where routing changes from epoch to epoch, that of one epoch.
 */
export type CostChoice = Pick<ExperimentConfig, 'model' | 'attention'> &
  Partial<Pick<ExperimentConfig, 'selection' | 'routing' | 'pruning' | 'train' | 'finetune'>>;

/** The hidden layer of width D that fine-tuning may put before the classifier. */
export function hiddenHead(
  { train, finetune }: CostChoice,
  dim: number,
): { parameters: number; macs: number } {
  const has = train && finetune && isPretrained(train.recipe) && finetune.head === 'mlp';
  return has ? { parameters: dim * dim + dim, macs: dim * dim } : { parameters: 0, macs: 0 };
}

export function modelCost(config: CostChoice, classes: number): ModelCost {
  const { model, attention, selection, routing, pruning } = config;
  switch (model.kind) {
    case 'vit': {
      const hidden = hiddenHead(config, model.dim);
      const boxes = config.train?.task === 'detect' ? detectionCost(model) : null;
      return {
        parameters:
          parameterCount(model, classes, attention, routing) +
          hidden.parameters +
          (selection && learnsScore({ model, selection }) ? 3 * model.patch ** 2 + 1 : 0) +
          (pruning?.heads === 'l0' ? model.layers * model.heads : 0) +
          (boxes?.parameters ?? 0),
        macs: (patches) =>
          forwardMacs(model, classes, patches, attention, routing) +
          hidden.macs +
          (boxes?.macs(patches) ?? 0),
        memoryBytes: (batch, patches) =>
          stepMemoryBytes(model, classes, batch, patches, attention, routing) +
          (boxes?.memoryBytes(batch, patches) ?? 0),
        auxiliaryMacs: (patches) => likelihoodMacs(model, patches, attention, routing),
      };
    }
    case 'resnet':
    case 'efficientnetv2-micro':
    case 'efficientnetv2-s': {
      const { macs, activations } = cnnCost(model, classes);
      return fixed(countOf(cnnParameters(model, classes)), macs, activations, 3 * model.image ** 2);
    }
    case 'imagesig': {
      const { length, width } = sequenceShape(model);
      if (model.head === 'transformer') return signatureEncoder(model, attention, classes);
      const { parameters, macs, activations } = denseHeadCost(model, classes);
      return fixed(parameters, macs, activations, length * width);
    }
  }
}

/** What the head that finds a box adds to a ViT. */
export function detectionCost({ dim }: VitModel): ModelCost {
  const parameters = countOf(detectionParameters(dim));
  return {
    parameters,
    macs: (patches) => detectionMacs(dim, patches),
    // kept for the backward pass: the patch tokens apart from the class token, and a few rows of width D
    memoryBytes: (batch, patches) =>
      bytesPerFloat * (floatsPerParameter * parameters + batch * (2 * patches * dim + 8 * dim)),
  };
}

/** A model that computes the same for every image. */
function fixed(parameters: number, macs: number, activations: number, inputs: number): ModelCost {
  return {
    parameters,
    macs: () => macs,
    memoryBytes: (batch) =>
      bytesPerFloat *
      (floatsPerParameter * parameters + batch * (floatsPerActivation * activations + inputs)),
  };
}

/** A ViT's encoder on signatures in place of patches. */
function signatureEncoder(
  model: ImageSigModel,
  attention: AttentionConfig,
  classes: number,
): ModelCost {
  const { length, width } = sequenceShape(model);
  const { dim, layers } = headEncoder;
  // one patch of one pixel: everything but the first layer and the positions is counted as it is
  const encoder: VitModel = {
    kind: 'vit',
    image: 1,
    patch: 1,
    ...headEncoder,
    posInit: 'vit',
    qkvBias: false,
    dropout: model.dropout,
  };
  const parameters =
    parameterCount(encoder, classes, attention) + (width - 3) * dim + (length - 1) * dim;
  return {
    parameters,
    macs: () =>
      length * width * dim + layers * layerMacs(encoder, length + 1, attention) + dim * classes,
    memoryBytes: (batch) =>
      stepMemoryBytes(encoder, classes, batch, length, attention) +
      bytesPerFloat *
        (floatsPerParameter * (parameters - parameterCount(encoder, classes, attention)) +
          batch * length * width),
  };
}

/**
 * The model that a run ends with, which is the one that is tested: what the last epoch prunes is gone, and
 * its tokens are those of the last epoch.
 */
export function finalModel(config: ExperimentConfig): ExperimentConfig {
  const { epochs } = stageEpochs(config).at(-1)!;
  const { model, pruning } = config;
  return {
    ...config,
    model: model.kind === 'vit' ? prunedModel(model, pruning, epochs - 1, epochs) : model,
    routing: routingAt(config, epochs - 1),
  };
}

/** Where patches are chosen by a learned score: one linear map of the pixels of each, C p² (method B.6). */
export function scorerMacs(config: Pick<ExperimentConfig, 'model' | 'selection'>): number {
  const { model } = config;
  return learnsScore(config) && model.kind === 'vit' ? patchCount(model) * 3 * model.patch ** 2 : 0;
}

/** Whether a model sees patches, so that some of them can be left out. */
export const seesPatches = (model: ModelConfig): model is VitModel => model.kind === 'vit';
