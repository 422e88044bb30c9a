/**
 * Whose energy it is: the part of each component's joules that falls to the processes of a run, and the
 * part that falls to this program itself.
 *
 * A part is the energy of an interval times the share of use in that same interval: of the busy processor
 * time, of the memory held, of the card's SM time. Intervals are about a second long and end at every mark,
 * so that a run's edges are exact. Parts only grow. Where a share cannot be told, the part is not known from
 * there on (null, never 0), until a new list of processes begins anew.
 */
import type { ComponentKind, MeterSettings } from './messages.ts';
import { ProcessTree, type Group, type Shares } from './process-tree.ts';
import type { Component } from './sources/source.ts';

const everyMicros = 1_000_000;
/** Below this the kernel's ticks of 10 ms say nothing about a share. */
const leastMicros = 50_000;
/** A card that misses an answer keeps its last share this many times. */
const missesAllowed = 10;
const overheadEveryMicros = 5_000_000;

interface Part {
  /** Joules at the last reading, at whatever interval. */
  joules: number | null;
  /** Not yet given to anybody. */
  pending: number;
  run: number;
  program: number;
  known: boolean;
  last: Shares | null;
  misses: number;
}

/** What this program itself uses, for the page of this machine. */
export interface Overhead {
  at: number;
  /** 1 = one core all the time. */
  cores: number;
  residentBytes: number;
}

export class Attribution {
  readonly #tree: ProcessTree;
  readonly #parts = new Map<string, Part>();
  #active = false;
  #at = 0;
  #overhead = { from: 0, coreMicros: 0, told: false };

  readonly #possible: boolean;

  constructor(settings: MeterSettings) {
    const { proc, procStat } = settings.paths;
    this.#possible = proc !== null || process.platform === 'linux';
    this.#tree = new ProcessTree(proc, procStat);
  }

  /** False where nobody is told apart: the parts are then left out. */
  get active(): boolean {
    return this.#active;
  }

  /**
   * Tells other processes apart from here on. What was read so far belongs to those before; a list without
   * processes of a run begins anew what had become unknown.
   */
  watch(run: readonly number[], program: readonly number[], now: number): void {
    const asked = run.length + program.length > 0 && this.#possible;
    // what was read while nobody was told apart is nobody's
    if (!this.#active) this.#parts.clear();
    this.#active = asked && this.#tree.watch(run, program);
    this.#at = now;
    this.#overhead = { ...this.#overhead, from: now, coreMicros: 0 };
    for (const part of this.#parts.values()) {
      part.last = null;
      if (run.length === 0) part.known = true;
    }
  }

  /**
   * Takes what was just read of the components.
   * @param exact end the present interval here, if it is not all too short
   * @returns this program's own use, every few seconds
   */
  read(now: number, exact: boolean, columns: readonly { component: Component }[]): Overhead | null {
    if (!this.#active) return null;
    const passed = now - this.#at;
    const due = passed >= everyMicros || (exact && passed >= leastMicros);
    const usage = due ? this.#tree.read() : null;
    for (const { component } of columns) {
      const part = this.#part(component);
      const { joules } = component.reading;
      if (joules !== null) {
        if (part.joules !== null) part.pending += joules - part.joules;
        part.joules = joules;
      }
      if (usage === null || !component.alive) continue;
      const shares = this.#shares(component, usage, part);
      if (shares === 'later') continue;
      if (shares === null) part.known = false;
      else {
        part.run += part.pending * shares.run;
        part.program += part.pending * shares.program;
      }
      part.pending = 0;
    }
    if (usage === null) return null;
    this.#at = now;
    return this.#sumUp(now, passed, usage.programCores, usage.programBytes);
  }

  /** Cumulative joules of a component that fall to a group; null where that is not known. */
  joulesOf(key: string, group: Group): number | null {
    const part = this.#parts.get(key);
    return part?.known && part.joules !== null ? part[group] : null;
  }

  close(): void {
    this.#tree.close();
    this.#active = false;
  }

  #part({ info: { key }, reading }: Component): Part {
    let part = this.#parts.get(key);
    if (part === undefined) {
      const { joules } = reading;
      part = { joules, pending: 0, run: 0, program: 0, known: true, last: null, misses: 0 };
      this.#parts.set(key, part);
    }
    return part;
  }

  #shares(
    component: Component,
    usage: Record<Exclude<ComponentKind, 'gpu'>, Shares | null>,
    part: Part,
  ): Shares | null | 'later' {
    const { kind } = component.info;
    // the load of the processor is what is read of the machine, whatever package it fell on
    if (kind !== 'gpu') return usage[kind] ?? 'later';
    const shares = component.shares?.(this.#tree) ?? null;
    if (shares === 'missed') return part.misses++ < missesAllowed ? (part.last ?? 'later') : null;
    part.misses = 0;
    part.last = shares;
    return shares;
  }

  #sumUp(
    now: number,
    passed: number,
    cores: number | null,
    residentBytes: number,
  ): Overhead | null {
    this.#overhead.coreMicros += (cores ?? 0) * passed;
    const span = now - this.#overhead.from;
    // a first figure soon, for whoever waits for it
    if (span < (this.#overhead.told ? overheadEveryMicros : everyMicros)) return null;
    const own = { at: now, cores: this.#overhead.coreMicros / span, residentBytes };
    this.#overhead = { from: now, coreMicros: 0, told: true };
    return own;
  }
}
