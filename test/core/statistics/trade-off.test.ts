import { expect, it } from 'vitest';
import {
  dominates,
  energyToReach,
  kwhPerF1Point,
  marginalKwhPerF1Point,
  paretoFront,
  standings,
} from '../../../src-main/core/statistics/trade-off.ts';
import { golden } from '../../fixtures/golden.ts';

const expected = golden<{
  points: { id: string; kwh: number; f1: number }[];
  pareto_front: string[];
  kwh_per_f1_point: Record<string, number>;
}>('tradeoff');

it('has the golden front and energies per point of F1', () => {
  const front = paretoFront(expected.points).map(({ id }) => id);
  expect([...front].sort()).toEqual([...expected.pareto_front].sort());
  for (const point of expected.points)
    expect(kwhPerF1Point(point)! / expected.kwh_per_f1_point[point.id]! - 1).toBeCloseTo(0, 10);
});

it('nothing on the front is dominated, all else is', () => {
  const front = new Set(paretoFront(expected.points));
  for (const point of expected.points)
    expect(expected.points.some((other) => dominates(other, point))).toBe(!front.has(point));
});

it('has no energy per point without F1 or between equal F1', () => {
  expect(kwhPerF1Point({ kwh: 1, f1: 0 })).toBeNull();
  const [a, b] = [
    { kwh: 1, f1: 0.8 },
    { kwh: 0.5, f1: 0.75 },
  ];
  expect(marginalKwhPerF1Point(a, b)).toBeCloseTo(0.1, 12);
  expect(marginalKwhPerF1Point(a, { ...b, f1: 0.8 })).toBeNull();
});

it('calls a point dominated only where it differs by more than the bands', () => {
  const point = (kwh: number, f1: number, half: number | null) => ({
    kwh,
    f1,
    kwhInterval: half === null ? null : { low: kwh - half, high: kwh + half },
    f1Interval: half === null ? null : { low: f1 - half, high: f1 + half },
  });
  const best = point(1, 0.8, 0.01);
  expect(standings([best, point(1.1, 0.7, 0.01)])).toEqual(['front', 'dominated']);
  expect(standings([best, point(1.1, 0.79, 0.01)])).toEqual(['front', 'possibly dominated']);
  expect(standings([best, point(1.01, 0.7, 0.01)])).toEqual(['front', 'possibly dominated']);
  expect(standings([point(1, 0.8, null), point(1.1, 0.7, null)])).toEqual([
    'front',
    'possibly dominated',
  ]);
});

it('energy to reach an F1 is that of the first evaluation there, or not known beyond the run', () => {
  const curve = [
    { kwh: 1, f1: 0.4 },
    { kwh: 2, f1: 0.7 },
    { kwh: 3, f1: 0.65 },
    { kwh: 4, f1: 0.72 },
  ];
  expect(energyToReach(curve, 0.65)).toEqual({ reached: true, kwh: 2 });
  expect(energyToReach(curve, 0.9)).toEqual({ reached: false, kwh: 4 });
  expect(energyToReach([], 0.9)).toEqual({ reached: false, kwh: null });
});
