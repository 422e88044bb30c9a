/** What a source of hourly carbon intensity is: one small interface, whether a file or a service. */
import type { HourlyIntensity, IntensityProvider } from '../../../contract.ts';
import type { Steps } from './steps.ts';

/** What there is to say of hourly figures before there are any. */
export type AboutIntensity = Omit<HourlyIntensity, keyof Steps>;

export interface IntensitySource {
  readonly name: IntensityProvider;
  readonly label: string;
  about(zone: string): AboutIntensity;
  /**
   * The steps that lie in an interval (ms since 1970); as many as there are, perhaps none of its end.
   * @param zone profile name, zone or postcode; each source says what it takes
   * @throws AppError UNAVAILABLE or BAD_INPUT, with a sentence for people and without secrets
   */
  hours(zone: string, from: number, to: number): Promise<HourlyIntensity>;
  /** The steps of an interval to come, where that is asked for in another way. */
  ahead?(zone: string, from: number, to: number): Promise<HourlyIntensity>;
}

/** No grid emits more; what a service answers beyond is a fault. gCO2e/kWh. */
export const mostGPerKwh = 5000;

export const isIntensity = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= mostGPerKwh;
