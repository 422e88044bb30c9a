/** Other prices for joules that were measured once: copies of runs, and hours that were not known yet. */
import { AppError, type Pricing, type RepriceChoice, type RunDetail } from '../../contract.ts';
import { besideRegion } from '../energy/account.ts';
import type { IntensityService } from '../energy/intensity/index.ts';
import { covers, merged } from '../energy/intensity/steps.ts';
import { customRegion, findRegion } from '../energy/regions.ts';
import type { Store } from '../store/store.ts';

type Parts = { store: Store; intensity: Pick<IntensityService, 'hours'> };

/**
 * Makes a copy of a run that is over, with the same joules at another price.
 * @returns its id
 * @throws AppError NOT_FOUND, CONFLICT while it runs, BAD_INPUT for a price that cannot be
 */
export async function repriceRun(
  { store, intensity }: Parts,
  id: number,
  choice: RepriceChoice,
): Promise<number> {
  const { name } = await store.getSummary(id);
  const present = await store.pricingOf(id);
  if (!present) throw new AppError('CONFLICT', `Run ${id} has no price yet: it never started.`);
  const asked = Object.entries(choice).some(
    ([key, value]) => key !== 'name' && value !== undefined,
  );
  if (!asked)
    throw new AppError(
      'BAD_INPUT',
      'The new price is the one that the run has.',
      'Give another region, PUE, or anything else of the price.',
    );
  const region = chosenRegion(choice) ?? present.region;
  const pricing: Pricing = {
    region,
    pue: choice.pue ?? present.pue,
    hourly: await hoursFor({ store, intensity }, id, choice, present),
    waterLPerKwh: choice.waterLPerKwh === undefined ? present.waterLPerKwh : choice.waterLPerKwh,
    embodied: choice.embodied === undefined ? present.embodied : choice.embodied,
  };
  const where = pricing.hourly?.name ?? region.name;
  return store.copyRun(id, choice.name ?? `${name} priced for ${where}`.slice(0, 200), pricing);
}

function chosenRegion({ region: code, custom }: RepriceChoice) {
  if (code !== undefined && code !== 'custom' && custom)
    throw new AppError('BAD_INPUT', `Either the region ${code} or a figure of your own, not both.`);
  if (custom) return customRegion(custom);
  if (code === undefined) return null;
  if (code === 'custom')
    throw new AppError('BAD_INPUT', 'A region of your own needs its figure in gCO2e per kWh.');
  const { region, warning } = findRegion(code);
  if (warning || code === '')
    throw new AppError('BAD_INPUT', `There is no region "${code}".`, 'Choose one of the list.');
  return region;
}

/** @throws AppError UNAVAILABLE where not one hour is known: a price asked for by the hour has hours */
async function hoursFor(
  { store, intensity }: Parts,
  id: number,
  { hourly, region, custom }: RepriceChoice,
  present: Pricing,
): Promise<Pricing['hourly']> {
  if (hourly === null) return null;
  if (hourly === undefined) return region === undefined && !custom ? present.hourly : null;
  const times = await store.activeTimes(id);
  if (times.length === 0)
    throw new AppError(
      'CONFLICT',
      `Run ${id} has no times of its own: it cannot be priced by the hour.`,
    );
  const found = await intensity.hours(hourly, times);
  if (found.hourly.at.length === 0)
    throw new AppError(
      'UNAVAILABLE',
      `No hour of run ${id} has a figure. ${found.problem ?? ''}`.trim(),
    );
  return found.hourly;
}

/**
 * Asks for the hours that a run lacks which was to be priced by the hour. Those that it has stay.
 * @throws AppError CONFLICT where there is nothing to ask for, UNAVAILABLE where nothing new was found
 */
export async function fetchHours({ store, intensity }: Parts, id: number): Promise<RunDetail> {
  const { status } = await store.getSummary(id);
  if (['queued', 'baseline', 'running', 'stopping'].includes(status))
    throw new AppError('CONFLICT', `Run ${id} is ${status}: it asks for its hours by itself.`);
  const pricing = await store.pricingOf(id);
  if (!pricing?.hourly)
    throw new AppError(
      'CONFLICT',
      `Run ${id} is priced by the figure of a year, and keeps it.`,
      'A copy of it can be priced by the hour: price it anew.',
    );
  const { hourly } = pricing;
  const times = await store.activeTimes(id);
  const lacking = times.filter(({ from, to }) => !covers(hourly, from, to));
  if (lacking.length === 0)
    throw new AppError('CONFLICT', `Run ${id} has the figure of every one of its hours.`);
  const { provider, zone } = hourly;
  const found = await intensity.hours({ provider, zone }, lacking);
  const all = merged(hourly, found.hourly);
  if (all.at.length === hourly.at.length)
    throw new AppError(
      'UNAVAILABLE',
      `No further hour of run ${id} has a figure. ${found.problem ?? ''}`.trim(),
    );
  await store.updateRun(id, {
    pricing: besideRegion({ ...pricing, hourly: { ...found.hourly, ...all } }),
  });
  return store.getRun(id);
}
