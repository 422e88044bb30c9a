import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  CpuLoad,
  KernelFile,
  MemoryUse,
  parseMemAvailable,
  parseProcStat,
} from '../../src-main/meter/load.ts';
import { temporaryFolder } from './fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const stat = join(folder.path, 'stat');
const tick = (user: number, idle: number, iowait = 0) =>
  writeFileSync(stat, `cpu  ${user} 0 0 ${idle} ${iowait} 0 0 0 0 0\ncpu0 1 2 3 4\n`);

describe('processor load', () => {
  it('counts everything but idle and waiting for disks as busy, and guests once', () => {
    expect(parseProcStat(Buffer.from('cpu  10 20 30 400 50 1 2 3 7 7\nintr\n'))).toEqual({
      busy: 66,
      total: 516,
    });
  });

  it.each(['', 'cpu  1 2 3 4', 'intr 5\n', 'cpu  1 x 3 4 5\n'])(
    'makes nothing of the garbled line %j',
    (text) => expect(parseProcStat(Buffer.from(text))).toBeNull(),
  );

  it('is the busy share of the time since the last question', () => {
    tick(100, 900);
    const load = new CpuLoad(stat);
    expect(load.busyShare()).toBeNull();
    expect(load.busyShare()).toBeNull();
    tick(130, 960, 10);
    expect(load.busyShare()).toBeCloseTo(0.3, 9);
    writeFileSync(stat, 'cpu  1');
    expect(load.busyShare()).toBeNull();
    tick(230, 960, 10);
    expect(load.busyShare()).toBe(1);
    load.close();
  });

  it('falls back to the operating system where the file is not there', () => {
    const load = new CpuLoad('/nowhere/stat');
    expect(load.method).toBe('the operating system');
    expect(load.busyShare()).toBeNull();
    const until = Date.now() + 60;
    while (Date.now() < until);
    expect(load.busyShare() ?? 0).toBeLessThanOrEqual(1);
    load.close();
  });
});

it.each([
  ['MemTotal:       100 kB\nMemAvailable:    5432 kB\nBuffers: 1 kB\n', 5432],
  ['MemAvailable:', null],
  ['MemAvailable: 54', null],
  ['MemAvailable: kB\n', null],
  ['MemTotal: 5 kB\n', null],
])('memory that can be had, of %j: %s kB', (text, kib) => {
  expect(parseMemAvailable(Buffer.from(text))).toBe(kib);
});

describe('kernel files', () => {
  it.each([
    ['123456789012\n', 123_456_789_012],
    ['0\n', 0],
    ['', null],
    ['\n', null],
    ['12', null],
    ['12 34\n', null],
    ['-5\n', null],
  ])('reads %j as %s', (text, value) => {
    const path = join(folder.path, 'number');
    writeFileSync(path, text);
    const file = new KernelFile(path, 32);
    expect(file.readNumber()).toBe(value);
    file.close();
  });
});

it('finds memory in use, and less of it than there is', () => {
  const memory = new MemoryUse();
  expect(memory.usedMb()).toBeGreaterThan(10);
  memory.close();
});
