/** The x axes that curves can be drawn over, and how their values are written. */
import type { XAxis } from '../../../src-main/contract.ts';
import { compact, energyUnit } from '../format/number.ts';
import { plainTick } from './plot.ts';
import { niceStep } from './ticks.ts';

export interface Axis {
  label: string;
  title: string;
  format: (x: number) => string;
  /** Distance of the ticks over a range; null: chart.js chooses. */
  step: ((span: number) => number) | null;
}

export const xAxes: Record<XAxis, Axis> = {
  time: { label: 'Time', title: 'Time since start (min:s)', format: clock, step: clockStep },
  step: { label: 'Step', title: 'Step', format: plainTick, step: null },
  epoch: { label: 'Epoch', title: 'Epoch', format: plainTick, step: null },
  macs: {
    label: 'Compute',
    title: 'Computed in training (MACs)',
    // `60 G`, not `60.0 G`: beside each other ticks need no digits that say nothing
    format: (macs) => compact(macs).replace(/\.0+(?= )/, ''),
    step: null,
  },
  // energy comes in Wh: in joules, round numbers are elsewhere
  get wh() {
    const { unit, perWh } = energyUnit();
    const axis = { label: 'Energy', title: `Energy used (${unit})` };
    return perWh === 1
      ? { ...axis, format: plainTick, step: null }
      : {
          ...axis,
          format: (wh: number) => plainTick(wh * perWh),
          step: (span: number) => niceStep(span * perWh, 8) / perWh,
        };
  },
  co2: { label: 'Emissions', title: 'Emissions (gCO2e)', format: plainTick, step: null },
};

/** An axis as a chart takes it. */
export const along = ({ title, format, step }: Axis) => ({
  xTitle: title,
  formatX: format,
  stepX: step,
});

/** Seconds as `1:05` or `1:02:05`. */
export function clock(seconds: number): string {
  const sign = seconds < 0 ? '-' : '';
  const whole = Math.round(Math.abs(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return sign + (h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`);
}

const niceSeconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400];

/** At most eight ticks, at full seconds, minutes or hours. */
export function clockStep(span: number): number {
  return niceSeconds.find((step) => span / step <= 8) ?? Math.ceil(span / 8 / 86_400) * 86_400;
}
