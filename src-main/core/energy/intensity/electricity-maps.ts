/**
 * Electricity Maps, with the user's own key. Life-cycle, flow-traced consumption mix by the hour.
 *
 * API v3 (portal.electricitymaps.com/docs): `history` has the last 24 hours and is part of the free plan,
 * `past-range` takes up to 10 days at a time, `latest` has the present hour, `forecast` the next 24 or more
 * (not in the free plan).
 */
import { AppError } from '../../../contract.ts';
import { baseUrl, getJson } from './http.ts';
import { isIntensity, type AboutIntensity, type IntensitySource } from './source.ts';
import { hourMs, merged, noSteps, stepsOf, valueAt, type Steps } from './steps.ts';

const label = 'Electricity Maps';
const dayMs = 24 * hourMs;
const rangeMs = 10 * dayMs;

/** @param key asked for at every request; null where the user has given none */
export function electricityMaps(key: () => Promise<string | null>): IntensitySource {
  const ask = async (path: string, query: Record<string, string>): Promise<unknown> => {
    const token = await key();
    if (token === null)
      throw new AppError(
        'UNAVAILABLE',
        `${label} needs a key of your own, and there is none.`,
        'Get one at electricitymaps.com and enter it in the settings.',
      );
    const base = baseUrl('HUGGINGGREEN_ELECTRICITY_MAPS_URL', 'https://api.electricitymap.org/v3');
    return getJson({
      service: label,
      url: new URL(`${base}/carbon-intensity/${path}?${new URLSearchParams(query).toString()}`),
      headers: { 'auth-token': token },
      onRefusal: 'Check the key in the settings, and that its plan includes this zone.',
    });
  };

  const recent = async (zone: string, to: number): Promise<Steps> => {
    const history = stepsIn(await ask('history', { zone }), 'history');
    if (valueAt(history, to - 1) !== null) return history;
    // the present hour may be in no history yet
    const latest = await ask('latest', { zone }).then(
      (answer) => stepsIn([answer], null),
      () => noSteps,
    );
    return merged(latest, history);
  };

  const past = async (zone: string, from: number, to: number): Promise<Steps> => {
    let steps = noSteps;
    for (let start = from; start < to; start += rangeMs) {
      const end = Math.min(to, start + rangeMs);
      const query = { zone, start: iso(start), end: iso(end) };
      steps = merged(steps, stepsIn(await ask('past-range', query), 'data'));
    }
    return steps;
  };

  const about = (zone: string): AboutIntensity => ({
    kind: 'live',
    provider: 'electricity-maps',
    zone,
    name: `${label}, ${zone}`,
    source: 'Electricity Maps API v3, carbon intensity by the hour, estimates included',
    basis: 'lifecycle, consumption mix',
  });

  return {
    name: 'electricity-maps',
    label,
    about,
    async hours(zone, from, to) {
      if (!/^[A-Za-z0-9-]{2,32}$/.test(zone))
        throw new AppError(
          'BAD_INPUT',
          `"${zone}" is no zone of ${label}.`,
          'Zones look like DE, DK-DK1 or US-CAL-CISO; app.electricitymaps.com shows them.',
        );
      const start = Math.floor(from / hourMs) * hourMs;
      const end = Math.ceil(to / hourMs) * hourMs;
      // the last 23 hours are surely in the history
      const steps =
        start >= Date.now() - dayMs + hourMs
          ? await recent(zone, to)
          : await past(zone, start, end);
      return { ...about(zone), ...steps };
    },
    async ahead(zone) {
      return { ...about(zone), ...stepsIn(await ask('forecast', { zone }), 'forecast') };
    },
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** @throws AppError UNAVAILABLE where not one figure can be used */
function stepsIn(answer: unknown, list: 'history' | 'data' | 'forecast' | null): Steps {
  const rows: unknown = list === null ? answer : (answer as Record<string, unknown> | null)?.[list];
  if (!Array.isArray(rows))
    throw new AppError('UNAVAILABLE', `${label} answered in a form that is not known.`);
  const found = (rows as unknown[]).flatMap((row) => {
    const { datetime, carbonIntensity } = (row ?? {}) as Record<string, unknown>;
    const at = typeof datetime === 'string' ? Date.parse(datetime) : Number.NaN;
    return Number.isFinite(at) && isIntensity(carbonIntensity)
      ? [[at, carbonIntensity] as const]
      : [];
  });
  if (found.length === 0 && rows.length > 0)
    throw new AppError('UNAVAILABLE', `${label} answered without a figure that can be used.`);
  return stepsOf(new Map(found));
}
