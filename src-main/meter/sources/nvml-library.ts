/**
 * NVIDIA's management library through koffi: declarations, struct layouts and what return codes mean.
 *
 * Signatures and offsets are those of `nvml.h`, API 13 (x64, little-endian). Every output goes into a
 * buffer of ours, so that a call allocates nothing; a function that an old driver lacks answers code 13
 * like any other failure.
 */
import koffi from 'koffi';
import type { LibraryHandle } from 'koffi';

/** An opaque device handle. */
export type Handle = bigint;

export const code = {
  ok: 0,
  uninitialised: 1,
  notSupported: 3,
  noPermission: 4,
  notFound: 6,
  tooSmall: 7,
  driverNotLoaded: 9,
  libraryNotFound: 12,
  functionNotFound: 13,
  structVersion: 25,
  deprecated: 26,
  unknown: 999,
} as const;

/** What to do about a return code. */
export type Outcome =
  /** Take the value. */
  | 'value'
  /** This card does not have it: do not ask again. */
  | 'absent'
  /** We may not know: do not ask again, tell the user. */
  | 'denied'
  /** Nothing this time. */
  | 'missing'
  /** Nothing, and leave the card alone for a while. */
  | 'pause'
  /** The card is gone. */
  | 'lost'
  /** The driver was loaded anew. */
  | 'restart'
  /** No driver to talk to. */
  | 'no-driver'
  /** Driver and library are of different versions. */
  | 'mismatch'
  /** Nothing, and worth a note. */
  | 'unknown';

export function outcomeOf(result: number): Outcome {
  switch (result) {
    case 0:
      return 'value';
    case 1:
      return 'restart';
    case 3: // not supported
    case 13: // function not found
    case 25: // struct version
    case 26: // deprecated; the caller has tried the newer call
      return 'absent';
    case 4: // no permission
    case 17: // blocked by the operating system
      return 'denied';
    case 6: // not found
    case 7: // buffer too small, after growing it
    case 21: // no data
    case 27: // not ready
      return 'missing';
    case 9:
    case 12:
      return 'no-driver';
    case 10: // timeout
      return 'pause';
    case 15: // lost
    case 16: // needs a reset
      return 'lost';
    case 18:
      return 'mismatch';
    default:
      return 'unknown';
  }
}

/** `nvmlFieldValue_t`, 40 bytes each. */
export const field = {
  bytes: 40,
  energy: 83,
  averagePower: 185,
  instantPower: 186,
} as const;

/** Space for some fields, seen as bytes, words and doubles: reading a word is one look into an array. */
export interface FieldBatch {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
}

const wordsPerField = field.bytes / 4;

/** Space for `fields`, their ids and scopes filled in; the driver fills in the rest. */
export function fieldBatch(fields: readonly { id: number; scope: number }[]): FieldBatch {
  const memory = new ArrayBuffer(field.bytes * Math.max(1, fields.length));
  const words = new Uint32Array(memory);
  fields.forEach(({ id, scope }, index) => {
    words[wordsPerField * index] = id;
    words[wordsPerField * index + 1] = scope;
  });
  return { bytes: Buffer.from(memory), words, doubles: new Float64Array(memory) };
}

export const fieldResult = ({ words }: FieldBatch, index: number): number =>
  words[wordsPerField * index + 7]! | 0;

/** Unsigned 64 bits as a number: exact up to 2^53 mJ, which is 2.5 GWh. */
export const readU64 = (buffer: Buffer, offset: number): number =>
  buffer.readUInt32LE(offset + 4) * 2 ** 32 + buffer.readUInt32LE(offset);

export function fieldValue({ bytes, words, doubles }: FieldBatch, index: number): number {
  const at = wordsPerField * index;
  const low = words[at + 8]!;
  switch (words[at + 6]) {
    case 0:
      return doubles[at / 2 + 4]!;
    case 1:
      return low;
    case 2: // unsigned long: 32 bits under Windows
      return process.platform === 'win32' ? low : words[at + 9]! * 2 ** 32 + low;
    case 3:
      return words[at + 9]! * 2 ** 32 + low;
    case 4:
      return Number(bytes.readBigInt64LE(4 * at + 32));
    case 5:
      return low | 0;
    case 6:
      return low & 0xffff;
    default:
      return NaN;
  }
}

/** `nvmlProcessInfo_t` (v2 and v3), 24 bytes: u32 pid at 0, u64 memory at 8 (all ones: not known). */
export const processBytes = 24;

/** `nvmlPciInfo_t`, 68 bytes: the bus id is 32 characters from 36 on. */
export const pciBytes = 68;
export const pciBusIdAt = 36;

type ToBuffer = (handle: Handle, out: Buffer) => number;

export interface Nvml {
  readonly path: string;
  init(): number;
  /** `init` on another thread: a driver that has just been loaded takes seconds. */
  initSoon(): Promise<number>;
  shutdown(): number;
  /** The library's own words for a code. */
  words(result: number): string;
  driverVersion(out: Buffer, bytes: number): number;
  count(out: Buffer): number;
  /** @returns the handle, or the code that there is instead. */
  byIndex(index: number): Handle | { code: number };
  byUuid(uuid: string): Handle | { code: number };
  name(handle: Handle, out: Buffer, bytes: number): number;
  uuid(handle: Handle, out: Buffer, bytes: number): number;
  architecture: ToBuffer;
  /** u32 milliwatts. */
  power: ToBuffer;
  /** u64 millijoules. */
  energy: ToBuffer;
  /** u32 gpu, u32 memory, percent. */
  utilisation: ToBuffer;
  /** u64 total, free, used, bytes; used without what the driver reserves, where it tells them apart. */
  memory: ToBuffer;
  /** u32 degrees Celsius. */
  temperature: ToBuffer;
  /** u32 degrees Celsius at which the card slows itself down. */
  slowdownTemperature: ToBuffer;
  /** u32 MHz, of the cores. */
  clock: ToBuffer;
  /** u64 bits. */
  clockReasons: ToBuffer;
  /** `nvmlPciInfo_t`. */
  pci: ToBuffer;
  /** u32 1 = on. */
  persistence: ToBuffer;
  /** u32 now, u32 after a restart; 1 = on. */
  mig: ToBuffer;
  /** u32: MIG instances that the board may have. */
  migCount: ToBuffer;
  migByIndex(handle: Handle, index: number): Handle | { code: number };
  fields(handle: Handle, count: number, values: Buffer): number;
  /** `count` is u32, in and out. */
  processes(handle: Handle, count: Buffer, out: Buffer | null): number;
  /** Samples newer than `since` (microseconds); `count` as above. */
  processUtilisation(handle: Handle, out: Buffer, count: Buffer, since: number): number;
}

/** Names under which the library may be found, in order. */
export function libraryPaths(given: string | null, env = process.env): string[] {
  if (given !== null) return [given];
  if (process.platform === 'win32')
    return [
      'nvml.dll',
      `${env.ProgramW6432 ?? 'C:\\Program Files'}\\NVIDIA Corporation\\NVSMI\\nvml.dll`,
    ];
  // the unversioned name is only there for compilers; the second is WSL 2
  return ['libnvidia-ml.so.1', '/usr/lib/wsl/lib/libnvidia-ml.so.1'];
}

/**
 * @throws Error when no library can be loaded: in a few words where there is none, with the loader's own
 * reason for each one that is there but broken.
 */
export function loadNvml(paths: readonly string[]): Nvml {
  const reasons: string[] = [];
  for (const path of paths) {
    try {
      return bind(koffi.load(path), path);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      if (/cannot open shared object file|module could not be found/i.test(text)) continue;
      reasons.push(text.includes(path) ? text : `${path}: ${text}`);
    }
  }
  throw new Error(reasons.length > 0 ? reasons.join('; ') : `${paths[0]} is not on this machine.`);
}

function bind(library: LibraryHandle, path: string): Nvml {
  const optional = <Call extends (...args: never[]) => number>(signature: string): Call | null => {
    try {
      return library.func(signature) as unknown as Call;
    } catch {
      return null;
    }
  };
  const absent = (): number => code.functionNotFound;
  const required = <Call extends (...args: never[]) => number>(signature: string): Call =>
    library.func(signature) as unknown as Call;
  const toBuffer = (name: string): ToBuffer => optional(`int ${name}(void *, void *)`) ?? absent;

  const init = library.func('int nvmlInit_v2()') as unknown as (() => number) & {
    async(done: (cause: Error | null, result: number) => void): void;
  };
  const shutdown = optional<() => number>('int nvmlShutdown()') ?? absent;
  const count = required<(out: Buffer) => number>('int nvmlDeviceGetCount_v2(void *)');
  const text = (name: string) =>
    optional<(handle: Handle, out: Buffer, bytes: number) => number>(
      `int ${name}(void *, void *, uint32_t)`,
    ) ?? absent;

  const found: [Handle | null] = [null];
  const handleBy = <Key>(call: ((key: Key, out: typeof found) => number) | null) => {
    return (key: Key): Handle | { code: number } => {
      found[0] = null;
      const result = call === null ? code.functionNotFound : call(key, found);
      if (result !== code.ok) return { code: result };
      return found[0] ?? { code: code.notFound };
    };
  };

  let errorString: ((result: number) => string) | null = null;
  try {
    errorString = library.func('const char *nvmlErrorString(int)');
  } catch {
    errorString = null;
  }

  // API 13 deprecates the plain temperature call for one with a versioned struct: version, sensor, value
  const temperature = optional<(handle: Handle, sensor: number, out: Buffer) => number>(
    'int nvmlDeviceGetTemperature(void *, int, void *)',
  );
  const temperatureV = optional<ToBuffer>('int nvmlDeviceGetTemperatureV(void *, void *)');
  const versioned = Buffer.alloc(12);
  const plainMemory = toBuffer('nvmlDeviceGetMemoryInfo');
  // nvmlMemory_v2_t: u32 version, u64 total, reserved, free, used
  let memoryV2 = optional<ToBuffer>('int nvmlDeviceGetMemoryInfo_v2(void *, void *)');
  const memoryOut = Buffer.alloc(40);
  const withNumber = (name: string, which: number): ToBuffer => {
    const call =
      optional<(handle: Handle, which: number, out: Buffer) => number>(
        `int ${name}(void *, int, void *)`,
      ) ?? absent;
    return (handle, out) => call(handle, which, out);
  };
  const migInstance = optional<(handle: Handle, index: number, out: [Handle | null]) => number>(
    'int nvmlDeviceGetMigDeviceHandleByIndex(void *, uint32_t, _Out_ void **)',
  );
  const migMode =
    optional<(handle: Handle, now: Buffer, later: Buffer) => number>(
      'int nvmlDeviceGetMigMode(void *, void *, void *)',
    ) ?? absent;
  const reasons = toBuffer('nvmlDeviceGetCurrentClocksEventReasons');
  const oldReasons = toBuffer('nvmlDeviceGetCurrentClocksThrottleReasons');

  return {
    path,
    init,
    initSoon: () =>
      new Promise((resolve) =>
        init.async((cause, result) => resolve(cause === null ? result : code.unknown)),
      ),
    shutdown,
    words: (result) => errorString?.(result) ?? 'unknown error',
    driverVersion:
      optional<(out: Buffer, bytes: number) => number>(
        'int nvmlSystemGetDriverVersion(void *, uint32_t)',
      ) ?? absent,
    count,
    byIndex: handleBy<number>(
      optional('int nvmlDeviceGetHandleByIndex_v2(uint32_t, _Out_ void **)'),
    ),
    byUuid: handleBy<string>(
      optional('int nvmlDeviceGetHandleByUUID(const char *, _Out_ void **)'),
    ),
    name: text('nvmlDeviceGetName'),
    uuid: text('nvmlDeviceGetUUID'),
    architecture: toBuffer('nvmlDeviceGetArchitecture'),
    power: toBuffer('nvmlDeviceGetPowerUsage'),
    energy: toBuffer('nvmlDeviceGetTotalEnergyConsumption'),
    utilisation: toBuffer('nvmlDeviceGetUtilizationRates'),
    memory(handle, out) {
      if (memoryV2 === null) return plainMemory(handle, out);
      memoryOut.writeUInt32LE(0x02000028, 0);
      const result = memoryV2(handle, memoryOut);
      if (result === code.ok) {
        memoryOut.copy(out, 0, 8, 16);
        memoryOut.copy(out, 8, 24, 40);
        return result;
      }
      if (result !== code.functionNotFound && result !== code.structVersion) return result;
      memoryV2 = null;
      return plainMemory(handle, out);
    },
    slowdownTemperature: withNumber('nvmlDeviceGetTemperatureThreshold', 1),
    clock: withNumber('nvmlDeviceGetClockInfo', 1),
    pci: toBuffer('nvmlDeviceGetPciInfo_v3'),
    migCount: toBuffer('nvmlDeviceGetMaxMigDeviceCount'),
    migByIndex(handle, index) {
      found[0] = null;
      const result = migInstance?.(handle, index, found) ?? code.functionNotFound;
      if (result !== code.ok) return { code: result };
      return found[0] ?? { code: code.notFound };
    },
    temperature(handle, out) {
      const result = temperature?.(handle, 0, out) ?? code.functionNotFound;
      if (result !== code.deprecated && result !== code.functionNotFound) return result;
      if (temperatureV === null) return result;
      versioned.writeUInt32LE(0x0100000c, 0);
      versioned.writeUInt32LE(0, 4);
      const newer = temperatureV(handle, versioned);
      versioned.copy(out, 0, 8, 12);
      return newer;
    },
    clockReasons(handle, out) {
      const result = reasons(handle, out);
      return result === code.functionNotFound ? oldReasons(handle, out) : result;
    },
    persistence: toBuffer('nvmlDeviceGetPersistenceMode'),
    mig: (handle, out) => migMode(handle, out, out.subarray(4)),
    fields:
      optional<(handle: Handle, count: number, values: Buffer) => number>(
        'int nvmlDeviceGetFieldValues(void *, int, void *)',
      ) ?? absent,
    processes:
      optional<(handle: Handle, count: Buffer, out: Buffer | null) => number>(
        'int nvmlDeviceGetComputeRunningProcesses_v3(void *, void *, void *)',
      ) ??
      optional<(handle: Handle, count: Buffer, out: Buffer | null) => number>(
        'int nvmlDeviceGetComputeRunningProcesses_v2(void *, void *, void *)',
      ) ??
      absent,
    processUtilisation:
      optional<Nvml['processUtilisation']>(
        'int nvmlDeviceGetProcessUtilization(void *, void *, void *, uint64_t)',
      ) ?? absent,
  };
}
