import { afterEach, describe, expect, it } from 'vitest';
import { xAxes } from '../../src-renderer/lib/chart/axes.ts';
import {
  meaningfulRows,
  quotientHalfWidth,
  scoreHalfWidth,
  splitsCaution,
} from '../../src-main/contract.ts';
import { plainTick } from '../../src-renderer/lib/chart/plot.ts';
import { readNumber } from '../../src-renderer/lib/form/fields.ts';
import {
  comparisonCaution,
  comparisonCaveat,
  comparisonSentences,
  quotable,
} from '../../src-renderer/lib/format/comparison.ts';
import { drive } from '../../src-renderer/lib/format/equivalent.ts';
import {
  bytes,
  asTyped,
  compact,
  count,
  amountOn,
  difference,
  fixed,
  memory,
  quantity,
  pointsOf,
  scaled,
  setNumberStyle,
  significant,
  siScale,
} from '../../src-renderer/lib/format/number.ts';
import { duration, durationRange, shortMoment } from '../../src-renderer/lib/format/time.ts';
import { runColour, runDash } from '../../src-renderer/lib/format/words.ts';
import { reportOf, stories, summaryOfStory } from '../mocks/link.ts';

describe('numbers', () => {
  it('show the digits that their uncertainty allows, and always a unit', () => {
    expect(quantity(12.4132, 'Wh', 0.612)).toBe('12.4 ± 0.6 Wh');
    expect(quantity(1.5712, 'Wh', 0.1304)).toBe('1.57 ± 0.13 Wh');
    expect(quantity(1234, 'Wh', 61)).toBe('1.23 ± 0.06 kWh');
    expect(quantity(41.23, 'W')).toBe('41.2 W');
    expect(quantity(0, 'W')).toBe('0 W');
    expect(quantity(187, 'gCO2e/kWh')).toBe('187 gCO2e/kWh');
    expect(scaled(-0.000189, { factor: 1, unit: 'Wh' }, 1.4)).toBe('0.0 ± 1.4');
    expect(scaled(1e-13, { factor: 1, unit: 'Wh' })).toBe('0');
  });

  it('never show a missing value as a number', () => {
    for (const value of [null, undefined, NaN, Infinity]) {
      expect(quantity(value, 'Wh')).toBe('–');
      expect(significant(value)).toBe('–');
      expect(count(value)).toBe('–');
      expect(bytes(value)).toBe('–');
    }
  });

  it('choose one prefix for a column, by its largest value', () => {
    const scale = siScale([2400, 31, null], 'Wh');
    expect(scale.unit).toBe('kWh');
    expect(scaled(31, scale)).toBe('0.0310');
    expect(siScale([0.24], 'gCO2e').unit).toBe('gCO2e');
    expect(siScale([0.0123], 'Wh').unit).toBe('mWh');
    expect(siScale([null], 'Wh').unit).toBe('Wh');
    expect(siScale([5000], '%').unit).toBe('%');
  });

  it('shorten large counts and sizes', () => {
    expect(compact(256_608)).toBe('257 k');
    expect(compact(1_810_000_000_000)).toBe('1.81 T');
    expect(compact(64)).toBe('64');
    expect(memory(24 * 2 ** 30)).toBe('24 GiB');
    expect(memory(2 ** 20)).toBe('1 MiB');
    expect(bytes(170_052_171)).toBe('170 MB');
    expect(bytes(1000)).toBe('1 kB');
    expect(bytes(0)).toBe('0 B');
  });

  it('show two digits of a value at least, in whatever band', () => {
    const wh = { factor: 1, unit: 'Wh' };
    expect(scaled(0.477, wh, 0.366)).toBe('0.48 ± 0.37');
    expect(scaled(0.436, wh, 0.335)).toBe('0.44 ± 0.34');
    expect(scaled(83.2, wh, 2.3)).toBe('83 ± 2');
    expect(scaled(4.2, wh, 30)).toBe('4.2 ± 30.0');
  });

  it('tell differences in words with their direction and worth', () => {
    const energy = { better: 'lower' as const, amount: amountOn({ factor: 1000, unit: 'mWh' }) };
    expect(difference(0.015, 0.012, energy)).toMatchObject({
      text: '3.0 mWh less (20 %)',
      verdict: 'better',
    });
    expect(difference(2.24, 3.5, energy)).toMatchObject({ share: '56 %', verdict: 'worse' });
    expect(
      difference(0.896, 0.881, { better: 'higher', points: true, amount: pointsOf(100) }),
    ).toMatchObject({ text: '1.5 points less', verdict: 'worse' });
    expect(difference(1, 4, energy)?.share).toBe('4.0 times as much');
    expect(difference(7, 7, energy)).toMatchObject({ text: 'the same', verdict: 'same' });
    expect(difference(7, 8, { ...energy, better: null })?.verdict).toBeNull();
    expect(difference(1000, 1000.4, energy)?.share).toBe('< 0.1 %');
    expect(difference(null, 2, energy)).toBeNull();
    // a baseline that may as well be nothing is no measure
    expect(difference(0, 0.002, energy)?.text).toBe('2.0 mWh more');
    expect(difference(0.001, 0.003, { ...energy, band: 0.002 })?.text).toBe('2.0 mWh more');
  });
});

describe('the style of numbers', () => {
  afterEach(() => setNumberStyle('1,234.5', 'Wh'));

  it.each([
    ['1 234.5', '12\u202f345.6'],
    ['1.234,5', '12.345,6'],
    ['1 234,5', '12\u202f345,6'],
  ] as const)('is the person’s: %s', (format, written) => {
    setNumberStyle(format, 'Wh');
    expect(fixed(12_345.6, 1)).toBe(written);
    expect(plainTick(0.25)).toBe(format.includes(',5') ? '0,25' : '0.25');
  });

  it('takes the comma that it writes, and nothing that could be read in two ways', () => {
    expect(readNumber('0,5', true)).toBe('0,5');
    setNumberStyle('1.234,5', 'Wh');
    expect(readNumber('0,5', true)).toBe(0.5);
    expect(readNumber('0.5', true)).toBe(0.5);
    expect(readNumber('1.234,5', true)).toBe(1234.5);
    expect(readNumber('3.000', true)).toBe(3000);
    // no thousand begins with 0, and no group has two digits
    expect(readNumber('0.002', true)).toBe(0.002);
    expect(readNumber('1.25', true)).toBe(1.25);
    expect(readNumber('1.2345,6', true)).toBe('1.2345,6');
    expect([asTyped(1234.5), asTyped(0.002)]).toEqual(['1234,5', '0,002']);
  });

  it('tells emissions as a drive, by a source, and nothing where there is nothing', () => {
    expect(drive(497)).toContain('over 2.0 km (249 g CO2 per km');
    expect(drive(0.5)).toContain('over 2.0 m ');
    expect(drive(0)).toBeNull();
    expect(drive(null)).toBeNull();
  });

  it('shows energy in joules where that is asked for, and nothing else', () => {
    setNumberStyle('1,234.5', 'J');
    expect(quantity(1, 'Wh')).toBe('3.60 kJ');
    expect(quantity(0.001, 'Wh')).toBe('3.60 J');
    expect(quantity(12, 'Wh', 0.6)).toBe('43 ± 2 kJ');
    expect(quantity(41, 'W')).toBe('41.0 W');
    expect(siScale([], 'Wh')).toEqual({ factor: 3600, unit: 'J' });
    expect(xAxes.wh.title).toBe('Energy used (J)');
    expect(xAxes.wh.format(2)).toBe('7200');
    // ticks at round joules
    const step = xAxes.wh.step!(10) * 3600;
    expect(step).toBeCloseTo(5000, 6);
  });
});

describe('times', () => {
  it('are written as people say them', () => {
    expect(duration(0.84)).toBe('0.84 s');
    expect(duration(62)).toBe('1 min 02 s');
    expect(duration(6600)).toBe('1 h 50 min');
    expect(duration(60 * 3600 * 5)).toBe('12 d 12 h');
    expect(duration(null)).toBe('–');
  });

  it('as intervals share their unit', () => {
    expect(durationRange(31, 38)).toBe('31–38 s');
    expect(durationRange(240, 299)).toBe('4–5 min');
    expect(durationRange(6000, 7200)).toBe('1 h 40 min – 2 h 00 min');
    expect(durationRange(-3, 1)).toBe('0–1 s');
  });

  it('leave out the day that is today', () => {
    const now = new Date(2026, 10, 22, 21, 44).getTime();
    expect(shortMoment(now - 60_000, now)).toBe('21:43');
    expect(shortMoment(now - 86_400_000, now)).toContain('21 Nov');
  });
});

describe('uncertainty', () => {
  it('of a score shrinks with the root of the images', () => {
    expect(scoreHalfWidth(0.9, 1000)).toBeCloseTo(1.96 * Math.sqrt(0.09 / 1000), 12);
    expect(scoreHalfWidth(0.9, null)).toBeNull();
    expect(scoreHalfWidth(null, 100)).toBeNull();
    // no or all images right leave a doubt as well
    expect(scoreHalfWidth(1, 100)).toBe(0.03);
  });

  it('of a quotient adds relative widths in squares', () => {
    expect(quotientHalfWidth([90, 3], [2, 0.2])).toBeCloseTo(45 * Math.hypot(1 / 30, 0.1), 12);
    expect(quotientHalfWidth([90, null], [2, 0.2])).toBeNull();
    expect(quotientHalfWidth([90, 1], [0, 1])).toBeNull();
  });
});

describe('runs in words', () => {
  const [plain, drop] = stories().map(summaryOfStory);

  it('come down to one sentence against the baseline', () => {
    const comparison = reportOf([1, 2]).comparison!;
    expect(comparisonSentences(comparison)).toEqual([
      'Against Example: plain ViT, Example: keep 50 % of patches used 1.3 Wh less energy (36 %) and reached 1.5 points less macro F1 (within the uncertainty).',
    ]);
    const unknown = comparison.rows.map((row) => ({ ...row, values: row.values.map(() => null) }));
    expect(comparisonSentences({ ...comparison, rows: unknown })).toEqual([]);
  });

  it('judge no score of validation against one of the test', () => {
    const comparison = reportOf([1, 2]).comparison!;
    const rows = comparison.rows.map((row) =>
      row.key === 'macroF1'
        ? { ...row, splits: ['test' as const, 'validation' as const], doubts: [null, 'other split' as const] } // prettier-ignore
        : row,
    );
    const [sentence] = comparisonSentences({ ...comparison, rows });
    expect(sentence).toMatch(/has a macro F1 not to compare \(validation against test\)\.$/);
    const [tested, validated] = [plain!, { ...drop!, f1Split: 'validation' as const }];
    expect(splitsCaution([tested, validated])).toMatch(/^Scores of Example: keep 50 % of patches/);
    expect(splitsCaution([tested, drop!])).toBeNull();
    expect(splitsCaution([validated, validated])).toBeNull();
  });

  it('say what they leave open', () => {
    const [first, second] = reportOf([1, 2]).runs.map(({ detail }) => detail);
    const caveat = comparisonCaveat([first!, second!]);
    expect(caveat).toMatch(/^One run of each/);
    expect(caveat).toContain('RAM energy is constant');
    const sameGroup = { ...second!, summary: { ...second!.summary, group: first!.summary.group } };
    expect(comparisonCaveat([first!, sameGroup])).toMatch(/tell differences from chance/);
    expect(comparisonCaveat([])).toBeNull();
  });

  it('a report quotes run against run, and the tests where there are repeats', () => {
    const single = reportOf([1, 2]).comparison!;
    expect(quotable(single)).toEqual([expect.stringMatching(/^Against .* Wh less energy/)]);
    const repeated = reportOf([1, 2, 3, 4]).comparison!;
    expect(quotable(repeated)).toEqual(repeated.repeats!.verdicts.map(({ sentence }) => sentence));
    expect(quotable(repeated)[0]).toContain('not testable with 2 and 2 runs');
  });

  it('are called unlike where dataset, model, machine or origin differ', () => {
    const [first, second] = reportOf([1, 2]).runs.map(({ detail }) => detail);
    expect(comparisonCaution([first!, second!])).toBeNull();
    const other = structuredClone(second!);
    other.config!.dataset = { kind: 'cifar10', path: null };
    other.summary.parameters = 7;
    expect(comparisonCaution([first!, other])).toBe(
      'These runs differ in dataset and model size: the comparison is not like for like.',
    );
    const imported = { ...second!, summary: { ...second!.summary, status: 'imported' as const } };
    expect(comparisonCaution([first!, imported])).toContain('origin');
    expect(comparisonCaution([imported, imported])).toMatch(/^These runs are imported/);
  });

  it('list no options of a selection that is off', () => {
    const { comparison } = reportOf([1, 2]);
    const ratio = (row: { key: string }) => row.key === 'selection.keepRatio';
    expect(comparison!.rows.find(ratio)!.values).toEqual([0.7, 0.5]);
    expect(meaningfulRows(comparison!).find(ratio)!.values).toEqual([null, 0.5]);
    expect(meaningfulRows(reportOf([1, 3]).comparison!).find(ratio)).toBeUndefined();
  });

  it('keep a colour and a dash by their id', () => {
    const looks = Array.from({ length: 8 }, (_, i) => `${runColour(i + 1)} ${runDash(i + 1)}`);
    expect(new Set(looks).size).toBe(8);
    expect(runColour(9)).toBe(runColour(1));
  });
});
