/**
 * Between two runs the machine cools down to the idle power that a baseline measured: fans and leakage
 * of the run before would else be counted in the next, and runs of one series would not be comparable.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PowerTrace } from '../../contract.ts';

/** So near to idle power the machine counts as idle. */
const tolerance = 0.1;
const pollMs = 500;

/** What is waited for, for people. */
export interface Cooling {
  /** Mean over the last seconds, of the components whose idle power is known, W; null: not read. */
  watts: number | null;
  /** At this power or below it ends, W. */
  targetWatts: number;
}

/** `idle`: it is cool; `late`: the time was up. */
export type Cooled = { how: 'idle' | 'late'; seconds: number; watts: number | null };

/**
 * Waits until the mean power of a window is within a tenth of idle power.
 * @param idle W by component key; what is null there is left out on both sides
 * @param trace the last seconds of power
 * @returns null where there is no idle power to compare with, and when `signal` ended it
 */
export async function coolDown(options: {
  idle: Record<string, number | null>;
  trace: (seconds: number) => PowerTrace;
  windowSeconds: number;
  mostSeconds: number;
  signal: AbortSignal;
  tell: (now: Cooling) => void;
}): Promise<Cooled | null> {
  const { windowSeconds, mostSeconds, signal, tell } = options;
  const idle = Object.entries(options.idle).filter((entry): entry is [string, number] => {
    return entry[1] !== null;
  });
  const idleWatts = idle.reduce((sum, [, watts]) => sum + watts, 0);
  if (idleWatts <= 0) return null;
  const targetWatts = idleWatts * (1 + tolerance);
  const began = performance.now();
  for (;;) {
    const seconds = (performance.now() - began) / 1000;
    const watts = meanWatts(
      options.trace(windowSeconds),
      idle.map(([key]) => key),
      windowSeconds,
    );
    if (watts !== null && watts <= targetWatts) return { how: 'idle', seconds, watts };
    if (seconds >= mostSeconds) return { how: 'late', seconds, watts };
    tell({ watts, targetWatts });
    const rest = Math.min(pollMs, windowSeconds * 250, (mostSeconds - seconds) * 1000);
    await sleep(rest, null, { signal }).catch(() => {});
    if (signal.aborted) return null;
  }
}

/** Null unless every component was read through nearly all of the window. */
export function meanWatts(
  { at, watts }: PowerTrace,
  keys: readonly string[],
  windowSeconds: number,
): number | null {
  let sum = 0;
  for (const key of keys) {
    const read = (watts[key] ?? []).flatMap((value, i) =>
      value === null ? [] : [{ at: at[i]!, value }],
    );
    const first = read[0];
    const last = read.at(-1);
    if (!first || !last || last.at - first.at < 800 * windowSeconds) return null;
    sum += read.reduce((total, { value }) => total + value, 0) / read.length;
  }
  return sum;
}
