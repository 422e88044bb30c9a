/** The normal and Student's t distribution in double precision. */

/** Complementary error function; the relative error stays small in the far tail. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  const gauss = Math.exp(-x * x);
  if (x < 2.5) {
    // erf = 2/sqrt(pi) exp(-x²) Σ 2^k x^(2k+1) / (2k+1)!!: positive terms only, nothing cancels
    let term = x;
    let total = x;
    for (let k = 1; term > total * 1e-17; k++) {
      term *= (2 * x * x) / (2 * k + 1);
      total += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * gauss * total;
  }
  // 1 / (x + (1/2) / (x + (2/2) / (x + (3/2) / ...))), from the inside
  let fraction = x;
  for (let k = 60; k >= 1; k--) fraction = x + k / 2 / fraction;
  return gauss / (Math.sqrt(Math.PI) * fraction);
}

/** P(Z > z) of a standard normal variable. */
export const normalUpperTail = (z: number): number => erfc(z / Math.SQRT2) / 2;

/** P(|Z| > |z|). */
export const normalTwoSided = (z: number): number => erfc(Math.abs(z) / Math.SQRT2);

/**
 * Quantile of the standard normal distribution by AS 111 (Beasley and Springer 1977), as Shapiro-Wilk's AS R94
 * asks for; relative error below 1e-5.
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.42) {
    const r = q * q;
    return (
      (q * polynomial([2.50662823884, -18.61500062529, 41.39119773534, -25.44106049637], r)) /
      polynomial([1, -8.4735109309, 23.08336743743, -21.06224101826, 3.13082909833], r)
    );
  }
  const r = Math.sqrt(-Math.log(Math.min(p, 1 - p)));
  const size =
    polynomial([-2.78718931138, -2.29796479134, 4.85014127135, 2.32121276858], r) /
    polynomial([1, 3.54388924762, 1.63706781897], r);
  return q < 0 ? -size : size;
}

/** Σ c_k x^k. */
export const polynomial = (coefficients: readonly number[], x: number): number =>
  coefficients.reduceRight((value, coefficient) => value * x + coefficient, 0);

/** P(|T| > |t|) of Student's t with `df` degrees of freedom, not necessarily whole. */
export const studentTwoSided = (t: number, df: number): number =>
  incompleteBeta(df / (df + t * t), df / 2, 0.5);

/** By level and whole degrees of freedom: groups of repeats come in a few sizes. */
const quantiles = new Map<string, number>();

/** The t that is exceeded in size with probability 1 - level: 2.571 for 0.95 and 5 degrees of freedom. */
export function studentQuantile(level: number, df: number): number {
  if (!Number.isInteger(df)) return searchedQuantile(level, df);
  const key = `${level} ${df}`;
  const known = quantiles.get(key) ?? searchedQuantile(level, df);
  quantiles.set(key, known);
  return known;
}

function searchedQuantile(level: number, df: number): number {
  const outside = 1 - level;
  let high = 1;
  while (studentTwoSided(high, df) > outside) high *= 2;
  let low = 0;
  // halving gains a bit each time: 60 of them are a double's precision
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (studentTwoSided(middle, df) > outside) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Regularised incomplete beta function I_x(a, b) by its continued fraction (Lentz's method). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // the fraction converges fast on this side only
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  );
  const tiny = 1e-300;
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let factor = 1;
    for (const coefficient of [even, odd]) {
      d = 1 / away(1 + coefficient * d);
      c = away(1 + coefficient / c);
      factor *= c * d;
    }
    fraction *= factor;
    if (Math.abs(factor - 1) < 1e-15) break;
  }
  return (front * fraction) / a;
}

/** log Γ(x) for x > 0: Stirling's series, moved to where it is exact to a double. */
export function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 12; at++) shift += Math.log(at);
  const inverse = 1 / (at * at);
  const series = polynomial([1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188], inverse) / at;
  return (at - 0.5) * Math.log(at) - at + Math.log(2 * Math.PI) / 2 + series - shift;
}
