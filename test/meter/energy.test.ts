import { describe, expect, it } from 'vitest';
import { CounterEnergy, Ledger, PowerEnergy } from '../../src-main/meter/energy.ts';

const s = 1e6;
const range = 262_143_328_850;

describe('a counter', () => {
  const counter = (...readings: [seconds: number, raw: number][]) => {
    const energy = new CounterEnergy(1e-6);
    const gaps = readings.map(([seconds, raw]) => {
      energy.add(raw, seconds * s, range, 600);
      return energy.takeGap();
    });
    return { joules: energy.joules, gaps };
  };

  it('is missing before its first reading and 0 at it', () => {
    expect(new CounterEnergy(1).joules).toBeNull();
    expect(counter([5, 123e6])).toEqual({ joules: 0, gaps: [false] });
  });

  it('adds differences', () => {
    expect(counter([0, 100e6], [1, 350e6], [2, 450e6])).toEqual({
      joules: 350,
      gaps: [false, false, false],
    });
  });

  it('goes on across a wrap when range and power allow it', () => {
    const { joules, gaps } = counter([0, range - 50e6], [1, 30e6]);
    expect(joules).toBeCloseTo(80, 9);
    expect(gaps).toEqual([false, false]);
  });

  it('takes a fall that implies too much power for a reset: a gap and a new base', () => {
    expect(counter([0, 100_000e6], [1, 5e6], [2, 105e6])).toEqual({
      joules: 100,
      gaps: [false, true, false],
    });
  });

  it('takes a leap upwards for a fault', () => {
    expect(counter([0, 0], [1, 200_000e6], [2, 200_001e6])).toEqual({
      joules: 1,
      gaps: [false, true, false],
    });
  });

  it('does not guess how often it went round in a long pause', () => {
    // 262 kJ last 437 s at 600 W
    expect(counter([0, 0], [400, 100_000e6])).toEqual({ joules: 100_000, gaps: [false, false] });
    expect(counter([0, 0], [500, 100_000e6])).toEqual({ joules: 0, gaps: [false, true] });
  });

  it('makes a fall a gap when nobody may say where it wraps', () => {
    const energy = new CounterEnergy(1e-6);
    energy.add(100e6, 0, null, 600);
    energy.add(20e6, s, null, 600);
    expect([energy.joules, energy.takeGap()]).toEqual([0, true]);
    energy.add(60e6, 2 * s, null, 600);
    expect([energy.joules, energy.takeGap()]).toEqual([40, false]);
  });

  it('never wraps when its range is infinite: a fall is a reset', () => {
    const energy = new CounterEnergy(1e-3);
    energy.add(9e9, 0, Infinity, 2000);
    energy.add(1000, 0.1 * s, Infinity, 2000);
    expect([energy.joules, energy.takeGap()]).toEqual([0, true]);
  });

  it('leaves slack for steps: a whole step within a short interval is believed', () => {
    const energy = new CounterEnergy(1e-3);
    energy.add(0, 0, Infinity, 2000);
    energy.add(70_000, 1000, Infinity, 2000); // 100 ms of 700 W seen within 1 ms
    expect([energy.joules, energy.takeGap()]).toEqual([70, false]);
  });

  it('computes power over at least the time asked for', () => {
    const energy = new CounterEnergy(1);
    const watts = (seconds: number, raw: number) => {
      energy.add(raw, seconds * s, Infinity, 1e4);
      return energy.watts(seconds * s, 0.05 * s);
    };
    expect(watts(0, 0)).toBeNull();
    expect(watts(1, 100)).toBe(100);
    expect(watts(1.01, 103)).toBe(100);
    expect(watts(1.1, 130)).toBeCloseTo(300, 6);
  });
});

describe('power', () => {
  const limit = 0.3 * s;

  it('is integrated by the trapezoid rule', () => {
    const energy = new PowerEnergy();
    energy.measure(100, 0, limit);
    energy.measure(300, 0.1 * s, limit);
    energy.measure(300, 0.3 * s, limit);
    expect(energy.joules(0.3 * s, limit)).toBeCloseTo(20 + 60, 9);
    expect(energy.takeGap()).toBe(false);
  });

  it('is not integrated across more than the limit', () => {
    const energy = new PowerEnergy();
    energy.measure(100, 0, limit);
    energy.measure(100, 0.1 * s, limit);
    energy.measure(100, 0.5 * s, limit);
    expect(energy.joules(0.5 * s, limit)).toBeCloseTo(10, 9);
    expect(energy.takeGap()).toBe(true);
    expect(energy.takeGap()).toBe(false);
  });

  it('is held until it is too old, then missing', () => {
    const energy = new PowerEnergy();
    energy.measure(100, 0, limit);
    expect(energy.joules(0.2 * s, limit)).toBeCloseTo(20, 9);
    expect(energy.joules(0.31 * s, limit)).toBeNull();
  });

  it('never falls when what was held turns out too high', () => {
    const energy = new PowerEnergy();
    energy.measure(100, 0, limit);
    expect(energy.joules(0.2 * s, limit)).toBeCloseTo(20, 9);
    energy.measure(0, 0.2 * s, limit); // the trapezoid says 10 J
    expect(energy.joules(0.2 * s, limit)).toBeCloseTo(20, 9);
    energy.measure(200, 0.4 * s, limit); // 10 + 20 J
    expect(energy.joules(0.4 * s, limit)).toBeCloseTo(30, 9);
  });

  it('charges a mean for all of its time', () => {
    const energy = new PowerEnergy();
    energy.charge(50, 0);
    energy.charge(80, 10 * s);
    expect(energy.joules(10 * s, Infinity)).toBeCloseTo(800, 9);
    expect(energy.takeGap()).toBe(false);
    energy.charge(80, 100 * s); // asleep, or worse
    expect(energy.joules(100 * s, Infinity)).toBeCloseTo(800, 9);
    expect(energy.takeGap()).toBe(true);
  });
});

describe('the ledger', () => {
  it('lets a counter go on when its source is opened anew', () => {
    const ledger = new Ledger();
    ledger.counter('cpu', 'rapl', 1).add(100, 0, Infinity, 1000);
    const again = ledger.counter('cpu', 'rapl', 1);
    again.add(150, s, Infinity, 1000);
    expect([again.joules, again.takeGap()]).toEqual([50, false]);
  });

  it('keeps the total when another source takes over, with a gap between', () => {
    const ledger = new Ledger();
    const power = ledger.power('gpu:A', 'nvidia-smi');
    power.measure(100, 0, s);
    power.measure(100, s, s);
    power.joules(s, s);
    const counter = ledger.counter('gpu:A', 'nvml', 1);
    counter.add(5000, 2 * s, Infinity, 1000);
    expect([counter.joules, counter.takeGap()]).toEqual([100, true]);
    counter.add(5100, 3 * s, Infinity, 1000);
    expect([counter.joules, counter.takeGap()]).toEqual([200, false]);
  });

  it('breaks every interval in progress off', () => {
    const ledger = new Ledger();
    const counter = ledger.counter('cpu', 'rapl', 1);
    const power = ledger.power('ram', 'ram-model');
    counter.add(0, 0, Infinity, 1000);
    power.charge(20, 0);
    ledger.breakOff();
    expect(power.joules(s, Infinity)).toBeNull();
    counter.add(500, s, Infinity, 1000);
    power.charge(20, s);
    expect([counter.joules, counter.takeGap()]).toEqual([0, true]);
    expect([power.joules(s, Infinity), power.takeGap()]).toEqual([0, true]);
  });
});
