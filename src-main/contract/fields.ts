/** Values that several calls take, each checked in one way. */
import * as v from 'valibot';
import { plugKinds } from './calibration.ts';

export const id = v.pipe(v.number(), v.integer(), v.minValue(1));
export const byId = v.strictObject({ id });
export const tagName = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1),
  v.maxLength(60),
  v.regex(/^[^,"\n\r]+$/, 'a tag has no comma, quote or line break'),
);
export const viewName = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(100));
export const viewState = v.pipe(v.string(), v.maxLength(8000));
/** A whole matrix at once. */
export const manyIds = v.pipe(v.array(id), v.minLength(1), v.maxLength(10_000));
export const seriesNames = v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(32));
export const width = v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(8192));
export const json = v.unknown();
export const plugAddress = v.strictObject({
  kind: v.picklist(plugKinds),
  host: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(255)),
});
/** Seconds. */
export const stretch = v.pipe(v.number(), v.finite(), v.minValue(0.1), v.maxValue(3600));

export const between = (low: number, high: number) =>
  v.pipe(v.number(), v.finite(), v.minValue(low), v.maxValue(high));
export const gPerKwh = between(0, 5000);
export const pue = between(1, 5);
export const waterLPerKwh = between(0, 1000);
export const embodiedKg = between(0, 1e7);
export const embodiedYears = between(0.1, 100);
export const year = v.pipe(v.number(), v.integer(), v.minValue(1990), v.maxValue(2100));
export const shortText = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200));
export const zone = v.pipe(v.string(), v.trim(), v.maxLength(100));

export const seed = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));

export const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096), v.excludes('\0'));
export const label = v.pipe(v.string(), v.trim(), v.maxLength(200));
export const word = v.pipe(v.string(), v.maxLength(131_072), v.excludes('\0'));
export const total = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1e12));

/** A name of the caller's choice by which `jobs.cancel` breaks the call off; it fails with CANCELLED then. */
export const job = v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(64)));

export const place = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));

/** Starts what would be refused for its memory. */
export const force = v.optional(v.boolean(), false);
