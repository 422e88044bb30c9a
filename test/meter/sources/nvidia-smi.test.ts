import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { monotonicMicros } from '../../../src-main/port.ts';
import {
  cellNumber,
  nvidiaSmi,
  parseLine,
  refusedField,
} from '../../../src-main/meter/sources/nvidia-smi.ts';
import { nvml } from '../../../src-main/meter/sources/nvml.ts';
import { nvidiaSleeps } from '../../../src-main/meter/sources/pci-sleep.ts';
import { idleSource } from '../../../src-main/meter/sources/source.ts';
import type { OpenSource, Source } from '../../../src-main/meter/sources/source.ts';
import { nowhere } from '../child.ts';
import { component, contextFor } from '../context.ts';
import type { Watched } from '../context.ts';
import { nvidiaSmiScript, temporaryFolder } from '../fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

describe('a cell', () => {
  it.each([
    ['77.70', 77.7],
    [' 0 ', 0],
    ['0x0000000000000040', 64],
    ['[N/A]', null],
    ['N/A', null],
    ['[Not Supported]', null],
    ['[Unknown Error]', null],
    ['[GPU requires reset]', null],
    ['[Requested functionality has been deprecated]', null],
    ['', null],
    ['12 W', null],
    ['77,70', null],
    ['1.234,5', null],
    ['nan', null],
    ['[Insufficient Permissions]', null],
    ['ERR!', null],
    [undefined, null],
  ])('%j is %s', (cell, value) => expect(cellNumber(cell)).toBe(value));
});

describe('a line', () => {
  const fields = ['uuid', 'name', 'power.draw'];
  it('is taken whole', () =>
    expect(parseLine(fields, 'GPU-1, NVIDIA H200, 77.70')?.get('power.draw')).toBe('77.70'));
  it.each([
    'GPU-1, NVIDIA H',
    '',
    'GPU-1, NVIDIA H200, 77.70, 5',
    'Unable to determine, a, b',
    'uuid, name, power.draw [W]',
    'GPU-1, NVIDIA H200, 77,70',
    '==== NVSMI LOG ====',
    'MIG-1, NVIDIA H200, 77.70',
  ])('or not at all: %j', (line) => expect(parseLine(fields, line)).toBeNull());
  it('may be the refusal of a field', () => {
    expect(refusedField('Field "power.draw.average" is not a valid field to query.')).toBe(
      'power.draw.average',
    );
    expect(refusedField('GPU-1, x, 3')).toBeNull();
  });
});

describe('the process', () => {
  let source: Source;
  let context: Watched;
  afterEach(() => source.close());
  let stamp = 0;
  let log = '';
  let number = 0;
  beforeEach(() => (log = join(folder.path, `queries-${number++}`)));

  const withoutLibrary: OpenSource[] = [
    { definition: nvml, source: { ...idleSource('unavailable', ''), successor: 'nvidia-smi' } },
  ];
  const open = async (body: string, earlier = withoutLibrary) => {
    const script = nvidiaSmiScript(folder.path, `echo "$1" >> ${log}\n${body}`);
    context = contextFor(nowhere({ nvidiaSmi: script }), { earlier });
    // a reading is judged by its age: read as of now, however late this machine gets to it
    stamp = monotonicMicros();
    source = await nvidiaSmi.open(context);
    return source;
  };
  const queries = () => readFileSync(log, 'utf8').trim().split('\n');
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  // uuid, name, power.draw, power.draw.average, driver, util, mem.used, mem.total, temp, clock, reasons
  const line = (id: number, watts: string, average = watts, reasons = '0x0') =>
    `echo "GPU-${id}, NVIDIA H200, ${watts}, ${average}, 590.48.01, 35, 1024, 143771, 52, 1980, ${reasons}"`;

  it('reads every card from one process', async () => {
    await open(`${line(0, '600.00')}\n${line(1, '[N/A]', '80.50', '0x40')}\nexec sleep 60`);
    await until(() => source.components.length === 2);
    source.read(stamp, false);
    expect(component(source, 'gpu:GPU-0')).toMatchObject({
      info: { provenance: 'integrated', uncertaintyPercent: 10 },
      reading: { watts: 600, utilPercent: 35, tempC: 52, clockMhz: 1980, flags: 0 },
    });
    expect(component(source, 'gpu:GPU-0')).toMatchObject({
      info: { method: expect.stringContaining('mean over 1 s (Hopper)') },
      reading: { memoryMb: 1073.741824 },
    });
    expect(component(source, 'gpu:GPU-1').reading).toMatchObject({ watts: 80.5, flags: 4 });
    expect(source.health.state).toBe('reading');
    expect(context.events).toEqual([
      {
        ...{ level: 'warning', key: 'gpu:GPU-1' },
        message: 'NVIDIA H200: the clock is held down by hardware thermal slowdown.',
      },
    ]);
    expect(source.gpus?.[0]).toMatchObject({ uuid: 'GPU-0', driver: '590.48.01' });
    expect(queries()).toHaveLength(1);
  });

  it('never mixes average and instantaneous power of one card', async () => {
    await open(`${line(0, '600', '500')}\n${line(0, '610', '[N/A]')}\nexec sleep 60`);
    expect(component(source, 'gpu:GPU-0').info.method).toContain('power.draw.average');
    // the second line's missing average is missing, not 610
    await until(() => {
      source.read(stamp, false);
      return component(source, 'gpu:GPU-0').reading.watts === null;
    });
  });

  it('asks without, or by an older name, for what the driver refuses', async () => {
    await open(
      [
        'case "$1" in',
        '*power.draw.average*) echo \'Field "power.draw.average" is not a valid field to query.\'; exit 2;;',
        '*clocks_event*) echo \'Field "clocks_event_reasons.active" is not a valid field to query.\'; exit 2;;',
        'esac',
        'echo "GPU-0, Tesla V100-SXM2-16GB, 250.00, 525.89.02, 99, 1, 16384, 60, 1530, 0x4"',
        'exec sleep 60',
      ].join('\n'),
    );
    expect(queries()).toHaveLength(3);
    expect(queries()[2]).toContain('clocks_throttle_reasons.active');
    source.read(stamp, false);
    expect(component(source, 'gpu:GPU-0')).toMatchObject({
      info: { uncertaintyPercent: 15, method: expect.stringContaining('power.draw every') },
      reading: { watts: 250, flags: 4 },
    });
  });

  it('leaves lines out that are cut off', async () => {
    await open(`echo "GPU-0, NVIDIA H2"\n${line(0, '77.00')}\necho "GPU-0, NV"\nexec sleep 60`);
    source.read(stamp, false);
    expect(source.components).toHaveLength(1);
    expect(component(source, 'gpu:GPU-0').reading.watts).toBe(77);
  });

  it('starts again after the process ended, and says so', async () => {
    const once = join(folder.path, 'once');
    await open(
      `${line(0, '300')}\nif [ -e ${once} ]; then exec sleep 60; fi\ntouch ${once}\nexit 3`,
    );
    await until(() => source.health.state === 'failed');
    expect(source.health.detail).toContain('exit code 3');
    expect(context.events).toMatchObject([{ level: 'warning' }]);
    await until(() => source.health.state === 'reading');
    expect(queries()).toHaveLength(2);
    expect(context.events).toMatchObject([{ level: 'warning' }, { level: 'info' }]);
  });

  it.each([
    ['No devices were found', 'No devices were found', null],
    [
      'Failed to initialize NVML: Driver/library version mismatch',
      'driver and library versions differ',
      'Restart the computer to finish the driver update.',
    ],
    [
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
      'communicate with the NVIDIA driver',
      null,
    ],
  ])('does not try again after "%s"', async (words, detail, fix) => {
    await open(`echo "${words}"; exit 9`);
    expect(source.health).toMatchObject({ state: 'unavailable', fix });
    expect(source.health.detail).toContain(detail);
    expect(queries()).toHaveLength(1);
  });

  it('takes every text that is no number for a missing reading, never for 0', async () => {
    const none = '[N/A], [Not Supported], [Unknown Error], 590.48.01, [GPU requires reset], N/A';
    await open(
      `${line(0, '300.00')}\necho "GPU-1, NVIDIA H200, [N/A], [Requested functionality has been deprecated], 590.48.01, [N/A], N/A, [Not Supported], [Unknown Error], [GPU requires reset], [N/A]"\necho "GPU-0, ${none}"\nexec sleep 60`,
    );
    await until(() => source.components.length === 2);
    source.read(stamp, false);
    expect(component(source, 'gpu:GPU-1').reading).toEqual({
      ...{ joules: null, watts: null, flags: 0, utilPercent: null },
      ...{ memoryMb: null, tempC: null, clockMhz: null },
    });
  });

  it('is ended and started again when it says nothing for half a minute', async () => {
    const once = join(folder.path, `silent-${number}`);
    await open(`${line(0, '300')}\n[ -e ${once} ] || touch ${once}\nexec sleep 60`);
    source.read(monotonicMicros() + 31e6, false);
    await until(() => source.health.state === 'failed');
    expect(source.health.detail).toContain('SIGKILL');
    await until(() => queries().length === 2 && source.health.state === 'reading');
  });

  it('does not wake a card that sleeps, and reads it when it is awake', async () => {
    const root = join(folder.path, `sys-${number}`);
    const device = join(root, 'bus', 'pci', 'devices', '0000:01:00.0');
    mkdirSync(join(device, 'power'), { recursive: true });
    mkdirSync(join(root, 'class', 'drm'), { recursive: true });
    writeFileSync(join(device, 'vendor'), '0x10de\n');
    writeFileSync(join(device, 'class'), '0x030200\n');
    writeFileSync(join(device, 'power', 'runtime_status'), 'suspended\n');
    const drm = join(root, 'class', 'drm');
    expect(nvidiaSleeps(drm)).toBe(true);
    const script = nvidiaSmiScript(
      folder.path,
      `echo asked >> ${log}\n${line(0, '12')}\nexec sleep 60`,
    );
    context = contextFor(nowhere({ nvidiaSmi: script, drm }), { earlier: withoutLibrary });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      source = await nvidiaSmi.open(context);
      expect(source.health).toMatchObject({ state: 'unavailable' });
      expect(source.health.detail).toContain('sleeps');
      await vi.advanceTimersByTimeAsync(20_000);
      expect(existsSync(log)).toBe(false);
      writeFileSync(join(device, 'power', 'runtime_status'), 'active\n');
      await vi.advanceTimersByTimeAsync(5000);
    } finally {
      vi.useRealTimers();
    }
    await until(() => source.health.state === 'reading');
    expect(component(source, 'gpu:GPU-0').info.source).toBe('nvidia-smi');
  });

  it('is not started where the library was loaded', async () => {
    const loaded = [{ definition: nvml, source: idleSource('unavailable', 'code 9') }];
    await open(line(0, '1'), loaded);
    expect(source.health.state).toBe('unused');
    expect(existsSync(log)).toBe(false);
  });

  it('is unavailable without the command', async () => {
    source = await nvidiaSmi.open(contextFor(nowhere(), { earlier: withoutLibrary }));
    expect(source.health.detail).toContain('no command "/nowhere/nvidia-smi"');
  });
});
