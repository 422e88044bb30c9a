/** The run ahead of a matrix, on a machine that was still cold: a run, and no result. */
import type { RunSummary } from '../../contract.ts';

/** Ends the group of a warm-up that was read from a file, where there is no matrix to tell. */
export const warmUpMark = ' (warm-up)';

export const isWarmUp = ({ matrix, status, group }: RunSummary): boolean =>
  matrix?.warmUp === true || (status === 'imported' && group.endsWith(warmUpMark));

/** All runs but the warm-ups, which are told apart; where there is nothing else, the warm-ups are the runs. */
export function withoutWarmUps<Run extends { summary: RunSummary }>(
  runs: readonly Run[],
): { kept: Run[]; warmUps: RunSummary[] } {
  const kept = runs.filter(({ summary }) => !isWarmUp(summary));
  if (kept.length === 0) return { kept: [...runs], warmUps: [] };
  return {
    kept,
    warmUps: runs.map(({ summary }) => summary).filter(isWarmUp),
  };
}
