/** Pruning in the course of a run (method E.3, F.6): heads, MLP neurons, single weights. */
import * as v from 'valibot';
import { hints, real } from './fields.ts';

export const pruning = v.pipe(
  v.strictObject({
    heads: v.pipe(
      v.optional(v.picklist(['off', 'l0', 'importance']), 'off'),
      v.title('Pruning of heads'),
      hints({
        choices: {
          off: 'All heads stay',
          l0: 'A learned gate per head (hard concrete, Louizos et al. 2018); what closes is cut out after the epoch, so steps get cheaper then',
          importance:
            'The heads whose removal changes the loss least (Michel et al. 2019) are cut out by the schedule below: a few batches of gradients each time',
        },
      }),
    ),
    l0Penalty: v.pipe(
      v.optional(real(0, 1), 1e-3),
      v.title('Penalty per open gate'),
      v.description('λ₀ of l0: added to the loss for every head that is probably open'),
      hints({ step: 0.001 }),
    ),
    headShare: v.pipe(
      v.optional(real(0, 0.95), 0.5),
      v.title('Share of heads removed'),
      v.description('By importance, over all layers together; each layer keeps one at least'),
      hints({ step: 0.05 }),
    ),
    neurons: v.pipe(
      v.optional(real(0, 0.95), 0),
      v.title('Share of MLP neurons removed'),
      v.description(
        'In every layer those with the smallest |row of W1| x |column of W2|; the matrices get smaller; 0: off',
      ),
      hints({ step: 0.05 }),
    ),
    magnitude: v.pipe(
      v.optional(real(0, 0.99), 0),
      v.title('Share of weights set to 0'),
      v.description(
        'The smallest of all matrices together; 0: off. Saves no energy on dense kernels, which multiply zeros as any number',
      ),
      hints({ step: 0.05 }),
    ),
    start: v.pipe(
      v.optional(real(0, 1), 0.2),
      v.title('Pruning starts'),
      v.description('Share of the epochs before; l0 has no schedule'),
      hints({ advanced: true }),
    ),
    end: v.pipe(
      v.optional(real(0, 1), 0.7),
      v.title('Pruning ends'),
      v.description(
        'Share of the epochs after which all shares are reached: most early (cubic), in at most five steps, since each compiles the model anew',
      ),
      hints({ advanced: true }),
    ),
  }),
  v.title('Pruning'),
);

export type PruningConfig = v.InferOutput<typeof pruning>;

/** Whether a run takes anything away. */
export const prunes = ({ heads, headShare, neurons, magnitude }: PruningConfig): boolean =>
  heads === 'l0' || (heads === 'importance' && headShare > 0) || neurons > 0 || magnitude > 0;
