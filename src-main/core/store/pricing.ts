/** How a run is priced, and when it took its energy. */
import type { Pricing, Region } from '../../contract.ts';
import { plainPricing } from '../energy/account.ts';
import type { ReadableDb } from './database.ts';
import { segmentsOf, utcOf } from './readings.ts';

/** Region, PUE and all else that prices a run; null where the run is not there or has no region. */
export function pricingOf(db: ReadableDb, run: number): Pricing | null {
  const row = db.get<Region & { pue: number; pricing: string | null }>(
    `select i.code, i.name, i.kind, i.g_per_kwh as gPerKwh, i.year, i.source, i.basis, r.pue, r.pricing
     from run r join intensity i on i.id = r.intensity where r.id = ?`,
    run,
  );
  if (!row) return null;
  const { pue, pricing, ...region } = row;
  return {
    ...plainPricing(region, pue),
    ...(pricing === null ? {} : (JSON.parse(pricing) as Omit<Pricing, 'region' | 'pue'>)),
  };
}

/** The active time of a run, in ms since 1970; that of a running one up to its last reading. */
export const activeTimes = (db: ReadableDb, run: number): { from: number; to: number }[] =>
  segmentsOf(db, run).map((segment) => ({
    from: segment.utcMs,
    to: utcOf({ segment, t: segment.to }),
  }));
