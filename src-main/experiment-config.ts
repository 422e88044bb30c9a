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

const dataset = v.pipe(
  v.variant('kind', [greensynth, cifar10, cifar100], (issue) =>
    issue.received === 'undefined'
      ? 'needs a "kind"'
      : `there is no dataset ${issue.received}; known: greensynth, cifar10, cifar100`,
  ),
  v.title('Dataset'),
  hints({
    choices: {
      greensynth: 'Ten shapes on shaded ground, made here from a seed: needs no download',
      cifar10: '60,000 colour images of 32x32 in 10 classes (170 MB download)',
      cifar100: '60,000 colour images of 32x32 in 100 classes (169 MB download)',
    },
  }),
);

const model = v.pipe(
  v.strictObject({
    kind: v.pipe(
      v.optional(v.picklist(['vit']), 'vit'),
      v.title('Model'),
      hints({
        choices: { vit: 'Vision Transformer, pre-LN blocks, mean pooling (paper, section VII)' },
      }),
    ),
    image: v.pipe(
      v.optional(integer(8, 1024), 32),
      v.title('Input side'),
      v.description('Images are resized to this on the device'),
      hints({ unit: 'px' }),
    ),
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
    mlpRatio: v.pipe(
      v.optional(real(0.25, 16), 4),
      v.title('MLP ratio'),
      hints({ advanced: true }),
    ),
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
  }),
  v.title('Model'),
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

const attention = v.pipe(
  v.strictObject({
    kind: v.pipe(
      v.optional(v.picklist(['standard']), 'standard'),
      v.title('Attention'),
      hints({ choices: { standard: 'softmax(q k / sqrt d) v' } }),
    ),
  }),
  v.title('Attention'),
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

/** Everything that defines a run. Unknown keys are refused, missing ones take their defaults. */
export const experimentConfigSchema = v.pipe(
  v.strictObject({
    name: v.pipe(v.optional(v.pipe(v.string(), v.maxLength(200)), ''), v.title('Name')),
    dataset: v.optional(dataset, { kind: 'greensynth' }),
    model: v.optional(model, {}),
    selection: v.optional(selection, {}),
    attention: v.optional(attention, {}),
    train: v.optional(train, {}),
    compute: v.optional(compute, {}),
    energy: v.optional(energy, {}),
  }),
  v.forward(
    v.check(
      ({ model }) => model.image % model.patch === 0,
      ({ input: { model } }) =>
        `a patch of ${model.patch} does not divide an image of ${model.image} pixels; try ${divisorsNear(model.image, model.patch)}`,
    ),
    ['model', 'patch'],
  ),
  v.forward(
    v.check(
      ({ model, selection }) => selection.keep === null || selection.keep <= patchCount(model),
      ({ input: { model, selection } }) =>
        `${selection.keep} patches cannot be kept: the image has only ${patchCount(model)}`,
    ),
    ['selection', 'keep'],
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
export type DatasetConfig = ExperimentConfig['dataset'];
export type EngineName = Exclude<ExperimentConfig['compute']['engine'], 'auto'>;

/** N = (image / patch)², the patches of one image. */
export const patchCount = (model: { image: number; patch: number }): number =>
  Math.floor(model.image / model.patch) ** 2;

/** k, the patches that are kept: `keep` itself or ceil(keepRatio x N) (method A.5). */
export function keptPatches(config: Pick<ExperimentConfig, 'model' | 'selection'>): number {
  const all = patchCount(config.model);
  // 0.7 x 196 is 137.20000000000002 and must not become 139 where it is exact, hence the tolerance
  return config.selection.keep ?? Math.min(all, Math.ceil(config.selection.keepRatio * all - 1e-9));
}

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
