/**
 * What commands write: byte for byte into two files of the run's folder, and the last lines of both, in
 * the order in which they came, in memory for whoever looks.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine } from '../../../contract.ts';
import { lineSplitter } from './lines.ts';

export type Stream = LogLine['stream'];

export interface CommandLog {
  /** Resolves when the file takes more: a disk slower than the command slows the command, not the memory. */
  write(stream: Stream, piece: Uint8Array): Promise<void>;
  /** The last lines so far. */
  tail(): LogLine[];
  /** All is written. */
  close(): Promise<void>;
}

export interface CommandLogs {
  /** @param problem told once for each file that cannot be written any more */
  open(
    id: number,
    hear: (line: LogLine) => void,
    problem: (stream: Stream, why: string) => void,
  ): CommandLog;
  /** The last lines of a run; of one that ended in an earlier program, from its files. */
  tail(id: number, lines: number): Promise<LogLine[]>;
}

const keptLines = 500;
/** Runs of which lines stay in memory. */
const keptRuns = 4;
const longestLine = 2000;
/** Of each file. */
const mostBytes = 512 * 2 ** 20;
const tailBytes = 256 * 1024;

export const logPath = (runDir: string, stream: Stream): string => join(runDir, `${stream}.log`);

export function createCommandLogs(runDir: (id: number) => string): CommandLogs {
  const recent = new Map<number, LogLine[]>();
  return {
    open: (id, hear, problem) => {
      const lines: LogLine[] = [];
      recent.set(id, lines);
      for (const old of [...recent.keys()].slice(0, -keptRuns)) recent.delete(old);
      return openLog(runDir(id), lines, hear, problem);
    },
    tail: async (id, count) => {
      const lines = recent.get(id) ?? [
        ...(await lastLines(runDir(id), 'stdout')),
        ...(await lastLines(runDir(id), 'stderr')),
      ];
      return lines.slice(-count);
    },
  };
}

function openLog(
  dir: string,
  lines: LogLine[],
  hear: (line: LogLine) => void,
  problem: (stream: Stream, why: string) => void,
): CommandLog {
  const broken = new Set<Stream>();
  const fail = (stream: Stream, why: string): void => {
    if (!broken.has(stream)) problem(stream, why);
    broken.add(stream);
  };
  const outlet = (stream: Stream) => {
    const file: WriteStream = createWriteStream(logPath(dir, stream));
    file.on('error', (cause) => fail(stream, cause.message));
    const splitter = lineSplitter(longestLine, (text, cut) => {
      const line = { stream, text: cut ? `${text}…` : text };
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
      hear(line);
    });
    return { file, splitter, bytes: 0 };
  };
  const outlets = { stdout: outlet('stdout'), stderr: outlet('stderr') };
  return {
    write: async (stream, piece) => {
      const own = outlets[stream];
      own.splitter.push(piece);
      own.bytes += piece.length;
      if (own.bytes > mostBytes)
        return fail(stream, `it is longer than ${mostBytes / 2 ** 20} MiB`);
      if (broken.has(stream) || own.file.write(piece) || own.file.destroyed) return;
      await drained(own.file);
    },
    tail: () => [...lines],
    close: async () => {
      for (const { file, splitter } of Object.values(outlets)) {
        splitter.end();
        if (file.destroyed) continue;
        await new Promise<void>((resolve) => {
          file.once('close', resolve);
          file.end();
        });
      }
    },
  };
}

/** Resolves when the file takes more, or nothing any more. */
const drained = (file: WriteStream): Promise<void> =>
  new Promise((resolve) => {
    const settle = (): void => {
      file.off('drain', settle).off('close', settle);
      resolve();
    };
    file.on('drain', settle).on('close', settle);
  });

async function lastLines(dir: string, stream: Stream): Promise<LogLine[]> {
  const file = await open(logPath(dir, stream), 'r').catch(() => null);
  if (!file) return [];
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - tailBytes);
    const bytes = Buffer.alloc(size - from);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    const lines: LogLine[] = [];
    const splitter = lineSplitter(longestLine, (text, cut) =>
      lines.push({ stream, text: cut ? `${text}…` : text }),
    );
    splitter.push(bytes.subarray(0, bytesRead));
    splitter.end();
    // the first is the end of a line
    return from > 0 ? lines.slice(1) : lines;
  } finally {
    await file.close();
  }
}
