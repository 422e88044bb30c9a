/** A training step of each family of models, small enough for a GPU imitated in software. */
import type { ModelStep } from '../models/model-step.ts';
import { modelStep } from '../models/model-step.ts';

const options = { batch: 4, classes: 4 };

export const modelSteps: Record<string, () => ModelStep> = {
  'ResNet-8': () => modelStep({ kind: 'resnet', depth: 8, image: 8 }, options),
  'EfficientNetV2-micro': () => modelStep({ kind: 'efficientnetv2-micro', image: 8 }, options),
  'ImageSig, cnn': () => modelStep({ kind: 'imagesig', head: 'cnn', image: 17 }, options),
  'ImageSig, fc': () => modelStep({ kind: 'imagesig', head: 'fc', image: 17 }, options),
  'ImageSig, transformer': () =>
    modelStep({ kind: 'imagesig', head: 'transformer', image: 17 }, options),
};
