import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Attribution } from '../../src-main/meter/attribution.ts';
import type { ComponentKind } from '../../src-main/meter/messages.ts';
import {
  emptyReading,
  type Component,
  type SharesAnswer,
} from '../../src-main/meter/sources/source.ts';
import { nowhere } from './child.ts';
import { FakeProc } from './fake-proc.ts';
import { temporaryFolder } from './fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const second = 1e6;

class Sensor implements Component {
  readonly info: Component['info'];
  readonly reading = emptyReading();
  readonly alive = true;
  answer: SharesAnswer = null;

  constructor(key: string, kind: ComponentKind) {
    this.info = {
      key,
      kind,
      name: key,
      source: 'rapl',
      provenance: 'counted',
      uncertaintyPercent: 5,
      uncertaintyWatts: null,
      method: 'a test',
    };
  }

  shares(): SharesAnswer {
    return this.answer;
  }
}

describe('the parts of the joules', () => {
  let proc: FakeProc;
  let parts: Attribution;
  let cpu: Sensor;
  let gpu: Sensor;
  let count = 0;
  const read = (
    at: number,
    joules: { cpu?: number | null; gpu?: number | null },
    exact = false,
  ) => {
    if (joules.cpu !== undefined) cpu.reading.joules = joules.cpu;
    if (joules.gpu !== undefined) gpu.reading.joules = joules.gpu;
    return parts.read(at * second, exact, [{ component: cpu }, { component: gpu }]);
  };
  const of = (key: string) => [parts.joulesOf(key, 'run'), parts.joulesOf(key, 'program')];

  beforeEach(() => {
    proc = new FakeProc(join(folder.path, `proc-${count++}`));
    proc.set(10, {});
    proc.set(30, {});
    parts = new Attribution(nowhere({ proc: proc.path }));
    cpu = new Sensor('cpu', 'cpu');
    gpu = new Sensor('gpu', 'gpu');
    gpu.answer = { run: 0, program: 0 };
    parts.watch([30], [10], 0);
    read(0, { cpu: 1000, gpu: 50 });
  });

  it('are the energy of an interval times the share in that interval', () => {
    expect(of('cpu')).toEqual([0, 0]);
    proc.machine(100, 100);
    proc.set(30, { own: 60 });
    proc.set(10, { own: 10 });
    gpu.answer = { run: 0.5, program: 0 };
    read(0.5, { cpu: 1020, gpu: 100 });
    // not before the interval is over
    expect(of('cpu')).toEqual([0, 0]);
    read(1, { cpu: 1100, gpu: 250 });
    expect(of('cpu')).toEqual([60, 10]);
    expect(of('gpu')).toEqual([100, 0]);
    // then others have the processor
    proc.machine(200, 100);
    read(2, { cpu: 1200, gpu: 250 });
    expect(of('cpu')).toEqual([60, 10]);
  });

  it('end at a mark, but not within a few ticks', () => {
    proc.machine(10, 10);
    proc.set(30, { own: 10 });
    read(0.01, { cpu: 1001 }, true);
    expect(of('cpu')).toEqual([0, 0]);
    read(0.1, { cpu: 1010 }, true);
    expect(of('cpu')).toEqual([10, 0]);
  });

  it('wait where a reading is missing, and do not come from nowhere', () => {
    proc.machine(100, 0);
    proc.set(30, { own: 100 });
    read(1, { cpu: null });
    proc.machine(200, 0);
    proc.set(30, { own: 200 });
    read(2, { cpu: 1300 });
    expect(of('cpu')).toEqual([300, 0]);
  });

  it('become unknown where a card does not tell, until somebody else is watched', () => {
    proc.machine(100, 0);
    gpu.answer = null;
    read(1, { gpu: 100 });
    expect(of('gpu')).toEqual([null, null]);
    expect(of('cpu')).toEqual([0, 0]);
    gpu.answer = { run: 1, program: 0 };
    proc.machine(200, 0);
    read(2, { gpu: 200 });
    parts.watch([30], [10], 2.5 * second);
    expect(of('gpu')).toEqual([null, null]);
    parts.watch([], [10], 2.5 * second);
    expect(of('gpu')).not.toContain(null);
    parts.watch([30], [10], 2.5 * second);
    proc.machine(300, 0);
    const before = parts.joulesOf('gpu', 'run')!;
    read(3.5, { gpu: 260 });
    expect(parts.joulesOf('gpu', 'run')).toBe(before + 60);
  });

  it('go on with the last share while a card misses an answer, not for ever', () => {
    const step = (at: number, answer: SharesAnswer): void => {
      proc.machine(at * 100, 0);
      gpu.answer = answer;
      read(at, { gpu: 50 + at * 10 });
    };
    step(1, { run: 0.5, program: 0 });
    step(2, 'missed');
    expect(of('gpu')[0]).toBeCloseTo(10, 9);
    for (let at = 3; at <= 11; at++) step(at, 'missed');
    expect(of('gpu')[0]).toBeCloseTo(55, 9);
    step(12, 'missed');
    expect(of('gpu')[0]).toBeNull();
  });

  it('say what the program itself uses, first soon, then every five seconds', () => {
    const told: (number | null)[] = [];
    for (let at = 1; at <= 6; at++) {
      // 20, then 40 of 200 ticks a second on two processors
      proc.machine(at * 100, at * 100);
      proc.set(10, { own: at === 1 ? 20 : 20 + (at - 1) * 40, pages: 256 });
      told.push(read(at, {})?.cores ?? null);
    }
    expect(told).toEqual([expect.closeTo(0.2, 9), null, null, null, null, expect.closeTo(0.4, 9)]);
  });

  it('are nobody’s where nobody is watched', () => {
    parts.watch([], [], second);
    expect(parts.active).toBe(false);
    expect(read(2, { cpu: 5000 })).toBeNull();
    parts.watch([], [10], 3 * second);
    read(3, { cpu: 6000 });
    expect(of('cpu')).toEqual([0, 0]);
  });
});
