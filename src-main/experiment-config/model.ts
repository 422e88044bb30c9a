/** What is trained: one entry per family of models. */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';

/** Images up to this side lose no size at the start of the large convolutional models. */
export const smallImage = 64;

const inputSide = v.pipe(
  v.optional(integer(8, 1024), 32),
  v.title('Input side'),
  v.description('Images are resized to this on the device'),
  hints({ unit: 'px' }),
);

const vit = v.strictObject({
  kind: v.optional(v.literal('vit'), 'vit'),
  image: inputSide,
  patch: v.pipe(v.optional(integer(1, 256), 4), v.title('Patch side'), hints({ unit: 'px' })),
  dim: v.pipe(v.optional(integer(1, 8192), 64), v.title('Embedding width'), v.description('D')),
  layers: v.pipe(
    v.optional(integer(1, 64), 4),
    v.title('Layers'),
    v.description('L, encoder blocks'),
  ),
  heads: v.pipe(v.optional(integer(1, 64), 4), v.title('Heads'), v.description('h, per layer')),
  dimHead: v.pipe(
    v.optional(integer(1, 512), 16),
    v.title('Head width'),
    v.description('d; the authors fix 64, which makes attention 12x over-wide at D = 64'),
  ),
  mlpRatio: v.pipe(v.optional(real(0.25, 16), 4), v.title('MLP ratio'), hints({ advanced: true })),
  posInit: v.pipe(
    v.optional(v.picklist(['vit', 'authors']), 'vit'),
    v.title('Position init'),
    hints({ advanced: true, choices: { vit: 'normal, std 0.02', authors: 'normal, std 1' } }),
  ),
  qkvBias: v.pipe(
    v.optional(v.boolean(), false),
    v.title('q, k, v bias'),
    hints({ advanced: true }),
  ),
  dropout: v.pipe(v.optional(real(0, 0.9), 0), v.title('Dropout'), hints({ advanced: true })),
});

const resnet = v.strictObject({
  kind: v.literal('resnet'),
  image: inputSide,
  depth: v.pipe(
    v.optional(v.picklist([8, 14, 20, 50]), 20),
    v.title('Depth'),
    hints({
      choices: {
        8: '75 k parameters, 12.2 M MACs at 32 px',
        14: '173 k parameters, 26.4 M MACs at 32 px',
        20: '270 k parameters, 40.6 M MACs at 32 px',
        50: 'bottlenecks: 23.5 M parameters, 1.30 G MACs at 32 px, 4.09 G at 224 px (1000 classes)',
      },
    }),
  ),
});

const efficientNetV2Micro = v.strictObject({
  kind: v.literal('efficientnetv2-micro'),
  image: inputSide,
});

const efficientNetV2S = v.strictObject({
  kind: v.literal('efficientnetv2-s'),
  image: inputSide,
  dropout: v.pipe(
    v.optional(real(0, 0.9), 0.2),
    v.title('Dropout'),
    v.description('Before the classifier; stochastic depth, which the paper adds, is not offered'),
    hints({ advanced: true }),
  ),
});

const imageSig = v.strictObject({
  kind: v.literal('imagesig'),
  image: v.pipe(
    v.optional(integer(8, 1024), 32),
    v.title('Input side'),
    v.description('Rows per image; signatures are computed once, while the run prepares'),
    hints({ unit: 'px' }),
  ),
  head: v.pipe(
    v.optional(v.picklist(['cnn', 'fc', 'transformer']), 'cnn'),
    v.title('Head'),
    hints({
      choices: {
        cnn: 'two convolutions along the rows: 37,112 parameters for 64 px and two classes',
        fc: 'one dense layer over all signatures',
        transformer: 'an encoder of two layers, width 64: the costliest of the three',
      },
    }),
  ),
  columns: v.pipe(
    v.optional(v.boolean(), false),
    v.title('Columns too'),
    v.description('Signatures of the columns after those of the rows: twice the sequence'),
  ),
  dropout: v.pipe(
    v.optional(real(0, 0.9), 0.4),
    v.title('Dropout'),
    v.description('After the dense layer; in the transformer head in every block'),
    hints({ advanced: true }),
  ),
});

const modelKinds = [vit, resnet, efficientNetV2Micro, efficientNetV2S, imageSig] as const;

const modelVariants = v.variant(
  'kind',
  modelKinds,
  (issue) =>
    `there is no model ${issue.received}; known: ${modelKinds
      .map(({ entries: { kind } }) => (kind.type === 'optional' ? kind.wrapped : kind).literal)
      .join(', ')}`,
);

export const model = v.pipe(
  modelVariants,
  v.title('Model'),
  hints({
    choices: {
      vit: 'Vision Transformer, pre-LN blocks, mean pooling (paper, section VII)',
      resnet: 'ResNet (He et al. 2016): three small ones for 32 px, 12 to 41 M MACs, and ResNet-50',
      'efficientnetv2-micro':
        'A small EfficientNetV2 (Tan and Le 2021): 829 k parameters, 64.5 M MACs at 32 px',
      'efficientnetv2-s':
        'EfficientNetV2-S (Tan and Le 2021, table 4): 20.2 M parameters, 236 M MACs at 32 px',
      imagesig: 'ImageSig (Ibrahim and Lyons 2022): path signatures of the rows, a tiny classifier',
    },
  }),
);

/** The strides of a convolutional model in a row: its image's side is a multiple. */
export function imageMultiple(model: v.InferOutput<typeof modelVariants>): number {
  const small = model.image <= smallImage;
  switch (model.kind) {
    case 'resnet':
      return model.depth === 50 ? (small ? 8 : 32) : 4;
    case 'efficientnetv2-micro':
      return 8;
    case 'efficientnetv2-s':
      return small ? 16 : 32;
    default:
      return 1;
  }
}
