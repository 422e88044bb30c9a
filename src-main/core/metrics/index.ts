/** The program's own metrics page: gathered when asked, served where a person wants it. */
import type { Events, RunSummary } from '../../contract.ts';
import type { EventBus } from '../events.ts';
import type { Metering } from '../metering.ts';
import type { SampleHub } from '../runs/samples.ts';
import type { Store } from '../store/store.ts';
import { exposition } from './exposition.ts';
import { families, type RunState } from './families.ts';
import { latestReadings } from './latest.ts';
import {
  listenForMetrics,
  metricsAddress,
  type MetricsAddress,
  type MetricsListener,
} from './listener.ts';

export { defaultMetricsPort, metricsAddress } from './listener.ts';

export interface Metrics {
  text(): Promise<string>;
  /** Serves at an address, and no longer where it did before; null: nowhere. @throws AppError */
  serve(address: string | null): Promise<Pick<MetricsListener, 'url' | 'warning'> | null>;
  close(): Promise<void>;
}

/** Every run that ever was would be a series for ever. */
const lastRuns = 20;

export function createMetrics({
  store,
  metering,
  samples,
  events,
  version,
}: {
  store: Pick<Store, 'listRuns' | 'getRun'>;
  metering: Pick<Metering, 'components' | 'sources' | 'overhead'>;
  samples: SampleHub;
  events: EventBus;
  version: string;
}): Metrics {
  const latest = latestReadings();
  let going: Events['run.energy'] | null = null;
  /** Of runs that have ended: what was read does not change any more. */
  const coverages = new Map<string, number | null>();
  let listener: MetricsListener | null = null;
  let servedAt: MetricsAddress | null = null;
  let stopListening: (() => void)[] = [];
  const startedAt = Date.now() / 1000 - process.uptime();

  const runState = async (summary: RunSummary): Promise<RunState> => {
    const { id, endedAt } = summary;
    if (endedAt === null) {
      const now = going?.id === id ? going : null;
      return { summary, wh: now?.wh ?? null, gCO2e: now?.gCO2e ?? null, coverage: null };
    }
    // a run that is resumed ends once more
    const ended = `${id} ${endedAt}`;
    if (!coverages.has(ended))
      coverages.set(ended, (await store.getRun(id)).energy?.coverage ?? null);
    return { summary, wh: summary.wh, gCO2e: summary.gCO2e, coverage: coverages.get(ended)! };
  };

  const text = async (): Promise<string> => {
    const runs = await store.listRuns();
    const shown = runs.filter(
      ({ status, startedAt: began, copyOf }) =>
        // a sum over runs would count the joules of a copy at another price twice
        status !== 'imported' && status !== 'queued' && began !== null && copyOf === null,
    );
    const states: RunState[] = [];
    for (const summary of shown.slice(0, lastRuns)) states.push(await runState(summary));
    const { user, system } = process.cpuUsage();
    return exposition(
      families({ components: metering.components, sources: metering.sources, latest }, states, {
        version,
        overhead: metering.overhead,
        cpuSeconds: (user + system) / 1e6,
        startedAt,
        residentBytes: process.memoryUsage.rss(),
      }),
    );
  };

  const stop = async (): Promise<void> => {
    for (const end of stopListening) end();
    stopListening = [];
    const old = listener;
    listener = null;
    servedAt = null;
    await old?.close();
  };

  const listen = async (address: MetricsAddress): Promise<MetricsListener> => {
    const own = await listenForMetrics(address, text);
    listener = own;
    servedAt = address;
    stopListening = [
      samples.listen(latest.push),
      events.listen(({ event, data }) => {
        if (event === 'run.energy') going = data as Events['run.energy'];
      }),
    ];
    // a meter that sleeps until it is asked for begins now
    void metering.sources;
    return own;
  };

  return {
    text,
    serve: async (address) => {
      const wanted = address === null ? null : metricsAddress(address);
      const before = servedAt;
      await stop();
      if (!wanted) return null;
      try {
        return await listen(wanted);
      } catch (cause) {
        // an address that cannot be had costs nobody the one that was there
        if (before) await listen(before).catch(() => null);
        throw cause;
      }
    },
    close: stop,
  };
}
