/**
 * Starting a worker process: one interface for Node's child_process (here) and Electron's
 * utilityProcess (electron/spawn.ts), so that the host does not know which shell it runs in.
 */
import { fork, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';

export interface Exit {
  code: number | null;
  signal: string | null;
}

export interface Worker<In> {
  /** Resolves with the pid as soon as the process is there; null where it could not be started. */
  readonly started: Promise<number | null>;
  /** A message to a worker that has ended is dropped. */
  post(message: In): void;
  /** The last lines that it wrote to stdout and stderr, oldest first. */
  lastLines(): string[];
  /** Hears every line from now on; right after the start none is missed. */
  onLine(hear: (stream: 'stdout' | 'stderr', line: string) => void): void;
  /** Ends it at once. */
  kill(): void;
  /** Resolves when it has ended, however it ended; never rejects. */
  readonly exited: Promise<Exit>;
}

/**
 * Starts the script `entry` as a process of its own, called `name` where the system shows names.
 * `env` goes on top of this process's own environment.
 */
export type Spawn = <In, Out>(
  entry: string,
  name: string,
  hear: (message: Out) => void,
  env?: Record<string, string>,
) => Worker<In>;

/** Runs the file with the same Node as this process; a `.ts` entry needs no build (type stripping). */
export const spawnNode: Spawn = (entry, name, hear, env = {}) => {
  const child = fork(entry, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: [],
    // Ctrl-C in a terminal goes to the whole group; a worker is stopped by its host, with a checkpoint
    detached: process.platform !== 'win32',
    env: { ...process.env, ...env, HUGGINGGREEN_PROCESS: name },
  });
  const lines = linesOf(child.stdout, child.stderr);
  child.on('message', (message) => hear(message as Parameters<typeof hear>[0]));
  return {
    started: Promise.resolve(child.pid ?? null),
    post: (message) => {
      // the callback takes the error of a channel that closes meanwhile
      if (child.connected) child.send(message as object, () => {});
    },
    lastLines: lines.last,
    onLine: lines.hear,
    kill: () => void child.kill('SIGKILL'),
    exited: ended(child, (line) => lines.add('stderr', line)),
  };
};

/** 'exit' may come before the last message and the last line of stderr; these have come when this does. */
async function ended(child: ChildProcess, complain: (line: string) => void): Promise<Exit> {
  const silent = new Promise<void>((resolve) => {
    child.once('disconnect', resolve);
    child.once('error', () => resolve());
  });
  const exit = await new Promise<Exit>((resolve) => {
    child.once('error', (cause) => {
      complain(cause.message);
      resolve({ code: null, signal: null });
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  await silent;
  return exit;
}

type HearLine = Parameters<Worker<unknown>['onLine']>[0];

/** Tells the lines of both streams and keeps the last. */
export function linesOf(stdout: Readable | null, stderr: Readable | null) {
  const kept: string[] = [];
  const hearers = new Set<HearLine>();
  const add: HearLine = (stream, whole) => {
    const line = whole.slice(0, 2000);
    kept.push(line);
    if (kept.length > 40) kept.shift();
    for (const hear of hearers) hear(stream, line);
  };
  for (const [name, input] of Object.entries({ stdout, stderr }))
    if (input) createInterface({ input }).on('line', (line) => add(name as 'stdout', line));
  return { add, last: () => [...kept], hear: (hear: HearLine) => void hearers.add(hear) };
}
