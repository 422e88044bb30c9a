/** Energy of a run and of its phases, computed from raw joules each time it is asked for. */
import type { Energy, PhaseEnergy, Pricing, Region } from '../../contract.ts';
import { plainPricing, runEnergy, type WallCalibration } from '../energy/account.ts';
import type { ReadableDb } from './database.ts';
import {
  countedOf,
  readingsFor,
  runSeconds,
  segmentsOf,
  type Interval,
  type Segment,
} from './readings.ts';

/** The factor that a run was priced with. */
export function regionOf(db: ReadableDb, run: number): Region | undefined {
  return db.get<Region>(
    `select i.code, i.name, i.kind, i.g_per_kwh as gPerKwh, i.year, i.source, i.basis
     from run r join intensity i on i.id = r.intensity where r.id = ?`,
    run,
  );
}

/**
 * Over the active time of a run, pauses left out. Null before its first start.
 * @param now monotonic µs up to which a running run counts; its last reading where not given.
 */
export function energyOf(db: ReadableDb, run: number, now?: number): Energy | null {
  const segments = segmentsOf(db, run, now);
  const region = regionOf(db, run);
  if (segments.length === 0 || !region) return null;
  const known = db.get<{
    idle: string | null;
    pue: number;
    pricing: string | null;
    wall: string | null;
  }>('select idle, pue, pricing, wall from run where id = ?', run)!;
  const idleWatts = parsed<Record<string, number | null>>(known.idle) ?? {};
  const isCounted = countedOf(db, run);
  const pricing: Pricing = {
    ...plainPricing(region, known.pue),
    ...parsed<Omit<Pricing, 'region' | 'pue'>>(known.pricing),
  };
  const active = segments.map(whole);
  const readings = readingsFor(db, active);
  return runEnergy({
    seconds: segments.reduce((sum, { from, to }) => sum + (to - from), 0) / 1e6,
    components: readings.components.map((info) => {
      const parts = readings.parts(info.key, active);
      return {
        info,
        energy: readings.of(info.key, active),
        idleWatts: idleWatts[info.key] ?? null,
        counted: isCounted(info),
        processJoules: parts.run,
        programJoules: parts.program,
      };
    }),
    pricing,
    wall: parsed<WallCalibration>(known.wall),
  });
}

const parsed = <T>(json: string | null): T | null =>
  json === null ? null : (JSON.parse(json) as T);

const whole = (segment: Segment): Interval => ({
  segment,
  from: segment.from,
  to: segment.to,
});

/** Every phase in order, each with its own energy; one that is still open goes up to now. */
export function phasesOf(db: ReadableDb, run: number): PhaseEnergy[] {
  const segments = new Map(segmentsOf(db, run).map((segment) => [segment.id, segment]));
  const rows = db.all<{
    name: PhaseEnergy['name'];
    epoch: number | null;
    segment: number;
    from: number;
    to: number | null;
  }>(
    `select name, epoch, segment, from_t as "from", to_t as "to" from phase
     where run = ? and segment is not null order by from_t, id`,
    run,
  );
  const intervals = rows.map((row): Interval => {
    const segment = segments.get(row.segment)!;
    return { segment, from: row.from, to: row.to ?? Math.max(row.from, segment.to) };
  });
  const readings = readingsFor(db, intervals);
  const isCounted = countedOf(db, run);
  return rows
    .map(({ name, epoch, to }, i): PhaseEnergy => {
      const interval = intervals[i]!;
      const { segment } = interval;
      return {
        name,
        epoch,
        from: runSeconds({ segment, t: interval.from }),
        to: to === null ? null : runSeconds({ segment, t: to }),
        ...readings.over(interval, isCounted),
      };
    })
    .sort((a, b) => a.from - b.from);
}

/** Cumulative Wh since the start of the run at each moment; null where nothing was read till then. */
export function whAt(
  db: ReadableDb,
  run: number,
  moments: readonly { segment: number; t: number }[],
): (number | null)[] {
  const segments = segmentsOf(db, run);
  const index = new Map(segments.map(({ id }, i) => [id, i]));
  const upTo = moments.map(({ segment, t }): Interval => {
    const own = segments[index.get(segment)!]!;
    return { segment: own, from: own.from, to: Math.max(own.from, t) };
  });
  const readings = readingsFor(db, [...segments.map(whole), ...upTo]);
  const isCounted = countedOf(db, run);
  const before: number[] = [];
  segments.reduce((sum, segment, i) => {
    before[i] = sum;
    return sum + (readings.over(whole(segment), isCounted).wh ?? 0);
  }, 0);
  return upTo.map((interval) => {
    const earlier = before[index.get(interval.segment.id)!]!;
    const { wh } = readings.over(interval, isCounted);
    return wh === null && earlier === 0 ? null : earlier + (wh ?? 0);
  });
}
