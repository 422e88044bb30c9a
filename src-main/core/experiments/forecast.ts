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
import { prunedModel } from '../../experiment-config/pruning-schedule.ts';
import { selectionProbability } from '../../experiment-config/selection-schedule.ts';
import { stageEpochs, type TrainingPhase } from '../../experiment-config/stage-epochs.ts';
import { routingAt } from '../../experiment-config/token-routing.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import { trainFactor } from './cost.ts';
import { finalModel, modelCost, scorerMacs, seesPatches, type ModelCost } from './model-cost.ts';
import { stageCosts } from './stage-cost.ts';
import { stageMemoryBytes } from './stage-memory.ts';

export function forecast(config: ExperimentConfig): Forecast {
  const { train } = config;
  const { train: images, classes } = describeDataset(config.dataset);

  const { patches, kept, computed } = patchesOf(config);
  const last = modelCost(finalModel(config), classes);
  const macsFull = modelCost({ ...config, routing: { kind: 'none' } }, classes).macs(patches ?? 0);

  const batch = Math.min(train.batch, images);
  const epochs = epochCosts(config, classes);
  const perImage =
    epochs.reduce((sum, { share, full, reduced }) => sum + full - share * (full - reduced), 0) /
    epochs.length;
  const supervised = Math.max(
    ...epochs.map(({ share, model }) =>
      model.memoryBytes(batch, (share < 1 ? patches : computed) ?? 0),
    ),
  );
  const macsKept = last.macs(computed ?? 0) + scorerMacs(config);
  const testShare = selectedAtTest(config);
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
    macsKept,
    macsTest: last.macs(patches ?? 0) - testShare * (last.macs(patches ?? 0) - macsKept),
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

/** Patches of an image, those that are kept, and those that go through the encoder; null where a model sees none. */
function patchesOf({ model, selection }: ExperimentConfig): {
  patches: number | null;
  kept: number | null;
  computed: number | null;
} {
  if (!seesPatches(model)) return { patches: null, kept: null, computed: null };
  const patches = patchCount(model);
  const kept = selection.mode === 'off' ? patches : keptPatches({ model, selection });
  // masked patches are blank, but they are computed all the same (method B.7)
  return { patches, kept, computed: selection.mode === 'drop' ? kept : patches };
}

/** What an epoch of the stage that leaves the model costs. */
export interface EpochCost {
  /** Of its batches, in which only kept patches enter the encoder. */
  share: number;
  /** MACs of one image forward in training, of all its patches. */
  full: number;
  /** Of the kept ones; choosing them may cost some. */
  reduced: number;
  model: ModelCost;
}

/** The schedules of selection, routing and pruning, epoch by epoch. */
export function epochCosts(config: ExperimentConfig, classes: number): EpochCost[] {
  const { model } = config;
  const { patches, computed } = patchesOf(config);
  const epochs = supervisedEpochs(config);
  /** The model as the steps of an epoch have it: few different ones, however many epochs. */
  const costs = new Map<string, ModelCost>();
  const costAt = (epoch: number): ModelCost => {
    const pruned =
      model.kind === 'vit' ? prunedModel(model, config.pruning, epoch - 1, epochs) : model;
    const routing = routingAt(config, epoch);
    const key = JSON.stringify([routing, pruned]);
    const cost = costs.get(key) ?? modelCost({ ...config, model: pruned, routing }, classes);
    costs.set(key, cost);
    return cost;
  };
  return Array.from({ length: epochs }, (_, epoch) => {
    const own = costAt(epoch);
    const macs = (tokens: number): number => own.macs(tokens) + (own.auxiliaryMacs?.(tokens) ?? 0);
    return {
      share: selectedAt(config, epoch),
      full: macs(patches ?? 0),
      reduced: macs(computed ?? 0) + scorerMacs(config),
      model: own,
    };
  });
}

/** The images of a stage. */
export function datasetOf(
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
