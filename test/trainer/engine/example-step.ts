/** The training step of the built-in example's patch-dropping ViT, in a batch that a GPU imitated in software can bear. */
import { exampleConfigs } from '../../../src-main/core/experiments/example.ts';
import { keptPatches } from '../../../src-main/experiment-config.ts';
import { vitStep } from './vit-step.ts';
import type { VitStep } from './vit-step.ts';

/** A small ViT that finds boxes, on kept patches. */
export const detectionStep = (): VitStep =>
  vitStep({ image: 16, patch: 4, dim: 32, layers: 1, heads: 2, dimHead: 16, batch: 3, keep: 9, detect: true }); // prettier-ignore

export function exampleStep(): VitStep {
  const [, { model, selection }] = exampleConfigs() as [
    unknown,
    ReturnType<typeof exampleConfigs>[0],
  ];
  if (model.kind !== 'vit') throw new Error('the example trains a ViT');
  const { image, patch, dim, layers, heads, dimHead } = model;
  return vitStep({
    ...{ image, patch, dim, layers, heads, dimHead },
    batch: 2,
    keep: keptPatches({ model, selection }),
  });
}
