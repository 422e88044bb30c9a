/** The steps from an empty file to the present schema: number n turns version n - 1 into n. */
import { foundation } from './001-foundation.ts';
import { matrices } from './002-matrices.ts';
import { trust } from './003-trust.ts';
import { desk } from './004-desk.ts';
import { totals } from './005-totals.ts';
import { curves } from './006-curves.ts';
import { spent } from './007-spent.ts';
import { checkpoints } from './008-checkpoints.ts';
import { pictures } from './009-pictures.ts';
import { predictions } from './010-predictions.ts';
import { sweeps } from './011-sweeps.ts';
import { example } from './012-example.ts';

export const migrations: readonly string[] = [
  foundation,
  matrices,
  trust,
  desk,
  totals,
  curves,
  spent,
  checkpoints,
  pictures,
  predictions,
  sweeps,
  example,
];
export const schemaVersion = migrations.length;
