/** The models of stages as data, without tensors: the forecast counts by them too. */
import {
  parseExperimentConfig,
  type ExperimentConfig,
  type ModelConfig,
} from '../../experiment-config.ts';
import type { VitShape } from '../models/vit.ts';

/** M = ceil(ratio x N), the patches that are hidden (method G.1). */
export const maskedPatches = (ratio: number, patches: number): number =>
  Math.ceil(ratio * patches - 1e-9);

/** MAE's decoder: as many tokens as patches, half as wide as the encoder, plain attention. */
export function decoderShape({ model, channels, classes }: VitShape, layers: number): VitShape {
  return {
    model: {
      ...model,
      dim: Math.max(1, model.dim >> 1),
      heads: Math.max(1, model.heads >> 1),
      layers,
      dropout: 0,
    },
    attention: { kind: 'standard', normaliser: 'softmax' },
    channels,
    classes,
  };
}

/** Width of the embeddings that a contrastive loss compares (method G.2). */
export const embeddingWidth = 128;

/** The config of the teacher that a run trains itself: another model, full images, the labels alone. */
export function teacherConfig(config: ExperimentConfig): ExperimentConfig {
  const parsed = parseExperimentConfig({
    ...config,
    model: teacherModel(config),
    selection: {},
    sparsity: {},
    pruning: {},
    attention: { kind: 'standard' },
    routing: { kind: 'none' },
    train: { ...config.train, recipe: 'scratch' },
  });
  if (!parsed.ok) throw new Error(`teacher: ${parsed.issues[0]?.message}`);
  return parsed.config;
}

function teacherModel({ model, distil }: ExperimentConfig): ModelConfig {
  const { image } = model;
  switch (distil.teacher) {
    case 'resnet-20':
      return { kind: 'resnet', image, depth: 20 };
    case 'efficientnetv2-micro':
      return { kind: 'efficientnetv2-micro', image };
    case 'vit-wide':
      if (model.kind !== 'vit') throw new Error('a wider ViT can only be made of a ViT');
      return { ...model, dim: 2 * model.dim, heads: 2 * model.heads };
  }
}
