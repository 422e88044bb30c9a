/** The words of the field, written once: component kinds, provenance, run states, phases. */
import type {
  ComponentKind,
  PhaseLabel,
  PhaseName,
  Provenance,
  RunStatus,
  RunSummary,
} from '../../../src-main/contract.ts';

export const kinds: ComponentKind[] = ['gpu', 'cpu', 'ram'];

export const kindLabel: Record<ComponentKind, string> = { gpu: 'GPU', cpu: 'CPU', ram: 'RAM' };

/** Provenance as it is shown: a metered plug and a counter are both exact counts of energy. */
export const provenanceWords: Record<Provenance, { label: string; meaning: string }> = {
  metered: { label: 'metered', meaning: 'energy read from a meter at the plug' },
  counted: { label: 'counted', meaning: 'energy read from a hardware counter' },
  integrated: { label: 'integrated', meaning: 'power read by a sensor and summed over time' },
  modelled: { label: 'modelled', meaning: 'computed from load and a power model; no sensor' },
  constant: { label: 'constant', meaning: 'a fixed figure per part; no sensor, no load' },
};

const phaseLabels: Record<PhaseName | 'baseline', string> = {
  baseline: 'Idle baseline',
  prepare: 'Prepare data',
  compile: 'Compile',
  teacher: 'Train the teacher',
  pretrain: 'Pre-train',
  contrastive: 'Contrastive training',
  features: 'Frozen model’s pass',
  train: 'Train',
  finetune: 'Fine-tune',
  prune: 'Prune',
  evaluate: 'Validate',
  pictures: 'Pictures',
  test: 'Test',
  checkpoint: 'Checkpoint',
};

const ours = (name: PhaseLabel): name is PhaseName | 'baseline' => Object.hasOwn(phaseLabels, name);
/** A command's own phases are called as it calls them. */
export const phaseLabel = (name: PhaseLabel): string => (ours(name) ? phaseLabels[name] : name);
/** What its band is drawn as: `other` for the phases of commands. */
export const phaseClass = (name: PhaseLabel): string => (ours(name) ? name : 'other');

const active: RunStatus[] = ['baseline', 'running', 'stopping'];
export const isActive = (run: RunSummary) => active.includes(run.status);
export const isOver = (run: RunSummary) => !isActive(run) && run.status !== 'queued';
export const canResume = (run: RunSummary) =>
  run.command === null &&
  (run.status === 'stopped' || run.status === 'interrupted' || run.status === 'failed');

/** Keys of the config that are no words, in words; the key itself stands in the title. */
const choiceWords: Record<string, string> = {
  greensynth: 'GreenSynth',
  cifar10: 'CIFAR-10',
  cifar100: 'CIFAR-100',
  'tiny-imagenet': 'Tiny ImageNet',
  mnist: 'MNIST',
  'image-folder': 'folder of images',
  imagenet: 'ImageNet',
  vit: 'ViT',
  'vit-wide': 'wide ViT',
  resnet: 'ResNet',
  'resnet-20': 'ResNet-20',
  'efficientnetv2-micro': 'EfficientNetV2-micro',
  'efficientnetv2-s': 'EfficientNetV2-S',
  imagesig: 'ImageSig',
  cnn: 'CNN',
  fc: 'fully connected',
  mlp: 'MLP',
  authors: 'as the authors',
  mgk: 'Transformer-MGK',
  ecoformer: 'EcoFormer',
  gmm_repo: 'Gaussian mixture, as the authors',
  gmm_fixed: 'Gaussian mixture',
  map_em: 'MAP-EM',
  entmax15: '1.5-entmax',
  vmf: 'von Mises-Fisher',
  variance_channel_mean: 'variance, mean of channels',
  variance_luma: 'variance of luma',
  contrast_guarded: 'contrast, guarded',
  minmax: 'min to max',
  'authors-compounding': 'compounding, as the authors',
  'authors-bug': 'as in training, as the authors',
  topk: 'best patches',
  'pt+ft': 'pre-train, fine-tune',
  'pt+cl+ft': 'pre-train, contrast, fine-tune',
  distil: 'distillation',
  simmim: 'SimMIM',
  mae: 'MAE',
  l0: 'L0 gates',
  khosla: 'as Khosla et al.',
  adamw: 'AdamW',
  adam: 'Adam',
  auto: 'automatic',
  webgpu: 'WebGPU',
  cpu: 'CPU',
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'Core ML',
  tensorflow: 'TensorFlow',
  wasm: 'WebAssembly',
};
export const choiceLabel = (value: string | number): string =>
  choiceWords[value] ?? String(value).replaceAll('_', ' ');

export const kindColour = (kind: ComponentKind): string => `var(--${kind})`;

/** A run keeps its colour in every chart; the dash pattern is the second cue. */
export const runColour = (id: number): string => `var(--run-${((id - 1) % 8) + 1})`;
const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
/** No two of 32 runs in a row have both alike: after eight, a colour comes with another pattern. */
export const runDash = (id: number): number[] =>
  dashes[(id - 1 + Math.floor((id - 1) / 8)) % dashes.length] ?? [];
