/**
 * How busy the processor and the memory are, cheaply enough to ask twice a second: `/proc/stat` and
 * `/proc/meminfo` through descriptors that stay open, `node:os` where there is no `/proc`.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';

/** A small kernel file, read again and again from its start. */
export class KernelFile {
  readonly path: string;
  readonly #buffer: Buffer;
  #descriptor: number;

  /** @throws the file system's error when it cannot be opened. */
  constructor(path: string, bytes: number) {
    this.path = path;
    this.#buffer = Buffer.alloc(bytes);
    this.#descriptor = openSync(path, 'r');
  }

  /** The first bytes of the file. The buffer is the same every time. @throws when it cannot be read. */
  read(): Buffer {
    const length = readSync(this.#descriptor, this.#buffer, 0, this.#buffer.length, 0);
    return this.#buffer.subarray(0, length);
  }

  /** Reads a file that holds one decimal number; null when it holds anything else. */
  readNumber(): number | null {
    const length = readSync(this.#descriptor, this.#buffer, 0, this.#buffer.length, 0);
    let value = 0;
    let digits = 0;
    for (; digits < length; digits++) {
      const digit = this.#buffer[digits]! - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    // the kernel ends the number with a line feed; anything else is a truncated or foreign file
    return digits > 0 && this.#buffer[digits] === 10 && digits < length ? value : null;
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

/** Time that all processors were busy and time that passed on them, in the same (any) unit. */
interface Ticks {
  busy: number;
  total: number;
}

/**
 * The first line of `/proc/stat`: `cpu user nice system idle iowait irq softirq steal ...`. Guest time
 * is already in `user`. Null when the line is not there or is cut off.
 */
export function parseProcStat(text: string): Ticks | null {
  const end = text.indexOf('\n');
  const fields = text.slice(0, end).split(/\s+/);
  if (end < 0 || fields[0] !== 'cpu' || fields.length < 5) return null;
  const times = fields.slice(1, 9).map(Number);
  if (!times.every(Number.isFinite)) return null;
  const total = times.reduce((sum, time) => sum + time, 0);
  return { busy: total - times[3]! - (times[4] ?? 0), total };
}

function osTicks(): Ticks {
  let busy = 0;
  let total = 0;
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    total += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { busy, total };
}

/** Share of the machine's processor time that was busy since the last question. */
export class CpuLoad {
  readonly method: string;
  readonly #file: KernelFile | null;
  #last: Ticks | null = null;

  /** @param path another `/proc/stat`; null: the usual one where there is one */
  constructor(path: string | null) {
    let file: KernelFile | null = null;
    try {
      if (path !== null || process.platform === 'linux')
        file = new KernelFile(path ?? '/proc/stat', 512);
    } catch {
      file = null;
    }
    this.#file = file;
    this.method = file?.path ?? 'the operating system';
  }

  /** 0..1, or null at the first question, when no time has passed and when it cannot be read. */
  busyShare(): number | null {
    const now = this.#ticks();
    const last = this.#last;
    if (now === null) return null;
    if (last !== null && now.total === last.total) return null;
    this.#last = now;
    if (last === null || now.total < last.total) return null;
    const share = (now.busy - last.busy) / (now.total - last.total);
    // iowait may run backwards by a tick (proc(5))
    return Math.min(1, Math.max(0, share));
  }

  #ticks(): Ticks | null {
    if (this.#file === null) return availableParallelism() > 0 ? osTicks() : null;
    try {
      return parseProcStat(this.#file.read().toString('latin1'));
    } catch {
      return null;
    }
  }

  close(): void {
    this.#file?.close();
  }
}

/** Memory in use, in MB (10^6 bytes), without what the kernel can give back at once. */
export class MemoryUse {
  #file: KernelFile | null = null;

  constructor() {
    try {
      if (process.platform === 'linux') this.#file = new KernelFile('/proc/meminfo', 256);
    } catch {
      this.#file = null;
    }
  }

  usedMb(): number {
    return (totalmem() - this.#available()) / 1e6;
  }

  #available(): number {
    try {
      const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(this.#file?.read().toString('latin1') ?? '');
      return kib === null ? freemem() : Number(kib[1]) * 1024;
    } catch {
      return freemem();
    }
  }

  close(): void {
    this.#file?.close();
  }
}
