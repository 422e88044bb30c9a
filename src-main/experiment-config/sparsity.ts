/**
 * Sparsity regularisation of attention weights (method D).
 *
 * L1 on the weights is not offered: a row of softmax sums to 1, whatever its entries, so the penalty is constant and
 * its gradient 0. L1 on the scores before softmax is not offered either: it pulls rows towards uniform.
 */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';

export const sparsity = v.pipe(
  v.strictObject({
    lambda: v.pipe(
      v.optional(real(0, 1), 0),
      v.title('Weight of the penalty'),
      v.description(
        'λ, 0: off; 0.01 is sensible, 0.001 to 0.1 usual. Sparse weights save nothing by themselves: they are to make token pruning (selective activation: prune) surer of what it may drop',
      ),
      hints({ step: 0.005 }),
    ),
    form: v.pipe(
      v.optional(v.picklist(['entropy', 'gini', 'hoyer']), 'entropy'),
      v.title('Penalty'),
      v.description(
        'L1 is no choice: a row of attention weights sums to 1 whatever its entries, so L1 is constant',
      ),
      hints({
        choices: {
          entropy:
            'Entropy of a row / log n: 1 where uniform, 0 where one key has all; one log per weight',
          gini: '1 - Σ a²: one square per weight, the cheapest, and without a log',
          hoyer:
            '1 - Hoyer’s sparsity (√n - 1 / |a|₂) / (√n - 1): does not depend on n; a root per row',
        },
      }),
    ),
    warmup: v.pipe(
      v.optional(real(0, 1), 0.2),
      v.title('Warm-up of the penalty'),
      v.description(
        'Share of all steps in which λ climbs from 0: sparse too early, attention stops learning',
      ),
      hints({ advanced: true }),
    ),
    every: v.pipe(
      v.optional(integer(1, 1000), 4),
      v.title('Every how many steps'),
      v.description(
        'Computed in these steps only, times as strong, for one layer that is drawn anew each epoch: a program of its own with a gradient through n² weights per head',
      ),
      hints({ unit: 'steps', advanced: true }),
    ),
  }),
  v.title('Sparsity of attention'),
);

export type SparsityConfig = v.InferOutput<typeof sparsity>;
