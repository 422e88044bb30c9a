/**
 * What the stages of a run compute, by formula (method G): multiply-accumulates of a training step per
 * image, and of what is computed once. A stage's own backward pass costs two forward passes of what it
 * trains; nothing flows back into what is frozen.
 */
import { patchCount, type ExperimentConfig, type VitModel } from '../../contract.ts';
import { augments } from '../../experiment-config/augment.ts';
import { stageEpochs, type StageEpochs } from '../../experiment-config/stage-epochs.ts';
import {
  decoderShape,
  embeddingWidth,
  maskedPatches,
  teacherConfig,
} from '../../trainer/recipes/stage-models.ts';
import { blockMacs, layerMacs, trainFactor } from './cost.ts';
import { hiddenHead, modelCost } from './model-cost.ts';
import { detectionMacs } from '../../trainer/models/detection-head.ts';

export interface StageCost extends StageEpochs {
  /** Of one image in one training step, forward and backward. */
  perImage: number;
  /** Of one training image and one validation image, once in the whole run. */
  onceTrain: number;
  onceValidation: number;
}

/** @param supervised MACs of one image forward in supervised training, its schedules averaged. */
export function stageCosts(
  config: ExperimentConfig,
  classes: number,
  supervised: number,
): StageCost[] {
  return stageEpochs(config).map((stage) => ({
    ...stage,
    onceTrain: 0,
    onceValidation: 0,
    ...costOf(stage.phase, config, classes, supervised),
  }));
}

const channels = 3;

function costOf(
  phase: StageEpochs['phase'],
  config: ExperimentConfig,
  classes: number,
  supervised: number,
): Partial<StageCost> & Pick<StageCost, 'perImage'> {
  const { train } = config;
  if (phase === 'train') {
    const perImage = trainFactor * supervised;
    return train.recipe === 'distil' ? withTeacher(config, classes, perImage) : { perImage };
  }
  if (phase === 'teacher') return { perImage: trainFactor * teacherMacs(config, classes) };
  const { model } = config;
  if (model.kind !== 'vit') throw new Error(`${model.kind} has no stage ${phase}`);
  const full = encoderMacs(config, model, classes, patchCount(model));
  switch (phase) {
    case 'pretrain':
      return { perImage: trainFactor * maskedMacs(config, model, classes) };
    case 'contrastive': {
      const { dim } = model;
      // every embedding is compared with all others of the batch
      const head = dim * dim + dim * embeddingWidth + embeddingWidth * train.batch;
      return { perImage: trainFactor * (full + head) };
    }
    case 'finetune':
      return fineTuneCost(config, model, classes, full);
  }
}

/** A teacher looks at every image once, or in every step where images change. */
function withTeacher(
  config: ExperimentConfig,
  classes: number,
  perImage: number,
): Partial<StageCost> & Pick<StageCost, 'perImage'> {
  // how large a teacher from an earlier run is, only its file says: it is left out, and check warns of it
  const teacher = config.distil.checkpoint === null ? teacherMacs(config, classes) : 0;
  return augments(config.augment)
    ? { perImage: perImage + teacher }
    : { perImage, onceTrain: teacher };
}

const teacherMacs = (config: ExperimentConfig, classes: number): number => {
  const teacher = teacherConfig(config);
  const patches = teacher.model.kind === 'vit' ? patchCount(teacher.model) : 0;
  return modelCost(teacher, classes).macs(patches);
};

/** The encoder on so many patches, without its head. */
function encoderMacs(
  config: ExperimentConfig,
  model: VitModel,
  classes: number,
  patches: number,
): number {
  const classifying = { ...config, train: { ...config.train, task: 'classify' as const } };
  return modelCost(classifying, classes).macs(patches) - classifierMacs(config, model, classes);
}

const classifierMacs = (config: ExperimentConfig, { dim }: VitModel, classes: number): number =>
  dim * classes + hiddenHead(config, dim).macs;

function maskedMacs(config: ExperimentConfig, model: VitModel, classes: number): number {
  const { method, ratio, decoderLayers } = config.pretrain;
  const patches = patchCount(model);
  const pixels = channels * model.patch ** 2;
  if (method === 'simmim')
    return encoderMacs(config, model, classes, patches) + patches * model.dim * pixels;
  const visible = patches - maskedPatches(ratio, patches);
  const decoder = decoderShape(
    { model, attention: config.attention, channels, classes },
    decoderLayers,
  );
  const { dim } = decoder.model;
  return (
    encoderMacs(config, model, classes, visible) +
    (visible + 1) * model.dim * dim +
    patches * visible * dim + // visible tokens to their places
    decoderLayers * layerMacs(decoder.model, patches + 1) +
    patches * dim * pixels
  );
}

function fineTuneCost(
  config: ExperimentConfig,
  model: VitModel,
  classes: number,
  full: number,
): Partial<StageCost> & Pick<StageCost, 'perImage'> {
  const { unfreezeLast } = config.finetune;
  const detects = config.train.task === 'detect';
  const head =
    classifierMacs(config, model, classes) +
    (detects ? detectionMacs(model.dim, patchCount(model)) : 0);
  const blocks = blockMacs(model, patchCount(model) + 1, config.attention, config.routing);
  const trained = blocks.slice(model.layers - unfreezeLast).reduce((sum, macs) => sum + macs, head);
  // a head that finds boxes sees all tokens, which are not kept
  if (unfreezeLast > 0 || detects) return { perImage: full + head + (trainFactor - 1) * trained };
  return augments(config.augment)
    ? { perImage: full + trainFactor * head, onceValidation: full }
    : { perImage: trainFactor * head, onceTrain: full, onceValidation: full };
}
