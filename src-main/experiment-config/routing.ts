/** Which tokens a block computes for (method E.1, E.2, F.6): routed, pruned or merged. */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';
import { scoredHeuristics } from './selection.ts';

const none = v.strictObject({ kind: v.literal('none') });

const route = v.strictObject({
  kind: v.literal('route'),
  capacity: v.pipe(
    v.optional(real(0.01, 1), 0.5),
    v.title('Capacity'),
    v.description(
      'Share c of the patch tokens that a routed block attends over, ceil(c x patches)',
    ),
    hints({ step: 0.05 }),
  ),
  every: v.pipe(
    v.optional(integer(1, 64), 2),
    v.title('Every how many blocks'),
    v.description('2: blocks 2, 4, 6, ... are routed; the first block never is'),
  ),
  scope: v.pipe(
    v.optional(v.picklist(['attention', 'block']), 'attention'),
    v.title('What is routed'),
    hints({
      choices: {
        attention: 'Attention sees the chosen tokens only, the MLP sees all',
        block: 'Attention and MLP: the other tokens skip the whole block',
      },
    }),
  ),
  heuristic: v.pipe(
    v.optional(v.picklist(['none', ...scoredHeuristics]), 'variance_channel_mean'),
    v.title('Router hint'),
    v.description('Patch score, z-scored per image, that is added to what the router learns'),
    hints({
      choices: {
        none: 'The router alone decides; at the start that is chance',
        variance_channel_mean: 'Variance per channel, then mean',
        variance_luma: 'Variance of luma',
        contrast_guarded: '(max - min) / (max + min + 0.05) of luma',
        contrast: '(max - min + 1e-8) / (max + min)',
        entropy: 'Entropy of the luma histogram, in bits',
      },
    }),
  ),
});

const prune = v.strictObject({
  kind: v.literal('prune'),
  keep: v.pipe(
    v.optional(real(0.05, 1), 0.7),
    v.title('Kept each time'),
    v.description(
      'Share of the patch tokens that go on after 1/4, 1/2 and 3/4 of the layers: 0.7 leaves 0.34 of them',
    ),
    hints({ step: 0.05 }),
  ),
  fuse: v.pipe(
    v.optional(v.boolean(), true),
    v.title('Fused token'),
    v.description('What is dropped goes on as one token, its mean weighted by importance'),
  ),
  warmup: v.pipe(
    v.optional(real(0, 1), 0.1),
    v.title('Epochs before pruning'),
    v.description('Share of the epochs that keep all tokens'),
    hints({ advanced: true }),
  ),
  shrink: v.pipe(
    v.optional(real(0, 1), 0.3),
    v.title('Epochs of shrinking'),
    v.description(
      'Share of the epochs in which the kept tokens fall to their share, in four steps',
    ),
    hints({ advanced: true }),
  ),
});

const merge = v.strictObject({
  kind: v.literal('merge'),
  tokens: v.pipe(
    v.optional(integer(0, 4096), 8),
    v.title('Merged per layer'),
    v.description('r: every layer has so many tokens less; at most half of them can go'),
  ),
});

const routingKinds = [none, route, prune, merge] as const;

export const routing = v.pipe(
  v.variant('kind', routingKinds, (issue) =>
    issue.received === 'undefined'
      ? 'needs a "kind"'
      : `there is no routing ${issue.received}; known: ${routingKinds.map(({ entries }) => entries.kind.literal).join(', ')}`,
  ),
  v.title('Selective activation'),
  hints({
    choices: {
      none: 'Every block computes for every token',
      route:
        'Every second block attends over the tokens a learned router chooses (Mixture-of-Depths, Raposo et al. 2024); saves in training and at inference, no token is lost',
      prune:
        'Drops the tokens that attention looks at least, three times (EViT, Liang et al. 2022, by mean responsibility); saves in training and at inference, once the schedule has begun',
      merge:
        'Averages the most similar tokens of every layer (ToMe, Bolya et al. 2023); saves in training and at inference from the first step',
    },
  }),
);

export type RoutingConfig = v.InferOutput<typeof routing>;
