/** What runs of this computer have taken, by when: the ledger behind the queue's budget. */
import type { ReadableDb, WritableDb } from './database.ts';
import { energyOfSegment } from './run-energy.ts';

export interface Spent {
  /** Active time. */
  seconds: number;
  /** Null where nothing was read. */
  wh: number | null;
  gCO2e: number | null;
  /** Active time without any reading. */
  unreadSeconds: number;
}

/** Since a moment, ms since 1970; of a stretch that had begun before, its part by time. */
export function spentSince(db: ReadableDb, since: number): Spent {
  return db.get<Spent>(
    `with part as (
       select (to_ms - max(from_ms, @since)) / 1000 as seconds,
         (to_ms - max(from_ms, @since)) / max(to_ms - from_ms, 1e-6) as share, wh, g_co2e
       from spent where to_ms > @since)
     select coalesce(sum(seconds), 0) as seconds, sum(wh * share) as wh, sum(g_co2e * share) as gCO2e,
       coalesce(sum(iif(wh is null, seconds, 0)), 0) as unreadSeconds
     from part`,
    { since },
  )!;
}

/** Enters the stretch of a run that has just ended, from one moment to another, ms since 1970. */
export function enterSpent(
  db: WritableDb,
  run: number,
  { segment, from, to }: { segment: number; from: number; to: number },
): void {
  const energy = energyOfSegment(db, run, segment);
  db.run(
    'insert into spent (run, from_ms, to_ms, wh, g_co2e) values (?, ?, ?, ?, ?)',
    run,
    from,
    to,
    energy?.wh ?? null,
    energy?.emissions.gCO2e ?? null,
  );
}
