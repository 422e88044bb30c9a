import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { SampleFlag } from '../../src-main/meter/messages.ts';
import { monotonicMicros } from '../../src-main/port.ts';
import { MeterChild, nowhere } from './child.ts';
import { FakeProc } from './fake-proc.ts';
import { compileNvml, powercap, replaceFile, setEnergy, temporaryFolder } from './fakes.ts';

const folder = temporaryFolder();
const library = compileNvml(folder.path);
const control = join(folder.path, 'cards');
afterAll(() => folder.remove());

let meter: MeterChild;
afterEach(() => {
  meter.process.kill('SIGKILL');
  return meter.exited;
});

describe('the meter process', () => {
  it('finds a machine without any sensor, and estimates it', async () => {
    meter = new MeterChild();
    const { components, sources, session } = await meter.start(nowhere());
    expect(components.map(({ key, provenance }) => [key, provenance])).toEqual([
      ['cpu', 'modelled'],
      ['ram', 'constant'],
    ]);
    expect(sources.map(({ name, state }) => [name, state])).toEqual([
      ['nvml', 'unavailable'],
      ['nvidia-smi', 'unavailable'],
      ['rapl', 'unavailable'],
      ['cpu-model', 'reading'],
      ['ram-model', 'reading'],
    ]);
    const { inventory } = await meter.until(() => meter.of('inventory')[0]);
    expect(inventory.cpu.cores).toBeGreaterThan(0);
    await meter.until(() => meter.points('ram').length > 5);
    const before = monotonicMicros();
    const { at, reading } = await meter.mark();
    expect(at).toBeGreaterThan(before);
    expect(at).toBeLessThan(monotonicMicros());
    expect(reading('ram')).toMatchObject({ watts: expect.any(Number), joules: expect.any(Number) });

    const points = meter.points('ram');
    for (let i = 1; i < points.length; i++) {
      const [{ t: t0, joules: j0 }, { t: t1, joules: j1 }] = [points[i - 1]!, points[i]!];
      expect(t1).toBeGreaterThan(t0);
      // a constant: joules are exactly watts x time
      expect(j1! - j0!).toBeCloseTo((points[i]!.watts! * (t1 - t0)) / 1e6, 6);
    }
    expect(meter.of('samples').every(({ batch }) => batch.session === session)).toBe(true);
    await meter.stop();
    expect(meter.process.exitCode).toBe(0);
  });

  it('ends when its parent goes', async () => {
    meter = new MeterChild();
    await meter.start(nowhere());
    meter.process.disconnect();
    expect(await meter.exited).not.toBeNull();
  });

  it('obeys another rate', async () => {
    meter = new MeterChild();
    await meter.start(nowhere({}, { hz: 0.5 }));
    // at one reading in 2 s this would take 20 s
    meter.say({ type: 'rate', hz: 20 });
    const enough = await meter.until(() => meter.points('ram').length >= 10 && meter.points('ram'));
    const ten = enough.slice(-5);
    expect((ten.at(-1)!.t - ten[0]!.t) / 4).toBeLessThan(2e6);
  });

  it('counts packages, sees one fail and come back, and finds the other after a probe', async () => {
    const root = join(folder.path, 'powercap');
    const range = 262_143_328_850;
    powercap(root, {
      'intel-rapl:0': { name: 'package-0', energy: 50e6, range },
      'intel-rapl:1': { name: 'package-1', energy: 'denied', range },
    });
    meter = new MeterChild();
    const { components, session } = await meter.start(nowhere({ powercap: root }));
    expect(components.map(({ key }) => key)).toEqual(['cpu:package-0', 'ram']);
    const first = (await meter.mark()).reading('cpu:package-0')!;
    setEnergy(root, 'intel-rapl:0', 90e6);
    const second = (await meter.mark()).reading('cpu:package-0')!;
    expect(second.joules! - first.joules!).toBeCloseTo(40, 6);

    const stateNow = () =>
      meter
        .of('sources')
        .at(-1)!
        .sources.find(({ name }) => name === 'rapl')!.state;
    writeFileSync(join(root, 'intel-rapl:0', 'energy_uj'), '');
    await meter.until(() => stateNow() === 'failed');
    const without = await meter.mark();
    expect(without.reading('cpu:package-0')!.joules).toBeNull();
    expect(without.reading('ram')!.joules).not.toBeNull();
    setEnergy(root, 'intel-rapl:0', 100e6);
    await meter.until(() => stateNow() === 'reading');

    powercap(root, { 'intel-rapl:2': { name: 'package-2', energy: 7e6, range } });
    meter.say({ type: 'probe' });
    const found = await meter.until(() =>
      meter.of('sources').find(({ components }) => components.length === 3),
    );
    expect(found.session).toBe(session);
    expect(found.components.map(({ key }) => key)).toEqual([
      'cpu:package-0',
      'cpu:package-2',
      'ram',
    ]);
    const after = (await meter.mark()).reading('cpu:package-0')!;
    expect(after.joules).toBeCloseTo(50, 6);
    expect(meter.points('cpu:package-0').some(({ flags }) => flags !== 0)).toBe(false);
  });

  it.skipIf(library === null)('reads on when one of three cards dies', async () => {
    const cards = (...lines: string[]) =>
      replaceFile(control, ['gpus 3', ...lines].join('\n') + '\n');
    const idle = [0, 1, 2].map((index) => `gpu ${index} watts 0.5`);
    cards(...idle, 'gpu 0 counter 1000', 'gpu 1 counter 1000', 'gpu 2 counter 1000');
    meter = new MeterChild({ FAKE_NVML: control });
    const { sources } = await meter.start(nowhere({ nvml: library }));
    expect(sources[0]).toMatchObject({
      state: 'reading',
      components: ['gpu:GPU-0', 'gpu:GPU-1', 'gpu:GPU-2'],
    });
    await meter.mark();
    cards(...idle, 'gpu 0 counter 8000', 'gpu 1 code 15', 'gpu 2 counter 500');
    const { reading } = await meter.mark();
    expect(reading('gpu:GPU-0')).toMatchObject({ joules: 7, watts: 0.5, flags: 0 });
    expect(reading('gpu:GPU-1')).toMatchObject({ joules: null, watts: null });
    expect(reading('gpu:GPU-2')!.joules).toBe(0);
    const gaps = meter.points('gpu:GPU-2').filter(({ flags }) => flags === SampleFlag.gap);
    expect(gaps).toHaveLength(1);
    const lost = await meter.until(() => meter.of('sources')[1]);
    expect(lost.sources[0]).toMatchObject({
      state: 'failed',
      components: ['gpu:GPU-0', 'gpu:GPU-2'],
    });
    expect(lost.components.map(({ key }) => key)).toContain('gpu:GPU-1');
    expect(meter.of('event')).toMatchObject([{ level: 'warning', key: 'gpu:GPU-1' }]);
    const { inventory } = await meter.until(() => meter.of('inventory')[0]);
    expect(inventory.gpus.map(({ uuid }) => uuid)).toEqual(['GPU-0', 'GPU-1', 'GPU-2']);
  });

  it('replays a recording and reads nothing else', async () => {
    const trace = join(folder.path, 'trace.csv');
    const rows = Array.from({ length: 600 }, (_, i) => `${i},gpu0,nvml,250,${(i * 250) / 3600}`);
    const columns = 't_rel_s,component,source,power_w,energy_wh_cum';
    writeFileSync(trace, ['# about: a desk', columns, ...rows].join('\n'));
    meter = new MeterChild();
    const { components, sources } = await meter.start(nowhere({ replay: trace }));
    expect(components).toMatchObject([{ key: 'gpu0', source: 'replay', provenance: 'counted' }]);
    expect(sources.map(({ name }) => name)).toEqual(['replay']);
    const a = await meter.mark();
    await meter.until(() => meter.points('gpu0').length > 8);
    const b = await meter.mark();
    const joules = b.reading('gpu0')!.joules! - a.reading('gpu0')!.joules!;
    expect(joules).toBeCloseTo((250 * (b.at - a.at)) / 1e6, 3);
  });

  it('tells the energy of watched processes apart', async () => {
    const proc = new FakeProc(join(folder.path, 'proc'));
    proc.set(10, { children: [30] });
    proc.set(30, { parent: 10, pages: 1000 });
    meter = new MeterChild();
    await meter.start(nowhere({ proc: proc.path }));
    const parts = (): { run: number | null; program: number | null; joules: number | null }[] =>
      meter.of('samples').flatMap(({ batch }) => {
        const ram = batch.series.find(({ key }) => key === 'ram')!;
        return (ram.runJoules ?? []).map((run, i) => ({
          run,
          program: ram.programJoules![i]!,
          joules: ram.joules[i]!,
        }));
      });
    await meter.mark();
    expect(parts()).toEqual([]);
    meter.say({ type: 'watch', run: [30], program: [10] });
    await meter.until(() => parts().some(({ run }) => (run ?? 0) > 0));
    const found = parts();
    expect(found[0]).toMatchObject({ run: 0, program: 0 });
    const [first, last] = [found[0]!, found.at(-1)!];
    // resident over memory in use; pages of 4 KiB, or larger on some machines
    const share = last.run! / (last.joules! - first.joules!);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(1);
    expect(last.program).toBe(0);
    // a new start is a new session, and they are still watched
    meter.say({ type: 'start', settings: nowhere({ proc: proc.path }) });
    const anew = await meter.until(() => meter.of('sources')[1]);
    await meter.until(() =>
      meter
        .of('samples')
        .some(({ batch }) => batch.session === anew.session && batch.series[0]!.runJoules),
    );
  });
});
