/**
 * Calls that may take long, and that whoever made them can break off: they carry a name of the caller's choice,
 * and `jobs.cancel` with that name ends them. The caller hears so at once; what is left to tidy up follows.
 */
import { AppError } from '../contract.ts';

export interface Jobs {
  /** @throws AppError CANCELLED when it was broken off; whatever the work throws otherwise */
  run<T>(name: string | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Nothing happens where there is none of that name: it may have ended a moment ago. */
  cancel(name: string): void;
}

export function createJobs(): Jobs {
  const running = new Map<string, AbortController>();
  return {
    run: async (name, work) => {
      const abort = new AbortController();
      if (name === undefined) return work(abort.signal);
      const cancelled = Promise.withResolvers<never>();
      abort.signal.addEventListener('abort', () =>
        cancelled.reject(new AppError('CANCELLED', 'It was cancelled.')),
      );
      running.set(name, abort);
      const done = work(abort.signal);
      // when it is broken off, nobody waits for how it ends
      done.catch(() => {});
      return Promise.race([done, cancelled.promise]).finally(() => {
        if (running.get(name) === abort) running.delete(name);
      });
    },
    cancel: (name) => running.get(name)?.abort(),
  };
}
