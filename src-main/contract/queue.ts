/** The line of runs, its budget, and what is still to come of it. */
import type { BudgetLimit, BudgetQuantity } from './budget.ts';
import type { RunCost } from './costs.ts';

/** The line of runs: one computes, the others wait. */
export interface QueueState {
  active: number | null;
  /** In the order in which they start. */
  waiting: number[];
  /** Nothing new starts; what is active goes on. */
  paused: boolean;
  /** The machine cools down to idle power before the next run; null: it does not. */
  coolDown: {
    /** Milliseconds since 1970. */
    since: number;
    mostSeconds: number;
    /** Mean over the last seconds; null: not read. */
    watts: number | null;
    /** At this power or below the run starts. */
    targetWatts: number;
  } | null;
  /** What the runs of a period may take together; null where no such budget is set. */
  budget: QueueBudget | null;
  /** What is still to come of the runs that are active or wait. */
  outlook: QueueOutlook;
}

/** The queue's budget and what of it is used. Nothing new starts while it is used up. */
export interface QueueBudget {
  period: QueuePeriod;
  /** Since when it counts, milliseconds since 1970. */
  since: number;
  /** `used` is null where nothing was measured. */
  parts: { what: BudgetQuantity; unit: BudgetLimit['unit']; limit: number; used: number | null }[];
  /** Active time of the period in which no power was read: it is not in `used`. */
  unreadSeconds: number;
  usedUp: boolean;
}
export const queuePeriods = ['day', 'month', 'reset'] as const;
export type QueuePeriod = (typeof queuePeriods)[number];

export interface QueueOutlook {
  /** Of those that wait, idle baselines included; null where it is not known of any. */
  waiting: Pick<RunCost, 'seconds' | 'wh' | 'gCO2e'>;
  /** Of the active run as well. */
  all: Pick<RunCost, 'seconds' | 'wh' | 'gCO2e'>;
  /** Runs that wait and of which nothing is known: they are in no sum. */
  unknown: number;
}
