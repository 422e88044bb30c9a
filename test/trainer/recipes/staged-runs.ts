/** A few steps of every kind of stage, on four patches: enough to see whether an engine computes them. */
import type { ExperimentConfigInput } from '../../../src-main/experiment-config.ts';

const tiny = (extra: ExperimentConfigInput): ExperimentConfigInput => ({
  dataset: { kind: 'greensynth', size: 8, train: 16, validation: 10, test: 10 },
  model: { kind: 'vit', image: 8, patch: 4, dim: 16, layers: 2, heads: 2, dimHead: 8 },
  ...extra,
  train: { epochs: 3, batch: 8, evalEvery: 3, checkpointEvery: 3, ...extra.train },
});

export const stagedRuns = {
  'mae, contrastive, frozen encoder': tiny({
    train: { recipe: 'pt+cl+ft' },
    pretrain: { method: 'mae', ratio: 0.5 },
  }),
  'simmim, one block unfrozen': tiny({
    train: { recipe: 'pt+ft' },
    finetune: { unfreezeLast: 1, head: 'mlp' },
  }),
  'patches dropped, tokens pruned': tiny({
    model: { kind: 'vit', image: 8, patch: 2, dim: 16, layers: 2, heads: 2, dimHead: 8 },
    selection: { mode: 'drop', keep: 8, evalSelect: 'topk', schedule: 'constant' },
    routing: { kind: 'prune', keep: 0.5, warmup: 0, shrink: 0 },
  }),
  'a wide teacher': tiny({ train: { recipe: 'distil' }, distil: { teacher: 'vit-wide' } }),
} satisfies Record<string, ExperimentConfigInput>;
