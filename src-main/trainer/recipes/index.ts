/** The stages of a run by the recipe its config names. */
import type { ExperimentConfig } from '../../experiment-config.ts';
import { wholeRun, type Stage } from './recipe.ts';
import { supervised } from './supervised.ts';

export type * from './recipe.ts';

/** In their order; the last one leaves the model that is tested. */
export function stagesOf(config: ExperimentConfig): [Stage, ...Stage[]] {
  switch (config.train.recipe) {
    case 'scratch':
      return [
        {
          ...wholeRun(config),
          phase: 'train',
          build: (dataset, batch, structure) => supervised(config, dataset, batch, structure),
        },
      ];
  }
}
