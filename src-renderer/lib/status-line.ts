/** The one sentence about the running run: in the status line, the tab's title and the progress bar. */
import type { Events, RunSummary } from '../../src-main/contract.ts';
import { count, percent, quantity, significant } from './format/number.ts';
import { durationRange } from './format/time.ts';
import { isActive, statusWords } from './format/words.ts';

export interface StatusInput {
  run: RunSummary;
  energy: Events['run.energy'] | null;
  activity: Events['run.progress'] | null;
  remaining: [number, number] | null;
}

export function statusLine({ run, energy, activity, remaining }: StatusInput): string {
  const parts: string[] = [];
  if (run.status === 'running' && run.step && run.steps) {
    parts.push(`step ${count(run.step)}/${count(run.steps)}`, percent(run.step / run.steps, 0));
    if (remaining) parts.push(`ETA ${durationRange(...remaining)}`);
    if (run.imagesPerSecond !== null) parts.push(`${significant(run.imagesPerSecond)} img/s`);
  } else if (run.status === 'running' && activity) {
    parts.push(
      activity.label + (activity.fraction === null ? '' : ` ${percent(activity.fraction, 0)}`),
    );
  } else {
    parts.push(statusWords[run.status].label);
  }
  const wh = energy?.wh ?? run.wh;
  const g = energy?.gCO2e ?? run.gCO2e;
  if (isActive(run) && energy?.watts != null) parts.push(quantity(energy.watts, 'W'));
  if (wh !== null) parts.push(quantity(wh, 'Wh'));
  if (g !== null) parts.push(quantity(g, 'gCO2e'));
  return parts.join(' · ');
}
