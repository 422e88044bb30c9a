/** What the desktop shows while the window is not looked at: ends of runs, budgets, progress in the taskbar. */
import { BrowserWindow, Notification } from 'electron';
import type { Events, RunStatus, RunSummary, Settings } from '../contract.ts';
import type { EventBus } from '../core/events.ts';
import { runEnding } from '../contract/run-ending.ts';

interface Options {
  events: Pick<EventBus, 'listen'>;
  settings: () => Pick<Settings, 'notify'> | Promise<Pick<Settings, 'notify'>>;
  /** Brings the window to the front. */
  show: () => void;
}

export function notifyDesktop({ events, settings, show }: Options): void {
  const statuses = new Map<number, RunStatus>();
  /** Of the run under way, by its expected time. */
  let share: number | null = null;
  events.listen(({ event, data }) => {
    if (event === 'run.outlook') share = (data as Events['run.outlook']).share;
    if (event === 'notice') {
      const { title, message } = data as Events['notice'];
      if (title !== undefined) void tell({ title, body: message });
    }
    if (event !== 'run') return;
    const run = data as RunSummary;
    const before = statuses.get(run.id) ?? null;
    statuses.set(run.id, run.status);
    if (!underWay.includes(run.status)) share = null;
    showProgress(run, share);
    const ending = runEnding(before, run);
    if (ending) void tell(ending);
  });

  async function tell(ending: { title: string; body: string }): Promise<void> {
    if (BrowserWindow.getFocusedWindow() || !Notification.isSupported()) return;
    if (!(await settings()).notify) return;
    const notification = new Notification(ending);
    notification.on('click', show);
    notification.show();
  }
}

const underWay: readonly RunStatus[] = ['baseline', 'running', 'stopping'];

/** In the taskbar or the dock; an unknown share is shown as such. */
function showProgress({ status, step, steps }: RunSummary, expected: number | null): void {
  const counted = step && steps ? Math.min(1, step / steps) : 2;
  const share = underWay.includes(status) ? (expected ?? counted) : -1;
  for (const window of BrowserWindow.getAllWindows()) window.setProgressBar(share);
}
