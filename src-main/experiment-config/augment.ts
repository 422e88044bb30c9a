/** Random changes of training images, and mixtures of them. */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';

export const augment = v.pipe(
  v.strictObject({
    flip: v.pipe(
      v.optional(v.boolean(), false),
      v.title('Mirror'),
      v.description('Every second training image, left to right; not for digits or letters'),
    ),
    crop: v.pipe(
      v.optional(integer(0, 64), 0),
      v.title('Crop padding'),
      v.description(
        'Training images are shifted by up to so many stored pixels; 4 is usual for 32',
      ),
      hints({ unit: 'px' }),
    ),
    randAugment: v.pipe(
      v.optional(integer(0, 8), 0),
      v.title('RandAugment operations'),
      v.description(
        'So many of 14 changes of colour or geometry, drawn for each image (Cubuk et al. 2020); 0: off, 2 is usual',
      ),
    ),
    magnitude: v.pipe(
      v.optional(integer(0, 30), 9),
      v.title('RandAugment magnitude'),
      v.description(
        'From 0 (weakest) to 30, the scale of torchvision; 10 of 10 in the paper is 30 here',
      ),
    ),
    mixup: v.pipe(
      v.optional(real(0, 10), 0),
      v.title('Mixup alpha'),
      v.description(
        'Blends pairs of images and their labels by Beta(alpha, alpha) (Zhang et al. 2018); 0: off, 0.2 to 0.8 is usual',
      ),
      hints({ step: 0.1 }),
    ),
    cutmix: v.pipe(
      v.optional(real(0, 10), 0),
      v.title('CutMix alpha'),
      v.description(
        'Pastes a rectangle of one image into another, labels by area (Yun et al. 2019); 0: off, 1 is usual; with mixup, each batch draws one',
      ),
      hints({ step: 0.1 }),
    ),
  }),
  v.title('Augmentation'),
);

/** Whether training images are changed at all. */
export const augments = (options: v.InferOutput<typeof augment>): boolean =>
  options.flip ||
  options.crop > 0 ||
  options.randAugment > 0 ||
  options.mixup > 0 ||
  options.cutmix > 0;
