/** Energy against F1 (method H.2). Golden: `tradeoff`. */
import type { Interval } from './outcome.ts';

export interface Point {
  kwh: number;
  /** 0 to 1. */
  f1: number;
}

/** Energy of one point of F1, E / (100 F1); null where F1 is 0. */
export const kwhPerF1Point = ({ kwh, f1 }: Point): number | null =>
  f1 === 0 ? null : kwh / (100 * f1);

/** Energy that one more point of F1 cost, (E_a - E_b) / (100 (F1_a - F1_b)); null where F1 is equal. */
export const marginalKwhPerF1Point = (a: Point, b: Point): number | null =>
  a.f1 === b.f1 ? null : (a.kwh - b.kwh) / (100 * (a.f1 - b.f1));

/** a is no worse in both and better in one. */
export const dominates = (a: Point, b: Point): boolean =>
  a.kwh <= b.kwh && a.f1 >= b.f1 && (a.kwh < b.kwh || a.f1 > b.f1);

/** Points that no other dominates, in the order given; equal ones all stay. */
export const paretoFront = <P extends Point>(points: readonly P[]): P[] =>
  points.filter((point) => !points.some((other) => dominates(other, point)));

/** Means of a group of runs with their 95 % intervals; null where there are too few runs for one. */
export interface GroupPoint extends Point {
  kwhInterval: Interval | null;
  f1Interval: Interval | null;
}

export type Standing = 'front' | 'possibly dominated' | 'dominated';

/**
 * Where each group stands by its means. One that is dominated is `possibly dominated` as long as the intervals
 * overlap with those of everyone who dominates it, in energy or in F1. Without intervals the means decide.
 */
export function standings(points: readonly GroupPoint[]): Standing[] {
  return points.map((point) => {
    const better = points.filter((other) => dominates(other, point));
    if (better.length === 0) return 'front';
    return better.some((other) => clearlyDominates(other, point))
      ? 'dominated'
      : 'possibly dominated';
  });
}

function clearlyDominates(a: GroupPoint, b: GroupPoint): boolean {
  const energy = [a.kwhInterval?.high ?? a.kwh, b.kwhInterval?.low ?? b.kwh] as const;
  const f1 = [a.f1Interval?.low ?? a.f1, b.f1Interval?.high ?? b.f1] as const;
  return energy[0] <= energy[1] && f1[0] >= f1[1];
}

/**
 * Energy until F1 first reached a target, like the time to an accuracy. `reached` false: not within `kwh`, the
 * energy of the whole curve (right-censored; null where there is no curve).
 * @param curve cumulative energy and F1 at every evaluation, in the order of time
 */
export function energyToReach(
  curve: readonly Point[],
  target: number,
): { reached: boolean; kwh: number | null } {
  const first = curve.find(({ f1 }) => f1 >= target);
  return first
    ? { reached: true, kwh: first.kwh }
    : { reached: false, kwh: curve.at(-1)?.kwh ?? null };
}

/**
 * Area that a front covers, as a share of all that could be: energy from 0 to `limit.kwh`, F1 from `limit.f1` to 1.
 * 1 would be a perfect F1 for nothing. Points beyond the limits add nothing; only fronts of one limit compare.
 */
export function hypervolume(points: readonly Point[], limit: Point): number | null {
  if (!(limit.kwh > 0 && limit.f1 < 1)) return null;
  const front = paretoFront(points)
    .filter(({ kwh, f1 }) => kwh < limit.kwh && f1 > limit.f1)
    .sort((a, b) => a.kwh - b.kwh);
  const area = front.reduce(
    (sum, { kwh, f1 }, i) => sum + ((front[i + 1]?.kwh ?? limit.kwh) - kwh) * (f1 - limit.f1),
    0,
  );
  return area / (limit.kwh * (1 - limit.f1));
}
