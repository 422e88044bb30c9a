/** A config in the few words of a table row, and the key that repeats of it share. */
import { createHash } from 'node:crypto';
import { keptPatches, patchCount, type ExperimentConfig } from '../../contract.ts';

export function describeConfig(config: ExperimentConfig): {
  dataset: string;
  model: string;
  selection: string;
} {
  const { image, patch, dim, layers, heads } = config.model;
  return {
    dataset: dataset(config.dataset),
    model: `ViT ${image}/${patch}, D ${dim}, L ${layers}, h ${heads}`,
    selection: selection(config),
  };
}

function dataset(config: ExperimentConfig['dataset']): string {
  switch (config.kind) {
    case 'greensynth':
      return `GreenSynth-${config.classes}`;
    case 'cifar10':
      return 'CIFAR-10';
    case 'cifar100':
      return config.labels === 'coarse' ? 'CIFAR-100 (20 superclasses)' : 'CIFAR-100';
  }
}

const heuristics: Record<ExperimentConfig['selection']['heuristic'], string> = {
  variance_channel_mean: 'variance',
  variance_luma: 'variance of luma',
  contrast_guarded: 'contrast (guarded)',
  contrast: 'contrast',
  entropy: 'entropy',
  random: 'random',
};

function selection(config: ExperimentConfig): string {
  const { mode, heuristic } = config.selection;
  if (mode === 'off') return 'off';
  return `${mode} to ${keptPatches(config)} of ${patchCount(config.model)}, ${heuristics[heuristic]}`;
}

/** Twelve hexadecimal digits: the same for configs that differ in nothing but name and seed. */
export function groupOf(config: ExperimentConfig): string {
  const same = { ...config, name: '', train: { ...config.train, seed: 0 } };
  return createHash('sha256').update(canonical(same)).digest('hex').slice(0, 12);
}

/** JSON with sorted keys: the order in which a config was written is no difference. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
