/** Carbon intensity by the hour. */

/** Where hourly carbon intensity can come from: a file, or a service that is asked over the network. */
export const intensityProviders = ['profile', 'electricity-maps', 'uk'] as const;
export type IntensityProvider = (typeof intensityProviders)[number];

/** gCO2e per kWh by the hour. */
export interface HourlyIntensity {
  kind: 'profile' | 'live';
  provider: IntensityProvider;
  /** Name of the profile, zone of Electricity Maps, outward postcode (empty: all of Great Britain). */
  zone: string;
  /** For people: `Electricity Maps, DK-DK1`. */
  name: string;
  source: string;
  basis: string;
  /** Start of each step, ms since 1970, ascending, and its value; a step lasts until the next, an hour at most. */
  at: number[];
  gPerKwh: number[];
}

/** A profile of hourly intensity that was read from a CSV file. */
export interface IntensityProfile {
  name: string;
  /** `day`: 24 values by the local hour of the day; `hours`: values with their dates. */
  kind: 'day' | 'hours';
  steps: number;
  /** Milliseconds since 1970; null for a day. */
  from: number | null;
  to: number | null;
  meanGPerKwh: number;
}

/** What is there to price by the hour with. */
export interface IntensityState {
  providers: { name: IntensityProvider; label: string; network: boolean; needsKey: boolean }[];
  /** Last characters of the key of Electricity Maps; the key itself never leaves the host. */
  keyEnd: string | null;
  profiles: IntensityProfile[];
}
