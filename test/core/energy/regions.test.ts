import { describe, expect, it } from 'vitest';
import { findRegion, regions } from '../../../src-main/core/energy/regions.ts';

describe('regions', () => {
  it('has all 419 presets and two aggregates, each complete', () => {
    const all = regions();
    const count = (kind: string) => all.filter((region) => region.kind === kind).length;
    expect(all).toHaveLength(421);
    expect(
      Object.fromEntries([...new Set(all.map((r) => r.kind))].map((k) => [k, count(k)])),
    ).toEqual({
      world: 2,
      country: 214,
      'us-state': 51,
      'ca-province': 13,
      gcp: 44,
      aws: 38,
      azure: 59,
    });
    expect(new Set(all.map((region) => region.code)).size).toBe(421);
    for (const region of all) {
      expect(region.gPerKwh, region.code).toBeGreaterThan(0);
      expect(region.year, region.code).toBeGreaterThan(2008);
      expect(region.source && region.basis && region.name, region.code).toBeTruthy();
    }
  });

  it.each([
    ['ITA', 284.78, 2025, 'lifecycle'],
    ['FRA', 41.44, 2025, 'lifecycle'],
    ['NOR', 28.11, 2025, 'lifecycle'],
    ['world', 458.29, 2025, 'lifecycle'],
    ['EU27', 209.9, 2025, 'lifecycle'],
    ['US-CA', 179.1, 2023, 'direct'],
    ['CA-QC', 2.6, 2024, 'direct'],
    ['gcp:europe-west8', 201.69, 2024, 'published by the provider'],
    ['aws:eu-west-1', 256.54, 2025, 'lifecycle'],
    ['azure:westus3', 312.6, 2023, 'direct'],
  ])('%s is %f g/kWh (%i)', (code, gPerKwh, year, basis) => {
    expect(findRegion(code)).toEqual({
      region: expect.objectContaining({
        code,
        gPerKwh,
        year,
        basis: expect.stringContaining(basis),
      }),
      warning: null,
    });
  });

  it('names the region that a cloud region takes its value from', () => {
    expect(findRegion('azure:westus3').region.source).toMatch(/US-AZ.*Microsoft.*eGRID/);
  });

  it('takes the world average for an unknown region and says so', () => {
    const { region, warning } = findRegion('Atlantis');
    expect(region.code).toBe('world');
    expect(warning).toContain('"Atlantis"');
    expect(findRegion(null)).toMatchObject({ region: { code: 'world' }, warning: null });
    expect(findRegion('ita').region.name).toBe('Italy');
  });
});
