/** What the desktop shows while the window is not looked at: the end of a run, progress in the taskbar. */
import { BrowserWindow, Notification } from 'electron';
import type { RunStatus, RunSummary, Settings } from '../contract.ts';
import type { EventBus } from '../core/events.ts';
import { runEnding } from '../run-ending.ts';

interface Options {
  events: Pick<EventBus, 'listen'>;
  settings: () => Pick<Settings, 'notify'> | Promise<Pick<Settings, 'notify'>>;
  /** Brings the window to the front. */
  show: () => void;
}

export function notifyDesktop({ events, settings, show }: Options): void {
  const statuses = new Map<number, RunStatus>();
  events.listen(({ event, data }) => {
    if (event !== 'run') return;
    const run = data as RunSummary;
    const before = statuses.get(run.id) ?? null;
    statuses.set(run.id, run.status);
    showProgress(run);
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

/** In the taskbar or the dock; an unknown share is shown as such. */
function showProgress({ status, step, steps }: RunSummary): void {
  const going = ['baseline', 'running', 'stopping'].includes(status);
  const share = !going ? -1 : step && steps ? Math.min(1, step / steps) : 2;
  for (const window of BrowserWindow.getAllWindows()) window.setProgressBar(share);
}
