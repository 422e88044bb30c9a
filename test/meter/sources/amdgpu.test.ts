import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import { amdgpu } from '../../../src-main/meter/sources/amdgpu.ts';
import { rapl } from '../../../src-main/meter/sources/rapl.ts';
import type { OpenSource, Source } from '../../../src-main/meter/sources/source.ts';
import { nowhere } from '../child.ts';
import { component, contextFor, openNow, readAt } from '../context.ts';
import type { Watched } from '../context.ts';
import { powercap, replaceFile, temporaryFolder } from '../fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

let drm = '';
let tree = 0;
beforeEach(() => {
  drm = join(folder.path, `drm-${tree++}`);
  mkdirSync(drm);
});

/** Files of one card as the kernel lays them out; the folder of its sensors is hwmon/hwmon`n`. */
function card(index: number, files: Record<string, string | number>, n = index + 3): void {
  const device = join(drm, `card${index}`, 'device');
  const all = {
    vendor: '0x1002',
    uevent: `DRIVER=amdgpu\nPCI_SLOT_NAME=0000:0${index}:00.0`,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    const path = join(device, name.replace('hwmon/', `hwmon/hwmon${n}/`));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${text}\n`);
  }
}
const set = (index: number, name: string, text: string | number, n = index + 3): void =>
  replaceFile(
    join(drm, `card${index}`, 'device', name.replace('hwmon/', `hwmon/hwmon${n}/`)),
    `${text}\n`,
  );

const mi210 = {
  unique_id: '9246bbd0d43ab2ea',
  product_name: 'AMD Instinct MI210',
  device: '0x740f',
  gpu_busy_percent: 87,
  mem_info_vram_total: 68702699520,
  mem_info_vram_used: 2_000_000_000,
  'power/runtime_status': 'active',
  'hwmon/name': 'amdgpu',
  'hwmon/energy1_input': 5_000_000,
  'hwmon/power1_average': 250_000_000,
  'hwmon/temp1_label': 'edge',
  'hwmon/temp1_input': 61_000,
  'hwmon/temp2_label': 'junction',
  'hwmon/temp2_input': 78_000,
  'hwmon/temp2_crit': 100_000,
  'hwmon/freq1_input': 1_700_000_000,
};
const radeon = {
  device: '0x744c',
  'power/runtime_status': 'active',
  'hwmon/name': 'amdgpu',
  'hwmon/power1_average': 100_000_000,
  'hwmon/temp1_input': 40_000,
};
const first = 'gpu:amd-9246bbd0d43ab2ea';
const second = 'gpu:amd-0000:01:00.0';

let source: Source;
let context: Watched;
async function open(earlier: OpenSource[] = []): Promise<Source> {
  context = contextFor(nowhere({ drm }), { earlier });
  source = await openNow(amdgpu, context);
  return source;
}
const messages = () => context.events.map(({ level, message }) => `${level}: ${message}`);

describe('AMD cards', () => {
  it('are read by counter where there is one, else by power, and named by what tells them apart', async () => {
    card(0, mi210);
    card(1, radeon);
    card(2, { vendor: '0x10de' });
    await open();
    expect(source.gpus).toMatchObject([
      { name: 'AMD Instinct MI210', memoryBytes: 68702699520, uuid: 'amd-9246bbd0d43ab2ea' },
      {
        name: 'AMD GPU 0x744c',
        memoryBytes: null,
        uuid: 'amd-0000:01:00.0',
        busId: '0000:01:00.0',
      },
    ]);
    source.read(0, false);
    set(0, 'hwmon/energy1_input', 35_000_000);
    set(1, 'hwmon/power1_average', 300_000_000);
    source.read(0.1e6, false);
    expect(component(source, first)).toMatchObject({
      info: { provenance: 'counted', uncertaintyPercent: 5, source: 'amdgpu' },
      reading: {
        ...{ joules: 30, watts: 250, flags: 0, utilPercent: 87 },
        ...{ memoryMb: 2000, tempC: 61, clockMhz: 1700 },
      },
    });
    const other = component(source, second);
    expect(other.info).toMatchObject({ provenance: 'integrated', uncertaintyPercent: 10 });
    expect(other.info.method).toContain('power1_average, integrated');
    expect(other.reading.joules).toBeCloseTo(20, 9);
    // nothing of it is made up
    expect(other.reading).toMatchObject({
      utilPercent: null,
      memoryMb: null,
      clockMhz: null,
      tempC: 40,
    });
    expect(source.health).toMatchObject({ state: 'reading', fix: null });
  });

  it('takes power1_input where there is no average', async () => {
    const { 'hwmon/power1_average': watts, ...rest } = radeon;
    card(0, { ...rest, 'hwmon/power1_input': watts });
    await open();
    expect(readAt(source, 0, 'gpu:amd-0000:00:00.0').watts).toBe(100);
  });

  it.each(['', 'garbage', '-5', '1e9', '99999999999999'])(
    'miss a power that says %j, and cover the time by the counter',
    async (text) => {
      card(0, mi210);
      await open();
      readAt(source, 0, first);
      set(0, 'hwmon/power1_average', text);
      set(0, 'hwmon/energy1_input', 8_000_000);
      expect(readAt(source, 0.5, first)).toMatchObject({ joules: 3, watts: null, flags: 0 });
    },
  );

  it('miss a counter that cannot be read for once: never 0', async () => {
    card(0, mi210);
    await open();
    readAt(source, 0, first);
    set(0, 'hwmon/energy1_input', '');
    expect(readAt(source, 0.5, first)).toMatchObject({ joules: null, watts: 250 });
    set(0, 'hwmon/energy1_input', 9_000_000);
    expect(readAt(source, 1, first)).toMatchObject({ joules: 4, flags: 0 });
  });

  it('take a counter that goes back for a card started anew: a gap, no phantom joules', async () => {
    card(0, mi210);
    await open();
    readAt(source, 0, first);
    set(0, 'hwmon/energy1_input', 6_000_000);
    expect(readAt(source, 0.5, first).joules).toBe(1);
    set(0, 'hwmon/energy1_input', 1000);
    expect(readAt(source, 1, first)).toMatchObject({ joules: 1, flags: SampleFlag.gap });
    set(0, 'hwmon/energy1_input', 2_001_000);
    expect(readAt(source, 1.5, first)).toMatchObject({ joules: 3, flags: 0 });
  });

  it('do not believe a counter that stands still under power', async () => {
    card(0, mi210);
    await open();
    for (const second of [0, 2, 4, 5.1]) readAt(source, second, first);
    expect(component(source, first).info.provenance).toBe('integrated');
    expect(context.events).toHaveLength(1);
    readAt(source, 5.2, first);
    expect(readAt(source, 5.3, first).joules).toBeCloseTo(25, 6);
  });

  it('do not believe a counter of 0', async () => {
    card(0, { ...mi210, 'hwmon/energy1_input': 0 });
    await open();
    expect(component(source, first).info.provenance).toBe('integrated');
  });

  it('that sleep are not woken, and draw nothing', async () => {
    // what would wake it is not even there
    card(0, { ...radeon, 'power/runtime_status': 'suspended' });
    const key = 'gpu:amd-0000:00:00.0';
    await open();
    set(0, 'hwmon/power1_average', 'reading this would wake it');
    expect(readAt(source, 0, key)).toMatchObject({ joules: 0, watts: 0, tempC: null });
    expect(readAt(source, 0.5, key)).toMatchObject({ joules: 0, watts: 0, flags: 0 });
    set(0, 'power/runtime_status', 'active');
    set(0, 'hwmon/power1_average', 20_000_000);
    expect(readAt(source, 1, key)).toMatchObject({ joules: 5, watts: 20, flags: 0 });
  });

  it('that vanish are missing, said once, and taken back when they return', async () => {
    card(0, mi210);
    card(1, radeon);
    await open();
    source.read(0, false);
    rmSync(join(drm, 'card0'), { recursive: true });
    for (const second of [1, 2, 3]) source.read(second * 1e6, false);
    expect(component(source, first)).toMatchObject({
      alive: false,
      reading: { joules: null, watts: null, tempC: null },
    });
    expect(component(source, second).reading.watts).toBe(100);
    expect(source.health.state).toBe('failed');
    // under another number, with a counter that began anew
    card(7, { ...mi210, 'hwmon/energy1_input': 90_000 });
    source.read(40e6, false);
    expect(component(source, first).alive).toBe(true);
    expect(messages()).toEqual([
      expect.stringContaining('warning: AMD Instinct MI210 is gone from the system'),
      'info: AMD Instinct MI210 is back after 39 s; that time is a gap.',
    ]);
    expect(readAt(source, 41, first)).toMatchObject({ joules: 0, flags: SampleFlag.gap });
    set(7, 'hwmon/energy1_input', 1_090_000);
    expect(readAt(source, 41.5, first)).toMatchObject({ joules: 1, flags: 0 });
  });

  it('say once that their hot spot is too hot', async () => {
    card(0, { ...mi210, 'hwmon/temp2_input': 101_000 });
    await open();
    for (const second of [0, 2, 4]) readAt(source, second, first);
    expect(messages()).toEqual([
      'warning: AMD Instinct MI210: hot spot at 101 °C, its slowdown temperature is 100 °C.',
    ]);
  });

  it('without a sensor are named, not read', async () => {
    card(0, { device: '0x1636' });
    await open();
    expect(source.components).toEqual([]);
    expect(source.health.detail).toContain('shows neither power nor energy');
    expect(source.gpus).toHaveLength(1);
  });
});

describe('an APU', () => {
  const apu = { ...radeon, 'hwmon/in1_label': 'vddnb', product_name: 'Radeon 780M' };

  it('is the processor where nothing else reads it', async () => {
    card(0, apu);
    await open();
    const [whole] = source.components;
    expect(whole!.info).toMatchObject({
      key: 'cpu:amd-0000:00:00.0',
      kind: 'cpu',
      method: expect.stringContaining('the whole APU'),
    });
    expect(source.gpus?.[0]?.name).toBe('Radeon 780M');
  });

  it('is not added to a processor that is read', async () => {
    card(0, apu);
    const root = join(folder.path, `powercap-${tree}`);
    powercap(root, { 'intel-rapl:0': { name: 'package-0', energy: 1000, range: 1e9 } });
    const counted = await openNow(rapl, contextFor(nowhere({ powercap: root })));
    expect(counted.components.length).toBeGreaterThan(0);
    await open([{ definition: rapl, source: counted }]);
    expect(source.components).toEqual([]);
    expect(source.health.detail).toContain('is part of the processor');
    counted.close();
  });
});

it('is listed only where an AMD card is', () => {
  expect(amdgpu.exists!(nowhere({ drm }), 'linux')).toBe(false);
  card(0, radeon);
  expect(amdgpu.exists!(nowhere({ drm }), 'linux')).toBe(true);
  expect(amdgpu.exists!(nowhere(), 'linux')).toBe(false);
});
