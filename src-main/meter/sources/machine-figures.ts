/** What the machine as a whole is doing, beside the power of its processor and memory. */
import { CpuLoad, MemoryUse } from '../load.ts';
import type { Component } from './source.ts';

const everyMicros = 1_000_000;

/** Busy share on every processor component, memory in use on the first memory component, once a second. */
export class MachineFigures {
  readonly #load: CpuLoad;
  readonly #memory = new MemoryUse();
  #at = -Infinity;
  #busy: number | null = null;
  #used: number | null = null;

  /** @param procStat another `/proc/stat`; null: the usual one, or what the system offers */
  constructor(procStat: string | null) {
    this.#load = new CpuLoad(procStat);
  }

  /** Fills in what a component's own sensor left open; a component without a reading gets nothing. */
  show(components: readonly Component[], now: number): void {
    if (now - this.#at >= everyMicros) {
      this.#at = now;
      const share = this.#load.busyShare();
      if (share !== null) this.#busy = 100 * share;
      this.#used = this.#memory.usedMb();
    }
    let memoryShown = false;
    for (const { info, reading } of components) {
      if (reading.joules === null) continue;
      if (info.kind === 'cpu') reading.utilPercent ??= this.#busy;
      else if (info.kind === 'ram' && !memoryShown) {
        reading.memoryMb ??= this.#used;
        memoryShown = true;
      }
    }
  }

  close(): void {
    this.#load.close();
    this.#memory.close();
  }
}
