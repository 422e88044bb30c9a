import { describe, expect, it } from 'vitest';
import { mcnemar, mcnemarSentence } from '../../../src-main/core/statistics/index.ts';

const p = (first: number, second: number): number => {
  const test = mcnemar(first, second);
  if (!test.testable) throw new Error(test.sentence);
  return test.p;
};

describe('McNemar’s exact test', () => {
  it.each([
    // Agresti, Categorical Data Analysis, table 10.1; R: exact2x2::mcnemar.exact, p-value = 3.716e-05
    [86, 150, 3.715936139571442e-5],
    // by hand: 2 (1 + 10) / 2^10
    [1, 9, 22 / 1024],
    // 2 / 2^5 and 2 / 2^6: five images cannot show anything, six can
    [0, 5, 0.0625],
    [6, 0, 0.03125],
    // 2 (1 + 12 + 66 + 220 + 495 + 792) / 2^12
    [5, 7, 3172 / 4096],
    // in whole numbers of any length (Python's fractions)
    [121, 59, 4.434449263755176e-6],
    [5000, 5200, 0.04878796312682245],
    [40, 400, 8.42885950291833e-76],
  ])('of %i against %i is %f', (first, second, expected) => {
    expect(p(first, second) / expected).toBeCloseTo(1, 9);
    expect(p(second, first)).toBe(p(first, second));
  });

  it('is never above 1, and 1 where both sides are alike', () => {
    expect(p(3, 3)).toBe(1);
    expect(p(1, 0)).toBeCloseTo(1, 12);
    expect(p(0, 5000)).toBeLessThan(1e-300);
  });

  it('has nothing to test where no image tells the two apart', () => {
    expect(mcnemar(0, 0)).toMatchObject({ testable: false, why: 'no-spread' });
  });
});

describe('its sentence', () => {
  const pair = { first: 'plain', second: 'half', split: 'test', right: 'right', tests: 1 };
  it('says who is right where the other is wrong, and whether that is more than chance', () => {
    const counts = { both: 1700, first: 41, second: 17, neither: 242 };
    expect(mcnemarSentence({ ...pair, counts, p: p(41, 17) })).toBe(
      'Of the same 2,000 test images, plain alone is right about 41 and half alone about 17: more than ' +
        'chance would explain (McNemar’s exact test, p = 0.002).',
    );
    expect(mcnemarSentence({ ...pair, counts, p: 0.3, tests: 3 })).toMatch(
      /a difference that chance may explain \(McNemar’s exact test, Holm-corrected p = 0\.30\)\.$/,
    );
  });

  it('says so where there is nothing to test', () => {
    const counts = { both: 90, first: 0, second: 0, neither: 10 };
    expect(mcnemarSentence({ ...pair, counts, p: null })).toBe(
      'Of the same 100 test images, plain and half are right about the same 90: there is no difference to test.',
    );
  });
});
