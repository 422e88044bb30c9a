/**
 * Runs wait in line and train one at a time: two at once would share the sensors, and neither's energy
 * could be told. The line is the status `queued` with its place in the store, so it outlives the program.
 */
import { AppError, type Estimate, type QueueState, type Settings } from '../../contract.ts';
import { monotonicMicros } from '../../port.ts';
import type { Costs } from '../experiments/costs.ts';
import type { RunContext } from './context.ts';
import { coolDown, type Cooled } from './cool-down.ts';
import { presentIdle } from './idle.ts';
import { startRun, type ActiveRun } from './lifecycle.ts';
import { watchQueueBudget } from './queue-budget.ts';
import { queueOutlook } from './queue-outlook.ts';

export interface RunQueue {
  readonly active: number | null;
  state(): QueueState;
  /**
   * Puts runs, which are `queued` in the store, into the line.
   * @param where `first`: at its head; `now`: at its head, and they start though the line is paused or its budget used up, and
   *   before the machine has cooled down
   */
  add(ids: readonly number[], where?: 'first' | 'last' | 'now'): void;
  /** Resolves with true when the run was waiting and has left the line. */
  remove(id: number): boolean;
  /** Puts runs that wait before another that waits, in the given order; null: at the end. */
  move(ids: readonly number[], before: number | null): Promise<void>;
  /** The active run goes on; nothing new starts, also after a restart of the program. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** These are not to be resumed any more: a line that was paused with one of them goes on. */
  letGo(ids: readonly number[]): void;
  /** Ends the present cool-down: the next run starts. */
  skipCoolDown(): void;
  /** The settings, and with them the queue's budget, may be others. */
  settingsChanged(): Promise<void>;
  /**
   * A person wants the active run stopped: with a checkpoint, or, insisting, at once. False when `id`
   * is not the active one.
   */
  stop(id: number): boolean;
  /**
   * Stops the active run with a checkpoint; resumed, it is first in the line, which pauses until
   * then: who pauses a run wants the machine, not the next run. False as of `stop`, and for one that ends.
   */
  pauseRun(id: number): boolean;
  /**
   * Keeps the machine free of runs until what is returned is called; those that are added meanwhile wait.
   * Null where a run is active or about to start.
   */
  hold(): (() => void) | null;
  /** Stops the active run with a checkpoint and starts no other; those that wait stay queued. */
  close(why: string): Promise<void>;
}

export interface QueueOptions {
  context: RunContext;
  /** A run began or ended to be the active one. */
  activeChanged: () => void;
  /** A run is over: what follows from it may join the line before the next one starts. */
  settle: (id: number) => Promise<void>;
  /** As it was left. */
  paused: boolean;
  /** The run with which it was paused, and goes on; null: a person paused it by itself. */
  pausedFor: number | null;
  settings: () => Settings;
  costs: Pick<Costs, 'known'>;
  /** Longest wait for idle power after a run, in seconds; 0: none. */
  mostCoolDownSeconds: () => number;
  /** Over which the power is averaged then. */
  coolDownWindowSeconds: number;
}

export function createQueue(options: QueueOptions): RunQueue {
  const { context, activeChanged } = options;
  const { store, metering, events } = context;
  const waiting: number[] = [];
  /** Of those, the ones that no pause, no budget and no cool-down keeps. */
  const urgent = new Set<number>();
  let current: ActiveRun | null = null;
  /** Resolves when the active run is over with all that follows from it. */
  let over: Promise<void> = Promise.resolve();
  /** Where the active run, which is over, is to join the line again. */
  let rejoins: Parameters<RunQueue['add']>[1] | null = null;
  /** A run has ended, and what follows from it is neither in the budget nor in the line yet. */
  let settling = false;
  let { paused, pausedFor } = options;
  let closed = false;
  let holds = 0;
  let endedAt = -Infinity;
  const budget = watchQueueBudget({
    store,
    settings: options.settings,
    active: () => current && { id: current.id, used: current.used() },
    changed: () => {
      tell();
      next();
    },
    notice: context.notice,
    log: context.log,
  });
  /** How long the latest waits for idle power were, in seconds. */
  const waits: number[] = [];
  const outlook = queueOutlook({
    store,
    costs: options.costs,
    coolDown: () => expectedWait(waits, options.mostCoolDownSeconds()),
    log: context.log,
  });
  let cooling: { abort: AbortController; shown: QueueState['coolDown'] } | null = null;

  const state = (): QueueState => ({
    active: current?.id ?? null,
    waiting: [...waiting],
    paused,
    coolDown: cooling?.shown ?? null,
    budget: budget.state(),
    outlook: outlook.of(waiting, current, cooling ? coolingLeft(cooling.shown) : 0),
  });
  const tell = (): void => events.emit('queue', state());
  const keep = (written: Promise<unknown>): Promise<void> =>
    written.then(
      () => {},
      (cause: unknown) => context.log(`The queue could not be stored: ${String(cause)}`),
    );
  const changed = (): Promise<void> => {
    tell();
    return keep(store.placeRuns(waiting));
  };
  /** Other runs wait, or one that has ended tells more. */
  const reckon = async (): Promise<void> => {
    await outlook.refresh();
    if (!closed) tell();
  };

  const begin = (): void => {
    const id = waiting.shift();
    if (id === undefined) return;
    urgent.delete(id);
    void keep(store.leaveLine(id));
    const run = startRun(context, id);
    current = run;
    activeChanged();
    tell();
    over = run.ended.then(async () => {
      // of a command that was stopped before it started
      context.commands.environments.delete(id);
      // before the ledger is read, which has this run from here on: counted as active too, it would count twice
      current = null;
      endedAt = performance.now();
      settling = true;
      if (rejoins) add([id], rejoins);
      rejoins = null;
      // it came to its end before the pause did
      if (pausedFor === id && !(await store.getSummary(id).catch(() => null))?.paused) letGo([id]);
      // the next one starts by what this one has used
      await budget.refresh();
      await keep(options.settle(id));
      settling = false;
      activeChanged();
      tell();
      next();
      if (waiting.length > 0) void reckon();
    });
  };

  const mayStart = (): boolean => {
    const first = waiting[0];
    if (first === undefined || current || settling || cooling || closed || holds > 0) return false;
    return (!paused && !budget.state()?.usedUp) || urgent.has(first);
  };

  const next = (): void => {
    if (!mayStart()) return;
    const rest = options.mostCoolDownSeconds() - (performance.now() - endedAt) / 1000;
    if (rest <= 0 || urgent.has(waiting[0]!)) return begin();
    void cool(rest);
  };

  const cool = async (mostSeconds: number): Promise<void> => {
    const own = { abort: new AbortController(), shown: null as QueueState['coolDown'] };
    cooling = own;
    const began = Date.now();
    const cooled = await waitUntilCool(mostSeconds, own.abort.signal, (watts, targetWatts) => {
      own.shown = { since: began, mostSeconds, watts, targetWatts };
      const label = 'Cooling down to idle power';
      if (waiting[0] !== undefined)
        events.emit('run.progress', { id: waiting[0], label, fraction: null });
      tell();
    }).catch((cause: unknown) => {
      context.log(`The cool-down was left out: ${String(cause)}`);
      return null;
    });
    cooling = null;
    if (cooled) {
      waits.push(cooled.seconds);
      waits.splice(0, waits.length - keptWaits);
    }
    const id = waiting[0];
    tell();
    if (!mayStart()) return;
    if (cooled && cooled.seconds >= 1) {
      const note = noteOf(cooled);
      void keep(store.addNote(id!, note));
      void context.logs.add(id!, note.level, note.message);
    }
    begin();
  };

  const waitUntilCool = async (
    mostSeconds: number,
    signal: AbortSignal,
    told: (watts: number | null, targetWatts: number) => void,
  ): Promise<Cooled | null> => {
    const { config, command } = await store.getRun(waiting[0]!);
    // a run that does not ask what the machine takes at rest need not wait for it
    if (!((config?.energy ?? command?.energy)?.baselineSeconds ?? 0)) return null;
    const idle = presentIdle((await store.recall(['idle'])).idle, metering.components);
    if (!idle || signal.aborted) return null;
    return coolDown({
      idle: idle.watts,
      trace: metering.trace,
      windowSeconds: options.coolDownWindowSeconds,
      mostSeconds,
      signal,
      tell: ({ watts, targetWatts }) => told(watts, targetWatts),
    });
  };

  const setPaused = (now: boolean, id: number | null = null): Promise<void> => {
    [paused, pausedFor] = [now, id];
    return store.remember({ queuePaused: now, queuePausedFor: id });
  };

  const letGo = (ids: readonly number[]): void => {
    if (pausedFor === null || !ids.includes(pausedFor)) return;
    void keep(setPaused(false));
    tell();
    next();
  };

  const add: RunQueue['add'] = (ids, where = 'last') => {
    if (pausedFor !== null && ids.includes(pausedFor)) void keep(setPaused(false));
    if (current?.isOver && ids.includes(current.id)) rejoins = where;
    const fresh = ids.filter((id) => id !== current?.id && !waiting.includes(id));
    if (where === 'last') waiting.push(...fresh);
    else waiting.unshift(...fresh);
    if (where === 'now') for (const id of fresh) urgent.add(id);
    void changed();
    if (where === 'now') endCoolDown();
    next();
    if (waiting.length > 0) void reckon();
  };

  /** What was waited for is not to start any more, or at once. */
  const endCoolDown = (): void => cooling?.abort.abort();

  return {
    get active() {
      return current?.id ?? null;
    },
    state,
    add,
    remove: (id) => {
      const place = waiting.indexOf(id);
      if (place < 0) return false;
      waiting.splice(place, 1);
      urgent.delete(id);
      if (waiting.length === 0) endCoolDown();
      tell();
      return true;
    },
    move: async (ids, before) => {
      waiting.splice(0, waiting.length, ...moved(waiting, ids, before));
      await changed();
    },
    pause: async () => {
      await setPaused(true);
      endCoolDown();
      tell();
    },
    resume: async () => {
      await setPaused(false);
      tell();
      next();
    },
    letGo,
    skipCoolDown: endCoolDown,
    settingsChanged: budget.refresh,
    stop: (id) => {
      if (current?.id !== id) return false;
      current.stopByHand();
      return true;
    },
    pauseRun: (id) => {
      // one that ends already has nothing left to be paused
      if (current?.id !== id || current.isOver || current.isStopping) return false;
      void keep(store.markPaused(id));
      if (!paused) void keep(setPaused(true, id));
      current.stop('Paused. Resume goes on from the checkpoint, before all runs that wait.');
      tell();
      return true;
    },
    hold: () => {
      if (current || settling || cooling || (waiting.length > 0 && !paused)) return null;
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
      budget.close();
      endCoolDown();
      current?.stop(why);
      await over;
    },
  };
}

/**
 * The line with some of its runs put before another, in the given order; null: at its end.
 * @throws AppError CONFLICT where one of them does not wait, BAD_INPUT for a run before itself
 */
export function moved(line: readonly number[], ids: readonly number[], before: number | null) {
  for (const id of before === null ? ids : [...ids, before])
    if (!line.includes(id)) throw new AppError('CONFLICT', `Run ${id} does not wait in the queue.`);
  if (before !== null && ids.includes(before))
    throw new AppError('BAD_INPUT', `Run ${before} cannot be put before itself.`);
  const rest = line.filter((id) => !ids.includes(id));
  rest.splice(before === null ? rest.length : rest.indexOf(before), 0, ...new Set(ids));
  return rest;
}

/** Seconds until the present wait for idle power is over in any case. */
const coolingLeft = (shown: QueueState['coolDown']): number =>
  shown ? Math.max(0, shown.mostSeconds - (Date.now() - shown.since) / 1000) : 0;

/** Waits for idle power that tell how long the next one is. */
const keptWaits = 10;

/** Of the waits until now; before the first, all is possible up to the most there may be. */
function expectedWait(waits: readonly number[], most: number): Estimate | null {
  if (most === 0) return null;
  if (waits.length === 0) return { low: 0, value: most / 2, high: most };
  const mean = waits.reduce((sum, seconds) => sum + seconds, 0) / waits.length;
  return { low: Math.min(...waits), value: mean, high: Math.max(...waits) };
}

function noteOf({ how, seconds, watts }: Cooled): {
  at: number;
  level: 'info' | 'warning';
  message: string;
} {
  const at = monotonicMicros();
  const power = watts === null ? '' : ` (${watts.toFixed(1)} W)`;
  return how === 'idle'
    ? {
        at,
        level: 'info',
        message: `The machine cooled down to idle power for ${Math.round(seconds)} s before this run${power}.`,
      }
    : {
        at,
        level: 'warning',
        message: `The machine was not back at idle power after ${Math.round(seconds)} s${power}: the run began all the same.`,
      };
}
