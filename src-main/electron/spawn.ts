/** Worker processes under Electron: utilityProcess, since packaged Electron cannot run as plain Node. */
import { utilityProcess } from 'electron';
import type { Readable } from 'node:stream';
import { linesOf, type Spawn } from '../core/spawn.ts';

export const spawnUtility: Spawn = (entry, name, hear, env = {}) => {
  const child = utilityProcess.fork(entry, [], {
    serviceName: `HuggingGreen ${name}`,
    stdio: 'pipe',
    env: { ...process.env, ...env, HUGGINGGREEN_PROCESS: name },
  });
  const lines = linesOf(child.stdout as Readable | null, child.stderr as Readable | null);
  let alive = true;
  child.on('message', (message: Parameters<typeof hear>[0]) => hear(message));
  return {
    // Electron knows the pid only once the process runs
    started: new Promise((resolve) => {
      child.once('spawn', () => resolve(child.pid ?? null));
      child.once('exit', () => resolve(null));
    }),
    post: (message) => {
      if (alive) child.postMessage(message);
    },
    lastLines: lines.last,
    onLine: lines.hear,
    kill: () => {
      // utilityProcess.kill() asks with SIGTERM; a process stuck in a driver does not listen
      try {
        if (child.pid !== undefined) process.kill(child.pid, 'SIGKILL');
      } catch {
        // it has ended a moment ago
      }
    },
    exited: new Promise((resolve) => {
      child.once('exit', (code) => {
        alive = false;
        resolve({ code, signal: null });
      });
    }),
  };
};
