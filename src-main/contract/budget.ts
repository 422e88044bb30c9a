/**
 * Budgets in words: what a run or the queue may take, what of it is used, and whether an order would go
 * beyond it. Who enforces them is the host (`core/runs/budget-watch.ts`, `core/runs/queue-budget.ts`).
 */
import type { BudgetConfig } from '../experiment-config.ts';
import type { CleanerStart, Estimate, RunCost } from './costs.ts';
import { figure, figureRange, share } from './figures.ts';
import type { QueueBudget } from './queue.ts';
import type { RunSummary } from './runs.ts';

export type BudgetQuantity = 'energy' | 'emissions' | 'time';

/** What is limited, in Wh, gCO2e or s. */
export interface BudgetLimit {
  what: BudgetQuantity;
  unit: 'Wh' | 'gCO2e' | 's';
  limit: number;
}

/** The figure of a run that a limit is about. */
export const usedOf = (
  { what }: BudgetLimit,
  { wh, gCO2e, seconds }: { wh: number | null; gCO2e: number | null; seconds: number | null },
): number | null => ({ energy: wh, emissions: gCO2e, time: seconds })[what];

/** The limits of a run; none where it has no budget. */
export function budgetLimits(
  budget: Pick<BudgetConfig, 'wh' | 'gCO2e' | 'minutes'>,
): BudgetLimit[] {
  const { wh, gCO2e, minutes } = budget;
  return [
    ...(wh === null ? [] : [{ what: 'energy', unit: 'Wh', limit: wh } as const]),
    ...(gCO2e === null ? [] : [{ what: 'emissions', unit: 'gCO2e', limit: gCO2e } as const]),
    ...(minutes === null ? [] : [{ what: 'time', unit: 's', limit: minutes * 60 } as const]),
  ];
}

/** Why a run was stopped: the code of its error. */
export const budgetCode = 'BUDGET';
export const endedByBudget = ({ status, error }: Pick<RunSummary, 'status' | 'error'>): boolean =>
  status === 'stopped' && error?.code === budgetCode;

type Cost = Pick<RunCost, 'seconds' | 'wh' | 'gCO2e'>;

const estimateOf = ({ what }: BudgetLimit, { wh, gCO2e, seconds }: Cost): Estimate | null =>
  ({ energy: wh, emissions: gCO2e, time: seconds })[what];

/**
 * What to say of a run's budget before it starts; empty where it is expected to suffice.
 * @param cost of one run
 */
export function budgetRemarks(budget: BudgetConfig, cost: Cost): string[] {
  return budgetLimits(budget).flatMap((part) => {
    const expected = estimateOf(part, cost);
    if (!expected || expected.high <= part.limit) return [];
    const range = figureRange([expected.low, expected.high], part.unit);
    const limit = limitWords(part);
    const end =
      budget.atLimit === 'stop' ? 'It stops at the limit, with a checkpoint.' : 'It only warns.';
    const needs = expected.low > part.limit ? 'needs' : 'may need';
    return [
      `It ${needs} more than its ${part.what} budget of ${limit}: ${range} are expected. ${end}`,
    ];
  });
}

/** The same of the arms of a matrix or the trials of a sweep, said once for those that have it in common. */
export function matrixBudgetRemarks(
  arms: readonly { title: string; config: { budget: BudgetConfig }; cost: Cost }[],
  noun = 'arm',
): string[] {
  const beyond = arms.filter(({ config, cost }) => budgetRemarks(config.budget, cost).length > 0);
  if (beyond.length === 0) return [];
  const [first] = beyond;
  return beyond.length === 1
    ? budgetRemarks(first!.config.budget, first!.cost).map((words) => `“${first!.title}”: ${words}`)
    : [
        `${beyond.length} of ${arms.length} ${noun}s may go beyond their budget: ${beyond.map(({ title }) => title).join('; ')}.`,
      ];
}

/** `500 Wh`, `2 h`. */
export const limitWords = ({ limit, unit }: BudgetLimit): string =>
  share(0, limit, unit).replace(/^.* of /, '');

export const periodWords: Record<QueueBudget['period'], string> = {
  day: 'today',
  month: 'this month',
  reset: 'since the reset',
};

/** `0.8 of 2 kWh used this month`. */
export const queueBudgetWords = ({ parts, period }: QueueBudget): string =>
  `${parts.map(({ used, limit, unit }) => share(used, limit, unit)).join(', ')} used ${periodWords[period]}`;

/**
 * What an order would make of the queue's budget; empty where it suffices.
 * @param waiting what the runs that are on their way will take still
 * @param order what would be added
 */
export function queueBudgetRemarks(
  budget: QueueBudget | null,
  waiting: Cost,
  order: Cost,
): string[] {
  if (!budget) return [];
  if (budget.usedUp)
    return [`The queue's budget is used up (${queueBudgetWords(budget)}): nothing starts.`];
  return budget.parts.flatMap((part) => {
    const own = estimateOf(part, order);
    if (!own) return [];
    const others = estimateOf(part, waiting)?.value ?? 0;
    const end = (part.used ?? 0) + others + own.value;
    if (end <= part.limit) return [];
    const period = periodWords[budget.period];
    return [
      `With it the queue comes to about ${share(end, part.limit, part.unit)} ${period}: it pauses when the budget is used up.`,
    ];
  });
}

/** `Started at 02:00 instead of now: about 180 instead of 260 gCO2e (profile office.csv).` */
export function cleanerWords(
  { at, gCO2e, nowGCO2e, name }: CleanerStart,
  now = Date.now(),
): string {
  const start = new Date(at);
  const time = start.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  const day = start.toDateString() === new Date(now).toDateString() ? '' : ' tomorrow';
  const [then, unit] = split(figure(gCO2e, 'gCO2e'));
  const [instead, unitNow] = split(figure(nowGCO2e, 'gCO2e'));
  const amounts =
    unit === unitNow
      ? `${then} instead of ${instead} ${unit}`
      : `${then} ${unit} instead of ${instead} ${unitNow}`;
  return `Started at ${time}${day} instead of now: about ${amounts} (${name}).`;
}

const split = (text: string): [string, string] => text.split(' ') as [string, string];
