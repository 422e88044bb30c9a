import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  statSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src-main/meter/energy.ts';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import { rapl } from '../../../src-main/meter/sources/rapl.ts';
import type { Source } from '../../../src-main/meter/sources/source.ts';
import { nowhere } from '../child.ts';
import { contextFor, machine, openNow, readAt } from '../context.ts';
import type { Watched } from '../context.ts';
import { powercap, setEnergy, temporaryFolder } from '../fakes.ts';
import type { FakeZone } from '../fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
let root = '';
let number = 0;
beforeEach(() => (root = join(folder.path, `powercap-${number++}`)));

const range = 262_143_328_850;
const dram = (energy: number): FakeZone => ({ name: 'dram', energy, range: 65_712_999_613 });
const pack = (id: number, energy: number, children: FakeZone[] = []): FakeZone => ({
  name: `package-${id}`,
  energy,
  range,
  children,
});

async function opened(
  zones: Record<string, FakeZone>,
  { ledger = new Ledger(), settings = {}, sockets = 2 } = {},
): Promise<{ source: Source; context: Watched; keys: string[] }> {
  powercap(root, zones);
  const inventory = { ...machine, cpu: { ...machine.cpu, sockets } };
  const context = contextFor(nowhere({ powercap: root }, settings), { ledger, inventory });
  const source = await openNow(rapl, context);
  return { source, context, keys: source.components.map(({ info }) => info.key) };
}

describe('which domains are counted', () => {
  it('two packages and the memory of each, though both are called "dram"', async () => {
    const { source, keys } = await opened({
      'intel-rapl:0': pack(0, 10e6, [{ name: 'core', energy: 5e6, range }, dram(1e6)]),
      'intel-rapl:1': pack(1, 20e6, [dram(2e6)]),
    });
    expect(keys).toEqual(['cpu:package-0', 'ram:dram-0', 'cpu:package-1', 'ram:dram-1']);
    source.read(0, false);
    setEnergy(root, 'intel-rapl:0', 110e6);
    setEnergy(root, 'intel-rapl:1', 170e6);
    setEnergy(root, 'intel-rapl:0/intel-rapl:0:1', 11e6);
    setEnergy(root, 'intel-rapl:1/intel-rapl:1:0', 22e6);
    source.read(1e6, false);
    expect(source.components.map(({ reading }) => [reading.joules, reading.watts])).toEqual([
      [100, 100],
      [10, 10],
      [150, 150],
      [20, 20],
    ]);
    expect(source.components.every(({ info }) => info.provenance === 'counted')).toBe(true);
    source.close();
  });

  it('not psys, core, uncore, nor the MMIO mirror', async () => {
    const { source, keys } = await opened({
      'intel-rapl:0': pack(0, 10e6, [
        { name: 'core', energy: 1, range },
        { name: 'uncore', energy: 1, range },
      ]),
      'intel-rapl:1': { name: 'psys', energy: 30e6, range },
      'intel-rapl-mmio:0': pack(0, 9e6),
    });
    expect(keys).toEqual(['cpu:package-0']);
    expect(source.health.detail).toContain('package-0 again (mirror)');
    expect(source.health.detail).toContain('psys (contains the packages)');
    source.close();
  });

  it('the MMIO zone where the other one is closed to us', async () => {
    const { source, keys } = await opened({
      'intel-rapl:0': { name: 'package-0', energy: 'denied', range },
      'intel-rapl-mmio:0': pack(0, 9e6),
    });
    expect(keys).toEqual(['cpu:package-0']);
    expect(source.components[0]!.info.method).toContain('intel-rapl-mmio:0');
    source.close();
  });

  it('one of several dies that show the same counter, all of dies with their own', async () => {
    const same = await opened({
      'intel-rapl:0': { name: 'package-0-die-0', energy: 5_000_000_000, range },
      'intel-rapl:1': { name: 'package-0-die-1', energy: 5_000_000_400, range },
    });
    expect(same.keys).toEqual(['cpu:package-0-die-0']);
    same.source.close();
    root += '-own';
    const own = await opened({
      'intel-rapl:0': { name: 'package-0-die-0', energy: 5_000_000_000, range },
      'intel-rapl:1': { name: 'package-0-die-1', energy: 9_000_000_000, range },
    });
    expect(own.keys).toEqual(['cpu:package-0-die-0', 'cpu:package-0-die-1']);
    own.source.close();
  });

  it('one of two "packages" that show the same counter on a machine with one socket', async () => {
    const zones = {
      'intel-rapl:0': pack(0, 5_000_000_000, [dram(7e6)]),
      'intel-rapl:1': pack(1, 5_000_000_400, [dram(7e6)]),
    };
    const one = await opened(zones, { sockets: 1 });
    expect(one.keys).toEqual(['cpu:package-0', 'ram:dram-0']);
    expect(one.source.health.detail).toContain('package-1 (the same counter as package-0)');
    one.source.close();
    root += '-two';
    const two = await opened(zones, { sockets: 2 });
    expect(two.keys).toHaveLength(4);
    two.source.close();
  });

  it('no memory where the settings leave memory out', async () => {
    const settings = { ram: { mode: 'off', watts: null } } as const;
    const { source, keys } = await opened(
      { 'intel-rapl:0': pack(0, 10e6, [dram(1e6)]) },
      { settings },
    );
    expect(keys).toEqual(['cpu:package-0']);
    expect(source.health.detail).toContain('memory (left out by the settings)');
    source.close();
  });

  it('no zone that stands at 0, so that the model takes its place', async () => {
    const { source, keys } = await opened({
      'intel-rapl:0': pack(0, 10e6, [dram(0)]),
      'intel-rapl:1': pack(1, 0),
    });
    expect(keys).toEqual(['cpu:package-0']);
    expect(source.health.detail).toContain('package-1: energy_uj holds "0"');
    source.close();
  });
});

describe('permissions', () => {
  it('says what keeps it from reading, without a root fix where that is not the reason', async () => {
    const { source } = await opened({
      'intel-rapl:0': { name: 'package-0', energy: 'denied', range },
    });
    expect(source.health.state).toBe('unavailable');
    expect(source.health.detail).toContain('package-0: ENOENT');
    expect(source.health.fix).toBeNull();
  });

  it('offers the rule and its risk when only root may read', async () => {
    powercap(root, { 'intel-rapl:0': pack(0, 1e6) });
    chmodSync(folder.path, 0o755);
    chmodSync(join(root, 'intel-rapl:0', 'energy_uj'), 0o400);
    const context = contextFor(nowhere({ powercap: root }));
    // root reads everything: be nobody while looking
    const asRoot = process.getuid?.() === 0;
    if (asRoot) process.seteuid!(65534);
    else chmodSync(join(root, 'intel-rapl:0', 'energy_uj'), 0o000);
    try {
      const source = await openNow(rapl, context);
      expect(source.health.detail).toMatch(/only root may read them .*EACCES/);
      const fix = source.health.fix!;
      expect(fix).toMatch(/chmod a\+r[\s\S]*udevadm trigger[\s\S]*CVE-2020-8694/);
      if (asRoot) process.seteuid!(0);
      execFileSync('sh', ['-n', '-c', fix]);
      // what the rule runs, here, with a group that this machine has
      const group = execFileSync('id', ['-gn']).toString().trim();
      const rule = /\/bin\/sh -c '([^']*)'/.exec(fix)![1]!;
      const here = rule.replace('/sys%p', join(root, 'intel-rapl:0'));
      execFileSync('sh', ['-c', here.replace('energy energy_uj', `${group} energy_uj`)]);
      for (const file of ['energy_uj', 'max_energy_range_uj'])
        expect(statSync(join(root, 'intel-rapl:0', file)).mode & 0o040).toBe(0o040);
    } finally {
      if (asRoot) process.seteuid!(0);
    }
  });

  it('counts without max_energy_range_uj, and makes each wrap a gap', async () => {
    const { source } = await opened({
      'intel-rapl:0': { name: 'package-0', energy: 200e6, range: 'denied' },
    });
    expect(source.health.state).toBe('reading');
    expect(source.health.detail).toContain('each wrap of the counter is a gap');
    expect(source.health.fix).toContain('max_energy_range_uj');
    readAt(source, 0, 'cpu:package-0');
    setEnergy(root, 'intel-rapl:0', 250e6);
    expect(readAt(source, 1, 'cpu:package-0')).toMatchObject({ joules: 50, flags: 0 });
    setEnergy(root, 'intel-rapl:0', 10e6);
    expect(readAt(source, 2, 'cpu:package-0')).toMatchObject({ joules: 50, flags: SampleFlag.gap });
    setEnergy(root, 'intel-rapl:0', 40e6);
    expect(readAt(source, 3, 'cpu:package-0')).toMatchObject({ joules: 80, flags: 0 });
    source.close();
  });

  it('is unavailable without the tree', async () => {
    const source = await openNow(rapl, contextFor(nowhere({ powercap: join(root, 'none') })));
    expect(source.health).toMatchObject({ state: 'unavailable' });
    expect(source.health.fix).toContain('modprobe');
  });

  it('is unavailable where the counter holds no number', async () => {
    const { source } = await opened({
      'intel-rapl:0': { name: 'package-0', energy: 'n/a\n', range },
    });
    expect(source.health).toMatchObject({ state: 'unavailable' });
    expect(source.health.detail).toContain('"n/a"');
  });
});

describe('reading', () => {
  it('goes on across a wrap', async () => {
    const { source } = await opened({ 'intel-rapl:0': pack(0, range - 60e6) });
    readAt(source, 0, 'cpu:package-0');
    setEnergy(root, 'intel-rapl:0', 40e6);
    const { joules, flags } = readAt(source, 1, 'cpu:package-0');
    expect(joules).toBeCloseTo(100, 6);
    expect(flags).toBe(0);
    source.close();
  });

  it.each([
    ['runs backwards a little', 99.9e6],
    ['jumps', 100e6 + 200_000e6],
  ])('makes a counter that %s a gap and goes on from there', async (_, next) => {
    const { source } = await opened({ 'intel-rapl:0': pack(0, 100e6) });
    readAt(source, 0, 'cpu:package-0');
    setEnergy(root, 'intel-rapl:0', next);
    expect(readAt(source, 1, 'cpu:package-0')).toMatchObject({ joules: 0, flags: SampleFlag.gap });
    setEnergy(root, 'intel-rapl:0', next + 60e6);
    expect(readAt(source, 2, 'cpu:package-0')).toMatchObject({ joules: 60, flags: 0 });
    source.close();
  });

  it('does not take a counter that stands still for 0 W', async () => {
    const { source, context } = await opened({ 'intel-rapl:0': pack(0, 100e6) });
    readAt(source, 0, 'cpu:package-0');
    setEnergy(root, 'intel-rapl:0', 150e6);
    expect(readAt(source, 1, 'cpu:package-0')).toMatchObject({ joules: 50, flags: 0 });
    readAt(source, 5.9, 'cpu:package-0');
    expect(readAt(source, 6, 'cpu:package-0')).toMatchObject({ joules: null, watts: null });
    expect(source.health).toMatchObject({ state: 'failed' });
    expect(source.health.detail).toContain('stands still');
    expect(context.events).toHaveLength(1);
    // what happened meanwhile is not known: a gap
    setEnergy(root, 'intel-rapl:0', 450e6);
    expect(readAt(source, 8, 'cpu:package-0')).toMatchObject({ joules: 50, flags: SampleFlag.gap });
    setEnergy(root, 'intel-rapl:0', 500e6);
    expect(readAt(source, 9, 'cpu:package-0')).toMatchObject({ joules: 100, flags: 0 });
    expect(source.health.state).toBe('reading');
    source.close();
  });

  it('makes a fall a gap where the range reads 0', async () => {
    const { source } = await opened({
      'intel-rapl:0': { name: 'package-0', energy: 100e6, range: 0 },
    });
    readAt(source, 0, 'cpu:package-0');
    setEnergy(root, 'intel-rapl:0', 10e6);
    expect(readAt(source, 1, 'cpu:package-0')).toMatchObject({ joules: 0, flags: SampleFlag.gap });
    source.close();
  });

  it('takes a failed read for missing, never for 0 and never for a wrap', async () => {
    const { source, context } = await opened({
      'intel-rapl:0': pack(0, 100e6),
      'intel-rapl:1': pack(1, 500e6),
    });
    source.read(0, false);
    const file = join(root, 'intel-rapl:0', 'energy_uj');
    writeFileSync(file, '');
    setEnergy(root, 'intel-rapl:1', 600e6);
    expect(readAt(source, 1, 'cpu:package-0')).toMatchObject({ joules: null, watts: null });
    expect(readAt(source, 1.1, 'cpu:package-1').joules).toBe(100);
    expect(source.health.state).toBe('failed');
    expect(context.events).toHaveLength(1);
    expect(context.events[0]).toMatchObject({ level: 'warning', key: 'cpu:package-0' });

    setEnergy(root, 'intel-rapl:0', 300e6);
    expect(readAt(source, 2, 'cpu:package-0')).toMatchObject({ joules: 200, flags: 0 });
    expect(source.health.state).toBe('reading');
    expect(context.events[1]?.level).toBe('info');
    source.close();
  });

  it('opens a counter again that went away with its driver', async () => {
    const { source } = await opened({ 'intel-rapl:0': pack(0, 100e6) });
    source.close();
    // nothing was read yet: the descriptor is opened at the first read
    const file = join(root, 'intel-rapl:0', 'energy_uj');
    unlinkSync(file);
    mkdirSync(file);
    expect(readAt(source, 0, 'cpu:package-0').joules).toBeNull();
    rmSync(file, { recursive: true });
    symlinkSync('/nowhere', file);
    expect(readAt(source, 1.5, 'cpu:package-0').joules).toBeNull();
    unlinkSync(file);
    writeFileSync(file, '150000000\n');
    expect(readAt(source, 1.6, 'cpu:package-0').joules).toBeNull();
    expect(readAt(source, 3, 'cpu:package-0').joules).toBe(0);
    source.close();
  });

  it('goes on without a gap when sources are looked for again', async () => {
    const ledger = new Ledger();
    const first = await opened({ 'intel-rapl:0': pack(0, 100e6) }, { ledger });
    readAt(first.source, 0, 'cpu:package-0');
    first.source.close();
    setEnergy(root, 'intel-rapl:0', 170e6);
    const again = await openNow(rapl, contextFor(nowhere({ powercap: root }), { ledger }));
    expect(readAt(again, 1, 'cpu:package-0')).toMatchObject({ joules: 70, flags: 0 });
    again.close();
  });
});
