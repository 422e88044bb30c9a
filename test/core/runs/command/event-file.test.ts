import { expect, test } from 'vitest';
import {
  CorruptRecord,
  eventReader,
  maskedCrc,
} from '../../../../src-main/core/runs/command/event-file.ts';
import {
  bytesField,
  doubleField,
  fileVersion,
  floatField,
  intField,
  record,
  scalar,
  scalarEvent,
} from './event-files.ts';

test('CRC-32C is that of RFC 3720, masked as TFRecord has it', () => {
  // B.4 of the RFC: 32 bytes of zeros have 0xaa36918a on the wire, little-endian
  const crc = 0x8a9136aa;
  const rotated = ((crc >>> 15) | (crc << 17)) >>> 0;
  expect(maskedCrc(new Uint8Array(32))).toBe((rotated + 0xa282ead8) >>> 0);
});

test('the first twelve bytes of every event file that TensorFlow writes', () => {
  // 24 bytes of version follow: 18 00 00 00 00 00 00 00, then a3 7f 4b 22
  const head = fileVersion(1).subarray(0, 12);
  expect(head).toEqual(Buffer.from('1800000000000000a37f4b22', 'hex'));
  expect(maskedCrc(head.subarray(0, 8))).toBe(0x224b7fa3);
});

/**
 * One event byte by byte: wall time 1.5 s (double 0x3ff8000000000000), step 300 (varint ac 02), a summary
 * (field 5, 11 bytes) of one value (field 1, 9 bytes) with the tag `ab` and the float 0.5 (0x3f000000).
 */
const literal = Buffer.from(
  '09000000000000f83f' + '10ac02' + '2a0b' + '0a09' + '0a026162' + '150000003f',
  'hex',
);

test('a record written by hand from the specification', () => {
  expect(literal).toHaveLength(25);
  expect(literal).toEqual(scalarEvent(1.5, 300, 'ab', floatField(2, 0.5)));
  expect(eventReader()(record(literal))).toEqual([{ utc: 1500, step: 300, tag: 'ab', value: 0.5 }]);
});

test('numbers as tensors, in each way that they are written; all else is passed over', () => {
  const tensor = (...fields: Buffer[]) => bytesField(8, Buffer.concat(fields));
  const float = Buffer.alloc(4);
  float.writeFloatLE(0.25);
  const double = Buffer.alloc(8);
  double.writeDoubleLE(-3);
  const several = Buffer.concat([float, float]);
  const value = (field: Buffer): unknown =>
    eventReader()(record(scalarEvent(1, 2, 't', field)))[0]?.value;
  expect(value(tensor(intField(1, 1n), bytesField(4, float)))).toBe(0.25);
  expect(value(tensor(intField(1, 2n), bytesField(4, double)))).toBe(-3);
  expect(value(tensor(intField(1, 1n), floatField(5, 0.25)))).toBe(0.25);
  expect(value(tensor(intField(1, 1n), bytesField(5, float)))).toBe(0.25);
  expect(value(tensor(intField(1, 2n), doubleField(6, 1e-9)))).toBe(1e-9);
  expect(value(floatField(2, NaN))).toBeNull();
  // a vector, a text (DT_STRING), a histogram, an image
  expect(value(tensor(intField(1, 1n), bytesField(4, several)))).toBeUndefined();
  expect(value(tensor(intField(1, 7n), bytesField(8, Buffer.from('text'))))).toBeUndefined();
  expect(value(bytesField(5, Buffer.alloc(40)))).toBeUndefined();
  expect(eventReader()(fileVersion(1))).toEqual([]);
});

test('a file that grows byte by byte gives the same as one that is there', () => {
  const file = Buffer.concat([
    fileVersion(10),
    scalar(11, 1, 'loss', 0.5),
    scalar(12, 2, 'loss', 0.25),
    scalar(13, -1, 'odd', 1),
  ]);
  const whole = eventReader()(file);
  expect(whole.map(({ step, value }) => [step, value])).toEqual([
    [1, 0.5],
    [2, 0.25],
    [-1, 1],
  ]);
  const read = eventReader();
  expect([...file].flatMap((byte) => read(Uint8Array.of(byte)))).toEqual(whole);
});

test('whatever single bit flips, the file is refused from there on and nothing before is lost', () => {
  const first = scalar(11, 1, 'loss', 0.5);
  const second = scalar(12, 2, 'loss', 0.25);
  for (let bit = 0; bit < second.length * 8; bit++) {
    const damaged = Buffer.from(second);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const read = eventReader();
    expect(read(first)).toHaveLength(1);
    expect(() => read(damaged)).toThrow(CorruptRecord);
  }
});

test('records whose checksums are right and whose content is none', () => {
  const bad = [
    Buffer.from([0x80]), // a varint without an end
    Buffer.alloc(11, 0xff),
    Buffer.from([0x2a, 0x7f]), // longer than the message
    Buffer.from([0x0b]), // a group
    Buffer.concat([Buffer.from([0x2a]), Buffer.alloc(9, 0xff), Buffer.from([1])]),
  ];
  for (const data of bad) expect(() => eventReader()(record(data))).toThrow(CorruptRecord);
  const long = Buffer.alloc(8);
  long.writeBigUInt64LE(2n ** 40n);
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(maskedCrc(long));
  expect(() => eventReader()(Buffer.concat([long, crc]))).toThrow(/too long/);
});
