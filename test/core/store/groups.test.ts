import { describe, expect, it } from 'vitest';
import type { ComparisonRow, RunSummary } from '../../../src-main/contract.ts';
import type { Split } from '../../../src-main/core/statistics/index.ts';
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
    uncertaintyWh: 1,
    f1Split: 'test',
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
  banded: group === 'energy',
  splits: null,
  doubts: values.map(() => null),
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
    const [energy] = groupRows([row([10, 11, 12, 20, null, 7])], runs, groups, []);
    // t of 2 degrees of freedom is 4.303, the standard error 1 / sqrt(3); the sensor's 0.5 stays
    expect(energy!.values).toEqual([11, 20, 7]);
    expect(energy!.uncertainty[0]).toBeCloseTo(Math.hypot(0.5, 4.302653 / Math.sqrt(3)), 5);
    // of one value there is no interval, and its band stays, as that of a run on its own
    expect(energy!.uncertainty.slice(1)).toEqual([0.5, 0.5]);
  });

  it('of two runs keep the band of their sensor, and are judged by it', () => {
    const runs = [run(1, 'a'), run(2, 'b'), run(3, 'b')];
    const wide = { ...row([10, 14, 16]), uncertainty: [4, 6, 6] };
    const [energy] = groupRows([wide], runs, groupsOf(runs), []);
    // half of their range is 1
    expect(energy!.uncertainty[1]).toBeCloseTo(Math.hypot(6, 1), 12);
    expect(energy!.doubts).toEqual([null, 'within the bands']);
    // a band that is not known of one of them is not known of both
    const unknown = { ...wide, uncertainty: [0.1, 0.1, null] };
    const [row2] = groupRows([unknown], runs, groupsOf(runs), []);
    expect(row2!.uncertainty[1]).toBeNull();
    expect(row2!.doubts).toEqual([null, 'no band']);
    // what has no band of its own has none below three runs
    const bare = { ...row([1, 2, 3]), banded: false, uncertainty: [null, null, null] };
    expect(groupRows([bare], runs, groupsOf(runs), [])[0]!.doubts).toEqual([null, 'no band']);
  });

  it('have scores of one split, which are not judged against those of another', () => {
    const runs = [run(1, 'a'), run(2, 'b'), run(3, 'b')];
    const f1 = { ...row([80, 60, 90]), splits: ['validation', 'validation', 'test'] as Split[] };
    const [scores] = groupRows([f1], runs, groupsOf(runs), []);
    expect(scores).toMatchObject({
      values: [80, 90],
      splits: ['validation', 'test'],
      doubts: [null, 'other split'],
    });
  });

  it('without settings differ from nothing in them', () => {
    const runs = [run(1, 'a'), run(2, 'b'), run(3, 'c')];
    const differing = (values: ComparisonRow['values']) =>
      groupRows([row(values, 'config')], runs, groupsOf(runs), [2])[0]!.differs;
    expect(differing([0.1, null, 0.1])).toBe(false);
    expect(differing([0.1, null, 0.2])).toBe(true);
  });

  it('share a setting or say that it varies', () => {
    const runs = [run(1, 'a'), run(2, 'a'), run(3, 'b')];
    const rows = groupRows(
      [row([1, 2, 3], 'config'), row(['x', 'x', 'x'], 'config')],
      runs,
      groupsOf(runs),
      [],
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
    const tradeOff = tradeOffOf(
      runs,
      groupsOf(runs),
      runs.map(() => 0.01),
    );
    expect(tradeOff.points.map(({ name, n, standing }) => [name, n, standing])).toEqual([
      ['a', 3, 'front'],
      ['b, seed 4', 1, 'dominated'],
    ]);
    const half = Math.hypot(1, 4.302653 / Math.sqrt(3));
    expect(tradeOff.points[0]!.whInterval!.low).toBeCloseTo(11 - half, 5);
    expect(tradeOff.points[1]!.whInterval).toEqual({ low: 19, high: 21 });
    expect(tradeOff.limitWh).toBe(20);
    expect(tradeOff.hypervolume).toBeCloseTo((9 * 0.81) / 20, 12);
  });

  it('decides nothing within the bands, without them, or between splits', () => {
    const standing = (more: Partial<RunSummary>, f1Band: number | null = 0.01) => {
      const runs = [run(1, 'a', { wh: 10, macroF1: 0.8 }), run(2, 'b', { wh: 20, macroF1: 0.7, ...more })]; // prettier-ignore
      return tradeOffOf(runs, groupsOf(runs), [0.01, f1Band]).points[1]!.standing;
    };
    expect(standing({})).toBe('dominated');
    expect(standing({ uncertaintyWh: 12 })).toBe('possibly dominated');
    expect(standing({ uncertaintyWh: null })).toBe('possibly dominated');
    expect(standing({}, null)).toBe('possibly dominated');
    expect(standing({ f1Split: 'validation' })).toBe('front');
  });

  it('is nothing without figures', () => {
    const runs = [run(1, 'a', { wh: null })];
    expect(tradeOffOf(runs, groupsOf(runs), [null])).toEqual({
      points: [],
      limitWh: 0,
      hypervolume: null,
    });
  });
});
