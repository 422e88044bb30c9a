import { describe, expect, it } from 'vitest';
import {
  logGamma,
  normalQuantile,
  normalTwoSided,
  studentQuantile,
  studentTwoSided,
} from '../../../src-main/core/statistics/distributions.ts';

/** Reference values of scipy 1.17. */
const relative = (value: number, expected: number): number => Math.abs(value / expected - 1);

describe('the normal distribution', () => {
  it.each([
    [0, 1],
    [0.3, 0.7641771556220948],
    [2.4, 0.016395071849192262],
    [-3.6, 0.00031821718031506727],
    [6, 1.973175290075389e-9],
    [12, 3.552964224155306e-33],
    [30, 9.813427854295816e-198],
  ])('has p of z = %f', (z, p) => expect(relative(normalTwoSided(z), p)).toBeLessThan(1e-12));

  it.each([
    [1e-6, -4.753424308822899],
    [0.01, -2.3263478740408408],
    [0.07, -1.4757910281791706],
    [0.3, -0.5244005127080409],
    [0.93, 1.475791028179171],
  ])('has the quantile of %f', (p, z) => expect(relative(normalQuantile(p), z)).toBeLessThan(1e-5));
});

describe('Student’s t', () => {
  it.each([
    [0.1, 1, 0.936548965138893],
    [3.2, 2.7, 0.05707815584462978],
    [-50, 4, 9.57445365696969e-7],
    [1e-3, 30, 0.9992087357664851],
    [8, 300, 2.7350153901538407e-14],
  ])('has p of t = %f with %f degrees of freedom', (t, df, p) =>
    expect(relative(studentTwoSided(t, df), p)).toBeLessThan(1e-11),
  );

  it.each([
    [0.95, 5, 2.5705818356363146],
    [0.95, 1, 12.706204736174694],
    [0.99, 2.5, 7.163728138948783],
    [0.9, 200, 1.6525081009108769],
  ])('has the quantile of %f with %f degrees of freedom', (level, df, t) =>
    expect(relative(studentQuantile(level, df), t)).toBeLessThan(1e-11),
  );
});

it.each([
  [0.5, 0.5723649429247],
  [1.5, -0.12078223763524526],
  [3.2, 0.8854048271549091],
  [250.5, 1131.2840013322552],
])('log gamma of %f', (x, expected) =>
  expect(Math.abs(logGamma(x) - expected)).toBeLessThan(1e-12 * Math.max(1, expected)),
);
