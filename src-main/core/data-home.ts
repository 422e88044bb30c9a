/**
 * Where the data live, and the lock that lets one program at a time write there.
 *
 * The lock is a file with the owner's process id. It outlives a crash, so its owner is checked: the
 * process must exist and, where the system tells (Linux), have started when the lock says, since
 * process ids are used again. A lock written on another computer (a shared home directory) cannot be
 * checked and is believed.
 */
import { readFileSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { AppError } from '../contract.ts';

/** HUGGINGGREEN_HOME, else the folder that the person chose, else the platform's. */
export const dataHome = (
  env: NodeJS.ProcessEnv = process.env,
  platform = process.platform,
): string => env.HUGGINGGREEN_HOME || chosenHome(platformHome(env, platform));

/** The platform's folder for the data of programs. */
export function platformHome(
  env: NodeJS.ProcessEnv = process.env,
  platform = process.platform,
): string {
  const home = homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'HuggingGreen');
  if (platform === 'win32')
    return join(env.APPDATA ?? join(home, 'AppData', 'Roaming'), 'HuggingGreen');
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'hugginggreen');
}

/** In the platform's folder: the path of the one that is used in its place. */
const pointer = 'data-folder.txt';

function chosenHome(usual: string): string {
  try {
    return readFileSync(join(usual, pointer), 'utf8').trim() || usual;
  } catch {
    return usual;
  }
}

/**
 * Uses another folder from the next start on; what lies in the present one stays there.
 * @param folder null: the platform's own
 * @throws AppError BAD_INPUT where nothing can be written there
 */
export async function chooseHome(
  folder: string | null,
  env: NodeJS.ProcessEnv = process.env,
  platform = process.platform,
): Promise<void> {
  const usual = platformHome(env, platform);
  const path = join(usual, pointer);
  if (folder === null || resolve(folder) === resolve(usual)) return rm(path, { force: true });
  if (!isAbsolute(folder))
    throw new AppError('BAD_INPUT', `"${folder}" is no whole path.`, 'Begin it at the root.');
  const trial = join(folder, `.written-by-${process.pid}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(trial, '');
    await rm(trial);
  } catch (cause) {
    throw new AppError(
      'BAD_INPUT',
      `${folder} cannot be the data folder: ${(cause as Error).message}.`,
      'Choose a folder that you may write to.',
    );
  }
  await mkdir(usual, { recursive: true });
  // whole or not at all: half a path would be another folder
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${folder}\n`);
  await rename(draft, path);
}

export interface LockOwner {
  pid: number;
  hostname: string;
  /** Kernel ticks at which the process started; null where the system does not tell. */
  started: string | null;
  /** What the person started: `desktop window`, `hugginggreen serve`. */
  program: string;
  /** It stays until it is told to end, and may be given work; a command ends with its own. */
  lasting: boolean;
  /** Milliseconds since 1970. */
  since: number;
}

export interface Lock {
  release(): Promise<void>;
}

/** Takes the lock of `home`, or throws CONFLICT with the owner's name. Takes over from the dead. */
export async function lockHome(home: string, program: string, lasting = true): Promise<Lock> {
  const path = await prepareHome(home);
  const own: LockOwner = {
    pid: process.pid,
    hostname: hostname(),
    started: await startOf(process.pid),
    program,
    lasting,
    since: Date.now(),
  };
  const text = JSON.stringify(own);
  // written apart and linked: whoever sees the lock sees all of it, and link() refuses an existing one
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, text).catch((cause: unknown): never => {
    throw cannotLock(home, cause as NodeJS.ErrnoException);
  });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await tryLink(draft, path))
        return {
          release: async () => {
            if ((await readOwner(path))?.text === text) await rm(path, { force: true });
          },
        };
      const found = await readOwner(path);
      if (!found) continue;
      if (found.owner && (await lives(found.owner))) throw occupied(home, found.owner);
      await setAside(path, found.text);
    }
  } finally {
    await rm(draft, { force: true });
  }
  throw new AppError('CONFLICT', `The lock ${path} changes all the time.`, 'Try again.');
}

/** Who holds the lock of `home` now; null when nobody does. */
export async function lockOwner(home: string): Promise<LockOwner | null> {
  const found = await readOwner(join(home, 'lock'));
  return found?.owner && (await lives(found.owner)) ? found.owner : null;
}

async function prepareHome(home: string): Promise<string> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new AppError(
      'STORE',
      `The data folder ${home} cannot be made: ${(cause as Error).message}.`,
      'Set HUGGINGGREEN_HOME to a folder that can be written.',
    );
  }
  return join(home, 'lock');
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cannotLock(dirname(to), cause as NodeJS.ErrnoException);
  }
}

function cannotLock(home: string, { code, message }: NodeJS.ErrnoException): AppError {
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError(
      'DISK_FULL',
      `The disk that holds the data folder ${home} is full.`,
      'Free some space, or set HUGGINGGREEN_HOME to a folder on another disk.',
    );
  return new AppError(
    'STORE',
    `The data folder ${home} cannot be written: ${message}.`,
    'Change its permissions, or set HUGGINGGREEN_HOME to a folder on a local disk that can be written.',
  );
}

async function readOwner(path: string): Promise<{ text: string; owner: LockOwner | null } | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return null;
  }
  try {
    return { text, owner: JSON.parse(text) as LockOwner };
  } catch {
    return { text, owner: null };
  }
}

async function lives(owner: LockOwner): Promise<boolean> {
  if (owner.hostname !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (cause) {
    // EPERM: it exists and belongs to someone else
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return (await startOf(owner.pid)) === owner.started;
}

/** Field 22 of /proc/PID/stat, counted after the name, which may hold spaces and brackets. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/** Removes the lock of a dead program, unless a quicker one has already put its own there. */
async function setAside(path: string, stale: string): Promise<void> {
  const aside = `${path}.stale.${process.pid}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, 'utf8')) !== stale) await tryLink(aside, path);
  await rm(aside, { force: true });
}

function occupied(home: string, owner: LockOwner): AppError {
  const elsewhere =
    owner.hostname === hostname()
      ? ''
      : ` If nothing runs on ${owner.hostname} any more, delete the file ${join(home, 'lock')}.`;
  return new AppError(
    'CONFLICT',
    `HuggingGreen already runs on the data folder ${home}: ${owner.program}, process ${owner.pid} on ${owner.hostname}, since ${new Date(owner.since).toISOString().replace(/\.\d+/, '')}.`,
    `Use that one, end it, or set HUGGINGGREEN_HOME to another folder.${elsewhere}`,
  );
}
