/** The last reading of every component of the present meter session, for whoever asks now. */
import type { SampleBatch } from '../../meter/messages.ts';
import { SampleFlag } from '../../meter/messages.ts';
import { utcOf } from '../clock.ts';

export interface LatestReading {
  key: string;
  /** Cumulative since the session began; the last that was read. */
  joules: number | null;
  runJoules: number | null;
  programJoules: number | null;
  watts: number | null;
  utilPercent: number | null;
  memoryMb: number | null;
  tempC: number | null;
  clockMhz: number | null;
  foreign: boolean;
  throttled: boolean;
}

type Column = Exclude<keyof LatestReading, 'key' | 'foreign' | 'throttled'>;
const totals = ['joules', 'runJoules', 'programJoules'] as const;
const moments = ['watts', 'utilPercent', 'memoryMb', 'tempC', 'clockMhz'] as const;

/** What is asked once a second is empty in the samples between; older than this it is missing. */
const holdMicros = 3e6;

export interface Latest {
  /** Takes a batch of samples as the meter sent it. */
  push(batch: SampleBatch): void;
  /** Time of the session's first sample and of the last one, ms since 1970; null before the first. */
  readonly span: { from: number; to: number } | null;
  readings(): LatestReading[];
}

export function latestReadings(): Latest {
  let session: string | null = null;
  let first = 0;
  let last = 0;
  let seen = new Map<string, Map<Column, { value: number; at: number }> & { flags?: number }>();

  const valueOf = (key: string, column: Column, holds: number): number | null => {
    const found = seen.get(key)?.get(column);
    return found && last - found.at <= holds ? found.value : null;
  };
  return {
    push: (batch) => {
      if (batch.t.length === 0) return;
      if (batch.session !== session) {
        session = batch.session;
        seen = new Map();
        first = batch.t[0]!;
      }
      last = batch.t.at(-1)!;
      for (const series of batch.series) {
        const own = seen.get(series.key) ?? new Map<Column, { value: number; at: number }>();
        seen.set(series.key, own);
        for (const column of [...totals, ...moments]) {
          const values = series[column];
          const i = values?.findLastIndex((value) => value !== null) ?? -1;
          if (i >= 0) own.set(column, { value: values![i]!, at: batch.t[i]! });
        }
        Object.assign(own, { flags: series.flags.at(-1) ?? 0 });
      }
    },
    get span() {
      return session === null ? null : { from: utcOf(first), to: utcOf(last) };
    },
    readings: () =>
      [...seen].map(([key, { flags = 0 }]) => ({
        key,
        ...(Object.fromEntries(
          totals.map((name) => [name, valueOf(key, name, Infinity)]),
        ) as Record<(typeof totals)[number], number | null>),
        ...(Object.fromEntries(
          moments.map((name) => [name, valueOf(key, name, holdMicros)]),
        ) as Record<(typeof moments)[number], number | null>),
        foreign: (flags & SampleFlag.foreign) !== 0,
        throttled: (flags & SampleFlag.throttled) !== 0,
      })),
  };
}
