/** When in the next 24 hours the same run would emit least, by hourly carbon intensity. */
import type { CleanerStart } from '../../../contract.ts';
import { covers, endOf, hourMs, type Steps } from './steps.ts';

/** Starts are looked at for so long. */
export const horizonMs = 24 * hourMs;
/** Less is not worth waiting for, and within what hourly figures are good for. */
const leastSaving = 0.1;

/**
 * @param steps of the next 24 hours and of the run behind them, as far as they are known
 * @param now ms since 1970
 * @param run its time in s, its energy in Wh and the PUE; power is taken to be the same all the time
 * @returns the cleanest start on a full hour, null where none saves a tenth or the hours are not known
 */
export function cleanerStart(
  steps: Steps,
  now: number,
  run: { seconds: number; wh: number; pue: number },
): Pick<CleanerStart, 'at' | 'gCO2e' | 'nowGCO2e'> | null {
  const grams = (from: number): number | null => {
    const to = from + Math.max(1, run.seconds * 1000);
    return covers(steps, from, to) ? (meanOf(steps, from, to) * run.wh * run.pue) / 1000 : null;
  };
  const nowGCO2e = grams(now);
  if (nowGCO2e === null) return null;
  const first = (Math.floor(now / hourMs) + 1) * hourMs;
  let best: { at: number; gCO2e: number } | null = null;
  for (let at = first; at <= now + horizonMs; at += hourMs) {
    const gCO2e = grams(at);
    if (gCO2e !== null && gCO2e < (best?.gCO2e ?? Infinity)) best = { at, gCO2e };
  }
  return best && best.gCO2e <= (1 - leastSaving) * nowGCO2e ? { ...best, nowGCO2e } : null;
}

/** Mean over the time of an interval that the steps cover, gCO2e/kWh. */
function meanOf(steps: Steps, from: number, to: number): number {
  let sum = 0;
  for (const [i, start] of steps.at.entries())
    sum += steps.gPerKwh[i]! * Math.max(0, Math.min(to, endOf(steps, i)) - Math.max(from, start));
  return sum / (to - from);
}
