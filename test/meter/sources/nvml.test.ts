import { join } from 'node:path';
import koffi from 'koffi';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
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
    expect(source.gpus).toEqual([
      { name: 'NVIDIA Stub', memoryBytes: 150754820096, driver: '590.48.01', uuid: 'GPU-0' },
      { name: 'NVIDIA Stub', memoryBytes: 150754820096, driver: '590.48.01', uuid: 'GPU-1' },
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
      clockMhz: null,
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

  it('flags a clock that is held down', async () => {
    await openCards(`gpu 0 reasons ${0x40}`);
    expect(readAt(source, 0, gpu(0)).flags).toBe(SampleFlag.throttled);
    script(`gpu 0 reasons ${0x1}`);
    expect(readAt(source, 1.1, gpu(0)).flags).toBe(0);
  });

  it('flags a card on which somebody else computes, in any crowd, but not our own', async () => {
    await openCards('gpu 0 pid 1', 'gpu 0 crowd 40');
    expect(readAt(source, 0, gpu(0)).flags).toBe(SampleFlag.foreign);
    script(`gpu 0 pid ${process.pid}`, 'gpu 0 crowd 40');
    expect(readAt(source, 1.1, gpu(0)).flags).toBe(0);
  });

  it('says that MIG shares the board', async () => {
    await openCards('gpu 0 mig 1');
    expect(component(source, gpu(0)).info.method).toContain('MIG is on');
  });

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
