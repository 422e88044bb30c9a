/**
 * Takes a slice (slice-write.ts) of another store into this one, all of it or nothing.
 *
 * The file may come from anybody. It is read through a connection of its own that trusts nothing in it; its
 * schema has to be ours to the letter, so that there is no view, trigger or function in it; every number that
 * points to a row is replaced by that of the new row; what does not hold together is refused.
 */
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { AppError, parseExperimentConfig, provenances, sweepObjectives } from '../../contract.ts';
import { predictionBytes } from '../../predictions.ts';
import { readable, type ReadableDb, type Stored, type Value, type WritableDb } from './database.ts';
import { uuidOf } from './identity.ts';
import { migrations, schemaVersion } from './migrations/index.ts';
import { applicationId } from './open.ts';
import { snapshotFacts, watchedImages } from './pictures.ts';
import { getRun, runIdentities } from './reads.ts';
import { checkpointName, overStatuses, runParts } from './slice-write.ts';
import type { Joined, RunIdentity } from './types.ts';

type Slice = ReturnType<ReadableDb['open']>;
type Row = Record<string, Stored>;

/** @throws AppError BAD_INPUT for what is no slice, a damaged or a doctored one, or one of a newer program */
export function joinSlice(db: WritableDb, file: string): Joined {
  let slice: Slice | null = null;
  try {
    slice = db.open(file, { fileMustExist: true });
    bringUpToDate(db, slice);
    return joined(db, slice);
  } catch (cause) {
    if (cause instanceof AppError && cause.code !== 'NOT_FOUND') throw cause;
    // SQLite's own words about a file that is none, or that breaks off
    throw refused(cause instanceof Error ? cause.message : String(cause));
  } finally {
    slice?.close();
  }
}

const refused = (why: string): AppError =>
  new AppError(
    'BAD_INPUT',
    `Its database cannot be used: ${why.replace(/\.$/, '')}.`,
    'Nothing of it was taken. Ask for the bundle once more.',
  );

/** The slice is a copy of ours alone: an older schema is brought to the present one in place. */
function bringUpToDate(db: ReadableDb, slice: Slice): void {
  slice.pragma('trusted_schema = OFF');
  slice.pragma('cell_size_check = ON');
  const version = Number(slice.pragma('user_version', { simple: true }));
  if (Number(slice.pragma('application_id', { simple: true })) !== applicationId)
    throw refused('it is not of this program');
  if (version > schemaVersion)
    throw new AppError(
      'BAD_INPUT',
      `It was written by a newer HuggingGreen (schema ${version}; this one knows ${schemaVersion}).`,
      'Update this program, then import it again.',
    );
  const model = db.open(':memory:');
  try {
    for (const step of migrations.slice(0, version)) model.exec(step);
    const schema = (of: Slice) =>
      JSON.stringify(
        of.prepare('select type, name, tbl_name, sql from sqlite_schema order by type, name').all(),
      );
    if (schema(slice) !== schema(model)) throw refused('its tables are not those of this program');
  } finally {
    model.close();
  }
  const verdict = slice.pragma('integrity_check(1)', { simple: true });
  if (verdict !== 'ok') throw refused(String(verdict));
  slice.pragma('journal_mode = OFF');
  for (const step of migrations.slice(version)) slice.exec(step);
  if ((slice.pragma('foreign_key_check') as unknown[]).length > 0)
    throw refused('a row points to one that is not there');
}

/** Numbers of the slice's rows, by table, and of the rows that they became here. */
type Numbers = Record<
  | 'experiment'
  | 'machine'
  | 'intensity'
  | 'matrix'
  | 'run'
  | 'launch'
  | 'session'
  | 'component'
  | 'segment',
  Map<number, number>
>;

function joined(db: WritableDb, slice: Slice): Joined {
  const rows = (table: string): IterableIterator<Row> =>
    slice.prepare(`select * from "${table}"`).iterate() as IterableIterator<Row>;
  const identities = runIdentities(readable(slice)).sort((a, b) => a.id - b.id);
  if (identities.length === 0) throw refused('it has no runs');
  const here = new Map(
    runIdentities(db)
      // totals that a CSV file brought are less than the run itself
      .filter((run) => run.originUuid !== null || run.importedRunId === null)
      .map((run) => [identityOf(run), run.id]),
  );
  const known: Joined['known'] = [];
  const fresh = new Set<number>();
  identities.forEach((run, i) => {
    const twin = here.get(identityOf(run));
    if (twin === undefined) fresh.add(run.id);
    else known.push({ row: i + 1, run: twin });
  });
  if (fresh.size === 0) return { ids: [], from: [], known };

  const numbers: Numbers = {
    experiment: new Map(),
    machine: new Map(),
    intensity: new Map(),
    matrix: new Map(),
    run: new Map(),
    launch: new Map(),
    session: new Map(),
    component: new Map(),
    segment: new Map(),
  };
  const runs = [...rows('run')].filter(({ id }) => fresh.has(id as number));
  runs.forEach(checkRun);
  const used = (column: string) => new Set(runs.map((run) => run[column]));
  for (const [table, same] of [
    ['experiment', ['key']],
    ['machine', ['inventory']],
    ['intensity', ['code', 'name', 'kind', 'g_per_kwh', 'year', 'source', 'basis']],
  ] as const) {
    const needed = used(table);
    for (const row of rows(table)) {
      if (!needed.has(row.id!)) continue;
      if (table === 'machine') parsed(row.inventory!, v.looseObject({}), 'the machine');
      numbers[table].set(row.id as number, shared(db, table, row, same));
    }
  }
  const matrices = used('matrix');
  for (const row of rows('matrix'))
    if (matrices.has(row.id!)) {
      const plan = row.key === 'sweep' ? sweepPlan : object;
      parsed(row.ordered!, plan, 'the order of a matrix');
      // trials of another computer do not go on here by themselves
      const own = { ...row, stopped_ms: row.stopped_ms ?? Date.now() };
      numbers.matrix.set(row.id as number, insert(db, 'matrix', own));
    }

  for (const row of runs)
    numbers.run.set(
      row.id as number,
      insert(db, 'run', {
        ...row,
        ...numbered(numbers, row, ['experiment', 'machine', 'intensity', 'matrix']),
        copy_of: null,
        queue_place: null,
        removed_ms: null,
      }),
    );
  for (const { id, copy_of } of runs) {
    const original = copy_of === null ? undefined : numbers.run.get(copy_of as number);
    if (original !== undefined)
      db.run('update run set copy_of = ? where id = ?', original, numbers.run.get(id as number)!);
  }

  const segments = [...rows('segment')].filter(({ run }) => fresh.has(run as number));
  const launches = new Set(segments.map(({ launch }) => launch));
  for (const row of rows('launch'))
    if (launches.has(row.id!)) numbers.launch.set(row.id as number, insert(db, 'launch', row));
  for (const row of segments) {
    if (row.to_t === null) throw refused('a run in it has no end');
    numbers.segment.set(
      row.id as number,
      insert(db, 'segment', { ...row, ...numbered(numbers, row, ['run', 'launch']) }),
    );
  }
  for (const part of runParts) {
    if (part === 'segment') continue;
    for (const row of rows(part)) {
      if (!fresh.has(row.run as number)) continue;
      if (part === 'evaluation') parsed(row.result!, evaluation, 'an evaluation');
      if (part === 'watched') parsed(row.images!, watchedImages, 'a list of watched images');
      if (part === 'snapshot') parsed(row.facts!, snapshotFacts, 'a snapshot');
      if (part === 'prediction') checkPredictions(row);
      const points = 'segment' in row ? (['run', 'segment'] as const) : (['run'] as const);
      insert(db, part, { ...row, ...numbered(numbers, row, points) });
    }
  }
  joinCheckpoints(db, rows('artifact'), numbers.run);
  for (const row of rows('session'))
    if (launches.has(row.launch!))
      numbers.session.set(
        row.id as number,
        insert(db, 'session', { ...row, ...numbered(numbers, row, ['launch']) }),
      );
  for (const row of rows('component'))
    if (numbers.session.has(row.session as number))
      numbers.component.set(
        row.id as number,
        insert(db, 'component', { ...row, ...numbered(numbers, row, ['session']) }),
      );
  joinSamples(db, slice, numbers.component);

  const ids = [...numbers.run.values()];
  // whatever a page will ask of them is asked here, while it can still be refused
  for (const id of ids) getRun(db, id);
  return { ids, from: [...numbers.run.keys()], known };
}

/** Rows of one file of CodeCarbon share the id of their run: its digest tells them apart. */
const identityOf = (run: RunIdentity): string => run.importedDigest ?? uuidOf(run);

const origin = v.strictObject({
  host: v.pipe(v.string(), v.maxLength(255)),
  uuid: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
});
const evaluation = v.looseObject({ split: v.string(), perClass: v.array(v.looseObject({})) });
const command = v.looseObject({
  argv: v.pipe(v.array(v.string()), v.minLength(1)),
  cwd: v.string(),
  env: v.array(v.string()),
  energy: v.looseObject({}),
});
const object = v.looseObject({});
/** As far as a sweep is shown by it. */
const sweepPlan = v.looseObject({
  name: v.string(),
  fields: object,
  objective: v.picklist(sweepObjectives),
  limitWh: v.nullable(v.number()),
  epochs: v.number(),
  seeds: v.array(v.number()),
  halving: v.nullable(
    v.looseObject({
      eta: v.number(),
      rungs: v.array(v.looseObject({ epochs: v.number(), enter: v.number(), goOn: v.number() })),
    }),
  ),
  trials: v.array(v.looseObject({ arm: v.string(), title: v.string(), values: object })),
});
const ofRun: Record<string, v.GenericSchema> = {
  origin,
  command,
  pricing: object,
  wall: object,
  forecast: object,
  idle: v.record(v.string(), v.nullable(v.number())),
  error: v.looseObject({ code: v.string(), message: v.string() }),
  wh_by_kind: v.record(v.string(), v.nullable(v.number())),
  provenance_by_kind: v.record(v.string(), v.picklist(provenances)),
  sample_facts: v.looseObject({ samples: v.number(), gaps: v.number() }),
  imported: object,
  classes: v.array(v.string()),
  counted: v.array(v.string()),
};

function checkRun(row: Row): void {
  if (!overStatuses.includes(String(row.status)))
    throw refused(`one of its runs is ${JSON.stringify(row.status)}`);
  if (row.origin === null) throw refused('a run in it does not say where it is from');
  for (const [column, schema] of Object.entries(ofRun))
    if (row[column] !== null) parsed(row[column]!, schema, `"${column}" of a run`);
  if (row.config === null) return;
  const config = parseExperimentConfig(parsed(row.config!, object, 'a config'));
  if (!config.ok) throw refused('a config in it is none that this program knows');
}

/** Their bytes are taken apart only when somebody looks at them: they have to be those of so many images. */
function checkPredictions({ split, images, boxes, side, cells }: Row): void {
  const known = ['validation', 'test'].includes(String(split)) && [0, 1].includes(Number(boxes));
  const length = cells instanceof Uint8Array ? cells.byteLength : -1;
  if (!known || !(Number(side) > 0) || length !== predictionBytes(Number(images), boxes === 1))
    throw refused('its predictions of single images do not hold together');
}

function parsed(text: Stored, schema: v.GenericSchema, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(String(text));
  } catch {
    throw refused(`${what} is not JSON`);
  }
  if (!v.is(schema, value)) throw refused(`${what} is not what it should be`);
  return value;
}

/** The new numbers in place of those columns; null stays null. */
function numbered(numbers: Numbers, row: Row, columns: readonly (keyof Numbers)[]): Row {
  const own: Row = {};
  for (const column of columns) {
    const old = row[column] ?? null;
    const now = old === null ? null : numbers[column].get(old as number);
    if (now === undefined) throw refused(`its ${column} ${String(old)} is missing`);
    own[column] = now;
  }
  return own;
}

function insert(db: WritableDb, table: string, row: Row): number {
  const columns = Object.keys(row).filter((column) => column !== 'id');
  return db.run(
    `insert into "${table}" (${columns.map((column) => `"${column}"`).join(', ')})
     values (${columns.map(() => '?').join(', ')})`,
    ...columns.map((column) => row[column]!),
  ).id;
}

/** The row that is the same here already, else a new one. */
function shared(db: WritableDb, table: string, row: Row, same: readonly string[]): number {
  const there = db.get<{ id: number }>(
    `select id from "${table}" where ${same.map((column) => `${column} = ?`).join(' and ')}`,
    ...same.map((column) => row[column] as Value),
  );
  return there?.id ?? insert(db, table, row);
}

/** Their files will lie in the folder of the run, beside those of the other runs here. */
function joinCheckpoints(
  db: WritableDb,
  artifacts: Iterable<Row>,
  runs: ReadonlyMap<number, number>,
): void {
  for (const row of artifacts) {
    const run = runs.get(row.run as number);
    if (run === undefined) continue;
    if (![row.path, row.file ?? row.path].every((name) => checkpointName.test(String(name))))
      throw refused('it names a file that is none of ours');
    const path = join(dirname(db.file), 'runs', String(run), String(row.path));
    insert(db, 'artifact', { ...row, run, path });
  }
}

function joinSamples(db: WritableDb, slice: Slice, components: ReadonlyMap<number, number>): void {
  const columns = (slice.pragma('table_info(power_sample)') as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => name !== 'component');
  const read = slice
    .prepare(`select ${columns.join(', ')} from power_sample where component = ? order by t`)
    .raw();
  const write = `insert into power_sample (component, ${columns.join(', ')})
    values (?, ${columns.map(() => '?').join(', ')})`;
  for (const [old, now] of components)
    for (const row of read.iterate(old) as IterableIterator<Stored[]>) db.run(write, now, ...row);
}
