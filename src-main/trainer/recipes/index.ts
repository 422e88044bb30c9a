/** The stages of a run by the recipe its config names (method G.0). */
import {
  parseExperimentConfig,
  type DatasetConfig,
  type ExperimentConfig,
} from '../../experiment-config.ts';
import type { TaughtBy } from '../checkpoint.ts';
import { stageEpochs } from '../../experiment-config/stage-epochs.ts';
import { classBalancedOrder, contrastive } from './contrastive.ts';
import { distilled } from './distil.ts';
import { fineTune } from './fine-tune.ts';
import { masked } from './masked.ts';
import type { Stage } from './recipe.ts';
import { teacherConfig } from './stage-models.ts';
import { supervised } from './supervised.ts';

export type * from './recipe.ts';

/**
 * In their order; the last one leaves the model that is tested.
 * @param taughtBy the model of an earlier run that teaches, where the recipe names its checkpoint.
 */
export function stagesOf(config: ExperimentConfig, taughtBy: TaughtBy | null = null): Stage[] {
  let next = 0;
  return stageEpochs(config).map(({ phase, epochs }) => {
    const first = next;
    next += epochs;
    return {
      first,
      end: next,
      dataset: config.dataset,
      train: config.train,
      phase,
      ...stageOf(phase, config, taughtBy),
    };
  });
}

type Particulars = Pick<Stage, 'build' | 'order'> & Partial<Pick<Stage, 'dataset' | 'train'>>;

function stageOf(
  phase: Stage['phase'],
  config: ExperimentConfig,
  taughtBy: TaughtBy | null,
): Particulars {
  const { train, pretrain, finetune } = config;
  switch (phase) {
    case 'train': {
      if (train.recipe !== 'distil')
        return {
          build: (dataset, batch, structure) => supervised(config, dataset, batch, structure),
        };
      const teacher = taughtBy ?? { config: teacherConfig(config) };
      return {
        build: (dataset, batch, structure) => distilled(config, teacher, dataset, batch, structure),
      };
    }
    case 'teacher': {
      const teacher = teacherConfig(config);
      return { build: (dataset, batch) => supervised(teacher, dataset, batch) };
    }
    case 'pretrain':
      return {
        dataset: pretrain.images === 'same' ? config.dataset : standardDataset(pretrain.images),
        ...at(config, pretrain.lr, masked),
      };
    case 'contrastive':
      return {
        build: (dataset, batch) => contrastive(config, dataset, batch),
        order: ({ labels }, epoch, batch) =>
          classBalancedOrder(labels, {
            batch,
            classes: config.contrastive.classes,
            seed: train.seed,
            epoch,
          }),
      };
    case 'finetune':
      return at(config, finetune.lr, fineTune);
  }
}

/** A stage with a learning rate of its own; null: that of the run. */
function at(
  config: ExperimentConfig,
  lr: number | null,
  build: (
    config: ExperimentConfig,
    ...of: Parameters<Stage['build']>
  ) => ReturnType<Stage['build']>,
): Required<Pick<Stage, 'train' | 'build'>> {
  const train =
    lr === null ? config.train : { ...config.train, lr, minLr: Math.min(lr, config.train.minLr) };
  return { train, build: (dataset, batch) => build({ ...config, train }, dataset, batch) };
}

/** A dataset at its defaults. */
function standardDataset(
  kind: Exclude<ExperimentConfig['pretrain']['images'], 'same'>,
): DatasetConfig {
  const parsed = parseExperimentConfig({ dataset: { kind } });
  if (!parsed.ok) throw new Error(parsed.issues[0]?.message);
  return parsed.config.dataset;
}
