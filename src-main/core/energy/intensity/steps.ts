/** Carbon intensity in steps of an hour or less: put together, cut, and asked whether it is complete. */
import type { HourlyIntensity } from '../../../contract.ts';

/** Start of each step in ms since 1970, ascending, and its value in gCO2e/kWh. */
export type Steps = Pick<HourlyIntensity, 'at' | 'gPerKwh'>;

export const hourMs = 3_600_000;
export const noSteps: Steps = { at: [], gPerKwh: [] };

/** A step lasts until the next, an hour at most. */
export const endOf = ({ at }: Pick<Steps, 'at'>, i: number): number =>
  Math.min(at[i]! + hourMs, at[i + 1] ?? Infinity);

export const stepsOf = (values: Iterable<readonly [at: number, gPerKwh: number]>): Steps => {
  const sorted = [...values].sort(([a], [b]) => a - b);
  return { at: sorted.map(([at]) => at), gPerKwh: sorted.map(([, value]) => value) };
};

/** Both together; where both have a step, the one of `first` stands. */
export function merged(first: Steps, second: Steps): Steps {
  const pairs = ({ at, gPerKwh }: Steps) => at.map((start, i) => [start, gPerKwh[i]!] as const);
  return stepsOf(new Map([...pairs(second), ...pairs(first)]));
}

/** The steps of which some part lies in one of the intervals (ms since 1970). */
export function within(steps: Steps, intervals: readonly { from: number; to: number }[]): Steps {
  const kept = steps.at.map((start, i) =>
    intervals.some(({ from, to }) => start < to && endOf(steps, i) > from),
  );
  return {
    at: steps.at.filter((_, i) => kept[i]),
    gPerKwh: steps.gPerKwh.filter((_, i) => kept[i]),
  };
}

/** Every moment from `from` up to what is returned has a step. */
export function coveredUntil(steps: Steps, from: number): number {
  let reached = from;
  for (const [i, start] of steps.at.entries()) {
    if (start > reached) break;
    reached = Math.max(reached, endOf(steps, i));
  }
  return reached;
}

/** Whether every moment from `from` to `to` has a step. */
export const covers = (steps: Steps, from: number, to: number): boolean =>
  coveredUntil(steps, from) >= to;

/** The value of a moment; null where no step holds it. */
export function valueAt(steps: Steps, moment: number): number | null {
  const i = steps.at.findLastIndex((start) => start <= moment);
  return i >= 0 && moment < endOf(steps, i) ? steps.gPerKwh[i]! : null;
}

/**
 * The intensity that energy spread over steps had on average, weighted by that energy (gCO2e/kWh);
 * energy outside every step takes the yearly figure. `coverage` is the share inside.
 * @param intervals ms since 1970
 * @param whOf energy between two such moments of one of the intervals; null where nothing was read
 */
export function weightedIntensity(
  steps: Steps,
  intervals: readonly { from: number; to: number }[],
  yearly: number,
  whOf: (interval: number, from: number, to: number) => number | null,
): { gPerKwh: number; coverage: number } {
  let [total, inside, grams] = [0, 0, 0];
  intervals.forEach((interval, index) => {
    total += whOf(index, interval.from, interval.to) ?? 0;
    for (const [i, start] of steps.at.entries()) {
      const from = Math.max(start, interval.from);
      const to = Math.min(endOf(steps, i), interval.to);
      if (from >= to) continue;
      const wh = whOf(index, from, to) ?? 0;
      inside += wh;
      grams += wh * steps.gPerKwh[i]!;
    }
  });
  if (!(total > 0) || inside === 0) return { gPerKwh: yearly, coverage: 0 };
  const outside = Math.max(0, total - inside);
  // what is left after cutting at the edges of hours is rounding, no energy of its own
  const whole = outside < 1e-9 * total;
  return {
    gPerKwh: whole ? grams / inside : (grams + outside * yearly) / total,
    coverage: whole ? 1 : inside / total,
  };
}
