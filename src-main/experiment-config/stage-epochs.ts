/**
 * How a recipe with several stages divides the epochs of a run (method G.0).
 *
 * The trainer goes by it and the forecast counts by it, hence a file of its own without tensors.
 */
import type { RecipeName } from './train.ts';

/** What the training phases of a run are called. */
export type TrainingPhase = 'train' | 'teacher' | 'pretrain' | 'contrastive' | 'finetune';

/** What of a config decides; the schema's own checks use it, so it cannot be named by the schema's type. */
export interface StageShares {
  train: { recipe: RecipeName; epochs: number };
  contrastive: { share: number };
  finetune: { share: number };
  distil: { share: number; checkpoint: string | null };
}

export interface StageEpochs {
  phase: TrainingPhase;
  epochs: number;
}

/**
 * In their order. Shares are rounded to whole epochs, at least one; pre-training and the student get what
 * is left, which a bad config may make 0 or less.
 */
export function stageEpochs({ train, contrastive, finetune, distil }: StageShares): StageEpochs[] {
  const { epochs, recipe } = train;
  const shareOf = (share: number): number => Math.max(1, Math.round(share * epochs));
  switch (recipe) {
    case 'scratch':
      return [{ phase: 'train', epochs }];
    case 'pt+ft': {
      const tuned = shareOf(finetune.share);
      return [
        { phase: 'pretrain', epochs: epochs - tuned },
        { phase: 'finetune', epochs: tuned },
      ];
    }
    case 'pt+cl+ft': {
      const tuned = shareOf(finetune.share);
      const contrasted = shareOf(contrastive.share);
      return [
        { phase: 'pretrain', epochs: epochs - contrasted - tuned },
        { phase: 'contrastive', epochs: contrasted },
        { phase: 'finetune', epochs: tuned },
      ];
    }
    case 'distil': {
      if (distil.checkpoint !== null) return [{ phase: 'train', epochs }];
      const taught = shareOf(distil.share);
      return [
        { phase: 'teacher', epochs: taught },
        { phase: 'train', epochs: epochs - taught },
      ];
    }
  }
}
