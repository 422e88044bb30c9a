import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { licences, licencesFile, licencesText, mayShip } from '../../src-main/cli/licences.ts';

test('the about page names exactly what is in the program (npm run licences)', async () => {
  expect(await readFile(licencesFile, 'utf8')).toBe(await licencesText());
});

test('every package may be shipped', async () => {
  const found = await licences();
  expect(found.filter(({ licence }) => !mayShip(licence))).toEqual([]);
  expect(found.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'electron',
      'better-sqlite3',
      'chart.js',
      'svelte',
      '@img/sharp-libvips-*',
    ]),
  );
});

test('an expression is taken apart', () => {
  expect(mayShip('(MIT OR GPL-3.0)')).toBe(true);
  expect(mayShip('MIT AND GPL-3.0')).toBe(false);
  expect(mayShip('unknown')).toBe(false);
});
