/** A sweep in words, the same in the window and on the command line. */
import type { MatrixEnergy, SweepPlan, TrialState } from './matrices.ts';
import { plainStyle, shownIn, type FigureStyle } from './figures.ts';

/** What a sweep's best trial has most of, with its unit. */
export function objectiveWords({ objective, limitWh }: Pick<SweepPlan, 'objective' | 'limitWh'>) {
  switch (objective) {
    case 'f1':
      return 'macro F1 on validation';
    case 'f1PerWh':
      return 'macro F1 points per Wh on validation';
    case 'f1WithinWh':
      return `macro F1 on validation within ${limitWh} Wh a run`;
  }
}

export const trialStateWords: Record<TrialState, string> = {
  planned: 'planned',
  running: 'running',
  queued: 'to go on',
  waits: 'waits at its rung',
  stopped: 'stopped',
  dropped: 'dropped',
  failed: 'failed',
  done: 'done',
};

/** Figures that are read together have one unit, that of the largest, and digits by their half width. */
function inUnitOf(
  largestWh: number,
  style: FigureStyle,
): (wh: number, half?: number | null) => string {
  const [shown, per] = shownIn('Wh', style);
  const largest = largestWh * per;
  const [scale, prefix] = largest >= 1000 ? [1e-3, 'k'] : largest < 0.1 ? [1e3, 'm'] : [1, ''];
  const [factor, unit] = [scale * per, `${prefix}${shown}`];
  return (wh, half = null) => {
    if (half === null || half <= 0)
      return `${style.write(String(Number((wh * factor).toPrecision(3))))} ${unit}`;
    // a band that begins with 1 would lose half of itself in one digit
    const [first, power] = (half * factor).toExponential().split('e') as [string, string];
    const decimals = Math.max(0, (first.startsWith('1') ? 1 : 0) - Number(power));
    const [value, band] = [wh, half].map((one) => style.write((one * factor).toFixed(decimals)));
    return `${value} ± ${band} ${unit}`;
  };
}

/**
 * `412 ± 21 Wh spent, of which 268 ± 13 Wh (65 %) on trials that were dropped. All counted.` What was not
 * read is said.
 */
export function wasteSentence(energy: MatrixEnergy, style = plainStyle): string {
  const { wh, uncertaintyWh, droppedWh, droppedUncertaintyWh, failedWh, warmUpWh } = energy;
  const unread = energy.unread > 0 ? ` Of ${energy.unread} of its runs no energy was read.` : '';
  if (wh === null) return `No energy was read so far.${energy.unread > 0 ? unread : ''}`;
  const energyOf = inUnitOf(wh, style);
  const share = (part: number): string => (wh > 0 ? ` (${Math.round((part / wh) * 100)} %)` : '');
  const parts = [
    droppedWh !== null &&
      droppedWh > 0 &&
      `${energyOf(droppedWh, droppedUncertaintyWh)}${share(droppedWh)} on trials that were dropped`,
    failedWh !== null &&
      failedWh > 0 &&
      `${energyOf(failedWh)}${share(failedWh)} on runs that failed`,
    warmUpWh !== null && warmUpWh > 0 && `${energyOf(warmUpWh)}${share(warmUpWh)} on the warm-up`,
  ].filter((part) => part !== false);
  const of = parts.length > 0 ? `, of which ${parts.join(', ')}` : '';
  const labels = energy.labels ? ` Energy: ${energy.labels}.` : '';
  return `${energyOf(wh, uncertaintyWh)} spent${of}.${labels}${unread}`;
}
