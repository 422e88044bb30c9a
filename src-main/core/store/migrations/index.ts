/** The steps from an empty file to the present schema: number n turns version n - 1 into n. */
import { foundation } from './001-foundation.ts';
import { matrices } from './002-matrices.ts';
import { trust } from './003-trust.ts';
import { desk } from './004-desk.ts';
import { totals } from './005-totals.ts';
import { sweeps } from './011-sweeps.ts';

export const migrations: readonly string[] = [foundation, matrices, trust, desk, totals, sweeps];
export const schemaVersion = migrations.length;
