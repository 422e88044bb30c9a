/** Optimisation, its schedule and its seed. */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';

const recipes = ['scratch', 'pt+ft', 'pt+cl+ft', 'distil'] as const;
export type RecipeName = (typeof recipes)[number];

export const train = v.pipe(
  v.strictObject({
    recipe: v.pipe(
      v.optional(v.picklist(recipes), 'scratch'),
      v.title('Recipe'),
      hints({
        choices: {
          scratch: 'Supervised, from random weights',
          'pt+ft':
            'Pre-trained on masked patches, then a new head on the frozen encoder (paper, RQ3, first recipe)',
          'pt+cl+ft':
            'The same with a contrastive stage between the two (paper, RQ3, second recipe)',
          distil:
            'Taught by a larger model as well as by the labels (Hinton et al. 2015); the teacher’s energy counts',
        },
      }),
    ),
    task: v.pipe(
      v.optional(v.picklist(['classify', 'detect']), 'classify'),
      v.title('Task'),
      hints({
        choices: {
          classify: 'What is in the image',
          detect:
            'What it is and where: one box per image, by a head with a learned query; needs boxes (greensynth, tiny-imagenet) and a vit',
        },
      }),
    ),
    epochs: v.pipe(v.optional(integer(1, 10_000), 30), v.title('Epochs')),
    batch: v.pipe(
      v.optional(integer(1, 65_536), 128),
      v.title('Batch size'),
      hints({ unit: 'images' }),
    ),
    optimizer: v.pipe(
      v.optional(v.picklist(['adamw', 'adam']), 'adamw'),
      v.title('Optimiser'),
      hints({ choices: { adamw: 'decoupled weight decay', adam: 'no weight decay (authors)' } }),
    ),
    lr: v.pipe(v.optional(real(0, 10), 1e-3), v.title('Learning rate')),
    weightDecay: v.pipe(
      v.optional(real(0, 10), 0.05),
      v.title('Weight decay'),
      v.description('AdamW only; never on biases, LayerNorm, class token and positions'),
    ),
    warmup: v.pipe(
      v.optional(real(0, 1), 0.05),
      v.title('Warm-up'),
      v.description('Share of all steps in which the learning rate climbs from 0'),
      hints({ advanced: true }),
    ),
    schedule: v.pipe(
      v.optional(v.picklist(['cosine', 'constant']), 'cosine'),
      v.title('Learning-rate schedule'),
      hints({
        advanced: true,
        choices: { cosine: 'half a cosine down to the minimum', constant: 'no decay' },
      }),
    ),
    minLr: v.pipe(
      v.optional(real(0, 10), 1e-5),
      v.title('Lowest learning rate'),
      hints({ advanced: true }),
    ),
    labelSmoothing: v.pipe(
      v.optional(real(0, 0.9), 0.1),
      v.title('Label smoothing'),
      hints({ advanced: true }),
    ),
    focalGamma: v.pipe(
      v.optional(real(0, 10), 0),
      v.title('Focal loss'),
      v.description(
        'γ: images that are classified well count less; 0 is cross-entropy, ImageSig’s authors take 2',
      ),
      hints({ advanced: true, step: 0.5 }),
    ),
    clipNorm: v.pipe(
      v.optional(v.nullable(real(0, 1e6)), null),
      v.title('Gradient clipping'),
      v.description('Largest global norm; empty: none'),
      hints({ advanced: true }),
    ),
    normalisation: v.pipe(
      v.optional(v.picklist(['dataset', 'imagenet']), 'dataset'),
      v.title('Normalisation'),
      hints({
        advanced: true,
        choices: { dataset: 'mean and std of this training set', imagenet: 'ImageNet’s (authors)' },
      }),
    ),
    shuffle: v.pipe(v.optional(v.boolean(), true), v.title('Shuffle'), hints({ advanced: true })),
    seed: v.pipe(v.optional(integer(0, 2 ** 31 - 1), 42), v.title('Seed')),
    evalEvery: v.pipe(
      v.optional(integer(1, 10_000), 1),
      v.title('Evaluate every'),
      hints({ unit: 'epochs', advanced: true }),
    ),
    checkpointEvery: v.pipe(
      v.optional(integer(1, 10_000), 1),
      v.title('Checkpoint every'),
      hints({ unit: 'epochs', advanced: true }),
    ),
    keepCheckpoints: v.pipe(
      v.optional(integer(0, 10_000), 0),
      v.title('Keep a checkpoint every'),
      v.description('Besides the last and the best one; 0: only these, 1: every epoch’s'),
      hints({ unit: 'epochs', advanced: true }),
    ),
    keepBestPerEnergy: v.pipe(
      v.optional(v.boolean(), false),
      v.title('Keep the best F1 per kWh'),
      v.description('The checkpoint with the highest macro F1 per energy used until then, too'),
      hints({ advanced: true }),
    ),
  }),
  v.title('Training'),
);
