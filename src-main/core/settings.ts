/** What the person chose, kept in the store and completed with defaults. */
import * as v from 'valibot';
import { AppError, settingsSchema, type Region, type Settings } from '../contract.ts';
import { customRegion, findRegion, worldAverage } from './energy/regions.ts';
import { metricsAddress } from './metrics/listener.ts';
import type { Store } from './store/store.ts';

export const defaultSettings: Settings = {
  metrics: null,
  region: 'world',
  customGPerKwh: null,
  theme: 'system',
  hz: 2,
  cpuTdpWatts: null,
  cpuCurve: null,
  dimms: null,
  ramMode: 'dimms',
  ramWatts: null,
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
      region: customRegion(settings.customGPerKwh, new Date().getFullYear()),
      warning: null,
    };
  return {
    region: worldAverage,
    warning: `The region is a figure of your own, but the settings have none: emissions use the world average of ${worldAverage.gPerKwh} g/kWh (${worldAverage.year}).`,
  };
}
