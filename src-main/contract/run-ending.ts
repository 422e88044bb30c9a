/** The end of a run in two lines, for notifications of the window and of the browser. */
import { endedByBudget } from './budget.ts';
import type { RunStatus, RunSummary } from './runs.ts';

const underWay: readonly RunStatus[] = ['baseline', 'running', 'stopping'];

/** Null unless the run has just ended. */
export function runEnding(
  before: RunStatus | null,
  run: RunSummary,
): { title: string; body: string } | null {
  if (before === null || !underWay.includes(before) || underWay.includes(run.status)) return null;
  const words: Partial<Record<RunStatus, string>> = {
    done: 'is done',
    failed: 'failed',
    stopped: 'was stopped',
    interrupted: 'was interrupted',
  };
  const overBudget = endedByBudget(run);
  // a trial that waits for the others of its sweep has not come to its end
  if (run.status === 'stopped' && run.matrix?.rung && !overBudget) return null;
  const word = words[run.status];
  if (word === undefined) return null;
  const figures = [
    run.macroF1 !== null && `macro F1 ${run.macroF1.toPrecision(3)}`,
    run.wh !== null && `${Number(run.wh.toPrecision(3))} Wh`,
    run.gCO2e !== null && `${Number(run.gCO2e.toPrecision(3))} gCO2e`,
  ].filter((figure) => figure !== false);
  return {
    title: `${run.name || `Run ${run.id}`} ${overBudget ? 'was stopped by its budget' : word}`,
    body:
      run.error && (run.status === 'failed' || overBudget) ? run.error.message : figures.join(', '),
  };
}
