/**
 * The calibration of the whole machine against a meter at the socket, step by step: one point at idle,
 * one under load, the line through both, kept for this machine with the sensors that it was measured with.
 *
 * Nothing else may run while a point is measured: the queue is held at idle, and under load exactly one
 * run is active, because runs train one at a time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AppError,
  wireError,
  type Calibration,
  type CalibrationPoint,
  type KeptCalibration,
  type PlugAddress,
} from '../../contract.ts';
import type { ComponentInfo } from '../../meter/messages.ts';
import { monotonicMicros } from '../../port.ts';
import type { EventBus } from '../events.ts';
import type { Metering } from '../metering.ts';
import { LiveEnergy } from '../runs/live-energy.ts';
import { ProcessorLoad } from '../runs/processor-load.ts';
import type { RunQueue } from '../runs/queue.ts';
import type { SampleHub } from '../runs/samples.ts';
import type { Store } from '../store/store.ts';
import type { WallCalibration } from './account.ts';
import { openPlug, type Plug } from './plugs.ts';
import { PlugWatch, type PlugEnergy } from './plug-watch.ts';
import { fitWall } from './wall.ts';

export type Which = 'idle' | 'load';

export interface Calibrator {
  get(): Calibration;
  /** @throws AppError CONFLICT while a point is measured, and what `openPlug` throws */
  start(source: PlugAddress | null): Promise<Calibration>;
  /**
   * Begins to measure a point and resolves at once; the rest comes as events.
   * @throws AppError CONFLICT
   */
  measure(order: {
    which: Which;
    seconds?: number | undefined;
    settleSeconds?: number | undefined;
  }): Promise<Calibration>;
  /** @throws AppError CONFLICT without a session */
  read(which: Which, wallWatts: number): Calibration;
  /** @throws AppError CONFLICT while a point is missing, BAD_INPUT where they give no line */
  finish(): Promise<Calibration>;
  cancel(): Promise<Calibration>;
  forget(): Promise<Calibration>;
  /**
   * Brings back the one that was forgotten last, or the measurement that was ended last.
   * @throws AppError CONFLICT where there is none, or another has been begun or kept since
   */
  restore(what: 'kept' | 'session'): Promise<Calibration>;
  /** What is true of this machine as it is read now; null: nothing. */
  present(): WallCalibration | null;
  close(): Promise<void>;
}

/** A run that does nothing but load the machine. */
export interface LoadRuns {
  /** Queues one; its number. */
  start(): Promise<number>;
  stop(id: number): Promise<void>;
}

interface Options {
  store: Pick<Store, 'recall' | 'remember' | 'getSummary'>;
  metering: Pick<Metering, 'inventory' | 'components' | 'known' | 'mark'>;
  samples: SampleHub;
  events: EventBus;
  queue: Pick<RunQueue, 'active' | 'hold'>;
  load: LoadRuns;
  /** Resolves when the program does nothing else that takes power. */
  quiet(): Promise<void>;
}

/** How long a point is measured where nobody says. */
export const usualSeconds: Record<Which, number> = { idle: 30, load: 60 };
const usualSettleSeconds = 10;
/** Mean powers of two stretches that follow each other differ by less when the load is steady. */
const steadyShare = 0.03;
/** A load that is not steady by then is measured all the same, and the point says so. */
const settlePatience = 12;
const tickMs = 500;
/** An idle machine's processor is less busy than this, percent. */
const idlePercent = 20;
/** Share of the stretch that the plug must have answered for. */
const leastCovered = 0.8;

const setting = 'calibrations';

/** One of the calibrations in the data folder, which several machines may share. */
interface Kept {
  hostname: string;
  board: string | null;
  sensors: Record<string, string>;
  calibration: Omit<KeptCalibration, 'stale'>;
}

type Session = NonNullable<Calibration['session']>;

export async function createCalibrator(options: Options): Promise<Calibrator> {
  const { store, metering, samples, events, queue } = options;
  let all = keptOf((await store.recall([setting]))[setting]);
  let session: Session | null = null;
  let plug: Plug | null = null;
  /** Gone by a click, which may have been a mistake. */
  const gone: { kept: Kept | null; session: Session | null } = { kept: null, session: null };
  let abort = new AbortController();
  let work: Promise<void> = Promise.resolve();

  const mine = (): Kept | null => {
    const { inventory } = metering;
    return inventory ? (all.find((kept) => sameMachine(kept, inventory)) ?? null) : null;
  };

  const get = (): Calibration => {
    const kept = mine();
    // a copy: the session goes on changing
    const now = structuredClone(session);
    if (!kept) return { kept: null, session: now };
    const stale = changeOf(kept.sensors, metering.components);
    return { kept: { ...kept.calibration, stale }, session: now };
  };
  const tell = (): void => events.emit('calibration', get());

  const opened = (): Session => {
    if (!session)
      throw new AppError('CONFLICT', 'No calibration has been begun.', 'Begin one first.');
    return session;
  };
  const idleHands = (): Session => {
    const own = opened();
    if (own.measuring)
      throw new AppError(
        'CONFLICT',
        'A point is being measured.',
        'Wait until it is there, or cancel.',
      );
    return own;
  };

  /** Both points there: the line, or why there is none. */
  const fit = (own: Session): void => {
    own.result = own.refusal = null;
    const points = [own.idle, own.load].flatMap((point) =>
      point && point.wallWatts !== null
        ? [{ countedWatts: point.countedWatts, wallWatts: point.wallWatts }]
        : [],
    );
    if (points.length < 2) return;
    try {
      const { warnings, ...line } = fitWall(points);
      const remarks = [...(own.idle?.remarks ?? []), ...(own.load?.remarks ?? [])];
      const guest = metering.inventory?.virtual
        ? [
            'This is a virtual machine: a meter at the socket of its host reads everything else there, too.',
          ]
        : [];
      own.result = { ...line, warnings: [...warnings, ...remarks, ...guest] };
    } catch (cause) {
      own.refusal = words(cause);
    }
  };

  const keep = async (next: Kept[]): Promise<Calibration> => {
    await store.remember({ [setting]: next });
    all = next;
    tell();
    return get();
  };
  const others = (): Kept[] => all.filter((kept) => kept !== mine());

  const halt = async (): Promise<void> => {
    abort.abort();
    await work;
  };

  /** Measures one point from beginning to end; what goes wrong is put into the session. */
  const point = async (
    own: Session,
    order: { which: Which; seconds: number; settleSeconds: number },
    run: { id: number; own: boolean } | null,
    release: () => void,
  ): Promise<void> => {
    const { which, seconds, settleSeconds } = order;
    const { signal } = abort;
    const before = own[which];
    // ten readings at least, however short the stretch
    const watch = plug && new PlugWatch(plug, Math.min(1000, seconds * 100));
    const energy = new LiveEnergy();
    const stops = [
      samples.listen((batch) => energy.append(batch, metering.components)),
      run ? failWhenOver(events, run.id, abort) : () => {},
    ];
    let stage: NonNullable<Session['measuring']>['stage'] = 'starting';
    let began = monotonicMicros();
    let length = 0;
    const show = (): void => {
      const now = monotonicMicros();
      own.measuring = {
        which,
        stage,
        elapsed: Math.min((now - began) / 1e6, length || Infinity),
        seconds: length,
        countedWatts: total(energy.meanWatts(now - 3e6, now)),
        wallWatts: watch?.watts(now) ?? null,
        run: run?.id ?? null,
      };
      if (watch) own.plug = { name: watch.plug.name, watts: watch.watts(now) };
      tell();
    };
    const enter = (next: typeof stage, of: number): void => {
      stage = next;
      began = monotonicMicros();
      length = of;
      show();
    };
    const ticker = setInterval(show, tickMs);
    try {
      enter('starting', 0);
      await orAborted(metering.known, signal);
      if (run) await orAborted(training(options, run), signal);
      // looking for engines takes the processor
      else await orAborted(options.quiet(), signal);

      enter('settling', settleSeconds);
      const remarks: string[] = [];
      const steady = await settled(energy, settleSeconds, signal);
      if (!steady && which === 'load')
        remarks.push('The load was not steady: its power still changed while it was measured.');

      const load = new ProcessorLoad(monotonicMicros());
      stops.push(samples.listen((batch) => load.append(batch, metering.components)));
      enter('measuring', seconds);
      const from = await metering.mark();
      await sleep(seconds * 1000, null, { signal });
      const to = await metering.mark();

      const wall = watch ? await meterPower(watch, from, to) : null;
      // both over the same stretch
      const countedWatts = total(energy.meanWatts(wall?.from ?? from, wall?.to ?? to));
      if (countedWatts === null || countedWatts <= 0)
        throw new AppError(
          'UNAVAILABLE',
          'No power was read from any component of this machine.',
          'The page of this machine says which sources there are and what keeps them from reading.',
        );
      const busy = load.meanPercent;
      if (which === 'idle' && busy !== null && busy > idlePercent)
        remarks.push(
          `The machine was busy at idle (processor ${Math.round(busy)} %): other programs were at work.`,
        );
      // what was typed before this stretch was read in another one
      const now = own[which];
      const typed = now !== before && now?.by === 'typed' ? now.wallWatts : null;
      own[which] = {
        countedWatts,
        wallWatts: wall ? wall.joules / wall.covered : typed,
        seconds: ((wall?.to ?? to) - (wall?.from ?? from)) / 1e6,
        by: wall ? wall.by : typed === null ? null : 'typed',
        remarks,
      };
      fit(own);
    } catch (cause) {
      // cancelled by the person, or by the end of the load
      const reason: unknown = signal.reason;
      own.error = signal.aborted && !(reason instanceof AppError) ? null : words(reason ?? cause);
    } finally {
      clearInterval(ticker);
      for (const stop of stops) stop();
      await watch?.stop();
      // it may have ended by itself
      if (run?.own) await options.load.stop(run.id).catch(() => {});
      release();
      own.measuring = null;
      tell();
    }
  };

  return {
    get,
    start: async (source) => {
      if (session?.measuring) idleHands();
      const found = source && (await openPlug(source));
      if (session?.measuring) idleHands();
      plug = found?.plug ?? null;
      // its plug is another now
      gone.session = null;
      session = {
        source,
        plug: found && { name: found.plug.name, watts: found.first.watts },
        idle: null,
        load: null,
        measuring: null,
        error: null,
        result: null,
        refusal: null,
      };
      tell();
      return get();
    },
    measure: async (order) => {
      const own = idleHands();
      const { which, seconds = usualSeconds[which], settleSeconds = usualSettleSeconds } = order;
      let release = (): void => {};
      let run: { id: number; own: boolean } | null = null;
      own.error = null;
      if (which === 'idle') {
        const held = queue.hold();
        if (!held)
          throw new AppError(
            'CONFLICT',
            'A run is under way or waits in the queue, so this machine is not idle.',
            'Wait for its end or stop it, then measure.',
          );
        release = held;
      }
      abort = new AbortController();
      // from here on nothing else may begin
      own.measuring = blank(which);
      try {
        if (which === 'load')
          run =
            queue.active === null
              ? { id: await options.load.start(), own: true }
              : { id: queue.active, own: false };
      } catch (cause) {
        own.measuring = null;
        tell();
        throw cause;
      }
      work = point(own, { which, seconds, settleSeconds }, run, release);
      return get();
    },
    read: (which, wallWatts) => {
      const own = opened();
      if (own.source !== null)
        throw new AppError('CONFLICT', 'The plug is read by the program; nothing is typed in.');
      const before = own[which];
      if (!before)
        throw new AppError(
          'CONFLICT',
          'This point has not been measured yet.',
          'Measure it, then type in what the meter showed meanwhile.',
        );
      own[which] = { ...before, wallWatts, by: 'typed' };
      fit(own);
      tell();
      return get();
    },
    finish: async () => {
      const own = idleHands();
      const { inventory, components } = metering;
      fit(own);
      if (own.refusal) throw new AppError('BAD_INPUT', own.refusal.message, own.refusal.hint);
      if (!own.result || !own.idle || !own.load || !inventory)
        throw new AppError(
          'CONFLICT',
          'The calibration is not complete.',
          'It needs a point at idle and one under load, each with what the meter showed.',
        );
      const kept: Kept = {
        hostname: inventory.hostname,
        board: inventory.board,
        sensors: sensorsOf(components),
        calibration: {
          ...own.result,
          at: Date.now(),
          method: own.plug?.name ?? 'typed in',
          idle: own.idle,
          load: own.load,
        },
      };
      session = null;
      return keep([...others(), kept]);
    },
    cancel: async () => {
      await halt();
      if (session?.idle || session?.load) gone.session = session;
      session = null;
      tell();
      return get();
    },
    forget: () => {
      const kept = mine();
      if (kept) gone.kept = kept;
      return keep(others());
    },
    restore: async (what) => {
      const { kept, session: ended } = gone;
      if (what === 'kept' ? !kept || mine() : !ended || session)
        throw new AppError('CONFLICT', 'There is no calibration to bring back.');
      gone[what] = null;
      if (what === 'kept') return keep([...all, kept!]);
      session = ended;
      tell();
      return get();
    },
    present: () => {
      const { kept } = get();
      if (!kept || kept.stale !== null) return null;
      const { baseWatts, factor, at: calibratedAt, method } = kept;
      return { baseWatts, factor, calibratedAt, method };
    },
    close: halt,
  };
}

const blank = (which: Which): Session['measuring'] => ({
  which,
  stage: 'starting',
  elapsed: 0,
  seconds: 0,
  countedWatts: null,
  wallWatts: null,
  run: null,
});

const words = (cause: unknown): { message: string; hint: string | null } => {
  const { message, hint } = wireError(cause);
  return { message, hint };
};

/** @throws what the signal was aborted with */
async function orAborted(done: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await Promise.race([
    done,
    new Promise<never>((_, reject) => {
      const fail = (): void => reject(signal.reason as Error);
      if (signal.aborted) fail();
      else signal.addEventListener('abort', fail, { once: true });
    }),
  ]);
}

/** The end of the load before the point is there ends the measurement, with the reason. */
function failWhenOver(events: EventBus, id: number, abort: AbortController): () => void {
  return events.listen(({ event, data }) => {
    if (event !== 'run') return;
    const run = data as { id: number; status: string; error: { message: string } | null };
    if (run.id !== id || ['queued', 'baseline', 'running'].includes(run.status)) return;
    abort.abort(
      new AppError(
        'CONFLICT',
        `The run that was the load ended before the point was measured${run.error ? `: ${run.error.message}` : '.'}`,
        'Measure under load again.',
      ),
    );
  });
}

/** Resolves once the run trains: what comes before (data, compiling) is another load. */
async function training(
  { events, store }: Pick<Options, 'events' | 'store'>,
  run: { id: number; own: boolean },
): Promise<void> {
  const trains = Promise.withResolvers<void>();
  const stop = events.listen(({ event, data }) => {
    if (event === 'run.steps' && (data as { id: number }).id === run.id) trains.resolve();
  });
  try {
    const { step } = await store.getSummary(run.id);
    if (run.own || step === null) await trains.promise;
  } finally {
    stop();
  }
}

/** True once two stretches that follow each other have the same mean power; false when that never came. */
async function settled(energy: LiveEnergy, seconds: number, signal: AbortSignal): Promise<boolean> {
  const began = monotonicMicros();
  const stretch = seconds * 1e6;
  for (;;) {
    await sleep(Math.min(1000, seconds * 500), null, { signal });
    const now = monotonicMicros();
    if (now - began >= 2 * stretch) {
      const before = total(energy.meanWatts(now - 2 * stretch, now - stretch));
      const after = total(energy.meanWatts(now - stretch, now));
      if (before !== null && after !== null && Math.abs(after - before) <= steadyShare * before)
        return true;
    }
    if (now - began >= settlePatience * stretch) return false;
  }
}

/** @throws AppError UNAVAILABLE where the plug was silent for too much of the time */
async function meterPower(watch: PlugWatch, from: number, to: number): Promise<PlugEnergy> {
  const energy = watch.between(from, to);
  const asked = (to - from) / 1e6;
  // a reading a second cuts up to a second from both ends
  if (energy && (energy.by === 'counter' || energy.covered >= leastCovered * asked - 2))
    return energy;
  const why = watch.problem ? ` ${watch.problem.message}` : '';
  throw new AppError(
    'UNAVAILABLE',
    `${watch.plug.name} answered for ${(energy?.covered ?? 0).toFixed(0)} of ${asked.toFixed(0)} s only.${why}`,
    watch.problem?.hint ?? 'Is its connection weak? Measure again, or type the readings in.',
  );
}

/** Sum over the components that are read; null where none is. */
function total(watts: Record<string, number | null>): number | null {
  const read = Object.values(watts).filter((value) => value !== null);
  return read.length === 0 ? null : read.reduce((a, b) => a + b, 0);
}

// --- which machine, which sensors -----------------------------------------------------------------

const sameMachine = (
  kept: Pick<Kept, 'hostname' | 'board'>,
  { hostname, board }: { hostname: string; board: string | null },
): boolean =>
  kept.hostname === hostname && (kept.board === board || kept.board === null || board === null);

/**
 * What a component's figures rest on. Where no sensor is behind them, that is the model with its
 * figures; a sensor's own words may change from one start to the next and do not count.
 */
const sensorsOf = (components: readonly ComponentInfo[]): Record<string, string> =>
  Object.fromEntries(
    components.map(({ key, name, source, provenance, method }) => {
      const made = provenance === 'modelled' || provenance === 'constant';
      return [key, `${name}, ${source}, ${provenance}${made ? `, ${method}` : ''}`];
    }),
  );

/** What has changed since, in a sentence; null: nothing. */
function changeOf(
  sensors: Record<string, string>,
  components: readonly ComponentInfo[],
): string | null {
  const now = sensorsOf(components);
  const changes = [...new Set([...Object.keys(sensors), ...Object.keys(now)])].flatMap((key) => {
    const [before, after] = [sensors[key], now[key]];
    if (before === after) return [];
    if (after === undefined) return [`${before} is not read any more`];
    return before === undefined ? [`${after} is read now`] : [`${before} is now ${after}`];
  });
  return changes.length === 0
    ? null
    : `What is read of this machine has changed since: ${changes.join('; ')}. Calibrate again.`;
}

/** What an older or newer program left and that is not understood counts as none. */
function keptOf(stored: unknown): Kept[] {
  if (!Array.isArray(stored)) return [];
  return (stored as Partial<Kept>[]).filter((kept): kept is Kept => {
    const { baseWatts, factor, at, idle, load, warnings } = kept?.calibration ?? {};
    return (
      typeof kept?.hostname === 'string' &&
      typeof kept.sensors === 'object' &&
      [baseWatts, factor, at].every(Number.isFinite) &&
      validPoint(idle) &&
      validPoint(load) &&
      Array.isArray(warnings)
    );
  });
}

const validPoint = (point: CalibrationPoint | undefined): boolean =>
  typeof point === 'object' && Number.isFinite(point.countedWatts) && Array.isArray(point.remarks);
