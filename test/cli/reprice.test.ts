import { describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { repriceSchema } from '../../src-main/contract.ts';
import { choiceOf } from '../../src-main/cli/commands/reprice.ts';

const choice = (line: Record<string, string>) => choiceOf((option) => line[option]);

describe('the price on a line', () => {
  it('is what the host takes', () => {
    const asked = choice({
      'g-per-kwh': '35',
      label: 'Own solar',
      year: '2025',
      source: 'contract',
      pue: '1.2',
      water: '1.8',
      embodied: '900',
      years: '4',
      hourly: 'uk',
      name: 'cleaner',
    });
    expect(v.parse(repriceSchema, asked)).toEqual({
      custom: { gPerKwh: 35, name: 'Own solar', year: 2025, source: 'contract' },
      pue: 1.2,
      waterLPerKwh: 1.8,
      embodied: { kgCO2e: 900, years: 4 },
      hourly: { provider: 'uk', zone: '' },
      name: 'cleaner',
    });
    expect(choice({ region: 'SWE', hourly: 'profile:a:b' })).toMatchObject({
      region: 'SWE',
      custom: undefined,
      hourly: { provider: 'profile', zone: 'a:b' },
    });
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ pue: 'high' }, /--pue wants a number, not "high"/],
    [{ water: ' ' }, /--water wants a number/],
    [{ label: 'x' }, /give --g-per-kwh/],
    [{ embodied: '9' }, /belong together/],
    [{ hourly: 'weather:IT' }, /--hourly wants profile, electricity-maps, uk/],
  ])('refuses %j', (line, words) => {
    expect(() => choice(line)).toThrow(words);
  });
});
