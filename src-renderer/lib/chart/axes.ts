/** The x axes that curves can be drawn over, and how their values are written. */
import type { XAxis } from '../../../src-main/contract.ts';
import { plainTick } from './line-chart.ts';

export const xAxes: Record<XAxis, { label: string; title: string; format: (x: number) => string }> =
  {
    time: { label: 'Time', title: 'Time since start (min:s)', format: clock },
    step: { label: 'Step', title: 'Step', format: plainTick },
    epoch: { label: 'Epoch', title: 'Epoch', format: plainTick },
    wh: { label: 'Energy', title: 'Energy used (Wh)', format: plainTick },
  };

/** Seconds as `1:05` or `1:02:05`. */
export function clock(seconds: number): string {
  const sign = seconds < 0 ? '-' : '';
  const whole = Math.round(Math.abs(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return sign + (h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`);
}
