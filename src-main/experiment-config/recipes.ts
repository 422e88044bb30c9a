/**
 * The stages of recipes with several (method G): pre-training, contrastive training, fine-tuning,
 * distillation. A section counts only in recipes that have its stage.
 */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';

export const pretrain = v.pipe(
  v.strictObject({
    method: v.pipe(
      v.optional(v.picklist(['simmim', 'mae']), 'simmim'),
      v.title('Method'),
      hints({
        choices: {
          simmim:
            'SimMIM (Xie et al. 2022), the paper’s: masked patches become one learned token, the encoder computes all',
          mae: 'Masked autoencoder (He et al. 2022): the encoder sees the visible patches alone; at 0.75 a third of the operations or less',
        },
      }),
    ),
    ratio: v.pipe(
      v.optional(real(0.01, 0.95), 0.15),
      v.title('Mask ratio'),
      v.description(
        'Patches to be predicted: 0.15 in the paper, 0.6 in SimMIM’s, 0.75 in MAE’s; ceil(ratio x N)',
      ),
      hints({ step: 0.05 }),
    ),
    images: v.pipe(
      v.optional(
        v.picklist(['same', 'tiny-imagenet', 'greensynth', 'cifar10', 'cifar100', 'mnist']),
        'same',
      ),
      v.title('Images'),
      v.description('Their labels are not used; resized to the model’s side'),
      hints({
        choices: {
          same: 'the training images of the run’s own dataset',
          'tiny-imagenet': 'Tiny ImageNet, as in the paper',
          greensynth: 'GreenSynth, at its defaults',
          cifar10: 'CIFAR-10',
          cifar100: 'CIFAR-100',
          mnist: 'MNIST',
        },
      }),
    ),
    decoderLayers: v.pipe(
      v.optional(integer(1, 8), 1),
      v.title('Decoder blocks'),
      v.description('Of mae, half as wide as the encoder'),
      hints({ advanced: true }),
    ),
    normalisedTarget: v.pipe(
      v.optional(v.boolean(), true),
      v.title('Normalise targets'),
      v.description('mae predicts every patch with mean 0 and variance 1'),
      hints({ advanced: true }),
    ),
    lr: v.pipe(
      v.optional(v.nullable(real(0, 10)), null),
      v.title('Learning rate'),
      v.description('Empty: that of the training'),
      hints({ advanced: true }),
    ),
  }),
  v.title('Pre-training'),
  hints({ onlyWith: { field: ['train', 'recipe'], values: ['pt+ft', 'pt+cl+ft'] } }),
);

export const contrastive = v.pipe(
  v.strictObject({
    share: v.pipe(
      v.optional(real(0.01, 0.9), 0.15),
      v.title('Share of the epochs'),
      v.description('Rounded, at least one epoch'),
      hints({ step: 0.05 }),
    ),
    loss: v.pipe(
      v.optional(v.picklist(['weighted', 'khosla', 'margin']), 'weighted'),
      v.title('Loss'),
      hints({
        choices: {
          weighted: 'One positive at a time against all negatives, hard ones weighted up',
          khosla: 'Supervised contrastive (Khosla et al. 2020): against all other images',
          margin: 'Positives together, the nearest negative at least a margin away',
        },
      }),
    ),
    temperature: v.pipe(
      v.optional(real(0.01, 10), 0.1),
      v.title('Temperature'),
      v.description('τ'),
      hints({ advanced: true }),
    ),
    hardness: v.pipe(
      v.optional(real(0, 20), 1),
      v.title('Hardness'),
      v.description(
        'β of the weighted loss; 0: negatives at random, as one part of the paper says',
      ),
    ),
    margin: v.pipe(
      v.optional(real(0, 4), 1),
      v.title('Margin'),
      v.description('Of the margin loss, between features of unit length'),
      hints({ advanced: true }),
    ),
    classes: v.pipe(
      v.optional(v.nullable(integer(2, 10_000)), null),
      v.title('Classes per batch'),
      v.description(
        'Every batch holds as many images of each; empty: all, at least four images of each',
      ),
      hints({ advanced: true }),
    ),
  }),
  v.title('Contrastive stage'),
  hints({ onlyWith: { field: ['train', 'recipe'], values: ['pt+cl+ft'] } }),
);

export const finetune = v.pipe(
  v.strictObject({
    share: v.pipe(
      v.optional(real(0.01, 0.95), 0.4),
      v.title('Share of the epochs'),
      v.description('Rounded, at least one epoch; what the other stages leave is pre-training'),
      hints({ step: 0.05 }),
    ),
    head: v.pipe(
      v.optional(v.picklist(['linear', 'mlp']), 'linear'),
      v.title('New head'),
      hints({
        choices: {
          linear: 'LayerNorm and one linear layer',
          mlp: 'a hidden layer of width D more',
        },
      }),
    ),
    unfreezeLast: v.pipe(
      v.optional(integer(0, 64), 0),
      v.title('Blocks unfrozen'),
      v.description(
        'Last encoder blocks that are trained too; 0: the head alone, on features computed once',
      ),
    ),
    lr: v.pipe(
      v.optional(v.nullable(real(0, 10)), null),
      v.title('Learning rate'),
      v.description('Empty: that of the training'),
      hints({ advanced: true }),
    ),
  }),
  v.title('Fine-tuning'),
  hints({ onlyWith: { field: ['train', 'recipe'], values: ['pt+ft', 'pt+cl+ft'] } }),
);

const teachers = ['resnet-20', 'efficientnetv2-micro', 'vit-wide'] as const;

/** What the image's side must be a multiple of for a teacher. */
export const teacherMultiple = (teacher: (typeof teachers)[number]): number =>
  ({ 'resnet-20': 4, 'efficientnetv2-micro': 8, 'vit-wide': 1 })[teacher];

export const distil = v.pipe(
  v.strictObject({
    teacher: v.pipe(
      v.optional(v.picklist(teachers), 'resnet-20'),
      v.title('Teacher'),
      hints({
        choices: {
          'resnet-20': 'ResNet-20: 270 k parameters, 40.6 M MACs at 32 px',
          'efficientnetv2-micro': 'EfficientNetV2-micro: 829 k parameters, 64.5 M MACs at 32 px',
          'vit-wide': 'The same ViT, twice as wide and with twice the heads',
        },
      }),
    ),
    checkpoint: v.pipe(
      v.optional(v.nullable(v.string()), null),
      v.title('Teacher’s checkpoint'),
      v.description(
        'best.json or last.json of an earlier run on the same classes; empty: the teacher is trained first, in this run',
      ),
    ),
    share: v.pipe(
      v.optional(real(0.01, 0.95), 0.5),
      v.title('Share of the teacher'),
      v.description('Of the epochs, where it is trained here'),
      hints({ step: 0.05 }),
    ),
    weight: v.pipe(
      v.optional(real(0, 1), 0.5),
      v.title('Weight of the teacher'),
      v.description('λ: (1 - λ) CE + λ T² KL (Hinton et al. 2015)'),
    ),
    temperature: v.pipe(
      v.optional(real(0.1, 100), 3),
      v.title('Temperature'),
      v.description('T, softens both distributions'),
      hints({ advanced: true }),
    ),
    hard: v.pipe(
      v.optional(v.boolean(), false),
      v.title('Hard labels'),
      v.description(
        'The teacher’s class as a second label, half and half (DeiT, Touvron et al. 2021)',
      ),
      hints({ advanced: true }),
    ),
  }),
  v.title('Distillation'),
  hints({ onlyWith: { field: ['train', 'recipe'], values: ['distil'] } }),
);
