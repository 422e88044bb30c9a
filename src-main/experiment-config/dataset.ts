/** What a run trains on: one entry per dataset. */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';

const greensynth = v.strictObject({
  kind: v.literal('greensynth'),
  seed: v.pipe(
    v.optional(integer(0, 2 ** 31 - 1), 42),
    v.title('Data seed'),
    hints({ advanced: true }),
  ),
  train: v.pipe(v.optional(integer(1, 1_000_000), 10_000), v.title('Training images')),
  validation: v.pipe(v.optional(integer(1, 1_000_000), 2_000), v.title('Validation images')),
  test: v.pipe(v.optional(integer(1, 1_000_000), 2_000), v.title('Test images')),
  size: v.pipe(v.optional(integer(8, 512), 32), v.title('Image side'), hints({ unit: 'px' })),
  classes: v.pipe(
    v.optional(v.picklist([10, 100]), 10),
    v.title('Classes'),
    hints({ choices: { 10: 'ten shapes', 100: 'ten shapes in ten textures each' } }),
  ),
  noise: v.pipe(
    v.optional(integer(0, 64), 4),
    v.title('Noise amplitude'),
    v.description('Each channel is shifted by a whole number drawn from -a..a'),
    hints({ advanced: true }),
  ),
  distractors: v.pipe(
    v.optional(integer(0, 64), 0),
    v.title('Distractors'),
    v.description('3x3 salt-and-pepper blocks that fool contrast and entropy'),
    hints({ advanced: true }),
  ),
});

const folder = v.pipe(
  v.optional(v.nullable(v.string()), null),
  v.title('Folder or archive'),
  v.description('Where the files are; empty: the data folder of the program'),
);

const cifar10 = v.strictObject({ kind: v.literal('cifar10'), path: folder });
const cifar100 = v.strictObject({
  kind: v.literal('cifar100'),
  path: folder,
  labels: v.pipe(
    v.optional(v.picklist(['fine', 'coarse']), 'fine'),
    v.title('Labels'),
    hints({ choices: { fine: '100 classes', coarse: '20 superclasses' } }),
  ),
});

const mnist = v.strictObject({ kind: v.literal('mnist'), path: folder });

const share = (title: string) =>
  v.pipe(
    v.optional(real(0, 0.9), 0.1),
    v.title(title),
    v.description('Of every class, where the folder has no such folder of its own'),
    hints({ step: 0.05 }),
  );
const imageFolder = v.strictObject({
  kind: v.literal('image-folder'),
  path: v.pipe(
    v.optional(v.nullable(v.string()), null),
    v.title('Folder'),
    v.description('One sub-folder of images per class, or train, val and test with such'),
  ),
  size: v.pipe(
    v.optional(integer(8, 512), 64),
    v.title('Image side'),
    v.description('What the images are stored as, once decoded'),
    hints({ unit: 'px' }),
  ),
  fit: v.pipe(
    v.optional(v.picklist(['crop', 'stretch']), 'crop'),
    v.title('Not square'),
    hints({
      advanced: true,
      choices: { crop: 'the middle square is kept', stretch: 'the whole image is squeezed' },
    }),
  ),
  validation: share('Validation share'),
  test: share('Test share'),
  seed: v.pipe(
    v.optional(integer(0, 2 ** 31 - 1), 42),
    v.title('Split seed'),
    hints({ advanced: true }),
  ),
});

const tinyImageNet = v.strictObject({ kind: v.literal('tiny-imagenet'), path: folder });

const datasets = [greensynth, cifar10, cifar100, mnist, tinyImageNet, imageFolder] as const;
export const dataset = v.pipe(
  v.variant('kind', datasets, (issue) =>
    issue.received === 'undefined'
      ? 'needs a "kind"'
      : `there is no dataset ${issue.received}; known: ${datasets.map(({ entries }) => entries.kind.literal).join(', ')}`,
  ),
  v.title('Dataset'),
  hints({
    choices: {
      greensynth: 'Ten shapes on shaded ground, made here from a seed: needs no download',
      cifar10: '60,000 colour images of 32x32 in 10 classes (170 MB download)',
      cifar100: '60,000 colour images of 32x32 in 100 classes (169 MB download)',
      mnist: '70,000 grey digits of 28x28 in 10 classes (12 MB download)',
      'tiny-imagenet':
        '110,000 colour images of 64x64 in 200 classes, with boxes (248 MB download)',
      'image-folder': 'Your own JPEG and PNG files, one folder per class',
    },
  }),
);
