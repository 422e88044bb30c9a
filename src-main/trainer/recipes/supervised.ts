/**
 * Supervised training of a whole model (recipe `scratch`, method G.0): the steps of a stage as pure
 * functions, and what goes into them.
 *
 * Patch selection needs at most two training programs, full images and kept patches: one draw per batch
 * decides between them (method B.5), so there are exactly two shapes to compile. Pruning adds a shape for
 * each step of its schedule; an epoch is evaluated with the tokens that it was trained with.
 */
import {
  keptPatches,
  learnsScore,
  patchCount,
  type ExperimentConfig,
  type RoutingConfig,
} from '../../experiment-config.ts';
import { routerHint, routingAt } from '../../experiment-config/token-routing.ts';
import type { Specs, Tensors } from '../engine/engine.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '../engine/tf.ts';
import { meanBoxLoss } from '../losses/box.ts';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { distillationLoss } from '../losses/distillation.ts';
import { focalTo } from '../losses/focal.ts';
import { effectiveSupport, idleShare, sparsityPenalty } from '../losses/sparsity.ts';
import { dropoutFrom } from '../models/dropout.ts';
import { pixelPatches } from '../models/images.ts';
import { parameterCount, type Parameter } from '../models/parameters.ts';
import { scorePatches, selectPatches } from '../models/patch-selection.ts';
import { buildModel, dropoutBytesOf, type Model, type ModelInput } from '../models/registry.ts';
import type { VitStructure } from '../models/structure.ts';
import { vitStructure, type VitShape } from '../models/vit.ts';
import { calibrationOf } from './calibration.ts';
import type { Teacher } from './distil.ts';
import {
  allPatches,
  imageInput,
  modelInput,
  modelInputSpecs,
  patchChoiceSpecs,
  type PatchChoice,
} from './model-input.ts';
import { chosenPatches, learnedInput } from './learned-input.ts';
import { labelSpecs, labelTargets } from './labels.ts';
import { pictureStep } from './picture-step.ts';
import { classificationOutputs, detectionOutputs, zeroDeltaOutputs } from './outputs.ts';
import {
  memoised,
  recipeOf,
  StateLayout,
  trainingStep,
  type DatasetShape,
  type Recipe,
  type StepChoice,
  type StepDefinition,
} from './recipe.ts';
import { maskName, shrinkingOf } from './shrinking.ts';

/**
 * @param batch images per step, of training and evaluation alike.
 * @param structure what pruning has left of the model; null: all of it.
 * @param teacher whose logits the loss takes beside the labels (distil.ts).
 */
export function supervised(
  config: ExperimentConfig,
  dataset: DatasetShape,
  batch: number,
  structure: VitStructure | null = null,
  teacher: Teacher | null = null,
): Recipe {
  const { model, attention, selection, sparsity, train, pruning } = config;
  const built = buildModel(config, dataset, structure);
  // dropping tokens changes how many a block sees, never what the model is made of
  const modelOf = (routing: RoutingConfig): Model =>
    buildModel({ ...config, routing }, dataset, structure);
  const { parameters, features } = built;
  const masks = pruning.magnitude > 0;
  const buffers = [...built.buffers, ...(masks ? [maskOf(parameters)] : [])];
  const state = new StateLayout({ parameters, buffers, frozen: teacher?.frozen ?? [] });
  const sight = model.kind === 'vit' ? model : null;
  const patches = sight ? patchCount(sight) : 0;
  const kept = sight ? keptPatches({ model: sight, selection }) : 0;
  // keeping all patches is the full image: one program, no scores
  const selects = selection.mode !== 'off' && kept < patches;
  // a learned score changes with every step: it is computed in the steps themselves
  const learned = selects && learnsScore(config);
  const scored = selects && !learned && selection.heuristic !== 'random';
  const hint = routerHint(config.routing);
  const scoring = { ...selection, ...(!scored && hint && { heuristic: hint }) };
  // patches without a score are always drawn: their "k best" would be the top of the image
  const sampled = selection.probabilistic || !(scored || learned);

  const tokensOf = ({ keep }: PatchChoice): number | null =>
    sight && (selection.mode === 'drop' && keep !== null ? keep : patches) + 1;

  const lookedAt = (choice: PatchChoice): Specs => ({
    ...modelInputSpecs(dataset, batch, features),
    ...patchChoiceSpecs(choice, batch, patches),
    ...(hint && { scores: { shape: [batch, patches], dtype: 'float32' } }),
  });
  const seenOf = (choice: PatchChoice) => ({
    ...modelInputSpecs(dataset, batch, features),
    labels: { shape: [batch], dtype: 'int32' } as const,
    ...(train.task === 'detect' && { boxes: { shape: [batch, 4], dtype: 'float32' } as const }),
    ...patchChoiceSpecs(choice, batch, patches),
  });
  const inputsOf = (choice: PatchChoice) => ({
    ...seenOf(choice),
    ...(hint && { scores: { shape: [batch, patches], dtype: 'float32' } as const }),
  });
  const inputOf = (parameters: Tensors, inputs: Tensors, choice: PatchChoice): ModelInput => {
    const { keep } = choice;
    return learned && sight && keep !== null
      ? learnedInput({ ...config, model: sight }, dataset, parameters, inputs, { ...choice, keep })
      : modelInput(config, dataset, built.sees, inputs, choice);
  };

  const trainStep = (
    choice: PatchChoice,
    routing: RoutingConfig,
    penalised: number | null,
  ): StepDefinition => {
    const model = modelOf(routing);
    const tokens = tokensOf(choice);
    const dropoutBytes = dropoutBytesOf(model, batch, tokens ?? 0);
    return trainingStep(state, train, {
      tokens,
      inputs: {
        ...inputsOf(choice),
        ...labelSpecs(config.augment, batch),
        ...(teacher && {
          [teacher.logits.input]: { shape: [batch, teacher.logits.width], dtype: 'float32' },
        }),
        ...(dropoutBytes > 0 && { dropout: { shape: [dropoutBytes], dtype: 'uint8' } }),
        ...(penalised !== null && { sparsity: { shape: [], dtype: 'float32' } }),
        ...(built.gates > 0 && { gateNoise: { shape: [built.gates], dtype: 'float32' } }),
      },
      ...(masks && { mask: (buffers) => buffers[maskName]! }),
      loss: (views, inputs, beside) => {
        const seen: { weights?: Tensor } = {};
        const { logits, boxes, buffers, penalty } = model.forward({
          parameters: views,
          buffers: beside.buffers,
          input: inputOf(views, inputs, choice),
          training: true,
          gateNoise: inputs.gateNoise,
          ...(penalised !== null && {
            onWeights: (layer) =>
              layer === penalised
                ? Object.assign((weights: Tensor) => void (seen.weights = weights), {
                    differentiable: true,
                  })
                : undefined,
          }),
          ...(inputs.dropout && { dropout: dropoutFrom(inputs.dropout, model.dropoutRate) }),
        });
        const targets = labelTargets(inputs, dataset.classes.length, train.labelSmoothing);
        const losses = teacher
          ? distillationLoss(logits, inputs[teacher.logits.input] as Tensor2D, targets, {
              kind: teacher.options.hard ? 'hard' : 'soft',
              temperature: teacher.options.temperature,
              weight: teacher.options.weight,
            })
          : focalTo(logits, targets, train.focalGamma);
        const terms = [losses.mean()];
        if (boxes) terms.push(meanBoxLoss(boxes, inputs.boxes as Tensor2D));
        if (penalty) terms.push(penalty);
        const loss = tf.addN(terms);
        const sparse =
          seen.weights && sparsityPenalty(seen.weights, sparsity.form).mul(inputs.sparsity!);
        return {
          loss: sparse ? loss.add(sparse) : loss,
          ...(sparse && { reported: loss }),
          buffers: { ...buffers, ...(masks && { [maskName]: beside.buffers[maskName]! }) },
        };
      },
    });
  };

  const evaluateStep = (choice: PatchChoice, routing: RoutingConfig): StepDefinition => ({
    tokens: tokensOf(choice),
    specs: { state: state.evaluation, inputs: inputsOf(choice) },
    step: (tensors, inputs) => {
      const { logits, boxes, zeroDeltas } = modelOf(routing).forward({
        parameters: state.parameters(tensors),
        buffers: state.buffers(tensors),
        input: inputOf(state.parameters(tensors), inputs, choice),
        training: false,
      });
      const labels = inputs.labels as Tensor1D;
      return {
        outputs: {
          ...(boxes
            ? detectionOutputs(logits, labels, boxes, inputs.boxes as Tensor2D)
            : classificationOutputs(logits, labels)),
          ...zeroDeltaOutputs(zeroDeltas),
        },
      };
    },
  });

  /** How sparse attention is, mean over the layers that form weights. */
  const watchStep = (choice: PatchChoice, routing: RoutingConfig): StepDefinition => ({
    ...evaluateStep(choice, routing),
    step: (tensors, inputs) => {
      const seen: Tensor[] = [];
      modelOf(routing).forward({
        parameters: state.parameters(tensors),
        buffers: state.buffers(tensors),
        input: inputOf(state.parameters(tensors), inputs, choice),
        training: false,
        onWeights: () => (weights) => void seen.push(weights),
      });
      const mean = (of: (weights: Tensor) => Tensor): Tensor =>
        tf.addN(seen.map(of)).mul(tf.scalar(1 / seen.length));
      return { outputs: { support: mean(effectiveSupport), idle: mean(idleShare) } };
    },
  });

  /** What every head is worth: Σ over the images of |∂L/∂z_h z_h|, at z = 1 (Michel et al. 2019). */
  const importanceStep = (shape: VitShape): StepDefinition => ({
    tokens: tokensOf(allPatches),
    // fed nothing but images and labels: a router's hints are computed with the rest
    specs: { state: state.evaluation, inputs: seenOf(allPatches) },
    step: (tensors, inputs) => {
      const heads = vitStructure(shape).heads.reduce((a, b) => a + b, 0);
      // a factor of its own for every image, so that what helps one cannot hide what hurts another
      const loss = (headScales: Tensor): Tensor => {
        const { logits } = built.forward({
          parameters: state.parameters(tensors),
          buffers: state.buffers(tensors),
          input: modelInput(config, dataset, built.sees, inputs),
          training: false,
          headScales,
        });
        return crossEntropy(logits, inputs.labels as Tensor1D, train.labelSmoothing).sum();
      };
      const gradient = tf.grad(loss)(tf.ones<tf.Rank.R2>([batch, heads]));
      return { outputs: { importance: gradient.abs().sum(0) } };
    },
  });

  const reducedTo = (drawn: boolean): PatchChoice => ({ keep: kept, sampled: drawn, scored });
  const evaluated = reducedTo(selection.evalSelect === 'topk' ? !(scored || learned) : sampled);
  const trainSteps = byEpoch((reduced, routing, penalised) =>
    trainStep(reduced ? reducedTo(sampled) : allPatches, routing, penalised),
  );
  const evaluateSteps = byEpoch((reduced, routing) =>
    evaluateStep(reduced ? evaluated : allPatches, routing),
  );

  const pictureSteps = byEpoch((reduced, routing) => {
    const choice = reduced ? evaluated : allPatches;
    return pictureStep(modelOf(routing), state, {
      tokens: tokensOf(choice),
      inputs: lookedAt(choice),
      inputOf: (parameters, inputs) => inputOf(parameters, inputs, choice),
    });
  });
  const watchSteps = byEpoch((reduced, routing) =>
    watchStep(reduced ? evaluated : allPatches, routing),
  );
  const sparse =
    sparsity.lambda > 0 || (attention.kind === 'standard' && attention.normaliser !== 'softmax');

  /** Steps that differ between the epochs of a run only where its routing does. */
  function byEpoch(
    make: (reduced: boolean, routing: RoutingConfig, penalised: number | null) => StepDefinition,
  ) {
    const steps = memoised((key: string) => make(...(JSON.parse(key) as Parameters<typeof make>)));
    return ({ epoch, selects, penalised = null }: StepChoice): StepDefinition =>
      steps(JSON.stringify([selects, routingAt(config, epoch), penalised]));
  }

  /** The choice alone, as evaluation makes it, or as training does where evaluation sees full images. */
  const selectStep = (): StepDefinition => ({
    tokens: null,
    specs: { state: {}, inputs: patchChoiceSpecs(evaluated, batch, patches) },
    step: (_, { scores, noise }) => ({
      outputs: {
        kept: selectPatches(
          (scores ?? tf.zeros([batch, patches])) as Tensor2D,
          (noise ?? null) as Tensor2D | null,
          kept,
          selection,
        ),
      },
    }),
  });

  /** The same by a learned score, which takes the images themselves. */
  const selectLearnedStep = (): StepDefinition => ({
    tokens: null,
    specs: {
      state: state.evaluation,
      inputs: { ...imageInput(dataset, batch), ...patchChoiceSpecs(evaluated, batch, patches) },
    },
    step: (tensors, inputs) => ({
      outputs: {
        kept: chosenPatches({ ...config, model: sight! }, state.parameters(tensors), inputs, {
          ...evaluated,
          keep: kept,
        }).kept,
      },
    }),
  });

  return recipeOf(state, {
    features,
    derived: teacher?.logits ?? null,
    calibration: calibrationOf(config, dataset, batch, built, state),
    parameterCount: parameterCount(parameters),
    batch,
    patches,
    structure,
    shrinking:
      built.vit &&
      shrinkingOf(
        pruning,
        built.vit,
        (left) => buildModel(config, dataset, left).parameters,
        pruning.heads === 'importance' ? importanceStep(built.vit) : null,
      ),
    selects,
    penalisedLayers: sparsity.lambda > 0 && model.kind === 'vit' ? model.layers : 0,
    watch: sparse && model.kind === 'vit' ? watchSteps : null,
    score:
      (scored || hint) && sight
        ? {
            tokens: 0,
            specs: { state: {}, inputs: imageInput(dataset, batch) },
            step: (_, inputs) => ({
              outputs: {
                scores: scorePatches(
                  pixelPatches(inputs.images as Tensor4D, sight.image, sight.patch),
                  scoring,
                ),
              },
            }),
          }
        : null,
    select: learned ? selectLearnedStep() : selects ? selectStep() : null,
    picture: pictureSteps,
    train: trainSteps,
    evaluate: evaluateSteps,
  });
}

/** A number for every parameter: 0 where a weight was pruned, and then for good. */
const maskOf = (parameters: readonly Parameter[]): Parameter => ({
  name: maskName,
  shape: [parameterCount(parameters)],
  init: { kind: 'constant', value: 1 },
  decay: false,
});
