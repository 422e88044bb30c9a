/** A ViT small enough for a GPU imitated in software: patch dropping, two blocks, AdamW. */
import { vitStep } from './vit-step.ts';
import type { VitStep } from './vit-step.ts';

export const smallVit = (): VitStep =>
  vitStep({ image: 8, patch: 2, dim: 8, layers: 2, heads: 2, dimHead: 4, batch: 4, keep: 10 });
