/**
 * Pictures of what a model looks at while it learns. They draw nothing at random and leave the weights alone: a run
 * with them is the same run as without, so they make no other experiment of it (store/describe.ts).
 */
import * as v from 'valibot';
import { hints, integer } from './fields.ts';

export const watch = v.pipe(
  v.strictObject({
    images: v.pipe(
      v.optional(integer(0, 24), 6),
      v.title('Watched images'),
      v.description(
        'Of the validation split, the same in every run on a dataset: what selection keeps of them, where attention goes and what is predicted; a phase of its own in the energy. 0: none',
      ),
      hints({ unit: 'images', advanced: true }),
    ),
    snapshots: v.pipe(
      v.optional(integer(2, 200), 24),
      v.title('Pictures of each'),
      v.description(
        'At most: before the first epoch and after every evaluation, or evenly among them where they are more',
      ),
      hints({ advanced: true }),
    ),
  }),
  v.title('Pictures'),
);
