/**
 * All models by kind: what each is made of and how it computes logits. A recipe asks nothing else of a
 * model, so adding one is one entry here, one in the config's schema and one in the cost forecast.
 */
import {
  isPretrained,
  keptPatches,
  learnsScore,
  patchCount,
  type AttentionConfig,
  type ExperimentConfig,
  type VitModel,
} from '../../experiment-config.ts';
import type { Tensors } from '../engine/engine.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '../engine/tf.ts';
import type { ZeroDeltas } from './attention/registry.ts';
import { cnnArchitecture, cnnBuffers, cnnParameters, type CnnModel } from './cnn-architecture.ts';
import { cnnForward } from './cnn.ts';
import { vitCalibration, type ModelCalibration } from './calibration.ts';
import { detectionHead, detectionParameters } from './detection-head.ts';
import { dropoutThreshold } from './dropout.ts';
import {
  denseHeadParameters,
  denseWidth,
  headEncoder,
  sequenceShape,
  type ImageSigModel,
} from './image-sig-architecture.ts';
import type { WeightsReader } from './attention/registry.ts';
import { openProbabilities, sampledGates, settledGates } from './hard-concrete.ts';
import { denseHeadForward } from './image-sig.ts';
import { parameterOf } from './linear.ts';
import type { Parameter } from './parameters.ts';
import { imageSignatures } from './signature.ts';
import type { VitStructure } from './structure.ts';
import type { TokenTrace } from './token-trace.ts';
import {
  vitDropoutElements,
  vitEncode,
  vitForward,
  vitHead,
  vitParameters,
  vitStructure,
  withoutClassToken,
  type AttentionWitness,
  type VitShape,
} from './vit.ts';

/** What a model sees of a batch of images. */
export type ModelInput =
  | {
      kind: 'patches';
      /** [B, n, C p²], normalised: all patches, or the kept ones. */
      patches: Tensor3D;
      /** [B, n] their places where patches were dropped. */
      kept: Tensor2D | null;
      /** [B, N] scores of all patches, for a router that takes hints. */
      scores?: Tensor2D | null;
      /** [B, n, 1] 1 in value, through which the loss reaches a learned score. */
      gate?: Tensor3D;
      /** What training adds to its loss for a learned score. */
      penalty?: Tensor;
    }
  /** [B, C, S, S], normalised. */
  | { kind: 'image'; images: Tensor4D }
  /** [B, n, width], computed once per image. */
  | { kind: 'features'; features: Tensor3D };

export interface ModelPass {
  parameters: Tensors;
  buffers: Tensors;
  input: ModelInput;
  training: boolean;
  dropout?: (values: Tensor) => Tensor;
  /** Of a model with gates on its heads: [gates] uniform in (0, 1); without, the gates are settled ones. */
  gateNoise?: Tensor | undefined;
  /** [B, heads of all layers] that the heads' outputs are multiplied by: to learn what each is worth. */
  headScales?: Tensor | undefined;
  /** Who reads the attention weights of a layer. */
  onWeights?: ((layer: number) => WeightsReader | undefined) | undefined;
  /** Follows the tokens of a ViT; no other model has any to follow. */
  trace?: TokenTrace | undefined;
}

/** A transform of stored images that is computed once per image, while the run prepares. */
export interface FeatureTransform {
  /** For people: `signatures`. */
  name: string;
  /** All that decides what it computes, as a part of a file's name: another transform has another. */
  key: string;
  /** Per image. */
  shape: readonly [number, number];
  of(bytes: Uint8Array, target: Float32Array): void;
}

export interface Model {
  parameters: Parameter[];
  /** Not trained, but part of the model: a training step returns their next values. */
  buffers: Parameter[];
  /** What `forward` wants; only models that see patches can have them selected. */
  sees: ModelInput['kind'];
  features: FeatureTransform | null;
  dropoutRate: number;
  /** Elements of one image that dropout applies to, all places together. */
  dropoutElements(tokens: number): number;
  /** Learned gates on heads, of all layers together; 0 for a model without. */
  gates: number;
  /** Of a ViT, for recipes that use its pieces (vit.ts); null for other models. */
  vit: VitShape | null;
  /** What it computes from a batch instead of training it; null where there is nothing. */
  calibration: ModelCalibration | null;
  forward(pass: ModelPass): ModelOutput;
}

export interface ModelOutput {
  /** [B, classes] */
  logits: Tensor2D;
  /** [B, 4] centre and size of the object, 0..1; only of models that find one. */
  boxes?: Tensor2D;
  /** The next values of all buffers. */
  buffers: Tensors;
  /** A scalar, weighted already, that training adds to its loss; evaluation leaves it out. */
  penalty?: Tensor;
  /** Of delta attention in evaluation, the mean over layers; left out elsewhere. */
  zeroDeltas?: ZeroDeltas;
}

export interface ImageShape {
  channels: number;
  /** Side of the stored images. */
  size: number;
  classes: readonly string[];
}

/** What of a config decides about its model: pruning brings gates, fine-tuning a head of its own. */
export type ModelChoice = Pick<ExperimentConfig, 'model' | 'attention'> &
  Partial<Pick<ExperimentConfig, 'selection' | 'routing' | 'pruning' | 'train' | 'finetune'>>;

/**
 * The model of a config for a dataset; where routing changes from epoch to epoch, that of one epoch.
 * @param structure what pruning has left of it; null where nothing was taken away.
 */
export function buildModel(
  { model, attention, selection, routing, pruning, train, finetune }: ModelChoice,
  images: ImageShape,
  structure: VitStructure | null = null,
): Model {
  switch (model.kind) {
    case 'vit':
      return vit(
        {
          model,
          attention,
          ...(routing && { routing }),
          channels: images.channels,
          classes: images.classes.length,
          structure: structure ?? undefined,
          scorer:
            selection && learnsScore({ model, selection })
              ? keptPatches({ model, selection }) / patchCount(model)
              : undefined,
          gatePenalty: pruning?.heads === 'l0' ? pruning.l0Penalty : undefined,
          ...(train && finetune && isPretrained(train.recipe) && { head: finetune.head }),
        },
        train?.task,
      );
    case 'resnet':
    case 'efficientnetv2-micro':
    case 'efficientnetv2-s':
      return cnn(model, images.classes.length);
    case 'imagesig':
      return imageSig(model, attention, images);
  }
}

function vit(shape: VitShape, task: ExperimentConfig['train']['task'] = 'classify'): Model {
  const { heads } = vitStructure(shape);
  const { dim } = shape.model;
  const detects = task === 'detect';
  return {
    parameters: [...vitParameters(shape), ...(detects ? detectionParameters(dim) : [])],
    buffers: [],
    sees: 'patches',
    features: null,
    dropoutRate: shape.model.dropout,
    gates: shape.gatePenalty === undefined ? 0 : sum(heads),
    vit: shape,
    calibration: vitCalibration(shape),
    dropoutElements: (tokens) => vitDropoutElements(shape, tokens),
    forward: ({
      parameters,
      input,
      training,
      dropout,
      gateNoise,
      headScales,
      onWeights,
      trace,
    }) => {
      const { patches, kept, scores = null, gate, penalty: ofScore } = expected(input, 'patches');
      const gates = headGates(shape, parameters, { gateNoise, headScales });
      const told: Tensor[] = [];
      const zeros: ZeroDeltas[] = [];
      const witness: AttentionWitness = training
        ? { onPenalty: (penalty) => told.push(penalty) }
        : { onZeroDeltas: (shares) => zeros.push(shares) };
      const seen = {
        patches,
        kept,
        scores,
        onWeights,
        witness,
        trace,
        ...(dropout && { dropout }),
        ...(gates && { gates }),
        ...(gate && { embedded: (projected: Tensor3D) => projected.mul<Tensor3D>(gate) }),
      };
      /** What the passes above told beside their output, once they were made. */
      const beside = () => {
        const penalties = [
          ...(told.length > 0 ? [meanOf(told)] : []),
          training ? gatePenalty(shape, parameters) : null,
          training ? (ofScore ?? null) : null,
        ].filter((penalty) => penalty !== null);
        return {
          buffers: {},
          ...(penalties.length > 0 && { penalty: tf.addN(penalties) }),
          ...(zeros.length > 0 && {
            zeroDeltas: {
              thresholded: meanOf(zeros.map(({ thresholded }) => thresholded)),
              in8Bits: meanOf(zeros.map(({ in8Bits }) => in8Bits)),
            },
          }),
        };
      };
      if (!detects) {
        const logits = vitForward(shape, parameters, seen);
        return { logits, ...beside() };
      }
      const tokens = vitEncode(shape, parameters, seen);
      const { feature, boxes, weights } = detectionHead(parameters, withoutClassToken(tokens));
      trace?.pooled(weights);
      return { logits: vitHead(parameters, feature), boxes, ...beside() };
    },
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** What the heads of a layer are multiplied by; null where that is nothing. */
function headGates(
  shape: VitShape,
  parameters: Tensors,
  { gateNoise, headScales }: Pick<ModelPass, 'gateNoise' | 'headScales'>,
): ((layer: number) => Tensor) | null {
  if (shape.gatePenalty === undefined && !headScales) return null;
  const { heads } = vitStructure(shape);
  const before = (layer: number): number => sum(heads.slice(0, layer));
  const learned = (layer: number): Tensor => {
    const logAlpha = parameterOf(parameters, `b${layer}.gate`);
    if (!gateNoise) return settledGates(logAlpha);
    return sampledGates(logAlpha, gateNoise.slice([before(layer)], [heads[layer]!]));
  };
  const scale = (layer: number): Tensor | null =>
    headScales?.slice([0, before(layer)], [headScales.shape[0]!, heads[layer]!]) ?? null;
  return (layer) => {
    const factor = scale(layer);
    if (shape.gatePenalty === undefined) return factor!;
    return factor ? learned(layer).mul(factor) : learned(layer);
  };
}

/** λ₀ Σ P(z ≠ 0) over the gates of all layers; null for a model without. */
function gatePenalty(shape: VitShape, parameters: Tensors): Tensor | null {
  if (shape.gatePenalty === undefined) return null;
  const open = vitStructure(shape).heads.map((_, layer) =>
    openProbabilities(parameterOf(parameters, `b${layer}.gate`)).sum(),
  );
  return tf.addN(open).mul(tf.scalar(shape.gatePenalty));
}

/** The mean of tensors of one shape, of one per layer here. */
const meanOf = <T extends Tensor>(tensors: T[]): T =>
  tf.addN(tensors).mul<T>(tf.scalar(1 / tensors.length));

function cnn(model: CnnModel, classes: number): Model {
  return {
    parameters: cnnParameters(model, classes),
    buffers: cnnBuffers(model),
    sees: 'image',
    features: null,
    dropoutRate: model.kind === 'efficientnetv2-s' ? model.dropout : 0,
    gates: 0,
    vit: null,
    calibration: null,
    dropoutElements: () => cnnArchitecture(model).features,
    forward: ({ input, ...pass }) => {
      const { images } = expected(input, 'image');
      return cnnForward(model, { ...pass, images });
    },
  };
}

function imageSig(
  model: ImageSigModel,
  attention: AttentionConfig,
  { channels, size, classes }: ImageShape,
): Model {
  const sequence = sequenceShape(model);
  const { image, columns } = model;
  const common = {
    buffers: [],
    sees: 'features',
    features: {
      name: 'signatures',
      key: `signatures-1_${image}px${columns ? '_columns' : ''}`,
      shape: [sequence.length, sequence.width],
      of: (bytes, target) => imageSignatures(bytes, { channels, size, image, columns }, target),
    },
    dropoutRate: model.dropout,
    // its encoder sees signatures, so what a recipe does to patches means nothing here
    gates: 0,
    vit: null,
    calibration: null,
  } satisfies Partial<Model>;
  if (model.head === 'transformer') {
    const encoder = vit(encoderShape(model, attention, classes.length));
    // the encoder's first layer takes signatures where a ViT's takes patches
    const first = { kind: 'fan-in', fanIn: sequence.width } as const;
    return {
      ...common,
      parameters: encoder.parameters.map((parameter) => {
        if (parameter.name === 'patch.weight')
          return { ...parameter, shape: [headEncoder.dim, sequence.width], init: first };
        if (parameter.name === 'patch.bias') return { ...parameter, init: first };
        if (parameter.name === 'pos')
          return { ...parameter, shape: [sequence.length + 1, headEncoder.dim] };
        return parameter;
      }),
      dropoutElements: () => encoder.dropoutElements(sequence.length + 1),
      forward: ({ input, ...pass }) => {
        const { features } = expected(input, 'features');
        return encoder.forward({
          ...pass,
          input: { kind: 'patches', patches: features, kept: null },
        });
      },
    };
  }
  return {
    ...common,
    parameters: denseHeadParameters(model, classes.length),
    dropoutElements: () => denseWidth,
    forward: ({ parameters, input, dropout = (values) => values }) => {
      const { features } = expected(input, 'features');
      return { logits: denseHeadForward(model, parameters, features, dropout), buffers: {} };
    },
  };
}

const encoderShape = (
  { image, dropout }: ImageSigModel,
  attention: AttentionConfig,
  classes: number,
): VitShape => {
  const model: VitModel = {
    kind: 'vit',
    image,
    patch: image,
    ...headEncoder,
    posInit: 'vit',
    qkvBias: false,
    dropout,
  };
  return { model, attention, channels: 1, classes };
};

/** Random bytes one step needs: one per element that is dropped or not. */
export const dropoutBytesOf = (model: Model, batch: number, tokens: number): number =>
  dropoutThreshold(model.dropoutRate) === 0 ? 0 : batch * model.dropoutElements(tokens);

function expected<Kind extends ModelInput['kind']>(
  input: ModelInput,
  kind: Kind,
): Extract<ModelInput, { kind: Kind }> {
  if (input.kind !== kind) throw new Error(`the model sees ${kind}, not ${input.kind}`);
  return input as Extract<ModelInput, { kind: Kind }>;
}
