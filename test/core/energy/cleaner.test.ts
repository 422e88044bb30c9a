import { describe, expect, it } from 'vitest';
import { cleanerStart } from '../../../src-main/core/energy/intensity/cleaner.ts';
import { createIntensity } from '../../../src-main/core/energy/intensity/index.ts';
import { hourMs, stepsOf } from '../../../src-main/core/energy/intensity/steps.ts';
import { openScene } from '../store/scene.ts';

const midnight = Date.UTC(2026, 0, 31);
/** 300 by day, 100 from two to four in the night, hour by hour for two days. */
const night = stepsOf(
  Array.from({ length: 48 }, (_, i) => [
    midnight + i * hourMs,
    [2, 3].includes(i % 24) ? 100 : 300,
  ]),
);
const run = { seconds: 3600, wh: 1000, pue: 1.2 };

describe('a cleaner start', () => {
  it('is the full hour of the next day at which the same energy emits least', () => {
    const now = midnight + 20.5 * hourMs;
    expect(cleanerStart(night, now, run)).toEqual({
      at: midnight + 26 * hourMs,
      gCO2e: expect.closeTo(120, 9),
      nowGCO2e: expect.closeTo(360, 9),
    });
    // of four hours two are clean, whichever of three starts is taken: the first
    expect(cleanerStart(night, now, { ...run, seconds: 4 * 3600 })).toEqual({
      at: midnight + 24 * hourMs,
      gCO2e: expect.closeTo(240, 9),
      nowGCO2e: expect.closeTo(360, 9),
    });
  });

  it('is none where it saves less than a tenth, or where the hours of now are not known', () => {
    expect(cleanerStart(night, midnight + 2 * hourMs, run)).toBeNull();
    // two clean hours in thirty save less
    expect(cleanerStart(night, midnight + hourMs, { ...run, seconds: 20 * 3600 })).toBeNull();
    expect(cleanerStart(night, midnight - hourMs, run)).toBeNull();
    expect(cleanerStart(stepsOf([]), midnight, run)).toBeNull();
  });

  it('looks no further than what is known', () => {
    const short = { at: night.at.slice(0, 26), gPerKwh: night.gPerKwh.slice(0, 26) };
    expect(cleanerStart(short, midnight + 20 * hourMs, run)).toBeNull();
  });
});

it('a day of the local clock is known ahead; a profile that is not there is a problem, no failure', async () => {
  const intensity = createIntensity(await openScene());
  const day = Array.from({ length: 24 }, (_, hour) => `${hour},${hour < 6 ? 100 : 300}`).join('\n');
  await intensity.importProfile('office.csv', day);
  const choice = { provider: 'profile', zone: 'office.csv' } as const;
  const noon = new Date(2026, 0, 31, 12).getTime();
  const { hourly, problem } = await intensity.ahead(choice, noon, noon + 26 * hourMs);
  expect(problem).toBeNull();
  expect(hourly.name).toBe('profile office.csv');
  expect(cleanerStart(hourly, noon, run)?.at).toBe(new Date(2026, 1, 1, 0).getTime());
  expect(await intensity.ahead({ ...choice, zone: 'none' }, noon, noon + hourMs)).toMatchObject({
    hourly: { at: [] },
    problem: 'There is no profile "none".',
  });
});
