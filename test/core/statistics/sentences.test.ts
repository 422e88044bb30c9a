import { describe, expect, it } from 'vitest';
import {
  compareAll,
  hypervolume,
  verdictsOf,
  type Family,
} from '../../../src-main/core/statistics/index.ts';
import { hedgesG, pooledVariation } from '../../../src-main/core/statistics/effects.ts';
import { golden } from '../../fixtures/golden.ts';

const energy = { what: 'energy', unit: 'Wh' };
const f1 = { what: 'macro F1', unit: 'points' };
const plain = [17.34, 17.31, 17.52, 17.28, 17.4];
const variance = [14.1, 14.3, 14.2, 14.0, 14.4];
const family = (
  before: number[],
  after: number[],
  options: Family['options'],
  variant = 'Variance selection',
): Family => ({
  baseline: { name: 'plain', values: before },
  variants: [{ name: variant, values: after }],
  options,
});
const told = (...families: Family[]) => verdictsOf(compareAll(families)).map((one) => one.sentence);

describe('a sentence to quote', () => {
  it('says how much less, how sure, and that the score did not differ', () => {
    const [sentence] = told(
      family(plain, variance, { ...energy, paired: true }),
      family([71, 72, 70.5, 71.5, 71.2], [71.3, 71.7, 70.9, 71.2, 71.3], { ...f1, paired: true }),
    );
    expect(sentence).toMatch(
      /^Variance selection used 18 % less energy than plain \(95 % interval 18 to 19 % less; 5 paired runs; Holm-corrected p < 0\.001\); macro F1 did not differ detectably \(0\.\d+ points (less|more); 95 % interval 0\.\d+ points less to 0\.\d+ points more; 5 paired runs; Holm-corrected p = 0\.\d+\)\.$/,
    );
  });

  it('says more, and a better score in points', () => {
    const [sentence] = told(
      family(variance, plain, energy),
      family([70, 71, 70.5, 70.2], [73, 74, 73.4, 73.1], f1),
    );
    expect(sentence).toMatch(
      /^Variance selection used 22 % more energy than plain \(95 % interval 2\d to 2\d % more; 5 and 5 runs; Holm-corrected p < 0\.001\); it reached 3 points more macro F1 \(95 % interval 2\.\d to 3\.\d points more; 4 and 4 runs; Holm-corrected p < 0\.001\)\.$/,
    );
  });

  it('begins with the pair where energy did not differ', () => {
    const [sentence] = told(family([10, 12, 11], [10.5, 11.7, 11.2], energy));
    expect(sentence).toMatch(
      /^Variance selection against plain: energy did not differ detectably \(1\.2 % more; 95 % interval \d+(\.\d)? % less to \d+(\.\d)? % more; 3 and 3 runs; p = 0\.\d+\)\.$/,
    );
  });

  it('says that ranks of so few runs can show nothing', () => {
    const [sentence] = told(family([5, 5, 5], [1, 2, 3], energy));
    expect(sentence).toContain('; with so few runs p is never below 0.1)');
  });

  it('says what is not testable, and how many runs would be', () => {
    expect(told(family([10], [8], energy))).toEqual([
      'Variance selection against plain: energy was 20 % less, not testable with 1 and 1 run (a test takes 3 of each).',
    ]);
    // a spread of 5 % and a difference of 5 %: 17 of each (method H.5)
    const [sentence] = told(family([95, 105], [90.25, 99.75], energy));
    expect(sentence).toMatch(/about \d\d of each would show a difference of this size/);
    expect(told(family(plain, [], energy))).toEqual([
      'Variance selection against plain: no energy to compare.',
    ]);
    expect(told(family([2, 2, 2], [2, 2, 2], energy))[0]).toContain(
      'energy was the same, nothing to test',
    );
    expect(told(family([2, 2, 2], [1, 1, 1], energy))[0]).toContain('50 % less');
  });

  it('tells variants without repeats together, and tests them apart from those with', () => {
    const alone = ['a', 'b', 'c', 'd', 'e'].map((name) => family(plain, [15], energy, name));
    const verdicts = verdictsOf(compareAll([family(plain, variance, energy), ...alone]));
    expect(verdicts.map(({ variants }) => variants)).toEqual([
      ['Variance selection'],
      ['a', 'b', 'c', 'd', 'e'],
    ]);
    // one test only: nothing to correct for
    expect(verdicts[0]!.sentence).not.toContain('Holm');
    expect(verdicts[1]!.sentence).toBe(
      'Not testable against plain: a, b, c and 2 more. A test takes 3 runs of each side.',
    );
  });
});

describe('sizes', () => {
  it('the interval of an effect holds it, and is narrower with more runs', () => {
    const few = hedgesG([1, 2, 3], [2, 3, 4]);
    const many = hedgesG([1, 2, 3, 1, 2, 3], [2, 3, 4, 2, 3, 4]);
    if (!few.testable || !many.testable) throw new Error('no effect');
    expect(few.interval.low).toBeLessThan(few.g);
    expect(few.interval.high).toBeGreaterThan(few.g);
    const width = ({ low, high }: { low: number; high: number }) => high - low;
    expect(width(many.interval)).toBeLessThan(width(few.interval));
    // sqrt(6 / 9 + 0.8^2 / 12) x 1.96: g is 0.8 = -1 (1 - 3 / 15)
    expect(few.g).toBeCloseTo(-0.8, 12);
    expect(width(few.interval) / 2).toBeCloseTo(1.959964 * Math.sqrt(6 / 9 + 0.64 / 12), 5);
  });

  it('variation is pooled over groups by their freedom, and null where there is none', () => {
    expect(pooledVariation([[9, 10, 11], [20]])).toBeCloseTo(0.1, 12);
    expect(
      pooledVariation([
        [9, 10, 11],
        [19, 21],
      ]),
    ).toBeCloseTo(Math.sqrt((2 * 0.01 + 1 * (2 / 400)) / 3), 12);
    expect(pooledVariation([[1], [2]])).toBeNull();
    expect(pooledVariation([[-1, 1]])).toBeNull();
  });
});

describe('the hypervolume', () => {
  const { points } = golden<{ points: { kwh: number; f1: number }[] }>('tradeoff');

  it('is the area under the stairs of the front', () => {
    // 0.45 to 0.5 at 0.74, then 0.86 up to 1.05
    const area = (0.05 * 0.74 + 0.55 * 0.86) / 1.05;
    expect(hypervolume(points, { kwh: 1.05, f1: 0 })).toBeCloseTo(area, 12);
  });

  it('does not grow by what is dominated, grows by what is not, and ends at 1', () => {
    const limit = { kwh: 2, f1: 0 };
    const before = hypervolume(points, limit)!;
    expect(hypervolume([...points, { kwh: 0.6, f1: 0.5 }], limit)).toBe(before);
    expect(hypervolume([...points, { kwh: 0.6, f1: 0.9 }], limit)).toBeGreaterThan(before);
    expect(hypervolume([{ kwh: 0, f1: 1 }], limit)).toBe(1);
    expect(hypervolume([{ kwh: 3, f1: 1 }], limit)).toBe(0);
    expect(hypervolume([], { kwh: 0, f1: 0 })).toBeNull();
  });
});
