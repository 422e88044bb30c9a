/** One training step of any model with data to feed it, for tests and benches. */
import {
  parseExperimentConfig,
  type ExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/experiment-config.ts';
import type {
  HostArray,
  HostTensor,
  Specs,
  Step,
} from '../../../src-main/trainer/engine/engine.ts';
import { initialValues } from '../../../src-main/trainer/models/parameters.ts';
import { stepScalars } from '../../../src-main/trainer/optimiser.ts';
import type { Recipe } from '../../../src-main/trainer/recipes/recipe.ts';
import { supervised } from '../../../src-main/trainer/recipes/supervised.ts';

export function configOf(input: ExperimentConfigInput): ExperimentConfig {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

export const classNames = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `class ${i}`);

export interface ModelStep {
  recipe: Recipe;
  step: Step;
  specs: { state: Specs; inputs: Specs };
  state(): Record<string, HostTensor>;
  /** @param t 1-based step, for Adam's bias correction */
  feeds(t: number): Record<string, HostArray>;
}

/** @param options.size side of the stored images; the model's own side where left out */
export function modelStep(
  model: NonNullable<ExperimentConfigInput['model']>,
  { batch, classes = 10, size }: { batch: number; classes?: number; size?: number },
): ModelStep {
  const config = configOf({ model });
  const { optimizer, weightDecay, lr } = config.train;
  const recipe = supervised(
    config,
    {
      channels: 3,
      size: size ?? config.model.image,
      classes: classNames(classes),
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    },
    batch,
  );
  const { step, specs } = recipe.train({ epoch: 0, selects: false });
  const zeros = (): HostTensor => ({
    shape: [recipe.layout.size],
    data: new Float32Array(recipe.layout.size),
  });
  return {
    recipe,
    step,
    specs,
    state: () => ({
      parameters: { shape: [recipe.layout.size], data: initialValues(recipe.parameters, 1) },
      moment1: zeros(),
      moment2: zeros(),
      ...(recipe.buffers.length > 0 && {
        buffers: {
          shape: [recipe.bufferLayout.size],
          data: initialValues(recipe.buffers, 1),
        },
      }),
    }),
    feeds: (t) => {
      const scalars: Record<string, number> = {
        ...stepScalars({ optimizer, weightDecay }, lr, t),
      };
      return Object.fromEntries(
        Object.entries(specs.inputs).map(([name, { shape, dtype }]) => {
          const scalar = scalars[name];
          if (scalar !== undefined) return [name, Float32Array.of(scalar)];
          const length = shape.reduce((a, b) => a * b, 1);
          if (name === 'labels') return [name, Int32Array.from({ length }, (_, i) => i % classes)];
          // bytes of pixels or of dropout; features are standardised
          return dtype === 'uint8'
            ? [name, Uint8Array.from({ length }, (_, i) => (i * 7919) % 251)]
            : [name, Float32Array.from({ length }, (_, i) => 2 * Math.sin(i * 12.9898))];
        }),
      );
    },
  };
}
