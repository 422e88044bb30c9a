/**
 * How much CO2e a kWh of electricity causes, by region: 419 presets with year, source and basis, two
 * aggregates, and a figure of one's own. The table with its credits is resources/carbon-intensity.json.
 *
 * No geolocation and no network: the person chooses. An unknown code takes the world average and says
 * so. Bases differ: direct emissions leave out what lifecycle figures count, so never rank across them.
 */
import table from '../../../resources/carbon-intensity.json' with { type: 'json' };
import type { Region } from '../../contract.ts';

/** Code, name, g/kWh, year. */
type Row = [code: string, name: string, gPerKwh: number, year: number];
/** Code, name, code of the region whose value this one takes. */
type DerivedRow = [code: string, name: string, reference: string];

function load(): Map<string, Region> {
  const found = new Map<string, Region>();
  const { rows, sources } = table;

  const add = (
    kind: Region['kind'],
    list: (string | number)[][],
    { credit, licence, basis }: { credit: string; licence: string; basis: string },
  ) => {
    for (const [code, name, gPerKwh, year] of list as Row[])
      found.set(code, { code, name, kind, gPerKwh, year, source: `${credit}, ${licence}`, basis });
  };
  add('world', rows.aggregate, sources.owid);
  add('country', rows.country, sources.owid);
  add('us-state', rows['us-state'], sources.egrid);
  add('ca-province', rows['ca-province'], sources.eccc);
  add('gcp', rows.gcp, sources.gcp);

  const derive = (kind: Region['kind'], provider: string, list: string[][]) => {
    for (const [code, name, reference] of list as DerivedRow[]) {
      const value = found.get(reference);
      if (!value) throw new Error(`carbon-intensity.json: ${code} refers to ${reference}`);
      const source = `value of ${reference}, as ${provider} publishes none: ${value.source}`;
      found.set(code, { ...value, code, name, kind, source });
    }
  };
  derive('aws', 'Amazon', rows.aws);
  derive('azure', 'Microsoft', rows.azure);
  return found;
}

const byCode = load();

/** The region taken where none is chosen or known. */
export const worldAverage: Region = byCode.get('world')!;

/** World and EU averages first, then all 419 presets in order of kind and code. */
export const regions = (): Region[] => [...byCode.values()];

/** A figure typed in by the person, from a contract or a meter of their own, with its own origin. */
export const customRegion = ({
  gPerKwh,
  name,
  year,
  source,
}: {
  gPerKwh: number;
  name?: string | null;
  year?: number | null;
  source?: string | null;
}): Region => ({
  code: 'custom',
  name: name ?? 'Own figure',
  kind: 'custom',
  gPerKwh,
  year: year ?? new Date().getFullYear(),
  source: source ?? 'typed in',
  basis: 'as typed in',
});

/**
 * The region of a code, in any case of letters; null stands for no choice and takes the world average.
 * `warning` is a sentence for the banner when the code is not known, else null.
 */
export function findRegion(code: string | null): { region: Region; warning: string | null } {
  if (code === null || code === '') return { region: worldAverage, warning: null };
  const region =
    byCode.get(code) ??
    regions().find((candidate) => candidate.code.toLowerCase() === code.toLowerCase());
  if (region) return { region, warning: null };
  return {
    region: worldAverage,
    warning:
      `There is no region "${code}": emissions use the world average of ` +
      `${worldAverage.gPerKwh} g/kWh (${worldAverage.year}). Choose a region in the settings.`,
  };
}
