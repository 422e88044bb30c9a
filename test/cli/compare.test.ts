import { expect, test } from 'vitest';
import type { Comparison, ComparisonRow, RunSummary } from '../../src-main/contract.ts';
import {
  comparisonTable,
  groupTable,
  settingsText,
  warmUpsText,
} from '../../src-main/cli/commands/compare.ts';
import { runsTable } from '../../src-main/cli/text.ts';

const row = (key: string, unit: string | null, ...values: number[]): ComparisonRow => ({
  key,
  label: key,
  unit,
  group: 'result',
  values,
  uncertainty: values.map(() => null),
  banded: true,
  splits: null,
  doubts: values.map(() => null),
  better: null,
  differs: true,
});
const name = 'a vision transformer with a very long name';
const comparison: Comparison = {
  runs: [1, 2].map((id) => ({ id, name }) as RunSummary),
  rows: [
    row('macroF1', '%', 71.2, 74.9),
    row('netWh', 'Wh', 0.001, 0.5),
    row('trainMacs', null, 3_210_000_000, 1_605_000_000),
  ],
  warmUps: [],
  others: [],
  copies: [],
  groups: [1, 2].map((id) => ({ name, ids: [id] })),
  groupRows: [],
  tradeOff: { points: [], limitWh: 0, hypervolume: null },
  withoutSettings: [],
  repeats: null,
};
const lineOf = (text: string, key: string): string =>
  text.split('\n').find((line) => line.startsWith(key))!;

test('differences are in points for shares, else in the unit and in per cent where that means something', () => {
  const doubtful = { ...comparison.rows[1]!, uncertainty: [0.4, 0.4] };
  const rows = comparison.rows.with(1, doubtful);
  const text = comparisonTable({ ...comparison, rows }, false, Infinity);
  expect(lineOf(text, 'macroF1')).toMatch(/\+3\.7 points$/);
  expect(lineOf(text, 'netWh')).toMatch(/\+0\.499 Wh$/);
  expect(lineOf(text, 'trainMacs')).toMatch(/3\.21 G.*1\.60 G.*-1\.60 G \(-50\.0 %\)$/);
});

test('a setting of a selection that is off is a dash, as in the window', () => {
  const setting = (key: string, ...values: ComparisonRow['values']): ComparisonRow => ({
    ...row(key, null),
    group: 'config',
    values,
    uncertainty: values.map(() => null),
    doubts: values.map(() => null),
  });
  const rows = [setting('selection.mode', 'off', 'drop'), setting('selection.keepRatio', 0.7, 0.5)];
  const text = comparisonTable({ ...comparison, rows }, false, Infinity);
  expect(lineOf(text, 'selection.keepRatio')).toMatch(/^selection\.keepRatio +– +0\.5000$/);
});

test('a difference within the bands says so', () => {
  const change = (more: Partial<ComparisonRow>) => {
    const energy = { ...row('wh', 'Wh', 10, 10.4), better: 'lower' as const, ...more };
    return lineOf(comparisonTable({ ...comparison, rows: [energy] }, false, Infinity), 'wh');
  };
  expect(change({})).toMatch(/\+0\.400 Wh \(\+4\.0 %\)$/);
  expect(change({ values: [10, 10], uncertainty: [0, 0] })).toMatch(/ 10 +10 +the same$/);
  expect(change({ doubts: [null, 'within the bands'] })).toMatch(/%\), within the uncertainty$/);
  expect(change({ doubts: [null, 'no band'] })).toMatch(/%\), uncertainty not known$/);
  const splits: ComparisonRow['splits'] = ['test', 'validation'];
  expect(change({ doubts: [null, 'other split'], splits })).toMatch(
    /10\.40 +validation against test$/,
  );
});

test('what no run has is left out, and runs without settings are counted', () => {
  const nothing = { ...row('wallWh', 'Wh'), values: [null, null], uncertainty: [null, null] };
  const rows = [...comparison.rows, nothing];
  expect(comparisonTable({ ...comparison, rows }, true, Infinity)).not.toContain('wallWh');
  expect(settingsText(comparison)).toBeNull();
  expect(settingsText({ ...comparison, withoutSettings: [2] })).toMatch(/^1 run has no settings/);
});

test('names are whole where there is room and shortened where there is not', () => {
  expect(comparisonTable(comparison, false, Infinity)).toContain(`1 ${name}`);
  const [head, rule] = comparisonTable(comparison, false, 80).split('\n');
  expect(rule!.length).toBeLessThanOrEqual(80);
  expect(head).toContain('1 a vision tran');
  expect(head).toContain('…');
});

test('a list marks scores of validation and says what the mark is', () => {
  const run = (id: number, f1Split: RunSummary['f1Split']) =>
    ({ id, name: `run ${id}`, status: 'done', dataset: 'd', selection: '', f1Split, macroF1: 0.8 + id / 100 }) as RunSummary; // prettier-ignore
  const both = runsTable([run(1, 'test'), run(2, 'validation')]);
  expect(both).toMatch(/ 0\.810 {3}/);
  expect(both).toMatch(/ 0\.820 v /);
  expect(both).toMatch(/\n\nMacro F1 with a v: of the last validation/);
  expect(runsTable([run(1, 'test')])).not.toContain('validation');
});

test('warm-ups that were left out are named', () => {
  const text = warmUpsText({ ...comparison, warmUps: [{ id: 3, name: 'cold' }] });
  expect(text).toBe('Left out as a warm-up, which counts for nothing: 3 cold.');
});

test('repeats share a column, and many groups are lines', () => {
  const grouped = {
    ...comparison,
    groups: [
      { name: 'plain', ids: [1, 2, 3] },
      { name: 'half', ids: [4] },
    ],
    groupRows: [{ ...row('wh', 'Wh', 20, 15), uncertainty: [0.4, null] }],
  };
  const [head, , line] = groupTable(grouped, false, Infinity).split('\n');
  expect(head).toMatch(/plain \(3\) +4 half/);
  expect(line).toMatch(/^wh \(Wh\) +20 ± 0\.40? +15 +-5\.00 Wh \(-25\.0 %\)$/);

  const many = {
    ...grouped,
    groups: Array.from({ length: 7 }, (_, i) => ({
      name: `arm ${i}`,
      ids: [3 * i, 3 * i + 1, 3 * i + 2],
    })),
    groupRows: [row('wh', 'Wh', 20, 15, 10, 12, 13, 14, 21)],
  };
  const lines = groupTable(many, false, Infinity).split('\n');
  expect(lines[0]).toMatch(/^group +runs +wh \(Wh\)/);
  expect(lines.filter((text) => text.startsWith('arm '))).toHaveLength(7);
  expect(lines.find((text) => text.startsWith('arm 6'))).toMatch(
    /3 \(18 to 20\) +21 +\+1\.00 Wh \(\+5\.0 %\)$/,
  );
});
