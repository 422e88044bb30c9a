/**
 * Rehearsals on this machine: a trainer process times a config's own programs for some seconds while the
 * meter reads, and what it tells is kept, by everything that a step's time depends on.
 */
import { AppError, type ExperimentConfig, type ErrorCode } from '../../contract.ts';
import type {
  FromTrainer,
  Rehearsal,
  RehearsalLength,
  ToTrainer,
  TrainerError,
} from '../../trainer/messages.ts';
import { cardsOf, countsIn, runCards } from '../energy/cards.ts';
import type { Metering } from '../metering.ts';
import { LiveEnergy } from '../runs/live-energy.ts';
import type { RunQueue } from '../runs/queue.ts';
import type { SampleHub } from '../runs/samples.ts';
import type { Spawn, Worker } from '../spawn.ts';
import type { Store } from '../store/store.ts';
import { forecast } from './forecast.ts';
import { measuredCost, shapeOf, type MeasuredCost, type Place } from './run-cost.ts';

export interface Rehearsals {
  /**
   * Trains the config for some seconds and keeps what that tells.
   * @throws AppError CONFLICT while anything runs or is rehearsed; whatever would end the run otherwise
   */
  measure(config: ExperimentConfig, place: Place, signal: AbortSignal): Promise<MeasuredCost>;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

export interface RehearsalOptions {
  store: Pick<Store, 'recall' | 'remember'>;
  metering: Metering;
  samples: SampleHub;
  queue: Pick<RunQueue, 'hold'>;
  spawn: Spawn;
  trainerEntry: string;
  dataDir: string;
  /** Resolves when the program does nothing else that takes power. */
  quiet(): Promise<void>;
  /** For tests: shorter ones. */
  length?: RehearsalLength;
  /** What is being done. */
  tell(label: string | null): void;
}

const usual: RehearsalLength = { warmUp: 3, steps: 10, seconds: 5, mostSeconds: 30 };
const setting = 'calibrations';
/** Kept at a time, the latest. */
const most = 100;
/** Drawing or decoding a large dataset takes minutes; a driver that hangs must not hold the queue for ever. */
const patienceMs = 1_800_000;

/** What is kept of rehearsals, by the shape of their config. */
export const rehearsedHere = async (
  store: Pick<Store, 'recall'>,
): Promise<Record<string, MeasuredCost>> =>
  ((await store.recall([setting]))[setting] ?? {}) as Record<string, MeasuredCost>;

export function createRehearsals(options: RehearsalOptions): Rehearsals {
  const { store, metering, queue } = options;
  let worker: Worker<ToTrainer> | null = null;
  let closed = false;

  const known = (): ReturnType<typeof rehearsedHere> => rehearsedHere(store);

  const rehearsal = async (
    config: ExperimentConfig,
    env: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Rehearsal> => {
    signal.throwIfAborted();
    let heard: Rehearsal | null = null;
    let failure: TrainerError | null = null;
    worker = options.spawn<ToTrainer, FromTrainer>(
      options.trainerEntry,
      'rehearsal',
      (message) => {
        if (message.type === 'rehearsed') heard = message.rehearsal;
        if (message.type === 'failed') failure = message.error;
        if (message.type === 'progress') options.tell(message.label);
      },
      env,
    );
    const own = worker;
    own.post({
      type: 'rehearse',
      config,
      dataDir: options.dataDir,
      length: options.length ?? usual,
    });
    const kill = (): void => own.kill();
    signal.addEventListener('abort', kill);
    const timer = setTimeout(kill, patienceMs);
    const exit = await own.exited;
    clearTimeout(timer);
    signal.removeEventListener('abort', kill);
    worker = null;
    if (heard) return heard;
    if (closed || signal.aborted)
      throw new AppError('CANCELLED', 'The measurement was broken off.');
    const problem = failure as TrainerError | null;
    throw new AppError(
      problem && passedOn.has(problem.code) ? (problem.code as ErrorCode) : 'ENGINE',
      problem?.message ??
        `The measurement ended with ${exit.signal ?? `exit code ${exit.code}`}: ${own.lastLines().at(-1) ?? 'it said nothing'}`,
      problem?.hint ??
        (exit.signal === 'SIGKILL'
          ? 'The system may have run out of memory: try a smaller batch.'
          : null),
    );
  };

  return {
    measure: async (config, place, signal) => {
      const release = queue.hold();
      if (!release || worker) {
        release?.();
        throw new AppError(
          'CONFLICT',
          'Something runs or waits in the queue, so nothing can be measured beside it.',
          'Wait for its end or stop it, then measure.',
        );
      }
      const power = new LiveSampling(options);
      try {
        options.tell('Waiting for the sensors');
        await Promise.all([metering.known, options.quiet()]);
        const cards = runCards(
          { gpu: config.compute.gpu, engine: place.engine },
          process.env,
          cardsOf(metering.inventory, metering.components),
        );
        const found = await rehearsal(
          place.engine === null
            ? config
            : { ...config, compute: { ...config.compute, engine: place.engine } },
          cards.env,
          signal,
        );
        // the last samples are on their way
        await metering.mark();
        const watts = power.watts(found, countsIn(cards));
        const measured = measuredCost(found, forecast(config), watts);
        const key = shapeOf(config, { ...place, engine: measured.engine });
        const others = Object.entries(await known()).filter(([other]) => other !== key);
        const latest = others.toSorted(([, a], [, b]) => b.at - a.at).slice(0, most - 1);
        await store.remember({ [setting]: Object.fromEntries([[key, measured], ...latest]) });
        return measured;
      } finally {
        power.end();
        options.tell(null);
        release();
      }
    },
    close: async () => {
      closed = true;
      const own = worker;
      own?.kill();
      await own?.exited;
    },
  };
}

/** Power while steps were timed. */
class LiveSampling {
  readonly #energy = new LiveEnergy();
  readonly #metering: Metering;
  readonly end: () => void;

  constructor({ samples, metering }: Pick<RehearsalOptions, 'samples' | 'metering'>) {
    this.#metering = metering;
    this.end = samples.listen((batch) => this.#energy.append(batch, metering.components));
  }

  /** Mean of all components that count, by the length of each stretch; null where none was read. */
  watts(
    { stages }: Rehearsal,
    counts: (key: string, kind: Metering['components'][number]['kind']) => boolean,
  ): number | null {
    let [joules, seconds] = [0, 0];
    for (const { from, to } of stages.flatMap(({ steps }) => steps)) {
      const means = this.#energy.meanWatts(from, to);
      const own = this.#metering.components.flatMap(({ key, kind }) =>
        counts(key, kind) ? (means[key] ?? []) : [],
      );
      if (own.length === 0) continue;
      joules += (own.reduce((sum, watts) => sum + watts, 0) * (to - from)) / 1e6;
      seconds += (to - from) / 1e6;
    }
    return seconds > 0 ? joules / seconds : null;
  }
}

/** What a trainer says in the contract's own codes. */
const passedOn: ReadonlySet<string> = new Set<ErrorCode>([
  'BAD_INPUT',
  'CONFLICT',
  'UNAVAILABLE',
  'DATASET',
  'ENGINE',
  'DISK_FULL',
  'CANCELLED',
]);
