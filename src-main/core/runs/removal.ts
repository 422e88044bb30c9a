/**
 * Deleting runs, at once or so that it can be undone for some seconds: then they are only marked, leave
 * every list, and are deleted with their folders when the time is over or the program starts again.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../contract.ts';
import type { EventBus } from '../events.ts';
import type { Store } from '../store/store.ts';
import type { RunQueue } from './queue.ts';

export interface Removal {
  /** @throws AppError CONFLICT while one of them is active */
  remove(ids: number[], undoSeconds: number): Promise<void>;
  /** @returns those that were still there */
  restore(ids: number[]): Promise<number[]>;
  /** Deletes what an earlier program left marked. */
  settle(): Promise<void>;
  /** What is marked stays marked; the next start deletes it. */
  close(): void;
}

interface Workplace {
  store: Store;
  queue: RunQueue;
  events: EventBus;
  runDir(id: number): string;
  /** Lets go of what is kept in memory for a run. */
  forget(id: number): void;
  log(line: string): void;
}

export function createRemoval({ store, queue, events, runDir, forget, log }: Workplace): Removal {
  /** The timer that will delete a run; one that was brought back has none, or a later one. */
  const due = new Map<number, NodeJS.Timeout>();

  const erase = async (ids: number[]): Promise<void> => {
    if (ids.length === 0) return;
    await store.deleteRuns(ids);
    ids.forEach(forget);
    for (const id of ids) await rm(runDir(id), { recursive: true, force: true });
  };
  const eraseLater = (ids: number[], seconds: number): void => {
    const timer = setTimeout(() => {
      const still = ids.filter((id) => due.get(id) === timer);
      for (const id of still) due.delete(id);
      erase(still).catch((cause: unknown) => log(`runs were not deleted: ${String(cause)}`));
    }, seconds * 1000);
    for (const id of ids) due.set(id, timer);
  };

  return {
    remove: async (ids, undoSeconds) => {
      const active = ids.find((id) => id === queue.active);
      if (active !== undefined)
        throw new AppError('CONFLICT', `Run ${active} is active.`, 'Stop it before deleting it.');
      // out of the line first: one could become active while the store is asked
      const waited = ids.filter((id) => queue.remove(id));
      try {
        if (undoSeconds === 0) await erase(ids);
        else {
          await store.removeRuns(ids);
          eraseLater(ids, undoSeconds);
        }
      } catch (cause) {
        queue.add(waited);
        throw cause;
      }
      queue.letGo(ids);
      events.emit('run.removed', { ids });
    },
    restore: async (ids) => {
      const back = await store.restoreRuns(ids);
      for (const id of back) due.delete(id);
      const runs = await Promise.all(back.map((id) => store.getSummary(id)));
      queue.add(runs.filter(({ status }) => status === 'queued').map(({ id }) => id));
      return back;
    },
    settle: async () => erase(await store.removedRuns()),
    close: () => due.forEach((timer) => clearTimeout(timer)),
  };
}

/** What the folders take on the disk, in bytes; a run without a folder takes nothing. */
export async function folderBytes(folders: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries)
      if (entry.isFile())
        // a checkpoint may be replaced meanwhile
        bytes += await stat(join(entry.parentPath, entry.name)).then(
          ({ size }) => size,
          () => 0,
        );
  }
  return bytes;
}
