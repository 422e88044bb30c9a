/** Patch selection (method B): scores, sampling, schedule. */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';

/** Scores that tell patches apart; `random` is the control arm beside them. */
export const scoredHeuristics = [
  'variance_channel_mean',
  'variance_luma',
  'contrast_guarded',
  'contrast',
  'entropy',
] as const;
export type ScoredHeuristic = (typeof scoredHeuristics)[number];

export const selection = v.pipe(
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
      v.optional(v.picklist([...scoredHeuristics, 'conv', 'random']), 'variance_channel_mean'),
      v.title('Heuristic'),
      hints({
        choices: {
          variance_channel_mean: 'Variance per channel, then mean (authors)',
          variance_luma: 'Variance of luma',
          contrast_guarded: '(max - min) / (max + min + 0.05) of luma',
          contrast: '(max - min + 1e-8) / (max + min), the paper’s formula',
          entropy: 'Entropy of the luma histogram, in bits',
          conv: 'Learned: one linear score of the pixels, trained with the model; N C p² MACs. It tells bright from dark and one colour from another, not contrast of either sign',
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
    temperature: v.pipe(
      v.optional(real(0.01, 100), 1),
      v.title('Score temperature'),
      v.description('τ of softmax(s / τ), by which conv draws: the larger, the more alike'),
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
