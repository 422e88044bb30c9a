import { join } from 'node:path';
import koffi from 'koffi';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src-main/meter/energy.ts';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import {
  channelsV1,
  channelsV2,
  energyOf,
  windowsError,
} from '../../../src-main/meter/sources/emi-library.ts';
import { emi } from '../../../src-main/meter/sources/emi.ts';
import type { Source } from '../../../src-main/meter/sources/source.ts';
import { nowhere } from '../child.ts';
import { component, contextFor, machine, openNow, readAt } from '../context.ts';
import type { Watched } from '../context.ts';
import { compileEmi, replaceFile, temporaryFolder } from '../fakes.ts';

const folder = temporaryFolder();
const library = compileEmi(folder.path);
const control = join(folder.path, 'meters');
afterAll(() => folder.remove());

/** Joules as the counters hold them: 1 J is 1/3600 Wh. */
const picowattHours = (joules: number): number => Math.round(joules / 3.6e-9);

describe('a description', () => {
  it('cut off in the middle gives what is whole', () => {
    expect(channelsV2(Buffer.alloc(10))).toEqual([]);
    expect(channelsV1(Buffer.alloc(10))).toEqual([]);
    const two = Buffer.alloc(68 + 6 + 4);
    two.writeUInt16LE(2, 66);
    two.writeUInt16LE(4, 72);
    two.write('ab', 74, 'utf16le');
    expect(channelsV2(two)).toEqual(['ab']);
  });
  it('holds energy of more than 53 bits', () => {
    const out = Buffer.alloc(32);
    out.writeBigUInt64LE(2n ** 60n, 16);
    expect(energyOf(out, 1)).toBe(2 ** 60);
  });
});

it('says what an error of Windows means', () => {
  expect(windowsError(5)).toContain('access denied');
  expect(windowsError(31)).toBe('Windows error 31');
});

it('hands over to typeperf where the libraries cannot be loaded', async () => {
  const source = await openNow(emi, contextFor(nowhere({ emi: '/nowhere/emi.dll' })));
  expect(source.health.state).toBe('unavailable');
  expect(source.successor).toBe('typeperf');
});

describe.skipIf(library === null)('with the stub of Windows', () => {
  let source: Source;
  let context: Watched;
  const ledgerOf = () => ({ ledger: new Ledger() });
  const script = (...lines: string[]) => replaceFile(control, lines.join('\n') + '\n');
  const open = async (lines: string[], { ledger } = ledgerOf()) => {
    script(...lines);
    context = contextFor(nowhere({ emi: library }), { ledger });
    source = await openNow(emi, context);
    return source;
  };
  const handles = () => (koffi.load(library!).func('int fake_handles()') as () => number)();
  const keys = () => source.components.map(({ info }) => info.key);
  beforeEach(() => void (process.env.FAKE_EMI = control));
  afterEach(() => {
    source.close();
    expect(handles()).toBe(0);
  });
  const channel = (name: string, joules: number, unit = 0) =>
    `channel ${name} ${picowattHours(joules)} ${unit}`;

  it('counts each package and its memory, and none of their parts', async () => {
    const at = (one: number, two: number, memory: number) => [
      'device \\\\?\\meter-0 2',
      channel('RAPL_Package0_PKG', one),
      channel('RAPL_Package0_PP0', 10),
      channel('RAPL_Package0_Core0_CORE', 5),
      channel('RAPL_Package0_DRAM', memory),
      'device \\\\?\\meter-1 2',
      channel('RAPL_Package1_PKG', two),
      channel('RAPL_Package1_DRAM', 0),
      'device \\\\?\\battery 2',
      channel('Battery', 77),
    ];
    await open(at(1000, 9000, 50));
    expect(keys()).toEqual(['cpu:package-0', 'ram:dram-0', 'cpu:package-1']);
    expect(component(source, 'cpu:package-0').info).toMatchObject({
      provenance: 'counted',
      uncertaintyPercent: 5,
      source: 'emi',
      method: expect.stringContaining('RAPL_Package0_PKG'),
    });
    expect(source.health.detail).toContain('RAPL_Package1_DRAM (stands at 0)');
    source.read(0, false);
    script(...at(1100, 9250, 60));
    source.read(1e6, false);
    const joules = source.components.map(({ reading }) => reading.joules);
    expect(joules.map((value) => Math.round(value! * 1e6) / 1e6)).toEqual([100, 10, 250]);
    expect(component(source, 'cpu:package-1').reading.watts).toBeCloseTo(250, 6);
  });

  it('takes a package that two devices show for one', async () => {
    await open([
      'device a 2',
      channel('RAPL_Package0_PKG', 2_000_000),
      'device b 2',
      channel('RAPL_Package1_PKG', 2_000_001),
      channel('RAPL_Package0_PKG', 5),
      channel('RAPL_Package2_PKG', 2_100_000),
    ]);
    expect(keys()).toEqual(['cpu:package-0', 'cpu:package-2']);
    expect(source.health.detail).toContain(
      'RAPL_Package1_PKG again (the same counter as RAPL_Package0_PKG)',
    );
  });

  it('reads version 1, which has one channel, and refuses units and versions unknown', async () => {
    await open([
      'device old 1',
      channel('RAPL_Package0_PKG', 100),
      'device strange 2',
      channel('RAPL_Package1_PKG', 100, 7),
      'device future 3',
      channel('RAPL_Package2_PKG', 100),
    ]);
    expect(keys()).toEqual(['cpu:package-0']);
    expect(source.components[0]!.info.method).toContain('version 1');
    expect(source.health.detail).toContain('future: its interface has version 3');
  });

  it('asks again when a device arrives between the two questions', async () => {
    await open(['grow', 'device a 2', channel('RAPL_Package0_PKG', 100)]);
    expect(keys()).toEqual(['cpu:package-0']);
  });

  it('hands over to typeperf when access is denied', async () => {
    await open(['device a 2', 'open 5', channel('RAPL_Package0_PKG', 100)]);
    expect(source.health).toMatchObject({ state: 'unavailable', fix: null });
    expect(source.health.detail).toContain('access denied (error 5)');
    expect(source.successor).toBe('typeperf');
  });

  it.each([
    [['list 13'], 'code 13', 'typeperf'],
    [[], 'no energy meter', undefined],
    [['device a 2', channel('Battery', 1)], 'None of the energy meters', undefined],
    [['device a 2', 'describe 1', channel('RAPL_Package0_PKG', 1)], 'Windows error 1', undefined],
  ])('reads nothing from %j', async (lines, detail, successor) => {
    await open(lines);
    expect(source.health.state).toBe('unavailable');
    expect(source.health.detail).toContain(detail);
    expect(source.successor).toBe(successor);
  });

  it('takes a failed read for missing, and goes on without a gap', async () => {
    const lines = ['device a 2', channel('RAPL_Package0_PKG', 100)];
    await open(lines);
    expect(readAt(source, 0, 'cpu:package-0').joules).toBe(0);
    script(...lines, 'fail 31');
    expect(readAt(source, 1, 'cpu:package-0')).toMatchObject({ joules: null, watts: null });
    expect(source.health).toMatchObject({ state: 'failed' });
    expect(context.events).toMatchObject([{ level: 'warning', key: 'cpu:package-0' }]);
    script('device a 2', channel('RAPL_Package0_PKG', 300));
    // it is left alone for a second
    expect(readAt(source, 1.5, 'cpu:package-0').joules).toBeNull();
    const { joules, flags } = readAt(source, 2.5, 'cpu:package-0');
    expect(joules).toBeCloseTo(200, 6);
    expect(flags).toBe(0);
    expect(source.health.state).toBe('reading');
    expect(context.events[1]).toMatchObject({ level: 'info' });
  });

  it('does not take a device with other channels for the one that went', async () => {
    await open(['device a 2', channel('RAPL_Package0_PKG', 100)]);
    source.read(0, false);
    script('device a 2', 'fail 2', channel('RAPL_Package0_PKG', 100));
    source.read(1e6, false);
    script('device a 2', channel('RAPL_Package0_PP0', 100), channel('RAPL_Package0_PKG', 200));
    expect(readAt(source, 3, 'cpu:package-0').joules).toBeNull();
    expect(source.health.detail).toContain('look for sensors again');
  });

  it('makes a counter that falls, or leaps, a gap', async () => {
    const at = (joules: number) => script('device a 2', channel('RAPL_Package0_PKG', joules));
    await open(['device a 2', channel('RAPL_Package0_PKG', 5000)]);
    readAt(source, 0, 'cpu:package-0');
    at(5080);
    expect(readAt(source, 1, 'cpu:package-0').joules).toBeCloseTo(80, 6);
    at(7);
    const fallen = readAt(source, 2, 'cpu:package-0');
    expect(fallen.flags).toBe(SampleFlag.gap);
    expect(fallen.joules).toBeCloseTo(80, 6);
    at(50_000);
    expect(readAt(source, 3, 'cpu:package-0').flags).toBe(SampleFlag.gap);
    at(50_100);
    const on = readAt(source, 4, 'cpu:package-0');
    expect(on.flags).toBe(0);
    expect(on.joules).toBeCloseTo(180, 6);
  });

  it('does not believe a counter that stands still', async () => {
    const at = (joules: number) => script('device a 2', channel('RAPL_Package0_PKG', joules));
    await open(['device a 2', channel('RAPL_Package0_PKG', 100)]);
    readAt(source, 0, 'cpu:package-0');
    expect(readAt(source, 4.9, 'cpu:package-0').joules).toBe(0);
    expect(readAt(source, 5, 'cpu:package-0')).toMatchObject({ joules: null, watts: null });
    expect(source.health).toMatchObject({
      state: 'failed',
      detail: 'cpu:package-0: its counter stands still',
    });
    at(400);
    expect(readAt(source, 6, 'cpu:package-0')).toMatchObject({ joules: 0, flags: SampleFlag.gap });
    at(450);
    expect(readAt(source, 7, 'cpu:package-0').joules).toBeCloseTo(50, 6);
    expect(source.health.state).toBe('reading');
  });

  it('goes on without a gap when sources are looked for again', async () => {
    const kept = ledgerOf();
    await open(['device a 2', channel('RAPL_Package0_PKG', 100)], kept);
    readAt(source, 0, 'cpu:package-0');
    source.close();
    await open(['device a 2', channel('RAPL_Package0_PKG', 170)], kept);
    const { joules, flags } = readAt(source, 1, 'cpu:package-0');
    expect(joules).toBeCloseTo(70, 6);
    expect(flags).toBe(0);
  });

  it('says that virtual machines have none', async () => {
    script();
    source = await openNow(
      emi,
      contextFor(nowhere({ emi: library }), { inventory: { ...machine, virtual: true } }),
    );
    expect(source.health.detail).toContain('virtual machines rarely see one');
  });
});
