/**
 * Distillation (Hinton et al. 2015, arXiv 1503.02531; method F.6): a student learns from a teacher's
 * logits as well as from the labels. The teacher is frozen; without augmentation its logits are computed
 * once per image.
 */
import type { ExperimentConfig } from '../../experiment-config.ts';
import { buildModel, type Model } from '../models/registry.ts';
import type { Parameter } from '../models/parameters.ts';
import type { VitStructure } from '../models/structure.ts';
import type { TaughtBy } from '../checkpoint.ts';
import { imageInput, modelInput } from './model-input.ts';
import { StateLayout, type DatasetShape, type Derived, type Recipe } from './recipe.ts';
import { supervised } from './supervised.ts';

/** Names of a teacher's tensors in the student's state. */
const prefix = 'teacher.';

/** What a teacher adds to a student's steps. */
export interface Teacher {
  /** All its tensors, under names of their own. */
  frozen: readonly Parameter[];
  logits: Derived;
  options: ExperimentConfig['distil'];
}

export function distilled(
  config: ExperimentConfig,
  taughtBy: TaughtBy,
  dataset: DatasetShape,
  batch: number,
  structure: VitStructure | null = null,
): Recipe {
  const teacher = teacherModel(taughtBy, dataset);
  const frozen = [...teacher.parameters, ...teacher.buffers].map((parameter) => ({
    ...parameter,
    name: prefix + parameter.name,
    ...(parameter.joint && { joint: prefix + parameter.joint }),
  }));
  const student = supervised(config, dataset, batch, structure, {
    frozen,
    logits: teacherLogits(teacher, frozen, taughtBy, dataset, batch),
    options: config.distil,
  });
  return {
    ...student,
    // nothing of the student is the teacher's, also where names and sizes agree
    inherits: (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : null),
  };
}

const shownIn = (images: TaughtBy['images']): Pick<DatasetShape, 'mean' | 'std'> | undefined =>
  images && { mean: images.mean, std: images.std };

/** The teacher as its run left it. */
export const teacherModel = ({ config, structure }: TaughtBy, dataset: DatasetShape): Model =>
  buildModel(config, dataset, structure ?? null);

function teacherLogits(
  teacher: Model,
  frozen: readonly Parameter[],
  { config, images }: TaughtBy,
  dataset: DatasetShape,
  batch: number,
): Derived {
  const state = new StateLayout({ parameters: [], frozen });
  const { frozen: spec } = state.evaluation;
  return {
    name: 'the teacher’s logits',
    input: 'teacher',
    width: dataset.classes.length,
    splits: ['train'],
    definition: {
      tokens: null,
      specs: { state: { frozen: spec! }, inputs: imageInput(dataset, batch) },
      step: (tensors, inputs) => {
        const own = Object.fromEntries(
          Object.entries(state.frozen(tensors)).map(([name, tensor]) => [
            name.slice(prefix.length),
            tensor,
          ]),
        );
        const { logits } = teacher.forward({
          parameters: own,
          buffers: own,
          // a teacher from elsewhere was shown images in its own mean and deviation
          input: modelInput(config, { ...dataset, ...shownIn(images) }, teacher.sees, inputs),
          training: false,
        });
        return { outputs: { derived: logits } };
      },
    },
  };
}
