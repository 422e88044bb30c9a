/** The two clocks side by side: monotonic stamps of every process, and the date for people. */
import { monotonicMicros } from '../port.ts';

// taken anew now and then: the date may be set, and drifts against the monotonic clock
let pair = { micros: monotonicMicros(), utc: Date.now() };
const lastingMicros = 60e6;

export function clockPair(): { micros: number; utc: number } {
  const micros = monotonicMicros();
  if (micros - pair.micros > lastingMicros) pair = { micros, utc: Date.now() };
  return pair;
}

/** The date of a monotonic stamp, in milliseconds since 1970. */
export function utcOf(micros: number): number {
  const { micros: at, utc } = clockPair();
  return utc + (micros - at) / 1000;
}
