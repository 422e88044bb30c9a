/** Watched images of a run for the mocked host: two of them, with attention that moves as training goes on. */
import {
  keptPatches,
  patchCount,
  type ExperimentConfig,
  type PatchMap,
  type RunPictures,
} from '../../src-main/contract.ts';

const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const bytes = (values: number[]) => btoa(String.fromCharCode(...values));

export function picturesOf(
  { model, selection, watch }: ExperimentConfig,
  epochs: number,
): RunPictures {
  if (watch.images === 0) return { images: [], snapshots: [] };
  const labels = ['disc', 'ring'];
  const patches = model.kind === 'vit' ? patchCount(model) : null;
  const selects = model.kind === 'vit' && selection.mode !== 'off';
  const kept = selects ? range(keptPatches({ model, selection })) : null;
  /** One patch more attended than the others. */
  const map = (most: number): PatchMap => ({
    cells: bytes(range(patches ?? 0).map((patch) => (patch === most ? 255 : 1))),
    min: 0.01,
    max: 0.05,
  });
  return {
    images: labels.map((label, index) => ({
      index,
      label,
      side: 8,
      rgb: bytes(range(192).map((i) => (i * (37 + index)) % 256)),
      box: [0.25, 0.25, 0.75, 0.75],
    })),
    snapshots: range(epochs + 1).map((epoch) => ({
      epoch,
      step: 100 * epoch,
      patches,
      share: selects ? 1 - epoch / epochs : null,
      reduced: false,
      pictures: labels.map((label, index) => ({
        predicted: epoch > index ? label : 'square',
        probability: 0.5 + epoch / 100,
        trueProbability: epoch > index ? 0.5 + epoch / 100 : 0.1,
        box: null,
        kept,
        rollout: patches === null ? null : map(epoch),
        layers:
          model.kind === 'vit'
            ? range(model.layers).map((layer) => ({ tokens: 101, received: map(10 + layer) }))
            : [],
      })),
    })),
  };
}
