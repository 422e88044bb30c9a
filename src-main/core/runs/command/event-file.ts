/**
 * TensorBoard's event files, read as they grow. Formats: TFRecord framing (tensorflow/core/lib/io/
 * record_writer.h: length, masked CRC-32C of it, data, masked CRC-32C of them, little-endian) around
 * protocol buffers (tensorflow/core/util/event.proto, framework/summary.proto, framework/tensor.proto).
 * Of all that they can hold only scalars are taken.
 */

export interface ScalarEvent {
  /** Milliseconds since 1970. */
  utc: number;
  step: number;
  tag: string;
  /** Null is NaN or infinite. */
  value: number | null;
}

/** The file breaks off its own format: what follows cannot be trusted. */
export class CorruptRecord extends Error {
  override name = 'CorruptRecord';
}

/** A record longer than this (images, graphs) is taken for damage. */
const longestRecord = 64 * 2 ** 20;
const head = 12;
const tail = 4;

/** Returns what takes the bytes of one file in order and gives back the scalars in them. @throws CorruptRecord */
export function eventReader(): (bytes: Uint8Array) => ScalarEvent[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([rest, bytes]);
    const events: ScalarEvent[] = [];
    let at = 0;
    while (rest.length - at >= head) {
      const length = rest.readBigUInt64LE(at);
      if (maskedCrc(rest.subarray(at, at + 8)) !== rest.readUInt32LE(at + 8))
        throw new CorruptRecord('the checksum of a record’s length is wrong');
      if (length > longestRecord)
        throw new CorruptRecord(`a record of ${length} bytes is too long`);
      const end = at + head + Number(length);
      if (rest.length < end + tail) break;
      const data = rest.subarray(at + head, end);
      if (maskedCrc(data) !== rest.readUInt32LE(end))
        throw new CorruptRecord('the checksum of a record is wrong');
      scalarsOf(data, events);
      at = end + tail;
    }
    // a copy, so that the part that was read can be let go
    rest = Buffer.from(rest.subarray(at));
    return events;
  };
}

// --- protocol buffers ----------------------------------------------------------------------------

interface Field {
  number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  wire: number;
  varint: bigint;
  bytes: Buffer;
}

/** Fields of one message in order. @throws CorruptRecord */
function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new CorruptRecord('a message ends in the middle of a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new CorruptRecord('a number is longer than ten bytes');
  };
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new CorruptRecord('a field is longer than its message');
    return message.subarray(at, (at += length));
  };
  const none = Buffer.alloc(0);
  while (at < message.length) {
    const key = varint();
    const number = Number(key >> 3n);
    const wire = Number(key & 7n);
    switch (wire) {
      case 0:
        yield { number, wire, varint: varint(), bytes: none };
        break;
      case 1:
        yield { number, wire, varint: 0n, bytes: take(8) };
        break;
      case 2: {
        const length = varint();
        if (length > BigInt(message.length))
          throw new CorruptRecord('a field is longer than its message');
        yield { number, wire, varint: 0n, bytes: take(Number(length)) };
        break;
      }
      case 5:
        yield { number, wire, varint: 0n, bytes: take(4) };
        break;
      default:
        throw new CorruptRecord(`wire type ${wire} does not exist`);
    }
  }
}

function scalarsOf(event: Buffer, into: ScalarEvent[]): void {
  let utc = 0;
  let step = 0;
  const summaries: Buffer[] = [];
  for (const { number, wire, varint, bytes } of fieldsOf(event)) {
    if (number === 1 && wire === 1) utc = bytes.readDoubleLE() * 1000;
    if (number === 2 && wire === 0) step = Number(BigInt.asIntN(64, varint));
    if (number === 5 && wire === 2) summaries.push(bytes);
  }
  for (const summary of summaries)
    for (const { number, wire, bytes } of fieldsOf(summary)) {
      const read = number === 1 && wire === 2 ? scalarOf(bytes) : null;
      if (read) into.push({ utc, step, ...read });
    }
}

/** `Summary.Value`: a tag with a plain number or with a tensor of one; null for anything else. */
function scalarOf(message: Buffer): Pick<ScalarEvent, 'tag' | 'value'> | null {
  let tag: string | null = null;
  let value: number | undefined;
  for (const { number, wire, bytes } of fieldsOf(message)) {
    if (number === 1 && wire === 2) tag = bytes.toString('utf8');
    if (number === 2 && wire === 5) value = bytes.readFloatLE();
    if (number === 8 && wire === 2) value = onlyNumberOf(bytes) ?? value;
  }
  if (tag === null || value === undefined) return null;
  return { tag, value: Number.isFinite(value) ? value : null };
}

const float = 1;
const double = 2;

/** `TensorProto` of one float or double, in either way that it can be written. */
function onlyNumberOf(tensor: Buffer): number | undefined {
  let type = 0;
  let content: Buffer | null = null;
  const numbers: number[] = [];
  for (const { number, wire, varint, bytes } of fieldsOf(tensor)) {
    if (number === 1 && wire === 0) type = Number(varint);
    if (number === 4 && wire === 2) content = bytes;
    // packed (2) and one by one (5, 1)
    if (number === 5 && (wire === 2 || wire === 5))
      for (let at = 0; at + 4 <= bytes.length && numbers.length < 2; at += 4)
        numbers.push(bytes.readFloatLE(at));
    if (number === 6 && (wire === 2 || wire === 1))
      for (let at = 0; at + 8 <= bytes.length && numbers.length < 2; at += 8)
        numbers.push(bytes.readDoubleLE(at));
  }
  if (type === float && content?.length === 4) return content.readFloatLE();
  if (type === double && content?.length === 8) return content.readDoubleLE();
  return (type === float || type === double) && numbers.length === 1 ? numbers[0] : undefined;
}

// --- checksum ------------------------------------------------------------------------------------

/** CRC-32C (Castagnoli), reflected polynomial 0x82f63b78. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** As TFRecord stores it: rotated right by 15 bits, plus a constant. */
export function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
