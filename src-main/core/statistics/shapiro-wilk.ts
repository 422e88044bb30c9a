/**
 * The Shapiro-Wilk test of normality by Royston's AS R94 (Applied Statistics 44, 1995; method H.3).
 *
 * A p above 0.05 does not show that values are normal: with five runs the test hardly ever rejects anything.
 */
import { normalQuantile, normalUpperTail, polynomial } from './distributions.ts';
import { notTestable, type Outcome } from './outcome.ts';
import { ascending, mean, medianOfSorted, requireFinite, sum } from './sample.ts';

export interface ShapiroWilk {
  /** Near 1 for values in a straight line on normal probability paper. */
  w: number;
  p: number;
  n: number;
  /** True above 5000 values, beyond the range p was fitted in. */
  approximate: boolean;
}

export function shapiroWilk(values: readonly number[]): Outcome<ShapiroWilk> {
  requireFinite(values);
  const n = values.length;
  if (n < 3)
    return notTestable('too-few', `Normality cannot be tested with ${n} values; 3 are needed.`);
  const sorted = ascending(values);
  // what is common to all values costs digits of the small differences that matter
  const middle = medianOfSorted(sorted);
  const x = sorted.map((value) => value - middle);
  if (x[0] === x.at(-1))
    return notTestable('no-spread', 'Normality cannot be tested: all values are equal.');

  const a = coefficients(n);
  const centre = mean(x);
  const projected = sum(a.map((weight, i) => weight * (x[n - 1 - i]! - x[i]!)));
  const w = Math.min(1, projected ** 2 / sum(x.map((value) => (value - centre) ** 2)));
  return { testable: true, w, p: probability(w, n), n, approximate: n > 5000 };
}

/** Weights of the differences between the largest and the smallest, the second largest and smallest, ... */
export function coefficients(n: number): number[] {
  if (n === 3) return [Math.SQRT1_2];
  const m = Array.from({ length: n >> 1 }, (_, i) => normalQuantile((i + 1 - 3 / 8) / (n + 1 / 4)));
  const [m1, m2] = m as [number, number];
  const squares = 2 * sum(m.map((value) => value * value));
  const u = 1 / Math.sqrt(n);
  const first =
    polynomial([0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056], u) -
    m1 / Math.sqrt(squares);
  if (n <= 5) {
    const phi = (squares - 2 * m1 ** 2) / (1 - 2 * first ** 2);
    return [first, ...m.slice(1).map((value) => -value / Math.sqrt(phi))];
  }
  const second =
    polynomial([0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633], u) -
    m2 / Math.sqrt(squares);
  const phi = (squares - 2 * m1 ** 2 - 2 * m2 ** 2) / (1 - 2 * first ** 2 - 2 * second ** 2);
  return [first, second, ...m.slice(2).map((value) => -value / Math.sqrt(phi))];
}

function probability(w: number, n: number): number {
  if (n === 3) return Math.max(0, 1 - (6 / Math.PI) * Math.acos(Math.sqrt(w)));
  const logOff = Math.log(1 - w);
  if (n <= 11) {
    const gamma = -2.273 + 0.459 * n;
    if (logOff >= gamma) return 1e-19;
    const mu = polynomial([0.544, -0.39978, 0.025054, -0.0006714], n);
    const sigma = Math.exp(polynomial([1.3822, -0.77857, 0.062767, -0.0020322], n));
    return normalUpperTail((-Math.log(gamma - logOff) - mu) / sigma);
  }
  const logN = Math.log(n);
  const mu = polynomial([-1.5861, -0.31082, -0.083751, 0.0038915], logN);
  const sigma = Math.exp(polynomial([-0.4803, -0.082676, 0.0030302], logN));
  return normalUpperTail((logOff - mu) / sigma);
}
