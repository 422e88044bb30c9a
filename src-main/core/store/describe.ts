/** A config in the few words of a table row, and the key that repeats of it share. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import * as v from 'valibot';
import { withoutSeed } from '../../contract/command-line.ts';
import {
  experimentConfigSchema,
  isPretrained,
  keptPatches,
  patchCount,
  showCommand,
  type ExperimentConfig,
  type ModelConfig,
  type RunCommand,
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
  conv: 'learned score',
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
  'watch',
  'compute',
  'energy',
  'budget',
];
/** Sections that count in some recipes only. */
const ofRecipes: Record<string, (recipe: ExperimentConfig['train']['recipe']) => boolean> = {
  pretrain: isPretrained,
  contrastive: (recipe) => recipe === 'pt+cl+ft',
  finetune: isPretrained,
  distil: (recipe) => recipe === 'distil',
};
/** Of the section on training, what makes another method and no other setting of the same. */
const methodKeys = ['recipe', 'task', 'focalGamma'];
/** Sections whose keys say by themselves what they are about. */
const plainWords = ['augment'];

/**
 * What is trained beside model and selection: the attention of a ViT, then whatever of the other sections
 * differs from its default, as in `mgk, keys shifted; pruning heads l0; flip`.
 */
function method(config: ExperimentConfig): string {
  const { model, attention, train } = config;
  const plain = defaultsOf(config);
  const ofTrain = Object.entries(train).filter(([key]) => methodKeys.includes(key));
  const parts = [
    model.kind === 'vit' ? [attention.kind, ...unusual(attention, plain['attention'])] : [],
    unusual(Object.fromEntries(ofTrain), plain['train']),
    ...(Object.entries(config) as [string, Section][])
      .filter(([key]) => !elsewhere.includes(key))
      .map(([key, section]) => {
        // a variant that is switched off says nothing
        if (section['kind'] === 'none' || ofRecipes[key]?.(train.recipe) === false) return [];
        // which pre-training is always said: the two cost quite different things
        if (key === 'pretrain') {
          const { method, ratio, ...rest } = section;
          return [`${String(method)} ${Number(ratio)}`, ...unusual(rest, plain[key])];
        }
        const words = unusual(section, plain[key]);
        if ('kind' in section) return [String(section['kind']), ...words];
        const [first, ...others] = words;
        return plainWords.includes(key) || first === undefined
          ? words
          : [`${key} ${first}`, ...others];
      }),
  ];
  return parts
    .filter((part) => part.length > 0)
    .map((part) => part.join(', '))
    .join('; ');
}

/** A config of the same kinds (of model, attention, routing and so on) in which all else is as it comes. */
function defaultsOf(config: ExperimentConfig): Partial<Record<string, Section>> {
  const kinds = Object.entries(config).flatMap(([key, section]) =>
    typeof section === 'object' && 'kind' in section ? [[key, { kind: section.kind }]] : [],
  );
  // some kinds demand a setting elsewhere; what is complete is enough here
  const { typed, output } = v.safeParse(experimentConfigSchema, Object.fromEntries(kinds));
  return typed ? (output as unknown as Partial<Record<string, Section>>) : {};
}

/** Every leaf that differs: `keys shifted`, `flip`, `no gate`; a recipe by itself. */
function unusual(section: object, plain: object | undefined): string[] {
  const defaults = (plain ?? {}) as Section;
  return Object.entries(section as Section).flatMap(([key, value]) => {
    if (value !== null && typeof value === 'object')
      return unusual(value, defaults[key] as object | undefined);
    if (value === (defaults[key] ?? null)) return [];
    const word = key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    if (typeof value === 'boolean') return [value ? word : `no ${word}`];
    return [key === 'recipe' ? String(value) : `${word} ${value}`];
  });
}

/**
 * Twelve hexadecimal digits: the same for configs that differ in nothing but name and seed. How the energy
 * is priced beyond region and PUE changes no training, nor do pictures of it: both are left out, as configs once
 * had no such options.
 */
export function groupOf(config: ExperimentConfig): string {
  const { region, pue, baselineSeconds } = config.energy;
  const same = {
    ...config,
    name: '',
    // nor does what is kept of a training
    train: { ...config.train, seed: 0, keepCheckpoints: undefined, keepBestPerEnergy: undefined },
    // which of a machine's cards it ran on makes it no other experiment, as another machine does not
    compute: { ...config.compute, gpu: undefined },
    watch: undefined,
    energy: { region, pue: pue ?? 1, baselineSeconds },
    // how far it may go is no part of what it is
    budget: undefined,
  };
  return createHash('sha256').update(canonical(same)).digest('hex').slice(0, 12);
}

/** The same for commands that differ in nothing but their seed; the folder tells one `train.py` from another. */
export const groupOfCommand = ({ argv, cwd }: Pick<RunCommand, 'argv' | 'cwd'>): string =>
  createHash('sha256')
    .update(canonical({ argv: withoutSeed(argv), cwd }))
    .digest('hex')
    .slice(0, 12);

/** A command in the few words of a table row: `train.py --lr 0.1`. */
export function describeCommand(argv: readonly string[]): string {
  const [program, ...rest] = argv;
  const text = showCommand([basename(program!), ...rest]).replace(/\s+/g, ' ');
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** JSON with sorted keys: the order in which a config was written is no difference. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
