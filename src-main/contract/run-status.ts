/** The state of a run in a word, the same in the window, on the command line and in a search. */
import type { RunStatus, RunSummary } from './runs.ts';

export const statusWords: Record<RunStatus, { label: string; tone: '' | 'good' | 'bad' | 'warn' }> =
  {
    queued: { label: 'queued', tone: '' },
    baseline: { label: 'idle baseline', tone: '' },
    running: { label: 'running', tone: '' },
    stopping: { label: 'stopping', tone: 'warn' },
    stopped: { label: 'stopped', tone: 'warn' },
    done: { label: 'done', tone: 'good' },
    failed: { label: 'failed', tone: 'bad' },
    interrupted: { label: 'interrupted', tone: 'warn' },
    imported: { label: 'imported', tone: '' },
  };

/** A run's own state; of a trial of a sweep also what became of it there. */
export function statusOf({
  status,
  paused,
  matrix,
  epoch,
}: Pick<RunSummary, 'status' | 'paused' | 'matrix' | 'epoch'>): (typeof statusWords)[RunStatus] {
  if (paused) return { ...statusWords[status], label: 'paused' };
  if (status !== 'stopped' || !matrix?.rung) return statusWords[status];
  if (matrix.rung.dropped && !matrix.warmUp) return { label: 'dropped', tone: '' };
  // one that was taken out of the queue has come to none
  if ((epoch ?? 0) < (matrix.rung.epochs ?? Infinity)) return statusWords[status];
  return { label: matrix.warmUp ? 'ended' : 'at its rung', tone: '' };
}
