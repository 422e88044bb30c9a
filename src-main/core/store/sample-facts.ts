/** What the samples of a run say beside energy: how many, how many gaps, how busy the machine was. */
import type { ComponentKind, RunDetail } from '../../contract.ts';
import type { ReadableDb } from './database.ts';
import { componentsOf, segmentsOf } from './readings.ts';

export interface SampleFacts {
  samples: number;
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
  const rows = segmentsOf(db, id).flatMap(({ id: segment, launch, from, to, open }) =>
    componentsOf(db, launch).map(({ id: component, kind }) => {
      const key = `${segment} ${component}`;
      // the end may lie before samples that were counted meanwhile: then all are counted anew
      const known = open ? counted.get(key) : undefined;
      const before = known ?? { ...nothingYet, kind, upTo: from };
      const now = withLater(db, component, before, to);
      // what has ended is written into the run's row
      if (open) counted.set(key, now);
      else counted.delete(key);
      return now;
    }),
  );
  return summed(rows);
}

/** Adds the samples after `before.upTo`, the one at the very start included. */
function withLater(db: ReadableDb, component: number, before: KindFacts, to: number): KindFacts {
  const later = db.get<Counts & { last: number | null }>(
    `select count(*) as samples, total(flags & 1) as gaps, total(flags & 2 <> 0) as otherUsers,
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
  return { ...sums, kind: before.kind, upTo: later.last ?? before.upTo };
}

function summed(rows: KindFacts[]): SampleFacts {
  const total = (of: KindFacts[], column: keyof Counts) =>
    of.reduce((sum, row) => sum + row[column], 0);
  const facts = { samples: total(rows, 'samples'), gaps: total(rows, 'gaps') };
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
  'gaps',
  'otherUsers',
  'throttled',
  'util',
  'utils',
  'memory',
  'memories',
] as const;
type Counts = Record<(typeof counts)[number], number>;

interface KindFacts extends Counts {
  kind: ComponentKind;
  /** Time of the last sample that is counted. */
  upTo: number;
}

const nothingYet: Counts = {
  samples: 0,
  gaps: 0,
  otherUsers: 0,
  throttled: 0,
  util: 0,
  utils: 0,
  memory: 0,
  memories: 0,
};
