/** The program as a person starts it, on a data folder of its own, serving its interface to a browser. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

export interface Program {
  url: string;
  /** Of npm, which has the program below it. */
  pid: number;
  home: string;
  /** What it printed so far. */
  output(): string;
  close(): Promise<void>;
}

/** `npm start` on a machine without a display, in this checkout or another one. */
export async function startProgram(
  env: Record<string, string> = {},
  checkout = root,
): Promise<Program> {
  const home = await mkdtemp(join(tmpdir(), 'hugginggreen-e2e-'));
  const child = spawn('npm', ['start'], {
    cwd: checkout,
    env: {
      ...process.env,
      DISPLAY: '',
      WAYLAND_DISPLAY: '',
      HUGGINGGREEN_HOME: home,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // npm and the program below it end together
    detached: true,
  });
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      output += chunk.toString();
      const address = /http:\/\/127\.0\.0\.1:\d+\/\S+/.exec(output);
      if (address) resolve(address[0]);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${output}`)));
  });
  return {
    url,
    pid: child.pid!,
    home,
    output: () => output,
    close: async () => {
      await ended(child);
      await rm(home, { recursive: true, force: true });
    },
  };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || !child.pid) return Promise.resolve();
  const gone = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  process.kill(-child.pid, 'SIGTERM');
  return gone;
}
