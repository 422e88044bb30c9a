/**
 * A command that prints power, line by line, for as long as it runs: one process for the whole session,
 * started again with growing waits when it ends.
 *
 * Which components it reads is settled while it is opened, because the sources behind it fill in the
 * rest: a component that shows up later would be counted twice.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { monotonicMicros } from '../../port.ts';
import type { ComponentInfo, ComponentKind, SourceName } from '../messages.ts';
import { MachineFigures } from './machine-figures.ts';
import { PowerChannel, plausibleWatts } from './power-channel.ts';
import type { PowerValue } from './power-channel.ts';
import { idleSource, isLeftToRead, readerOf } from './source.ts';
import type { Gpu, Health, Source, SourceContext } from './source.ts';

const firstDelayMs = 1000;
const longestDelayMs = 60_000;
/** One report may be several lines: the rest of the first may arrive for so long. */
const settleMs = 100;
/** A process that is silent for so many of its periods hangs. */
const silentPeriods = 20;
/** After so many reports without a value that is of use there will be none. */
const vainReports = 4;

export interface PowerCommand {
  name: SourceName;
  /** The program, as people know it: `macmon`. */
  title: string;
  command: string;
  args: readonly string[];
  periodMs: number;
  /** Longest wait for the first report. */
  firstMs: number;
  /** Reads the lines of one process; each line gives the values that it holds, if any. */
  parser(): (line: string) => PowerValue[];
  describe(key: string): Omit<ComponentInfo, 'key' | 'source'> | null;
  /** What would make the command available; null: nothing to say. */
  fix: string | null;
  /** The card that stands for `gpu:apple` in the inventory. */
  gpu?: Gpu;
}

class CommandSource implements Source {
  health: Health;
  readonly components: PowerChannel[] = [];
  readonly #context: SourceContext;
  readonly #spec: PowerCommand;
  readonly #figures: MachineFigures;
  #child: ChildProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #delayMs = firstDelayMs;
  #heardAt = 0;
  #lastWords: string[] = [];
  #vain = 0;
  #opening = true;
  #closed = false;
  /** Called once: when the first report is complete, or when there will be none. */
  #settled: (() => void) | null = null;
  #settling = false;
  readonly #killOnExit = (): void => void this.#child?.kill();

  constructor(context: SourceContext, spec: PowerCommand) {
    this.#context = context;
    this.#spec = spec;
    this.#figures = new MachineFigures(context.settings.paths.procStat);
    this.health = {
      state: 'unavailable',
      detail: `${spec.title} gave no power within ${spec.firstMs / 1000} s.`,
      fix: null,
    };
    process.once('exit', this.#killOnExit);
  }

  get gpus(): Gpu[] {
    const { gpu } = this.#spec;
    return gpu !== undefined && this.components.some(({ info }) => info.key === 'gpu:apple')
      ? [gpu]
      : [];
  }

  /** Resolves when the components are known, or when there are none. */
  async start(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#settled = resolve;
      timer = setTimeout(resolve, this.#spec.firstMs);
      this.#spawn();
    });
    clearTimeout(timer);
    this.#opening = false;
    if (this.components.length === 0) this.close();
  }

  #spawn(): void {
    this.#timer = null;
    this.#lastWords = [];
    this.#heardAt = monotonicMicros();
    const { command, args } = this.#spec;
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    this.#child = child;
    let spawnError: NodeJS.ErrnoException | null = null;
    child.once('error', (cause) => (spawnError = cause));
    const parse = this.#spec.parser();
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (this.#child === child) this.#line(line, parse(line));
    });
    createInterface({ input: child.stderr }).on('line', (line) => this.#note(line));
    child.once('close', (exit, signal) => {
      if (this.#child !== child) return;
      this.#child = null;
      if (!this.#closed) this.#ended(spawnError, signal ?? `exit code ${exit}`);
    });
  }

  #note(line: string): void {
    if (line.trim() === '') return;
    this.#lastWords.push(line.trim());
    if (this.#lastWords.length > 5) this.#lastWords.shift();
  }

  #line(line: string, values: readonly PowerValue[]): void {
    const now = monotonicMicros();
    this.#heardAt = now;
    if (values.length === 0) return this.#note(line);
    for (const value of values) this.#channel(value)?.take(value, now);
    if (this.components.length === 0) {
      this.#vain++;
      if (this.#vain < vainReports || !this.#opening) return;
      const detail = `${this.#spec.title} has no value for what is not read already.`;
      this.#set({ state: 'unavailable', detail, fix: null });
      return this.#settle();
    }
    if (this.health.state === 'reading') return;
    if (this.health.state === 'failed')
      this.#context.event('info', null, `${this.#spec.title} answers again.`);
    this.#delayMs = firstDelayMs;
    this.#set({
      state: 'reading',
      detail: `${this.#spec.title} reports power every ${this.#spec.periodMs} ms.`,
      fix: null,
    });
    if (this.#settling) return;
    this.#settling = true;
    setTimeout(() => this.#settle(), settleMs);
  }

  #channel(value: PowerValue): PowerChannel | null {
    const { name, periodMs } = this.#spec;
    const known = this.components.find(({ info }) => info.key === value.key);
    if (known !== undefined || !this.#opening) return known ?? null;
    const described = this.#spec.describe(value.key);
    if (described === null || plausibleWatts(described.kind, value.watts) === null) return null;
    if (this.#isRead(value.key, described.kind)) return null;
    const info: ComponentInfo = { key: value.key, source: name, ...described };
    const channel = new PowerChannel(this.#context, info, periodMs * 1000);
    this.components.push(channel);
    return channel;
  }

  /** Accelerators are told apart by their keys; of processors and memory there is one source. */
  #isRead(key: string, kind: ComponentKind): boolean {
    if (kind !== 'gpu') return !isLeftToRead(kind, this.#context);
    return this.#context.earlier.some(({ source }) =>
      source.components.some(({ info }) => info.key === key),
    );
  }

  #ended(spawnError: NodeJS.ErrnoException | null, how: string): void {
    const { title, command, fix } = this.#spec;
    const words = this.#lastWords.join(' ').slice(0, 300);
    if (this.#opening && this.components.length === 0) {
      const missing = spawnError?.code === 'ENOENT';
      const detail = missing
        ? `There is no command "${command}".`
        : `${title} gave no power (${spawnError?.message ?? `${how}${words ? `: ${words}` : ''}`}).`;
      this.#set({ state: 'unavailable', detail, fix: missing ? fix : null });
      this.#settle();
      return;
    }
    const detail = `${title} ended (${how}${words ? `: ${words}` : ''}); next try in ${this.#delayMs / 1000} s.`;
    if (this.health.state === 'reading')
      this.#context.event(
        'warning',
        this.components[0]?.info.key ?? null,
        `${detail} What it reads is not measured meanwhile.`,
      );
    this.#set({ state: 'failed', detail, fix: null });
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
    if (this.components.length === 0) return;
    for (const channel of this.components) channel.read(now);
    this.#figures.show(this.components, now);
    // its end starts it again
    if (now - this.#heardAt > silentPeriods * this.#spec.periodMs * 1000)
      this.#child?.kill('SIGKILL');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#child?.kill();
    this.#figures.close();
    process.removeListener('exit', this.#killOnExit);
  }
}

/** Starts the command and waits for its first report. */
export async function openCommand(context: SourceContext, spec: PowerCommand): Promise<Source> {
  const source = new CommandSource(context, spec);
  await source.start();
  return source;
}

/** Why there is nothing left for a source of these kinds to read; null: there is. */
export function allRead(context: SourceContext, kinds: readonly ComponentKind[]): Source | null {
  const readers = kinds.map((kind) => readerOf(kind, context));
  if (readers.some((reader) => reader === undefined)) return null;
  const labels = new Set(readers.map((reader) => reader!.definition.label));
  return idleSource('unused', `${[...labels].join(' and ')} read the same.`);
}
