import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Inventory } from '../../../src-main/meter/messages.ts';
import { cpuModel, modelledWatts } from '../../../src-main/meter/sources/cpu-model.ts';
import { guessDimms, ramModel } from '../../../src-main/meter/sources/ram-model.ts';
import { rapl } from '../../../src-main/meter/sources/rapl.ts';
import type { OpenSource, Source } from '../../../src-main/meter/sources/source.ts';
import { nowhere } from '../child.ts';
import { component, contextFor, machine, openNow, readAt } from '../context.ts';
import { powercap, temporaryFolder } from '../fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const stat = join(folder.path, 'stat');
const ticks = (busy: number, idle: number) =>
  writeFileSync(stat, `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\n`);
const settings = nowhere({ procStat: stat });

describe('the processor model', () => {
  it('is TDP x (0.10 + 0.70 u^0.6)', () => {
    expect(modelledWatts(100, 0)).toBeCloseTo(10, 9);
    expect(modelledWatts(100, 1)).toBeCloseTo(80, 9);
    expect(modelledWatts(205, 0.25)).toBeCloseTo(205 * (0.1 + 0.7 * 0.25 ** 0.6), 9);
  });

  it('charges both sockets for the load of each interval', async () => {
    ticks(0, 1000);
    const source = await openNow(cpuModel, contextFor(settings));
    expect(component(source, 'cpu').info).toMatchObject({
      provenance: 'modelled',
      uncertaintyPercent: null,
      uncertaintyWatts: 0.25 * 205 * 2,
      method: expect.stringContaining('TDP 205 W (Intel Xeon Gold 6248R)'),
    });
    expect(readAt(source, 0, 'cpu')).toMatchObject({ joules: null, watts: null });
    ticks(100, 1000);
    expect(readAt(source, 1, 'cpu')).toMatchObject({ joules: 0, utilPercent: 100 });
    expect(component(source, 'cpu').reading.watts).toBeCloseTo(2 * 205 * 0.8, 9);
    ticks(100, 1100);
    // idle for 2 s, whatever was held meanwhile
    expect(readAt(source, 3, 'cpu').joules).toBeCloseTo(2 * 2 * 20.5, 6);
    expect(component(source, 'cpu').reading.utilPercent).toBe(0);
    source.close();
  });

  it('looks at the load at once for a mark, else twice a second', async () => {
    ticks(0, 1000);
    const source = await openNow(cpuModel, contextFor(settings));
    ticks(50, 1050);
    readAt(source, 0, 'cpu');
    ticks(150, 1050);
    expect(readAt(source, 0.1, 'cpu').utilPercent).toBe(50);
    expect(readAt(source, 0.2, 'cpu', true).utilPercent).toBe(100);
    source.close();
  });

  it('is missing while the load cannot be read', async () => {
    ticks(0, 1000);
    const source = await openNow(cpuModel, contextFor(settings));
    ticks(10, 1010);
    readAt(source, 0, 'cpu');
    writeFileSync(stat, 'garbled');
    expect(readAt(source, 6, 'cpu')).toMatchObject({ joules: null, watts: null });
    source.close();
  });

  it('obeys a curve and a TDP of the settings, and names them', async () => {
    ticks(0, 1000);
    const own = nowhere(
      { procStat: stat },
      { cpuCurve: { idle: 0.2, span: 0.8, exponent: 1 }, cpuTdpWatts: 100 },
    );
    const cpu = {
      ...machine.cpu,
      brand: 'Intel(R) Core(TM) i9-13900KS',
      sockets: 1,
      tdpWatts: 100,
      tdpMatch: 'given in the settings',
    };
    const inventory: Inventory = { ...machine, cpu };
    const source = await openNow(cpuModel, contextFor(own, { inventory }));
    expect(component(source, 'cpu').info.method).toBe(
      `TDP x (0.20 + 0.80 u^1) x 1 socket(s), u from ${stat}; TDP 100 W (given in the settings); curve given in the settings`,
    );
    expect(source.health.detail).toContain('a lower bound');
    ticks(50, 1050);
    readAt(source, 0, 'cpu');
    expect(component(source, 'cpu').reading.watts).toBeCloseTo(100 * (0.2 + 0.8 * 0.5), 9);
    source.close();
  });

  it('asks for the TDP of a processor that it does not know, with a wider band', async () => {
    const cpu = { ...machine.cpu, cores: 8, sockets: 1, tdpWatts: null, tdpMatch: null };
    const inventory: Inventory = { ...machine, cpu };
    const source = await openNow(cpuModel, contextFor(settings, { inventory }));
    expect(source.health.fix).toContain('TDP');
    expect(component(source, 'cpu').info.uncertaintyWatts).toBe(0.5 * 32);
    source.close();
  });
});

describe('the memory model', () => {
  it('is 5 W for each DIMM, a constant', async () => {
    const source = await openNow(ramModel, contextFor(settings));
    expect(component(source, 'ram').info).toMatchObject({
      provenance: 'constant',
      method: '12 DIMMs x 5 W, constant',
    });
    readAt(source, 0, 'ram');
    expect(readAt(source, 10, 'ram')).toMatchObject({ joules: 600, watts: 60, flags: 0 });
    expect(component(source, 'ram').reading.memoryMb).toBeGreaterThan(0);
    source.close();
  });

  it("is a power of one's own where the settings have one", async () => {
    const own = nowhere({}, { ram: { mode: 'constant', watts: 7.5 } });
    const source = await openNow(ramModel, contextFor(own));
    expect(component(source, 'ram').info).toMatchObject({
      name: 'Memory, 384 GiB, own figure',
      provenance: 'constant',
      method: '7.5 W, constant, given in the settings',
    });
    readAt(source, 0, 'ram');
    expect(readAt(source, 10, 'ram')).toMatchObject({ joules: 75, watts: 7.5 });
    source.close();
  });

  it.each([
    ['off', 'unused', 'the settings say so'],
    ['constant', 'unavailable', 'no watts are given'],
  ] as const)('mode %s without watts reads nothing, and says why', async (mode, state, why) => {
    const own = nowhere({}, { ram: { mode, watts: null } });
    const source = await openNow(ramModel, contextFor(own));
    expect(source.components).toEqual([]);
    expect(source.health.state).toBe(state);
    expect(source.health.detail).toContain(why);
  });

  it('guesses the number of DIMMs, and says so', async () => {
    expect([8, 16, 17, 64, 128, 512, 1024].map((gib) => guessDimms(gib * 2 ** 30))).toEqual([
      2, 2, 4, 4, 8, 16, 32,
    ]);
    const inventory = { ...machine, memory: { totalBytes: 64 * 2 ** 30, dimms: null } };
    const source = await openNow(ramModel, contextFor(settings, { inventory }));
    expect(source.health.detail).toContain('4 DIMMs x 5 W, constant; the number is guessed');
    source.close();
  });
});

it('a component that is counted is not modelled as well', async () => {
  const root = join(folder.path, 'powercap');
  const range = 262_143_328_850;
  powercap(root, { 'intel-rapl:0': { name: 'package-0', energy: 1, range } });
  const counted: Source = await openNow(rapl, contextFor(nowhere({ powercap: root })));
  const earlier: OpenSource[] = [{ definition: rapl, source: counted }];
  const cpu = await openNow(cpuModel, contextFor(settings, { earlier }));
  expect(cpu.health).toMatchObject({
    state: 'unused',
    detail: 'RAPL counters reads the processor.',
  });
  expect(cpu.components).toEqual([]);
  // the package counter does not hold the memory
  const ram = await openNow(ramModel, contextFor(settings, { earlier }));
  expect(ram.components).toHaveLength(1);
  for (const source of [counted, cpu, ram]) source.close();
});
