/** In a browser: the end of a run, budgets and lost sensors, where the person has allowed it and looks elsewhere. */
import { runEnding, type RunStatus } from '../../../src-main/contract.ts';
import type { Session } from '../session.svelte.ts';

/** @returns the end of the listening */
export function notifyBrowser(session: Session): () => void {
  const statuses = new Map<number, RunStatus>();
  const tell = ({ title, body }: { title: string; body: string }, hash: string) => {
    // the window of the desktop tells it by itself
    if (session.info?.shell !== 'server' || !session.settings?.notify || !document.hidden) return;
    if (!('Notification' in window) || Notification.permission !== 'granted') return;
    const notification = new Notification(title, { body });
    notification.onclick = () => {
      window.focus();
      location.hash = hash;
    };
  };
  const stops = [
    session.api.on('notice', ({ title, message, level }) => {
      if (title !== undefined && level !== 'info') tell({ title, body: message }, '#/live');
    }),
    session.api.on('run', (run) => {
      const before = statuses.get(run.id) ?? session.run(run.id)?.status ?? null;
      statuses.set(run.id, run.status);
      const ending = runEnding(before, run);
      if (ending) tell(ending, `#/run/${run.id}`);
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

/** Asks the browser, which asks the person; false where it may not tell anything. */
export async function mayNotify(): Promise<boolean> {
  if (!('Notification' in window)) return false;
  return (await Notification.requestPermission()) === 'granted';
}
