/** The SQLite library, loaded where the Node is new enough for it. */
import type BetterSqlite3 from 'better-sqlite3';
import { AppError } from '../../contract.ts';

/** @throws AppError UNAVAILABLE on a Node that cannot load the addon */
export async function loadSqlite(): Promise<typeof BetterSqlite3> {
  // loading the addon on an older Node ends the process without a word
  if (Number(process.versions.napi) < 10)
    throw new AppError(
      'UNAVAILABLE',
      `The database needs Node 22.18 or newer; this is Node ${process.versions.node}.`,
      'Install a current Node, or start the program through npm, which brings its own.',
    );
  return (await import('better-sqlite3')).default;
}

let kept: Promise<void> | null = null;

/**
 * Keeps the addon in this process for as long as it lives. A thread that ends while it is the only one
 * that has loaded it unloads it too, and the last garbage collection of that thread may then call into
 * memory that is gone (better-sqlite3, issue 1476: the process ends with SIGSEGV).
 */
export const keepSqlite = (): Promise<void> =>
  (kept ??= loadSqlite().then((Database) => void new Database(':memory:').close()));
