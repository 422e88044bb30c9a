import { describe, expect, it } from 'vitest';
import type { ComparisonRow, RunSummary } from '../../../src-main/contract.ts';
import {
  groupRows,
  groupsOf,
  ranges,
  tradeOffOf,
  uniqueNames,
} from '../../../src-main/core/store/groups.ts';

const run = (id: number, group: string, more: Partial<RunSummary> = {}) =>
  ({
    id,
    name: `${group}, seed ${id}`,
    status: 'done',
    group,
    wh: 10 + id,
    macroF1: 0.8,
    matrix: null,
    copyOf: null,
    ...more,
  }) as RunSummary;
const row = (
  values: ComparisonRow['values'],
  group: ComparisonRow['group'] = 'energy',
): ComparisonRow => ({
  key: 'wh',
  label: 'Energy',
  unit: 'Wh',
  group,
  values,
  uncertainty: values.map(() => 0.5),
  tied: values.map(() => false),
  better: 'lower',
  differs: true,
});

describe('groups of a comparison', () => {
  it('begin with the one of the first run, and leave copies alone', () => {
    const copy = run(9, 'a', { copyOf: 1 });
    const groups = groupsOf([run(2, 'b'), run(1, 'a'), run(3, 'b'), copy]);
    expect(groups.map(({ ids }) => ids)).toEqual([[2, 3], [1], [9]]);
  });

  it('are called by arm, or by name without the seed, and by their runs where that is not enough', () => {
    const arm = { arm: 'v', armTitle: 'variance' } as RunSummary['matrix'];
    expect(
      uniqueNames([
        [run(1, 'plain'), run(2, 'plain')],
        [run(3, 'x', { matrix: arm }), run(4, 'x', { matrix: arm })],
        [run(5, 'plain', { name: 'plain' })],
        [run(6, '', { name: '' }), run(7, '', { name: '' })],
      ]),
    ).toEqual(['plain (runs 1, 2)', 'variance', 'plain (run 5)', 'runs 6, 7']);
    expect(ranges([7, 1, 3, 2, 9, 8])).toBe('1 to 3, 7 to 9');
  });

  it('have the mean and half of its t interval, from three runs on', () => {
    const runs = [run(1, 'a'), run(2, 'a'), run(3, 'a'), run(4, 'b'), run(5, 'b'), run(6, 'c')];
    const groups = groupsOf(runs);
    const [energy] = groupRows([row([10, 11, 12, 20, null, 7])], runs, groups);
    // t of 2 degrees of freedom is 4.303, the standard error 1 / sqrt(3)
    expect(energy!.values).toEqual([11, 20, 7]);
    expect(energy!.uncertainty[0]).toBeCloseTo(4.302653 / Math.sqrt(3), 5);
    // of one value there is no interval; a run on its own keeps its band
    expect(energy!.uncertainty.slice(1)).toEqual([null, 0.5]);
  });

  it('share a setting or say that it varies', () => {
    const runs = [run(1, 'a'), run(2, 'a'), run(3, 'b')];
    const rows = groupRows(
      [row([1, 2, 3], 'config'), row(['x', 'x', 'x'], 'config')],
      runs,
      groupsOf(runs),
    );
    expect(rows[0]!.values).toEqual(['varies', 3]);
    expect(rows[1]).toMatchObject({ values: ['x', 'x'], differs: false });
  });
});

describe('energy against F1', () => {
  it('is by groups that have both', () => {
    const runs = [
      run(1, 'a', { wh: 10, macroF1: 0.8 }),
      run(2, 'a', { wh: 12, macroF1: 0.82 }),
      run(3, 'a', { wh: 11, macroF1: 0.81 }),
      run(4, 'b', { wh: 20, macroF1: 0.7 }),
      run(5, 'c', { wh: null }),
      run(6, 'd', { macroF1: null }),
    ];
    const tradeOff = tradeOffOf(runs, groupsOf(runs));
    expect(tradeOff.points.map(({ name, n, standing }) => [name, n, standing])).toEqual([
      ['a', 3, 'front'],
      ['b, seed 4', 1, 'dominated'],
    ]);
    expect(tradeOff.points[0]!.whInterval!.low).toBeCloseTo(11 - 4.302653 / Math.sqrt(3), 5);
    expect(tradeOff.points[1]!.whInterval).toBeNull();
    expect(tradeOff.limitWh).toBe(20);
    expect(tradeOff.hypervolume).toBeCloseTo((9 * 0.81) / 20, 12);
  });

  it('is nothing without figures', () => {
    const runs = [run(1, 'a', { wh: null })];
    expect(tradeOffOf(runs, groupsOf(runs))).toEqual({
      points: [],
      limitWh: 0,
      hypervolume: null,
    });
  });
});
