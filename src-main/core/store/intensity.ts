/**
 * Hourly carbon intensity as it was fetched or read from a file, so that runs can be priced without the
 * network. The hours that priced a run are kept with the run as well (`run.pricing`).
 */
import type { Steps } from '../energy/intensity/steps.ts';
import type { ReadableDb } from './database.ts';

/** Steps that begin in an interval, in ms since 1970; the end is left out. */
export function intensitySteps(
  db: ReadableDb,
  provider: string,
  zone: string,
  from: number,
  to: number,
): Steps {
  const rows = db.rows<[number, number]>(
    `select at_ms, g_per_kwh from intensity_hour
     where provider = ? and zone = ? and at_ms >= ? and at_ms < ? order by at_ms`,
    provider,
    zone,
    from,
    to,
  );
  return { at: rows.map(([at]) => at), gPerKwh: rows.map(([, value]) => value) };
}

/** Profiles that were imported, by name. */
export const intensityProfiles = (
  db: ReadableDb,
): {
  provider: string;
  zone: string;
  steps: number;
  first: number;
  last: number;
  meanGPerKwh: number;
}[] =>
  db.all(
    `select provider, zone, count(*) as steps, min(at_ms) as first, max(at_ms) as last,
       avg(g_per_kwh) as meanGPerKwh
     from intensity_hour where provider in ('profile', 'profile-day')
     group by provider, zone order by zone`,
  );
