/** How a stage gets at what its model computes from a batch instead of training it. */
import type { ExperimentConfig } from '../../experiment-config.ts';
import type { ModelCalibration } from '../models/calibration.ts';
import type { Model } from '../models/registry.ts';
import { imageInput, modelInput } from './model-input.ts';
import type { DatasetShape, StateLayout, StepDefinition } from './recipe.ts';

export interface Calibration extends Omit<ModelCalibration, 'observe'> {
  /** Images to what every part looks at, all patches at hand; an output per part. */
  definition: StepDefinition;
}

/** Null for a model without. @param state where the model's tensors are, by their own names. */
export function calibrationOf(
  config: ExperimentConfig,
  dataset: DatasetShape,
  batch: number,
  { calibration, sees }: Model,
  state: StateLayout,
): Calibration | null {
  if (!calibration) return null;
  const { observe, ...rest } = calibration;
  return {
    ...rest,
    definition: {
      tokens: null,
      specs: { state: state.evaluation, inputs: imageInput(dataset, batch) },
      step: (tensors, inputs) => {
        const input = modelInput(config, dataset, sees, inputs);
        if (input.kind !== 'patches') throw new Error(`nothing is learned from ${input.kind}`);
        return { outputs: observe(state.parameters(tensors), input) };
      },
    },
  };
}
