/**
 * Has the curves of long runs thinned and kept: of a run that ends at once, of runs from elsewhere or from
 * before this was done while nothing is measured, so that it is in nobody's readings.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventBus } from '../events.ts';
import type { Store } from '../store/store.ts';

type Keeping = Pick<Store, 'keepCurves' | 'runsWithoutCurves'>;

/** All pieces of one run; the store answers others between them. */
export async function keepCurves(store: Pick<Store, 'keepCurves'>, id: number): Promise<void> {
  while (await store.keepCurves(id));
}

export interface CurveKeeper {
  /** Looks for runs whose curves are missing, and goes on until there is none. */
  wake(): void;
  close(): Promise<void>;
}

interface Options {
  store: Keeping;
  events: Pick<EventBus, 'listen'>;
  /** A run is measured now. */
  busy: () => boolean;
  log: (line: string) => void;
}

/** Between two pieces: a page that is opened meanwhile waits for at most one of them. */
const restMs = 20;

export function createCurveKeeper({ store, events, busy, log }: Options): CurveKeeper {
  let closed = false;
  let wanted = false;
  let first = true;
  let work: Promise<void> | null = null;

  const keepAll = async (): Promise<void> => {
    while (wanted && !closed && !busy()) {
      wanted = false;
      const missing = await store.runsWithoutCurves(first);
      first = false;
      for (const id of missing) {
        let more = true;
        while (more && !closed && !busy()) {
          more = await store.keepCurves(id);
          await sleep(restMs);
        }
      }
    }
  };
  const wake = (): void => {
    wanted = true;
    if (closed || busy()) return;
    work ??= keepAll()
      .catch((cause: unknown) => log(`Curves were not kept: ${String(cause)}`))
      .finally(() => (work = null));
  };
  // a run that was imported or copied is told like one that ended
  const stopListening = events.listen(({ event }) => {
    if (event === 'run' || event === 'runs') wake();
  });

  return {
    wake,
    close: async () => {
      closed = true;
      stopListening();
      await work;
    },
  };
}
