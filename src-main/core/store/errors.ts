/** SQLite's error codes in words for people, under the codes of the contract. */
import { AppError } from '../../contract.ts';

interface SqliteError extends Error {
  code: string;
}

const isSqliteError = (cause: unknown): cause is SqliteError =>
  cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_');

/** Whether the file itself is broken, as opposed to what was asked of it. */
export const isCorruption = (cause: unknown): boolean =>
  isSqliteError(cause) && /^SQLITE_(CORRUPT|NOTADB)/.test(cause.code);

export function storeError(cause: unknown, file: string): unknown {
  if (!isSqliteError(cause)) return cause;
  const { code, message } = cause;
  if (code === 'SQLITE_FULL' || (code.startsWith('SQLITE_IOERR') && /full|space/i.test(message)))
    return new AppError(
      'DISK_FULL',
      `The disk that holds ${file} is full: nothing more can be stored.`,
      'Free some space; what was recorded before is safe.',
    );
  if (isCorruption(cause))
    return new AppError(
      'STORE',
      `The data file ${file} is damaged (${message}).`,
      'Restart the program: it sets the damaged file aside, keeps it, and starts a new one.',
    );
  if (/^SQLITE_(BUSY|LOCKED)/.test(code))
    return new AppError(
      'STORE',
      `The data file ${file} is in use by another program.`,
      'Close the other program that has it open, then try again.',
    );
  if (/^SQLITE_(READONLY|CANTOPEN|PERM)/.test(code))
    return new AppError(
      'STORE',
      `The data file ${file} cannot be opened for writing (${message}).`,
      'Check the permissions of its folder, or let HUGGINGGREEN_HOME point to another one.',
    );
  return new AppError('STORE', `The data file ${file}: ${message} (${code}).`);
}
