/** A config in the few words of a table row, and the key that repeats of it share. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import {
  keptPatches,
  parseExperimentConfig,
  patchCount,
  type ExperimentConfig,
  type ModelConfig,
} from '../../contract.ts';

export function describeConfig(config: ExperimentConfig): {
  dataset: string;
  model: string;
  selection: string;
  method: string;
} {
  return {
    dataset: dataset(config.dataset),
    model: model(config.model),
    selection: selection(config),
    method: method(config),
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
    case 'efficientnetv2-s':
      return `EfficientNetV2-S, ${config.image} px`;
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

type Leaf = string | number | boolean | null;
type Section = Record<string, Leaf | object>;

/** Sections with columns of their own, or that say how and not what is trained. */
const elsewhere = [
  'name',
  'dataset',
  'model',
  'selection',
  'attention',
  'train',
  'compute',
  'energy',
];
/** Of the section on training, what makes another method and no other setting of the same. */
const methodKeys = ['recipe', 'task', 'focalGamma'];

/**
 * What is trained beside model and selection: the attention of a ViT, then whatever of the other sections
 * differs from its default, as in `mgk, keys shifted; flip`.
 */
function method(config: ExperimentConfig): string {
  const { model, attention, train } = config;
  const parsed = parseExperimentConfig({
    model: { kind: model.kind },
    attention: { kind: attention.kind },
  });
  const plain = (parsed.ok ? parsed.config : {}) as Partial<Record<string, Section>>;
  const parts: string[][] = [];
  if (model.kind === 'vit') parts.push([attention.kind, ...unusual(attention, plain.attention)]);
  parts.push(
    unusual(
      Object.fromEntries(Object.entries(train).filter(([key]) => methodKeys.includes(key))),
      plain.train,
    ),
  );
  for (const [key, section] of Object.entries(config) as [string, Section][])
    if (!elsewhere.includes(key)) {
      const { kind } = section;
      const differs = unusual(section, kind === plain[key]?.kind ? plain[key] : undefined);
      // a variant that is switched off says nothing
      if (kind !== 'none') parts.push(differs);
    }
  return parts
    .filter((part) => part.length > 0)
    .map((part) => part.join(', '))
    .join('; ');
}

/** Every leaf that differs: `keys shifted`, `flip`, `no gate`; a kind or a recipe by itself. */
function unusual(section: object, plain: object | undefined): string[] {
  const defaults = (plain ?? {}) as Section;
  return Object.entries(section as Section).flatMap(([key, value]) => {
    if (value !== null && typeof value === 'object')
      return unusual(value, defaults[key] as object | undefined);
    if (value === (defaults[key] ?? null)) return [];
    const word = key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    if (typeof value === 'boolean') return [value ? word : `no ${word}`];
    return [['kind', 'recipe'].includes(key) ? String(value) : `${word} ${value}`];
  });
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
