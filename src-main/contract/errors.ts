/** What went wrong, as every process and the page tell it: an error for people with a code for programs. */
import type { ConfigIssue } from '../experiment-config.ts';

export type ErrorCode =
  | 'BAD_INPUT'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'UNAVAILABLE'
  | 'DATASET'
  | 'ENGINE'
  | 'STORE'
  | 'DISK_FULL'
  | 'CANCELLED'
  | 'UNAUTHORIZED'
  | 'INTERNAL';

/** An error for people: what happened, what it means; `hint` says what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | null;
  /** Field errors of a refused config. */
  readonly issues: ConfigIssue[];
  constructor(
    code: ErrorCode,
    message: string,
    hint: string | null = null,
    issues: ConfigIssue[] = [],
  ) {
    super(message);
    this.name = 'AppError';
    this.code = code;
    this.hint = hint;
    this.issues = issues;
  }
}
export interface WireError {
  code: ErrorCode;
  message: string;
  hint: string | null;
  issues: ConfigIssue[];
}

/** An `AppError` as it is; what the file system says in words; anything else is a fault of ours. */
export function wireError(cause: unknown): WireError {
  const { code, message, hint, issues } =
    cause instanceof AppError ? cause : (fileError(cause) ?? fault(cause));
  return { code, message, hint, issues };
}

const fault = (cause: unknown): AppError =>
  new AppError(
    'INTERNAL',
    cause instanceof Error ? cause.message : String(cause),
    'This is a fault of the program; the log has its trace.',
  );

/** Node's errors carry a code, the call and mostly the path: `EACCES: permission denied, mkdir '/x'`. */
function fileError(cause: unknown): AppError | null {
  if (!(cause instanceof Error) || !('code' in cause) || !('syscall' in cause)) return null;
  const path = 'path' in cause && typeof cause.path === 'string' ? cause.path : 'A file';
  switch (cause.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError(
        'DISK_FULL',
        `The disk is full: ${path} could not be written.`,
        'Free some space, or let HUGGINGGREEN_HOME point to a folder on another disk.',
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new AppError(
        'UNAVAILABLE',
        `${path} may not be read or written (${cause.message}).`,
        'Change its permissions, or let HUGGINGGREEN_HOME point to a folder of your own.',
      );
    case 'ENOTDIR':
    case 'EEXIST':
      return new AppError(
        'UNAVAILABLE',
        `${path} cannot be made: a file is where a folder should be.`,
        'Move that file away.',
      );
    default:
      return null;
  }
}
