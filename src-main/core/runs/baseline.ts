/** The machine's idle power: its mean power over a stretch in which this program does nothing else. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../contract.ts';
import type { EventBus } from '../events.ts';
import type { Metering } from '../metering.ts';
import type { Store } from '../store/store.ts';
import { rememberedIdle } from './idle.ts';
import { LiveEnergy } from './live-energy.ts';
import { baselineProblem, ProcessorLoad } from './processor-load.ts';
import type { RunQueue } from './queue.ts';
import type { SampleHub } from './samples.ts';

export interface Baseline {
  /** Monotonic microseconds. */
  from: number;
  to: number;
  /** By component; null: not read. */
  watts: Record<string, number | null>;
  /** Why it cannot be believed; null when it can. */
  problem: string | null;
}

interface Sensors {
  metering: Pick<Metering, 'components' | 'mark'>;
  samples: SampleHub;
}

/**
 * Measures for so many seconds, or until it is broken off.
 * @param began hears of the moment from which on it is measured
 */
export async function measureBaseline(
  { metering, samples }: Sensors,
  seconds: number,
  signal: AbortSignal,
  began: (from: number) => void = () => {},
): Promise<Baseline> {
  const energy = new LiveEnergy();
  let load: ProcessorLoad | null = null;
  const stopListening = samples.listen((batch) => {
    energy.append(batch, metering.components);
    load?.append(batch, metering.components);
  });
  try {
    const from = await metering.mark();
    load = new ProcessorLoad(from);
    began(from);
    await sleep(seconds * 1000, null, { signal }).catch(() => {});
    const to = await metering.mark();
    const watts = energy.meanWatts(from, to);
    return { from, to, watts, problem: baselineProblem(watts, load.meanPercent) };
  } finally {
    stopListening();
  }
}

interface Options extends Sensors {
  metering: Pick<Metering, 'components' | 'known' | 'mark'>;
  store: Pick<Store, 'remember'>;
  events: Pick<EventBus, 'emit'>;
  queue: Pick<RunQueue, 'hold'>;
  /** Resolves when the program does nothing else that takes power. */
  quiet(): Promise<void>;
}

/**
 * Measures it by itself, without a run, and remembers it. Runs that are added meanwhile wait.
 * @throws AppError CONFLICT while a run is under way or about to start, or when the machine was busy;
 *   CANCELLED when it was broken off
 */
export async function measureIdle(
  { store, events, queue, quiet, ...sensors }: Options,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const release = queue.hold();
  if (!release)
    throw new AppError(
      'CONFLICT',
      'Idle power cannot be measured while a run is under way or about to start.',
      'Wait until the queue is empty, or pause it.',
    );
  try {
    await Promise.all([sensors.metering.known, quiet()]);
    const { watts, problem } = await measureBaseline(sensors, seconds, signal);
    if (signal.aborted) throw new AppError('CANCELLED', 'It was cancelled.');
    if (problem !== null)
      throw new AppError(
        'CONFLICT',
        problem,
        'Nothing was kept. Close what keeps the machine busy and measure again.',
      );
    await store.remember({ idle: rememberedIdle(watts, sensors.metering.components) });
    events.emit('machine', {});
  } finally {
    release();
  }
}
