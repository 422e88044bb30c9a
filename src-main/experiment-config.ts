/**
 * The one experiment config: its schema, its defaults and its words.
 *
 * The form, the config file of the command line, the store and the trainer all use this file. Titles,
 * descriptions and units are part of the schema, so that the form and `hugginggreen options` cannot
 * drift away from what is checked. Key names and defaults follow the method specification (section M).
 */
import * as v from 'valibot';

/** What the form needs beyond a title: where a field is folded away, its unit, and sensible bounds. */
export interface FieldHints {
  unit?: string;
  /** Shown only when the group's advanced fields are unfolded. */
  advanced?: boolean;
  step?: number;
  /** One line per choice of a picklist. */
  choices?: Record<string, string>;
}

const hints = <Input>(value: FieldHints) =>
  v.metadata<Input, { hints: FieldHints }>({ hints: value });

const integer = (min: number, max: number) =>
  v.pipe(
    v.number('must be a number'),
    v.integer('must be a whole number'),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );
const real = (min: number, max: number) =>
  v.pipe(
    v.number('must be a number'),
    v.finite('must be finite'),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );

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
    v.description('10 shapes, or 100 = 10 shapes x 10 textures'),
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
const dataset = v.pipe(
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
    v.optional(v.picklist([8, 14, 20]), 20),
    v.title('Depth'),
    hints({
      choices: {
        8: '75 k parameters, 12.2 M MACs at 32 px',
        14: '173 k parameters, 26.4 M MACs at 32 px',
        20: '270 k parameters, 40.6 M MACs at 32 px',
      },
    }),
  ),
});

const efficientNetV2Micro = v.strictObject({
  kind: v.literal('efficientnetv2-micro'),
  image: inputSide,
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

const modelKinds = [vit, resnet, efficientNetV2Micro, imageSig] as const;

const model = v.pipe(
  v.variant(
    'kind',
    modelKinds,
    (issue) =>
      `there is no model ${issue.received}; known: vit, resnet, efficientnetv2-micro, imagesig`,
  ),
  v.title('Model'),
  hints({
    choices: {
      vit: 'Vision Transformer, pre-LN blocks, mean pooling (paper, section VII)',
      resnet: 'ResNet for small images (He et al. 2016): 12 to 41 M MACs at 32 px',
      'efficientnetv2-micro':
        'A small EfficientNetV2 (Tan and Le 2021): 829 k parameters, 64.5 M MACs at 32 px',
      imagesig: 'ImageSig (Ibrahim and Lyons 2022): path signatures of the rows, a tiny classifier',
    },
  }),
);

const selection = v.pipe(
  v.strictObject({
    mode: v.pipe(
      v.optional(v.picklist(['off', 'drop', 'mask']), 'off'),
      v.title('Patch selection'),
      hints({
        choices: {
          off: 'Every patch goes through the encoder',
          drop: 'Only the kept patches go through the encoder: fewer operations',
          mask: 'The others are blanked, as in the authors’ code: saves no operation',
        },
      }),
    ),
    heuristic: v.pipe(
      v.optional(
        v.picklist([
          'variance_channel_mean',
          'variance_luma',
          'contrast_guarded',
          'contrast',
          'entropy',
          'random',
        ]),
        'variance_channel_mean',
      ),
      v.title('Heuristic'),
      hints({
        choices: {
          variance_channel_mean: 'Variance per channel, then mean (authors)',
          variance_luma: 'Variance of luma',
          contrast_guarded: '(max - min) / (max + min + 0.05) of luma',
          contrast: '(max - min + 1e-8) / (max + min), the paper’s formula',
          entropy: 'Entropy of the luma histogram, in bits',
          random: 'Control arm: every patch alike',
        },
      }),
    ),
    keepRatio: v.pipe(
      v.optional(real(0.01, 1), 0.7),
      v.title('Keep ratio'),
      v.description('k = ceil(ratio x N) patches are kept'),
      hints({ step: 0.05 }),
    ),
    keep: v.pipe(
      v.optional(v.nullable(integer(1, 65_536)), null),
      v.title('Patches kept'),
      v.description('k itself; overrides the ratio'),
      hints({ advanced: true }),
    ),
    probabilistic: v.pipe(
      v.optional(v.boolean(), true),
      v.title('Sample'),
      v.description('On: sampled without replacement in proportion to the score; off: the k best'),
    ),
    probMap: v.pipe(
      v.optional(v.picklist(['linear', 'minmax', 'softmax']), 'linear'),
      v.title('Score to probability'),
      hints({
        advanced: true,
        choices: {
          linear: 'score / sum, with a floor',
          minmax: 'as the authors',
          softmax: 'of the z-score',
        },
      }),
    ),
    delta: v.pipe(
      v.optional(real(0, 1), 0.01),
      v.title('Probability floor'),
      hints({ advanced: true }),
    ),
    prob: v.pipe(
      v.optional(real(0, 1), 1),
      v.title('Applied with probability'),
      v.description('One draw per batch decides between the kept patches and the full image'),
    ),
    schedule: v.pipe(
      v.optional(
        v.picklist(['anneal', 'constant', 'hyperbolic', 'exponential', 'authors-compounding']),
        'anneal',
      ),
      v.title('Schedule'),
      hints({
        choices: {
          anneal: 'falls in a line to 0, the last epochs see full images',
          constant: 'the same in every epoch',
          hyperbolic: 'p / (1 + rate x epoch), the paper’s text',
          exponential: 'p x exp(-rate x epoch)',
          'authors-compounding': 'divided by (1 + rate x epoch) at every epoch, the authors’ code',
        },
      }),
    ),
    decayRate: v.pipe(
      v.optional(real(0, 10), 0.005),
      v.title('Decay rate'),
      hints({ advanced: true }),
    ),
    tail: v.pipe(
      v.optional(real(0, 1), 0.2),
      v.title('Full-image tail'),
      v.description('Share of the epochs at the end that anneal leaves on full images'),
      hints({ advanced: true }),
    ),
    evalSelect: v.pipe(
      v.optional(v.picklist(['full', 'topk', 'authors-bug']), 'full'),
      v.title('At evaluation'),
      hints({
        advanced: true,
        choices: {
          full: 'full images',
          topk: 'the k best patches: saves energy at inference too',
          'authors-bug': 'as in training, as the authors’ notebooks did by accident',
        },
      }),
    ),
    entropyBins: v.pipe(
      v.optional(integer(2, 256), 16),
      v.title('Entropy bins'),
      hints({ advanced: true }),
    ),
  }),
  v.title('Patch selection'),
);

const standardAttention = v.strictObject({
  kind: v.literal('standard'),
  normaliser: v.pipe(
    v.optional(v.picklist(['softmax', 'sparsemax', 'entmax15']), 'softmax'),
    v.title('Normaliser'),
    hints({
      choices: {
        softmax: 'No weight is ever zero; the fastest',
        sparsemax: 'Exact zeros (Martins and Astudillo 2016); sorts every row, slower',
        entmax15: 'Between the two (1.5-entmax, Peters et al. 2019); sorts every row, slower',
      },
    }),
  ),
});

const gmmFixed = v.strictObject({
  kind: v.literal('gmm_fixed'),
  gate: v.pipe(
    v.optional(v.boolean(), false),
    v.title('Density gate'),
    v.description(
      'Weights every output by how probable its query is under the keys; off, it computes what standard does',
    ),
  ),
  temperature: v.pipe(
    v.optional(real(0.01, 1e6), 8),
    v.title('Gate temperature'),
    v.description('τ of the gate: the larger, the weaker'),
    hints({ advanced: true }),
  ),
});

const mapEm = v.strictObject({
  kind: v.literal('map_em'),
  prior: v.pipe(
    v.optional(v.picklist(['uniform', 'magnitude', 'learned', 'vmf']), 'uniform'),
    v.title('Prior of the keys'),
    hints({
      choices: {
        uniform: 'All keys alike: softmax of distances; h n² more MACs',
        magnitude: 'Long keys are likelier: with no iterations, standard attention',
        learned: 'Log-linear in the key, learned per head; h n² more MACs',
        vmf: 'Unit-length queries and keys: softmax of cosines (von Mises-Fisher)',
      },
    }),
  ),
  keyIterations: v.pipe(
    v.optional(integer(0, 8), 0),
    v.title('Key iterations'),
    v.description(
      'EM steps that move the keys towards the image’s queries, also at inference; each costs 2 h n² d MACs',
    ),
  ),
  keyPrior: v.pipe(
    v.optional(real(0, 1000), 1),
    v.title('Key anchor'),
    v.description('λ, the precision that holds keys at their place; 0: maximum likelihood'),
    hints({ advanced: true }),
  ),
  valueIterations: v.pipe(
    v.optional(integer(0, 8), 0),
    v.title('Value iterations'),
    v.description('EM steps on the output, 1 to 3 are sensible; each costs 2 h n² d MACs'),
  ),
  valuePrecision: v.pipe(
    v.optional(real(0, 100), 0.5),
    v.title('Value precision'),
    v.description('β of the value iterations, 0.1 to 1 is sensible'),
    hints({ advanced: true }),
  ),
});

const mgk = v.strictObject({
  kind: v.literal('mgk'),
  keys: v.pipe(
    v.optional(v.picklist(['full', 'shifted']), 'full'),
    v.title('Second key'),
    hints({
      choices: {
        full: 'A projection of its own: three instead of two n² d products per head',
        shifted: 'The first key minus a learned vector per head: no n² d product of its own',
      },
    }),
  ),
  mixing: v.pipe(
    v.optional(v.picklist(['learned', 'soft', 'hard']), 'learned'),
    v.title('Mixing weights'),
    hints({
      choices: {
        learned: 'Two per head, trained by gradient',
        soft: 'Mean responsibility of each key in the image, one EM step without gradient (soft-E)',
        hard: 'The nearer of the two keys alone (hard-E)',
      },
    }),
  ),
  halfHeads: v.pipe(
    v.optional(v.boolean(), true),
    v.title('Half the heads'),
    v.description('Uses h/2 heads, which is where the saving comes from'),
  ),
  precisionRatio: v.pipe(
    v.optional(v.picklist([1, 3]), 1),
    v.title('Precision of the second key'),
    hints({
      advanced: true,
      choices: {
        1: 'as of the first (Long Range Arena code)',
        3: 'three times that of the first (language-model code)',
      },
    }),
  ),
});

const ecoformer = v.strictObject({
  kind: v.literal('ecoformer'),
  hash: v.pipe(
    v.optional(v.picklist(['trained', 'random']), 'trained'),
    v.title('Hash'),
    hints({
      choices: {
        trained:
          'With the model, through the straight-through estimator (the paper learns it apart)',
        random: 'A random projection from the run’s seed, never changed',
      },
    }),
  ),
  bits: v.pipe(
    v.optional(integer(1, 256), 16),
    v.title('Bits'),
    v.description('b, the length of a code; a token and head cost m d + m b + 2 b d MACs'),
  ),
  anchors: v.pipe(
    v.optional(integer(1, 1024), 25),
    v.title('Anchors'),
    v.description('m, the points that tokens are compared with before they are hashed'),
    hints({ advanced: true }),
  ),
  publicCode: v.pipe(
    v.optional(v.boolean(), false),
    v.title('As the public code'),
    v.description(
      'Adds (b + 1) v of the token itself instead of the sum over all tokens: its rows are no weighted means',
    ),
    hints({ advanced: true }),
  ),
});

const gmmRepo = v.strictObject({ kind: v.literal('gmm_repo') });

const delta = v.strictObject({
  kind: v.literal('delta'),
  reference: v.pipe(
    v.optional(v.picklist(['previous', 'mean']), 'previous'),
    v.title('Reference'),
    hints({
      choices: {
        previous: 'The patch before it, in reading order',
        mean: 'The mean of the image’s patches',
      },
    }),
  ),
  threshold: v.pipe(
    v.optional(real(0, 10), 0.1),
    v.title('Threshold'),
    v.description(
      'Differences below it are set to 0, after LayerNorm, so in standard deviations; 0 loses nothing',
    ),
    hints({ step: 0.05 }),
  ),
});

const attentionKinds = [
  standardAttention,
  gmmFixed,
  mapEm,
  mgk,
  ecoformer,
  gmmRepo,
  delta,
] as const;

const attention = v.pipe(
  v.variant('kind', attentionKinds, (issue) =>
    issue.received === 'undefined'
      ? 'needs a "kind"'
      : `there is no attention ${issue.received}; known: ${attentionKinds.map(({ entries }) => entries.kind.literal).join(', ')}`,
  ),
  v.title('Attention'),
  hints({
    choices: {
      standard: 'softmax(q k / sqrt d) v (Vaswani et al. 2017): the baseline of every comparison',
      gmm_fixed:
        'The paper’s Gaussian mixture over values done right; costs what standard does, the gate n² h more',
      map_em:
        'Probabilistic attention by EM (Movellan and Gabbur 2020); never cheaper than standard',
      mgk: 'Two Gaussian keys per position and half the heads (Nguyen et al. 2022): about 25 % (full) to 50 % (shifted) fewer attention MACs',
      ecoformer:
        'Binary codes instead of queries and keys, linear in the tokens (EcoFormer, Liu et al. 2022)',
      delta:
        'Queries and keys from thresholded differences between patches (after DiVIT, Li et al. 2022); dense hardware saves nothing',
      gmm_repo:
        'The authors’ code as it is, unstable: 1.5 times the attention MACs; needs two heads and gradient clipping',
    },
  }),
);

const train = v.pipe(
  v.strictObject({
    recipe: v.pipe(
      v.optional(v.picklist(['scratch']), 'scratch'),
      v.title('Recipe'),
      hints({ choices: { scratch: 'supervised, from random weights' } }),
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
  }),
  v.title('Training'),
);

const compute = v.pipe(
  v.strictObject({
    engine: v.pipe(
      v.optional(
        v.picklist(['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml', 'tensorflow', 'wasm']),
        'auto',
      ),
      v.title('Engine'),
      hints({
        choices: {
          auto: 'the fastest that works here',
          cpu: 'ONNX Runtime on the processor',
          webgpu: 'ONNX Runtime on any GPU (Vulkan, Metal, Direct3D 12)',
          cuda: 'ONNX Runtime on an NVIDIA GPU; needs npm run setup:cuda',
          dml: 'ONNX Runtime through DirectML, Windows',
          coreml: 'ONNX Runtime through Core ML, macOS',
          tensorflow: 'tfjs-node-gpu, eager; needs npm run setup:tensorflow',
          wasm: 'TensorFlow.js WebAssembly, eager: works everywhere, slowly',
        },
      }),
    ),
    threads: v.pipe(
      v.optional(v.nullable(integer(1, 1024)), null),
      v.title('CPU threads'),
      v.description('Empty: one per core'),
      hints({ advanced: true }),
    ),
  }),
  v.title('Compute'),
);

const energy = v.pipe(
  v.strictObject({
    region: v.pipe(
      v.optional(v.nullable(v.string()), null),
      v.title('Region'),
      v.description(
        'Carbon-intensity preset; empty: the region of the settings, else the world average',
      ),
    ),
    pue: v.pipe(
      v.optional(real(1, 5), 1),
      v.title('PUE'),
      v.description('Power usage effectiveness of the building; 1 for a desk'),
      hints({ advanced: true }),
    ),
    baselineSeconds: v.pipe(
      v.optional(integer(0, 600), 10),
      v.title('Idle baseline'),
      v.description('Measured before the run starts'),
      hints({ unit: 's' }),
    ),
  }),
  v.title('Energy'),
);

const augment = v.pipe(
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

/** Everything that defines a run. Unknown keys are refused, missing ones take their defaults. */
export const experimentConfigSchema = v.pipe(
  v.strictObject({
    name: v.pipe(v.optional(v.pipe(v.string(), v.maxLength(200)), ''), v.title('Name')),
    dataset: v.optional(dataset, { kind: 'greensynth' }),
    model: v.optional(model, {}),
    selection: v.optional(selection, {}),
    attention: v.optional(attention, { kind: 'standard' }),
    augment: v.optional(augment, {}),
    train: v.optional(train, {}),
    compute: v.optional(compute, {}),
    energy: v.optional(energy, {}),
  }),
  v.forward(
    v.check(
      ({ model }) => model.kind !== 'vit' || model.image % model.patch === 0,
      ({ input: { model } }) =>
        model.kind === 'vit'
          ? `a patch of ${model.patch} does not divide an image of ${model.image} pixels; try ${divisorsNear(model.image, model.patch)}`
          : '',
    ),
    ['model', 'patch'],
  ),
  v.forward(
    v.check(
      ({ model, selection }) =>
        model.kind !== 'vit' || selection.keep === null || selection.keep <= patchCount(model),
      ({ input: { model, selection } }) =>
        model.kind === 'vit'
          ? `${selection.keep} patches cannot be kept: the image has only ${patchCount(model)}`
          : '',
    ),
    ['selection', 'keep'],
  ),
  v.forward(
    v.check(
      ({ model, selection }) => model.kind === 'vit' || selection.mode === 'off',
      ({ input: { model } }) =>
        `${model.kind} does not see patches: set patch selection to off, or choose the vit model`,
    ),
    ['selection', 'mode'],
  ),
  v.forward(
    v.check(
      ({ model, attention }) => model.kind === 'vit' || attention.kind === 'standard',
      ({ input: { model } }) =>
        `${model.kind} has no attention to choose: set it to standard, or choose the vit model`,
    ),
    ['attention', 'kind'],
  ),
  v.forward(
    v.check(
      ({ model }) => model.image % imageMultiple(model) === 0,
      ({ input: { model } }) =>
        `${model.kind} halves the image several times: its side must be a multiple of ${imageMultiple(model)}`,
    ),
    ['model', 'image'],
  ),
  v.forward(
    v.check(
      ({ model }) => model.kind !== 'imagesig' || model.image * (model.columns ? 2 : 1) >= 17,
      () => 'the two pools of ImageSig need at least 17 rows',
    ),
    ['model', 'image'],
  ),
  v.forward(
    v.check(
      ({ model, attention }) =>
        attention.kind !== 'mgk' ||
        !attention.halfHeads ||
        model.kind !== 'vit' ||
        model.heads % 2 === 0,
      ({ input: { model } }) =>
        model.kind === 'vit'
          ? `${model.heads} heads cannot be halved: mgk needs an even number`
          : '',
    ),
    ['model', 'heads'],
  ),
  v.forward(
    v.check(
      ({ model, attention }) =>
        attention.kind !== 'gmm_repo' || model.kind !== 'vit' || model.heads > 1,
      () => 'must be at least 2: gmm_repo takes the variance over heads, which one head has not',
    ),
    ['model', 'heads'],
  ),
  v.forward(
    v.check(
      ({ attention, train }) => attention.kind !== 'gmm_repo' || train.clipNorm !== null,
      () =>
        'must be set for gmm_repo, whose outputs are hundreds of times too large; 1 is sensible',
    ),
    ['train', 'clipNorm'],
  ),
  v.forward(
    v.check(
      ({ model, augment }) => model.kind !== 'imagesig' || !(augment.flip || augment.crop > 0),
      () => 'ImageSig computes its signatures once per image: they would not see augmentation',
    ),
    ['augment'],
  ),
  v.forward(
    v.check(
      ({ train }) => train.minLr <= train.lr,
      () => 'is above the learning rate',
    ),
    ['train', 'minLr'],
  ),
);

/** A config as a person writes it: everything may be left out. */
export type ExperimentConfigInput = v.InferInput<typeof experimentConfigSchema>;
/** A complete config. */
export type ExperimentConfig = v.InferOutput<typeof experimentConfigSchema>;
export type ModelConfig = ExperimentConfig['model'];
export type VitModel = Extract<ModelConfig, { kind: 'vit' }>;
export type DatasetConfig = ExperimentConfig['dataset'];
export type AttentionConfig = ExperimentConfig['attention'];
export type AttentionKind = AttentionConfig['kind'];
export type EngineName = Exclude<ExperimentConfig['compute']['engine'], 'auto'>;

/** N = (image / patch)², the patches of one image. */
export const patchCount = (model: { image: number; patch: number }): number =>
  Math.floor(model.image / model.patch) ** 2;

/** k, the patches that are kept: `keep` itself or ceil(keepRatio x N) (method A.5). */
export function keptPatches(config: {
  model: { image: number; patch: number };
  selection: ExperimentConfig['selection'];
}): number {
  const all = patchCount(config.model);
  // 0.7 x 196 is 137.20000000000002 and must not become 139 where it is exact, hence the tolerance
  return config.selection.keep ?? Math.min(all, Math.ceil(config.selection.keepRatio * all - 1e-9));
}

/** The strides of a convolutional model in a row: its image's side is a multiple. */
const imageMultiple = (model: { kind: string }): number =>
  ({ resnet: 4, 'efficientnetv2-micro': 8 })[model.kind] ?? 1;

function divisorsNear(image: number, patch: number): string {
  const divisors = Array.from({ length: image }, (_, i) => i + 1).filter((d) => image % d === 0);
  return divisors
    .sort((a, b) => Math.abs(a - patch) - Math.abs(b - patch))
    .slice(0, 3)
    .join(', ');
}

/** One thing wrong with a config: where (`model.patch`) and what. */
export interface ConfigIssue {
  path: string;
  message: string;
}

/** Checks and completes a config. Never throws. */
export function parseExperimentConfig(
  input: unknown,
): { ok: true; config: ExperimentConfig } | { ok: false; issues: ConfigIssue[] } {
  const lists = listsIn(input);
  if (lists.length > 0) return { ok: false, issues: lists };
  const result = v.safeParse(experimentConfigSchema, input);
  if (result.success) return { ok: true, config: result.output };
  return {
    ok: false,
    issues: result.issues.map((issue) => {
      const path = v.getDotPath(issue) ?? '';
      const last = issue.path?.at(-1);
      if (issue.type === 'strict_object' && issue.expected === 'never')
        return { path, message: `unknown key "${String(last?.key)}"` };
      if (issue.message.startsWith('Invalid type'))
        return { path, message: `must be ${typeWords[issue.expected ?? ''] ?? issue.expected}` };
      return { path, message: issue.message };
    }),
  };
}

const typeWords: Record<string, string> = {
  Object: 'an object in braces: { }',
  string: 'text in quotes',
  number: 'a number',
  boolean: 'true or false',
};

/** A list would pass as an object without a key, that is, as all the defaults. */
function listsIn(input: unknown): ConfigIssue[] {
  const message = 'must be an object in braces, not a list';
  if (Array.isArray(input)) return [{ path: '', message: `a config ${message}` }];
  return Object.entries(input ?? {})
    .filter(([, value]) => Array.isArray(value))
    .map(([path]) => ({ path, message }));
}
