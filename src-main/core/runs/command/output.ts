/** What a command writes, byte for byte into two files of the run's folder; its lines are for the log. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { lineSplitter } from './lines.ts';

export type Stream = 'stdout' | 'stderr';

export interface CommandOutput {
  /** Resolves when the file takes more: a disk slower than the command slows the command, not the memory. */
  write(stream: Stream, piece: Uint8Array): Promise<void>;
  /** All is written. */
  close(): Promise<void>;
}

/** In bytes. */
const longestLine = 2000;
/** Of each file. */
const mostBytes = 512 * 2 ** 20;

export const outputPath = (runDir: string, stream: Stream): string => join(runDir, `${stream}.log`);

/** @param problem told once for each file that cannot be written any more */
export function openOutput(
  dir: string,
  hear: (stream: Stream, line: string) => void,
  problem: (stream: Stream, why: string) => void,
): CommandOutput {
  const broken = new Set<Stream>();
  const fail = (stream: Stream, why: string): void => {
    if (!broken.has(stream)) problem(stream, why);
    broken.add(stream);
  };
  const outlet = (stream: Stream) => {
    const file: WriteStream = createWriteStream(outputPath(dir, stream));
    file.on('error', (cause) => fail(stream, cause.message));
    const splitter = lineSplitter(longestLine, (text, cut) =>
      hear(stream, cut ? `${text}…` : text),
    );
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
