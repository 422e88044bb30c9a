/** What the person chose, kept in the store and completed with defaults. */
import * as v from 'valibot';
import {
  AppError,
  settingsSchema,
  type ExperimentConfig,
  type Pricing,
  type Region,
  type Settings,
} from '../contract.ts';
import { customRegion, findRegion, worldAverage } from './energy/regions.ts';
import { metricsAddress } from './metrics/listener.ts';
import type { IntensityChoice } from './energy/intensity/index.ts';
import type { Store } from './store/store.ts';

export const defaultSettings: Settings = {
  metrics: null,
  region: 'world',
  customGPerKwh: null,
  customName: null,
  customSource: null,
  customYear: null,
  pue: 1,
  waterLPerKwh: null,
  embodiedKg: null,
  embodiedYears: null,
  hourly: null,
  hourlyZone: null,
  elsewhere: ['world', 'EU27', 'SWE', 'FRA', 'DEU', 'USA', 'CHN', 'IND'],
  servePort: null,
  theme: 'system',
  windowGpu: 'unless measured',
  numberFormat: '1,234.5',
  energyUnit: 'Wh',
  coolDownMinutes: 2,
  queueBudgetWh: null,
  queueBudgetGCO2e: null,
  queueBudgetMinutes: null,
  queueBudgetPeriod: 'month',
  queueBudgetSince: 0,
  webhook: null,
  notify: true,
  plateauEvaluations: 10,
  hz: 2,
  cpuTdpWatts: null,
  cpuCurve: null,
  dimms: null,
  ramMode: 'dimms',
  ramWatts: null,
  libreHardwareMonitor: null,
};

/** A value that an older or newer program left and that is not understood counts as not chosen. */
export async function loadSettings(store: Pick<Store, 'recall'>): Promise<Settings> {
  const { settings } = await store.recall(['settings']);
  const stored = typeof settings === 'object' && settings !== null ? settings : {};
  const known = Object.entries(stored).filter(([key, value]) => {
    const schema = settingsSchema.entries[key as keyof Settings];
    return schema !== undefined && v.is(schema, value);
  });
  return { ...defaultSettings, ...Object.fromEntries(known) };
}

/** @throws AppError BAD_INPUT when the region is not known or has no figure, or memory has no watts. */
export function checkSettings(settings: Settings): void {
  if (settings.metrics !== null) metricsAddress(settings.metrics);
  if (settings.ramMode === 'constant' && settings.ramWatts === null)
    throw new AppError('BAD_INPUT', 'Memory at a constant power needs that power in watts.');
  if (settings.region === 'custom') {
    if (settings.customGPerKwh === null)
      throw new AppError('BAD_INPUT', 'A region of your own needs its figure in gCO2e per kWh.');
    return;
  }
  const { warning } = findRegion(settings.region);
  if (warning)
    throw new AppError(
      'BAD_INPUT',
      `There is no region "${settings.region}".`,
      'Choose one of the list.',
    );
}

/** The factor that prices a run: its own region, else that of the settings. */
export function priceOf(
  region: string | null,
  settings: Settings,
): { region: Region; warning: string | null } {
  const code = region ?? settings.region;
  if (code !== 'custom') return findRegion(code);
  if (settings.customGPerKwh !== null)
    return {
      region: customRegion({
        gPerKwh: settings.customGPerKwh,
        name: settings.customName,
        year: settings.customYear,
        source: settings.customSource,
      }),
      warning: null,
    };
  return {
    region: worldAverage,
    warning: `The region is a figure of your own, but the settings have none: emissions use the world average of ${worldAverage.gPerKwh} g/kWh (${worldAverage.year}).`,
  };
}

/** How a run is priced by its config, else by the settings; hours are fetched while it runs. */
export function pricingOf(
  { energy }: Pick<ExperimentConfig, 'energy'>,
  settings: Settings,
): { pricing: Pricing; warning: string | null; hourly: IntensityChoice | null } {
  const { region, warning } = priceOf(energy.region, settings);
  const kgCO2e = energy.embodiedKg ?? settings.embodiedKg;
  const years = energy.embodiedYears ?? settings.embodiedYears;
  return {
    pricing: {
      region,
      pue: energy.pue ?? settings.pue,
      hourly: null,
      waterLPerKwh: energy.waterLPerKwh ?? settings.waterLPerKwh,
      embodied: kgCO2e === null || years === null ? null : { kgCO2e, years },
    },
    warning,
    // a region that the config names is another place than the one of the settings
    hourly:
      settings.hourly === null || energy.region !== null
        ? null
        : { provider: settings.hourly, zone: settings.hourlyZone ?? '' },
  };
}
