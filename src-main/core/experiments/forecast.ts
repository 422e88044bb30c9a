/**
 * What a config will cost, told before it runs and without opening the data (contract `Forecast`).
 */
import { keptPatches, patchCount, type ExperimentConfig, type Forecast } from '../../contract.ts';
import { selectionProbability } from '../../selection-schedule.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import { trainFactor } from './cost.ts';
import { modelCost, seesPatches } from './model-cost.ts';

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

  const batch = Math.min(train.batch, images);
  const stepsPerEpoch = Math.floor(images / batch);
  const steps = stepsPerEpoch * train.epochs;
  const share = selectedShare(config);
  const perImage = macsFull - share * (macsFull - macsKept);

  return {
    parameters: cost.parameters,
    macsFull,
    macsKept,
    patches,
    kept,
    tokensFull: patches === null ? null : patches + 1,
    tokensKept: computed === null ? null : computed + 1,
    stepsPerEpoch,
    steps,
    trainMacs: trainFactor * perImage * batch * steps,
    trainRatio: perImage / macsFull,
    memoryBytes: cost.memoryBytes(batch, (share < 1 ? patches : computed) ?? 0),
  };
}

/** The expected share of all batches that are reduced to their kept patches. */
export function selectedShare({ selection, train }: ExperimentConfig): number {
  if (selection.mode === 'off') return 0;
  let sum = 0;
  for (let epoch = 0; epoch < train.epochs; epoch++)
    sum += selectionProbability(selection, epoch, train.epochs);
  return sum / train.epochs;
}
