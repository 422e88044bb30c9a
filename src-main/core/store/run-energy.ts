/** Energy of a run and of its phases, computed from raw joules each time it is asked for. */
import type { Energy, PhaseEnergy, Pricing } from '../../contract.ts';
import { joulesPerWh, runEnergy, type WallCalibration } from '../energy/account.ts';
import { endOf, weightedIntensity } from '../energy/intensity/steps.ts';
import type { ReadableDb } from './database.ts';
import { pricingOf } from './pricing.ts';
import {
  countedOf,
  plus,
  readingsFor,
  runSeconds,
  segmentsOf,
  utcOf,
  type Interval,
  type RunReadings,
  type Segment,
} from './readings.ts';

/**
 * Over the active time of a run, pauses left out. Null before its first start.
 * @param now monotonic µs up to which a running run counts; its last reading where not given.
 */
export const energyOf = (db: ReadableDb, run: number, now?: number): Energy | null =>
  energyOver(db, run, segmentsOf(db, run, now));

/** Of one stretch of activity alone. */
export const energyOfSegment = (db: ReadableDb, run: number, id: number): Energy | null =>
  energyOver(
    db,
    run,
    segmentsOf(db, run).filter((segment) => segment.id === id),
  );

function energyOver(db: ReadableDb, run: number, segments: readonly Segment[]): Energy | null {
  const pricing = pricingOf(db, run);
  if (segments.length === 0 || !pricing) return null;
  const known = db.get<{
    idle: string | null;
    wall: string | null;
  }>('select idle, wall from run where id = ?', run)!;
  const idleWatts = parsed<Record<string, number | null>>(known.idle) ?? {};
  const isCounted = countedOf(db, run);
  const active = segments.map(whole);
  const hours = hoursOf(segments, pricing);
  const readings = readingsFor(db, [...active, ...hours]);
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
    hourly: hourlyMean(segments, pricing, readings, isCounted),
    wall: parsed<WallCalibration>(known.wall),
  });
}

/** Monotonic µs of a moment in ms since 1970, on a segment's clock. */
const microsOf = (segment: Segment, utc: number): number =>
  segment.from + (utc - segment.utcMs) * 1000;

/** The moments of a segment, in ms since 1970. */
const timesOf = (segment: Segment): { from: number; to: number } => ({
  from: segment.utcMs,
  to: utcOf({ segment, t: segment.to }),
});

/** Between `from` and `to`, in ms since 1970, and no further than the segment. */
const cut = (segment: Segment, from: number, to: number): Interval => ({
  segment,
  from: Math.max(segment.from, microsOf(segment, from)),
  to: Math.min(segment.to, microsOf(segment, to)),
});

/** The segments cut at the edges of the hours that price them: readings are needed there. */
function hoursOf(segments: readonly Segment[], { hourly }: Pricing): Interval[] {
  if (!hourly) return [];
  return segments.flatMap((segment) =>
    hourly.at
      .map((start, i) => cut(segment, start, endOf(hourly, i)))
      .filter(({ from, to }) => from < to),
  );
}

/** Energy-weighted mean over the hours; null where the run is not priced by the hour. */
function hourlyMean(
  segments: readonly Segment[],
  { hourly, region }: Pricing,
  readings: RunReadings,
  isCounted: ReturnType<typeof countedOf>,
): { gPerKwh: number; coverage: number } | null {
  if (!hourly) return null;
  const own = readings.components.filter(isCounted);
  return weightedIntensity(hourly, segments.map(timesOf), region.gPerKwh, (i, from, to) => {
    const interval = cut(segments[i]!, from, to);
    const joules = own.reduce<number | null>(
      (sum, { key }) => plus(sum, readings.of(key, [interval]).joules),
      null,
    );
    return joules === null ? null : joules / joulesPerWh;
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
    images: number | null;
  }>(
    `select p.name, p.epoch, p.segment, from_t as "from", to_t as "to",
       coalesce(
         (select nullif(count(*), 0) * json_extract(r.config, '$.train.batch') from metric m
           where m.run = p.run and m.segment = p.segment and m.t > p.from_t
             and m.t <= ifnull(p.to_t, 9e999)),
         (select json_extract(e.result, '$.images') from evaluation e
           where e.run = p.run and e.segment = p.segment and e.t >= p.from_t
             and e.split = case p.name when 'evaluate' then 'validation' when 'test' then 'test' end
             and e.epoch = ifnull(p.epoch, e.epoch)
           order by e.t limit 1)
       ) as images
     from phase p join run r on r.id = p.run
     where p.run = ? and p.segment is not null order by from_t, p.id`,
    run,
  );
  const intervals = rows.map((row): Interval => {
    const segment = segments.get(row.segment)!;
    return { segment, from: row.from, to: row.to ?? Math.max(row.from, segment.to) };
  });
  const readings = readingsFor(db, intervals);
  const isCounted = countedOf(db, run);
  return rows
    .map(({ name, epoch, to, images }, i): PhaseEnergy => {
      const interval = intervals[i]!;
      const { segment } = interval;
      return {
        name,
        epoch,
        from: runSeconds({ segment, t: interval.from }),
        to: to === null ? null : runSeconds({ segment, t: to }),
        ...readings.over(interval, isCounted),
        images,
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
