/** A config in the few words of a table row, and the key that repeats of it share. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import {
  keptPatches,
  patchCount,
  type ExperimentConfig,
  type ModelConfig,
} from '../../contract.ts';

export function describeConfig(config: ExperimentConfig): {
  dataset: string;
  model: string;
  selection: string;
} {
  return {
    dataset: dataset(config.dataset),
    model: model(config.model),
    selection: selection(config),
  };
}

function model(config: ModelConfig): string {
  switch (config.kind) {
    case 'vit':
      return `ViT ${config.image}/${config.patch}, D ${config.dim}, L ${config.layers}, h ${config.heads}`;
    case 'resnet':
      return `ResNet-${config.depth}, ${config.image} px`;
    case 'efficientnetv2-micro':
      return `EfficientNetV2-micro, ${config.image} px`;
    case 'imagesig':
      return `ImageSig ${config.image} px, ${config.head}${config.columns ? ', rows and columns' : ''}`;
  }
}

function dataset(config: ExperimentConfig['dataset']): string {
  switch (config.kind) {
    case 'greensynth':
      return `GreenSynth-${config.classes}`;
    case 'cifar10':
      return 'CIFAR-10';
    case 'cifar100':
      return config.labels === 'coarse' ? 'CIFAR-100 (20 superclasses)' : 'CIFAR-100';
    case 'mnist':
      return 'MNIST';
    case 'tiny-imagenet':
      return 'Tiny ImageNet';
    case 'image-folder':
      return config.path === null ? 'images' : basename(config.path);
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
  if (mode === 'off' || config.model.kind !== 'vit') return 'off';
  const { model } = config;
  const kept = keptPatches({ model, selection: config.selection });
  return `${mode} to ${kept} of ${patchCount(model)}, ${heuristics[heuristic]}`;
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
