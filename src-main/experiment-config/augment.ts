/** Random changes of training images. */
import * as v from 'valibot';
import { hints, integer } from './fields.ts';

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
  }),
  v.title('Augmentation'),
);
