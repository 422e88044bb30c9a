/** Whether an energy counter stands still while its card draws power: such a counter does not count. */
const longestMicros = 5_000_000;
/** Less than this may not move a counter within the time. */
const leastWatts = 1;

export class StillCounter {
  #raw = -1;
  #movedAt: number | null = null;

  /** True once the counter has shown the same for 5 s under power. */
  stands(raw: number, watts: number | null, now: number): boolean {
    const same = raw === this.#raw && watts !== null && watts >= leastWatts;
    if (same && this.#movedAt !== null) return now - this.#movedAt >= longestMicros;
    this.#raw = raw;
    this.#movedAt = now;
    return false;
  }

  /** The counter, or the card, is another one from here on. */
  reset(): void {
    this.#movedAt = null;
  }
}
