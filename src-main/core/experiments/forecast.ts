/**
 * What a config will cost, told before it runs and without opening the data (contract `Forecast`).
 */
import { keptPatches, patchCount, type ExperimentConfig, type Forecast } from '../../contract.ts';
import { selectionProbability } from '../../selection-schedule.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import { forwardMacs, parameterCount, stepMemoryBytes, trainFactor } from './cost.ts';

export function forecast(config: ExperimentConfig): Forecast {
  const { model, selection, train } = config;
  const { train: images, classes } = describeDataset(config.dataset);

  const patches = patchCount(model);
  const kept = selection.mode === 'off' ? patches : keptPatches(config);
  // masked patches are blank, but they are computed all the same (method B.7)
  const computed = selection.mode === 'drop' ? kept : patches;
  const macsFull = forwardMacs(model, classes, patches);
  const macsKept = forwardMacs(model, classes, computed);

  const batch = Math.min(train.batch, images);
  const stepsPerEpoch = Math.floor(images / batch);
  const steps = stepsPerEpoch * train.epochs;
  const share = selectedShare(config);
  const perImage = macsFull - share * (macsFull - macsKept);

  return {
    parameters: parameterCount(model, classes),
    macsFull,
    macsKept,
    patches,
    kept,
    tokensFull: patches + 1,
    tokensKept: computed + 1,
    stepsPerEpoch,
    steps,
    trainMacs: trainFactor * perImage * batch * steps,
    trainRatio: perImage / macsFull,
    memoryBytes: stepMemoryBytes(model, classes, batch, share < 1 ? patches : computed),
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
