/**
 * The host's end of the meter process: keeps it alive, remembers what it last said, and hands its
 * samples on. When a driver library takes the meter down, a new one (a new session) is started after a
 * growing pause; what was measured before stays measured, and the time between is a gap.
 */
import type { ComponentState, Overhead, PowerTrace } from '../contract.ts';
import {
  SampleFlag,
  type ComponentInfo,
  type FromMeter,
  type Inventory,
  type MeterSettings,
  type SampleBatch,
  type SourceStatus,
  type ToMeter,
} from '../meter/messages.ts';
import { monotonicMicros } from '../port.ts';
import { utcOf } from './clock.ts';
import type { Spawn, Worker } from './spawn.ts';

export interface MeteringOptions {
  spawn: Spawn;
  /** The meter's script. */
  entry: string;
  settings: MeterSettings;
  /** Sensors came or went. */
  changed: () => void;
  samples: (batch: SampleBatch) => void;
  notice: (
    level: 'info' | 'warning' | 'error',
    message: string,
    hint: string | null,
    key?: string | null,
    /** When it happened, monotonic microseconds; now where left out. */
    at?: number,
  ) => void;
  /** First pause before a restart in ms; doubled at every crash that follows soon. Default 1000. */
  restartMs?: number;
  /** A meter from which nothing was heard for so long hangs. Default 60 000. */
  silentMs?: number;
}

export interface Metering {
  readonly inventory: Inventory | null;
  readonly sources: SourceStatus[];
  readonly components: ComponentInfo[];
  /** What this program itself uses at present; null until it is known, or where it cannot be told. */
  readonly overhead: Overhead | null;
  /** Resolves once it is known what can be read, or that nothing will be. */
  readonly known: Promise<void>;
  /** The settings that differ only in the rate change it at once; others take a new session. */
  configure(settings: MeterSettings): void;
  /** Looks for sensors again. */
  probe(): void;
  /**
   * From here on the energy of these processes and all their descendants is told apart, beside that of this
   * program, which is told apart always. No processes: a new beginning, between runs.
   */
  watch(run: readonly number[]): void;
  /**
   * Reads every counter now. Resolves with the moment (monotonic microseconds) when all samples up to
   * it have been handed on; without an answer in time, with the present moment.
   */
  mark(): Promise<number>;
  /** The last seconds of power. */
  trace(seconds: number): PowerTrace;
  close(): Promise<void>;
}

const remembered = 600;
const markPatienceMs = 3000;
const longestPauseMs = 60_000;
/** Opening every sensor may take half of it. */
const usualSilentMs = 60_000;
/** Looks within the silence: after a standstill of the host itself only one of them is due. */
const looks = 6;
/** A meter that lived this long is not part of a series of crashes. */
const soundMs = 60_000;

export function startMetering(options: MeteringOptions): Metering {
  let settings = options.settings;
  let worker: Worker<ToMeter> | null = null;
  let inventory: Inventory | null = null;
  let sources: SourceStatus[] = [];
  let components: ComponentInfo[] = [];
  const recent: SampleBatch[] = [];
  let closed = false;
  let crashes = 0;
  let restart: NodeJS.Timeout | null = null;
  let lastMark = 0;
  let watched: ToMeter & { type: 'watch' } = { type: 'watch', run: [], program: [process.pid] };
  let described = new Description('');
  let usage: (FromMeter & { type: 'overhead' }) | null = null;
  const marks = new Map<number, (at: number) => void>();
  const known = Promise.withResolvers<void>();

  /** Looks since it was last heard of. */
  let unheard = 0;
  const silentMs = options.silentMs ?? usualSilentMs;
  const watchdog = setInterval(() => {
    if (worker === null || ++unheard !== looks) return;
    options.notice(
      'warning',
      `The meter has not said anything for ${Math.round(silentMs / 1000)} s: it hangs, most likely in a driver. It is ended and started again; power in between is missing.`,
      'Look at the kernel log (dmesg): a driver that does not answer is told there.',
    );
    worker.kill();
  }, silentMs / looks);
  watchdog.unref();

  const hear = (message: FromMeter): void => {
    unheard = 0;
    switch (message.type) {
      case 'inventory':
        inventory = message.inventory;
        options.changed();
        break;
      case 'sources':
        if (described.session !== message.session) described = new Description(message.session);
        described.heed(message.components);
        sources = message.sources;
        components = message.components;
        known.resolve();
        options.changed();
        break;
      case 'samples': {
        const batch = described.named(message.batch);
        remember(batch);
        options.samples(batch);
        break;
      }
      case 'overhead':
        usage = message;
        options.changed();
        break;
      case 'marked':
        settleMark(message.id, message.at);
        break;
      case 'event':
        options.notice(message.level, message.message, null, message.key, message.at);
    }
  };

  const remember = (batch: SampleBatch): void => {
    recent.push(batch);
    const oldest = (batch.t.at(-1) ?? 0) - remembered * 1e6;
    while ((recent[0]?.t.at(-1) ?? Infinity) < oldest) recent.shift();
  };

  const settleMark = (id: number, at: number): void => {
    marks.get(id)?.(at);
    marks.delete(id);
  };

  const start = (): void => {
    restart = null;
    const own = options.spawn<ToMeter, FromMeter>(options.entry, 'meter', hear);
    const began = Date.now();
    worker = own;
    unheard = 0;
    // first, so that no sample of a session is without
    own.post(watched);
    own.post({ type: 'start', settings });
    void own.exited.then(({ code, signal }) => {
      if (worker !== own) return;
      worker = null;
      usage = null;
      for (const id of [...marks.keys()]) settleMark(id, monotonicMicros());
      if (closed) return;
      if (Date.now() - began > soundMs) crashes = 0;
      const pause = Math.min(longestPauseMs, (options.restartMs ?? 1000) * 2 ** crashes++);
      const last = own.lastLines().at(-1);
      known.resolve();
      sources = sources.map((source) =>
        source.state === 'reading'
          ? { ...source, state: 'failed', detail: 'The meter process ended; it is started again.' }
          : source,
      );
      options.changed();
      options.notice(
        'warning',
        `The meter ended unexpectedly (${signal ?? `exit code ${code}`}) and is started again in ${(pause / 1000).toFixed(pause < 1000 ? 1 : 0)} s; power in between is missing.`,
        last ? `Its last words: ${last}` : null,
      );
      restart = setTimeout(start, pause);
      restart.unref();
    });
  };
  start();

  return {
    get inventory() {
      return inventory;
    },
    get sources() {
      return sources;
    },
    get components() {
      return components;
    },
    get overhead() {
      return usage && overheadOf(usage, recent, components);
    },
    known: known.promise,
    configure: (next) => {
      const onlyRate =
        JSON.stringify({ ...next, hz: 0 }) === JSON.stringify({ ...settings, hz: 0 });
      settings = next;
      worker?.post(onlyRate ? { type: 'rate', hz: next.hz } : { type: 'start', settings });
    },
    probe: () => worker?.post({ type: 'probe' }),
    watch: (run) => {
      watched = { ...watched, run: [...run] };
      worker?.post(watched);
    },
    mark: () => {
      if (!worker) return Promise.resolve(monotonicMicros());
      const id = ++lastMark;
      const answered = new Promise<number>((resolve) => marks.set(id, resolve));
      const timer = setTimeout(() => settleMark(id, monotonicMicros()), markPatienceMs);
      worker.post({ type: 'mark', id });
      return answered.finally(() => clearTimeout(timer));
    },
    trace: (seconds) => traceOf(recent, monotonicMicros() - seconds * 1e6),
    close: async () => {
      closed = true;
      clearInterval(watchdog);
      if (restart) clearTimeout(restart);
      if (!worker) return;
      const { exited } = worker;
      worker.post({ type: 'stop' });
      const timer = setTimeout(() => worker?.kill(), 3000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/**
 * A session of the meter in parts, in each of which a component is read in one way. What was recorded says
 * how by the part that it is of: a counter that is found, or lost, later does not relabel the runs before.
 */
class Description {
  readonly session: string;
  readonly #ways = new Map<string, string>();
  #part = 1;

  constructor(session: string) {
    this.session = session;
  }

  heed(components: readonly ComponentInfo[]): void {
    let changed = false;
    for (const { key, source, provenance } of components) {
      const way = `${source}, ${provenance}`;
      changed ||= (this.#ways.get(key) ?? way) !== way;
      this.#ways.set(key, way);
    }
    if (changed) this.#part++;
  }

  /** The batch under the name of the present part. */
  named(batch: SampleBatch): SampleBatch {
    if (this.#part === 1 || batch.session !== this.session) return batch;
    return { ...batch, session: `${batch.session}.${this.#part}` };
  }
}

/** At most, this program's own power is averaged over these seconds. */
const overheadSeconds = 30;

/** This program's part of the energy of each kind of component, over the last seconds, as power. */
function overheadOf(
  { at, cores, residentBytes }: FromMeter & { type: 'overhead' },
  batches: readonly SampleBatch[],
  components: readonly ComponentInfo[],
): Overhead {
  const session = batches.at(-1)?.session;
  const recent = batches.filter(
    (batch) => batch.session === session && batch.t[0]! >= at - overheadSeconds * 1e6,
  );
  const watts: Overhead['watts'] = {};
  let seconds = 0;
  for (const { key, kind } of components) {
    const points = recent.flatMap(({ t, series }) => {
      const parts = series.find((one) => one.key === key)?.programJoules;
      return t.map((time, i) => ({ time, joules: parts?.[i] ?? null }));
    });
    const [first, last] = [points[0], points.at(-1)];
    const own =
      first?.joules == null || last?.joules == null || last.time <= first.time
        ? null
        : ((last.joules - first.joules) * 1e6) / (last.time - first.time);
    if (own !== null) seconds = Math.max(seconds, (last!.time - first!.time) / 1e6);
    const before = watts[kind];
    watts[kind] =
      before === undefined ? own : before === null || own === null ? null : before + own;
  }
  return { cores, residentBytes, watts, seconds: Math.round(seconds) };
}

/** Power of some batches from a moment on, one column per component that any of them has. */
export function traceOf(batches: readonly SampleBatch[], from = -Infinity): PowerTrace {
  const latest: Record<string, ComponentState> = {};
  const trace: PowerTrace = { at: [], watts: {}, latest };
  for (const { t, series } of batches) {
    const first = t.findIndex((at) => at >= from);
    if (first < 0) continue;
    const before = trace.at.length;
    for (const at of t.slice(first)) trace.at.push(utcOf(at));
    for (const one of series) {
      const { key, watts } = one;
      latest[key] = stateOf(one, latest[key]);
      // a component that was not there before: missing until now
      const column = (trace.watts[key] ??= new Array<number | null>(before).fill(null));
      column.push(...watts.slice(first));
    }
    for (const column of Object.values(trace.watts))
      while (column.length < trace.at.length) column.push(null);
  }
  return trace;
}

/** The last of each; what is read less often than power stands until it is read again. */
function stateOf(
  series: SampleBatch['series'][number],
  before: ComponentState | undefined,
): ComponentState {
  const last = (column: (number | null)[] | undefined): number | null =>
    column?.findLast((value) => value !== null) ?? null;
  const flags = series.flags.at(-1) ?? 0;
  return {
    utilPercent: last(series.utilPercent) ?? before?.utilPercent ?? null,
    memoryMb: last(series.memoryMb) ?? before?.memoryMb ?? null,
    tempC: last(series.tempC) ?? before?.tempC ?? null,
    clockMhz: last(series.clockMhz) ?? before?.clockMhz ?? null,
    foreign: (flags & SampleFlag.foreign) !== 0,
    throttled: (flags & SampleFlag.throttled) !== 0,
  };
}
