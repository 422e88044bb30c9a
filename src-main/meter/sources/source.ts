/**
 * A source of power readings: what it found (components), how it is (status), and `read`.
 *
 * A new source is one file that exports a `SourceDefinition` and one line in `index.ts`.
 */
import type { Ledger } from '../energy.ts';
import type {
  ComponentInfo,
  ComponentKind,
  Inventory,
  MeterSettings,
  SourceName,
  SourceStatus,
} from '../messages.ts';
import type { Group, Shares } from '../process-tree.ts';

/** The present reading of a component, overwritten in place by every `read`. Null is missing. */
export interface Reading {
  /** Cumulative within the session. */
  joules: number | null;
  watts: number | null;
  /** Bits of `SampleFlag`. */
  flags: number;
  utilPercent: number | null;
  memoryMb: number | null;
  tempC: number | null;
  /** Clock of the cores. */
  clockMhz: number | null;
}

/** Which processes are a run's and which this program's. */
export interface Groups {
  /** Null: neither's. */
  groupOf(pid: number): Group | null;
  /** False where it cannot be seen from here: it has ended, or lives in another namespace. */
  sees(pid: number): boolean;
}

/** Shares since the last question; null: they cannot be told; missed: not this time. */
export type SharesAnswer = Shares | null | 'missed';

export interface Component {
  readonly info: ComponentInfo;
  readonly reading: Reading;
  /** Other kinds whose power its reading contains (a superchip's module): they are not read again. */
  readonly includes?: readonly ComponentKind[];
  /** False once its sensor has died; its readings are then missing. */
  readonly alive: boolean;
  /** Whose use of a card it was; left out where the source cannot tell. Asked about once a second. */
  shares?(groups: Groups): SharesAnswer;
}

export type Health = Pick<SourceStatus, 'state' | 'detail' | 'fix'>;
export type Gpu = Inventory['gpus'][number];

export interface Source {
  readonly health: Health;
  readonly components: readonly Component[];
  /** Graphics cards that it can name, for the machine's card. */
  readonly gpus?: readonly Gpu[];
  /** Another source that may reach the same hardware where this one cannot. */
  readonly successor?: SourceName;
  /**
   * Overwrites the reading of every component. It never throws: a sensor that fails is a missing
   * reading and a health.
   *
   * @param now monotonic microseconds, the time stamp of the sample
   * @param exact a mark: look now at everything that is otherwise looked at less often
   */
  read(now: number, exact: boolean): void;
  close(): void;
}

export interface SourceContext {
  readonly settings: MeterSettings;
  /** The machine, without its graphics cards. */
  readonly inventory: Inventory;
  readonly ledger: Ledger;
  /** Sources opened before this one; a component that they read is not read again. */
  readonly earlier: readonly OpenSource[];
  /** Microseconds between two reads at the present rate. */
  period(): number;
  event(level: 'info' | 'warning', key: string | null, message: string): void;
  /** Components, their labels or the health have changed outside of `open`. */
  changed(): void;
}

export interface SourceDefinition {
  readonly name: SourceName;
  readonly label: string;
  /**
   * False on a platform that has no such thing, unless the settings point to one: the source is not
   * listed there. Left out: it may exist everywhere.
   */
  exists?(settings: MeterSettings, platform: NodeJS.Platform): boolean;
  /** Looks for the source. Not finding it is a health, not an exception. */
  open(context: SourceContext): Source | Promise<Source>;
}

export interface OpenSource {
  readonly definition: SourceDefinition;
  readonly source: Source;
}

export const emptyReading = (): Reading => ({
  joules: null,
  watts: null,
  flags: 0,
  utilPercent: null,
  memoryMb: null,
  tempC: null,
  clockMhz: null,
});

export function clearReading(reading: Reading): void {
  reading.joules = null;
  reading.watts = null;
  reading.flags = 0;
  reading.utilPercent = null;
  reading.memoryMb = null;
  reading.tempC = null;
  reading.clockMhz = null;
}

/** A source that reads nothing, and why. */
export const idleSource = (
  state: 'unavailable' | 'failed' | 'unused',
  detail: string,
  fix: string | null = null,
): Source => ({ health: { state, detail, fix }, components: [], read: () => {}, close: () => {} });

/** The earlier source that already reads a component of this kind, by itself or within another. */
export const readerOf = (kind: ComponentKind, context: SourceContext): OpenSource | undefined =>
  context.earlier.find(({ source }) =>
    source.components.some(({ info, includes }) => info.kind === kind || includes?.includes(kind)),
  );

/** Whether a later source may read this kind: nobody does yet, and the settings do not leave it out. */
export const isLeftToRead = (kind: ComponentKind, context: SourceContext): boolean =>
  !(kind === 'ram' && context.settings.ram.mode === 'off') && !readerOf(kind, context);

/** Power beyond which a reading of one graphics card or module is an error (mW fields, stale ids). */
export const maxGpuWatts = 2000;

/**
 * Microseconds across which power is integrated, at a period: 3 periods, and never less than a second,
 * because a busy machine keeps the meter waiting longer than 3 of the shortest periods.
 */
export const gapLimit = (period: number): number => Math.max(3 * period, 1e6);

export const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);
