/** The attention variants (method C, F): one entry each. */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';

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

/** η of the maximum-likelihood loss (method C.6). */
const likelihood = v.pipe(
  v.optional(real(0, 0.01), 0),
  v.title('Likelihood weight'),
  v.description(
    'η: adds η times the mean -log p(q) of unit-length queries to the training loss; h n² d more MACs per layer while training; 0: off',
  ),
  hints({ step: 0.001, advanced: true }),
);

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
  likelihood,
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
  likelihood,
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
    v.optional(v.picklist(['learned', 'trained', 'random']), 'learned'),
    v.title('Hash'),
    hints({
      choices: {
        learned:
          'As in the paper: from near and far tokens of the first batch, before the first step; takes seconds',
        trained: 'With the model, through the straight-through estimator; not in the paper',
        random: 'A random projection from the run’s seed, never changed',
      },
    }),
  ),
  refreshEvery: v.pipe(
    v.optional(integer(0, 100_000), 0),
    v.title('Learn again every'),
    v.description('Learns a learned hash again from a batch of that epoch; 0: only once'),
    hints({ unit: 'epochs', advanced: true }),
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
    v.optional(v.picklist(['previous', 'serpentine', 'mean']), 'previous'),
    v.title('Reference'),
    hints({
      choices: {
        previous: 'The patch before it, in reading order',
        serpentine: 'The patch before it, every other row read backwards: always a neighbour',
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

export const attention = v.pipe(
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

/** Whether an attention can weigh its keys by sizes (ToMe's proportional attention). */
export function takesSizes(config: v.InferOutput<typeof attention>): boolean {
  switch (config.kind) {
    case 'standard':
      return config.normaliser === 'softmax';
    case 'gmm_fixed':
      return !config.gate;
    case 'map_em':
      return config.keyIterations === 0;
    default:
      return false;
  }
}

type DeltaAttention = Extract<v.InferOutput<typeof attention>, { kind: 'delta' }>;
export type DeltaReference = DeltaAttention['reference'];

/** Tokens from the front that are their own reference: the class token, and in a row the first patch. */
export const deltaOwn: Record<DeltaReference, number> = { previous: 2, serpentine: 2, mean: 1 };
