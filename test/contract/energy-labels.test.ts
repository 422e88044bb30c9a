import { expect, test } from 'vitest';
import {
  labelWords,
  leastCertain,
  sharesByLabel,
  withoutProgramWh,
  type Provenance,
} from '../../src-main/contract.ts';

const part = (provenance: Provenance, wh: number | null, counted = true) => ({
  provenance,
  wh,
  counted,
});

test('an energy is told by what it is made of, the best label first', () => {
  const parts = [
    part('constant', 4),
    part('modelled', 39),
    part('counted', 50),
    part('counted', 7),
  ];
  expect(labelWords(parts)).toBe('57 % counted, 39 % modelled, 4 % constant');
  const sum = sharesByLabel(parts).reduce((total, { share }) => total + share, 0);
  expect(sum).toBeCloseTo(1, 12);
});

test('what was not read or is not the run’s is no part of it', () => {
  const parts = [part('counted', 10), part('integrated', 90, false), part('modelled', null)];
  expect(labelWords(parts)).toBe('all counted');
  expect(labelWords([part('counted', null)])).toBe('');
});

test('rounding makes nothing vanish', () => {
  const parts = [part('counted', 999), part('constant', 1)];
  expect(labelWords(parts)).toBe('over 99 % counted, under 1 % constant');
});

test('of several parts, the least certain says how their sum came about', () => {
  expect(leastCertain(undefined, 'counted')).toBe('counted');
  expect(leastCertain('modelled', 'counted')).toBe('modelled');
  expect(leastCertain('counted', 'constant')).toBe('constant');
});

test('an energy without the program is known where its share is', () => {
  expect(withoutProgramWh({ wh: 2, programWh: 0.5 })).toBe(1.5);
  expect(withoutProgramWh({ wh: 2, programWh: null })).toBeNull();
});
