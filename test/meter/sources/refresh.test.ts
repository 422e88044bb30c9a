import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { monotonicMicros } from '../../../src-main/port.ts';
import { probeRefresh, refreshWords } from '../../../src-main/meter/sources/refresh.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] }));
afterEach(() => void vi.useRealTimers());

/** A sensor with a new value every so many ms. */
const sensor = (periodMs: number, readable = true) => {
  const found: (number | null)[] = [];
  return {
    found: (period: number | null) => void found.push(period),
    read: () => (readable ? Math.floor(monotonicMicros() / 1000 / periodMs) : null),
    told: found,
  };
};

it('finds the smallest distance between two values of each sensor, in a second at most', async () => {
  const sensors = [sensor(100), sensor(20), sensor(1), sensor(1e9), sensor(50, false)];
  const began = monotonicMicros();
  probeRefresh(sensors);
  await vi.advanceTimersByTimeAsync(990);
  expect(sensors[0]!.told).toEqual([]);
  await vi.advanceTimersByTimeAsync(20);
  expect(monotonicMicros() - began).toBeLessThan(1.1e6);
  const [hundred, twenty, one, still, dumb] = sensors.map(({ told }) => told);
  expect(Math.abs(hundred![0]! - 100)).toBeLessThanOrEqual(2);
  expect(Math.abs(twenty![0]! - 20)).toBeLessThanOrEqual(2);
  expect(one).toEqual([2]);
  // what did not change, or could not be read, has no period
  expect(still).toEqual([null]);
  expect(dumb).toEqual([null]);
});

it('ends early once every sensor is known, and at once when it is told to', async () => {
  const quick = sensor(10);
  probeRefresh([quick]);
  await vi.advanceTimersByTimeAsync(120);
  expect(quick.told).toHaveLength(1);
  const left = sensor(100);
  probeRefresh([left])();
  await vi.advanceTimersByTimeAsync(2000);
  expect(left.told).toEqual([]);
});

it('is said in rounded figures', () => {
  expect(refreshWords(98.7)).toBe('a new value every 100 ms');
  expect(refreshWords(2)).toBe('a new value every few ms');
});
