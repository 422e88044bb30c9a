/** Energy against F1 (method H.2). Golden: `tradeoff`. */
import { doubtOf, type Split } from './bands.ts';
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

/** Means of a group of runs in their bands; null where none is known. */
export interface GroupPoint extends Point {
  kwhInterval: Interval | null;
  f1Interval: Interval | null;
  /** What the F1 is of. */
  split?: Split | null;
}

export type Standing = 'front' | 'possibly dominated' | 'dominated';

/**
 * Where each group stands by its means. One that is dominated is `possibly dominated` as long as it differs from
 * everyone who dominates it by no more than the bands of both, in energy or in F1, and where a band is not known.
 */
export function standings(points: readonly GroupPoint[]): Standing[] {
  return points.map((point) => {
    const better = points.filter((other) => comparable(other, point) && dominates(other, point));
    if (better.length === 0) return 'front';
    return better.some((other) => clearlyDominates(other, point))
      ? 'dominated'
      : 'possibly dominated';
  });
}

/** A score on validation and one on test say nothing of each other. */
const comparable = (a: GroupPoint, b: GroupPoint): boolean =>
  !a.split || !b.split || a.split === b.split;

const halfOf = (interval: Interval | null): number | null =>
  interval && (interval.high - interval.low) / 2;

function clearlyDominates(a: GroupPoint, b: GroupPoint): boolean {
  const energy = ({ kwh, kwhInterval }: GroupPoint) => ({ value: kwh, band: halfOf(kwhInterval) });
  const score = ({ f1, f1Interval, split }: GroupPoint) => ({
    value: f1,
    band: halfOf(f1Interval),
    split: split ?? null,
  });
  return doubtOf(energy(a), energy(b)) === null && doubtOf(score(a), score(b)) === null;
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
