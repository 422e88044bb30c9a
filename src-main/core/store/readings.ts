/**
 * The readings behind a run's energy.
 *
 * Counters are cumulative, so energy between moments needs only the readings around those moments and
 * around gaps, however many lie between: a month of samples costs as much as a minute. The sums are
 * `EnergyAccount`'s; this file fetches what it needs and maps the run's own clock to the machine's.
 */
import type { ComponentKind, PowerComponent, Provenance } from '../../contract.ts';
import { EnergyAccount, joulesPerWh, type IntervalEnergy } from '../energy/account.ts';
import type { ReadableDb } from './database.ts';

/** A stretch in which a run was active. */
export interface Segment {
  id: number;
  launch: number;
  /** Monotonic microseconds; `to` of a running segment is now. */
  from: number;
  to: number;
  open: boolean;
  /** Wall clock at `from`, ms. */
  utcMs: number;
  /** Active microseconds of the run before `from`. */
  before: number;
}

/** A moment in a run, or an interval of one; the segment says on which boot's clock. */
export interface Moment {
  segment: Segment;
  t: number;
}
export interface Interval {
  segment: Segment;
  from: number;
  to: number;
}

/** A component in one session of the meter. */
export interface ComponentRow extends PowerComponent {
  id: number;
  session: number;
  micros: number;
  utcMs: number;
}

/** Seconds of the run's own clock: pauses do not count, the baseline is negative. */
export const runSeconds = ({ segment, t }: Moment): number =>
  (segment.before + t - segment.from) / 1e6;

/** Milliseconds since 1970. */
export const utcOf = ({ segment, t }: Moment): number => segment.utcMs + (t - segment.from) / 1000;

/** In order. A running segment ends at `now`, else at its last reading. */
export function segmentsOf(db: ReadableDb, run: number, now?: number): Segment[] {
  const rows = db.all<Omit<Segment, 'to' | 'open'> & { to: number | null }>(
    `select id, launch, from_t as "from", to_t as "to", utc_ms as utcMs, before_us as before
     from segment where run = ? order by id`,
    run,
  );
  return rows.map((row) => ({
    ...row,
    open: row.to === null,
    to: row.to ?? Math.max(row.from, now ?? lastReading(db, row.launch) ?? row.from),
  }));
}

function lastReading(db: ReadableDb, launch: number): number | null {
  return db.get<{ t: number | null }>(
    `select max((select max(t) from power_sample p where p.component = c.id)) as t
     from component c join session s on s.id = c.session where s.launch = ?`,
    launch,
  )!.t;
}

/** Every component that was announced in a launch, in order of sessions. */
export const componentsOf = (db: ReadableDb, launch: number): ComponentRow[] =>
  db.all<ComponentRow>(
    `select c.id, c.session, s.micros, s.utc_ms as utcMs, c.key, c.kind, c.name, c.source,
       c.provenance, c.uncertainty_percent as uncertaintyPercent,
       c.uncertainty_watts as uncertaintyWatts, c.method
     from component c join session s on s.id = c.session where s.launch = ?
     order by s.id, c.id`,
    launch,
  );

/**
 * Which components are a run's, as it was stored at its start (`counted`: keys, null: all). Only cards are told
 * apart: processor and memory serve every run, also where their source and key change on the way.
 */
export function countedOf(
  db: ReadableDb,
  run: number,
): (component: { key: string; kind: ComponentKind }) => boolean {
  const { counted } = db.get<{ counted: string | null }>(
    'select counted from run where id = ?',
    run,
  ) ?? { counted: null };
  const keys = counted === null ? null : new Set(JSON.parse(counted) as string[]);
  return ({ key, kind }) => keys === null || kind !== 'gpu' || keys.has(key);
}

/** Answers for the energy of intervals of one run. */
export interface RunReadings {
  components: PowerComponent[];
  /** Of one component over some intervals together. */
  of(key: string, intervals: readonly Interval[]): IntervalEnergy;
  /**
   * The joules of it that fall to the run's processes and to this program; null where that is not known of
   * all that was read.
   */
  parts(
    key: string,
    intervals: readonly Interval[],
  ): { run: number | null; program: number | null };
  /** Sum over the components that were read and are the run's, Wh, in all and by kind; null where none was. */
  over(
    interval: Interval,
    isCounted: (component: PowerComponent) => boolean,
  ): {
    wh: number | null;
    byKind: Partial<Record<ComponentKind, number | null>>;
  };
}

const least: Provenance[] = ['metered', 'counted', 'integrated', 'modelled', 'constant'];

/**
 * Fetches what is needed to account for these intervals, and only for these.
 * @param only key of the one component that is wanted; all where not given
 */
export function readingsFor(
  db: ReadableDb,
  intervals: readonly Interval[],
  only?: string,
): RunReadings {
  const infos = new Map<string, PowerComponent>();
  const accounts = new Map<string, Accounts>();
  for (const [launch, own] of Map.groupBy(intervals, ({ segment }) => segment.launch)) {
    const stamps = [...new Set(own.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
    const extents = extentsOf(db, launch);
    for (const [key, rows] of Map.groupBy(componentsOf(db, launch), ({ key }) => key)) {
      if (only !== undefined && key !== only) continue;
      accounts.set(`${launch} ${key}`, accountsOf(db, rows, extents, stamps));
      for (const row of rows) {
        const known = infos.get(key);
        // one name for a component whose source changed: the less certain of the two
        if (!known || least.indexOf(row.provenance) >= least.indexOf(known.provenance))
          infos.set(key, powerComponent(row));
      }
    }
  }

  const components = [...infos.values()];
  const of = (key: string, intervals: readonly Interval[]): IntervalEnergy =>
    together(
      intervals.map(({ segment, from, to }) => ({
        length: to - from,
        energy: accounts.get(`${segment.launch} ${key}`)?.all.between(from, to) ?? nothing,
      })),
    );
  const part = (key: string, intervals: readonly Interval[], whose: Part): number | null => {
    let joules: number | null = null;
    for (const { segment, from, to } of intervals) {
      const own = accounts.get(`${segment.launch} ${key}`);
      if (!own || own.all.between(from, to).joules === null) continue;
      const known = own[whose]?.between(from, to).joules ?? null;
      if (known === null) return null;
      joules = plus(joules, known);
    }
    return joules;
  };
  return {
    components,
    of,
    parts: (key, intervals) => ({
      run: part(key, intervals, 'run'),
      program: part(key, intervals, 'program'),
    }),
    over(interval, isCounted) {
      const byKind: Partial<Record<ComponentKind, number | null>> = {};
      let wh: number | null = null;
      for (const component of components) {
        if (!isCounted(component)) continue;
        const { key, kind } = component;
        const { joules } = of(key, [interval]);
        const own = joules === null ? null : joules / joulesPerWh;
        byKind[kind] = plus(byKind[kind] ?? null, own);
        wh = plus(wh, own);
      }
      return { wh, byKind };
    },
  };
}

const nothing: IntervalEnergy = { joules: null, coverage: 0, gaps: 0 };

/** Null only when both are. */
export const plus = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : a + b;

function together(parts: { length: number; energy: IntervalEnergy }[]): IntervalEnergy {
  let joules: number | null = null;
  let [length, covered, gaps] = [0, 0, 0];
  for (const part of parts) {
    joules = plus(joules, part.energy.joules);
    length += part.length;
    covered += part.energy.coverage * part.length;
    gaps += part.energy.gaps;
  }
  return { joules, coverage: length > 0 ? covered / length : 0, gaps };
}

export const powerComponent = (row: ComponentRow): PowerComponent => ({
  key: row.key,
  kind: row.kind,
  name: row.name,
  source: row.source,
  provenance: row.provenance,
  uncertaintyPercent: row.uncertaintyPercent,
  uncertaintyWatts: row.uncertaintyWatts,
  method: row.method,
});

type Part = 'run' | 'program';

/** One component's energy, and the parts of it; null where a reading does not know its part. */
interface Accounts extends Record<Part, EnergyAccount | null> {
  all: EnergyAccount;
}

function accountsOf(
  db: ReadableDb,
  rows: ComponentRow[],
  extents: ReadonlyMap<number, Extent>,
  stamps: readonly number[],
): Accounts {
  const accounts: Accounts = {
    all: new EnergyAccount(),
    run: new EnergyAccount(),
    program: new EnergyAccount(),
  };
  let last = -Infinity;
  for (const { id, session } of rows) {
    // a session that overlaps the one before counts from that one's end
    const found = around(db, id, extents.get(id), stamps).filter(([t]) => t > last);
    last = found.at(-1)?.[0] ?? last;
    const t = found.map(([t]) => t);
    const flags = found.map(([, , flags]) => flags);
    accounts.all.append(String(session), { t, joules: found.map(([, joules]) => joules), flags });
    for (const [part, column] of [
      ['run', 3],
      ['program', 4],
    ] as const)
      if (found.some((row) => row[1] !== null && row[column] === null)) accounts[part] = null;
      else
        accounts[part]?.append(String(session), {
          t,
          joules: found.map((row) => row[column]),
          flags,
        });
  }
  return accounts;
}

interface Extent {
  first: number;
  last: number;
}
type Reading = [
  t: number,
  joules: number | null,
  flags: number,
  run: number | null,
  program: number | null,
];
const ofReading = 't, joules, flags, run_joules, program_joules';

/**
 * The readings before and after each stamp, and each gap between them with its two edges, in order of time.
 * @param stamps ascending
 */
function around(
  db: ReadableDb,
  component: number,
  extent: Extent | undefined,
  stamps: readonly number[],
): Reading[] {
  const [from, to] = [stamps[0], stamps.at(-1)];
  if (from === undefined || to === undefined || !extent) return [];
  const gaps = db.rows<Reading>(
    `select ${ofReading} from power_sample indexed by power_gap
     where component = ? and flags & 1 and t >= ? and t <= ?`,
    component,
    from,
    to,
  );
  if (gaps.length === 0 && (to < extent.first || from > extent.last))
    return db.rows<Reading>(
      `select ${ofReading} from power_sample where component = ? and t = ?`,
      component,
      to < extent.first ? extent.first : extent.last,
    );
  const atGaps = gaps.map(([t]) => t);
  const found = db.rows<Reading>(
    `with
       mark (t) as (select value from json_each(@marks)),
       needed (t) as (
         select (select max(p.t) from power_sample p
                 where p.component = @component and p.joules is not null and p.t <= mark.t) from mark
         union
         select (select min(p.t) from power_sample p
                 where p.component = @component and p.joules is not null and p.t > mark.t) from mark
         union
         select (select max(p.t) from power_sample p
                 where p.component = @component and p.joules is not null and p.t < gap.value)
         from json_each(@gaps) gap)
     select ${ofReading} from power_sample
     where component = @component and t in (select t from needed) order by t`,
    {
      component,
      marks: JSON.stringify([...telling(stamps, extent), ...atGaps]),
      gaps: JSON.stringify(atGaps),
    },
  );
  if (gaps.length === 0) return found;
  const all = new Map([...found, ...gaps].map((reading) => [reading[0], reading]));
  return [...all.values()].sort(([a], [b]) => a - b);
}

/** First and last reading of every component of a launch that was read at all, µs. */
const extentsOf = (db: ReadableDb, launch: number): Map<number, Extent> =>
  new Map(
    db
      .rows<[number, number | null, number | null]>(
        `select c.id,
           (select min(t) from power_sample where component = c.id and joules is not null),
           (select max(t) from power_sample where component = c.id and joules is not null)
         from component c join session s on s.id = c.session where s.launch = ?`,
        launch,
      )
      .flatMap(([id, first, last]) =>
        first === null || last === null ? [] : [[id, { first, last }] as const],
      ),
  );

/**
 * Of all stamps before the first reading, or after the last, one says the same as all: a launch has components
 * of many sessions, most of which were not read in the time of one run.
 */
function telling(stamps: readonly number[], { first, last }: Extent): readonly number[] {
  const begin = stamps.findLastIndex((t) => t < first);
  const end = stamps.findIndex((t) => t > last);
  return stamps.slice(Math.max(0, begin), end < 0 ? stamps.length : end + 1);
}
