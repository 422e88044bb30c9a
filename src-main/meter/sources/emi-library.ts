/**
 * Windows' Energy Meter Interface through koffi: which devices there are, and what their counters say.
 *
 * Structures and control codes are those of `emi.h` in the Windows SDK; devices are listed by the
 * configuration manager (`cfgmgr32.dll`), in two calls. Energy is in picowatt-hours. Needs no
 * administrator.
 */
import koffi from 'koffi';
import type { LibraryHandle } from 'koffi';
import { readU64 } from './nvml-library.ts';

/** One picowatt-hour in joules: 3600 s x 1e-12. */
export const joulesPerPicowattHour = 3.6e-9;

/** `GUID_DEVICE_ENERGY_METER`, {45BD8344-7ED6-49CF-A440-C276C933B053}, as it lies in memory. */
const interfaceClass = Buffer.from('4483bd45d67ecf49a440c276c933b053', 'hex');

/** CTL_CODE(FILE_DEVICE_UNKNOWN, 0..3, METHOD_BUFFERED, FILE_READ_ACCESS). */
const control = {
  version: 0x224000,
  metadataSize: 0x224004,
  metadata: 0x224008,
  measurement: 0x22400c,
} as const;

const genericRead = 0x80000000;
const shareReadWrite = 3;
const openExisting = 3;
const attributeNormal = 0x80;
const invalidHandle = -1;
const picowattHours = 0;
/** CR_BUFFER_SMALL: a device arrived between the question for the size and that for the list. */
const bufferSmall = 0x1a;

/** `EMI_CHANNEL_MEASUREMENT_DATA`: u64 energy, u64 time in 100 ns. */
export const measurementBytes = 16;
const longestMetadata = 1 << 20;

/** An error code of Windows, in the words that help here. */
export const windowsError = (code: number): string =>
  code === 5
    ? 'access denied (error 5)'
    : code === 2
      ? 'the device is gone (error 2)'
      : `Windows error ${code}`;

export class EmiError extends Error {
  readonly denied: boolean;
  constructor(what: string, code: number) {
    super(`${what}: ${windowsError(code)}`);
    this.denied = code === 5;
  }
}

export interface EmiDevice {
  readonly path: string;
  readonly version: 1 | 2;
  /** Names of its channels, in the order of the measurements; null: in a unit that we do not know. */
  readonly channels: readonly (string | null)[];
  /**
   * Reads every counter into `out`, `measurementBytes` per channel.
   * @throws EmiError when the device does not answer
   */
  read(out: Buffer): void;
  close(): void;
}

export interface Emi {
  /** Paths of the energy meters present. @throws Error when Windows cannot list them */
  devices(): string[];
  /** @throws EmiError when it cannot be opened or does not describe itself */
  open(path: string): EmiDevice;
}

const text = (bytes: Buffer): string =>
  bytes
    .toString('utf16le')
    .replace(/\0[\s\S]*$/, '')
    .trim();

/**
 * Channels of `EMI_METADATA_V1`: unit i32 at 0, OEM and model of 32 bytes each, revision u16 at 68, size of
 * the name in bytes u16 at 70, name at 72.
 */
export function channelsV1(metadata: Buffer): (string | null)[] {
  if (metadata.length < 72) return [];
  const name = text(metadata.subarray(72, 72 + metadata.readUInt16LE(70)));
  return [metadata.readInt32LE(0) === picowattHours ? name : null];
}

/**
 * Channels of `EMI_METADATA_V2`: OEM and model of 32 bytes each, revision u16 at 64, number of channels u16
 * at 66, and from 68 on each channel as unit i32, size of the name in bytes u16, name. They follow one
 * another without padding (`EMI_CHANNEL_V2_NEXT_CHANNEL`).
 */
export function channelsV2(metadata: Buffer): (string | null)[] {
  const channels: (string | null)[] = [];
  if (metadata.length < 68) return channels;
  const count = metadata.readUInt16LE(66);
  let at = 68;
  while (channels.length < count && at + 6 <= metadata.length) {
    const bytes = metadata.readUInt16LE(at + 4);
    const known = metadata.readInt32LE(at) === picowattHours;
    channels.push(known ? text(metadata.subarray(at + 6, at + 6 + bytes)) : null);
    at += 6 + bytes;
  }
  return channels;
}

/** Energy of channel `index` in picowatt-hours; exact to 2^53 and to 16 digits beyond. */
export const energyOf = (measurements: Buffer, index: number): number =>
  readU64(measurements, measurementBytes * index);

/**
 * @param given one library that stands for both of Windows'; null: kernel32.dll and cfgmgr32.dll
 * @throws Error when they cannot be loaded
 */
export function loadEmi(given: string | null): Emi {
  const kernel = koffi.load(given ?? 'kernel32.dll');
  return bind(kernel, given === null ? koffi.load('cfgmgr32.dll') : kernel);
}

function bind(kernel: LibraryHandle, manager: LibraryHandle): Emi {
  const createFile = kernel.func(
    'intptr_t CreateFileW(const char16_t *, uint32_t, uint32_t, void *, uint32_t, uint32_t, void *)',
  ) as unknown as (
    path: string,
    access: number,
    share: number,
    security: null,
    disposition: number,
    attributes: number,
    template: null,
  ) => number;
  const deviceIoControl = kernel.func(
    'int DeviceIoControl(intptr_t, uint32_t, void *, uint32_t, void *, uint32_t, void *, void *)',
  ) as unknown as (
    handle: number,
    code: number,
    input: null,
    inputBytes: number,
    out: Buffer,
    outBytes: number,
    returned: Buffer,
    overlapped: null,
  ) => number;
  const closeHandle = kernel.func('int CloseHandle(intptr_t)') as unknown as (
    handle: number,
  ) => number;
  const lastError = kernel.func('uint32_t GetLastError()') as unknown as () => number;
  const listSize = manager.func(
    'uint32_t CM_Get_Device_Interface_List_SizeW(void *, void *, void *, uint32_t)',
  ) as unknown as (size: Buffer, guid: Buffer, device: null, flags: number) => number;
  const list = manager.func(
    'uint32_t CM_Get_Device_Interface_ListW(void *, void *, void *, uint32_t, uint32_t)',
  ) as unknown as (
    guid: Buffer,
    device: null,
    out: Buffer,
    characters: number,
    flags: number,
  ) => number;

  const returned = Buffer.alloc(4);
  const ask = (handle: number, code: number, out: Buffer, what: string): number => {
    if (deviceIoControl(handle, code, null, 0, out, out.length, returned, null) === 0)
      throw new EmiError(what, lastError());
    return returned.readUInt32LE();
  };

  const describe = (handle: number): Pick<EmiDevice, 'version' | 'channels'> => {
    const word = Buffer.alloc(4);
    ask(handle, control.version, word.subarray(0, 2), 'its version cannot be read');
    const version = word.readUInt16LE();
    if (version !== 1 && version !== 2)
      throw new Error(`its interface has version ${version}, which is not known here`);
    ask(handle, control.metadataSize, word, 'its description has no size');
    const size = word.readUInt32LE();
    if (size === 0 || size > longestMetadata)
      throw new Error(`its description is said to have ${size} bytes`);
    const metadata = Buffer.alloc(size);
    const got = ask(handle, control.metadata, metadata, 'its description cannot be read');
    const filled = metadata.subarray(0, Math.min(size, got));
    return { version, channels: version === 1 ? channelsV1(filled) : channelsV2(filled) };
  };

  return {
    devices() {
      const size = Buffer.alloc(4);
      for (let attempt = 0; attempt < 3; attempt++) {
        const sized = listSize(size, interfaceClass, null, 0);
        if (sized !== 0) throw new Error(`Windows does not list energy meters (code ${sized})`);
        const characters = size.readUInt32LE();
        const names = Buffer.alloc(2 * Math.max(1, characters));
        const listed = list(interfaceClass, null, names, characters, 0);
        if (listed === bufferSmall) continue;
        if (listed !== 0) throw new Error(`Windows does not list energy meters (code ${listed})`);
        // strings one after the other, each closed by a zero, an empty one at the end
        return names
          .toString('utf16le')
          .split('\0')
          .filter((name) => name !== '');
      }
      throw new Error('The list of energy meters keeps changing');
    },

    open(path) {
      const handle = createFile(
        path,
        genericRead,
        shareReadWrite,
        null,
        openExisting,
        attributeNormal,
        null,
      );
      if (handle === invalidHandle) throw new EmiError('it cannot be opened', lastError());
      try {
        const { version, channels } = describe(handle);
        return {
          path,
          version,
          channels,
          read(out) {
            const bytes = ask(handle, control.measurement, out, 'its counters cannot be read');
            if (bytes < out.length)
              throw new Error(`its counters came as ${bytes} bytes instead of ${out.length}`);
          },
          close: () => void closeHandle(handle),
        };
      } catch (cause) {
        closeHandle(handle);
        throw cause;
      }
    },
  };
}
