/** What the samples of a run say beside energy: how many, how many gaps, how busy the machine was. */
import type { ComponentKind, RunDetail } from '../../contract.ts';
import type { ReadableDb } from './database.ts';
import { segmentsOf } from './readings.ts';

export interface SampleFacts {
  samples: number;
  gaps: number;
  load?: RunDetail['circumstances']['load'];
}

/** How many samples there are of a run's active time, and their means; one pass over each component. */
export function sampleFacts(db: ReadableDb, id: number): SampleFacts {
  const facts = { samples: 0, gaps: 0 };
  const rows: KindFacts[] = segmentsOf(db, id).flatMap(({ launch, from, to }) =>
    db.all<KindFacts>(
      `select c.kind, count(*) as samples, sum(p.flags & 1) as gaps,
         sum(p.flags & 2 <> 0) as otherUsers, sum(p.flags & 4 <> 0) as throttled,
         sum(p.util_percent) as util, count(p.util_percent) as utils,
         sum(p.memory_mb) as memory, count(p.memory_mb) as memories
       from session s join component c on c.session = s.id join power_sample p on p.component = c.id
       where s.launch = @launch and p.t >= @from and p.t <= @to group by c.id`,
      { launch, from, to },
    ),
  );
  for (const row of rows) {
    facts.samples += row.samples;
    facts.gaps += row.gaps;
  }
  if (facts.samples === 0) return facts;
  const total = (of: KindFacts[], column: Exclude<keyof KindFacts, 'kind'>) =>
    of.reduce((sum, row) => sum + (row[column] ?? 0), 0);
  const ratio = (a: number, b: number): number | null => (b > 0 ? a / b : null);
  const load: NonNullable<SampleFacts['load']> = {
    utilPercent: {},
    memoryMb: {},
    foreignShare: null,
    throttledShare: null,
  };
  for (const [kind, of] of Map.groupBy(rows, ({ kind }) => kind)) {
    load.utilPercent[kind] = ratio(total(of, 'util'), total(of, 'utils'));
    load.memoryMb[kind] = ratio(total(of, 'memory'), total(of, 'memories'));
    if (kind !== 'gpu') continue;
    load.foreignShare = ratio(total(of, 'otherUsers'), total(of, 'samples'));
    load.throttledShare = ratio(total(of, 'throttled'), total(of, 'samples'));
  }
  return { ...facts, load };
}

interface KindFacts {
  kind: ComponentKind;
  samples: number;
  gaps: number;
  otherUsers: number;
  throttled: number;
  util: number | null;
  utils: number;
  memory: number | null;
  memories: number;
}
