/** Lines of charts, thinned by the host. */
import type { PowerComponent } from './machine.ts';

export const xAxisNames = ['step', 'epoch', 'time', 'macs', 'wh', 'co2'] as const;
/**
 * `macs` (multiply-accumulates of training), `wh` and `co2` (gCO2e) are cumulative since the start of the run;
 * `time` is in s.
 */
export type XAxis = (typeof xAxisNames)[number];

/** Thinned to at most about two points per pixel (min and max per bucket), in SQL. */
export interface Series {
  name: string;
  x: number[];
  y: (number | null)[];
  /** Mean of each bucket, where there are more points than fit; only of what fluctuates. */
  mean?: { x: number[]; y: (number | null)[] };
}

/** Pixels a chart of the interface may be wide; the host sends about two points for each. */
export const chartWidth = 900;

/** What a run's components took together, over seconds of its active time; null where a part of it is not known. */
export interface RunTotals {
  /** Power. */
  watts: { x: number[]; y: (number | null)[] };
  /** Cumulative energy since the start. */
  wh: { x: number[]; y: (number | null)[] };
}

/** Columns of equal length per component; null where it was not read. */
export interface PowerSeries {
  components: (PowerComponent & {
    /** False for a card that is not the run's: in no sum. */
    counted: boolean;
    /** Seconds of the run's active time. */
    x: number[];
    watts: (number | null)[];
    /** Cumulative since the start of the run. */
    wh: (number | null)[];
    tempC: (number | null)[];
    /** Clock of the cores. */
    clockMhz: (number | null)[];
    utilPercent: (number | null)[];
    memoryMb: (number | null)[];
    /** Seconds at which stretches begin in which the clock was held down, as far as the points tell. */
    throttled: number[];
  })[];
}
