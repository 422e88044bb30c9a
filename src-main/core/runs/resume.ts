/** Where a run goes on when it is resumed. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { AppError, type RunDetail } from '../../contract.ts';

/**
 * Path of the checkpoint to take up; null for a run that never came to one and begins anew.
 * @throws AppError CONFLICT when a checkpoint was written and is gone: beginning anew would overwrite
 *   what is recorded.
 */
export function resumePoint(
  { summary, checkpoints }: Pick<RunDetail, 'summary' | 'checkpoints'>,
  runDir: string,
): string | null {
  if (summary.startedAt === null) return null;
  const there = checkpoints.filter(({ path }) => existsSync(path));
  const last =
    // one that is kept by its step may be of a time before the run was set back
    there.find(({ path }) => basename(path) === 'last.json') ??
    there.reduce<RunDetail['checkpoints'][number] | null>(
      (best, next) => (best && best.step > next.step ? best : next),
      null,
    );
  if (last) return last.path;
  // written when nobody was left to record it: the program had gone, or the disk was full
  for (const name of ['last.json', 'best.json']) {
    const unrecorded = join(runDir, name);
    if (existsSync(unrecorded)) return unrecorded;
  }
  const lost = checkpoints.at(-1);
  if (lost)
    throw new AppError(
      'CONFLICT',
      `Run ${summary.id} cannot go on: its checkpoint ${lost.path} is gone.`,
      'Put the file back, or start a new run with the same config.',
    );
  return null;
}
