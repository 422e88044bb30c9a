/**
 * Memory of one step in each stage of a run, in bytes, modelled as in cost.ts: stages follow one another, so the
 * run needs what the largest of them needs.
 */
import { patchCount, type ExperimentConfig, type VitModel } from '../../contract.ts';
import type { TrainingPhase } from '../../experiment-config/stage-epochs.ts';
import { decoderShape, maskedPatches, teacherConfig } from '../../trainer/recipes/stage-models.ts';
import { forwardMemoryBytes, stepMemoryBytes } from './cost.ts';
import { detectionCost, modelCost, type ModelCost } from './model-cost.ts';

const bytesPerFloat = 4;
const channels = 3;

interface StepSize {
  classes: number;
  /** Images of a step. */
  batch: number;
}

export interface StageMemory extends StepSize {
  /** Of the largest step of supervised training, its schedules considered. */
  supervised: number;
}

export function stageMemoryBytes(
  phase: TrainingPhase,
  config: ExperimentConfig,
  { classes, batch, supervised }: StageMemory,
): number {
  if (phase === 'train') {
    if (config.train.recipe !== 'distil') return supervised;
    // the teacher's weights lie beside the student; its own pass is over before the student's step
    // (of a teacher from an earlier run only its file knows them)
    if (config.distil.checkpoint !== null) return supervised;
    return supervised + bytesPerFloat * modelCost(teacherConfig(config), classes).parameters;
  }
  if (phase === 'teacher') {
    const teacher = teacherConfig(config);
    const patches = teacher.model.kind === 'vit' ? patchCount(teacher.model) : 0;
    return modelCost(teacher, classes).memoryBytes(batch, patches);
  }
  const { model } = config;
  if (model.kind !== 'vit') throw new Error(`${model.kind} has no stage ${phase}`);
  const full = encoderOf(config, classes).memoryBytes(batch, patchCount(model));
  switch (phase) {
    case 'pretrain':
      return config.pretrain.method === 'mae' ? maeBytes(config, model, { classes, batch }) : full;
    case 'contrastive':
      return full;
    case 'finetune':
      return fineTuneBytes(config, model, { classes, batch });
  }
}

/** The encoder on what is visible, and the decoder on all patches. */
function maeBytes(config: ExperimentConfig, model: VitModel, { classes, batch }: StepSize): number {
  const { ratio, decoderLayers } = config.pretrain;
  const patches = patchCount(model);
  const visible = patches - maskedPatches(ratio, patches);
  const decoder = decoderShape(
    { model, attention: config.attention, channels, classes },
    decoderLayers,
  );
  return (
    encoderOf(config, classes).memoryBytes(batch, visible) +
    stepMemoryBytes(decoder.model, classes, batch, patches, decoder.attention)
  );
}

/** Nothing is kept of frozen blocks for a backward pass; of those that are trained, everything. */
function fineTuneBytes(
  config: ExperimentConfig,
  model: VitModel,
  { classes, batch }: StepSize,
): number {
  const { attention, routing, finetune, train } = config;
  const patches = patchCount(model);
  const boxes = train.task === 'detect' ? detectionCost(model).memoryBytes(batch, patches) : 0;
  const forward = forwardMemoryBytes(model, classes, batch, patches, attention, routing);
  const layers = finetune.unfreezeLast;
  if (layers === 0) return forward + boxes;
  // unfrozen blocks as a model of their own; with routing they may be smaller, never larger
  const trained = stepMemoryBytes({ ...model, layers }, classes, batch, patches, attention);
  const whole = encoderOf(config, classes).memoryBytes(batch, patches);
  return Math.min(forward + trained, whole) + boxes;
}

/** Without the head that finds boxes: it comes with fine-tuning. */
const encoderOf = (config: ExperimentConfig, classes: number): ModelCost =>
  modelCost({ ...config, train: { ...config.train, task: 'classify' } }, classes);
