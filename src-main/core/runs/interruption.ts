/** A run that was under way when the program ended without closing: what is said of it. */
import { AppError, type RunSummary } from '../../contract.ts';

/** `at step 840 of 2340`, `before its first step`. */
export function interruptedAt({ step, steps, command }: RunSummary): string {
  if (!step) return command === null ? 'before its first step' : 'on its way';
  return `at step ${step}${steps === null ? '' : ` of ${steps}`}`;
}

/**
 * The error of one that a person counts as failed.
 * @throws AppError CONFLICT for a run that was not interrupted
 */
export function interruption(run: RunSummary): NonNullable<RunSummary['error']> {
  if (run.status !== 'interrupted')
    throw new AppError('CONFLICT', `Run ${run.id} was not interrupted: it is ${run.status}.`);
  return {
    code: 'INTERRUPTED',
    message: `The program ended ${interruptedAt(run)}.`,
    hint:
      run.command === null
        ? 'It can still be resumed, from its last checkpoint.'
        : 'Start the command again.',
  };
}
