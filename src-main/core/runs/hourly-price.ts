/**
 * The price of a run that goes on: its hours are asked for when it starts, when an hour begins, and at its
 * end, and kept with it. What cannot be had costs nothing but a note: the year's figure stands in.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { wireError, type HourlyIntensity, type Pricing } from '../../contract.ts';
import { besideRegion } from '../energy/account.ts';
import type { IntensityChoice, IntensityService } from '../energy/intensity/index.ts';
import { hourMs, merged } from '../energy/intensity/steps.ts';
import type { Store } from '../store/store.ts';

/** Figures of an hour are out some minutes after its start. */
const afterMs = 5 * 60_000;
/** A service that failed is left alone for a while. */
const againMs = 15 * 60_000;
/** The end of a run waits no longer for its hours; they can be asked for later. */
const endPatienceMs = 10_000;

export interface HourlyPrice {
  readonly pricing: Pricing;
  /** Called every second; asks when an hour is new. */
  tick(): void;
  /** Everything up to now, at the end; never rejects, and gives up after some seconds. */
  settle(): Promise<void>;
}

export function hourlyPrice(
  store: Pick<Store, 'updateRun' | 'activeTimes'>,
  intensity: Pick<IntensityService, 'hours' | 'nothingYet'>,
  id: number,
  /** `earlier`: hours of the run before it was resumed. */
  start: { pricing: Pricing; choice: IntensityChoice | null; earlier: HourlyIntensity | null },
  note: (level: 'info' | 'warning', message: string) => void,
): HourlyPrice {
  const { choice } = start;
  let pricing = start.pricing;
  if (choice) {
    const blank = intensity.nothingYet(choice);
    const { earlier } = start;
    const same = earlier?.provider === blank.provider && earlier.zone === blank.zone;
    pricing = { ...pricing, hourly: same ? earlier : blank };
  }
  let next = 0;
  let busy: Promise<void> | null = null;
  const told = new Set<string>();

  const ask = async (): Promise<void> => {
    if (!choice || !pricing.hourly) return;
    try {
      const times = await store.activeTimes(id);
      // the meter's last reading lies a little back: a run that has just begun is priced too
      const until = Date.now();
      const intervals = times.map(({ from, to }, i) => ({
        from,
        to: i === times.length - 1 ? Math.max(to, until) : to,
      }));
      const { hourly, problem } = await intensity.hours(choice, intervals);
      next = problem ? Date.now() + againMs : nextHour();
      if (problem && !told.has(problem)) {
        told.add(problem);
        note('warning', `${problem} ${standIn(pricing)}`);
      }
      if (hourly.at.length === 0) return;
      pricing = { ...pricing, hourly: { ...hourly, ...merged(hourly, pricing.hourly) } };
      await store.updateRun(id, { pricing: besideRegion(pricing) });
    } catch (cause) {
      next = Date.now() + againMs;
      note(
        'warning',
        `Intensity by the hour failed: ${wireError(cause).message} ${standIn(pricing)}`,
      );
    }
  };
  const once = (): Promise<void> => (busy ??= ask().finally(() => (busy = null)));

  return {
    get pricing() {
      return pricing;
    },
    tick: () => {
      if (choice && Date.now() >= next) void once();
    },
    settle: async () => {
      if (!choice) return;
      const patience = new AbortController();
      await Promise.race([
        (async () => {
          await busy;
          await once();
        })(),
        sleep(endPatienceMs, null, { signal: patience.signal }).catch(() => {}),
      ]);
      patience.abort();
    },
  };
}

const nextHour = (): number => (Math.floor(Date.now() / hourMs) + 1) * hourMs + afterMs;

const standIn = ({ region }: Pricing): string =>
  `Emissions of those hours use ${region.gPerKwh} gCO2e/kWh, ${region.name}, ${region.year}.`;
