import { describe, expect, it } from 'vitest';
import { medianInterval } from '../../../src-main/core/statistics/bootstrap.ts';
import {
  cohenD,
  hedgesG,
  relativeChange,
  runsPerGroup,
} from '../../../src-main/core/statistics/effects.ts';
import type { Outcome } from '../../../src-main/core/statistics/outcome.ts';
import { median } from '../../../src-main/core/statistics/sample.ts';
import {
  holm,
  mannWhitney,
  meanInterval,
  pairedT,
  smallestMannWhitneyP,
  smallestSignedRankP,
  welch,
  wilcoxonSignedRank,
} from '../../../src-main/core/statistics/tests.ts';
import { golden } from '../../fixtures/golden.ts';

interface Welch {
  t: number;
  df: number;
  p: number;
}
interface Ranks {
  U: number;
  p: number;
}
const expected = golden<{
  A: number[];
  B: number[];
  C: number[];
  welch_AB: Welch;
  welch_AC: Welch;
  welch_BC: Welch;
  mwu_AB_exact: Ranks;
  mwu_AC_asymptotic_continuity: Ranks;
  holm: { raw: number[]; adjusted: number[] };
  cohen_d_AB: number;
  hedges_g_AB: number;
  bootstrap_median: { x: number[]; resamples: number; median: number; ci95_percentile: number[] };
  mean_ci95_t: { x: number[]; mean: number; half: number };
}>('stats');
const { A, B, C } = expected;

/** The result, or the reason why there is none as an error. */
function result<Result>(outcome: Outcome<Result>): Result {
  if (!outcome.testable) throw new Error(outcome.sentence);
  return outcome;
}

const close = (value: number, wanted: number, tolerance = 1e-9): void =>
  expect(Math.abs(value / wanted - 1)).toBeLessThan(tolerance);

/** p of U by listing every split of the values: twice the smaller tail. */
function mannWhitneyByOrders(a: readonly number[], b: readonly number[]): number {
  const all = [...a, ...b];
  const uOf = (low: readonly number[], high: readonly number[]): number =>
    low
      .flatMap((x) => high.map((y) => (x > y ? 1 : x === y ? 0.5 : 0)))
      .reduce<number>((total, pair) => total + pair, 0);
  const splits = Array.from({ length: 2 ** all.length }, (_, bits) =>
    all.map((_, i) => (bits >> i) & 1),
  ).filter((marks) => marks.filter(Boolean).length === a.length);
  return twiceSmallerTail(
    splits.map((marks) =>
      uOf(
        all.filter((_, i) => marks[i] === 1),
        all.filter((_, i) => marks[i] === 0),
      ),
    ),
    uOf(a, b),
  );
}

/** p of the signed ranks by listing all signs. */
function signedRankByOrders(differences: readonly number[]): number {
  const sizes = differences.filter((one) => one !== 0).map(Math.abs);
  const rankOf = (size: number): number =>
    sizes.filter((other) => other < size).length +
    (sizes.filter((other) => other === size).length + 1) / 2;
  const sumOf = (positive: (i: number) => boolean): number =>
    sizes.reduce((total, size, i) => total + (positive(i) ? rankOf(size) : 0), 0);
  const signs = differences.filter((one) => one !== 0);
  return twiceSmallerTail(
    Array.from({ length: 2 ** sizes.length }, (_, bits) => sumOf((i) => ((bits >> i) & 1) === 1)),
    sumOf((i) => signs[i]! > 0),
  );
}

const twiceSmallerTail = (all: readonly number[], found: number): number =>
  Math.min(
    1,
    (2 *
      Math.min(
        all.filter((one) => one >= found).length,
        all.filter((one) => one <= found).length,
      )) /
      all.length,
  );

describe('golden', () => {
  it.each([
    ['A and B', A, B, expected.welch_AB],
    ['A and C', A, C, expected.welch_AC],
    ['B and C', B, C, expected.welch_BC],
  ])('Welch of %s', (_, a, b, { t, df, p }) => {
    const test = result(welch(a, b));
    close(test.t, t);
    close(test.df, df);
    close(test.p, p);
  });

  it('Mann-Whitney, exact and by the normal approximation', () => {
    const exact = result(mannWhitney(A, B));
    expect(exact).toMatchObject({ statistic: expected.mwu_AB_exact.U, exact: true });
    close(exact.p, expected.mwu_AB_exact.p);
    const normal = result(mannWhitney(A, C, 'normal'));
    expect(normal).toMatchObject({
      statistic: expected.mwu_AC_asymptotic_continuity.U,
      exact: false,
    });
    close(normal.p, expected.mwu_AC_asymptotic_continuity.p);
  });

  it('Holm', () => {
    holm(expected.holm.raw).forEach((p, i) => close(p, expected.holm.adjusted[i]!));
  });

  it('effect sizes', () => {
    close(result(cohenD(A, B)).d, expected.cohen_d_AB);
    close(result(hedgesG(A, B)).g, expected.hedges_g_AB);
  });

  it('the bootstrap interval of a median, with its stream', () => {
    const { x, resamples, ci95_percentile, ...of } = expected.bootstrap_median;
    const { low, high } = medianInterval(x, { resamples, seed: 1 });
    expect(median(x)).toBe(of.median);
    expect([low, high]).toEqual(ci95_percentile);
  });

  it('the t interval of a mean', () => {
    const { x, mean, half } = expected.mean_ci95_t;
    const { low, high } = result(meanInterval(x));
    close((low + high) / 2, mean);
    close((high - low) / 2, half);
  });

  it('runs per group', () => {
    const table = golden<{ runs_per_group: Record<string, number | string> }>('primitives');
    const cases = Object.entries(table.runs_per_group).flatMap(([key, runs]) => {
      const found = /^cv([\d.]+)_delta([\d.]+)$/.exec(key);
      return found ? [[Number(found[1]), Number(found[2]), runs] as const] : [];
    });
    expect(cases).toHaveLength(12);
    for (const [cv, delta, runs] of cases) expect(runsPerGroup(cv, delta)).toBe(runs);
    expect(() => runsPerGroup(0.01, 0)).toThrow('a difference above 0');
  });
});

describe('against scipy 1.17', () => {
  const withTies = [
    [1, 2, 2, 3, 5, 8, 8, 9],
    [2, 3, 3, 4, 4, 6, 7, 1],
  ] as const;

  it('paired t', () => {
    const test = result(pairedT(A, C));
    close(test.t, 0.8210708272559517);
    close(test.p, 0.4489680994035864);
  });

  it('Mann-Whitney exactly, and with ties', () => {
    close(result(mannWhitney(A, C)).p, 0.3939393939393939);
    const tied = result(mannWhitney(...withTies, 'normal'));
    expect(tied).toMatchObject({ statistic: 36.5, exact: false });
    close(tied.p, 0.6719133202306243);
  });

  it('Wilcoxon exactly, and with ties', () => {
    const exact = result(wilcoxonSignedRank(A, C));
    expect(exact).toMatchObject({ statistic: 15, exact: true });
    close(exact.p, 0.4375);
    const tied = result(wilcoxonSignedRank(...withTies, 'normal'));
    expect(tied).toMatchObject({ statistic: 22, exact: false });
    close(tied.p, 0.6082476524171389);
  });
});

describe('properties', () => {
  it('tests of b against a mirror those of a against b', () => {
    expect(result(welch(B, A)).t).toBe(-result(welch(A, B)).t);
    expect(result(mannWhitney(B, C)).p).toBeCloseTo(result(mannWhitney(C, B)).p, 12);
    expect(result(mannWhitney(B, C)).statistic + result(mannWhitney(C, B)).statistic).toBe(36);
    expect(result(hedgesG(B, A)).g).toBe(-result(hedgesG(A, B)).g);
  });

  it('no exact rank test is below the smallest p', () => {
    for (const [n, m] of [
      [3, 3],
      [3, 5],
      [5, 5],
    ] as const) {
      const low = Array.from({ length: n }, (_, i) => i);
      const high = Array.from({ length: m }, (_, i) => 100 + i);
      expect(result(mannWhitney(low, high)).p).toBeCloseTo(smallestMannWhitneyP(n, m), 12);
    }
    expect(smallestMannWhitneyP(3, 3)).toBeCloseTo(0.1, 12);
    expect(result(wilcoxonSignedRank([1, 2, 3], [0, 0, 0])).p).toBe(smallestSignedRankP(3));
  });

  it('few runs with ties are counted over all orders', () => {
    const three = result(mannWhitney([60, 60, 60], [61, 61, 61]));
    expect(three).toMatchObject({ statistic: 0, exact: true });
    close(three.p, 0.1);
    const pairs = result(wilcoxonSignedRank([2, 3, 4, 5, 6], [1, 2, 3, 4, 5]));
    expect(pairs).toMatchObject({ statistic: 15, exact: true });
    close(pairs.p, 0.0625);
    // every order one by one: those as extreme or more, on the fuller of both sides
    for (const [a, b] of [
      [
        [1, 2, 2],
        [2, 3, 3, 4],
      ],
      [
        [5, 5, 1, 7],
        [5, 2, 1],
      ],
      [
        [3, 3, 3, 3, 1],
        [3, 3, 2, 9, 9],
      ],
    ]) {
      close(result(mannWhitney(a!, b!)).p, mannWhitneyByOrders(a!, b!));
      close(result(mannWhitney(b!, a!)).p, mannWhitneyByOrders(a!, b!));
    }
    for (const differences of [
      [1, 1, -1, 2],
      [0, 2, 2, 2, -1, 3],
      [-4, -4, -4, 1, 1, 2, 2],
    ]) {
      const zeros = differences.map(() => 0);
      close(result(wilcoxonSignedRank(differences, zeros)).p, signedRankByOrders(differences));
    }
  });

  it('no rank test is below the smallest p, whatever the ties', () => {
    for (let n = 1; n <= 12; n++) {
      for (const m of [1, 2, n, 60, 210]) {
        const low = new Array<number>(n).fill(60);
        const high = new Array<number>(m).fill(61);
        for (const test of [mannWhitney(low, high), mannWhitney(high, low)])
          expect(result(test).p).toBeGreaterThanOrEqual(smallestMannWhitneyP(n, m) * (1 - 1e-12));
      }
      for (const pairs of [n, 5 * n]) {
        const test = wilcoxonSignedRank(new Array(pairs).fill(1), new Array(pairs).fill(0));
        expect(result(test).p).toBeGreaterThanOrEqual(smallestSignedRankP(pairs) * (1 - 1e-12));
      }
    }
  });

  it('Holm keeps the order, never lowers a p and leaves untestable ones out', () => {
    const raw = [0.04, null, 0.01, 0.03, 0.9];
    // 4 x 0.01; 3 x 0.03; 2 x 0.04 = 0.08 is below 0.09, its predecessor; 1 x 0.9
    expect(holm(raw).map((p) => p && Number(p.toFixed(9)))).toEqual([0.09, null, 0.04, 0.09, 0.9]);
    expect(holm([0.6, 0.7])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });

  it('a relative change is of the means, its interval around it and the same every time', () => {
    const change = result(relativeChange(A, B));
    close(change.change, 83.85 / 104.3 - 1);
    expect(change.interval!.low).toBeLessThan(change.change);
    expect(change.interval!.high).toBeGreaterThan(change.change);
    expect(result(relativeChange(A, B))).toEqual(change);
    expect(result(relativeChange(A, B, { seed: 2 })).interval).not.toEqual(change.interval);
    expect(result(relativeChange([1, 2], [3])).interval).toBeNull();
  });

  it('pairs that move together have a narrower interval than groups', () => {
    const before = [10, 20, 30, 40, 50];
    const after = before.map((value, i) => value * 0.9 + i * 0.01);
    const paired = result(relativeChange(before, after, { paired: true })).interval!;
    const apart = result(relativeChange(before, after)).interval!;
    expect(paired.high - paired.low).toBeLessThan((apart.high - apart.low) / 10);
  });
});

describe('what cannot be tested says so', () => {
  it.each([
    ['welch, one value', welch([1], [1, 2]), 'too-few'],
    ['welch, no spread', welch([2, 2, 2], [1, 1, 1]), 'no-spread'],
    ['paired, other lengths', pairedT([1, 2, 3], [1, 2]), 'unpaired'],
    ['paired, equal differences', pairedT([1, 2, 3], [0, 1, 2]), 'no-spread'],
    ['ranks, nothing', mannWhitney([], [1]), 'too-few'],
    ['ranks, all equal', mannWhitney([1, 1], [1, 1, 1]), 'no-spread'],
    ['signed ranks, no difference', wilcoxonSignedRank([1, 2], [1, 2]), 'no-spread'],
    ['signed ranks, other lengths', wilcoxonSignedRank([1], []), 'unpaired'],
    ['interval of one', meanInterval([1]), 'too-few'],
    ['effect of one', hedgesG([1], [2]), 'too-few'],
    ['effect without spread', hedgesG([1, 1], [2, 2]), 'no-spread'],
    ['change from 0', relativeChange([0, 0, 0], [1, 2, 3]), 'no-ratio'],
    ['change from nothing', relativeChange([], [1]), 'too-few'],
  ])('%s', (_, outcome, why) => {
    expect(outcome).toMatchObject({ testable: false, why });
    expect((outcome as { sentence: string }).sentence).toMatch(/\.$/);
  });
});
