/**
 * How busy the processor and the memory are, cheaply enough to ask twice a second: `/proc/stat` and
 * `/proc/meminfo` through descriptors that stay open, `node:os` where there is no `/proc`.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import koffi from 'koffi';

type Pread = (descriptor: number, address: number, bytes: number, offset: number) => number;
let pread: Pread | null | undefined;

/**
 * pread(2) of the C library in this process: half the time of `fs.readSync`, which checks and wraps in
 * JavaScript, and that is most of what reading a counter costs. Null where there is none.
 */
function systemPread(): Pread | null {
  if (pread !== undefined) return pread;
  try {
    const call = koffi
      .load(null)
      .func('pread', 'intptr_t', ['int', 'uintptr_t', 'size_t', 'int64_t']);
    pread = process.platform === 'linux' ? (call as unknown as Pread) : null;
  } catch {
    pread = null;
  }
  return pread;
}

/** A small kernel file, read again and again from its start. */
export class KernelFile {
  readonly path: string;
  readonly #buffer: Buffer;
  readonly #address: number;
  readonly #pread = systemPread();
  #descriptor: number;

  /** @throws the file system's error when it cannot be opened. */
  constructor(path: string, bytes: number) {
    this.path = path;
    // memory of its own, which is never moved
    this.#buffer = Buffer.from(new ArrayBuffer(bytes));
    this.#address = this.#pread === null ? 0 : Number(koffi.address(this.#buffer));
    this.#descriptor = openSync(path, 'r');
  }

  /** The first bytes of the file. The buffer is the same every time. @throws when it cannot be read. */
  read(): Buffer {
    const length = this.#fill();
    return this.#buffer.subarray(0, length);
  }

  /** Reads a file that holds one decimal number; null when it holds anything else. */
  readNumber(): number | null {
    const length = this.#fill();
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

  #fill(): number {
    const { length } = this.#buffer;
    const read = this.#pread?.(this.#descriptor, this.#address, length, 0) ?? -1;
    // what goes wrong is asked again, for the error in words
    return read >= 0 ? read : readSync(this.#descriptor, this.#buffer, 0, length, 0);
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

const space = 32;
const lineFeed = 10;
const startOfStat = Buffer.from('cpu ');

/**
 * The first line of `/proc/stat`: `cpu user nice system idle iowait irq softirq steal ...`. Guest time
 * is already in `user`. Null when the line is not there or is cut off. Reads bytes: a string, its parts
 * and an array for each second would be most of what this costs.
 */
export function parseProcStat(line: Uint8Array): Ticks | null {
  for (let at = 0; at < startOfStat.length; at++) if (line[at] !== startOfStat[at]) return null;
  let fields = 0;
  let total = 0;
  let idle = 0;
  let value = -1;
  for (let at = startOfStat.length; at < line.length; at++) {
    const byte = line[at]!;
    if (byte >= 48 && byte <= 57) {
      value = 10 * Math.max(0, value) + byte - 48;
      continue;
    }
    if (byte !== space && byte !== lineFeed) return null;
    if (value >= 0 && fields < 8) {
      total += value;
      if (fields === 3 || fields === 4) idle += value;
      fields++;
    }
    value = -1;
    if (byte === lineFeed) return fields >= 4 ? { busy: total - idle, total } : null;
  }
  return null;
}

const startOfAvailable = Buffer.from('MemAvailable:');

/** Kibibytes of `MemAvailable` in `/proc/meminfo`; null where the kernel does not say (before 3.14). */
export function parseMemAvailable(text: Buffer): number | null {
  let at = text.indexOf(startOfAvailable);
  if (at < 0) return null;
  at += startOfAvailable.length;
  while (text[at] === space) at++;
  let value = -1;
  for (; at < text.length; at++) {
    const digit = text[at]! - 48;
    if (digit < 0 || digit > 9) return value < 0 ? null : value;
    value = 10 * Math.max(0, value) + digit;
  }
  return null;
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
      return parseProcStat(this.#file.read());
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
  /** Asked once: on Linux each question opens `/proc/meminfo` anew. */
  readonly #total = totalmem();

  constructor() {
    try {
      if (process.platform === 'linux') this.#file = new KernelFile('/proc/meminfo', 256);
    } catch {
      this.#file = null;
    }
  }

  usedMb(): number {
    return (this.#total - this.#available()) / 1e6;
  }

  #available(): number {
    try {
      const kib = this.#file === null ? null : parseMemAvailable(this.#file.read());
      return kib === null ? freemem() : kib * 1024;
    } catch {
      return freemem();
    }
  }

  close(): void {
    this.#file?.close();
  }
}
