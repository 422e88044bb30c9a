/** The attention variants by the name they have in the config. A new one is a file and a line here. */
import type { Tensor4D } from '../../engine/tf.ts';
import type { ExperimentConfig } from '../../../experiment-config.ts';
import { standard } from './standard.ts';

/** Queries, keys and values of one layer, each [B, h, n, d]. */
export interface AttentionInput {
  q: Tensor4D;
  k: Tensor4D;
  v: Tensor4D;
}

export interface AttentionVariant {
  /** @returns [B, h, n, d], the heads not yet merged. */
  attend(input: AttentionInput): Tensor4D;
}

export type AttentionKind = ExperimentConfig['attention']['kind'];

export const attentionVariants: Record<AttentionKind, AttentionVariant> = { standard };
