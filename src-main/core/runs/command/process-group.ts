/** A command as a process group of its own: started without a shell, ended as a whole. */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { AppError } from '../../../contract.ts';

export type Environment = Record<string, string | undefined>;

const windows = process.platform === 'win32';

/**
 * The file that a command's name stands for.
 * @throws AppError NOT_FOUND where there is none, UNAVAILABLE where it may not be run
 */
export function executable(name: string, cwd: string, env: Environment): string {
  const places = /[\\/]/.test(name)
    ? [resolve(cwd, name)]
    : (env['PATH'] ?? env['Path'] ?? '')
        .split(delimiter)
        .map((folder) => join(isAbsolute(folder) ? folder : resolve(cwd, folder), name));
  const endings = windows ? ['', ...(env['PATHEXT'] ?? '.EXE;.CMD;.BAT;.COM').split(';')] : [''];
  let forbidden: string | null = null;
  for (const place of places)
    for (const ending of endings) {
      const path = place + ending;
      const found = statSync(path, { throwIfNoEntry: false });
      if (!found?.isFile()) continue;
      try {
        accessSync(path, windows ? constants.F_OK : constants.X_OK);
        return path;
      } catch {
        forbidden ??= path;
      }
    }
  if (forbidden !== null)
    throw new AppError(
      'UNAVAILABLE',
      `${forbidden} may not be run: it is not executable.`,
      `Make it so (chmod +x), or name the program that runs it: python ${name}`,
    );
  throw new AppError(
    'NOT_FOUND',
    `There is no command "${name}".`,
    /[\\/]/.test(name)
      ? `Its path is taken from the working folder, ${cwd}.`
      : 'It is in no folder of PATH; give its path.',
  );
}

export interface Group {
  readonly child: ChildProcess;
  /** Asks all its processes to end. Nothing happens when they are gone. */
  signal(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void;
  /** A process of it still runs; false where that is not known. */
  alive(): boolean;
}

export function startGroup(
  file: string,
  argv: readonly string[],
  options: { cwd: string; env: Environment; stdio: StdioOptions },
): Group {
  const child = spawn(file, argv.slice(1), {
    ...options,
    // the name that the person typed: programs with several names look at it
    ...(!windows && { argv0: argv[0] }),
    detached: !windows,
    windowsHide: true,
  });
  const send = (signal: NodeJS.Signals | 0): boolean => {
    if (child.pid === undefined) return false;
    try {
      return process.kill(-child.pid, signal);
    } catch {
      return false;
    }
  };
  return {
    child,
    signal: (signal) => {
      if (!windows) send(signal);
      // Windows has no signals: the tree is closed, or ended
      else if (child.pid !== undefined)
        spawn(
          'taskkill',
          ['/pid', String(child.pid), '/t', ...(signal === 'SIGINT' ? [] : ['/f'])],
          { stdio: 'ignore', windowsHide: true },
        ).on('error', () => child.kill());
    },
    alive: () => !windows && send(0),
  };
}
