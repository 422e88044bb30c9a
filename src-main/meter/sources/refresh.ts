/**
 * How often a sensor has a new value: read every 2 ms for a second at most, smallest distance between
 * changes. It runs beside the sampling, on timers; what it finds is the resolution at a mark.
 */
import { monotonicMicros } from '../../port.ts';

export interface Probed {
  /** The present value; null where it cannot be read. */
  read(): number | null;
  /** Milliseconds between two values; null where it did not change often enough to tell. */
  found(periodMs: number | null): void;
}

const everyMs = 2;
const longestMicros = 1_000_000;
/** A change that was seen later than this after the reading before may be older than it looks. */
const sharpMicros = 6_000;
const enough = 6;

interface Watch {
  sensor: Probed;
  value: number | null;
  changedAt: number | null;
  smallest: number;
  changes: number;
}

/** Probes all sensors together. @returns the function that gives up. */
export function probeRefresh(sensors: readonly Probed[]): () => void {
  const began = monotonicMicros();
  const watches = sensors.map((sensor): Watch => ({
    sensor,
    value: null,
    changedAt: null,
    smallest: Infinity,
    changes: 0,
  }));
  let before = began;
  let timer: NodeJS.Timeout | null = null;
  const look = (): void => {
    const now = monotonicMicros();
    const sharp = now - before <= sharpMicros;
    before = now;
    for (const watch of watches) heed(watch, now, sharp);
    const after = monotonicMicros();
    if (after - began < longestMicros && watches.some(({ changes }) => changes < enough)) {
      // a driver that takes long to answer is not asked more than a fifth of the time
      timer = setTimeout(look, Math.max(everyMs, (4 * (after - now)) / 1000));
      timer.unref();
      return;
    }
    timer = null;
    for (const { sensor, smallest } of watches)
      sensor.found(Number.isFinite(smallest) ? smallest / 1000 : null);
  };
  timer = setTimeout(look, everyMs);
  timer.unref();
  return () => {
    if (timer !== null) clearTimeout(timer);
  };
}

function heed(watch: Watch, now: number, sharp: boolean): void {
  const value = watch.sensor.read();
  if (value === null || value === watch.value) return;
  const first = watch.value === null;
  watch.value = value;
  // when the value that is read first came is not known, nor that of a change seen late
  if (first || !sharp) {
    watch.changedAt = null;
    return;
  }
  if (watch.changedAt !== null) {
    watch.smallest = Math.min(watch.smallest, now - watch.changedAt);
    watch.changes++;
  }
  watch.changedAt = now;
}

/** For a component's method: rounded, so that it is the same at every start. */
export const refreshWords = (periodMs: number): string =>
  periodMs < 7.5
    ? 'a new value every few ms'
    : `a new value every ${Math.round(periodMs / 5) * 5} ms`;
