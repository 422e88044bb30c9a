/**
 * A plug read about once a second, and the energy of any stretch of that time.
 *
 * The plug's own counter is preferred where it moved often enough in the stretch to be cut precisely: between
 * the readings at which it first and last moved, each known to one reading. Else its power is summed
 * over time; across a silence of some seconds nothing is invented.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../contract.ts';
import type { Plug, PlugReading } from './plugs.ts';

export interface PlugEnergy {
  joules: number;
  /** The stretch that it is of, monotonic microseconds; never longer than what was asked. */
  from: number;
  to: number;
  /** Seconds of it with readings. */
  covered: number;
  by: 'counter' | 'power';
}

/** So many moves of the counter leave an error below 2 % at both ends together. */
const fewestMoves = 50;
/** A plug that did not answer for longer than this left a gap. */
const longestSilence = 5e6;

export class PlugWatch {
  readonly plug: Plug;
  readonly readings: PlugReading[] = [];
  /** Why the last attempt gave no reading; null when it did. */
  problem: AppError | null = null;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor(plug: Plug, everyMs = 1000) {
    this.plug = plug;
    this.#done = this.#go(everyMs);
  }

  async #go(everyMs: number): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const began = performance.now();
      try {
        this.readings.push(await this.plug.read(signal));
        this.problem = null;
      } catch (cause) {
        if (signal.aborted) return;
        // whatever else it is, it is no reading
        this.problem =
          cause instanceof AppError ? cause : new AppError('UNAVAILABLE', String(cause));
      }
      const rest = Math.max(0, everyMs - (performance.now() - began));
      await sleep(rest, null, { signal }).catch(() => {});
    }
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  /** The last reading's power, W; null when it is older than a silence. */
  watts(now: number): number | null {
    const last = this.readings.at(-1);
    return last && now - last.at <= longestSilence ? last.watts : null;
  }

  between(from: number, to: number): PlugEnergy | null {
    return plugEnergy(this.readings, from, to);
  }
}

/** Energy of the readings from one moment to another; null where fewer than two lie in between. */
export function plugEnergy(
  readings: readonly PlugReading[],
  from: number,
  to: number,
): PlugEnergy | null {
  const inside = readings.filter(({ at }) => at >= from && at <= to);
  return byCounter(inside) ?? byPower(inside);
}

function byCounter(readings: readonly PlugReading[]): PlugEnergy | null {
  const moves: { at: number; wh: number }[] = [];
  let before: number | null = null;
  for (const { at, wh } of readings) {
    if (wh === null) continue;
    // started anew: what was counted before is lost
    if (before !== null && wh < before) return null;
    if (before !== null && wh > before) moves.push({ at, wh });
    before = wh;
  }
  const [first, last] = [moves[0], moves.at(-1)];
  if (!first || !last || moves.length <= fewestMoves) return null;
  return {
    joules: (last.wh - first.wh) * 3600,
    from: first.at,
    to: last.at,
    covered: (last.at - first.at) / 1e6,
    by: 'counter',
  };
}

function byPower(readings: readonly PlugReading[]): PlugEnergy | null {
  let joules = 0;
  let covered = 0;
  readings.forEach(({ at, watts }, i) => {
    const before = readings[i - 1];
    if (!before || before.watts === null || watts === null || at - before.at > longestSilence)
      return;
    const seconds = (at - before.at) / 1e6;
    joules += ((watts + before.watts) / 2) * seconds;
    covered += seconds;
  });
  return covered === 0
    ? null
    : { joules, from: readings[0]!.at, to: readings.at(-1)!.at, covered, by: 'power' };
}
