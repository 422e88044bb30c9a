/** Whether the components of a run that goes on are still read, told once when that changes. */

/** A meter that is started anew is back sooner. */
const patienceSeconds = 10;

export interface LastReading {
  name: string;
  /** Seconds since it was read last. */
  age: number;
}

export class ReadingWatch {
  #lost = new Set<string>();
  #blind = false;

  /**
   * @param components of the run, as far as they were ever read
   * @param seconds since it began
   * @param limits of its budget that need readings, in words; null: none
   * @returns what to say; null where all is as before
   */
  look(
    components: readonly LastReading[],
    seconds: number,
    limits: string | null,
  ): { level: 'info' | 'warning'; message: string } | null {
    const lost = components.filter(({ age }) => age > patienceSeconds).map(({ name }) => name);
    const blind = seconds > patienceSeconds && lost.length === components.length;
    const fresh = lost.filter((name) => !this.#lost.has(name));
    const back = [...this.#lost].filter((name) => !lost.includes(name));
    const wasBlind = this.#blind;
    this.#lost = new Set(lost);
    this.#blind = blind;
    if (blind && !wasBlind) {
      const consequence = limits === null ? '' : ` The ${limits} budget cannot be watched.`;
      return { level: 'warning', message: `No power is read.${consequence}` };
    }
    if (fresh.length > 0 && !blind) {
      const consequence = limits === null ? '' : ` The ${limits} budget is watched without it.`;
      return {
        level: 'warning',
        message: `No power is read of ${fresh.join(', ')} any more.${consequence}`,
      };
    }
    if (back.length > 0 || (wasBlind && !blind))
      return {
        level: 'info',
        message: `Power is read again${back.length > 0 ? ` of ${back.join(', ')}` : ''}.`,
      };
    return null;
  }
}
