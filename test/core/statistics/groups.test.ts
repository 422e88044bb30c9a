import { describe, expect, it } from 'vitest';
import { compareGroups, compareToBaseline } from '../../../src-main/core/statistics/comparison.ts';
import { summariseGroup } from '../../../src-main/core/statistics/group.ts';
import { holm } from '../../../src-main/core/statistics/tests.ts';
import { golden } from '../../fixtures/golden.ts';

const { A, B, C, welch_AB, bootstrap_median } = golden<{
  A: number[];
  B: number[];
  C: number[];
  welch_AB: { p: number };
  bootstrap_median: { x: number[] };
}>('stats');
const skewed = bootstrap_median.x;
const energy = { what: 'energy', unit: 'Wh' };
const [baseline, variant] = [
  { name: 'all patches', values: A },
  { name: 'half of them', values: B },
];

describe('a group of runs', () => {
  it('is its mean and t interval where normality is not rejected', () => {
    const summary = summariseGroup(A, energy);
    expect(summary).toMatchObject({ n: 6, headline: 'mean', normality: { testable: true } });
    expect(summary.sentence).toBe(
      'Energy: 17.383 ± 0.095 Wh (mean of 6 runs with its 95 % confidence interval; median 17.370 Wh). ' +
        'Nothing speaks against a normal distribution (Shapiro-Wilk W = 0.957, p = 0.80), which 6 runs can hardly show.',
    );
  });

  it('is its median and bootstrap interval where it is', () => {
    const summary = summariseGroup(skewed, energy);
    expect(summary.headline).toBe('median');
    expect(summary.median).toBe(1.15);
    expect(summary.medianInterval!.low).toBeGreaterThan(0.7);
    expect(summary.medianInterval!.high).toBeLessThan(6.5);
    expect(summary.sentence).toContain('Energy: median 1.15 Wh, 95 % bootstrap interval 0.9');
    expect(summary.sentence).toContain(
      'not normally distributed (Shapiro-Wilk W = 0.699, p < 0.001)',
    );
  });

  it('is its runs where there are fewer than three', () => {
    expect(summariseGroup([17.3, 17.5], energy)).toMatchObject({
      mean: 17.4,
      meanInterval: null,
      medianInterval: null,
      headline: null,
      sentence: 'Energy: 17.3 and 17.5 Wh (2 runs; an interval needs 3).',
    });
    expect(summariseGroup([17.3], energy)).toMatchObject({ deviation: null, mean: 17.3 });
    expect(summariseGroup([], energy)).toMatchObject({ mean: null, median: null, deviation: null });
  });

  it('is one number where all runs agree', () => {
    expect(summariseGroup([2, 2, 2], energy)).toMatchObject({
      meanInterval: null,
      normality: { testable: false, why: 'no-spread' },
      sentence: 'Energy: 2 Wh in all 3 runs.',
    });
  });
});

describe('a variant against the baseline', () => {
  it('is tested by Welch where both look normal', () => {
    const comparison = compareGroups(baseline, variant, energy);
    expect(comparison).toMatchObject({ test: 'welch', verdict: 'less', smallestP: null });
    expect(comparison.p! / welch_AB.p).toBeCloseTo(1, 9);
    expect(comparison.adjustedP).toBe(comparison.p);
    expect(comparison.hedgesG).toBeLessThan(-20);
    expect(comparison.sentence).toBe(
      'half of them against all patches: less energy, and more than chance would explain. ' +
        'Mean energy 13.97 Wh against 17.38 Wh (19.6 % less), 95 % interval 20.4 % less to 18.8 % less ' +
        '(Welch’s t test, p < 0.001, 6 and 6 runs).',
    );
  });

  it('says more where it is more', () => {
    expect(compareGroups(variant, baseline, energy)).toMatchObject({ verdict: 'more' });
  });

  it('is tested by ranks where one does not', () => {
    const comparison = compareGroups({ name: 'skewed', values: skewed }, variant, energy);
    expect(comparison).toMatchObject({ test: 'mann-whitney', df: null, verdict: 'more' });
    expect(comparison.smallestP).toBeLessThan(0.001);
  });

  it('says that too few runs cannot show anything by ranks', () => {
    const flat = { name: 'flat', values: [5, 5, 5] };
    const comparison = compareGroups(flat, { name: 'other', values: [1, 2, 3] }, energy);
    expect(comparison).toMatchObject({ test: 'mann-whitney', verdict: 'no difference shown' });
    expect(comparison.sentence).toContain('its p is never below 0.1');
  });

  it('is not tested with two runs, though it has a size', () => {
    const few = compareGroups({ name: 'a', values: [10, 10.2] }, variant, energy);
    expect(few).toMatchObject({ test: null, p: null, adjustedP: null, verdict: 'not testable' });
    expect(few.change).toMatchObject({ interval: null });
    expect(few.sentence).toContain('that can be chance; a test needs 3 of each.');
    const none = compareGroups({ name: 'a', values: [] }, variant, energy);
    expect(none).toMatchObject({ change: null, hedgesG: null, verdict: 'not testable' });
  });

  it('is tested by pairs where runs belong together', () => {
    const before = [10, 20, 30, 40, 50];
    const after = [9.1, 18.9, 29.2, 38.8, 49];
    const [a, b] = [
      { name: 'a', values: before },
      { name: 'b', values: after },
    ];
    expect(compareGroups(a, b, energy).verdict).toBe('no difference shown');
    expect(compareGroups(a, b, { ...energy, paired: true })).toMatchObject({
      test: 'paired-t',
      df: 4,
      verdict: 'less',
    });
    expect(() =>
      compareGroups(a, { name: 'b', values: [1, 2, 3] }, { ...energy, paired: true }),
    ).toThrow('b has 3 runs and a 5 runs: pairs need a partner each');
  });

  it('says that pairs are the same where they are, and that all runs are where they are', () => {
    const of = (name: string, ...values: number[]) => ({ name, values });
    const pairs = { ...energy, paired: true };
    expect(compareGroups(of('a', 5, 6, 7), of('b', 5, 6, 7), pairs).sentence).toBe(
      'b against a: mean energy 6 Wh against 6 Wh, ' +
        'the same in every pair of runs; there is no difference to test.',
    );
    expect(compareGroups(of('a', 5, 5, 5), of('b', 5, 5, 5), pairs).sentence).toContain(
      'in every run; without any spread there is nothing to test.',
    );
  });

  it('is corrected by Holm over all variants', () => {
    const comparisons = compareToBaseline(
      baseline,
      [variant, { name: 'C', values: C }, { name: 'few', values: [1] }],
      energy,
    );
    const ps = comparisons.map(({ p }) => p);
    expect(comparisons.map(({ adjustedP }) => adjustedP)).toEqual(holm(ps));
    expect(comparisons[0]!.adjustedP).toBeGreaterThan(comparisons[0]!.p!);
    expect(ps[2]).toBeNull();
    expect(comparisons[0]!.sentence).toContain('corrected for 2 tests');
    expect(comparisons[1]!.sentence).toMatch(
      /^C against all patches: no difference in energy is shown\./,
    );
  });
});
