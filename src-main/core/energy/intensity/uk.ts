/**
 * The Carbon Intensity API of Great Britain (National Energy System Operator), half-hourly, without a key.
 *
 * carbonintensity.org.uk: for all of Great Britain with estimates of what was ("actual") once it is past,
 * else the forecast; by outward postcode the forecast only. Up to 14 days at a time. It counts the
 * emissions of generation (imports and losses included), not the life cycle.
 */
import { AppError } from '../../../contract.ts';
import { baseUrl, getJson } from './http.ts';
import { isIntensity, type AboutIntensity, type IntensitySource } from './source.ts';
import { hourMs, merged, noSteps, stepsOf, type Steps } from './steps.ts';

const label = 'UK Carbon Intensity API';
const halfHourMs = hourMs / 2;
const rangeMs = 13 * 24 * hourMs;

function about(zone: string): AboutIntensity {
  const postcode = zone.toUpperCase();
  return {
    kind: 'live',
    provider: 'uk',
    zone: postcode,
    name: `${label}, ${postcode || 'Great Britain'}`,
    source:
      postcode === ''
        ? 'Carbon Intensity API of NESO, half-hourly estimates, forecasts where none was out yet'
        : 'Carbon Intensity API of NESO, half-hourly regional forecasts',
    basis: 'direct, consumption with imports and losses',
  };
}

export const ukIntensity: IntensitySource = {
  name: 'uk',
  label,
  about,
  async hours(zone, from, to) {
    const postcode = zone.toUpperCase();
    if (postcode !== '' && !/^[A-Z]{1,2}\d[A-Z\d]?$/.test(postcode))
      throw new AppError(
        'BAD_INPUT',
        `"${zone}" is no outward postcode.`,
        'Give the first part, such as EH8 or SW1A, or nothing for all of Great Britain.',
      );
    const base = baseUrl('HUGGINGGREEN_UK_INTENSITY_URL', 'https://api.carbonintensity.org.uk');
    const first = Math.floor(from / halfHourMs) * halfHourMs;
    const last = Math.ceil(to / halfHourMs) * halfHourMs;
    let steps = noSteps;
    for (let start = first; start < last; start += rangeMs) {
      const span = `intensity/${minute(start)}/${minute(Math.min(last, start + rangeMs))}`;
      const path = postcode === '' ? span : `regional/${span}/postcode/${postcode}`;
      steps = merged(
        steps,
        stepsIn(await getJson({ service: label, url: new URL(`${base}/${path}`) })),
      );
    }
    return { ...about(zone), ...steps };
  },
};

/** `2026-01-01T12:30Z` */
const minute = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16)}Z`;

interface Period {
  from?: unknown;
  intensity?: { actual?: unknown; forecast?: unknown } | null;
}

/** @throws AppError UNAVAILABLE where not one figure can be used */
function stepsIn(answer: unknown): Steps {
  // by postcode, the list is one level further down
  const { data } = (answer ?? {}) as { data?: unknown };
  const rows = Array.isArray(data) ? data : (data as { data?: unknown } | null | undefined)?.data;
  if (!Array.isArray(rows))
    throw new AppError('UNAVAILABLE', `${label} answered in a form that is not known.`);
  const found = (rows as (Period | null)[]).flatMap((row) => {
    const at = typeof row?.from === 'string' ? Date.parse(row.from) : Number.NaN;
    const value = [row?.intensity?.actual, row?.intensity?.forecast].find(isIntensity);
    return Number.isFinite(at) && value !== undefined ? [[at, value] as const] : [];
  });
  if (found.length === 0 && rows.length > 0)
    throw new AppError('UNAVAILABLE', `${label} answered without a figure that can be used.`);
  return stepsOf(new Map(found));
}
