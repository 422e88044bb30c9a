/** What an order of many runs would take, in words: of a matrix or a sweep before it starts. */
import {
  matrixBudgetRemarks,
  queueBudgetRemarks,
  type MatrixPreview,
  type SweepPreview,
} from '../contract.ts';
import { gigabytes } from '../core/experiments/index.ts';
import { range, timeRange } from './commands/forecast.ts';
import type { Session } from './session.ts';
import { count } from './text.ts';

/** Where it would go beyond budgets, of its own or of the queue. */
export async function orderRemarks(
  session: Session,
  { arms, total }: MatrixPreview | SweepPreview,
  noun: string,
): Promise<string[]> {
  const { budget, outlook } = await session.call('queue.get', {});
  return [...matrixBudgetRemarks(arms, noun), ...queueBudgetRemarks(budget, outlook.all, total)];
}

export const orderText = (
  { total, warnings, refusal }: MatrixPreview | SweepPreview,
  remarks: readonly string[],
): string[] => [
  `${count(total.steps)} steps, ${count(total.trainMacs)} MACs, ${gigabytes(total.memoryBytes)} of memory at most (modelled).`,
  `Time: ${timeRange(total.seconds)}; energy: ${range(total.wh, 'Wh')}; emissions: ${range(total.gCO2e, 'gCO2e')}. ${total.how}`,
  ...remarks,
  ...warnings.map(
    ({ message, arms }) => `Note: ${message}${arms.length > 0 ? ` (${arms.join('; ')})` : ''}`,
  ),
  ...(refusal
    ? ['', refusal.message, `${refusal.hint} With --force it is started all the same.`]
    : []),
];
