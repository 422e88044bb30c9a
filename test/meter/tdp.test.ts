import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { matchTdp, normaliseModel, tdpTable } from '../../src-main/meter/tdp.ts';

const table = {
  'Intel Xeon E5-2620': 95,
  'Intel Xeon E5-2620 v3': 85,
  'Intel Core i7-9700K': 95,
  'AMD EPYC 7763': 280,
  'AMD Ryzen 5 5650U': 15,
  'Apple M1': 15,
  'Intel Xeon': 999,
};

describe('the processor table', () => {
  it.each([
    ['Intel(R) Core(TM) i7-9700K CPU @ 3.60GHz', 'intel core i7-9700k'],
    ['AMD EPYC 7763 64-Core Processor', 'amd epyc 7763'],
    ['AMD Ryzen 7 5700G with Radeon Graphics', 'amd ryzen 7 5700g'],
    ['AMD Ryzen 7 7840U w/ Radeon 780M Graphics', 'amd ryzen 7 7840u'],
  ])('strips %s', (brand, plain) => expect(normaliseModel(brand)).toBe(plain));

  it.each([
    ['AMD EPYC 7763 64-Core Processor', 280],
    ['Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz', 85],
    ['9th Gen Intel(R) Core(TM) i7-9700K CPU @ 3.60GHz', 95],
    ['AMD Ryzen 5 PRO 5650U with Radeon Graphics', 15],
  ])('knows %s', (brand, watts) => expect(matchTdp(table, brand)?.watts).toBe(watts));

  it.each([
    [
      'Intel(R) Xeon(R) Processor @ 2.20GHz',
      'a family is not a model, unless it is the whole name',
    ],
    ['Intel(R) Xeon(R) CPU E5-2620 v4 @ 2.10GHz', 'another generation'],
    ['Apple M1 Max', 'another chip'],
    ['AMD EPYC 7763X', 'another model'],
    ['', 'nothing'],
  ])('does not guess for "%s": %s', (brand) => {
    const models = Object.fromEntries(Object.entries(table).filter(([, watts]) => watts !== 999));
    expect(matchTdp(models, brand)).toBeNull();
  });

  it('reads the shipped table, and none where there is none', () => {
    const shipped = tdpTable(fileURLToPath(new URL('../../resources', import.meta.url)));
    expect(Object.keys(shipped).length).toBeGreaterThan(4000);
    expect(matchTdp(shipped, 'Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz')?.watts).toBe(205);
    expect(matchTdp(shipped, 'AMD EPYC 7763 64-Core Processor')?.watts).toBe(280);
    expect(tdpTable('/nowhere')).toEqual({});
  });
});
