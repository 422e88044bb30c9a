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
import { selectionProbability } from '../../selection-schedule.ts';
import type { TrainingPhase } from '../../stage-epochs.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import { trainFactor } from './cost.ts';
import { modelCost, seesPatches } from './model-cost.ts';
import { stageCosts } from './stage-cost.ts';

export function forecast(config: ExperimentConfig): Forecast {
  const { model, selection, train } = config;
  const { train: images, classes } = describeDataset(config.dataset);

  const cost = modelCost(config, classes);
  const patches = seesPatches(model) ? patchCount(model) : null;
  const kept =
    seesPatches(model) && selection.mode !== 'off' ? keptPatches({ model, selection }) : patches;
  // masked patches are blank, but they are computed all the same (method B.7)
  const computed = selection.mode === 'drop' ? kept : patches;
  const macsFull = cost.macs(patches ?? 0);
  const macsKept = cost.macs(computed ?? 0);

  const share = selectedShare(config);
  const perImage = macsFull - share * (macsFull - macsKept);
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
    };
  });
  const sum = (of: (stage: (typeof stages)[number]) => number): number =>
    stages.reduce((total, stage) => total + of(stage), 0);
  const batch = Math.min(train.batch, images);
  const trainMacs = sum(({ macs }) => macs);

  return {
    parameters: cost.parameters,
    macsFull,
    macsKept,
    patches,
    kept,
    tokensFull: patches === null ? null : patches + 1,
    tokensKept: computed === null ? null : computed + 1,
    stepsPerEpoch: stages.at(-1)!.stepsPerEpoch,
    steps: sum(({ steps }) => steps),
    trainMacs,
    trainRatio: trainMacs / sum(({ plain }) => plain),
    memoryBytes: cost.memoryBytes(batch, (share < 1 ? patches : computed) ?? 0),
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

/** The expected share of all batches that are reduced to their kept patches. */
export function selectedShare({ selection, train }: ExperimentConfig): number {
  if (selection.mode === 'off') return 0;
  let sum = 0;
  for (let epoch = 0; epoch < train.epochs; epoch++)
    sum += selectionProbability(selection, epoch, train.epochs);
  return sum / train.epochs;
}
