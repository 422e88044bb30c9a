/** What the samples of a run say beside energy: how many, how many gaps, how busy the machine was. */
import type { ComponentKind, RunDetail } from '../../contract.ts';
import type { ReadableDb } from './database.ts';
import { componentsOf, countedOf, readingsFor, segmentsOf, type Segment } from './readings.ts';

export interface SampleFacts {
  /** Per component: of the one that was sampled most. */
  samples: number;
  /** Stretches without readings, of the component that has most of them. */
  gaps: number;
  load?: RunDetail['circumstances']['load'];
}

/**
 * What was counted of runs that go on, by segment and component: a page asks again and again, and only
 * the samples since then are counted anew.
 */
const counted = new Map<string, KindFacts>();

/** How many samples there are of a run's active time, and their means. */
export function sampleFacts(db: ReadableDb, id: number): SampleFacts {
  const segments = segmentsOf(db, id);
  // what happens on a card that is not the run's says nothing about it
  const isCounted = countedOf(db, id);
  const rows = segments.flatMap(({ id: segment, launch, from, to, open }) =>
    componentsOf(db, launch)
      .filter(isCounted)
      .map(({ id: component, key: name, kind }) => {
        const key = `${segment} ${component}`;
        // the end may lie before samples that were counted meanwhile: then all are counted anew
        const known = open ? counted.get(key) : undefined;
        const before = known ?? { ...nothingYet, name, kind, upTo: from };
        const now = withLater(db, component, before, to);
        // what has ended is written into the run's row
        if (open) counted.set(key, now);
        else counted.delete(key);
        return now;
      }),
  );
  return { ...summed(rows), gaps: gapsOf(db, segments, isCounted) };
}

/** A sample that is due at an edge may come this much later: twice the slowest rate's period. */
const edgeMicros = 4e6;

/**
 * Gaps that the meter flagged, holes between its sessions, and what was not read at either end of a
 * segment.
 */
function gapsOf(
  db: ReadableDb,
  segments: readonly Segment[],
  isCounted: ReturnType<typeof countedOf>,
): number {
  const moments = segments.map((segment) => {
    const { from, to } = segment;
    const at = (t: number) => ({ segment, from: t, to: t });
    const edges =
      to - from > 2 * edgeMicros
        ? [at(from + edgeMicros), at(to - edgeMicros)]
        : [at((from + to) / 2)];
    return { whole: { segment, from, to }, edges };
  });
  const readings = readingsFor(
    db,
    moments.flatMap(({ whole, edges }) => [whole, ...edges]),
  );
  const most = readings.components.filter(isCounted).map(({ key }) =>
    moments.reduce((sum, { whole, edges }) => {
      const inside = readings.of(key, [whole]);
      if (inside.joules === null) return sum + Math.max(whole.to > whole.from ? 1 : 0, inside.gaps);
      const unread = edges.filter((edge) => {
        const { joules, gaps } = readings.of(key, [edge]);
        return joules === null && gaps === 0;
      });
      return sum + inside.gaps + unread.length;
    }, 0),
  );
  return Math.max(0, ...most);
}

/** Adds the samples after `before.upTo`, the one at the very start included. */
function withLater(db: ReadableDb, component: number, before: KindFacts, to: number): KindFacts {
  const later = db.get<Counts & { last: number | null }>(
    `select count(*) as samples, total(flags & 2 <> 0) as otherUsers,
       total(flags & 4 <> 0) as throttled, total(util_percent) as util,
       count(util_percent) as utils, total(memory_mb) as memory, count(memory_mb) as memories,
       max(t) as last
     from power_sample
     where component = @component and t <= @to and (t > @upTo or (t = @upTo and @fresh))`,
    { component, to, upTo: before.upTo, fresh: before.samples === 0 ? 1 : 0 },
  )!;
  const sums = Object.fromEntries(
    counts.map((name) => [name, before[name] + later[name]]),
  ) as unknown as Counts;
  return { ...sums, name: before.name, kind: before.kind, upTo: later.last ?? before.upTo };
}

function summed(rows: KindFacts[]): Omit<SampleFacts, 'gaps'> {
  const total = (of: KindFacts[], column: keyof Counts) =>
    of.reduce((sum, row) => sum + row[column], 0);
  // a component has a row per session of the meter
  const perComponent = [...Map.groupBy(rows, ({ name }) => name).values()];
  const facts = { samples: Math.max(0, ...perComponent.map((of) => total(of, 'samples'))) };
  if (facts.samples === 0) return facts;
  const ratio = (a: number, b: number): number | null => (b > 0 ? a / b : null);
  const load: NonNullable<SampleFacts['load']> = {
    utilPercent: {},
    memoryMb: {},
    foreignShare: null,
    throttledShare: null,
  };
  const read = rows.filter(({ samples }) => samples > 0);
  for (const [kind, of] of Map.groupBy(read, ({ kind }) => kind)) {
    load.utilPercent[kind] = ratio(total(of, 'util'), total(of, 'utils'));
    load.memoryMb[kind] = ratio(total(of, 'memory'), total(of, 'memories'));
    if (kind !== 'gpu') continue;
    load.foreignShare = ratio(total(of, 'otherUsers'), total(of, 'samples'));
    load.throttledShare = ratio(total(of, 'throttled'), total(of, 'samples'));
  }
  return { ...facts, load };
}

const counts = [
  'samples',
  'otherUsers',
  'throttled',
  'util',
  'utils',
  'memory',
  'memories',
] as const;
type Counts = Record<(typeof counts)[number], number>;

interface KindFacts extends Counts {
  name: string;
  kind: ComponentKind;
  /** Time of the last sample that is counted. */
  upTo: number;
}

const nothingYet: Counts = {
  samples: 0,
  otherUsers: 0,
  throttled: 0,
  util: 0,
  utils: 0,
  memory: 0,
  memories: 0,
};
