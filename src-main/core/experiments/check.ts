/**
 * Looks at a config before it runs: is it valid, what will it cost, and what in it will surprise.
 * Warnings stop nothing; they say what the numbers will not show by themselves. What cannot fit into
 * memory is refused.
 */
import { existsSync } from 'node:fs';
import {
  AppError,
  parseExperimentConfig,
  type CallOutput,
  type ExperimentConfig,
  type Forecast,
} from '../../contract.ts';
import { headsRemoved, neuronsLeft } from '../../experiment-config/pruning-schedule.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import { findRegion } from '../energy/regions.ts';
import { forecast, selectedShare, supervisedEpochs } from './forecast.ts';
import { gigabytes, mainMemory, memoryRefusal, type Memory } from './memory.ts';

/**
 * Never throws on a bad config: it says what is wrong with it.
 * @param memoryOf the memory that a config's engine computes in
 */
export function checkExperiment(
  input: unknown,
  memoryOf: (config: ExperimentConfig) => Memory = mainMemory,
): CallOutput<'experiments.check'> {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) return parsed;
  const { config } = parsed;
  try {
    const cost = forecast(config);
    const memory = memoryOf(config);
    return {
      ok: true,
      config,
      forecast: cost,
      warnings: warningsOf(config, cost, memory),
      refusal: memoryRefusal(config, cost, memory),
    };
  } catch (cause) {
    // a folder of images has no sizes unless it is there
    if (!(cause instanceof AppError && cause.code === 'DATASET')) throw cause;
    const message = [cause.message, cause.hint].filter((part) => part !== null).join(' ');
    return { ok: false, issues: [{ path: 'dataset.path', message }] };
  }
}

/** One sentence each, the gravest first. */
export function warningsOf(
  config: ExperimentConfig,
  cost: Forecast,
  memory: Memory = mainMemory(),
): string[] {
  const { model, selection, sparsity, pruning, train, energy } = config;
  const data = describeDataset(config.dataset);
  const selects = selection.mode !== 'off';
  const vit = model.kind === 'vit' ? model : null;
  const inner = vit ? vit.heads * vit.dimHead : 0;
  const { patches, kept } = cost;
  const reduces = patches !== null && kept !== null && kept < patches;
  const share = selectedShare(config);
  const epochs = supervisedEpochs(config);
  const steps = epochs * Math.floor(data.train / Math.min(train.batch, data.train));
  const hidden = vit ? Math.max(1, Math.round(vit.dim * vit.mlpRatio)) : 0;

  const path = 'path' in config.dataset ? config.dataset.path : null;
  const teacher = config.train.recipe === 'distil' ? config.distil.checkpoint : null;
  const all: (string | false | null)[] = [
    teacher !== null &&
      (existsSync(teacher)
        ? 'The teacher’s pass over the images is not in the forecast: only its file says how large it is.'
        : `There is no checkpoint ${teacher} on this machine: the run would fail at once.`),
    path !== null &&
      path !== '' &&
      !path.startsWith('~') &&
      !existsSync(path) &&
      `There is no folder or archive ${path} on this machine: the run would fail at once.`,
    // more than all of it is refused
    cost.memoryBytes > memory.bytes * doubtful &&
      cost.memoryBytes <= memory.bytes &&
      `One training step takes about ${gigabytes(cost.memoryBytes)} of the ${gigabytes(memory.bytes)} of ${memory.name}; the model of it is right within a factor of two, so it may not fit.`,
    train.batch > data.train &&
      `A batch of ${train.batch} is larger than the training set: each epoch is one step of ${data.train} images.`,
    data.train < data.classes &&
      `${data.train} training images cannot show all ${data.classes} classes.`,
    config.augment.crop > data.size / 4 &&
      `Shifted by up to ${config.augment.crop} px, images of ${data.size} px may be black for the most part. An eighth of the side is usual.`,
    config.dataset.kind === 'mnist' &&
      config.augment.flip &&
      'Mirrored digits are no digits: without mirroring, F1 on MNIST is higher.',
    config.augment.randAugment > 0 &&
      config.augment.magnitude > 20 &&
      `RandAugment at magnitude ${config.augment.magnitude} of 30 turns images by ${config.augment.magnitude} degrees and moves them by ${Math.round((config.augment.magnitude / 30) * 45)} % of their side: small images may lose their object.`,
    (config.augment.mixup > 0 || config.augment.cutmix > 0) &&
      Math.min(train.batch, data.train) < 2 &&
      'A batch of one image has no second one to mix with: mixup and CutMix do nothing.',
    selects && !reduces && `All ${patches} patches are kept: patch selection does nothing.`,
    config.routing.kind !== 'none' &&
      cost.macsKept >= forecast({ ...config, routing: { kind: 'none' } }).macsKept &&
      `Selective activation by ${config.routing.kind}, as set, takes no operation away: with so few blocks, tokens or epochs it costs as much as none.`,
    selection.mode === 'mask' &&
      reduces &&
      'Masked patches are blank but still computed: masking saves no operations. Choose drop to save energy.',
    selects &&
      share === 0 &&
      `With ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}, this schedule never selects patches: every batch is full.`,
    selection.mode === 'drop' &&
      reduces &&
      share === 1 &&
      selection.heuristic !== 'random' &&
      selection.evalSelect === 'full' &&
      'Trained on kept patches only, evaluated on full images: F1 suffers from the difference. Let the schedule anneal, or evaluate on the best patches.',
    selection.evalSelect === 'authors-bug' &&
      selects &&
      'Evaluation images are filtered as in training, as in the authors’ notebooks: F1 is not comparable to that of full images.',
    selects &&
      selection.heuristic === 'entropy' &&
      vit &&
      selection.entropyBins > vit.patch ** 2 &&
      `A patch of ${vit.patch ** 2} pixels cannot fill ${selection.entropyBins} bins: nearly all patches score alike. Choose fewer bins.`,
    pruning.heads === 'l0' &&
      'Which gates close shows in the run: the forecast counts all heads to the end.',
    pruning.magnitude > 0 &&
      'Single weights set to 0 are multiplied like any others: magnitude pruning saves no energy on dense kernels.',
    vit &&
      pruning.heads === 'importance' &&
      headsRemoved(pruning, vit, epochs - 1, epochs) === 0 &&
      (vit.heads === 1
        ? 'Pruning removes no head: every layer keeps one at least, and has no other.'
        : `Pruning removes no head: a share of ${pruning.headShare} of ${vit.layers * vit.heads} heads is less than one.`),
    vit &&
      pruning.neurons > 0 &&
      neuronsLeft(pruning, hidden, epochs - 1, epochs) === hidden &&
      (hidden === 1
        ? 'Pruning removes no neuron: every layer keeps one at least, and has no other.'
        : `Pruning removes no neuron: a share of ${pruning.neurons} of the ${hidden} of a layer is less than one.`),
    sparsity.lambda > 0 &&
      sparsity.every > steps &&
      `Attention is never made sparse: the penalty comes every ${sparsity.every} steps, and training has ${steps}.`,
    sparsity.lambda > 0 &&
      config.routing.kind !== 'prune' &&
      'Sparse attention saves nothing by itself: the penalty costs operations, and pays where tokens are pruned (selective activation).',
    model.image > data.size &&
      `Images of ${data.size} px are enlarged to ${model.image} px: ${Math.round((model.image / data.size) ** 2)} times the pixels, no new information.`,
    model.image < data.size &&
      `Images of ${data.size} px are reduced to ${model.image} px: detail is lost.`,
    model.kind === 'imagesig' &&
      data.train * model.image * (model.columns ? 2 : 1) * signatureBytes > memory.bytes / 4 &&
      `The signatures of all images take about ${gigabytes(data.train * model.image * (model.columns ? 2 : 1) * signatureBytes)} of memory, kept for the whole run.`,
    vit &&
      inner >= 4 * vit.dim &&
      `${vit.heads} heads of ${vit.dimHead} are ${Math.round(inner / vit.dim)} times as wide as the embedding: attention takes nearly all operations.`,
    findRegion(energy.region === 'custom' ? null : energy.region).warning,
  ];
  return all.filter((warning) => typeof warning === 'string');
}

/** Of one row: 120 floats. */
const signatureBytes = 480;
/** Share of the memory above which a modelled need is said to be close. */
const doubtful = 0.6;
