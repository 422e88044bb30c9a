/**
 * The one sentence about a run: in the window's status line, its title, the browser's tab and the terminal.
 */
import type { Events } from './events.ts';
import type { RunStatus, RunSummary } from './runs.ts';
import { figure, spanRange, type FigureStyle } from './figures.ts';

export interface StatusInput {
  run: Pick<RunSummary, 'status' | 'step' | 'steps' | 'imagesPerSecond' | 'wh' | 'gCO2e'>;
  energy: Pick<Events['run.energy'], 'watts' | 'wh' | 'gCO2e'> | null;
  activity: Pick<Events['run.progress'], 'label' | 'fraction'> | null;
  outlook: Pick<Events['run.outlook'], 'seconds'> | null;
}

const words: Record<RunStatus, string> = {
  queued: 'Waiting in the queue',
  baseline: 'Measuring idle power',
  running: 'Starting',
  stopping: 'Stopping with a checkpoint',
  stopped: 'Stopped',
  done: 'Done',
  failed: 'Failed',
  interrupted: 'Interrupted',
  imported: 'Imported',
};

/** What the run is doing, where that is no count of steps; null where it trains. */
export function statusTopic({
  run,
  activity,
}: Pick<StatusInput, 'run' | 'activity'>): string | null {
  if (run.status === 'running' && run.step && run.steps) return null;
  // a run that waits says so: it may wait for the machine to cool down
  return (run.status === 'running' || run.status === 'queued') && activity
    ? activity.label
    : words[run.status];
}

/** `step 840/2340 · 36 % · ETA 4-5 min · 212 img/s · 41 W · 0.84 Wh · 0.24 gCO2e` */
export function statusLine(input: StatusInput, style?: FigureStyle): string {
  const { run, energy, activity, outlook } = input;
  const parts: string[] = [];
  const topic = statusTopic(input);
  const active = run.status === 'baseline' || run.status === 'running' || run.status === 'stopping';
  if (topic !== null) {
    const fraction = topic === activity?.label ? activity.fraction : null;
    parts.push(fraction === null ? topic : `${topic} ${Math.floor(100 * fraction)} %`);
  } else {
    const [step, steps] = [run.step!, run.steps!];
    // 100 % is for what is done
    const percent = step < steps ? Math.min(99, Math.round((100 * step) / steps)) : 100;
    parts.push(`step ${step}/${steps}`, `${percent} %`);
  }
  if (run.status === 'running') {
    if (outlook?.seconds) parts.push(`ETA ${spanRange(outlook.seconds)}`);
    if (topic === null && run.imagesPerSecond !== null)
      parts.push(figure(run.imagesPerSecond, 'img/s', 2, style));
  }
  const wh = energy?.wh ?? run.wh;
  const g = energy?.gCO2e ?? run.gCO2e;
  if (active && energy?.watts != null) parts.push(figure(energy.watts, 'W', 2, style));
  if (wh !== null) parts.push(figure(wh, 'Wh', 2, style));
  if (g !== null) parts.push(figure(g, 'gCO2e', 2, style));
  return parts.join(' · ');
}
