import { expect, test } from 'vitest';
import { figure, figureRange, share, span, spanRange } from '../../src-main/contract/figures.ts';

test('a figure has two digits, all before the point, and its unit', () => {
  expect([41.23, 0.8412, 1234, 212.4, 0, 0.00421].map((value) => figure(value, 'Wh'))).toEqual([
    '41 Wh',
    '0.84 Wh',
    '1.2 kWh',
    '212 Wh',
    '0 Wh',
    '4.2 mWh',
  ]);
  expect([0.24, 0.0123, 2480].map((value) => figure(value, 'gCO2e'))).toEqual([
    '0.24 gCO2e',
    '0.012 gCO2e',
    '2.5 kgCO2e',
  ]);
  // what rounds to a thousand is told in thousands
  expect(figure(999.9, 'W')).toBe('1.0 kW');
  expect(figure(1234.5, 'img/s')).toBe('1235 img/s');
});

test('where a person has a say, energy is in joules and the decimal mark is theirs', () => {
  const style = { energy: 'J', write: (number: string) => number.replace('.', ',') } as const;
  expect(figure(0.00093, 'Wh', 2, style)).toBe('3,3 J');
  expect(figure(41.23, 'W', 2, style)).toBe('41 W');
  expect(figureRange([0.94, 2.3], 'Wh', style)).toBe('3,4-8,3 kJ');
  expect(share(0.51, 0.5, 'Wh', style)).toBe('1,8 of 1,8 kJ');
});

test('a share is in the unit of its limit; what is not known is a dash', () => {
  expect(share(800, 2000, 'Wh')).toBe('0.80 of 2 kWh');
  expect(share(null, 500, 'Wh')).toBe('– of 500 Wh');
  expect(share(0.51, 0.5, 'Wh')).toBe('0.51 of 0.5 Wh');
  expect(share(5400, 7200, 's')).toBe('1 h 30 min of 2 h');
});

test('spans of time, and intervals of it', () => {
  expect([3, 45, 100, 600, 4200, 7200, 273_600].map(span)).toEqual([
    '3 s',
    '45 s',
    '2 min',
    '10 min',
    '1 h 10 min',
    '2 h',
    '3 d 4 h',
  ]);
  expect(spanRange([240, 299])).toBe('4-5 min');
  expect(spanRange([50.2, 69.6])).toBe('50-70 s');
  expect(spanRange([250, 260])).toBe('4 min');
  expect(spanRange([0, 0])).toBe('0 s');
  expect(spanRange([7.6, 130])).toBe('7.6 s - 2 min');
  expect(spanRange([0, 130])).toBe('0-3 min');
  expect(spanRange([6600, 7800])).toBe('1 h 50 min - 2 h 10 min');
  expect(figureRange([0.84, 0.97], 'Wh')).toBe('0.84-0.97 Wh');
  expect(figureRange([1200, 1210], 'Wh')).toBe('1.2 kWh');
});
