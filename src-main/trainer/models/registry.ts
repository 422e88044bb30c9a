/**
 * All models by kind: what each is made of and how it computes logits. A recipe asks nothing else of a
 * model, so adding one is one entry here, one in the config's schema and one in the cost forecast.
 */
import {
  isPretrained,
  type AttentionConfig,
  type ExperimentConfig,
  type VitModel,
} from '../../experiment-config.ts';
import type { Tensors } from '../engine/engine.ts';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '../engine/tf.ts';
import { cnnArchitecture, cnnBuffers, cnnParameters, type CnnModel } from './cnn-architecture.ts';
import { cnnForward } from './cnn.ts';
import { dropoutThreshold } from './dropout.ts';
import {
  denseHeadParameters,
  denseWidth,
  headEncoder,
  sequenceShape,
  type ImageSigModel,
} from './image-sig-architecture.ts';
import { denseHeadForward } from './image-sig.ts';
import type { Parameter } from './parameters.ts';
import { imageSignatures } from './signature.ts';
import { vitForward, vitParameters, type VitShape } from './vit.ts';

/** What a model sees of a batch of images. */
export type ModelInput =
  | {
      kind: 'patches';
      /** [B, n, C p²], normalised: all patches, or the kept ones. */
      patches: Tensor3D;
      /** [B, n] their places where patches were dropped. */
      kept: Tensor2D | null;
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
  /** Of a ViT, for recipes that use its pieces (vit.ts); null for other models. */
  vit: VitShape | null;
  forward(pass: ModelPass): ModelOutput;
}

export interface ModelOutput {
  /** [B, classes] */
  logits: Tensor2D;
  /** The next values of all buffers. */
  buffers: Tensors;
  /** A scalar, weighted already, that training adds to its loss; evaluation leaves it out. */
  penalty?: Tensor;
}

export interface ImageShape {
  channels: number;
  /** Side of the stored images. */
  size: number;
  classes: readonly string[];
}

/** What of a config decides about its model; fine-tuning brings a head of its own. */
export type ModelChoice = Pick<ExperimentConfig, 'model' | 'attention'> &
  Partial<Pick<ExperimentConfig, 'train' | 'finetune'>>;

/** The model of a config for a dataset. */
export function buildModel(
  { model, attention, train, finetune }: ModelChoice,
  images: ImageShape,
): Model {
  switch (model.kind) {
    case 'vit':
      return vit({
        model,
        attention,
        channels: images.channels,
        classes: images.classes.length,
        ...(train && finetune && isPretrained(train.recipe) && { head: finetune.head }),
      });
    case 'resnet':
    case 'efficientnetv2-micro':
    case 'efficientnetv2-s':
      return cnn(model, images.classes.length);
    case 'imagesig':
      return imageSig(model, attention, images);
  }
}

function vit(shape: VitShape): Model {
  const { dim, layers, mlpRatio, dropout } = shape.model;
  return {
    parameters: vitParameters(shape),
    buffers: [],
    sees: 'patches',
    features: null,
    dropoutRate: dropout,
    vit: shape,
    // the three places of every block (method A.1)
    dropoutElements: (tokens) =>
      tokens * layers * (2 * dim + Math.max(1, Math.round(dim * mlpRatio))),
    forward: ({ parameters, input, dropout }) => {
      const { patches, kept } = expected(input, 'patches');
      const logits = vitForward(shape, parameters, { patches, kept, ...(dropout && { dropout }) });
      return { logits, buffers: {} };
    },
  };
}

function cnn(model: CnnModel, classes: number): Model {
  return {
    parameters: cnnParameters(model, classes),
    buffers: cnnBuffers(model),
    sees: 'image',
    features: null,
    dropoutRate: model.kind === 'efficientnetv2-s' ? model.dropout : 0,
    vit: null,
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
    vit: null,
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
