/** One process at a time: a file next to what is being made, with the process id of who makes it. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { AppError } from '../../contract.ts';
import { explainDisk } from './dataset.ts';

/** Held by this process. */
const held = new Set<string>();

/**
 * Runs `work` while holding `FILE.lock`; a lock left behind by a process that was killed is taken over.
 * @param doing what the holder does with the file, as in "is being downloaded".
 * @throws AppError with CONFLICT where another process holds it.
 */
export async function withLock(
  file: string,
  doing: string,
  work: () => Promise<void>,
): Promise<void> {
  const lock = `${file}.lock`;
  for (let attempt = 0; ; attempt++) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (cause) {
      const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
      if (!exists) throw explainDisk(cause, lock);
      const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
      // in a container, who was killed may have had the number of who runs now
      const alive = holder === process.pid ? held.has(lock) : isRunning(holder);
      if (attempt > 0 || alive)
        throw new AppError(
          'CONFLICT',
          `${basename(file)} is being ${doing} already.`,
          'Wait for it to end.',
        );
      await rm(lock, { force: true });
    }
  }
  held.add(lock);
  try {
    await work();
  } finally {
    held.delete(lock);
    await rm(lock, { force: true });
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // it runs, as another user
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM';
  }
}
