/**
 * Runs wait in line and train one at a time: two at once would share the sensors, and neither's energy
 * could be told. The line is the status `queued` in the store, so it outlives the program.
 */
import type { RunContext } from './context.ts';
import { startRun, type ActiveRun } from './lifecycle.ts';

export interface RunQueue {
  readonly active: number | null;
  /** Puts runs, which are `queued` in the store, at the end of the line. */
  add(ids: readonly number[]): void;
  /** Resolves with true when the run was waiting and has left the line. */
  remove(id: number): boolean;
  /**
   * A person wants the active run stopped: with a checkpoint, or, insisting, at once. False when `id`
   * is not the active one.
   */
  stop(id: number): boolean;
  /**
   * Keeps the machine free of runs until what is returned is called; those that are added meanwhile wait.
   * Null where a run is active or waiting.
   */
  hold(): (() => void) | null;
  /** Stops the active run with a checkpoint and starts no other; those that wait stay queued. */
  close(why: string): Promise<void>;
}

export function createQueue(context: RunContext, activeChanged: () => void): RunQueue {
  const waiting: number[] = [];
  let current: ActiveRun | null = null;
  let closed = false;
  let holds = 0;

  const next = (): void => {
    if (current || closed || holds > 0) return;
    const id = waiting.shift();
    if (id === undefined) return;
    const run = startRun(context, id);
    current = run;
    activeChanged();
    void run.ended.then(() => {
      // of a command that was stopped before it started
      context.commands.environments.delete(id);
      current = null;
      activeChanged();
      next();
    });
  };

  return {
    get active() {
      return current?.id ?? null;
    },
    add: (ids) => {
      waiting.push(...ids.filter((id) => id !== current?.id && !waiting.includes(id)));
      next();
    },
    remove: (id) => {
      const place = waiting.indexOf(id);
      if (place >= 0) waiting.splice(place, 1);
      return place >= 0;
    },
    stop: (id) => {
      if (current?.id !== id) return false;
      current.stopByHand();
      return true;
    },
    hold: () => {
      if (current || waiting.length > 0) return null;
      holds++;
      let held = true;
      return () => {
        if (held) holds--;
        held = false;
        next();
      };
    },
    close: async (why) => {
      closed = true;
      const run = current;
      run?.stop(why);
      await run?.ended;
    },
  };
}
