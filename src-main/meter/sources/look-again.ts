/** When to look again for what went away: after half a minute, then after twice as long each time. */
const firstMicros = 30_000_000;
const longestMicros = 600_000_000;

export class LookAgain {
  #at: number | null = null;
  #pause = firstMicros;

  /**
   * True when it is time to look.
   * @param missing whether anything is away that may come back; without, the waiting begins anew
   */
  due(now: number, missing: boolean): boolean {
    if (!missing) {
      this.#at = null;
      this.#pause = firstMicros;
      return false;
    }
    this.#at ??= now + this.#pause;
    if (now < this.#at) return false;
    this.#pause = Math.min(2 * this.#pause, longestMicros);
    this.#at = now + this.#pause;
    return true;
  }
}
