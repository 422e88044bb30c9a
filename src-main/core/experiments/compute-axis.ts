/**
 * Multiply-accumulates that a training has done after each of its steps: the axis on which methods are set
 * against each other by what they compute, whatever machine they ran on.
 *
 * MACs of a step follow from the config by the forecast's formulas (forward and backward, evaluation left out).
 * Schedules are gone along epoch by epoch, and where patches are dropped at random the steps that really
 * were reduced are counted; within an epoch they count alike.
 */
import type { ExperimentConfig, Series, XAxis } from '../../contract.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import type { Store } from '../store/store.ts';
import type { EpochTally } from '../store/step-tally.ts';
import { datasetOf, epochCosts, forecast } from './forecast.ts';
import { stageCosts, type StageCost } from './stage-cost.ts';

/** Steps that cost the same. */
interface Stretch {
  steps: number;
  macsPerStep: number;
  /** Computed once, before its first step. */
  once: number;
}

interface Stage {
  cost: StageCost;
  batch: number;
  stepsPerEpoch: number;
  once: number;
}

function stagesOf(config: ExperimentConfig, classes: number): Stage[] {
  // of the last stage only what is computed once is taken: its steps follow epoch by epoch
  return stageCosts(config, classes, 0).map((cost) => {
    const { train: images, validation } = describeDataset(datasetOf(config, cost.phase));
    const batch = Math.min(config.train.batch, images);
    return {
      cost,
      batch,
      stepsPerEpoch: Math.floor(images / batch),
      once: cost.onceTrain * images + cost.onceValidation * validation,
    };
  });
}

/** What is to be counted in the steps of a run: those of its last stage that saw the kept patches only. */
export function tallyOf(config: ExperimentConfig) {
  const stages = stagesOf(config, describeDataset(config.dataset).classes);
  const after = stages
    .slice(0, -1)
    .reduce((sum, { cost, stepsPerEpoch }) => sum + cost.epochs * stepsPerEpoch, 0);
  return {
    after,
    perEpoch: stages.at(-1)!.stepsPerEpoch,
    tokens: forecast(config).tokensKept ?? 0,
  };
}

/**
 * MACs after a step, 1-based.
 * @param tally of the epochs of the last stage so far; an epoch that is not in it costs what its schedule
 *   lets expect
 */
export function macsAfter(
  config: ExperimentConfig,
  tally: readonly EpochTally[],
): (step: number) => number {
  const { classes } = describeDataset(config.dataset);
  const stages = stagesOf(config, classes);
  const counted = new Map(tally.map((one) => [one.epoch, one]));
  const last = stages.at(-1)!;
  const perImage = (supervised: number) => stageCosts(config, classes, supervised).at(-1)!.perImage;
  const stretches: Stretch[] = [
    ...stages.slice(0, -1).map(({ cost, batch, stepsPerEpoch, once }): Stretch => ({
      steps: cost.epochs * stepsPerEpoch,
      macsPerStep: batch * cost.perImage,
      once,
    })),
    ...epochCosts(config, classes).map(({ share, full, reduced }, epoch): Stretch => {
      const seen = config.selection.mode === 'drop' ? counted.get(epoch) : undefined;
      const kept = seen ? seen.reduced / seen.steps : share;
      return {
        steps: last.stepsPerEpoch,
        macsPerStep: last.batch * perImage(full - kept * (full - reduced)),
        once: epoch === 0 ? last.once : 0,
      };
    }),
  ];
  return (step) => {
    let [left, sum] = [step, 0];
    for (const { steps, macsPerStep, once } of stretches) {
      if (left <= 0) break;
      sum += once + Math.min(left, steps) * macsPerStep;
      left -= steps;
    }
    return sum;
  };
}

/** Curves of a run over any axis of the contract. Over MACs nothing lies of a run whose config is not known. */
export async function seriesOver(
  store: Pick<Store, 'series' | 'runConfig' | 'stepTally'>,
  { id, names, x, width }: { id: number; names: string[]; x: XAxis; width: number },
): Promise<Series[]> {
  if (x !== 'macs') return store.series(id, names, x, width);
  const config = await store.runConfig(id);
  if (!config) return names.map((name) => ({ name, x: [], y: [] }));
  const [curves, tally] = await Promise.all([
    store.series(id, names, 'step', width),
    store.stepTally(id, tallyOf(config)),
  ]);
  const macs = macsAfter(config, tally);
  return curves.map(({ name, x, y, mean }) => ({
    name,
    x: x.map(macs),
    y,
    ...(mean && { mean: { x: mean.x.map(macs), y: mean.y } }),
  }));
}
