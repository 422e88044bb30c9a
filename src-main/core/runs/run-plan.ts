/**
 * What a training has before it, by its config: the steps of every stage and what each costs beside the
 * others, and when it validates and saves. By formula, as in the forecast; the time of it is not known here.
 */
import type { ExperimentConfig } from '../../contract.ts';
import type { TrainingPhase } from '../../experiment-config/stage-epochs.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import { trainFactor } from '../experiments/cost.ts';
import { datasetOf, epochCosts } from '../experiments/forecast.ts';
import type { MeasuredCost } from '../experiments/run-cost.ts';
import { stageCosts } from '../experiments/stage-cost.ts';

export interface StagePlan {
  phase: TrainingPhase;
  /** Its epochs, from 1 over the whole run. */
  first: number;
  last: number;
  stepsPerEpoch: number;
  /** Cost of a step, multiply-accumulates, epoch by epoch; the last stands for those beyond. */
  units: number[];
  /** Cost of what is computed once before it. */
  onceUnits: number;
  /** Mean time of its first steps in a rehearsal; null: not rehearsed. */
  stepSeconds: number | null;
}

export interface RunPlan {
  /** As far as it goes: one that pauses ends there, and has no test. */
  stages: StagePlan[];
  /** Of the whole run, and which share of them is done where it pauses; 1: it comes to its end. */
  steps: number;
  share: number;
  batch: number;
  validationImages: number;
  testImages: number;
  /** Of one validation, in a rehearsal; null: not rehearsed. */
  validationSeconds: number | null;
  /** The epochs after which it validates, and after which it saves at least. */
  validations: number[];
  checkpoints: number[];
}

/** @param until the epoch after which it pauses, from 1 over the whole run; null: it comes to its end */
export function planOf(
  config: ExperimentConfig,
  measured: MeasuredCost | null,
  until: number | null = null,
): RunPlan {
  const { train, dataset } = config;
  const { train: images, validation, test, classes } = describeDataset(dataset);
  const supervised = epochCosts(config, classes).map(
    ({ share, full, reduced }) => full - share * (full - reduced),
  );
  const mean = supervised.reduce((sum, macs) => sum + macs, 0) / supervised.length;
  let first = 1;
  const whole = stageCosts(config, classes, mean).map((stage, index): StagePlan => {
    const own = describeDataset(datasetOf(config, stage.phase));
    const batch = Math.min(train.batch, own.train);
    const steps = measured?.stages[index]?.steps ?? [];
    const plan: StagePlan = {
      phase: stage.phase,
      first,
      last: first + stage.epochs - 1,
      stepsPerEpoch: Math.floor(own.train / batch),
      units:
        stage.phase === 'train'
          ? supervised.map((macs) => batch * (stage.perImage + trainFactor * (macs - mean)))
          : [batch * stage.perImage],
      onceUnits: stage.onceTrain * own.train + stage.onceValidation * own.validation,
      stepSeconds:
        steps.length === 0
          ? null
          : steps.reduce((sum, { ms }) => sum + ms, 0) / steps.length / 1000,
    };
    first = plan.last + 1;
    return plan;
  });
  const stages = until === null ? whole : upTo(whole, until);
  const final = stages.at(-1)!;
  const steps = sumOfSteps(whole);
  const evaluation = measured?.evaluation;
  return {
    stages,
    steps,
    share: sumOfSteps(stages) / steps,
    batch: Math.min(train.batch, images),
    validationImages: validation,
    testImages: final.last < whole.at(-1)!.last ? 0 : test,
    validationSeconds: evaluation
      ? Math.ceil(validation / evaluation.batch) * evaluation.batchSeconds
      : null,
    validations: final.phase === whole.at(-1)!.phase ? every([train.evalEvery], final) : [],
    checkpoints: stages.flatMap((stage) =>
      every([train.checkpointEvery, train.keepCheckpoints || Infinity], stage),
    ),
  };
}

const upTo = (stages: readonly StagePlan[], until: number): StagePlan[] =>
  stages
    .filter(({ first }) => first <= until)
    .map((stage) => ({ ...stage, last: Math.min(stage.last, until) }));

export const stepsOf = ({ stepsPerEpoch, first, last }: StagePlan): number =>
  stepsPerEpoch * (last - first + 1);
const sumOfSteps = (stages: readonly StagePlan[]): number =>
  stages.reduce((sum, stage) => sum + stepsOf(stage), 0);

/** Epochs of a stage that are a multiple of one of these steps, and its last. */
function every(steps: readonly number[], { first, last }: StagePlan): number[] {
  const all = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return all.filter((epoch) => epoch === last || steps.some((step) => epoch % step === 0));
}
