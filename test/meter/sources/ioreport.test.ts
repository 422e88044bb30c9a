import { join } from 'node:path';
import koffi from 'koffi';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src-main/meter/energy.ts';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import { channelsOf, ioreport } from '../../../src-main/meter/sources/ioreport.ts';
import type { Source } from '../../../src-main/meter/sources/source.ts';
import { nowhere } from '../child.ts';
import { component, contextFor, machine, openNow, readAt } from '../context.ts';
import type { Watched } from '../context.ts';
import { compileIoreport, replaceFile, temporaryFolder } from '../fakes.ts';

const folder = temporaryFolder();
const library = compileIoreport(folder.path);
const control = join(folder.path, 'channels');
afterAll(() => folder.remove());

describe('the channels of a part', () => {
  it.each([
    [
      'M1',
      ['ECPU', 'PCPU', 'ECPU0', 'PCPU0', 'GPU0', 'GPU SRAM0', 'DRAM0', 'ANE0'],
      { cpu: ['ECPU', 'PCPU'], 'gpu:apple': ['GPU0'], 'gpu:ane': ['ANE0'], ram: ['DRAM0'] },
    ],
    [
      'M1 Max, with its total',
      ['EACC_CPU', 'PACC0_CPU', 'PACC0_CPU0', 'CPU Energy', 'GPU Energy', 'GPU0', 'DRAM0'],
      { cpu: ['CPU Energy'], 'gpu:apple': ['GPU Energy'], ram: ['DRAM0'] },
    ],
    [
      'M2 Ultra, two dies',
      ['DIE_0_CPU Energy', 'DIE_1_CPU Energy', 'GPU Energy', 'DRAM0_0', 'DRAM0_1', 'ANE0_0'],
      {
        cpu: ['DIE_0_CPU Energy', 'DIE_1_CPU Energy'],
        'gpu:apple': ['GPU Energy'],
        'gpu:ane': ['ANE0_0'],
        ram: ['DRAM0_0', 'DRAM0_1'],
      },
    ],
    [
      'clusters only',
      ['EACC_CPU', 'PACC0_CPU', 'PACC1_CPU', 'PACC1_CPU3', 'DISP'],
      { cpu: ['EACC_CPU', 'PACC0_CPU', 'PACC1_CPU'] },
    ],
    ['nothing of use', ['DISP', 'AVE'], {}],
  ])('of an %s', (_, names, parts) => expect(Object.fromEntries(channelsOf(names))).toEqual(parts));
});

it('is unavailable without the library', async () => {
  const source = await openNow(ioreport, contextFor(nowhere({ ioreport: '/nowhere/io.dylib' })));
  expect(source.health.state).toBe('unavailable');
});

describe.skipIf(library === null)('with the stub of macOS', () => {
  let source: Source;
  let context: Watched;
  const apple = { ...machine, cpu: { ...machine.cpu, brand: 'Apple M2 Pro', sockets: 1 } };
  const ledgerOf = () => ({ ledger: new Ledger() });
  const script = (...lines: string[]) => replaceFile(control, lines.join('\n') + '\n');
  const channel = (name: string, unit: string, value: number, step: number) =>
    `channel\t${name}\t${unit}\t${value}\t${step}`;
  const open = async (lines: string[], { ledger } = ledgerOf()) => {
    script(...lines);
    context = contextFor(nowhere({ ioreport: library }), { inventory: apple, ledger });
    source = await openNow(ioreport, context);
    return source;
  };
  const keys = () => source.components.map(({ info }) => info.key);
  const count = (name: string) => (koffi.load(library!).func(`int ${name}()`) as () => number)();
  beforeEach(() => void (process.env.FAKE_IOREPORT = control));
  afterEach(() => {
    source.close();
    // nothing is kept, and nothing was released twice
    expect(count('fake_live')).toBe(0);
    expect(count('fake_over_released')).toBe(0);
  });
  const all = [
    channel('ECPU', 'mJ', 5000, 1000),
    channel('CPU Energy', 'mJ', 100_000, 5000),
    channel('GPU Energy', 'nJ', 7e9, 3e9),
    channel('DRAM0', 'uJ', 9e6, 500_000),
    channel('ANE0', 'mJ', 0, 0),
    channel('Clock', 'ticks', 0, 1),
  ];

  it('counts processor, graphics and memory, each in its unit', async () => {
    await open(all);
    expect(keys()).toEqual(['cpu', 'gpu:apple', 'gpu:ane', 'ram']);
    expect(component(source, 'cpu').info).toMatchObject({
      provenance: 'counted',
      uncertaintyPercent: 5,
      name: 'Apple M2 Pro',
      method: 'IOReport Energy Model, CPU Energy',
    });
    expect(source.gpus).toEqual([
      { name: 'Apple M2 Pro GPU', memoryBytes: null, driver: null, uuid: null },
    ]);
    source.read(0, false);
    source.read(1e6, false);
    source.read(2e6, false);
    const read = (key: string) => component(source, key).reading;
    expect(read('cpu').joules).toBeCloseTo(10, 9);
    expect(read('cpu').watts).toBeCloseTo(5, 9);
    expect(read('gpu:apple').joules).toBeCloseTo(6, 9);
    expect(read('ram').joules).toBeCloseTo(1, 9);
    // an engine at rest: its counter stands still beside one that moves
    expect(read('gpu:ane')).toMatchObject({ joules: 0, watts: 0 });
    expect(read('ram').memoryMb).toBeGreaterThan(0);
  });

  it('keeps no object from one reading to the next', async () => {
    await open(all);
    source.read(0, false);
    const live = count('fake_live');
    for (let i = 1; i <= 50; i++) source.read(i * 1e5, false);
    expect(count('fake_live')).toBe(live);
    script(...all, 'nodelta');
    source.read(6e6, false);
    script(...all, 'nosample');
    source.read(7e6, false);
    expect(count('fake_live')).toBe(live);
  });

  it('leaves a counter that stands still to the next source, as under macOS 27', async () => {
    await open([
      channel('CPU Energy', 'mJ', 100_000, 0),
      channel('GPU Energy', 'nJ', 7e9, 3e9),
      channel('DRAM0', 'mJ', 4, 0),
      channel('ANE0', 'mJ', 4, 0),
    ]);
    expect(keys()).toEqual(['gpu:apple']);
    expect(source.health.detail).toContain('cpu (CPU Energy), gpu:ane (ANE0), ram (DRAM0)');
  });

  it('does not go on counting a processor whose counter stops', async () => {
    const stopped = [channel('CPU Energy', 'mJ', 200_000, 0), channel('GPU Energy', 'nJ', 0, 0)];
    await open(stopped.map((line) => line.replace('\t0', '\t1')));
    readAt(source, 10, 'cpu');
    script(...stopped);
    readAt(source, 11, 'cpu');
    readAt(source, 12, 'cpu');
    expect(readAt(source, 14.5, 'cpu')).toMatchObject({ joules: null, watts: null });
    expect(component(source, 'gpu:apple').reading.joules).not.toBeNull();
    expect(source.health.detail).toContain('cpu: its counter has stopped moving');
    // a late update is from a time that nobody knows
    script(channel('CPU Energy', 'mJ', 230_000, 1000), channel('GPU Energy', 'nJ', 0, 0));
    expect(readAt(source, 15, 'cpu').flags).toBe(SampleFlag.gap);
    expect(source.health.state).toBe('reading');
    expect(readAt(source, 16, 'cpu')).toMatchObject({ flags: 0 });
  });

  it('makes a counter that falls a gap', async () => {
    await open(all);
    readAt(source, 0, 'cpu');
    expect(readAt(source, 1, 'cpu').joules).toBeCloseTo(5, 9);
    script(...all.map((line) => line.replace('100000', '10')));
    expect(readAt(source, 2, 'cpu').joules).toBeNull();
    const on = readAt(source, 3, 'cpu');
    expect(on).toMatchObject({ flags: SampleFlag.gap });
    expect(on.joules).toBeCloseTo(5, 9);
    expect(readAt(source, 4, 'cpu').joules).toBeCloseTo(10, 9);
  });

  it('takes a failed sample for missing; the next one covers the time', async () => {
    await open(all);
    readAt(source, 0, 'cpu');
    const later = (joules: number, ...more: string[]) =>
      script(...all.map((line) => line.replace('100000', String(joules * 1000))), ...more);
    readAt(source, 1, 'cpu');
    later(500, 'nosample');
    expect(readAt(source, 2, 'cpu')).toMatchObject({ joules: null, watts: null });
    expect(source.health).toMatchObject({ state: 'failed' });
    expect(context.events).toMatchObject([{ level: 'warning' }]);
    later(500);
    const { joules, flags } = readAt(source, 3, 'cpu');
    expect(flags).toBe(0);
    // from 115 J (the third sample of the old script) to 505 J, and 5 J before
    expect(joules).toBeGreaterThan(300);
    readAt(source, 4, 'cpu');
    expect(source.health.state).toBe('reading');
    expect(context.events).toMatchObject([{ level: 'warning' }, { level: 'info' }]);
  });

  it('does not mix up channels that have changed places', async () => {
    await open(all);
    readAt(source, 0, 'cpu');
    script(...all.slice(1));
    expect(readAt(source, 1, 'cpu').joules).toBeNull();
    expect(source.health.state).toBe('failed');
  });

  it('goes on without a gap when sources are looked for again', async () => {
    const kept = ledgerOf();
    await open(all, kept);
    readAt(source, 0, 'cpu');
    readAt(source, 1, 'cpu');
    source.close();
    context = contextFor(nowhere({ ioreport: library }), { inventory: apple, ...kept });
    source = await openNow(ioreport, context);
    const { joules, flags } = readAt(source, 2, 'cpu');
    expect(flags).toBe(0);
    expect(joules).toBeGreaterThanOrEqual(10);
  });

  it.each([
    [['nogroup'], 'no group "Energy Model"'],
    [['nosample', ...all], 'gave no sample'],
    [[channel('DISP', 'mJ', 1, 1)], 'no energy counter'],
    [[channel('CPU Energy', 'furlongs', 1, 1)], 'no energy counter'],
  ])('reads nothing from %j', async (lines, detail) => {
    await open(lines);
    expect(source.health.state).toBe('unavailable');
    expect(source.health.detail).toContain(detail);
  });
});
