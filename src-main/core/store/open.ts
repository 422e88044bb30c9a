/**
 * From a path to an open database of the present schema, whatever lies at that path.
 *
 * - No file: a new one. An older schema: a copy beside it, then the missing migrations in one transaction.
 * - A newer schema, or an SQLite file of another program: refused in words, untouched.
 * - A damaged file: renamed, never deleted, and a new one started.
 */
import { copyFileSync, existsSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { AppError } from '../../contract.ts';
import { isCorruption } from './errors.ts';
import { migrations } from './migrations/index.ts';

export interface Opened {
  /** Where a damaged file was moved to; null when the file was sound. */
  setAside: string | null;
  /** Schema before this opening; null for a new file. */
  migratedFrom: number | null;
  /** The copy that was made before migrating. */
  copy: string | null;
  schema: number;
}

export interface OpenDatabase {
  /** The one connection that writes. */
  writer: BetterSqlite3.Database;
  /** Opened read-only: a read that writes is an error of SQLite, not only of the compiler. */
  reader: BetterSqlite3.Database;
  /** The row of this start of the program; SQL knows it as `this_launch()`. */
  launch: number;
  opened: Opened;
}

/** "HGrn" in the file header tells our files from any other SQLite database. */
export const applicationId = 0x4847726e;

export function openDatabase(
  Database: typeof BetterSqlite3,
  file: string,
  steps: readonly string[] = migrations,
): OpenDatabase {
  if (!existsSync(dirname(file)))
    throw new AppError(
      'STORE',
      `The folder ${dirname(file)} for the data file does not exist.`,
      'Make it, or let HUGGINGGREEN_HOME point to another folder.',
    );
  let setAside: string | null = null;
  let writer: BetterSqlite3.Database;
  try {
    writer = connect(Database, file);
  } catch (cause) {
    if (!isCorruption(cause)) throw cause;
    setAside = putAside(file);
    writer = connect(Database, file);
  }
  try {
    const { from, copy } = migrate(writer, file, steps);
    const reader = new Database(file, { readonly: true, timeout: 5000 });
    const launch = beginLaunch(writer);
    const opened = { setAside, migratedFrom: from, copy, schema: steps.length };
    return { writer, reader, launch, opened };
  } catch (cause) {
    writer.close();
    throw cause;
  }
}

function connect(Database: typeof BetterSqlite3, file: string): BetterSqlite3.Database {
  const db = new Database(file, { timeout: 5000 });
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    db.pragma('temp_store = MEMORY');
    if (!endedCleanly(db)) check(db);
    return db;
  } catch (cause) {
    db.close();
    throw cause;
  }
}

function beginLaunch(db: BetterSqlite3.Database): number {
  const { lastInsertRowid } = db
    .prepare('insert into launch (opened_ms) values (?)')
    .run(Date.now());
  const launch = Number(lastInsertRowid);
  db.function('this_launch', () => launch);
  return launch;
}

/** After a crash or a power cut the whole file is read once and its structure checked. */
function endedCleanly(db: BetterSqlite3.Database): boolean {
  if (!db.prepare(`select 1 from sqlite_schema where name = 'launch'`).get()) return true;
  return !db.prepare('select 1 from launch where closed_ms is null').get();
}

function check(db: BetterSqlite3.Database): void {
  const verdict = db.pragma('quick_check(1)', { simple: true });
  if (verdict !== 'ok') throw Object.assign(new Error(String(verdict)), { code: 'SQLITE_CORRUPT' });
}

/** Renames the file and its journals; the first free name of the day's second. */
function putAside(file: string): string {
  const stamp = new Date().toISOString().replace(/\..*/, '').replaceAll(':', '-');
  let name = `${file}.damaged-${stamp}`;
  for (let n = 2; existsSync(name); n++) name = `${file}.damaged-${stamp}-${n}`;
  for (const suffix of ['', '-wal', '-shm'])
    if (existsSync(file + suffix)) renameSync(file + suffix, name + suffix);
  return name;
}

function migrate(
  db: BetterSqlite3.Database,
  file: string,
  steps: readonly string[],
): { from: number | null; copy: string | null } {
  const version = Number(db.pragma('user_version', { simple: true }));
  const id = Number(db.pragma('application_id', { simple: true }));
  const empty = !db.prepare('select 1 from sqlite_schema').get();
  if (!empty && id !== applicationId)
    throw new AppError(
      'STORE',
      `${file} is a database of another program.`,
      'Move it away, or let HUGGINGGREEN_HOME point to another folder.',
    );
  if (version > steps.length)
    throw new AppError(
      'STORE',
      `The data file ${file} was written by a newer HuggingGreen (schema ${version}; this one knows ${steps.length}).`,
      'Update the program, or let HUGGINGGREEN_HOME point to another folder.',
    );
  if (version === steps.length) return { from: version, copy: null };

  let copy: string | null = null;
  if (version > 0) {
    // everything into the one file, so that copying it is copying all
    db.pragma('wal_checkpoint(TRUNCATE)');
    copy = `${file}.schema-${version}`;
    for (let n = 2; existsSync(copy); n++) copy = `${file}.schema-${version}-${n}`;
    copyFileSync(file, copy);
  }
  db.transaction(() => {
    for (const step of steps.slice(version)) db.exec(step);
    db.pragma(`user_version = ${steps.length}`);
    db.pragma(`application_id = ${applicationId}`);
  }).exclusive();
  return { from: empty ? null : version, copy };
}
