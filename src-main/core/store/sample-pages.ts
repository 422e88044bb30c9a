/**
 * The samples of a run's active time, a page at a time: a month at 10 Hz is 26 million rows per component.
 *
 * A cursor holds all that the next page needs, the energy so far included, so that no page reads what lies
 * before it, and nothing is kept between two of them.
 */
import type { ComponentKind } from '../../contract.ts';
import { SampleFlag } from '../../meter/messages.ts';
import { EnergyAccount, joulesPerWh } from '../energy/account.ts';
import type { ReadableDb } from './database.ts';
import { componentsOf, runSeconds, segmentsOf, utcOf, type Segment } from './readings.ts';
import { getSummary } from './reads.ts';
import type { SampleColumns, SampleCursor, SamplePage } from './types.ts';

/** The components that a run has samples of, in the order in which their pages come. */
export function sampledComponents(
  db: ReadableDb,
  id: number,
): { key: string; kind: ComponentKind }[] {
  getSummary(db, id);
  const kinds = new Map<string, ComponentKind>();
  for (const table of tablesOf(db, id)) {
    if (kinds.has(table.key)) continue;
    const { component, segment } = table;
    const some = db.get(
      'select 1 from power_sample where component = ? and t >= ? and t <= ? limit 1',
      component,
      segment.from,
      segment.to,
    );
    if (some) kinds.set(table.key, table.kind);
  }
  return [...kinds].map(([key, kind]) => ({ key, kind }));
}

/** @param cursor of the page before; null for the first */
export function samplePage(
  db: ReadableDb,
  id: number,
  cursor: SampleCursor | null,
  limit: number,
): SamplePage {
  if (!cursor) getSummary(db, id);
  const tables = tablesOf(db, id);
  let at: SampleCursor = cursor ?? { table: 0, after: null, last: null, joules: null, before: {} };
  for (; ; at = nextTable(tables, at)) {
    const table = tables[at.table];
    if (!table) return { columns: null, next: null };
    const { rows, more } = rowsOf(db, table, at, limit);
    const { columns, next } = page(table, rows, at);
    if (columns.seconds.length === 0) {
      at = next;
      continue;
    }
    return { columns, next: more ? next : nextTable(tables, next) };
  }
}

interface Table {
  key: string;
  kind: ComponentKind;
  source: string;
  component: number;
  segment: Segment;
}

const tablesOf = (db: ReadableDb, id: number): Table[] =>
  segmentsOf(db, id).flatMap((segment) =>
    [...Map.groupBy(componentsOf(db, segment.launch), ({ key }) => key).values()].flatMap((rows) =>
      rows.map(({ id: component, key, kind, source }) => ({
        key,
        kind,
        source,
        component,
        segment,
      })),
    ),
  );

/** What a component took in a segment goes on through its sessions, and is added up over segments. */
function nextTable(tables: readonly Table[], at: SampleCursor): SampleCursor {
  const [table, following] = [tables[at.table]!, tables[at.table + 1]];
  const same = following?.key === table.key && following.segment.id === table.segment.id;
  // a session that overlaps the one before counts from that one's end
  if (same) return { ...at, table: at.table + 1, last: null };
  const before = { ...at.before, [table.key]: (at.before[table.key] ?? 0) + (at.joules ?? 0) };
  return { table: at.table + 1, after: null, last: null, joules: null, before };
}

type Tuple = [
  t: number,
  joules: number | null,
  watts: number | null,
  flags: number,
  utilPercent: number | null,
  memoryMb: number | null,
  tempC: number | null,
  clockMhz: number | null,
];

const columns = 't, joules, watts, flags, util_percent, memory_mb, temp_c, clock_mhz';

/** The first page of a table begins with the last reading before the segment. */
function rowsOf(
  db: ReadableDb,
  { component, segment: { from, to } }: Table,
  { after }: SampleCursor,
  limit: number,
): { rows: Tuple[]; more: boolean } {
  const rows =
    after === null
      ? db.rows<Tuple>(
          `select ${columns} from power_sample
           where component = @component and t <= @to and t >= ifnull(
             (select max(t) from power_sample
              where component = @component and t < @from and joules is not null), @from)
           order by t limit @limit`,
          { component, from, to, limit: limit + 1 },
        )
      : db.rows<Tuple>(
          `select ${columns} from power_sample
           where component = @component and t <= @to and t > @after order by t limit @limit`,
          { component, to, after, limit: limit + 1 },
        );
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

function page(
  { key, kind, source, segment }: Table,
  rows: readonly Tuple[],
  at: SampleCursor,
): { columns: SampleColumns; next: SampleCursor } {
  const account = new EnergyAccount();
  if (at.last) {
    const { t, joules, gap } = at.last;
    account.append('', {
      t: [t, t],
      joules: [joules, null],
      flags: [0, gap ? SampleFlag.gap : 0],
    });
  }
  account.append('', {
    t: rows.map(([t]) => t),
    joules: rows.map(([, joules]) => joules),
    flags: rows.map(([, , , flags]) => flags),
  });
  const start = Math.max(segment.from, at.last?.t ?? segment.from);
  /** Joules since the segment began. */
  const since = (t: number): number | null => {
    const more = account.between(start, t).joules;
    return more === null ? at.joules : (at.joules ?? 0) + more;
  };
  const whBefore = (at.before[key] ?? 0) / joulesPerWh;
  const whAt = (t: number): number | null => {
    const joules = since(t);
    return joules === null ? null : whBefore + joules / joulesPerWh;
  };

  let last = at.last;
  for (const [t, joules, , flags] of rows)
    if (joules !== null) last = { t, joules, gap: false };
    else if (last && (flags & SampleFlag.gap) !== 0) last = { ...last, gap: true };
  // the reading before the start serves the energy only
  const inside = rows.filter(([t]) => t >= segment.from);
  const end = rows.at(-1)?.[0] ?? at.after;
  return {
    columns: {
      key,
      kind,
      source,
      utc: inside.map(([t]) => utcOf({ segment, t })),
      seconds: inside.map(([t]) => runSeconds({ segment, t })),
      watts: inside.map(([, , watts]) => watts),
      wh: inside.map(([t, joules]) => (joules === null ? null : whAt(t))),
      utilPercent: inside.map((row) => row[4]),
      memoryMb: inside.map((row) => row[5]),
      tempC: inside.map((row) => row[6]),
      clockMhz: inside.map((row) => row[7]),
      valid: inside.map(
        ([, joules, watts, flags]) =>
          (joules !== null || watts !== null) && (flags & SampleFlag.gap) === 0,
      ),
    },
    next: {
      ...at,
      after: end,
      last,
      joules: end === null || end < segment.from ? at.joules : since(end),
    },
  };
}
