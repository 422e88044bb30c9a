/**
 * What a trained model computes for a person who has images and wants classes: from stored pixels to logits,
 * resizing, normalisation, patch selection and signatures included. It is what the run's evaluation
 * computes.
 */
import {
  isPretrained,
  keptPatches,
  learnsScore,
  patchCount,
  type ExperimentConfig,
} from '../../experiment-config.ts';
import { routingOf } from '../../experiment-config/token-routing.ts';
import { capture, inputName, outputName, stateName } from '../engine/capture.ts';
import type { Specs, Step, Tensors } from '../engine/engine.ts';
import type { OnnxGraph } from '../engine/onnx.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor3D, Tensor4D } from '../engine/tf.ts';
import type { Position, StoredImages } from '../checkpoint.ts';
import type { Scaling } from '../features.ts';
import { centreToCorners } from '../losses/box.ts';
import { pixelPatches } from '../models/images.ts';
import type { ImageSigModel } from '../models/image-sig-architecture.ts';
import { publicTensors, type NamedShape, type Parameter } from '../models/parameters.ts';
import { scorePatches } from '../models/patch-selection.ts';
import { buildModel, type Model, type ModelInput } from '../models/registry.ts';
import { signaturesOf } from '../models/signature-graph.ts';
import type { VitStructure } from '../models/structure.ts';
import { learnedInput } from '../recipes/learned-input.ts';
import {
  allPatches,
  imageInput,
  modelInput,
  patchChoiceSpecs,
  type PatchChoice,
} from '../recipes/model-input.ts';

/** A model as its checkpoint describes it. */
export interface InferenceModel {
  config: ExperimentConfig;
  classes: readonly string[];
  images: StoredImages;
  /** Where in its run, in the last stage, it was saved. */
  position: Pick<Position, 'epoch' | 'stepInEpoch'>;
  /** What pruning left of it; all of it where left out. */
  structure?: VitStructure | undefined;
}

export interface Inference {
  /** Weights and buffers by their public names. */
  tensors: readonly NamedShape[];
  specs(batch: number): { state: Specs; inputs: Specs };
  /**
   * Images to `logits` and `probabilities`, [B, classes] each; of a model that finds objects also `boxes`,
   * [B, 4].
   */
  step: Step;
}

export function inferenceOf({
  config: whole,
  classes,
  images,
  position,
  structure,
}: InferenceModel): Inference {
  // tokens are pruned more and more while a model learns: it is taken away as it was when it was saved
  const config = { ...whole, routing: routingOf(whole, position) };
  const dataset = { ...images, classes };
  const model = buildModel(config, dataset, structure);
  const tensors = [...publicTensors(model.parameters), ...model.buffers];
  const choice = evaluationChoice(config);
  return {
    tensors,
    specs: (batch) => ({
      state: Object.fromEntries(
        tensors.map(({ name, shape }) => [name, { shape, dtype: 'float32' }]),
      ),
      inputs: {
        ...imageInput(dataset, batch),
        ...patchChoiceSpecs({ ...choice, scored: false }, batch, patchesOf(config)),
      },
    }),
    step: (state, inputs) => {
      const { logits, boxes } = model.forward({
        parameters: separated(model.parameters, state),
        buffers: Object.fromEntries(model.buffers.map(({ name }) => [name, state[name]!])),
        input: inputOf(separated(model.parameters, state), inputs),
        training: false,
      });
      return {
        outputs: {
          logits,
          probabilities: tf.softmax(logits),
          ...(boxes && { boxes: centreToCorners(boxes) }),
        },
      };
    },
  };

  function inputOf(parameters: Tensors, inputs: Tensors): ModelInput {
    const { keep } = choice;
    const { model: vit } = config;
    return learnsScore(config) && vit.kind === 'vit' && keep !== null
      ? learnedInput({ ...config, model: vit }, dataset, parameters, inputs, { ...choice, keep })
      : modelInput(config, dataset, model.sees, seen(model, inputs), choice);
  }

  /** The inputs of an evaluation, worked out from the images. */
  function seen({ sees }: Model, inputs: Tensors): Tensors {
    const pixels = inputs.images as Tensor4D;
    const { model, selection } = config;
    if (sees === 'features') {
      const { image, columns } = model as ImageSigModel;
      const { channels, size } = images;
      const signatures = signaturesOf(pixels, { channels, size, image, columns });
      return { features: scaled(signatures, images.features!) };
    }
    if (!choice.scored || model.kind !== 'vit') return inputs;
    const patches = pixelPatches(pixels, model.image, model.patch);
    return { ...inputs, scores: scorePatches(patches, selection) };
  }
}

/** The graph of a batch of that many; values are called by their public names. */
export function inferenceGraph({ specs, step }: Inference, batch: number): OnnxGraph {
  // on a GPU's terms: what is faster on the processor only is not worth a stranger graph
  const { graph } = capture(step, specs(batch), 'gpu');
  const { state, inputs } = specs(batch);
  const names = new Map<string, string>([
    ...Object.keys(state).map((name) => [stateName(name), name] as const),
    ...Object.keys(inputs).map((name) => [inputName(name), name] as const),
    ...['logits', 'probabilities', 'boxes'].map((name) => [outputName(name), name] as const),
  ]);
  const named = (name: string): string => names.get(name) ?? name;
  const renamed = <T extends { name: string }>(value: T): T => ({
    ...value,
    name: named(value.name),
  });
  return {
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(named),
      outputs: node.outputs.map(named),
    })),
    inputs: graph.inputs.map(renamed),
    outputs: graph.outputs.map(renamed),
    constants: graph.constants,
  };
}

const patchesOf = ({ model }: ExperimentConfig): number =>
  model.kind === 'vit' ? patchCount(model) : 0;

/**
 * Which patches an evaluation keeps. `authors-bug` draws them as training does, by accident; a model that is
 * taken away sees whole images then. So does an encoder that was pre-trained: fine-tuning selects nothing.
 */
export function evaluationChoice({ model, selection, train }: ExperimentConfig): PatchChoice {
  if (model.kind !== 'vit' || selection.mode === 'off' || selection.evalSelect !== 'topk')
    return allPatches;
  if (isPretrained(train.recipe)) return allPatches;
  const kept = keptPatches({ model, selection });
  if (kept >= patchCount(model)) return allPatches;
  const { heuristic } = selection;
  return {
    keep: kept,
    sampled: heuristic === 'random',
    scored: !['random', 'conv'].includes(heuristic),
  };
}

/** Parameters as the model reads them, out of the tensors they are known as outside. */
function separated(parameters: readonly Parameter[], tensors: Tensors): Tensors {
  const rows = new Map<string, number>();
  return Object.fromEntries(
    parameters.map(({ name, shape, joint }) => {
      const tensor = tensors[joint ?? name]!;
      if (joint === undefined) return [name, tensor];
      const first = rows.get(joint) ?? 0;
      rows.set(joint, first + shape[0]!);
      const begin = shape.map((_, axis) => (axis === 0 ? first : 0));
      return [name, tf.slice(tensor, begin, [...shape])];
    }),
  );
}

const scaled = (features: Tensor3D, { mean, scale }: Scaling): Tensor3D =>
  features.sub(tf.tensor1d([...mean])).mul(tf.tensor1d([...scale]));
