/** What a run took, and what that means: energy by component, emissions, prices. */
import * as v from 'valibot';
import type { ComponentKind, Provenance } from '../meter/messages.ts';
import {
  embodiedKg,
  embodiedYears,
  gPerKwh,
  pue,
  shortText,
  waterLPerKwh,
  year,
  zone,
} from './fields.ts';
import { type HourlyIntensity, intensityProviders } from './intensity.ts';

export interface Region {
  code: string;
  name: string;
  kind: 'world' | 'country' | 'us-state' | 'ca-province' | 'gcp' | 'aws' | 'azure' | 'custom';
  gPerKwh: number;
  year: number;
  source: string;
  basis: string;
}

export interface ComponentEnergy {
  key: string;
  kind: ComponentKind;
  name: string;
  source: string;
  provenance: Provenance;
  /** One line: what is read and how. */
  method: string;
  /** Energy without PUE; null where nothing was read. */
  wh: number | null;
  /** Energy over time. */
  meanWatts: number | null;
  uncertaintyWh: number | null;
  /** Share of the time with readings, 0..1; null where an imported file does not say. */
  coverage: number | null;
  /** Stretches without readings; null where that was not kept (imports). */
  gaps: number | null;
  idleWatts: number | null;
  /** Gross minus idle power x time; null without a baseline. */
  netWh: number | null;
  /** False for what was read but is not the run's (a card that it does not use): in no total. */
  counted: boolean;
  /** What falls to the run's own processes by their share of the component's use; null: not known. */
  processWh: number | null;
  /** Likewise what falls to this program itself, its overhead. */
  programWh: number | null;
}

/**
 * An estimate of what the whole machine took from the socket, from two readings of a wall meter
 * (accuracy table, section 3): base watts x time + factor x counted energy. Never part of `wh`.
 */
export interface WallEnergy {
  wh: number | null;
  uncertaintyWh: number | null;
  baseWatts: number;
  factor: number;
  /** Milliseconds since 1970. */
  calibratedAt: number;
  /** Who read the meter: `typed in`, `Shelly Plug S at 192.168.1.20`. */
  method: string;
}

export interface Emissions {
  gCO2e: number | null;
  gPerKwh: number;
  regionCode: string;
  regionName: string;
  year: number;
  source: string;
  basis: string;
  pue: number;
  /** Intensity hour by hour instead of the yearly figure; null where that was not asked for. */
  hourly: {
    /** `Electricity Maps, DK-DK1`, `profile office.csv`. */
    name: string;
    source: string;
    /** Share of the energy that fell into hours with a figure; the rest took the year's. */
    coverage: number;
  } | null;
  /** Litres that the power plants' or the building's cooling took (kWh x PUE x L/kWh); null: not asked. */
  waterL: number | null;
  /** The hardware's manufacture, spread over its life, for the time of the run; null: not asked. */
  embodiedG: number | null;
}

/** How a run is priced: kept with it, so that a later change of the settings changes no history. */
export interface Pricing {
  region: Region;
  pue: number;
  hourly: HourlyIntensity | null;
  waterLPerKwh: number | null;
  embodied: { kgCO2e: number; years: number } | null;
}

export interface Energy {
  seconds: number;
  /** Sum over the components that were read, without PUE; null where none was. */
  wh: number | null;
  uncertaintyWh: number | null;
  netWh: number | null;
  /** What falls to the run's own processes; null where that is not known of every component. */
  processWh: number | null;
  /** What falls to this program itself; null where that is not known. */
  programWh: number | null;
  /** Sum of the components' mean powers, each over the time that its readings cover. */
  meanWatts: number | null;
  coverage: number | null;
  components: ComponentEnergy[];
  emissions: Emissions;
  /** Null where the machine was not calibrated before the run. */
  wall: WallEnergy | null;
}

/** Another price for a run's joules; what is left out stays as the run has it. */
export const repriceSchema = v.strictObject({
  /** Code of a preset, or `custom` with the figure below. */
  region: v.optional(v.pipe(v.string(), v.maxLength(64))),
  custom: v.optional(
    v.strictObject({
      gPerKwh,
      name: v.optional(shortText),
      year: v.optional(year),
      source: v.optional(shortText),
    }),
  ),
  pue: v.optional(pue),
  waterLPerKwh: v.optional(v.nullable(waterLPerKwh)),
  embodied: v.optional(v.nullable(v.strictObject({ kgCO2e: embodiedKg, years: embodiedYears }))),
  /** By the hour; dropped where left out and the region changes. */
  hourly: v.optional(
    v.nullable(v.strictObject({ provider: v.picklist(intensityProviders), zone })),
  ),
  name: v.optional(shortText),
});
export type RepriceChoice = v.InferOutput<typeof repriceSchema>;
