import { describe, expect, it } from 'vitest';
import { counted, counters, everyFifteenSeconds, integrated, traces } from '../fixtures/traces.ts';

describe.each(traces)('$name', (trace) => {
  it.each(counters)('by an $name: within 0.1 %, all of the time', (counter) => {
    for (const seed of [1, 2, 3]) {
      const { errorPercent, coverage, joules } = counted(trace, counter, seed);
      expect(joules).toBeGreaterThan(50_000);
      expect(Math.abs(errorPercent)).toBeLessThan(0.1);
      expect(coverage).toBe(1);
    }
  });

  it('by power at 10 Hz: within 1 % where a sample exists', () => {
    for (const seed of [1, 2, 3]) {
      const { errorPercent, coverage } = integrated(trace, seed);
      expect(Math.abs(errorPercent)).toBeLessThan(1);
      // 5 s of each minute are not invented
      if (trace.name.includes('unread')) expect(coverage).toBeCloseTo(1 - 5 / 60, 2);
      else expect(coverage).toBe(1);
    }
  });

  it('has the integral that it claims', () => {
    let sum = 0;
    const step = 1e-3;
    for (let i = 0; i < 90_000; i++) sum += trace.watts((i + 0.5) * step) * step;
    expect(Math.abs(sum / trace.joules(90) - 1)).toBeLessThan(1e-4);
  });
});

it('every 15 s, the last value for all of them, misses spikes', () => {
  const spikes = traces.find(({ name }) => name.startsWith('spikes'))!;
  const errors = Array.from({ length: 15 }, (_, i) => everyFifteenSeconds(spikes, i).errorPercent);
  expect(Math.max(...errors.map(Math.abs))).toBeGreaterThan(5);
});
