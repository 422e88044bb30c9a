/** What a person sets once for all runs. */
import * as v from 'valibot';
import type { CpuCurve } from '../meter/messages.ts';
import {
  between,
  embodiedKg,
  embodiedYears,
  gPerKwh,
  pue,
  shortText,
  waterLPerKwh,
  year,
  zone,
} from './fields.ts';
import { type IntensityProvider, intensityProviders } from './intensity.ts';
import { type QueuePeriod, queuePeriods } from './queue.ts';

/** How numbers are written in the window: digit groups and decimal mark. Files keep `1234.5`. */
export const numberFormats = ['1,234.5', '1 234.5', '1.234,5', '1 234,5'] as const;
export type NumberFormat = (typeof numberFormats)[number];
/** In which unit the window shows energy; everything that is exchanged and kept is in Wh. */
export const energyUnits = ['Wh', 'J'] as const;
export type EnergyUnit = (typeof energyUnits)[number];

export const windowGpuChoices = ['unless measured', 'always'] as const;

export interface Settings {
  /** Where Prometheus finds the metrics, `127.0.0.1:9797`; null: nowhere. */
  metrics: string | null;
  /** Longest wait for idle power between two runs, minutes; 0: none. */
  coolDownMinutes: number;
  /** What all runs of a period may take together; null: no limit. */
  queueBudgetWh: number | null;
  queueBudgetGCO2e: number | null;
  queueBudgetMinutes: number | null;
  queueBudgetPeriod: QueuePeriod;
  /** With the period `reset`: since when it counts, milliseconds since 1970. */
  queueBudgetSince: number;
  /** Where the end of a run and budget warnings are posted as JSON; null: nowhere. */
  webhook: string | null;
  region: string;
  /** Used when `region` is `custom`: the figure, what it is called, where it is from, of which year. */
  customGPerKwh: number | null;
  customName: string | null;
  customSource: string | null;
  customYear: number | null;
  /** Power usage effectiveness of the building; a config may have its own, as for the next three. */
  pue: number;
  /** Water per kWh; null: not told. */
  waterLPerKwh: number | null;
  /** Manufacture of the machine in kgCO2e and the years over which it is spread; null: not told. */
  embodiedKg: number | null;
  embodiedYears: number | null;
  /** Who gives the intensity by the hour; null: the year's figure of the region. */
  hourly: IntensityProvider | null;
  /** Profile, zone or postcode. */
  hourlyZone: string | null;
  /** Codes of the regions in which a run is shown as if it had taken place there. */
  elsewhere: string[];
  /** Port at which the window serves its interface to browsers of this computer; null: it does not. */
  servePort: number | null;
  theme: 'system' | 'light' | 'dark';
  /** Of the desktop window: whether it is drawn by a card though that is measured. */
  windowGpu: (typeof windowGpuChoices)[number];
  numberFormat: NumberFormat;
  energyUnit: EnergyUnit;
  /** Tells the end of a run by the system's notifications while the window is not looked at. */
  notify: boolean;
  /** Evaluations without a better one after which it is said that a run gets no better; null: never. */
  plateauEvaluations: number | null;
  /** Samples per second of the meter. */
  hz: number;
  cpuTdpWatts: number | null;
  /** Curve of the CPU model; null: the program's own. */
  cpuCurve: CpuCurve | null;
  dimms: number | null;
  /** How memory is taken where no counter reads it; `off` leaves its counter out too. */
  ramMode: 'dimms' | 'constant' | 'off';
  /** Used when `ramMode` is `constant`. */
  ramWatts: number | null;
  /** Address of a LibreHardwareMonitor web server, `http://127.0.0.1:8085`; null: not asked. */
  libreHardwareMonitor: string | null;
}

export const settingsSchema = v.strictObject({
  metrics: v.nullable(v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(255))),
  region: v.pipe(v.string(), v.maxLength(64)),
  customGPerKwh: v.nullable(gPerKwh),
  customName: v.nullable(shortText),
  customSource: v.nullable(shortText),
  customYear: v.nullable(year),
  pue,
  waterLPerKwh: v.nullable(waterLPerKwh),
  embodiedKg: v.nullable(embodiedKg),
  embodiedYears: v.nullable(embodiedYears),
  hourly: v.nullable(v.picklist(intensityProviders)),
  hourlyZone: v.nullable(zone),
  elsewhere: v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(24)),
  servePort: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1024), v.maxValue(65_535))),
  theme: v.picklist(['system', 'light', 'dark']),
  windowGpu: v.picklist(windowGpuChoices),
  numberFormat: v.picklist(numberFormats),
  energyUnit: v.picklist(energyUnits),
  coolDownMinutes: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(60)),
  queueBudgetWh: v.nullable(between(0.0001, 1e12)),
  queueBudgetGCO2e: v.nullable(between(0.0001, 1e12)),
  queueBudgetMinutes: v.nullable(between(0.01, 1e9)),
  queueBudgetPeriod: v.picklist(queuePeriods),
  queueBudgetSince: v.pipe(v.number(), v.finite(), v.minValue(0)),
  webhook: v.nullable(
    v.pipe(
      v.string(),
      v.trim(),
      v.maxLength(2000),
      v.check(
        (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
        'The address of a webhook begins with http:// or https://.',
      ),
    ),
  ),
  notify: v.boolean(),
  plateauEvaluations: v.nullable(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)),
  ),
  hz: v.pipe(v.number(), v.finite(), v.minValue(0.5), v.maxValue(20)),
  cpuTdpWatts: v.nullable(v.pipe(v.number(), v.finite(), v.minValue(1), v.maxValue(2000))),
  cpuCurve: v.nullable(
    v.strictObject({
      idle: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1)),
      span: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(2)),
      exponent: v.pipe(v.number(), v.finite(), v.minValue(0.1), v.maxValue(2)),
    }),
  ),
  dimms: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(128))),
  ramMode: v.picklist(['dimms', 'constant', 'off']),
  ramWatts: v.nullable(v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(2000))),
  libreHardwareMonitor: v.nullable(
    v.pipe(
      v.string(),
      v.maxLength(300),
      v.check(
        (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
        'The address of LibreHardwareMonitor begins with http:// or https://; usual is http://127.0.0.1:8085.',
      ),
    ),
  ),
});
