/**
 * Notices that the computer slept: counters may have begun anew, and nothing was read meanwhile.
 *
 * The monotonic clock stands still in sleep, wall time does not, but wall time can also be set. The
 * uptime (CLOCK_BOOTTIME) goes on in sleep and cannot be set; it costs a file read, so it is asked only
 * when the first two part.
 */
import { uptime } from 'node:os';

const apartMicros = 1_000_000;

export interface Clocks {
  /** Milliseconds since 1970. */
  wall(): number;
  /** Seconds since the machine was started, sleep included. */
  uptime(): number;
}

export class SleepWatch {
  readonly #clocks: Clocks;
  #wallOffset = NaN;
  #bootOffset = NaN;

  constructor(clocks: Clocks = { wall: () => Date.now(), uptime }) {
    this.#clocks = clocks;
  }

  /**
   * @param now monotonic microseconds
   * @returns seconds slept since the last question, null when awake all the time
   */
  since(now: number): number | null {
    const wallOffset = this.#clocks.wall() * 1000 - now;
    if (Math.abs(wallOffset - this.#wallOffset) < apartMicros) return null;
    const bootOffset = this.#clocks.uptime() * 1e6 - now;
    const slept = bootOffset - this.#bootOffset;
    this.#wallOffset = wallOffset;
    this.#bootOffset = bootOffset;
    return slept >= apartMicros ? slept / 1e6 : null;
  }
}
