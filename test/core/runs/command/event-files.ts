/** A writer of TensorBoard's event files, made from the published format and from nothing of ours. */

/** CRC-32C bit by bit. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function masked(bytes: Uint8Array): Buffer {
  const crc = BigInt(crc32c(bytes));
  const rotated = ((crc >> 15n) | (crc << 17n)) & 0xffffffffn;
  const out = Buffer.alloc(4);
  out.writeUInt32LE(Number((rotated + 0xa282ead8n) & 0xffffffffn));
  return out;
}

export function record(data: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, masked(length), data, masked(data)]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const more = rest > 0x7fn ? 0x80 : 0;
    bytes.push(Number(rest & 0x7fn) | more);
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}
const key = (number: number, wire: number): Buffer => varint(BigInt((number << 3) | wire));
export const bytesField = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([key(number, 2), varint(BigInt(bytes.length)), bytes]);
export const intField = (number: number, value: bigint): Buffer =>
  Buffer.concat([key(number, 0), varint(value)]);
export function doubleField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(number, 1), bytes]);
}
export function floatField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(number, 5), bytes]);
}

/** An `Event` with one summary value; `value` is the message's field with the number. */
export const scalarEvent = (
  wallTime: number,
  step: number,
  tag: string,
  value: Uint8Array,
): Buffer =>
  Buffer.concat([
    doubleField(1, wallTime),
    intField(2, BigInt(step)),
    bytesField(5, bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag)), value]))),
  ]);

/** The record with which every event file begins. */
export const fileVersion = (wallTime: number): Buffer =>
  record(Buffer.concat([doubleField(1, wallTime), bytesField(3, Buffer.from('brain.Event:2'))]));

/** As `SummaryWriter.add_scalar` writes it. */
export const scalar = (wallTime: number, step: number, tag: string, value: number): Buffer =>
  record(scalarEvent(wallTime, step, tag, floatField(2, value)));
