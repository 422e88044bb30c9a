import { describe, expect, it } from 'vitest';
import { coefficients, shapiroWilk } from '../../../src-main/core/statistics/shapiro-wilk.ts';
import { golden } from '../../fixtures/golden.ts';

const { cases } = golden<{
  cases: Record<
    string,
    { x: number[]; W: number; p: number; W_scipy: number; a: number[]; reject_5pct: boolean }
  >;
}>('shapiro_wilk');

describe.each(Object.entries(cases))('Shapiro-Wilk of %s', (_, { x, W, p, W_scipy, a, ...is }) => {
  const result = shapiroWilk(x);
  if (!result.testable) throw new Error(result.sentence);

  it('has the golden coefficients', () => {
    const own = coefficients(x.length);
    expect(own).toHaveLength(a.length);
    own.forEach((value, i) => expect(Math.abs(value - a[i]!)).toBeLessThan(1e-9));
  });

  it('has the golden W and p', () => {
    expect(Math.abs(result.w - W)).toBeLessThan(1e-9);
    expect(Math.abs(result.w - W_scipy)).toBeLessThan(1e-6);
    expect(Math.abs(result.p / p - 1)).toBeLessThan(1e-6);
    expect(result.p < 0.05).toBe(is.reject_5pct);
    expect(result.n).toBe(x.length);
  });
});

/** scipy 1.17, which computes in double precision. */
it.each([
  [
    'a tangent',
    Array.from({ length: 40 }, (_, i) => Math.tan((i + 1) * 0.03)),
    0.9187750359528019,
    0.007048903245945167,
  ],
  [
    'sines and exponentials',
    Array.from({ length: 60 }, (_, i) => Math.sin((i + 1) ** 2) * 3 + Math.exp(Math.cos(i + 1))),
    0.9445041399039837,
    0.008658196907975275,
  ],
])('agrees with scipy on %s', (_, x, w, p) => {
  const result = shapiroWilk(x);
  expect(result).toMatchObject({ testable: true, approximate: false });
  if (!result.testable) return;
  expect(Math.abs(result.w - w)).toBeLessThan(1e-6);
  expect(Math.abs(result.p / p - 1)).toBeLessThan(1e-3);
});

it('does not depend on order, place or scale', () => {
  const { x, W } = cases.n10_lognormal!;
  const moved = shapiroWilk([...x].reverse().map((value) => value * -0.001 + 1e6));
  expect(moved.testable && Math.abs(moved.w - W)).toBeLessThan(1e-6);
});

it('does not test fewer than three values, or equal ones, and refuses what is no number', () => {
  expect(shapiroWilk([])).toMatchObject({ testable: false, why: 'too-few' });
  expect(shapiroWilk([1, 2])).toMatchObject({ testable: false, why: 'too-few' });
  expect(shapiroWilk([0.1, 0.1, 0.1])).toMatchObject({ testable: false, why: 'no-spread' });
  expect(() => shapiroWilk([1, 2, NaN])).toThrow('Value 3 of the sample is NaN');
});

it('says that p is a guess beyond 5000 values', () => {
  const result = shapiroWilk(Array.from({ length: 5001 }, (_, i) => i));
  expect(result).toMatchObject({ testable: true, approximate: true });
});
