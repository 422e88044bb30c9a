/**
 * The log of a run, training or command alike: what its processes wrote and what became of it, a line each with
 * the time, in a text file of the run's folder and live for whoever looks.
 *
 *     2026-11-22T21:44:03.120Z info train, epoch 3 began
 *
 * The file never grows beyond two halves: when `run.log` is full it becomes `run.log.1`, and what was that
 * before is gone. It is written a few times a second, so that a program that is killed loses no more.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { appendFile, mkdir, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { stripVTControlCharacters } from 'node:util';
import { logKinds, mostLogLines, type LogLine } from '../../contract.ts';

export interface RunLog {
  /** Takes a text, of which each line becomes one. @param at milliseconds since 1970; now where left out */
  write(kind: LogLine['kind'], text: string, at?: number): void;
  /** Resolves when the disk keeps up: who writes faster is slowed down, not kept in memory. */
  ready(): Promise<void>;
  /** All is written; what comes later is dropped. */
  close(): Promise<void>;
}

export interface RunLogs {
  /** Goes on with the log of a run. @param problem told once, when it cannot be written any more */
  open(id: number, problem: (why: string) => void): RunLog;
  /** A line of a run, whether it is under way or not. Never rejects: its log is not what a run depends on. */
  add(id: number, kind: LogLine['kind'], text: string, at?: number): Promise<void>;
  /** The last lines; null for a run that has no log. */
  tail(id: number, count: number): Promise<LogLine[] | null>;
  /** All that is kept, oldest first, into a new file; false for a run that has no log. */
  copy(id: number, path: string): Promise<boolean>;
}

export interface RunLogOptions {
  runDir(id: number): string;
  /** New lines of a run that is under way. */
  hear(id: number, lines: LogLine[]): void;
  /** For tests. */
  halfBytes?: number;
}

export const logName = 'run.log';
const olderName = 'run.log.1';
/** Between two writes, and between two events. */
const turnMs = 400;
/** Lines of one event: of a flood only the last are shown. */
const mostFreshLines = 300;
/** In characters. */
const longestLine = 2000;
/** Text that waits for the disk, in characters. */
const mostPending = 2 ** 20;
/** Read from the end of a file for its last lines. */
const tailBytes = 512 * 1024;

export function createRunLogs(options: RunLogOptions): RunLogs {
  const { runDir, hear, halfBytes = 8 * 2 ** 20 } = options;
  const logs = new Map<number, OpenLog>();
  return {
    open: (id, problem) => {
      const log = openLog(runDir(id), halfBytes, (lines) => hear(id, lines), problem);
      logs.set(id, log);
      const close = async (): Promise<void> => {
        await log.close();
        if (logs.get(id) === log) logs.delete(id);
      };
      return { ...log, close };
    },
    add: async (id, kind, text, at) => {
      const log = logs.get(id);
      if (log) return log.write(kind, text, at);
      const once = openLog(
        runDir(id),
        halfBytes,
        () => {},
        () => {},
      );
      once.write(kind, text, at);
      await once.close();
    },
    tail: async (id, count) => {
      const log = logs.get(id);
      const before = await (log ? log.before : lastLines(runDir(id)));
      if (before === null && !log) return null;
      // nothing may come between this and the answer: what is told from here on is new
      return [...(before ?? []), ...(log?.lines() ?? [])].slice(-count);
    },
    copy: async (id, path) => {
      await logs.get(id)?.written();
      let found = false;
      for (const name of [olderName, logName]) {
        const from = join(runDir(id), name);
        if ((await sizeOf(from)) === null) continue;
        found = true;
        await pipeline(createReadStream(from), createWriteStream(path, { flags: 'a' }));
      }
      return found;
    },
  };
}

interface OpenLog extends RunLog {
  /** What the file held when it was opened. */
  before: Promise<LogLine[] | null>;
  /** Tells the lines that are new, and gives back all since the opening. */
  lines(): LogLine[];
  /** All so far is in the file. */
  written(): Promise<void>;
}

function openLog(
  dir: string,
  halfBytes: number,
  hear: (lines: LogLine[]) => void,
  problem: (why: string) => void,
): OpenLog {
  const path = join(dir, logName);
  const before = lastLines(dir).catch(() => null);
  const lines: LogLine[] = [];
  let fresh: LogLine[] = [];
  let pending = '';
  let size: number | null = null;
  let broken = false;
  let closed = false;
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();

  const tell = (): void => {
    if (fresh.length > 0) hear(fresh);
    fresh = [];
  };
  const store = async (): Promise<void> => {
    const text = pending;
    pending = '';
    if (text === '' || broken) return;
    // its last lines are read before more are added
    await before;
    try {
      if (size === null) {
        await mkdir(dir, { recursive: true });
        size = await endLine(path);
      }
      const bytes = Buffer.byteLength(text);
      if (size > 0 && size + bytes > halfBytes) {
        await rename(path, join(dir, olderName));
        size = 0;
      }
      await appendFile(path, text);
      size += bytes;
    } catch (cause) {
      broken = true;
      problem((cause as Error).message);
    }
  };
  const written = (): Promise<void> => (writing = writing.then(store));
  const turn = (): void => {
    timer = null;
    tell();
    void written();
  };

  return {
    before,
    write: (kind, text, at = Date.now()) => {
      if (closed) return;
      for (const part of text.split(/\r\n|[\n\r]/)) {
        const line: LogLine = { at: Math.round(at), kind, text: shown(part) };
        lines.push(line);
        fresh.push(line);
        pending += `${asText(line)}\n`;
      }
      if (lines.length > 2 * mostLogLines) lines.splice(0, lines.length - mostLogLines);
      if (fresh.length > 2 * mostFreshLines) fresh.splice(0, fresh.length - mostFreshLines);
      timer ??= setTimeout(turn, turnMs).unref();
    },
    ready: async () => {
      if (pending.length > mostPending) await written();
    },
    lines: () => {
      tell();
      return [...lines];
    },
    written,
    close: async () => {
      closed = true;
      if (timer) clearTimeout(timer);
      tell();
      await written();
    },
  };
}

/** A line of a program may hold anything; a terminal or a page that shows it later shall not obey it. */
function shown(text: string): string {
  const plain = stripVTControlCharacters(text).replace(/\p{Cc}/gu, (sign) =>
    sign === '\t' ? sign : '',
  );
  return plain.length > longestLine ? `${plain.slice(0, longestLine)}…` : plain;
}

const asText = ({ at, kind, text }: LogLine): string =>
  `${new Date(at).toISOString()} ${kind} ${text}`;

const form = new RegExp(`^(\\d{4}-\\S{1,20}Z) (${logKinds.join('|')}) (.*)$`, 's');

/** Null for what is no line of a log. */
function readLine(line: string): LogLine | null {
  const [, date, kind, text] = form.exec(line) ?? [];
  const at = date === undefined ? NaN : Date.parse(date);
  return Number.isFinite(at) ? { at, kind: kind as LogLine['kind'], text: shown(text!) } : null;
}

/** The last lines of both halves; null where there is neither. */
async function lastLines(dir: string): Promise<LogLine[] | null> {
  const last = await linesAtEnd(join(dir, logName));
  if (last !== null && last.length >= mostLogLines) return last.slice(-mostLogLines);
  const older = await linesAtEnd(join(dir, olderName));
  return last === null && older === null
    ? null
    : [...(older ?? []), ...(last ?? [])].slice(-mostLogLines);
}

async function linesAtEnd(path: string): Promise<LogLine[] | null> {
  const file = await open(path, 'r').catch(ifMissing);
  if (!file) return null;
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    // where the beginning is cut off, the first line is none and is left out
    return buffer
      .toString('utf8', 0, bytesRead)
      .split('\n')
      .flatMap((line) => readLine(line) ?? []);
  } finally {
    await file.close();
  }
}

/** A program that was killed while it wrote may have left half a line. @returns the size of the file */
async function endLine(path: string): Promise<number> {
  const file = await open(path, 'a+');
  try {
    const { size } = await file.stat();
    if (size === 0) return 0;
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    if (buffer[0] === 0x0a) return size;
    await file.appendFile('\n');
    return size + 1;
  } finally {
    await file.close();
  }
}

const sizeOf = (path: string): Promise<number | null> =>
  stat(path).then(({ size }) => size, ifMissing);

function ifMissing(cause: unknown): null {
  if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  return null;
}
