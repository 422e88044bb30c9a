/**
 * NVIDIA cards through the driver's own library: the energy counter where the card has one (Volta and
 * newer), integrated power where it has not.
 *
 * Every tick asks each card once, for counter and power in one call. Utilisation, memory, temperature,
 * clocks and processes are asked once a second. Return codes decide: `outcomeOf` in nvml-library.ts.
 */
import type { CounterEnergy, PowerEnergy } from '../energy.ts';
import { SampleFlag } from '../messages.ts';
import type { ComponentInfo, ComponentKind } from '../messages.ts';
import { CardWatch, duration, throttleReasons } from './card-watch.ts';
import type { Stranger } from './card-watch.ts';
import { commandOf, Family } from './foreign.ts';
import { LookAgain } from './look-again.ts';
import { powerMeaning } from './nvidia-generations.ts';
import type { PowerMeaning } from './nvidia-generations.ts';
import {
  code,
  field,
  fieldBatch,
  fieldResult,
  fieldValue,
  libraryPaths,
  loadNvml,
  outcomeOf,
  pciBusIdAt,
  pciBytes,
  processBytes,
  readU64,
} from './nvml-library.ts';
import type { FieldBatch, Handle, Nvml, Outcome } from './nvml-library.ts';
import { NvmlShares } from './nvml-shares.ts';
import { probeRefresh, refreshWords } from './refresh.ts';
import type { Probed } from './refresh.ts';
import {
  clearReading,
  emptyReading,
  gapLimit,
  idleSource,
  maxGpuWatts,
  messageOf,
} from './source.ts';
import type {
  Component,
  Gpu,
  Groups,
  Health,
  Reading,
  SharesAnswer,
  Source,
  SourceContext,
  SourceDefinition,
} from './source.ts';
import { StillCounter } from './still-counter.ts';

const slowMicros = 1_000_000;
const firstPauseMicros = 1_000_000;
const longestPauseMicros = 30_000_000;
const noteEveryMicros = 60_000_000;
const joulesPerUnit = 1e-3;
/** Degrees that a slowdown temperature may be; anything else is a threshold that the card does not have. */
const [coldestLimit, hottestLimit] = [50, 130];
/** A Grace CPU and its GPU on one module: the counter covers both (zeus#172). */
const superchip = /\b(GH200|GB200|GB300|GB10)\b/;

/** Of these the counter is known to be the whole module's, whatever else the driver tells. */
const moduleCounter = /\bGH200\b/;

/** Shared by all calls: none keeps it. */
const scratch = Buffer.alloc(96);

/** Outcomes that may be another one at the next try. */
const transient: ReadonlySet<Outcome> = new Set(['missing', 'pause', 'unknown']);

type Metric =
  | 'energy'
  | 'power'
  | 'utilisation'
  | 'memory'
  | 'temperature'
  | 'clock'
  | 'clock reasons'
  | 'processes';

/** The outcomes after which a card may come back. */
const mayReturn: ReadonlySet<Outcome> = new Set(['lost', 'no-driver', 'mismatch', 'restart']);

const text = (buffer: Buffer): string => {
  const end = buffer.indexOf(0);
  return buffer.toString('utf8', 0, end < 0 ? buffer.length : end);
};

export const mismatchText =
  'The NVIDIA driver was updated, but the old one is still running: driver and library versions differ.';
export const mismatchFix = 'Restart the computer to finish the driver update.';
const deniedFix =
  "In a container, pass the cards in with the driver's tools: NVIDIA_DRIVER_CAPABILITIES=compute,utility. On the host, ask for access to /dev/nvidia*.";

/** What a source of cards gives its cards. */
interface Driver {
  nvml: Nvml;
  context: SourceContext;
  family: Family;
  /** A card has died or changed its labels. */
  changed(): void;
  /** The driver says that it was never initialised: it was loaded anew. */
  restart(): void;
}

class Card implements Component {
  readonly reading: Reading = emptyReading();
  readonly gpu: Gpu;
  readonly key: string;
  readonly uuid: string;
  /** Why and when it died, and whether it may come back. */
  #death: { why: string; at: number; mayReturn: boolean } | null = null;
  info: ComponentInfo;

  readonly #driver: Driver;
  #handle: Handle;
  readonly #name: string;
  readonly #meaning: PowerMeaning;
  readonly #shared: boolean;
  readonly #watch: CardWatch;
  /** The reading covers the whole module, processor and memory included. */
  #module = false;
  #slowdown: number | null = null;
  /** Milliseconds between two values of the counter and, where its meaning is not known, of the power. */
  #refresh: { counter: number | null; power: number | null } = { counter: null, power: null };
  /** Joules: of the counter where there is one that counts, else of power. */
  #counter: CounterEnergy | null = null;
  #power: PowerEnergy | null = null;

  /** The one call of a tick; null where the driver is too old for it. */
  #batch: FieldBatch | null = null;
  #batchFields: number[] = [];
  #averageScope: number | null = null;
  /** Field 186 answers too; it is never mixed in. */
  #instant = false;
  readonly #off = new Set<Metric>();
  #processes = Buffer.alloc(processBytes * 16);
  readonly #use = new NvmlShares();

  #slowAt = -Infinity;
  /** 0..1: which part of each second is this card's turn for all that is asked once a second. */
  #turn = 0;
  #slowFlags = 0;
  #pausedUntil = -Infinity;
  #pause = firstPauseMicros;
  #notedAt = -Infinity;
  /** The library was initialised again for this card, which has not answered since. */
  #restarted = false;
  readonly #still = new StillCounter();
  #now = 0;
  #watts: number | null = null;
  #raw: number | null = null;

  constructor(driver: Driver, handle: Handle, uuid: string, name: string, version: string | null) {
    const { nvml } = driver;
    this.#driver = driver;
    this.#handle = handle;
    this.uuid = uuid;
    this.key = `gpu:${uuid}`;
    this.#name = name;
    this.#watch = new CardWatch(this.key, name, driver.context.event);
    this.#meaning = powerMeaning(
      nvml.architecture(handle, scratch) === code.ok ? scratch.readUInt32LE(0) : 0,
      name,
    );
    this.#shared = nvml.mig(handle, scratch) === code.ok && scratch.readUInt32LE(0) === 1;
    const total = nvml.memory(handle, scratch) === code.ok ? readU64(scratch, 0) : null;
    this.gpu = {
      ...{ name, memoryBytes: total, driver: version, uuid },
      ...{ busId: busIdOf(nvml, handle), mig: this.#shared ? migUuids(nvml, handle) : [] },
    };
    this.#probe();
    this.info = this.#describe();
  }

  /** Not all cards in one tick: a driver takes up to milliseconds for each call. */
  takeTurn(turn: number): void {
    this.#turn = turn;
  }

  get alive(): boolean {
    return this.#death === null;
  }

  get death(): string | null {
    return this.#death?.why ?? null;
  }

  get mayReturn(): boolean {
    return this.#death?.mayReturn ?? false;
  }

  get includes(): readonly ComponentKind[] {
    return this.#module ? ['cpu', 'ram'] : [];
  }

  /** Finds out what this card answers. */
  #probe(): void {
    const { nvml, context } = this.#driver;
    this.#counter = null;
    this.#power = null;
    // the counter of a superchip is the module's: watts that are to fit it must be the module's too
    const scopes = superchip.test(this.#name) ? [1, 0] : [0, 1];
    this.#averageScope =
      scopes.find((scope) => this.#answers({ id: field.averagePower, scope })) ?? null;
    this.#instant = this.#answers({ id: field.instantPower, scope: this.#averageScope ?? 0 });
    const limit =
      nvml.slowdownTemperature(this.#handle, scratch) === code.ok ? scratch.readUInt32LE(0) : 0;
    this.#slowdown = limit >= coldestLimit && limit <= hottestLimit ? limit : null;
    let result = nvml.energy(this.#handle, scratch);
    for (let again = 0; again < 2 && transient.has(outcomeOf(result)); again++)
      result = nvml.energy(this.#handle, scratch);
    // some vGPUs and laptops answer "ok" and 0 for ever
    if (result === code.ok && readU64(scratch, 0) > 0)
      this.#counter = context.ledger.counter(this.key, 'nvml', joulesPerUnit);
    else this.#power = context.ledger.power(this.key, 'nvml');
    // where an old driver does not tell the module's watts, the counter is the module's all the same
    this.#module =
      this.#averageScope === 1 || (this.#counter !== null && moduleCounter.test(this.#name));
    this.#plan();
  }

  #answers(wanted: { id: number; scope: number }): boolean {
    const trial = fieldBatch([wanted]);
    return (
      this.#driver.nvml.fields(this.#handle, 1, trial.bytes) === code.ok &&
      fieldResult(trial, 0) === code.ok &&
      plausibleMilliwatts(fieldValue(trial, 0)) !== null
    );
  }

  /** What may be probed for how often it has a new value; the method says it from then on. */
  get probes(): Probed[] {
    const { nvml } = this.#driver;
    if (!this.alive || this.#counter === null) return [];
    const found = (which: 'counter' | 'power') => (periodMs: number | null) => {
      if (periodMs === null || !this.alive) return;
      this.#refresh[which] = periodMs;
      this.info = this.#describe();
      this.#driver.changed();
    };
    const asked = (call: (handle: Handle, out: Buffer) => number, take: () => number) => () =>
      this.alive && call(this.#handle, scratch) === code.ok ? take() : null;
    const counter = {
      read: asked(nvml.energy, () => readU64(scratch, 0)),
      found: found('counter'),
    };
    if (this.#meaning.known) return [counter];
    const power = { read: asked(nvml.power, () => scratch.readUInt32LE(0)), found: found('power') };
    return [counter, power];
  }

  /** Lays out the batch for what is read every tick. */
  #plan(): void {
    const wanted: { id: number; scope: number }[] = [];
    if (this.#counter !== null) wanted.push({ id: field.energy, scope: 0 });
    if (this.#averageScope !== null)
      wanted.push({ id: field.averagePower, scope: this.#averageScope });
    const trial = fieldBatch(wanted);
    const answers =
      wanted.length > 0 &&
      this.#driver.nvml.fields(this.#handle, wanted.length, trial.bytes) === code.ok &&
      wanted.every((_, index) => fieldResult(trial, index) === code.ok);
    this.#batch = answers ? trial : null;
    this.#batchFields = answers ? wanted.map(({ id }) => id) : [];
  }

  #describe(): ComponentInfo {
    const counted = this.#counter !== null;
    const { words, partlySeen } = this.#meaning;
    const { counter, power } = this.#refresh;
    const field = this.#averageScope !== null ? 'field 185' : 'nvmlDeviceGetPowerUsage';
    const watts = [
      `${field}, ${words}`,
      power === null ? '' : refreshWords(power),
      this.#instant ? 'field 186 answers too and is not used' : '',
    ]
      .filter(Boolean)
      .join(', ');
    return {
      key: this.key,
      kind: 'gpu',
      name: this.#name,
      source: 'nvml',
      provenance: counted ? 'counted' : 'integrated',
      uncertaintyPercent: counted ? 5 : partlySeen ? 15 : 10,
      uncertaintyWatts: null,
      method:
        (counted
          ? `NVML energy counter${counter === null ? '' : `, ${refreshWords(counter)}`}; watts: ${watts}`
          : `NVML power, integrated: ${watts}`) +
        (this.#module ? '; covers the whole module, processor and memory included' : '') +
        (this.#shared ? '; MIG is on, this is the whole board with all its instances' : ''),
    };
  }

  read(now: number, exact: boolean): void {
    const { reading } = this;
    if (!this.alive || now < this.#pausedUntil) {
      clearReading(reading);
      return;
    }
    this.#now = now;
    this.#raw = null;
    this.#watts = null;
    this.#readPower();
    const due = now - this.#slowAt >= slowMicros;
    if (this.alive && now >= this.#pausedUntil && (exact || due)) {
      // after the first time each card has its own moment of the second, which a mark does not move
      if (due) this.#slowAt = this.#slowAt === -Infinity ? now - this.#turn * slowMicros : now;
      this.#readSlow();
    }
    if (!this.alive || now < this.#pausedUntil) {
      clearReading(reading);
      return;
    }
    this.#settle();
  }

  shares(groups: Groups): SharesAnswer {
    if (!this.alive || this.#now < this.#pausedUntil) return 'missed';
    return this.#use.of(this.#driver.nvml, this.#handle, groups, this.reading.utilPercent);
  }

  #readPower(): void {
    const { nvml } = this.#driver;
    let powerAsked = false;
    if (this.#batch !== null) {
      if (
        this.#heed(nvml.fields(this.#handle, this.#batchFields.length, this.#batch.bytes), null)
      ) {
        this.#well();
        for (let index = 0; index < this.#batchFields.length; index++) {
          const energy = this.#batchFields[index] === field.energy;
          if (!energy) powerAsked = true;
          if (!this.#heed(fieldResult(this.#batch, index), energy ? 'energy' : 'power')) continue;
          const value = fieldValue(this.#batch, index);
          if (energy) this.#raw = Number.isFinite(value) ? value : null;
          else this.#watts = plausibleMilliwatts(value);
        }
      } else return;
    } else if (this.#counter !== null) {
      if (this.#heed(nvml.energy(this.#handle, scratch), 'energy')) {
        this.#well();
        this.#raw = readU64(scratch, 0);
      }
    }
    if (powerAsked || !this.alive || this.#now < this.#pausedUntil || this.#off.has('power'))
      return;
    if (this.#heed(nvml.power(this.#handle, scratch), 'power')) {
      this.#well();
      this.#watts = plausibleMilliwatts(scratch.readUInt32LE(0));
    }
  }

  #well(): void {
    this.#pause = firstPauseMicros;
    this.#restarted = false;
  }

  /** Joules, watts and flags from what was just read. */
  #settle(): void {
    const { reading } = this;
    const now = this.#now;
    reading.flags = this.#slowFlags;
    if (this.#counter !== null) {
      const counter = this.#counter;
      if (this.#raw !== null) counter.add(this.#raw, now, Infinity, maxGpuWatts);
      reading.joules = this.#raw === null ? null : counter.joules;
      // without a power reading: the counter's own slope, over more than one of its 100 ms steps
      reading.watts =
        this.#watts ?? (this.#off.has('power') ? counter.watts(now, slowMicros) : null);
      if (counter.takeGap()) reading.flags |= SampleFlag.gap;
      this.#watchCounter();
    } else if (this.#power !== null) {
      const limit = gapLimit(this.#driver.context.period());
      if (this.#watts !== null) this.#power.measure(this.#watts, now, limit);
      reading.joules = this.#watts === null ? null : this.#power.joules(now, limit);
      reading.watts = this.#watts;
      if (this.#power.takeGap()) reading.flags |= SampleFlag.gap;
    }
  }

  /** A counter that stands still under power is not believed; from here on, power is integrated. */
  #watchCounter(): void {
    if (this.#raw === null) return;
    if (this.#still.stands(this.#raw, this.#watts, this.#now))
      this.#withoutCounter('its energy counter stands still while it draws power');
  }

  #withoutCounter(why: string): void {
    if (this.#counter === null) return;
    if (this.#off.has('power')) {
      this.#die(`${this.#name}: ${why}, and it gives no power`, false);
      return;
    }
    this.#counter = null;
    this.#power = this.#driver.context.ledger.power(this.key, 'nvml');
    this.#plan();
    this.info = this.#describe();
    this.#driver.context.event(
      'warning',
      this.key,
      `${this.#name}: ${why}. Its power is integrated from here on.`,
    );
    this.#driver.changed();
  }

  #readSlow(): void {
    const { nvml } = this.#driver;
    const { reading } = this;
    reading.utilPercent = this.#ask('utilisation', nvml.utilisation)
      ? scratch.readUInt32LE(0)
      : null;
    reading.memoryMb = this.#ask('memory', nvml.memory) ? readU64(scratch, 16) / 1e6 : null;
    reading.tempC = this.#ask('temperature', nvml.temperature) ? scratch.readUInt32LE(0) : null;
    reading.clockMhz = this.#ask('clock', nvml.clock) ? scratch.readUInt32LE(0) : null;
    this.#watch.temperature(reading.tempC, this.#slowdown, this.#now);
    this.#slowFlags = 0;
    if (this.#ask('clock reasons', nvml.clockReasons)) {
      const reasons = scratch.readUInt32LE(0);
      this.#watch.clock(reasons, this.#now);
      if ((reasons & throttleReasons) !== 0) this.#slowFlags |= SampleFlag.throttled;
    }
    if (this.#seesForeign()) this.#slowFlags |= SampleFlag.foreign;
  }

  #ask(metric: Metric, call: (handle: Handle, out: Buffer) => number): boolean {
    if (!this.alive || this.#off.has(metric)) return false;
    return this.#heed(call(this.#handle, scratch), metric);
  }

  #seesForeign(): boolean {
    if (!this.alive || this.#off.has('processes')) return false;
    const { nvml, family } = this.#driver;
    const room = (): number => this.#processes.length / processBytes;
    scratch.writeUInt32LE(room(), 0);
    let result = nvml.processes(this.#handle, scratch, this.#processes);
    if (result === code.tooSmall) {
      this.#processes = Buffer.alloc(processBytes * 2 * Math.max(8, scratch.readUInt32LE(0)));
      scratch.writeUInt32LE(room(), 0);
      result = nvml.processes(this.#handle, scratch, this.#processes);
    }
    if (!this.#heed(result, 'processes')) return false;
    const count = Math.min(scratch.readUInt32LE(0), room());
    const strangers: Stranger[] = [];
    for (let index = 0; index < count; index++) {
      const pid = this.#processes.readUInt32LE(index * processBytes);
      if (family.isForeign(pid)) strangers.push(this.#stranger(pid, index));
    }
    this.#watch.strangers(strangers);
    return strangers.length > 0;
  }

  #stranger(pid: number, index: number): Stranger {
    const held = this.#processes.readBigUInt64LE(index * processBytes + 8);
    return {
      pid,
      name: commandOf(pid),
      // under MIG and under Windows the driver does not tell
      memoryBytes: held === 2n ** 64n - 1n ? null : Number(held),
    };
  }

  /**
   * Acts on a return code; true when there is a value to take.
   * @param metric what was asked; null: the batch as a whole
   */
  #heed(result: number, metric: Metric | null): boolean {
    if (result === code.ok) return true;
    const { nvml, context } = this.#driver;
    const outcome: Outcome = outcomeOf(result);
    const words = `${nvml.words(result)}, code ${result}`;
    switch (outcome) {
      case 'absent':
      case 'denied':
        if (metric === null) this.#batch = null;
        else if (metric === 'energy') this.#withoutCounter(`its energy counter is gone (${words})`);
        else this.#switchOff(metric, outcome, words);
        break;
      case 'pause':
        this.#pausedUntil = this.#now + this.#pause;
        this.#pause = Math.min(2 * this.#pause, longestPauseMicros);
        break;
      case 'lost':
      case 'no-driver':
      case 'mismatch':
        this.stopsAnswering(words, outcome);
        break;
      case 'restart':
        if (this.#restarted) this.stopsAnswering(words, outcome);
        else {
          this.#restarted = true;
          this.#driver.restart();
        }
        break;
      case 'unknown':
        if (this.#now - this.#notedAt < noteEveryMicros) break;
        this.#notedAt = this.#now;
        context.event('warning', this.key, `${this.#name}: the driver answers "${words}".`);
        break;
    }
    return false;
  }

  #switchOff(metric: Metric, outcome: Outcome, words: string): void {
    if (metric === 'power' && this.#averageScope !== null) {
      // the field is gone, the plain call may still be there
      this.#averageScope = null;
      this.#plan();
      this.info = this.#describe();
      this.#driver.changed();
      return;
    }
    this.#off.add(metric);
    if (metric === 'power' && this.#counter === null) {
      this.#die(`${this.#name} gives neither energy nor power (${words})`, false);
      return;
    }
    const denied = outcome === 'denied';
    this.#driver.context.event(
      denied ? 'warning' : 'info',
      this.key,
      `${this.#name}: ${metric} ${denied ? 'may not be read' : 'is not there'} (${words}).`,
    );
  }

  stopsAnswering(words: string, outcome: Outcome): void {
    this.#die(`${this.#name} stopped answering (${words})`, mayReturn.has(outcome));
  }

  #die(why: string, mayReturn: boolean): void {
    if (!this.alive) return;
    this.#death = { why, at: this.#now, mayReturn };
    this.#driver.context.event(
      'warning',
      this.key,
      `${why}. Its energy is missing from here on; the rest is still measured.${mayReturn ? ' It is looked for again by itself.' : ''}`,
    );
    this.#driver.changed();
  }

  /** A card that had gone answers again, maybe with another handle: a new segment after a gap. */
  comeBack(handle: Handle, now: number): void {
    if (this.#death === null) return;
    const { at } = this.#death;
    this.rebind(handle);
    this.#death = null;
    this.#restarted = false;
    this.#pausedUntil = -Infinity;
    this.#off.clear();
    this.#probe();
    this.#counter?.breakOff();
    this.#power?.breakOff();
    this.info = this.#describe();
    this.#driver.context.event(
      'info',
      this.key,
      `${this.#name} answers again after ${duration(now - at)}; that time is a gap.`,
    );
  }

  /** After a reload of the driver: another handle, and a counter that began anew. */
  rebind(handle: Handle): void {
    this.#handle = handle;
    this.#counter?.breakOff();
    this.#power?.breakOff();
    this.#still.reset();
  }

  get describesItself(): string {
    return `${this.#name} (${this.uuid})`;
  }
}

/** Watts, or null for what no board draws (a field id that means something else on this driver). */
function plausibleMilliwatts(milliwatts: number): number | null {
  const watts = milliwatts / 1000;
  return watts >= 0 && watts <= maxGpuWatts ? watts : null;
}

const answersPower = (nvml: Nvml, handle: Handle): boolean =>
  nvml.energy(handle, scratch) === code.ok || nvml.power(handle, scratch) === code.ok;

function busIdOf(nvml: Nvml, handle: Handle): string | null {
  const out = Buffer.alloc(pciBytes);
  return nvml.pci(handle, out) === code.ok ? text(out.subarray(pciBusIdAt)) : null;
}

/** UUIDs of the instances of a board; power exists for the board alone. */
function migUuids(nvml: Nvml, board: Handle): string[] {
  const most = nvml.migCount(board, scratch) === code.ok ? scratch.readUInt32LE(0) : 0;
  return Array.from({ length: most }, (_, index) => nvml.migByIndex(board, index)).flatMap(
    (instance) =>
      typeof instance === 'bigint' && nvml.uuid(instance, scratch, 96) === code.ok
        ? [text(scratch)]
        : [],
  );
}

/** Why the library cannot be used, from the code of its first calls. */
function refusal(nvml: Nvml, result: number): Source {
  const words = `${nvml.words(result)}, code ${result}`;
  switch (outcomeOf(result)) {
    case 'mismatch':
      return idleSource('unavailable', `${mismatchText} (${words})`, mismatchFix);
    case 'denied':
      return idleSource('unavailable', `The cards may not be read (${words}).`, deniedFix);
    case 'no-driver':
      return idleSource(
        'unavailable',
        `The library is there, the NVIDIA driver is not loaded (${words}).`,
        'Load the driver (sudo modprobe nvidia), then look for sensors again.',
      );
    default:
      return idleSource('unavailable', `NVML does not start (${words}).`);
  }
}

function open(context: SourceContext): Source {
  if (process.platform === 'darwin')
    return idleSource('unavailable', 'There is no NVIDIA driver for macOS.');
  let nvml: Nvml;
  try {
    nvml = loadNvml(libraryPaths(context.settings.paths.nvml));
  } catch (cause) {
    const none = idleSource('unavailable', `No NVIDIA library: ${messageOf(cause)}`);
    return { ...none, successor: 'nvidia-smi' };
  }
  const started = nvml.init();
  if (started !== code.ok) return refusal(nvml, started);
  const counted = nvml.count(scratch);
  if (counted !== code.ok) {
    nvml.shutdown();
    return refusal(nvml, counted);
  }
  const count = scratch.readUInt32LE(0);
  const version = nvml.driverVersion(scratch, 80) === code.ok ? text(scratch) : null;

  const cards: Card[] = [];
  const refused: string[] = [];
  let health: Health;
  let persistence = true;
  const assess = (): void => {
    const dead = cards.filter(({ alive }) => !alive);
    const living = cards.filter(({ alive }) => alive);
    const detail = [
      ...dead.map(({ death }) => `${death}.`),
      living.length > 0
        ? `Reads ${living.map((card) => card.describesItself).join(', ')}; driver ${version ?? 'unknown'}.`
        : '',
      ...refused,
    ]
      .filter(Boolean)
      .join(' ');
    if (dead.length > 0)
      health = {
        state: 'failed',
        detail,
        fix: dead.some((card) => card.mayReturn)
          ? 'It is looked for again by itself, every half minute at first. Look at the kernel log (dmesg, "Xid"): a card that fell off the bus comes back with a restart.'
          : 'Look at the kernel log (dmesg, "Xid"), then look for sensors again.',
      };
    else if (living.length > 0)
      health = {
        state: 'reading',
        detail,
        fix: persistence
          ? null
          : 'Optional: keep the driver loaded between jobs, so that the counter never restarts: sudo nvidia-smi -pm 1',
      };
    else
      health = {
        state: 'unavailable',
        detail: detail || 'The NVIDIA driver sees no card.',
        fix: refused.length > 0 ? deniedFix : null,
      };
  };

  let restarting = false;
  const driver: Driver = {
    nvml,
    context,
    family: new Family(process.ppid),
    changed() {
      assess();
      context.changed();
    },
    restart() {
      if (restarting) return;
      restarting = true;
      const result = nvml.init();
      if (result === code.ok)
        context.event('warning', null, 'The NVIDIA driver was loaded anew; the interval is a gap.');
      for (const card of cards.filter(({ alive }) => alive)) {
        const handle = result === code.ok ? nvml.byUuid(card.uuid) : { code: result };
        if (typeof handle === 'bigint') card.rebind(handle);
        else card.stopsAnswering(`it did not come back, code ${handle.code}`, 'restart');
      }
    },
  };

  const look = new LookAgain();
  let looking = false;
  let closed = false;
  /** Looks for cards that went away, seldom and never at the others' cost. */
  const lookAgain = (now: number): void => {
    if (looking) return;
    const gone = cards.filter((card) => card.mayReturn);
    if (look.due(now, gone.length > 0)) {
      looking = true;
      void findAgain(gone, now).finally(() => (looking = false));
    }
  };
  const findAgain = async (gone: readonly Card[], now: number): Promise<void> => {
    // the library sees what came back only when it starts anew, which would cost living cards their handles
    if (!cards.some(({ alive }) => alive)) {
      nvml.shutdown();
      const result = await nvml.initSoon();
      if (closed) {
        if (result === code.ok) nvml.shutdown();
        return;
      }
      if (result !== code.ok) return;
    }
    const back = gone.filter((card) => {
      const handle = nvml.byUuid(card.uuid);
      // one that is still lost has a handle too
      const answers = typeof handle === 'bigint' && answersPower(nvml, handle);
      if (answers) card.comeBack(handle, now);
      return answers;
    });
    if (back.length > 0) driver.changed();
  };

  for (let index = 0; index < count; index++) {
    const handle = nvml.byIndex(index);
    if (typeof handle !== 'bigint') {
      refused.push(
        `Card ${index} cannot be opened (${nvml.words(handle.code)}, code ${handle.code}).`,
      );
      continue;
    }
    const name =
      nvml.name(handle, scratch, 96) === code.ok ? text(scratch) : `NVIDIA card ${index}`;
    // the index may change from start to start; without a UUID it is all there is
    const uuid = nvml.uuid(handle, scratch, 96) === code.ok ? text(scratch) : `index-${index}`;
    if (
      process.platform === 'linux' &&
      nvml.persistence(handle, scratch) === code.ok &&
      scratch.readUInt32LE(0) === 0
    )
      persistence = false;
    cards.push(new Card(driver, handle, uuid, name, version));
  }
  cards.forEach((card, index) => card.takeTurn(index / cards.length));
  assess();

  const giveUp = probeRefresh(cards.flatMap(({ probes }) => probes));
  let familyAt = -Infinity;
  return {
    get health() {
      return health;
    },
    components: cards,
    gpus: cards.map(({ gpu }) => gpu),
    read(now, exact) {
      restarting = false;
      if (now - familyAt >= noteEveryMicros) {
        familyAt = now;
        driver.family.forget();
      }
      for (const card of cards) card.read(now, exact);
      lookAgain(now);
    },
    close() {
      closed = true;
      giveUp();
      // while it is being started anew, that call ends it
      if (!looking) nvml.shutdown();
    },
  };
}

export const nvml: SourceDefinition = { name: 'nvml', label: 'NVIDIA driver (NVML)', open };
