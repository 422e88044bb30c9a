/**
 * The writing side of one run: every record goes to the store in order, and nobody waits for it. The
 * first write that fails (a full disk, say) is told once, so that the run can be ended in an orderly
 * way instead of going on unrecorded.
 */
import { clockPair } from '../clock.ts';
import type { RunContext } from './context.ts';

export interface Recorder {
  /** Notes a write; its failure is told to `failed`, once. */
  write(written: Promise<unknown>): void;
  /** Resolves when all that was written so far is in the store. */
  flush(): Promise<void>;
  /** Ends the recording of samples. */
  close(): void;
}

export function recordRun(
  { store, metering, samples }: Pick<RunContext, 'store' | 'metering' | 'samples'>,
  failed: (cause: unknown) => void,
): Recorder {
  let broken = false;
  let last: Promise<unknown> = Promise.resolve();
  const write = (written: Promise<unknown>): void => {
    last = written.catch((cause: unknown) => {
      if (!broken) failed(cause);
      broken = true;
    });
  };

  let session: string | null = null;
  let known: typeof metering.components = [];
  const stopListening = samples.listen((batch) => {
    if (batch.session !== session || metering.components !== known) {
      session = batch.session;
      known = metering.components;
      write(store.addSession(session, { ...clockPair() }));
      write(store.addComponents(session, known));
    }
    // a reading without a description could not be told what it is of
    const series = batch.series.filter(({ key }) =>
      known.some((component) => component.key === key),
    );
    if (series.length > 0) write(store.addSamples({ ...batch, series }));
  });

  return {
    write,
    // the store answers in order: the last answer is the answer to all
    flush: async () => void (await last),
    close: stopListening,
  };
}
