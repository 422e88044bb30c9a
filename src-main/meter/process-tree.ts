/**
 * What two groups of processes use of the machine: those of a run, and those of this program.
 *
 * Linux only, from `/proc` (proc(5)): processor time is utime + stime of every process of a tree, in the
 * same ticks as the busy time of `/proc/stat`, so that their quotient needs no unit. The time of a process
 * that has ended is found in cutime + cstime of the one that waited for it, and is given to the group of
 * the one that ended: the host, which waits for the trainer, is not charged for the training.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { KernelFile, parseProcStat } from './load.ts';

export type Group = 'run' | 'program';

/** 0..1 each; together at most 1. */
export interface Shares {
  run: number;
  program: number;
}

export interface Usage {
  /** Of the machine's busy processor time since the last reading. */
  cpu: Shares;
  /** Of the memory in use, by what each process has resident; null where it cannot be told. */
  ram: Shares | null;
  /** Processors that this program keeps busy, 1 = one core all the time; null where too little time passed. */
  programCores: number | null;
  /** Memory that this program has resident, bytes; shared pages count for each process. */
  programBytes: number;
}

interface Process {
  pid: number;
  parent: number;
  /** Ticks after boot; with the pid it names a process for good. */
  start: number;
  threads: number;
  /** Ticks of its own, and of descendants that it has waited for. */
  own: number;
  waited: number;
  /** Resident pages. */
  pages: number;
  group: Group;
}

/** Longer than any `/proc/<pid>/stat` and all but the longest lists of children. */
const scratch = Buffer.alloc(8192);
/** Every so many readings all threads are asked for children, not the first of each process alone. */
const thoroughEvery = 5;
const deepest = 10_000;

export class ProcessTree {
  readonly #proc: string;
  readonly #statPath: string;
  #stat: KernelFile | null = null;
  #memory: KernelFile | null = null;
  /** `start` is null until the process was seen: then it is that process and no other of its number. */
  #roots = new Map<number, { group: Group; start: number | null }>();
  #known = new Map<number, Process>();
  #busy = 0;
  #total = 0;
  #processors = 1;
  #readings = 0;
  /** False where the kernel keeps no lists of children: then all of `/proc` is looked through. */
  #lists = true;

  /** @param proc folder of the processes; @param stat another `/proc/stat`, null: the one in it */
  constructor(proc: string | null, stat: string | null) {
    this.#proc = proc ?? '/proc';
    this.#statPath = stat ?? `${this.#proc}/stat`;
  }

  /**
   * Tells these processes and all their descendants apart from here on; what they used before does not
   * count. A process that is a root belongs to its own list, whoever its parent is.
   * @returns false where nothing can be told: no `/proc`, or a `/proc/stat` that cannot be read
   */
  watch(run: readonly number[], program: readonly number[]): boolean {
    this.#roots = new Map();
    for (const pid of program) this.#roots.set(pid, { group: 'program', start: null });
    for (const pid of run) this.#roots.set(pid, { group: 'run', start: null });
    this.#readings = 0;
    this.#known.clear();
    try {
      this.#stat ??= new KernelFile(this.#statPath, 512);
    } catch {
      return false;
    }
    this.#known = this.#walk();
    this.#processors = countProcessors(this.#statPath);
    return this.#ticks() !== null;
  }

  /** Which list a process belongs to; null: to none, as far as the last reading saw. */
  groupOf(pid: number): Group | null {
    return this.#known.get(pid)?.group ?? null;
  }

  /** True where the process is to be seen at all: those of other namespaces are not. */
  sees(pid: number): boolean {
    return this.#known.has(pid) || this.#read(pid, 'program') !== null;
  }

  /** What the groups used since the last reading; null where no time has passed or nothing was read. */
  read(): Usage | null {
    const [busyBefore, totalBefore] = [this.#busy, this.#total];
    const ticks = this.#ticks();
    if (ticks === null) return null;
    const before = this.#known;
    this.#known = this.#walk();
    const used = difference(before, this.#known);
    const passed = ticks.total - totalBefore;
    // iowait may run backwards by a tick (proc(5))
    const busy = Math.max(0, ticks.busy - busyBefore);
    const bytes = { run: 0, program: 0 };
    for (const { group, pages } of this.#known.values()) bytes[group] += pages * pageBytes;
    const inUse = this.#bytesInUse();
    return {
      cpu: sharesOf(used, busy),
      ram: inUse === null ? null : sharesOf(bytes, inUse),
      programCores: passed > 0 ? (used.program / passed) * this.#processors : null,
      programBytes: bytes.program,
    };
  }

  close(): void {
    this.#stat?.close();
    this.#memory?.close();
    this.#stat = this.#memory = null;
  }

  #ticks(): { busy: number; total: number } | null {
    try {
      const ticks = parseProcStat(this.#stat?.read() ?? Buffer.alloc(0));
      if (ticks === null) return null;
      this.#busy = ticks.busy;
      this.#total = ticks.total;
      return ticks;
    } catch {
      return null;
    }
  }

  #bytesInUse(): number | null {
    try {
      this.#memory ??= new KernelFile(`${this.#proc}/meminfo`, 256);
      const text = this.#memory.read().toString('latin1');
      const kib = (name: string): number =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? NaN);
      const used = kib('MemTotal') - kib('MemAvailable');
      return used > 0 ? used * 1024 : null;
    } catch {
      return null;
    }
  }

  /** Every process of the groups that is there now. */
  #walk(): Map<number, Process> {
    const thorough = this.#readings++ % thoroughEvery === 0;
    const found = new Map<number, Process>();
    const descend = (root: number, group: Group, start: number | null): void => {
      const open = [root];
      for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
        if (found.has(pid) || found.size >= deepest) continue;
        // a root is asked for by itself, with the list it belongs to
        if (pid !== root && this.#roots.has(pid)) continue;
        const process = this.#read(pid, group);
        if (process === null || (pid === root && start !== null && process.start !== start))
          continue;
        found.set(pid, process);
        if (this.#lists) this.#children(process, thorough, open);
      }
    };
    for (const [pid, root] of [...this.#roots]) {
      const there = this.#read(pid, root.group);
      root.start ??= there?.start ?? null;
      // its number went to a stranger, who is not asked for
      if (there !== null && there.start !== root.start) this.#roots.delete(pid);
      else descend(pid, root.group, root.start);
    }
    // whoever was seen in a group stays in it, though its parent has gone
    for (const { pid, group, start } of this.#known.values()) descend(pid, group, start);
    if (!this.#lists && thorough) this.#scan(found);
    return found;
  }

  /** Adds the children of a process to `open`. */
  #children({ pid, threads }: Process, thorough: boolean, open: number[]): void {
    try {
      if (threads > 1 && thorough)
        for (const thread of readdirSync(`${this.#proc}/${pid}/task`))
          this.#list(pid, thread, open);
      else this.#list(pid, pid, open);
    } catch (cause) {
      const gone = this.#read(pid, 'program') === null;
      if (!gone && (cause as NodeJS.ErrnoException).code === 'ENOENT') this.#lists = false;
    }
  }

  #list(pid: number, thread: number | string, open: number[]): void {
    let text: string;
    try {
      text = textOf(`${this.#proc}/${pid}/task/${thread}/children`);
    } catch (cause) {
      // a thread that has just ended; the first one lives as long as its process
      if (String(thread) === String(pid)) throw cause;
      return;
    }
    for (const child of text.split(' ')) if (child.length > 0) open.push(Number(child));
  }

  /** Without lists of children: asks every process of the machine for its parent. */
  #scan(found: Map<number, Process>): void {
    const orphans = new Map<number, Process>();
    let names: string[];
    try {
      names = readdirSync(this.#proc);
    } catch {
      return;
    }
    for (const name of names) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid <= 0 || found.has(pid)) continue;
      const process = this.#roots.has(pid) ? null : this.#read(pid, 'program');
      if (process !== null) orphans.set(pid, process);
    }
    const groupOf = (process: Process, depth = 0): Group | null => {
      const parent = found.get(process.parent);
      if (parent) return parent.group;
      const next = depth < 100 ? orphans.get(process.parent) : undefined;
      return next ? groupOf(next, depth + 1) : null;
    };
    const own: Process[] = [];
    for (const process of orphans.values()) {
      const group = groupOf(process);
      if (group !== null) own.push({ ...process, group });
    }
    for (const process of own) found.set(process.pid, process);
  }

  /** One process; null when it has gone. */
  #read(pid: number, group: Group): Process | null {
    let text: string;
    try {
      text = textOf(`${this.#proc}/${pid}/stat`);
    } catch {
      return null;
    }
    // the command in brackets may itself hold brackets and spaces; the third field follows it
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3]);
    const process: Process = {
      pid,
      parent: field(4),
      start: field(22),
      threads: field(20),
      own: field(14) + field(15),
      waited: field(16) + field(17),
      pages: field(24),
      group,
    };
    return Object.values(process).every((value) => !Number.isNaN(value)) ? process : null;
  }
}

/** A small kernel file. @throws the file system's error. */
function textOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const length = readSync(file, scratch, 0, scratch.length, 0);
    return length < scratch.length
      ? scratch.toString('latin1', 0, length)
      : readFileSync(path, 'latin1');
  } finally {
    closeSync(file);
  }
}

/** Lines `cpu0`, `cpu1`, ... of `/proc/stat`: the processors whose time it adds up. */
function countProcessors(path: string): number {
  try {
    return Math.max(1, readFileSync(path, 'latin1').match(/^cpu\d+ /gm)?.length ?? 1);
  } catch {
    return 1;
  }
}

/** The kernel's page size, AT_PAGESZ (6) of the auxiliary vector: 4096 but on some ARM and POWER. */
const pageBytes = ((): number => {
  try {
    const vector = readFileSync('/proc/self/auxv');
    for (let at = 0; at + 16 <= vector.length; at += 16)
      if (vector.readBigUInt64LE(at) === 6n) return Number(vector.readBigUInt64LE(at + 8));
  } catch {
    // no Linux: nothing else of this file is used either
  }
  return 4096;
})();

/**
 * Ticks that each group used between two readings. A process that was not there before began in between,
 * because a tree grows by its own children; one that has gone is settled with its nearest ancestor left.
 */
function difference(
  before: ReadonlyMap<number, Process>,
  now: ReadonlyMap<number, Process>,
): Record<Group, number> {
  const used: Record<Group, number> = { run: 0, program: 0 };
  const same = (process: Process): Process | undefined => {
    const other = now.get(process.pid);
    return other?.start === process.start ? other : undefined;
  };
  /** What those that have gone had used before, by the pid of the one that inherits it. */
  const settled = new Map<number, { ticks: number; group: Group }>();
  for (const gone of before.values()) {
    if (same(gone)) continue;
    let heir: Process | undefined = gone;
    for (let depth = 0; heir && !same(heir) && depth < 100; depth++) heir = before.get(heir.parent);
    if (!heir || !same(heir)) continue;
    const entry = settled.get(heir.pid) ?? { ticks: 0, group: gone.group };
    entry.ticks += gone.own + gone.waited;
    if (gone.group === 'run') entry.group = 'run';
    settled.set(heir.pid, entry);
  }
  for (const process of now.values()) {
    const earlier = before.get(process.pid);
    const { own, waited } = earlier?.start === process.start ? earlier : { own: 0, waited: 0 };
    used[process.group] += Math.max(0, process.own - own);
    const inherited = settled.get(process.pid);
    used[inherited?.group ?? process.group] += Math.max(
      0,
      process.waited - waited - (inherited?.ticks ?? 0),
    );
  }
  return used;
}

/** Parts of a whole. Where rounding makes them more than it, they share it. */
export function sharesOf(parts: Shares, whole: number): Shares {
  const sum = Math.max(whole, parts.run + parts.program);
  return sum > 0 ? { run: parts.run / sum, program: parts.program / sum } : { run: 0, program: 0 };
}
