/** The list of runs as events change it. */
import type { RunSummary } from '../../src-main/contract.ts';

/** Each run takes the place of its older self; a new one comes at the end. */
export function mergeRuns(
  runs: readonly RunSummary[],
  changed: readonly RunSummary[],
): RunSummary[] {
  const newest = new Map(changed.map((run) => [run.id, run]));
  const merged = runs.map((old) => {
    const run = newest.get(old.id) ?? old;
    newest.delete(old.id);
    return run;
  });
  return [...merged, ...newest.values()];
}
