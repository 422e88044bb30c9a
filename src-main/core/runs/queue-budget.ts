/**
 * The budget of everything that runs: what a day, a month or the time since a reset may take. It counts what
 * the ledger of the store has (`store/spent.ts`) and the active run so far; while it is used up, nothing new
 * starts. The active run goes on: to end one at a limit is what its own budget is for.
 */
import { budgetLimits, queueBudgetWords, usedOf } from '../../contract/budget.ts';
import type { Events, QueueBudget, Settings } from '../../contract.ts';
import type { Spent } from '../store/spent.ts';
import type { Store } from '../store/store.ts';
import type { UsedHere } from './lifecycle.ts';

export interface QueueBudgetOptions {
  store: Pick<Store, 'spentSince'>;
  settings: () => Settings;
  active: () => { id: number; used: UsedHere | null } | null;
  /** It, or what of it is used, is another one: the line is told, and may go on. */
  changed: () => void;
  notice: (notice: Events['notice']) => void;
  log: (line: string) => void;
}

export interface QueueBudgetWatch {
  /** Null where none is set. */
  state(): QueueBudget | null;
  /** Reads the ledger anew: after a run, or when the settings have changed. Never rejects. */
  refresh(): Promise<void>;
  close(): void;
}

const lookMs = 5000;
const nothing: Spent = { seconds: 0, wh: null, gCO2e: null, unreadSeconds: 0 };

/** When the present period began, by this computer's clock, ms since 1970. */
export function periodStart(
  { queueBudgetPeriod, queueBudgetSince }: Settings,
  now = new Date(),
): number {
  if (queueBudgetPeriod === 'reset') return queueBudgetSince;
  const day = queueBudgetPeriod === 'month' ? 1 : now.getDate();
  return new Date(now.getFullYear(), now.getMonth(), day).getTime();
}

export function watchQueueBudget(options: QueueBudgetOptions): QueueBudgetWatch {
  const { store, settings, active } = options;
  let ledger: { since: number; spent: Spent } | null = null;
  let told = false;

  const limits = () => {
    const { queueBudgetWh: wh, queueBudgetGCO2e: gCO2e, queueBudgetMinutes: minutes } = settings();
    return budgetLimits({ wh, gCO2e, minutes });
  };

  const state = (): QueueBudget | null => {
    const all = limits();
    if (all.length === 0 || !ledger) return null;
    const { since, spent } = ledger;
    const total = added(spent, active()?.used ?? null, since);
    const parts = all.map((limit) => ({ ...limit, used: usedOf(limit, total) }));
    return {
      period: settings().queueBudgetPeriod,
      since,
      parts,
      unreadSeconds: total.unreadSeconds,
      usedUp: parts.some(({ used, limit }) => used !== null && used >= limit),
    };
  };

  /** Says once that it is used up, and tells the line whenever that changes. */
  const look = (): void => {
    const now = state();
    if (now?.usedUp && !told) {
      const { id } = active() ?? {};
      options.notice({
        level: 'warning',
        title: 'Budget used up',
        message: `The queue's budget is used up: ${queueBudgetWords(now)}. Nothing new starts${id === undefined ? '' : `; run ${id} goes on`}.`,
        hint:
          now.period === 'reset'
            ? 'Raise it or reset it in the settings.'
            : `Raise it in the settings, or wait for the next ${now.period}.`,
      });
    }
    told = now?.usedUp ?? false;
    options.changed();
  };

  const refresh = async (): Promise<void> => {
    // nothing to watch, as before
    if (limits().length === 0 && !ledger) return;
    try {
      const since = periodStart(settings());
      ledger = limits().length === 0 ? null : { since, spent: await store.spentSince(since) };
    } catch (cause) {
      options.log(`What was used until now could not be read: ${String(cause)}`);
      ledger ??= { since: periodStart(settings()), spent: nothing };
    }
    look();
  };

  const timer = setInterval(() => {
    if (limits().length === 0) return;
    // midnight, or the first of a month
    if (ledger?.since !== periodStart(settings())) void refresh();
    else if (active()) look();
  }, lookMs);
  timer.unref();

  return { state, refresh, close: () => clearInterval(timer) };
}

/** What the active run has taken, of its time in the period. */
function added(spent: Spent, own: UsedHere | null, since: number): Spent {
  if (!own || own.seconds <= 0) return spent;
  const share = Math.min(
    1,
    Math.max(0, (own.since + own.seconds * 1000 - since) / (own.seconds * 1000)),
  );
  const plus = (a: number | null, b: number | null): number | null =>
    b === null ? a : (a ?? 0) + b * share;
  return {
    seconds: spent.seconds + own.seconds * share,
    wh: plus(spent.wh, own.wh),
    gCO2e: plus(spent.gCO2e, own.gCO2e),
    unreadSeconds: spent.unreadSeconds + (own.wh === null ? own.seconds * share : 0),
  };
}
