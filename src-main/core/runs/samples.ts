/**
 * Where the meter's samples go: to whoever listens for the moment. The store takes them only from the
 * baseline of a run to its end; an idle program writes nothing.
 */
import type { SampleBatch } from '../../meter/messages.ts';

export interface SampleHub {
  push(batch: SampleBatch): void;
  /** Returns the function that ends it. */
  listen(hear: (batch: SampleBatch) => void): () => void;
}

export function sampleHub(): SampleHub {
  const listeners = new Set<(batch: SampleBatch) => void>();
  return {
    push: (batch) => {
      for (const hear of listeners) hear(batch);
    },
    listen: (hear) => {
      listeners.add(hear);
      return () => void listeners.delete(hear);
    },
  };
}
