import { expect, it } from 'vitest';
import { matrixResults, resultsText } from '../../src-main/cli/matrix-results.ts';
import type { RunSummary } from '../../src-main/contract.ts';

let next = 1;
const run = (arm: string, seed: number, wh: number | null, more: Partial<RunSummary> = {}) =>
  ({
    id: next++,
    status: 'done',
    seed,
    wh,
    macroF1: 0.6 + 0.01 * seed + (arm === 'base' ? 0 : 0.001 * seed * seed),
    seconds: 10,
    matrix: {
      group: '1',
      arm,
      armTitle: arm,
      baseline: arm === 'base' ? null : 'base',
      repeat: seed,
      warmUp: false,
    },
    ...more,
  }) as RunSummary;
const arm = (name: string, ...wh: number[]) => wh.map((one, i) => run(name, i + 1, one));

const base = arm('base', 17.34, 17.31, 17.52, 17.28);
const half = arm('half', 13.9, 14.2, 13.7, 14.0);
const failed = { status: 'failed' } as const;

it('an arm that failed takes no other arm with it', () => {
  const third = [1, 2, 3, 4].map((seed) => run('third', seed, null, { ...failed, macroF1: null }));
  const quarter = arm('quarter', 9.1, 9.3, 9.2);
  const results = matrixResults([...base, ...half, ...third, ...quarter]);
  const { comparisons, notCompared } = results;
  expect(comparisons.map(({ variant, what, n }) => [variant, what, n.variant, n.baseline])).toEqual(
    [
      ['half', 'energy', 4, 4],
      ['quarter', 'energy', 3, 3],
      ['half', 'macro F1', 4, 4],
      ['quarter', 'macro F1', 3, 3],
    ],
  );
  // one correction over the four tests
  expect(comparisons[0]!.sentence).toContain('corrected for 4 tests');
  expect(notCompared).toEqual([
    'third against base: energy not compared, no seed has a figure in both.',
    'third against base: macro F1 not compared, no seed has a figure in both.',
  ]);
  expect(resultsText(results)).toContain(notCompared[0]);
});

it('pairs are of one seed, whatever the order of the runs', () => {
  const [energy] = matrixResults([...base, ...half.slice(1).reverse()]).comparisons;
  expect(energy).toMatchObject({ n: { baseline: 3, variant: 3 }, test: 'paired-t' });
  expect(energy!.change!.change).toBeCloseTo((14.2 + 13.7 + 14.0) / (17.31 + 17.52 + 17.28) - 1, 9);
});

it('without runs of the baseline it says so', () => {
  expect(matrixResults(half)).toMatchObject({
    comparisons: [],
    notCompared: [
      'half: energy not compared, its baseline was not run.',
      'half: macro F1 not compared, its baseline was not run.',
    ],
  });
});
