/**
 * AMD cards through what the kernel's amdgpu driver shows under /sys/class/drm: an energy counter where
 * there is one, else power, integrated. (Kernel documentation, "GPU Power/Thermal Controls and Monitoring".)
 *
 * A card that sleeps is not woken: whether it does is asked first, and a sleeping card draws nothing. An
 * APU's power is that of the whole chip, processor included: it is read only where nothing else reads the
 * processor, and then as the processor's.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CounterEnergy, PowerEnergy } from '../energy.ts';
import { CpuLoad } from '../load.ts';
import type { ComponentInfo, MeterSettings } from '../messages.ts';
import { SampleFlag } from '../messages.ts';
import { CardWatch, duration } from './card-watch.ts';
import { LookAgain } from './look-again.ts';
import {
  clearReading,
  emptyReading,
  gapLimit,
  idleSource,
  maxGpuWatts,
  messageOf,
  readerOf,
} from './source.ts';
import type { Component, Gpu, Health, Source, SourceContext, SourceDefinition } from './source.ts';
import { StillCounter } from './still-counter.ts';

const amd = '0x1002';
/** MI300A: an APU that does not look like one, since it has no north bridge voltage. */
const mi300a = '0x74a0';
const slowMicros = 1_000_000;

const drmFolder = (settings: MeterSettings): string => settings.paths.drm ?? '/sys/class/drm';

/** The text of a kernel file, null when it is not there or may not be read. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim() || null;
  } catch {
    return null;
  }
}

/** A whole number, null for anything else. */
function numberOf(path: string): number | null {
  const text = textOf(path);
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null;
}

/** Where a card's files are. The number of a hwmon folder changes when the card comes back. */
interface Place {
  device: string;
  hwmon: string | null;
}

function hwmonOf(device: string): string | null {
  try {
    const folder = join(device, 'hwmon');
    const found = readdirSync(folder).find((name) => /^hwmon\d+$/.test(name));
    return found === undefined ? null : join(folder, found);
  } catch {
    return null;
  }
}

/** `0000:03:00.0` */
function slotOf(device: string): string {
  const named = /^PCI_SLOT_NAME=(.+)$/m.exec(textOf(join(device, 'uevent')) ?? '')?.[1];
  return named ?? basename(realpathSync(device));
}

/** The serial number of the chip where it has one, else its place in the machine. */
function idOf(device: string): string {
  const serial = textOf(join(device, 'unique_id'));
  return `amd-${serial !== null && /^[0-9a-f]+$/i.test(serial) && !/^0+$/.test(serial) ? serial : slotOf(device)}`;
}

/** AMD devices below a drm folder, by id, in the order of their cards. @throws when it cannot be listed */
function placesIn(drm: string): Map<string, Place> {
  const cards = readdirSync(drm).filter((name) => /^card\d+$/.test(name));
  cards.sort((a, b) => Number(a.slice(4)) - Number(b.slice(4)));
  const places = new Map<string, Place>();
  for (const card of cards) {
    const device = join(drm, card, 'device');
    if (textOf(join(device, 'vendor')) !== amd) continue;
    places.set(idOf(device), { device, hwmon: hwmonOf(device) });
  }
  return places;
}

const isApu = ({ device, hwmon }: Place): boolean =>
  textOf(join(device, 'device')) === mi300a ||
  (hwmon !== null && textOf(join(hwmon, 'in1_label')) === 'vddnb');

/** The temperature of a sensor by its label: `edge`, `junction` (the hot spot), `mem`. */
function temperatureFile(hwmon: string, label: string): string | null {
  const found = [1, 2, 3].find((n) => textOf(join(hwmon, `temp${n}_label`)) === label);
  return found === undefined ? null : join(hwmon, `temp${found}`);
}

class Card implements Component {
  readonly reading = emptyReading();
  readonly gpu: Gpu;
  readonly id: string;
  info: ComponentInfo;
  #lostAt: number | null = null;
  readonly #context: SourceContext;
  readonly #apu: boolean;
  readonly #watch: CardWatch;
  readonly #still = new StillCounter();
  readonly #load: CpuLoad | null;
  #place: Place;
  #powerFile: string | null = null;
  #counter: CounterEnergy | null = null;
  #power: PowerEnergy | null = null;
  #slowAt = -Infinity;
  #slow: { util: number | null; memory: number | null; temp: number | null; clock: number | null } =
    { util: null, memory: null, temp: null, clock: null };

  constructor(context: SourceContext, id: string, place: Place, apu: boolean) {
    this.#context = context;
    this.id = id;
    this.#place = place;
    this.#apu = apu;
    this.#load = apu ? new CpuLoad(context.settings.paths.procStat) : null;
    this.gpu = gpuOf(id, place);
    const key = apu ? `cpu:${id}` : `gpu:${id}`;
    const name = apu ? `${this.gpu.name}, whole chip` : this.gpu.name;
    this.#watch = new CardWatch(key, name, context.event);
    this.info = {
      ...{ key, name, kind: apu ? 'cpu' : 'gpu', source: 'amdgpu' },
      ...{ provenance: 'integrated', uncertaintyPercent: 10, uncertaintyWatts: null, method: '' },
    };
    this.#probe();
  }

  get alive(): boolean {
    return this.#lostAt === null;
  }

  /** It has a sensor that tells power or energy. */
  get measures(): boolean {
    return this.#counter !== null || this.#powerFile !== null;
  }

  #probe(): void {
    const { hwmon } = this.#place;
    const { key } = this.info;
    const { ledger } = this.#context;
    const there = (name: string): string | null =>
      hwmon !== null && existsSync(join(hwmon, name)) ? join(hwmon, name) : null;
    this.#powerFile = there('power1_average') ?? there('power1_input');
    // a card that sleeps is not asked: that it has the file must do
    const counts =
      there('energy1_input') !== null &&
      (this.#sleeps() || (numberOf(join(hwmon!, 'energy1_input')) ?? 0) > 0);
    this.#counter = counts ? ledger.counter(key, 'amdgpu', 1e-6) : null;
    this.#power = counts ? null : ledger.power(key, 'amdgpu');
    this.#still.reset();
    this.info = this.#describe();
  }

  #describe(): ComponentInfo {
    const counted = this.#counter !== null;
    const field = this.#powerFile === null ? null : basename(this.#powerFile);
    return {
      ...this.info,
      provenance: counted ? 'counted' : 'integrated',
      uncertaintyPercent: counted ? 5 : 10,
      method:
        (counted
          ? `amdgpu energy1_input${field === null ? '' : `; watts: ${field}`}`
          : `amdgpu ${field}, integrated; what it averages over is up to the firmware`) +
        (this.#apu
          ? '; the whole APU, processor and graphics together'
          : '; 0 W while the kernel has it suspended'),
    };
  }

  #sleeps(): boolean {
    return textOf(join(this.#place.device, 'power', 'runtime_status')) === 'suspended';
  }

  read(now: number, exact: boolean): void {
    const { reading } = this;
    clearReading(reading);
    if (!this.alive) return;
    if (this.#sleeps()) {
      // a processor never draws nothing: of an APU the reading is missing then
      if (!this.#apu) this.#rest(now);
      return;
    }
    const { hwmon } = this.#place;
    const microjoules =
      this.#counter !== null && hwmon !== null ? numberOf(join(hwmon, 'energy1_input')) : null;
    const microwatts = this.#powerFile === null ? null : numberOf(this.#powerFile);
    if (
      microjoules === null &&
      microwatts === null &&
      !existsSync(join(this.#place.device, 'vendor'))
    )
      return this.#lose(now);
    const watts =
      microwatts !== null && microwatts >= 0 && microwatts <= maxGpuWatts * 1e6
        ? microwatts / 1e6
        : null;
    this.#settle(microjoules, watts, now);
    if (exact || now - this.#slowAt >= slowMicros) this.#readSlow(now);
    reading.utilPercent = this.#slow.util;
    reading.memoryMb = this.#slow.memory;
    reading.tempC = this.#slow.temp;
    reading.clockMhz = this.#slow.clock;
  }

  /** The kernel has taken its power away: nothing is drawn, and nothing is asked that would wake it. */
  #rest(now: number): void {
    const { reading } = this;
    reading.watts = 0;
    reading.utilPercent = 0;
    if (this.#counter !== null) reading.joules = this.#counter.joules;
    else this.#settle(null, 0, now);
    this.#still.reset();
  }

  #settle(microjoules: number | null, watts: number | null, now: number): void {
    const { reading } = this;
    reading.watts = watts;
    if (this.#counter !== null) {
      const counter = this.#counter;
      // 64 bits of microjoules do not wrap: a fall is a card that was started anew
      if (microjoules !== null) counter.add(microjoules, now, Infinity, maxGpuWatts);
      reading.joules = microjoules === null ? null : counter.joules;
      reading.watts ??= this.#powerFile === null ? counter.watts(now, slowMicros) : null;
      if (counter.takeGap()) reading.flags |= SampleFlag.gap;
      if (microjoules !== null && this.#still.stands(microjoules, watts, now)) this.#uncount();
    } else if (this.#power !== null) {
      const limit = gapLimit(this.#context.period());
      if (watts !== null) this.#power.measure(watts, now, limit);
      reading.joules = watts === null ? null : this.#power.joules(now, limit);
      if (this.#power.takeGap()) reading.flags |= SampleFlag.gap;
    }
  }

  #uncount(): void {
    this.#counter = null;
    this.#power = this.#context.ledger.power(this.info.key, 'amdgpu');
    this.info = this.#describe();
    this.#context.event(
      'warning',
      this.info.key,
      `${this.info.name}: its energy counter stands still while it draws power. Its power is integrated from here on.`,
    );
    this.#context.changed();
  }

  #readSlow(now: number): void {
    this.#slowAt = now;
    const { device, hwmon } = this.#place;
    const degrees = (file: string | null): number | null => {
      const milli = file === null ? null : numberOf(file);
      return milli === null ? null : milli / 1000;
    };
    const edge = hwmon && (temperatureFile(hwmon, 'edge') ?? join(hwmon, 'temp1'));
    const junction = hwmon && temperatureFile(hwmon, 'junction');
    const hertz = hwmon === null ? null : numberOf(join(hwmon, 'freq1_input'));
    const used = numberOf(join(device, 'mem_info_vram_used'));
    const hot = degrees(junction && `${junction}_input`);
    const temp = degrees(edge && `${edge}_input`) ?? hot;
    this.#slow = {
      util: this.#load
        ? percent(this.#load.busyShare())
        : numberOf(join(device, 'gpu_busy_percent')),
      memory: this.#apu || used === null ? null : used / 1e6,
      temp,
      clock: hertz === null ? null : hertz / 1e6,
    };
    const limit = degrees(junction && `${junction}_crit`);
    this.#watch.temperature(hot, limit, now, 'hot spot at ');
  }

  #lose(now: number): void {
    this.#lostAt = now;
    this.#context.event(
      'warning',
      this.info.key,
      `${this.info.name} is gone from the system. Its energy is missing from here on; the rest is still measured. It is looked for again by itself.`,
    );
    this.#context.changed();
  }

  close(): void {
    this.#load?.close();
  }

  comeBack(place: Place, now: number): void {
    if (this.#lostAt === null) return;
    const away = duration(now - this.#lostAt);
    this.#lostAt = null;
    this.#place = place;
    this.#probe();
    this.#counter?.breakOff();
    this.#power?.breakOff();
    this.#context.event(
      'info',
      this.info.key,
      `${this.info.name} is back after ${away}; that time is a gap.`,
    );
  }
}

const percent = (share: number | null): number | null => (share === null ? null : 100 * share);

function gpuOf(id: string, { device }: Place): Gpu {
  const chip = textOf(join(device, 'device'));
  return {
    name: textOf(join(device, 'product_name')) ?? `AMD GPU${chip === null ? '' : ` ${chip}`}`,
    memoryBytes: numberOf(join(device, 'mem_info_vram_total')),
    driver: 'amdgpu',
    uuid: id,
    busId: slotOf(device),
  };
}

function open(context: SourceContext): Source {
  const drm = drmFolder(context.settings);
  let places: Map<string, Place>;
  try {
    places = placesIn(drm);
  } catch (cause) {
    return idleSource('unavailable', `The graphics devices cannot be listed: ${messageOf(cause)}.`);
  }
  const cards: Card[] = [];
  const gpus: Gpu[] = [];
  const others: string[] = [];
  for (const [id, place] of places) {
    const apu = isApu(place);
    const gpu = gpuOf(id, place);
    gpus.push(gpu);
    const reader = apu ? readerOf('cpu', context) : undefined;
    if (reader) {
      others.push(
        `${gpu.name} is part of the processor, which ${reader.definition.label} reads: its power is not added to it.`,
      );
      continue;
    }
    const card = new Card(context, id, place, apu);
    if (card.measures) cards.push(card);
    else others.push(`${gpu.name} shows neither power nor energy.`);
  }
  if (cards.length === 0)
    return {
      ...idleSource('unavailable', others.join(' ') || 'There is no AMD card.'),
      gpus,
    };

  const look = new LookAgain();
  return {
    get health(): Health {
      const lost = cards.filter(({ alive }) => !alive);
      const read = cards.filter(({ alive }) => alive);
      return {
        state: lost.length > 0 ? 'failed' : 'reading',
        detail: [
          ...lost.map(({ gpu }) => `${gpu.name} (${gpu.uuid}) is gone.`),
          ...(read.length > 0
            ? [`Reads ${read.map(({ info, id }) => `${info.name} (${id})`).join(', ')}.`]
            : []),
          ...others,
        ].join(' '),
        fix:
          lost.length > 0
            ? 'It is looked for again by itself, every half minute at first. Look at the kernel log (dmesg, "amdgpu").'
            : null,
      };
    },
    components: cards,
    gpus,
    read(now, exact) {
      for (const card of cards) card.read(now, exact);
      const lost = cards.filter(({ alive }) => !alive);
      if (!look.due(now, lost.length > 0)) return;
      const there = placesNow(drm);
      for (const card of lost) {
        const place = there.get(card.id);
        if (place) card.comeBack(place, now);
      }
      if (lost.some(({ alive }) => alive)) context.changed();
    },
    close() {
      for (const card of cards) card.close();
    },
  };
}

function placesNow(drm: string): Map<string, Place> {
  try {
    return placesIn(drm);
  } catch {
    return new Map();
  }
}

/** Listed only where an AMD card is. */
function exists(settings: MeterSettings, platform: NodeJS.Platform): boolean {
  if (platform !== 'linux' && settings.paths.drm === null) return false;
  return placesNow(drmFolder(settings)).size > 0;
}

export const amdgpu: SourceDefinition = {
  name: 'amdgpu',
  label: 'AMD cards (amdgpu)',
  exists,
  open,
};
