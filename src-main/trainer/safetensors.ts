/**
 * The safetensors format (https://github.com/huggingface/safetensors): eight bytes with the length of a
 * JSON header, the header with dtype, shape and byte range of every tensor, then the bytes. Written and
 * read here for F32, little-endian; PyTorch, numpy and browsers can open these files.
 */
import { endianness } from 'node:os';
import { AppError } from '../contract.ts';

export interface FloatTensor {
  shape: readonly number[];
  data: Float32Array;
}

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The pieces of a file, to be written one after the other; tensor data are not copied. */
export function encodeSafetensors(
  tensors: Record<string, FloatTensor>,
  metadata: Record<string, string>,
): Uint8Array[] {
  if (endianness() !== 'LE') throw new AppError('UNAVAILABLE', 'Checkpoints need a little-endian machine.'); // prettier-ignore
  const header: Record<string, HeaderEntry | Record<string, string>> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const end = offset + data.byteLength;
    header[name] = { dtype: 'F32', shape: [...shape], data_offsets: [offset, end] };
    offset = end;
  }
  // the format wants the data to start at a multiple of 8: spaces after the JSON
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20);
  padded.set(json);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(padded.length), true);
  const data = Object.values(tensors).map(
    ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  return [length, padded, ...data];
}

/**
 * Reads a whole file. Every offset is checked before it is used.
 * @param file what to call it in an error.
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  file: string,
): { tensors: Record<string, FloatTensor>; metadata: Record<string, string> } {
  const damaged = (reason: string): AppError =>
    new AppError('BAD_INPUT', `${file} is damaged: ${reason}.`, 'Use an earlier checkpoint.');

  if (bytes.length < 8) throw damaged(`it has only ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  const start = 8 + headerLength;
  if (start > bytes.length)
    throw damaged(`its header should end at byte ${start}, the file at ${bytes.length}`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  } catch {
    throw damaged('its header is no JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw damaged('its header is no list of tensors');

  const tensors: Record<string, FloatTensor> = {};
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = entry as Record<string, string>;
      continue;
    }
    if (!isHeaderEntry(entry)) throw damaged(`its header does not describe tensor "${name}"`);
    const { dtype, shape, data_offsets: range } = entry;
    if (dtype !== 'F32') throw damaged(`tensor "${name}" is ${dtype}; only F32 is read`);
    const [from, to] = [start + range[0], start + range[1]];
    if (range[0] < 0 || to > bytes.length)
      throw damaged(`tensor "${name}" should end at byte ${to}, the file ends at ${bytes.length}`);
    if (to - from !== 4 * elements(shape))
      throw damaged(`tensor "${name}" [${shape.join(', ')}] does not have ${to - from} bytes`);
    // a copy: the range need not lie on a multiple of 4, and the file can be freed
    const data = new Float32Array((to - from) / 4);
    new Uint8Array(data.buffer).set(bytes.subarray(from, to));
    tensors[name] = { shape, data };
  }
  return { tensors, metadata };
}

function isHeaderEntry(entry: unknown): entry is HeaderEntry {
  const { dtype, shape, data_offsets: range } = (entry ?? {}) as Partial<HeaderEntry>;
  const whole = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
  return (
    typeof dtype === 'string' &&
    Array.isArray(shape) &&
    shape.every(whole) &&
    Array.isArray(range) &&
    range.length === 2 &&
    range.every(whole)
  );
}
