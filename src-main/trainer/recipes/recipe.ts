/**
 * What a recipe is to the training loop: the stages of a run, and the steps of each as pure functions.
 *
 * The loop knows epochs, batches, phases and checkpoints; a recipe knows what is computed. What changes
 * from step to step without changing a shape is an input of the step; what changes a shape makes another
 * `StepDefinition`, and so another program.
 */
import type { DatasetConfig } from '../../experiment-config.ts';
import type { TrainingPhase } from '../../experiment-config/stage-epochs.ts';
import type { Split, SplitName } from '../data/index.ts';
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
import type { Tensor } from '../engine/tf.ts';
import type { Parameter } from '../models/parameters.ts';
import type { FeatureTransform } from '../models/registry.ts';
import type { VitStructure } from '../models/structure.ts';
import { adamUpdate, clipToNorm, type TrainConfig } from '../optimiser.ts';
import type { Calibration } from './calibration.ts';
import type { Shrinking } from './shrinking.ts';

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

/** What decides which of a recipe's programs a training step runs. */
export interface StepChoice {
  /** 0-based, within the stage. */
  epoch: number;
  /** Whether this batch is reduced to its kept patches (method B.5). */
  selects: boolean;
  /** The layer whose attention weights this training step penalises (method D); none where left out. */
  penalised?: number | null;
}

/**
 * Numbers per image that a tensor the stage does not train gives: the features of a frozen backbone, the
 * logits of a teacher. Computed once per image where images stay as they are, in every step where they
 * are augmented.
 */
export interface Derived {
  /** For people: `the teacher's logits`. */
  name: string;
  /** The input of the steps that takes them, [B, width]. */
  input: string;
  width: number;
  /** Whose images it is needed for again and again. */
  splits: readonly SplitName[];
  /** Images to output `derived` [B, width]; reads no state but `frozen`. */
  definition: StepDefinition;
}

/** The steps of one stage. Definitions are made once: the same choice gives the same object. */
export interface Recipe {
  parameters: readonly Parameter[];
  layout: FlatLayout;
  /** Tensors that steps read and leave as they are. */
  frozen: readonly Parameter[];
  frozenLayout: FlatLayout;
  /** Running statistics and the like: state of the model that is not trained. */
  buffers: readonly Parameter[];
  bufferLayout: FlatLayout;
  /** Computed once per image before the first step; null where steps see the images themselves. */
  features: FeatureTransform | null;
  derived: Derived | null;
  /** What the model computes from a batch instead of training it; left out where there is nothing. */
  calibration?: Calibration | null;
  /** Numbers in the model that the stage ends with, frozen ones included, a teacher's not. */
  parameterCount: number;
  batch: number;
  /** N, the patches of an image; 0 for a model that sees none. */
  patches: number;
  /** What pruning has left of the model; null where it is whole, or is none that can be pruned. */
  structure: VitStructure | null;
  /** Takes parts of the model away between epochs; null where nothing is. */
  shrinking: Shrinking | null;
  /** Whether patches can be selected in training at all. */
  selects: boolean;
  /** Scores [B, N] of images; null where no step needs them (no selection, or the random control). */
  score: StepDefinition | null;
  /**
   * Which patches evaluation, or else training, keeps: `kept` [B, k], by the same inputs. For the recall of
   * object patches; null where nothing is selected.
   */
  select: StepDefinition | null;
  /** Layers of which one at a time has its attention penalised (method D); 0: none. */
  penalisedLayers: number;
  /**
   * By the inputs of the evaluation: `support` [B], the keys that attention rests on, and `idle` [B], the share of
   * tokens that it hardly looks at. Left out where nobody wants to know.
   */
  watch?: ((choice: StepChoice) => StepDefinition) | null;
  train(choice: StepChoice): StepDefinition;
  /**
   * What evaluation does, to be looked at (picture-step.ts): by its inputs, labels and boxes left out. Null where
   * nothing is classified.
   */
  picture: ((choice: StepChoice) => StepDefinition) | null;
  /** Null for a stage whose model classifies nothing. */
  evaluate: ((choice: StepChoice) => StepDefinition) | null;
  /**
   * Where a tensor's start value comes from: the name an earlier stage knows it by, null for a fresh
   * start. So do tensors that are not there, or have another size. Left out: its own name.
   */
  inherits?(name: string): string | null;
}

/** One stretch of a run, with a loss and a learning-rate schedule of its own. */
export interface Stage {
  phase: TrainingPhase;
  /** Its epochs of the run: from `first` to before `end`, 0-based. */
  first: number;
  end: number;
  dataset: DatasetConfig;
  train: TrainConfig;
  /**
   * @param batch images per step, of training and evaluation alike.
   * @param structure what pruning has left of the model, in stages that prune; null: all of it.
   */
  build(dataset: DatasetShape, batch: number, structure?: VitStructure | null): Recipe;
  /**
   * The training images of an epoch, whole batches one after the other; every image once, shuffled, where
   * left out.
   */
  order?(split: Split, epoch: number, batch: number): Uint32Array;
}

export const optimiserState = (layout: FlatLayout): Specs => ({
  parameters: { shape: [layout.size], dtype: 'float32' },
  moment1: { shape: [layout.size], dtype: 'float32' },
  moment2: { shape: [layout.size], dtype: 'float32' },
});

/** The tensors of a stage by what becomes of them. */
export interface StageTensors {
  parameters: readonly Parameter[];
  frozen?: readonly Parameter[];
  buffers?: readonly Parameter[];
}

/** The flat state of a stage: what its steps declare, and how they take it apart. */
export class StateLayout {
  readonly tensors: Required<StageTensors>;
  readonly layout: FlatLayout;
  readonly frozenLayout: FlatLayout;
  readonly bufferLayout: FlatLayout;

  constructor({ parameters, frozen = [], buffers = [] }: StageTensors) {
    this.tensors = { parameters, frozen, buffers };
    this.layout = flatLayout(parameters);
    this.frozenLayout = flatLayout(frozen);
    this.bufferLayout = flatLayout(buffers);
  }

  /** The state a training step has. */
  get training(): Specs {
    return { ...optimiserState(this.layout), ...this.#beside };
  }

  /** The state a step without gradients has. */
  get evaluation(): Specs {
    return { parameters: { shape: [this.layout.size], dtype: 'float32' }, ...this.#beside };
  }

  get #beside(): Specs {
    return {
      ...(this.frozenLayout.size > 0 && {
        frozen: { shape: [this.frozenLayout.size], dtype: 'float32' },
      }),
      ...(this.bufferLayout.size > 0 && {
        buffers: { shape: [this.bufferLayout.size], dtype: 'float32' },
      }),
    };
  }

  /** Trained tensors by name. */
  parameters(state: Tensors): Tensors {
    return sliceFlat(this.layout, state.parameters!);
  }

  frozen(state: Tensors): Tensors {
    return state.frozen ? sliceFlat(this.frozenLayout, state.frozen) : {};
  }

  buffers(state: Tensors): Tensors {
    return state.buffers ? sliceFlat(this.bufferLayout, state.buffers) : {};
  }
}

/** A recipe of a state and its steps; most have no scores, no features and nothing derived. */
export const recipeOf = (
  { tensors, layout, frozenLayout, bufferLayout }: StateLayout,
  steps: Pick<Recipe, 'batch' | 'patches' | 'parameterCount' | 'train' | 'evaluate'> &
    Partial<Recipe>,
): Recipe => ({
  ...tensors,
  layout,
  frozenLayout,
  bufferLayout,
  features: null,
  derived: null,
  penalisedLayers: 0,
  selects: false,
  score: null,
  select: null,
  picture: null,
  structure: null,
  shrinking: null,
  ...steps,
});

/** A loss of trained tensors; the next values of the buffers beside it where there are some. */
export type LossOf = (
  views: Tensors,
  inputs: Tensors,
  beside: { frozen: Tensors; buffers: Tensors },
) => {
  loss: Tensor;
  /** What is reported in its place: without what only some steps add, which would be teeth in its curve. */
  reported?: Tensor;
  buffers?: Tensors;
};

/**
 * A training step of any recipe: gradient of the loss, clipping, Adam or AdamW.
 * @param inputs of the loss; the optimiser's scalars are added.
 */
export function trainingStep(
  state: StateLayout,
  train: TrainConfig,
  {
    tokens,
    inputs,
    loss,
    mask,
  }: {
    tokens: number | null;
    inputs: Specs;
    loss: LossOf;
    /** [P] 1 for parameters that are trained, 0 for those that stay 0; left out: all are. */
    mask?: ((buffers: Tensors) => Tensor) | undefined;
  },
): StepDefinition {
  const decays = train.optimizer === 'adamw' && train.weightDecay > 0;
  return {
    tokens,
    specs: {
      state: state.training,
      inputs: {
        ...inputs,
        stepSize: { shape: [], dtype: 'float32' },
        secondScale: { shape: [], dtype: 'float32' },
        ...(decays && { shrink: { shape: [], dtype: 'float32' } }),
      },
    },
    step: (tensors, fed) => {
      const beside = { frozen: state.frozen(tensors), buffers: state.buffers(tensors) };
      const { value, gradient } = flatGradients(state.layout, tensors.parameters!, (views) => {
        const { loss: total, reported, buffers } = loss(views, fed, beside);
        return {
          loss: total,
          ...(reported && { reported }),
          ...(tensors.buffers && { buffers: concatFlat(state.bufferLayout, buffers ?? {}) }),
        };
      });
      const updated = adamUpdate(
        tensors.parameters!,
        { moment1: tensors.moment1!, moment2: tensors.moment2! },
        train.clipNorm === null ? gradient : clipToNorm(gradient, train.clipNorm),
        decays ? tf.tensor1d(decayMask(state.layout)) : null,
        {
          stepSize: fed.stepSize!,
          secondScale: fed.secondScale!,
          shrink: fed.shrink ?? tf.scalar(0),
        },
      );
      return {
        state: {
          ...updated,
          ...(mask && { parameters: updated.parameters.mul(mask(beside.buffers)) }),
          ...(value.buffers && { buffers: value.buffers }),
        },
        outputs: { loss: value.reported ?? value.loss },
      };
    },
  };
}

/** Definitions by key, each made when it is first asked for. */
export function memoised<Key>(make: (key: Key) => StepDefinition): (key: Key) => StepDefinition {
  const made = new Map<Key, StepDefinition>();
  return (key) => {
    let definition = made.get(key);
    if (!definition) made.set(key, (definition = make(key)));
    return definition;
  };
}
