/** What a run may take at most; it decides when a run ends, and nothing of how it trains. */
import * as v from 'valibot';
import { hints, real } from './fields.ts';

export const budget = v.pipe(
  v.strictObject({
    wh: v.pipe(
      v.optional(v.nullable(real(0.0001, 1e9)), null),
      v.title('Energy'),
      v.description('Of all components that are read, without PUE; earlier parts of a run count'),
      hints({ unit: 'Wh', empty: 'no limit' }),
    ),
    gCO2e: v.pipe(
      v.optional(v.nullable(real(0.0001, 1e9)), null),
      v.title('Emissions'),
      v.description('With PUE, at the carbon intensity of the run'),
      hints({ unit: 'gCO2e', empty: 'no limit' }),
    ),
    minutes: v.pipe(
      v.optional(v.nullable(real(0.01, 1e6)), null),
      v.title('Time'),
      v.description('Active time, without the idle baseline before it'),
      hints({ unit: 'min', empty: 'no limit' }),
    ),
    atLimit: v.pipe(
      v.optional(v.picklist(['stop', 'warn']), 'stop'),
      v.title('At the limit'),
      hints({
        choices: {
          stop: 'ends with a checkpoint; a larger budget resumes it',
          warn: 'says so, and goes on',
        },
        advanced: true,
      }),
    ),
    warnPercent: v.pipe(
      v.optional(real(1, 100), 80),
      v.title('Warn at'),
      v.description('Also as soon as the expected end lies beyond the limit'),
      hints({ unit: '%', advanced: true }),
    ),
  }),
  v.title('Budget'),
);
