import { expect, test } from 'vitest';
import { regionCode } from '../../src-main/cli/region.ts';

test('a region is told by its code or its name, in any case of letters', () => {
  expect(['ITA', 'ita', 'Italy', 'italy', 'EU27', 'custom', 'us-ca'].map(regionCode)).toEqual([
    'ITA',
    'ITA',
    'ITA',
    'ITA',
    'EU27',
    'custom',
    'US-CA',
  ]);
});

test('what is none is refused with those that may be meant and the ways to write one', () => {
  expect(() => regionCode('Itly')).toThrow(
    /no region "Itly"; near are ITA \(Italy\)\.\nGive a code/,
  );
  expect(() => regionCode('kingdom')).toThrow(/GBR \(United Kingdom\)/);
  expect(() => regionCode('Atlantis')).toThrow(/no region "Atlantis"\.\nGive a code or a name/);
});

test('a name of two regions is not guessed', () => {
  expect(() => regionCode('Georgia')).toThrow('GEO (Georgia), US-GA (Georgia). Give the code.');
});
