/** What delta attention would save on hardware that skips zero differences, by what evaluations counted. */
import {
  keptPatches,
  patchCount,
  type DeltaSparsity,
  type ExperimentConfig,
} from '../../contract.ts';
import { macsOfZeros } from './cost.ts';
import { finalModel, modelCost, scorerMacs } from './model-cost.ts';

export interface SkippedMacs {
  /** Multiply-accumulates of one image forward, as this program computes them. */
  dense: number;
  /** Without the zeros after the threshold, and after rounding to 8 bits as well. */
  thresholded: number;
  in8Bits: number;
}

/**
 * Null for other attention, and where tokens are left out in ways that differ from image to image or step to
 * step.
 * @param classes of the dataset that was trained on
 */
export function skippedMacs(
  config: ExperimentConfig,
  classes: number,
  zeros: DeltaSparsity | null,
): SkippedMacs | null {
  const { attention, selection, routing } = config;
  const tested = finalModel(config);
  const { model } = tested;
  if (!zeros || model.kind !== 'vit' || attention.kind !== 'delta' || routing.kind !== 'none')
    return null;
  const reduced = selection.mode === 'drop' && selection.evalSelect !== 'full';
  if (reduced && selection.evalSelect !== 'topk') return null;
  const patches = reduced ? keptPatches({ model, selection }) : patchCount(model);
  const chooses = selection.mode !== 'off' && selection.evalSelect === 'topk';
  const dense = modelCost(tested, classes).macs(patches) + (chooses ? scorerMacs(config) : 0);
  const without = (share: number): number => dense - macsOfZeros(model, patches, attention, share);
  return {
    dense,
    thresholded: without(zeros.thresholded),
    in8Bits: without(zeros.in8Bits),
  };
}
