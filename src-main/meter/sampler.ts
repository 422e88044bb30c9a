/**
 * The clock of the meter: at each tick every source is read once, and a few times a second what was read
 * goes to the parent.
 *
 * Ticks are due at start + n x period. A late tick is taken late and stamped with the time at which it
 * was taken; ticks missed meanwhile are not made up for, because counters lose nothing and for the rest
 * a gap is a gap. Nothing is allocated in a tick but the numbers of its batch.
 */
import { monotonicMicros } from '../port.ts';
import { Attribution } from './attribution.ts';
import { Ledger } from './energy.ts';
import type {
  ComponentInfo,
  FromMeter,
  Inventory,
  MeterSettings,
  SampleBatch,
  SourceStatus,
} from './messages.ts';
import { SleepWatch } from './sleep.ts';
import { messageOf } from './sources/source.ts';
import type {
  Component,
  Gpu,
  OpenSource,
  SourceContext,
  SourceDefinition,
} from './sources/source.ts';

/** Twice a second; what waits is sent at once at a mark. */
const flushMicros = 490_000;

interface Column {
  component: Component;
  series: SampleBatch['series'][number];
}

const column = (component: Component, parts: boolean): Column => ({
  component,
  series: {
    key: component.info.key,
    joules: [],
    watts: [],
    flags: [],
    utilPercent: [],
    memoryMb: [],
    tempC: [],
    clockMhz: [],
    ...(parts && { runJoules: [], programJoules: [] }),
  },
});

export class Sampler {
  readonly session: string;
  readonly #settings: MeterSettings;
  readonly #inventory: Inventory;
  readonly #definitions: readonly SourceDefinition[];
  readonly #post: (message: FromMeter) => void;
  readonly #ledger = new Ledger();
  readonly #attribution: Attribution;
  #open: OpenSource[] = [];
  #columns: Column[] = [];
  #times: number[] = [];
  #flushedAt = 0;
  #periodMicros: number;
  #due = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #sleep = new SleepWatch();
  #announcing = false;

  /**
   * @param inventory the machine, for the models
   * @param definitions the sources, best first
   */
  constructor(
    settings: MeterSettings,
    inventory: Inventory,
    definitions: readonly SourceDefinition[],
    post: (message: FromMeter) => void,
  ) {
    this.session = `${process.pid}-${Date.now().toString(36)}`;
    this.#settings = settings;
    this.#attribution = new Attribution(settings);
    this.#inventory = inventory;
    this.#definitions = definitions;
    this.#post = post;
    this.#periodMicros = periodOf(settings.hz);
  }

  /** Opens every source, tells the parent, and begins to sample. */
  async start(): Promise<void> {
    await this.#openAll();
    this.#due = monotonicMicros();
    this.#tick();
  }

  rate(hz: number): void {
    this.#periodMicros = periodOf(hz);
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#due = monotonicMicros();
    this.#schedule();
  }

  /** Reads everything now and sends it. @returns the time stamp of the reading. */
  mark(): number {
    const at = this.#sample(true);
    this.#flush();
    return at;
  }

  /** Looks for sources again. Counters that were read before go on without a gap. */
  async probe(): Promise<void> {
    const running = this.#timer !== null;
    this.#halt();
    this.#flush();
    this.#closeAll();
    await this.#openAll();
    if (!running) return;
    this.#due = monotonicMicros();
    this.#tick();
  }

  /** Tells the energy of these processes and all their descendants apart from here on. */
  watch(run: readonly number[], program: readonly number[]): void {
    if (this.#attribution.active) this.mark();
    else this.#flush();
    this.#attribution.watch(run, program, monotonicMicros());
    this.#renewColumns();
  }

  stop(): void {
    if (this.#timer !== null) this.mark();
    this.#halt();
    this.#closeAll();
    this.#attribution.close();
  }

  get gpus(): Gpu[] {
    return this.#open.flatMap(({ source }) => source.gpus ?? []);
  }

  // --- sources --------------------------------------------------------------------------------------

  async #openAll(): Promise<void> {
    const open: OpenSource[] = [];
    const context: SourceContext = {
      settings: this.#settings,
      inventory: this.#inventory,
      ledger: this.#ledger,
      earlier: open,
      period: () => this.#periodMicros,
      event: (level, key, message) =>
        this.#post({ type: 'event', at: monotonicMicros(), level, key, message }),
      changed: () => this.#announceSoon(),
    };
    for (const definition of this.#definitions) open.push(await openSafely(definition, context));
    this.#open = open;
    this.#announce();
  }

  #closeAll(): void {
    for (const { source } of this.#open) source.close();
    this.#open = [];
    this.#columns = [];
  }

  /** Several changes of one tick are one message. */
  #announceSoon(): void {
    if (this.#announcing) return;
    this.#announcing = true;
    setImmediate(() => {
      this.#announcing = false;
      if (this.#open.length > 0) this.#announce();
    });
  }

  #announce(): void {
    this.#flush();
    const components: ComponentInfo[] = [];
    const sources: SourceStatus[] = [];
    this.#columns = [];
    for (const { definition, source } of this.#open) {
      for (const component of source.components) {
        components.push(component.info);
        this.#columns.push(column(component, this.#attribution.active));
      }
      sources.push({
        name: definition.name,
        label: definition.label,
        ...source.health,
        components: source.components.filter(({ alive }) => alive).map(({ info }) => info.key),
      });
    }
    this.#post({ type: 'sources', session: this.session, components, sources });
  }

  // --- clock ----------------------------------------------------------------------------------------

  #tick(): void {
    const now = this.#sample(false);
    if (now - this.#flushedAt >= flushMicros) this.#flush();
    this.#due += this.#periodMicros;
    const late = now - this.#due;
    if (late >= 0) this.#due += Math.ceil((late + 1) / this.#periodMicros) * this.#periodMicros;
    this.#schedule();
  }

  #schedule(): void {
    const wait = Math.max(0, this.#due - monotonicMicros()) / 1000;
    this.#timer = setTimeout(() => this.#tick(), wait);
  }

  #halt(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #sample(exact: boolean): number {
    const now = monotonicMicros();
    this.#heedSleep(now);
    for (const { source } of this.#open) source.read(now, exact);
    this.#attribute(now, exact);
    this.#times.push(now);
    for (const { component, series } of this.#columns) {
      const { reading } = component;
      series.joules.push(reading.joules);
      series.watts.push(reading.watts);
      series.flags.push(reading.flags);
      series.utilPercent.push(reading.utilPercent);
      series.memoryMb.push(reading.memoryMb);
      series.tempC.push(reading.tempC);
      if (series.runJoules) this.#pushParts(series, reading.joules !== null);
      series.clockMhz!.push(reading.clockMhz);
    }
    return now;
  }

  #attribute(now: number, exact: boolean): void {
    if (!this.#attribution.active) return;
    const overhead = this.#attribution.read(now, exact, this.#columns);
    if (overhead) this.#post({ type: 'overhead', ...overhead });
  }

  #pushParts({ key, runJoules, programJoules }: Column['series'], read: boolean): void {
    runJoules?.push(read ? this.#attribution.joulesOf(key, 'run') : null);
    programJoules?.push(read ? this.#attribution.joulesOf(key, 'program') : null);
  }

  #heedSleep(now: number): void {
    const slept = this.#sleep.since(now);
    if (slept === null) return;
    this.#ledger.breakOff();
    this.#post({
      type: 'event',
      at: now,
      level: 'warning',
      key: null,
      message: `The computer slept for ${Math.round(slept)} s; that time is not measured.`,
    });
  }

  #flush(): void {
    this.#flushedAt = monotonicMicros();
    if (this.#times.length === 0) return;
    const series = this.#columns.map((column) => column.series);
    this.#post({ type: 'samples', batch: { session: this.session, t: this.#times, series } });
    this.#times = [];
    this.#renewColumns();
  }

  #renewColumns(): void {
    this.#columns = this.#columns.map(({ component }) =>
      column(component, this.#attribution.active),
    );
  }
}

const periodOf = (hz: number): number =>
  Math.round(1e6 / Math.min(20, Math.max(0.5, Number.isFinite(hz) ? hz : 2)));

/** A source whose search itself fails is a status like any other. */
async function openSafely(
  definition: SourceDefinition,
  context: SourceContext,
): Promise<OpenSource> {
  try {
    return { definition, source: await definition.open(context) };
  } catch (cause) {
    const health = { state: 'failed', detail: messageOf(cause), fix: null } as const;
    return { definition, source: { health, components: [], read: () => {}, close: () => {} } };
  }
}
