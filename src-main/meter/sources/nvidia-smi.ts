/**
 * NVIDIA cards through the command `nvidia-smi`, where its library cannot be loaded: one process for the
 * whole session that prints a line per card and period (`--loop-ms`), never one process per sample.
 *
 * There is no energy counter among its fields, so power is integrated. Which fields exist depends on the
 * driver; a field that is refused is replaced by its older name or left out.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { monotonicMicros } from '../../port.ts';
import type { PowerEnergy } from '../energy.ts';
import { SampleFlag } from '../messages.ts';
import type { ComponentInfo } from '../messages.ts';
import { CardWatch, throttleReasons } from './card-watch.ts';
import { architectureOf, powerMeaning } from './nvidia-generations.ts';
import { mismatchFix, mismatchText } from './nvml.ts';
import { nvidiaSleeps } from './pci-sleep.ts';
import {
  clearReading,
  emptyReading,
  gapLimit,
  idleSource,
  maxGpuWatts,
  readerOf,
} from './source.ts';
import type { Component, Gpu, Health, Source, SourceContext, SourceDefinition } from './source.ts';

const loopMs = 500;
const gapMicros = gapLimit(loopMs * 1000);
/** Longest wait of `open` for the first lines; cards that come later are announced then. */
const firstLineMs = 5000;
const firstDelayMs = 1000;
const longestDelayMs = 60_000;
/** A process that prints nothing for so long hangs in the driver. */
const silentMicros = 30_000_000;
/** While the card sleeps, the kernel is asked this often whether it still does. */
const asleepMs = 5000;

const replacements: Record<string, string> = {
  'clocks_event_reasons.active': 'clocks_throttle_reasons.active',
};
const required = ['uuid', 'name', 'power.draw'];
const allFields = [
  ...required,
  'power.draw.average',
  'driver_version',
  'utilization.gpu',
  'memory.used',
  'memory.total',
  'temperature.gpu',
  'clocks.sm',
  'clocks_event_reasons.active',
];

/**
 * One cell. Missing is everything that the driver writes for "no value": `[N/A]`, `N/A`,
 * `[Not Supported]`, `[Unknown Error]`, `[GPU requires reset]`, `[Requested functionality has been
 * deprecated]`, and whatever else is no plain number.
 */
export function cellNumber(cell: string | undefined): number | null {
  const text = cell?.trim() ?? '';
  if (/^0x[0-9a-f]+$/i.test(text)) return Number(text);
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

/** A line as field -> cell; null when it is cut off or is no data line. */
export function parseLine(fields: readonly string[], line: string): Map<string, string> | null {
  const cells = line.split(',').map((cell) => cell.trim());
  if (cells.length !== fields.length) return null;
  const row = new Map(fields.map((name, index) => [name, cells[index]!]));
  return /^GPU-/.test(row.get('uuid') ?? '') ? row : null;
}

/** The field that the driver refused, from its message. */
export const refusedField = (line: string): string | null =>
  /Field "([^"]+)" is not a valid field to query/.exec(line)?.[1] ?? null;

class Card implements Component {
  readonly reading = emptyReading();
  readonly alive = true;
  readonly info: ComponentInfo;
  readonly gpu: Gpu;
  readonly #energy: PowerEnergy;
  /** Chosen once: average and instantaneous power are never mixed in one series. */
  readonly #powerField: string;
  #seenAt = -Infinity;
  #watts: number | null = null;
  #util: number | null = null;
  #memory: number | null = null;
  #temp: number | null = null;
  #clock: number | null = null;
  readonly #watch: CardWatch;
  #throttled = false;

  constructor(context: SourceContext, row: Map<string, string>) {
    const uuid = row.get('uuid')!;
    const name = row.get('name') ?? 'NVIDIA card';
    const total = cellNumber(row.get('memory.total'));
    this.#powerField =
      cellNumber(row.get('power.draw.average')) === null ? 'power.draw' : 'power.draw.average';
    const { words, partlySeen } = powerMeaning(architectureOf(name), name);
    const key = `gpu:${uuid}`;
    this.gpu = {
      name,
      memoryBytes: total === null ? null : total * 2 ** 20,
      driver: row.get('driver_version') ?? null,
      uuid,
    };
    this.info = {
      key,
      kind: 'gpu',
      name,
      source: 'nvidia-smi',
      provenance: 'integrated',
      uncertaintyPercent: partlySeen ? 15 : 10,
      uncertaintyWatts: null,
      method: `nvidia-smi ${this.#powerField} every ${loopMs} ms, integrated; ${words}`,
    };
    this.#watch = new CardWatch(key, name, context.event);
    this.#energy = context.ledger.power(key, 'nvidia-smi');
  }

  take(row: Map<string, string>, now: number): void {
    const power = cellNumber(row.get(this.#powerField));
    this.#watts = power !== null && power >= 0 && power <= maxGpuWatts ? power : null;
    if (this.#watts !== null) {
      this.#energy.measure(this.#watts, now, gapMicros);
      this.#seenAt = now;
    }
    const mib = cellNumber(row.get('memory.used'));
    this.#memory = mib === null ? null : (mib * 2 ** 20) / 1e6;
    this.#util = cellNumber(row.get('utilization.gpu'));
    this.#temp = cellNumber(row.get('temperature.gpu'));
    const reasons =
      cellNumber(row.get('clocks_event_reasons.active')) ??
      cellNumber(row.get('clocks_throttle_reasons.active')) ??
      0;
    this.#clock = cellNumber(row.get('clocks.sm'));
    this.#throttled = (reasons & throttleReasons) !== 0;
    this.#watch.clock(reasons, now);
  }

  read(now: number): void {
    const { reading } = this;
    clearReading(reading);
    if (now - this.#seenAt > gapMicros) return;
    reading.joules = this.#energy.joules(now, gapMicros);
    reading.watts = this.#watts;
    reading.utilPercent = this.#util;
    reading.memoryMb = this.#memory;
    reading.tempC = this.#temp;
    reading.clockMhz = this.#clock;
    reading.flags = this.#throttled ? SampleFlag.throttled : 0;
    if (this.#energy.takeGap()) reading.flags |= SampleFlag.gap;
  }
}

class NvidiaSmi implements Source {
  health: Health = { state: 'unavailable', detail: 'nvidia-smi has not answered yet.', fix: null };
  readonly components: Card[] = [];
  readonly #context: SourceContext;
  readonly #command: string;
  #fields = [...allFields];
  #child: ChildProcess | null = null;
  #delayMs = firstDelayMs;
  /** When the process last printed, or was started. */
  #lineAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  #lastWords: string[] = [];
  /** Called once: at the first full line, or when there will be none. */
  #settled: (() => void) | null = null;
  #opening = true;
  readonly #killOnExit = (): void => void this.#child?.kill();

  constructor(context: SourceContext, command: string) {
    this.#context = context;
    this.#command = command;
    process.once('exit', this.#killOnExit);
  }

  get gpus(): Gpu[] {
    return this.components.map(({ gpu }) => gpu);
  }

  /** Resolves when the cards are known, when there is no hope of any, or when it takes too long. */
  async start(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#settled = resolve;
      timer = setTimeout(resolve, firstLineMs);
      this.#spawn();
    });
    clearTimeout(timer);
    this.#opening = false;
  }

  #spawn(): void {
    this.#timer = null;
    this.#lastWords = [];
    if (nvidiaSleeps(this.#context.settings.paths.drm)) {
      const detail = 'The card sleeps; it is not woken to be read, and is read when it wakes.';
      if (this.health.detail !== detail) this.#set({ state: 'unavailable', detail, fix: null });
      this.#settle();
      this.#timer = setTimeout(() => this.#spawn(), asleepMs);
      return;
    }
    this.#lineAt = monotonicMicros();
    const child = spawn(
      this.#command,
      [
        `--query-gpu=${this.#fields.join(',')}`,
        '--format=csv,noheader,nounits',
        `--loop-ms=${loopMs}`,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true },
    );
    this.#child = child;
    const fields = [...this.#fields];
    let spawnError: NodeJS.ErrnoException | null = null;
    child.once('error', (cause) => (spawnError = cause));
    createInterface({ input: child.stdout }).on('line', (line) => this.#line(fields, line));
    createInterface({ input: child.stderr }).on('line', (line) => this.#note(line));
    child.once('close', (exit, signal) => {
      if (this.#child !== child) return;
      this.#child = null;
      if (!this.#closed) this.#ended(spawnError, signal ?? `exit code ${exit}`);
    });
  }

  #note(line: string): void {
    this.#lastWords.push(line.trim());
    if (this.#lastWords.length > 5) this.#lastWords.shift();
  }

  #line(fields: readonly string[], line: string): void {
    this.#lineAt = monotonicMicros();
    const row = parseLine(fields, line);
    if (row === null) {
      // half a line at a restart, or an error message, which this program prints to stdout
      this.#note(line);
      return;
    }
    const uuid = row.get('uuid');
    let card = this.components.find(({ gpu }) => gpu.uuid === uuid);
    const fresh = card === undefined;
    if (card === undefined) {
      card = new Card(this.#context, row);
      this.components.push(card);
    }
    card.take(row, monotonicMicros());
    if (this.health.state === 'reading' && !fresh) return;
    if (this.health.state === 'failed')
      this.#context.event('info', null, 'nvidia-smi answers again.');
    this.#delayMs = firstDelayMs;
    this.#set({
      state: 'reading',
      detail: `Reads ${this.components.map(({ gpu }) => `${gpu.name} (${gpu.uuid})`).join(', ')} every ${loopMs} ms; driver ${card.gpu.driver ?? 'unknown'}.`,
      fix: null,
    });
    // one loop prints all cards back to back: let the others of this round arrive
    setTimeout(() => this.#settle(), 20);
  }

  /** The process ended: mend the query, give up, or try again later. */
  #ended(spawnError: NodeJS.ErrnoException | null, how: string): void {
    const words = this.#lastWords.join(' ').slice(0, 300);
    const refused = refusedField(words);
    if (refused !== null && !required.includes(refused) && this.#fields.includes(refused)) {
      const older = replacements[refused];
      this.#fields = this.#fields.flatMap((name) =>
        name !== refused ? [name] : older === undefined ? [] : [older],
      );
      this.#spawn();
      return;
    }
    const hopeless =
      spawnError !== null
        ? `nvidia-smi cannot be started (${spawnError.code === 'ENOENT' ? `no command "${this.#command}"` : spawnError.message}).`
        : /version mismatch/i.test(words)
          ? `${mismatchText} (${words})`
          : /no devices were found|couldn't communicate with the nvidia driver/i.test(words)
            ? words
            : null;
    if (this.components.length === 0 && hopeless !== null) {
      const fix = /mismatch/i.test(words) ? mismatchFix : null;
      this.#set({ state: 'unavailable', detail: hopeless, fix });
      this.#settle();
      return;
    }
    const seconds = this.#delayMs / 1000;
    const detail = `nvidia-smi ended (${how}${words ? `: ${words}` : ''}); next try in ${seconds} s.`;
    if (this.health.state === 'reading')
      this.#context.event('warning', null, `${detail} Its cards are not measured meanwhile.`);
    this.#set({ state: 'failed', detail, fix: null });
    this.#settle();
    this.#timer = setTimeout(() => this.#spawn(), this.#delayMs);
    this.#delayMs = Math.min(2 * this.#delayMs, longestDelayMs);
  }

  #settle(): void {
    this.#settled?.();
    this.#settled = null;
  }

  #set(health: Health): void {
    this.health = health;
    if (!this.#opening) this.#context.changed();
  }

  read(now: number): void {
    for (const card of this.components) card.read(now);
    // its end is heard of like any other
    if (this.#child !== null && now - this.#lineAt > silentMicros) this.#child.kill('SIGKILL');
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#child?.kill();
    process.removeListener('exit', this.#killOnExit);
  }
}

async function open(context: SourceContext): Promise<Source> {
  const reader = readerOf('gpu', context);
  if (reader) return idleSource('unused', `${reader.definition.label} reads the cards.`);
  if (!context.earlier.some(({ source }) => source.successor === 'nvidia-smi'))
    return idleSource('unused', 'Only where the NVIDIA library cannot be loaded.');
  const source = new NvidiaSmi(context, context.settings.paths.nvidiaSmi ?? 'nvidia-smi');
  await source.start();
  return source;
}

export const nvidiaSmi: SourceDefinition = {
  name: 'nvidia-smi',
  label: 'nvidia-smi command',
  open,
};
