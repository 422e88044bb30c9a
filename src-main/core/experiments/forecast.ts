/**
 * What a config will cost, told before it runs and without opening the data (contract `Forecast`).
 */
import {
  keptPatches,
  parseExperimentConfig,
  patchCount,
  type ExperimentConfig,
  type Forecast,
} from '../../contract.ts';
import { prunedModel } from '../../pruning-schedule.ts';
import { selectionProbability } from '../../selection-schedule.ts';
import { stageEpochs, type TrainingPhase } from '../../stage-epochs.ts';
import { routingAt } from '../../token-routing.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import { trainFactor } from './cost.ts';
import { finalModel, modelCost, scorerMacs, seesPatches, type ModelCost } from './model-cost.ts';
import { stageCosts } from './stage-cost.ts';
import { stageMemoryBytes } from './stage-memory.ts';

export function forecast(config: ExperimentConfig): Forecast {
  const { model, selection, train } = config;
  const { train: images, classes } = describeDataset(config.dataset);

  const patches = seesPatches(model) ? patchCount(model) : null;
  const kept =
    seesPatches(model) && selection.mode !== 'off' ? keptPatches({ model, selection }) : patches;
  // masked patches are blank, but they are computed all the same (method B.7)
  const computed = selection.mode === 'drop' ? kept : patches;

  const epochs = supervisedEpochs(config);
  const costs = new Map<string, ModelCost>();
  /** The model as the steps of an epoch have it: few different ones, however many epochs. */
  const costAt = (epoch: number, pruned = prunedAfter(epoch - 1)): ModelCost => {
    const routing = routingAt(config, epoch);
    const key = JSON.stringify([routing, pruned]);
    const cost = costs.get(key) ?? modelCost({ ...config, model: pruned, routing }, classes);
    costs.set(key, cost);
    return cost;
  };
  const prunedAfter = (epoch: number): ExperimentConfig['model'] =>
    model.kind === 'vit' ? prunedModel(model, config.pruning, epoch, epochs) : model;
  const last = modelCost(finalModel(config), classes);
  const macsFull = modelCost({ ...config, routing: { kind: 'none' } }, classes).macs(patches ?? 0);

  /** MACs of an image of which only kept patches enter the encoder; choosing them may cost some. */
  const reduced = (macs: ModelCost['macs']): number => macs(computed ?? 0) + scorerMacs(config);
  /** MACs of one image where a share of the batches is reduced to kept patches. */
  const mixed = (macs: ModelCost['macs'], share: number): number => {
    const full = macs(patches ?? 0);
    return full - share * (full - reduced(macs));
  };

  const batch = Math.min(train.batch, images);
  let perImage = 0;
  let supervised = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const cost = costAt(epoch);
    const share = selectedAt(config, epoch);
    perImage += mixed((n) => cost.macs(n) + (cost.auxiliaryMacs?.(n) ?? 0), share);
    supervised = Math.max(
      supervised,
      cost.memoryBytes(batch, (share < 1 ? patches : computed) ?? 0),
    );
  }
  perImage /= epochs;
  const stages = stageCosts(config, classes, perImage).map((stage) => {
    const { train: count, validation } = describeDataset(datasetOf(config, stage.phase));
    const batch = Math.min(train.batch, count);
    const stepsPerEpoch = Math.floor(count / batch);
    const steps = stage.epochs * stepsPerEpoch;
    const once = stage.onceTrain * count + stage.onceValidation * validation;
    return {
      stepsPerEpoch,
      steps,
      macs: steps * batch * stage.perImage + once,
      plain: steps * batch * trainFactor * macsFull,
      memoryBytes: stageMemoryBytes(stage.phase, config, { classes, batch, supervised }),
    };
  });
  const sum = (of: (stage: (typeof stages)[number]) => number): number =>
    stages.reduce((total, stage) => total + of(stage), 0);
  const trainMacs = sum(({ macs }) => macs);

  return {
    parameters: last.parameters,
    macsFull,
    macsKept: reduced(last.macs),
    macsTest: mixed(last.macs, selectedAtTest(config)),
    patches,
    kept,
    tokensFull: patches === null ? null : patches + 1,
    tokensKept: computed === null ? null : computed + 1,
    stepsPerEpoch: stages.at(-1)!.stepsPerEpoch,
    steps: sum(({ steps }) => steps),
    trainMacs,
    trainRatio: trainMacs / sum(({ plain }) => plain),
    memoryBytes: Math.max(...stages.map(({ memoryBytes }) => memoryBytes)),
  };
}

/** The images of a stage. */
function datasetOf(
  { dataset, pretrain }: ExperimentConfig,
  phase: TrainingPhase,
): ExperimentConfig['dataset'] {
  if (phase !== 'pretrain' || pretrain.images === 'same') return dataset;
  const parsed = parseExperimentConfig({ dataset: { kind: pretrain.images } });
  if (!parsed.ok) throw new Error(parsed.issues[0]?.message);
  return parsed.config.dataset;
}

/** Epochs of the stage that leaves the model; schedules run over them, and not over a teacher's. */
export const supervisedEpochs = (config: ExperimentConfig): number =>
  stageEpochs(config).at(-1)!.epochs;

/** The probability that a batch of an epoch is reduced to its kept patches. @param epoch of that stage */
const selectedAt = (config: ExperimentConfig, epoch: number): number =>
  config.selection.mode === 'off'
    ? 0
    : selectionProbability(config.selection, epoch, supervisedEpochs(config));

/** The same for batches of the test. */
function selectedAtTest(config: ExperimentConfig): number {
  const { mode, evalSelect } = config.selection;
  if (mode === 'off' || evalSelect === 'full') return 0;
  return evalSelect === 'topk' ? 1 : selectedAt(config, supervisedEpochs(config) - 1);
}

/** The expected share of that stage's batches that are reduced to their kept patches. */
export function selectedShare(config: ExperimentConfig): number {
  const epochs = supervisedEpochs(config);
  let sum = 0;
  for (let epoch = 0; epoch < epochs; epoch++) sum += selectedAt(config, epoch);
  return sum / epochs;
}
