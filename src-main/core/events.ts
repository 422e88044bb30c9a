/** Events of the host to every shell: typed at the source, numbered so that a listener sees a gap. */
import type { EventName, Events, WireEvent } from '../contract.ts';

export interface EventBus {
  emit<K extends EventName>(event: K, data: Events[K]): void;
  /** Returns the function that ends the subscription. */
  listen(hear: (event: WireEvent) => void): () => void;
}

export function createEvents(): EventBus {
  const listeners = new Set<(event: WireEvent) => void>();
  let seq = 0;
  return {
    emit: (event, data) => {
      seq++;
      for (const hear of listeners) hear({ event, seq, data });
    },
    listen: (hear) => {
      // a function of its own, so that the same listener may be added twice
      const own = (event: WireEvent): void => hear(event);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
  };
}
