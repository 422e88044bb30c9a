import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import koffi from 'koffi';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import { cpuModel } from '../../../src-main/meter/sources/cpu-model.ts';
import {
  architectureOf,
  powerMeaning,
} from '../../../src-main/meter/sources/nvidia-generations.ts';
import { libraryPaths, outcomeOf } from '../../../src-main/meter/sources/nvml-library.ts';
import { nvml } from '../../../src-main/meter/sources/nvml.ts';
import type { Groups, Source } from '../../../src-main/meter/sources/source.ts';
import { nowhere } from '../child.ts';
import { component, contextFor, openNow, readAt } from '../context.ts';
import type { Watched } from '../context.ts';
import { compileNvml, replaceFile, temporaryFolder } from '../fakes.ts';

const folder = temporaryFolder();
const library = compileNvml(folder.path);
const control = join(folder.path, 'cards');
afterAll(() => folder.remove());

describe.each([
  [0, 'value'],
  [1, 'restart'],
  [3, 'absent'],
  [4, 'denied'],
  [6, 'missing'],
  [9, 'no-driver'],
  [10, 'pause'],
  [12, 'no-driver'],
  [13, 'absent'],
  [15, 'lost'],
  [16, 'lost'],
  [17, 'denied'],
  [18, 'mismatch'],
  [21, 'missing'],
  [25, 'absent'],
  [27, 'missing'],
  [999, 'unknown'],
  [12345, 'unknown'],
] as const)('return code %i', (result, outcome) => {
  it(`means "${outcome}"`, () => expect(outcomeOf(result)).toBe(outcome));
});

it('looks for the versioned library, or for the one it is given', () => {
  expect(libraryPaths('/opt/x.so')).toEqual(['/opt/x.so']);
  if (process.platform === 'linux') expect(libraryPaths(null)[0]).toBe('libnvidia-ml.so.1');
});

it('hands over to nvidia-smi where there is no library', async () => {
  const source = await openNow(nvml, contextFor(nowhere()));
  expect(source.health.state).toBe('unavailable');
  expect(source.health.detail).toContain('/nowhere/libnvidia-ml.so.1');
  expect(source.successor).toBe('nvidia-smi');
});

describe.skipIf(library === null)('with the stub driver', () => {
  let source: Source;
  let context: Watched;
  const script = (...lines: string[]) => replaceFile(control, lines.join('\n') + '\n');
  const openCards = async (...lines: string[]) => {
    script(...lines);
    context = contextFor(nowhere({ nvml: library }));
    source = await openNow(nvml, context);
    return source;
  };
  beforeEach(() => void (process.env.FAKE_NVML = control));
  afterEach(() => source.close());
  const gpu = (index: number) => `gpu:GPU-${index}`;

  it('reads counter, power and the rest of every card, by UUID', async () => {
    await openCards('gpus 2', 'gpu 0 counter 1000', 'gpu 1 counter 50', 'gpu 1 watts 70.5');
    expect(source.health.state).toBe('reading');
    const stub = {
      ...{ name: 'NVIDIA Stub', memoryBytes: 150754820096, driver: '590.48.01', mig: [] },
    };
    expect(source.gpus).toEqual([
      { ...stub, uuid: 'GPU-0', busId: '00000000:20:00.0' },
      { ...stub, uuid: 'GPU-1', busId: '00000000:1F:00.0' },
    ]);
    expect(component(source, gpu(1)).info).toMatchObject({
      provenance: 'counted',
      uncertaintyPercent: 5,
      method: expect.stringContaining('energy counter'),
    });
    readAt(source, 0, gpu(0));
    script('gpus 2', 'gpu 0 counter 31000', 'gpu 1 counter 7050', 'gpu 1 watts 70.5');
    source.read(0.1e6, false);
    expect(component(source, gpu(0)).reading).toEqual({
      joules: 30,
      watts: 300,
      flags: 0,
      utilPercent: 97,
      memoryMb: 2,
      tempC: 61,
      clockMhz: 1980,
    });
    expect(component(source, gpu(1)).reading).toMatchObject({ joules: 7, watts: 70.5 });
  });

  it('is exact beyond 32 bits of millijoules', async () => {
    await openCards('gpu 0 counter 9007199254000');
    readAt(source, 0, gpu(0));
    script('gpu 0 counter 9007199254321');
    expect(readAt(source, 1, gpu(0)).joules).toBeCloseTo(0.321, 9);
  });

  it('reads a counter that goes back as a reset: a gap, a new base, never a negative', async () => {
    await openCards('gpu 0 counter 500000');
    readAt(source, 0, gpu(0));
    script('gpu 0 counter 600000');
    expect(readAt(source, 0.5, gpu(0))).toMatchObject({ joules: 100, flags: 0 });
    script('gpu 0 counter 2000');
    expect(readAt(source, 1, gpu(0))).toMatchObject({ joules: 100, flags: SampleFlag.gap });
    script('gpu 0 counter 42000');
    expect(readAt(source, 1.5, gpu(0))).toMatchObject({ joules: 140, flags: 0 });
  });

  it('integrates power where there is no counter (code 3), and says so', async () => {
    await openCards('gpu 0 energy 3', 'gpu 0 watts 100');
    expect(component(source, gpu(0)).info).toMatchObject({
      provenance: 'integrated',
      uncertaintyPercent: 10,
    });
    expect(readAt(source, 0, gpu(0)).joules).toBe(0);
    script('gpu 0 energy 3', 'gpu 0 watts 300');
    expect(readAt(source, 0.1, gpu(0))).toMatchObject({ watts: 300, flags: 0 });
    expect(component(source, gpu(0)).reading.joules).toBeCloseTo(20, 9);
    const after = readAt(source, 1.5, gpu(0));
    expect(after.joules).toBeCloseTo(20, 9);
    expect(after.flags).toBe(SampleFlag.gap);
  });

  it('does not believe a counter that answers 0', async () => {
    await openCards('gpu 0 counter 0');
    expect(component(source, gpu(0)).info.provenance).toBe('integrated');
  });

  it('does not believe a counter that stands still under power', async () => {
    await openCards('gpu 0 counter 777');
    readAt(source, 0, gpu(0));
    expect(readAt(source, 4, gpu(0)).joules).toBe(0);
    source.read(5.1e6, false);
    expect(component(source, gpu(0)).info.provenance).toBe('integrated');
    expect(context.events).toMatchObject([{ level: 'warning', key: gpu(0) }]);
    expect(context.changes).toBe(1);
    readAt(source, 5.2, gpu(0));
    expect(readAt(source, 5.3, gpu(0)).joules).toBeCloseTo(30, 6);
  });

  it('widens the band of cards whose sensor sees a part of the time', async () => {
    await openCards('gpu 0 energy 3', 'gpu 0 arch 4');
    expect(component(source, gpu(0)).info.uncertaintyPercent).toBe(15);
  });

  it('falls back to single calls where the driver has no batch (code 13)', async () => {
    await openCards('gpu 0 fields 13', 'gpu 0 counter 1000', 'gpu 0 watts 55');
    readAt(source, 0, gpu(0));
    script('gpu 0 fields 13', 'gpu 0 counter 2000', 'gpu 0 watts 55');
    expect(readAt(source, 0.1, gpu(0))).toMatchObject({ joules: 1, watts: 55 });
    expect(component(source, gpu(0)).info.method).toContain('nvmlDeviceGetPowerUsage');
  });

  it('takes no power that no board draws', async () => {
    await openCards('gpu 0 watts 90000');
    expect(readAt(source, 0, gpu(0)).watts).toBeNull();
  });

  it('switches what a card does not have off for this card, and says so once', async () => {
    await openCards('gpu 0 util 3');
    for (const second of [0, 1, 2, 3]) readAt(source, second, gpu(0));
    expect(component(source, gpu(0)).reading).toMatchObject({ utilPercent: null, tempC: 61 });
    expect(context.events).toEqual([
      {
        level: 'info',
        key: gpu(0),
        message: 'NVIDIA Stub: utilisation is not there (Not Supported, code 3).',
      },
    ]);
  });

  it('hides what it may not read (code 4) with a warning', async () => {
    await openCards('gpu 0 memory 4');
    expect(readAt(source, 0, gpu(0))).toMatchObject({ memoryMb: null, watts: 300 });
    expect(context.events).toMatchObject([{ level: 'warning' }]);
  });

  it('takes the newer call for a deprecated one', async () => {
    await openCards('gpu 0 temp 26');
    expect(readAt(source, 0, gpu(0)).tempC).toBe(62);
    expect(context.events).toEqual([]);
  });

  it.each([
    [9, 'driver is not loaded', 'modprobe'],
    [12, 'driver is not loaded', 'modprobe'],
    [18, 'versions differ', 'Restart the computer'],
    [4, 'may not be read', 'NVIDIA_DRIVER_CAPABILITIES'],
  ])('is unavailable when the library starts with code %i', async (result, detail, fix) => {
    await openCards(`init ${result}`);
    expect(source.health.state).toBe('unavailable');
    expect(source.health.detail).toContain(detail);
    expect(source.health.fix).toContain(fix);
    expect(source.components).toEqual([]);
    expect(source.successor).toBeUndefined();
  });

  it('is unavailable when the driver sees no card', async () => {
    await openCards('gpus 0');
    expect(source.health).toMatchObject({
      state: 'unavailable',
      detail: 'The NVIDIA driver sees no card.',
    });
  });

  it.each([15, 16])(
    'lets a card that dies (code %i) go and reads the others on',
    async (result) => {
      await openCards('gpus 2', 'gpu 0 counter 100', 'gpu 1 counter 100');
      source.read(0, false);
      script('gpus 2', `gpu 0 code ${result}`, 'gpu 0 counter 100', 'gpu 1 counter 5100');
      source.read(0.1e6, false);
      expect(component(source, gpu(0))).toMatchObject({
        alive: false,
        reading: { joules: null, watts: null, tempC: null, flags: 0 },
      });
      expect(component(source, gpu(1)).reading.joules).toBe(5);
      expect(source.health.state).toBe('failed');
      expect(source.health.detail).toContain(`code ${result}`);
      expect(context.events).toMatchObject([{ level: 'warning', key: gpu(0) }]);
      // it is not asked again, even if it answers
      script('gpus 2', 'gpu 0 counter 100', 'gpu 1 counter 9100');
      source.read(2e6, false);
      expect(component(source, gpu(0)).reading.joules).toBeNull();
      expect(component(source, gpu(1)).reading.joules).toBe(9);
      expect(context.events).toHaveLength(1);
    },
  );

  it('leaves a card alone for a while after a timeout (code 10), then counts on', async () => {
    await openCards('gpu 0 counter 1000');
    readAt(source, 0, gpu(0));
    script('gpu 0 code 10', 'gpu 0 counter 1000');
    expect(readAt(source, 0.1, gpu(0)).joules).toBeNull();
    script('gpu 0 counter 4000');
    expect(readAt(source, 0.9, gpu(0)).joules).toBeNull();
    expect(readAt(source, 1.2, gpu(0))).toMatchObject({ joules: 3, flags: 0 });
  });

  it('misses what is unknown (code 999) and notes it once a minute', async () => {
    await openCards('gpu 0 counter 1000');
    readAt(source, 0, gpu(0));
    script('gpu 0 fields 999', 'gpu 0 counter 2000');
    for (let second = 1; second < 60; second++)
      expect(readAt(source, second, gpu(0)).joules).toBeNull();
    expect(context.events).toHaveLength(1);
    readAt(source, 62, gpu(0));
    expect(context.events).toHaveLength(2);
    script('gpu 0 counter 3000');
    expect(readAt(source, 63, gpu(0)).joules).toBe(2);
  });

  it('starts the library again after a reload of the driver, and begins a new segment', async () => {
    await openCards('gpu 0 counter 900000');
    readAt(source, 0, gpu(0));
    (koffi.load(library!).func('void fakeReload()') as () => void)();
    script('gpu 0 counter 910000');
    expect(readAt(source, 1, gpu(0)).joules).toBeNull();
    expect(readAt(source, 2, gpu(0))).toMatchObject({ joules: 0, flags: SampleFlag.gap });
    script('gpu 0 counter 915000');
    expect(readAt(source, 3, gpu(0))).toMatchObject({ joules: 5, flags: 0 });
    expect(context.events[0]?.message).toContain('loaded anew');
  });

  const messages = () => context.events.map(({ level, message }) => `${level}: ${message}`);

  it('flags a clock that is held down, and says when that begins and is over', async () => {
    await openCards(`gpu 0 reasons ${0x40}`);
    for (const second of [0, 1.1, 2.2])
      expect(readAt(source, second, gpu(0)).flags).toBe(SampleFlag.throttled);
    script(`gpu 0 reasons ${0x1}`);
    expect(readAt(source, 10, gpu(0)).flags).toBe(0);
    // it flickers: the same condition, and a reason more
    script(`gpu 0 reasons ${0x44}`);
    expect(readAt(source, 20, gpu(0)).flags).toBe(SampleFlag.throttled);
    script('gpu 0 reasons 0');
    for (const second of [30, 49, 51, 60]) readAt(source, second, gpu(0));
    expect(messages()).toEqual([
      'warning: NVIDIA Stub: the clock is held down by hardware thermal slowdown.',
      'info: NVIDIA Stub: the clock is held down by the power cap.',
      'info: NVIDIA Stub: the clock is free again; it was held down by hardware thermal slowdown and the power cap on and off for 20 s.',
    ]);
  });

  it('flags a card on which somebody else computes, in any crowd, but not our own', async () => {
    await openCards('gpu 0 pid 1', 'gpu 0 crowd 40');
    expect(readAt(source, 0, gpu(0)).flags).toBe(SampleFlag.foreign);
    expect(readAt(source, 1.1, gpu(0)).flags).toBe(SampleFlag.foreign);
    expect(messages()).toEqual([
      expect.stringMatching(
        /^warning: NVIDIA Stub: another program computes on this card: .+ \(pid 1, 0\.0 GB\)\. /,
      ),
    ]);
    script(`gpu 0 pid ${process.pid}`, 'gpu 0 crowd 40');
    expect(readAt(source, 2.2, gpu(0)).flags).toBe(0);
    // one that comes again is said again
    script('gpu 0 pid 1');
    readAt(source, 3.3, gpu(0));
    expect(context.events).toHaveLength(2);
  });

  it('says once that a card is as hot as it may be, and when it is over', async () => {
    await openCards('gpu 0 slowdown 90', 'gpu 0 celsius 91');
    for (const second of [0, 2, 4]) readAt(source, second, gpu(0));
    script('gpu 0 slowdown 90', 'gpu 0 celsius 88');
    readAt(source, 6, gpu(0));
    script('gpu 0 slowdown 90', 'gpu 0 celsius 80');
    expect(readAt(source, 8, gpu(0)).tempC).toBe(80);
    expect(messages()).toEqual([
      'warning: NVIDIA Stub: 91 °C, its slowdown temperature is 90 °C.',
      'info: NVIDIA Stub: 80 °C again, after 8 s too hot.',
    ]);
  });

  it('says that MIG shares the board, and whose instances are on it', async () => {
    await openCards('gpu 0 mig 2');
    expect(component(source, gpu(0)).info.method).toContain('MIG is on');
    expect(source.gpus?.[0]?.mig).toEqual(['MIG-0-0', 'MIG-0-1']);
  });

  it('keeps what the power means with it: the generation, and which fields answer', async () => {
    await openCards('gpus 3', 'gpu 0 instant 1', 'gpu 1 arch 10', 'gpu 2 arch 7', 'gpu 2 energy 3');
    expect(component(source, gpu(0)).info.method).toBe(
      'NVML energy counter; watts: field 185, mean over 1 s (Hopper), field 186 answers too and is not used',
    );
    expect(component(source, gpu(1)).info.method).toContain('not known for Blackwell');
    expect(component(source, gpu(2)).info.method).toBe(
      'NVML power, integrated: field 185, mean over 1 s (Ampere)',
    );
  });

  it('finds how often the counter has a new value, beside the sampling', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
    try {
      const at = (n: number) => ['gpus 2', `gpu 0 counter ${1000 + n}`, 'gpu 1 counter 5000'];
      await openCards(...at(0));
      readAt(source, 0, gpu(0));
      for (let n = 1; n <= 12; n++) {
        script(...at(n));
        await vi.advanceTimersByTimeAsync(100);
      }
    } finally {
      vi.useRealTimers();
    }
    expect(component(source, gpu(0)).info.method).toContain(
      'NVML energy counter, a new value every 100 ms; watts',
    );
    expect(component(source, gpu(1)).info.method).not.toContain('every');
    expect(context.changes).toBe(1);
  });

  it('takes the power of a superchip where its counter is: over the whole module', async () => {
    await openCards('gpu 0 name 1', 'gpu 0 module 1', 'gpu 0 watts 500');
    const card = component(source, gpu(0));
    expect(card.info.method).toContain('covers the whole module');
    expect(card.includes).toEqual(['cpu', 'ram']);
    expect(readAt(source, 0, gpu(0)).watts).toBe(600);
    const model = await openNow(
      cpuModel,
      contextFor(nowhere(), { earlier: [{ definition: nvml, source }] }),
    );
    expect(model.health.state).toBe('unused');
  });

  it('does not model processor and memory beside a GH200 whose driver tells no watts of the module', async () => {
    await openCards('gpu 0 name 1', 'gpu 0 watts 500');
    expect(component(source, gpu(0)).includes).toEqual(['cpu', 'ram']);
    expect(component(source, gpu(0)).info.method).toContain('covers the whole module');
  });

  it('tells used memory from reserved where the driver does', async () => {
    await openCards('gpus 2', 'gpu 1 memory2 25');
    readAt(source, 0, gpu(0));
    // one answer of an old driver and nobody is asked so again
    expect(component(source, gpu(1)).reading.memoryMb).toBe(3);
    expect(readAt(source, 1.1, gpu(0)).memoryMb).toBe(3);
    await openCards('gpu 0 counter 1');
    expect(readAt(source, 0, gpu(0)).memoryMb).toBe(2);
  });

  it('takes a card that was lost back by itself: a gap, a new segment, no phantom joules', async () => {
    await openCards('gpus 2', 'gpu 0 counter 100000', 'gpu 1 counter 100');
    source.read(0, false);
    script('gpus 2', 'gpu 0 code 15', 'gpu 1 counter 5100', 'gpu 1 watts 0');
    source.read(1e6, false);
    expect(source.health.fix).toContain('looked for again by itself');
    // not before its time, and not while it is still lost
    source.read(31.5e6, false);
    await setTimeout(0);
    expect(component(source, gpu(0)).alive).toBe(false);
    script('gpus 2', 'gpu 0 counter 900000', 'gpu 1 counter 9100', 'gpu 1 watts 0');
    source.read(60e6, false);
    expect(component(source, gpu(0)).alive).toBe(false);
    source.read(92e6, false);
    expect(component(source, gpu(0)).alive).toBe(true);
    expect(messages().at(-1)).toBe(
      'info: NVIDIA Stub answers again after 91 s; that time is a gap.',
    );
    expect(readAt(source, 92.1, gpu(0))).toMatchObject({ joules: 0, flags: SampleFlag.gap });
    script('gpus 2', 'gpu 0 counter 930000', 'gpu 1 counter 9100');
    expect(readAt(source, 92.6, gpu(0))).toMatchObject({ joules: 30, flags: 0 });
    expect(component(source, gpu(1)).reading.joules).toBe(9);
    expect(source.health.state).toBe('reading');
  });

  it('takes a driver that was unloaded (code 9) back when it is there again', async () => {
    await openCards('gpu 0 counter 500000');
    readAt(source, 0, gpu(0));
    script('init 9', 'gpu 0 code 9');
    readAt(source, 1, gpu(0));
    expect(source.health.state).toBe('failed');
    readAt(source, 1.5, gpu(0));
    // the first look is in vain
    readAt(source, 32, gpu(0));
    await setTimeout(20);
    script('gpu 0 counter 2000');
    await vi.waitFor(async () => {
      readAt(source, 93, gpu(0));
      expect(component(source, gpu(0)).alive).toBe(true);
    });
    expect(readAt(source, 94, gpu(0)).joules).toBe(0);
    script('gpu 0 counter 12000');
    expect(readAt(source, 95, gpu(0))).toMatchObject({ joules: 10, flags: 0 });
    expect(context.events).toMatchObject([{ level: 'warning' }, { level: 'info' }]);
  });

  it('does not look again for a card that has neither counter nor power', async () => {
    await openCards('gpu 0 energy 3', 'gpu 0 average 3', 'gpu 0 power 3');
    for (const second of [0, 1, 40, 80]) readAt(source, second, gpu(0));
    expect(component(source, gpu(0)).alive).toBe(false);
    expect(context.events).toHaveLength(1);
    expect(source.health.fix).not.toContain('by itself');
  });

  it.each([6, 21, 27])('misses one sample where there is no data (code %i)', async (result) => {
    await openCards('gpu 0 counter 1000');
    readAt(source, 0, gpu(0));
    script(`gpu 0 energy ${result}`, 'gpu 0 counter 3000');
    expect(readAt(source, 0.5, gpu(0))).toMatchObject({ joules: null, watts: 300, flags: 0 });
    script('gpu 0 counter 4000');
    expect(readAt(source, 1, gpu(0))).toMatchObject({ joules: 3, flags: 0 });
    expect(context.events).toEqual([]);
  });

  it.each([3, 13, 25])(
    'integrates from then on where the counter goes (code %i)',
    async (result) => {
      await openCards('gpu 0 counter 1000');
      readAt(source, 0, gpu(0));
      script(`gpu 0 energy ${result}`, 'gpu 0 watts 100');
      readAt(source, 0.5, gpu(0));
      expect(component(source, gpu(0)).info.provenance).toBe('integrated');
      readAt(source, 1, gpu(0));
      expect(readAt(source, 1.5, gpu(0)).joules).toBeCloseTo(100, 6);
      expect(context.events).toMatchObject([{ level: 'warning', key: gpu(0) }]);
    },
  );

  it.each([4, 17])('hides what may not be read (code %i), and warns', async (result) => {
    await openCards(`gpu 0 clock ${result}`);
    expect(readAt(source, 0, gpu(0))).toMatchObject({ clockMhz: null, tempC: 61, watts: 300 });
    expect(messages()[0]).toContain('warning: NVIDIA Stub: clock may not be read');
  });

  it.each([9, 12, 18])(
    'loses a card whose driver goes (code %i) and says so once',
    async (result) => {
      await openCards('gpu 0 counter 1000');
      readAt(source, 0, gpu(0));
      script(`gpu 0 code ${result}`, 'gpu 0 counter 2000');
      for (const second of [1, 2, 3]) expect(readAt(source, second, gpu(0)).joules).toBeNull();
      expect(context.events).toHaveLength(1);
    },
  );

  describe('whose work a card does', () => {
    const use = join(folder.path, 'use');
    const pids = { run: 30, program: 10, other: 99 };
    const groups: Groups = {
      groupOf: (pid) => (pid === pids.run ? 'run' : pid === pids.program ? 'program' : null),
      sees: (pid) => Object.values(pids).includes(pid),
    };
    const shares = async (lines: string[], ...card: string[]) => {
      if (card.length > 0) await openCards(...card);
      replaceFile(use, lines.join('\n') + '\n');
      source.read(1e6, true);
      return component(source, gpu(0)).shares!(groups);
    };
    beforeEach(() => void (process.env.FAKE_NVML_USE = use));
    afterEach(() => void delete process.env.FAKE_NVML_USE);

    it('is the share of the SM time of all processes', async () => {
      const lines = ['0 30 60', '0 10 5', '0 99 35', '1 30 100', '0 0 255'];
      expect(await shares(lines, 'gpus 2')).toEqual({ run: 0.6, program: 0.05 });
    });

    it('takes more processes than there was room for', async () => {
      const others = Array.from({ length: 40 }, () => '0 99 1');
      const answer = await shares([...others, '0 30 60'], 'gpus 1');
      expect(answer).toEqual({ run: 0.6, program: 0 });
    });

    it('is not known where one that works cannot be seen from here', async () => {
      expect(await shares(['0 30 60', '0 4000000 5'], 'gpus 1')).toBeNull();
    });

    it('is that of the holders while nobody works', async () => {
      expect(await shares([], 'gpus 1')).toEqual({ run: 0, program: 0 });
      expect(await shares([], 'gpus 1', 'gpu 0 pid 30')).toEqual({ run: 1, program: 0 });
      expect(await shares([], 'gpus 1', 'gpu 0 pid 99')).toEqual({ run: 0, program: 0 });
    });

    it('is decided by the list of processes where the card does not say, in the clear cases', async () => {
      delete process.env.FAKE_NVML_USE;
      expect(await shares([], 'gpus 1', 'gpu 0 pid 10')).toEqual({ run: 0, program: 1 });
      expect(await shares([], 'gpus 1', 'gpu 0 pid 99')).toBeNull();
      // busy without a process to be seen: they are hidden from us
      expect(await shares([], 'gpus 1')).toBeNull();
      expect(await shares([], 'gpus 1', 'gpu 0 procs 3')).toBeNull();
    });

    it('is missed while a card does not answer', async () => {
      await openCards('gpus 1');
      script('gpus 1', 'gpu 0 code 999');
      expect(await shares(['0 30 60'])).toBe('missed');
    });
  });
});

describe('the generation of a card', () => {
  it.each([
    ['NVIDIA H200', 9],
    ['NVIDIA GH200 480GB', 9],
    ['NVIDIA GeForce RTX 4090', 8],
    ['NVIDIA L40S', 8],
    ['NVIDIA RTX 6000 Ada Generation', 8],
    ['NVIDIA A100-SXM4-80GB', 7],
    ['NVIDIA RTX A6000', 7],
    ['NVIDIA GeForce RTX 3090', 7],
    ['Tesla T4', 6],
    ['Quadro RTX 8000', 6],
    ['Tesla V100-SXM2-16GB', 5],
    ['Tesla P100-PCIE-16GB', 4],
    ['Tesla M40', 3],
    ['Tesla K80', 2],
    ['NVIDIA B200', 10],
    ['NVIDIA GeForce RTX 5090', 10],
    ['NVIDIA RTX PRO 6000 Blackwell', 10],
    ['Something else', 0],
  ])('%s is %i by its name', (name, chip) => expect(architectureOf(name)).toBe(chip));

  it('tells what its power is a mean of, and whether all of the time is seen', () => {
    expect(powerMeaning(7, 'NVIDIA A100-SXM4-80GB')).toMatchObject({ partlySeen: true });
    // the same chip by other names
    expect(powerMeaning(7, 'NVIDIA A800-SXM4-80GB')).toMatchObject({ partlySeen: true });
    expect(powerMeaning(architectureOf('NVIDIA A100X'), 'NVIDIA A100X').partlySeen).toBe(true);
    expect(powerMeaning(7, 'NVIDIA A100-SXM4-80GB').words).toContain('quarter of the time');
    expect(powerMeaning(5, 'Tesla V100').words).toContain('half of the time');
    expect(powerMeaning(9, 'NVIDIA H200')).toMatchObject({ known: true, partlySeen: false });
    expect(powerMeaning(10, 'NVIDIA B200')).toMatchObject({ known: false, partlySeen: false });
    expect(powerMeaning(0, '?')).toMatchObject({ known: false, partlySeen: true });
  });
});
