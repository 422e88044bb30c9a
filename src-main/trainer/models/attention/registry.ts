/**
 * The attention variants by the name they have in the config. A new one is a file and a line here, its
 * fields in the experiment schema and its cost in core/experiments/attention-cost.ts.
 */
import { takesSizes } from '../../../experiment-config/attention.ts';
import type { Sfc32 } from '../../data/prng.ts';
import type { HostTensor } from '../../engine/engine.ts';
import type { Tensor1D, Tensor3D, Tensor4D, Tensor } from '../../engine/tf.ts';
import type { AttentionConfig, AttentionKind, VitModel } from '../../../experiment-config.ts';
import type { Parameter } from '../parameters.ts';
import { delta } from './delta.ts';
import { ecoformer } from './ecoformer.ts';
import { gmmFixed } from './gmm-fixed.ts';
import { gmmRepo } from './gmm-repo.ts';
import { mapEm } from './map-em.ts';
import { mgk } from './mgk.ts';
import { standard } from './standard.ts';

export type { AttentionConfig, AttentionKind };
export type Model = VitModel;
export type ConfigOf<Kind extends AttentionKind> = Extract<AttentionConfig, { kind: Kind }>;

/** Is given the weights [B, h, n, n] that an output was computed with. */
export interface WeightsReader {
  (weights: Tensor): void;
  /** Whether it needs gradients to flow back through them; else they may be constants. */
  differentiable?: boolean;
  /** Whether it also wants those of an attention that never forms them: what its output amounts to. */
  implied?: boolean;
}

/** Both of two readers, where there are two. */
export function bothReaders(
  one: WeightsReader | undefined,
  other: WeightsReader | undefined,
): WeightsReader | undefined {
  if (!one || !other) return one ?? other;
  const read = (weights: Tensor): void => [one, other].forEach((reader) => reader(weights));
  return Object.assign(read, {
    differentiable: (one.differentiable ?? false) || (other.differentiable ?? false),
    implied: (one.implied ?? false) || (other.implied ?? false),
  });
}

/** What one layer offers its attention. */
export interface AttentionInput {
  /** The layer's input after LayerNorm, [B, n, D]. */
  tokens: Tensor3D;
  /** One of the variant's projections of the tokens (or of another [B, n, D]), by head: [B, h, n, d]. */
  project(name: string, tokens?: Tensor): Tensor4D;
  /** One of the variant's own parameters. */
  parameter(name: string): Tensor;
  /** Log of the patches each token stands for, [B, 1, n, 1]: added to the logits of its key. */
  logSizes?: Tensor | undefined;
  onWeights?: WeightsReader | undefined;
  /** Is given a scalar, weighted already, that training adds to its loss. Not there in evaluation. */
  onPenalty?: ((penalty: Tensor) => void) | undefined;
  /** Is given how many differences to reference patches are 0. Not there in training. */
  onZeroDeltas?: ((shares: ZeroDeltas) => void) | undefined;
}

/** Shares of zero differences per image, [B]: what hardware that skips zeros would not compute. */
export interface ZeroDeltas {
  /** After the threshold. */
  thresholded: Tensor1D;
  /** After the threshold and rounding to 8 bits, the largest difference of an image being 127. */
  in8Bits: Tensor1D;
}

/** Values of a layer that are computed from a batch, on the host, instead of by gradient. */
export interface AttentionCalibration {
  /** Its parameters that `learn` gives. */
  names: readonly string[];
  /** Epochs until it is done again; null: only before the first step. */
  every: number | null;
  /** What `learn` looks at, in the graph of a forward pass. */
  observe(input: AttentionInput): Tensor;
  /**
   * @param values the layer's parameters of those names, as they are and as they were initialised
   * @param again whether they were learned before
   * @returns their new values; to learn them again from the same gives the same
   */
  learn(
    observed: HostTensor,
    values: Record<'own' | 'fresh', Readonly<Record<string, Float32Array>>>,
    how: { random: Sfc32; again: boolean },
  ): Record<string, Float32Array>;
}

export interface AttentionVariant<Kind extends AttentionKind> {
  /** Heads it uses; those of the model where left out. */
  heads?(config: ConfigOf<Kind>, model: Model): number;
  /** Its linear maps D -> h d without those of others; q, k and v where left out. */
  projections?(config: ConfigOf<Kind>): readonly string[];
  /** Parameters of one layer beside projections; names within the layer. */
  parameters?(config: ConfigOf<Kind>, size: { heads: number; dimHead: number }): Parameter[];
  /** Null or left out where gradients teach all there is. */
  calibration?(config: ConfigOf<Kind>): AttentionCalibration | null;
  /** @returns [B, h, n, d], the heads not yet merged. */
  attend(input: AttentionInput, config: ConfigOf<Kind>): Tensor4D;
}

const variants: { [Kind in AttentionKind]: AttentionVariant<Kind> } = {
  standard,
  gmm_fixed: gmmFixed,
  map_em: mapEm,
  mgk,
  ecoformer,
  gmm_repo: gmmRepo,
  delta,
};

/** A variant with its config filled in. */
export interface BoundAttention {
  heads: number;
  projections: readonly string[];
  parameters: readonly Parameter[];
  calibration: AttentionCalibration | null;
  attend(input: AttentionInput): Tensor4D;
}

export function attentionOf<Kind extends AttentionKind>(
  config: ConfigOf<Kind> & { kind: Kind },
  model: Model,
): BoundAttention {
  const variant: AttentionVariant<Kind> = variants[config.kind];
  const heads = variant.heads?.(config, model) ?? model.heads;
  return {
    heads,
    projections: variant.projections?.(config) ?? ['q', 'k', 'v'],
    parameters: variant.parameters?.(config, { heads, dimHead: model.dimHead }) ?? [],
    calibration: variant.calibration?.(config) ?? null,
    attend: (input) => {
      if (input.logSizes && !takesSizes(config))
        throw new Error(`${config.kind} as set cannot weigh keys by the patches they stand for`);
      return variant.attend(input, config);
    },
  };
}
