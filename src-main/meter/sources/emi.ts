/**
 * Energy counters of the processor under Windows 11, through the Energy Meter Interface.
 *
 * Counted are the package channels (`RAPL_PackageN_PKG`) and the memory of each (`_DRAM`), each counter
 * once: some machines show one package by two devices. Parts of a package are not counted, nor a memory
 * channel that stands at 0, which is how a chip without one is shown.
 */
import type { CounterEnergy } from '../energy.ts';
import { SampleFlag } from '../messages.ts';
import type { ComponentInfo } from '../messages.ts';
import {
  EmiError,
  energyOf,
  joulesPerPicowattHour,
  loadEmi,
  measurementBytes,
} from './emi-library.ts';
import type { Emi, EmiDevice } from './emi-library.ts';
import { MachineFigures } from './machine-figures.ts';
import {
  clearReading,
  emptyReading,
  idleSource,
  isLeftToRead,
  messageOf,
  readerOf,
} from './source.ts';
import type { Component, Health, Source, SourceContext, SourceDefinition } from './source.ts';
import { packageChannel, packageName } from './windows-channels.ts';

/** Counters this close to each other, relative to their value, are one counter seen twice. */
const mirrorShare = 1e-6;
const wattsOverMicros = 50_000;
/** A processor that runs moves its counter many times a second: one that stands still does not count. */
const stillMicros = 5_000_000;
const firstReopenMicros = 1_000_000;
const longestReopenMicros = 30_000_000;
const maxMemoryWatts = 600;

/** A counter that is read while the source is open. */
class Channel implements Component {
  readonly info: ComponentInfo;
  readonly reading = emptyReading();
  readonly alive = true;
  /** Its place among the measurements of its device. */
  readonly index: number;
  failure: string | null = null;
  readonly #energy: CounterEnergy;
  readonly #maxWatts: number;
  #last = -1;
  #movedAt = -Infinity;

  constructor(info: ComponentInfo, index: number, energy: CounterEnergy, maxWatts: number) {
    this.info = info;
    this.index = index;
    this.#energy = energy;
    this.#maxWatts = maxWatts;
  }

  take(picowattHours: number, now: number): void {
    if (picowattHours !== this.#last) {
      // what it did while it stood still nobody knows
      if (this.failure !== null) this.#energy.breakOff();
      this.failure = null;
      this.#last = picowattHours;
      this.#movedAt = now;
    } else if (now - this.#movedAt >= stillMicros) {
      this.failure = 'its counter stands still';
      clearReading(this.reading);
      return;
    }
    // 64 bits never wrap: a counter that falls was reset
    this.#energy.add(picowattHours, now, Infinity, this.#maxWatts);
    this.reading.joules = this.#energy.joules;
    this.reading.watts = this.#energy.watts(now, wattsOverMicros);
    this.reading.utilPercent = null;
    this.reading.memoryMb = null;
    this.reading.flags = this.#energy.takeGap() ? SampleFlag.gap : 0;
  }
}

/** A device, its channels, and what keeps it from being read. */
class Meter {
  readonly channels: Channel[] = [];
  failure: string | null = null;
  readonly #emi: Emi;
  readonly #names: string;
  readonly #out: Buffer;
  #device: EmiDevice | null;
  #retryAt = 0;
  #waitMicros = firstReopenMicros;

  constructor(emi: Emi, device: EmiDevice) {
    this.#emi = emi;
    this.#device = device;
    this.#names = device.channels.join('\n');
    this.#out = Buffer.alloc(measurementBytes * device.channels.length);
    this.path = device.path;
  }

  readonly path: string;

  read(now: number): void {
    try {
      if (this.#device === null) {
        if (now < this.#retryAt) return this.#missing();
        this.#device = this.#reopen();
      }
      this.#device.read(this.#out);
    } catch (cause) {
      this.failure = messageOf(cause);
      this.close();
      this.#retryAt = now + this.#waitMicros;
      this.#waitMicros = Math.min(2 * this.#waitMicros, longestReopenMicros);
      return this.#missing();
    }
    this.failure = null;
    this.#waitMicros = firstReopenMicros;
    for (const channel of this.channels) channel.take(energyOf(this.#out, channel.index), now);
  }

  #reopen(): EmiDevice {
    const device = this.#emi.open(this.path);
    if (device.channels.join('\n') === this.#names) return device;
    device.close();
    throw new Error('its channels are others than before; look for sensors again');
  }

  #missing(): void {
    for (const { reading } of this.channels) clearReading(reading);
  }

  close(): void {
    this.#device?.close();
    this.#device = null;
  }
}

function open(context: SourceContext): Source {
  const reader = readerOf('cpu', context);
  if (reader) return idleSource('unused', `${reader.definition.label} reads the processor.`);
  let emi: Emi;
  let paths: string[];
  try {
    emi = loadEmi(context.settings.paths.emi);
    paths = emi.devices();
  } catch (cause) {
    return {
      ...idleSource(
        'unavailable',
        `The Energy Meter Interface cannot be used: ${messageOf(cause)}.`,
      ),
      successor: 'typeperf',
    };
  }
  if (paths.length === 0)
    return idleSource(
      'unavailable',
      'Windows shows no energy meter' +
        (context.inventory.virtual
          ? ': virtual machines rarely see one.'
          : '. Windows 11 on bare metal has one for most processors.'),
    );

  const { cpu } = context.inventory;
  const maxPackageWatts = cpu.tdpWatts === null ? 1500 : Math.max(300, 3 * cpu.tdpWatts);
  const meters: Meter[] = [];
  const counted: { key: string; name: string; energy: number }[] = [];
  const left: string[] = [];
  const closed: string[] = [];
  let denied = false;
  for (const path of paths) {
    let device: EmiDevice | null = null;
    const values = { out: Buffer.alloc(0) };
    try {
      device = emi.open(path);
      values.out = Buffer.alloc(measurementBytes * device.channels.length);
      device.read(values.out);
    } catch (cause) {
      closed.push(`${path}: ${messageOf(cause)}`);
      denied ||= cause instanceof EmiError && cause.denied;
      device?.close();
      continue;
    }
    const meter = new Meter(emi, device);
    device.channels.forEach((name, index) => {
      const channel = name === null ? null : packageChannel(name);
      if (name === null || channel === null) return;
      if (!isLeftToRead(channel.kind, context)) return;
      const energy = energyOf(values.out, index);
      if (energy === 0) {
        left.push(`${name} (stands at 0)`);
        return;
      }
      const { key, kind } = channel;
      const mirror = counted.find(
        (other) =>
          other.key === key ||
          (other.key.startsWith(kind) &&
            Math.abs(other.energy - energy) <= mirrorShare * Math.max(other.energy, energy)),
      );
      if (mirror) {
        left.push(`${name} again (the same counter as ${mirror.name})`);
        return;
      }
      counted.push({ key, name, energy });
      const info: ComponentInfo = {
        key,
        kind,
        name: packageName(channel, context.inventory),
        source: 'emi',
        provenance: 'counted',
        uncertaintyPercent: 5,
        uncertaintyWatts: null,
        method: `Energy Meter Interface version ${device.version}, counter ${name}`,
      };
      meter.channels.push(
        new Channel(
          info,
          index,
          context.ledger.counter(key, 'emi', joulesPerPicowattHour),
          kind === 'cpu' ? maxPackageWatts : maxMemoryWatts,
        ),
      );
    });
    if (meter.channels.length > 0) meters.push(meter);
    else meter.close();
  }

  const components = meters.flatMap(({ channels }) => channels);
  if (!components.some(({ info }) => info.kind === 'cpu')) {
    for (const meter of meters) meter.close();
    const detail =
      closed.length > 0
        ? `No energy meter can be read (${closed.join('; ')}).`
        : `None of the energy meters reads a processor package${left.length > 0 ? ` (${left.join(', ')})` : ''}.`;
    const none = idleSource('unavailable', detail);
    return denied ? { ...none, successor: 'typeperf' } : none;
  }

  const well: Health = {
    state: 'reading',
    detail: [
      `Reads ${components.map(({ info }) => info.key).join(', ')}.`,
      left.length > 0 ? `Not counted: ${left.join(', ')}.` : '',
      closed.length > 0 ? `Closed to us: ${closed.join('; ')}.` : '',
    ]
      .filter(Boolean)
      .join(' '),
    fix: null,
  };
  let health = well;
  const figures = new MachineFigures(context.settings.paths.procStat);

  const heed = (): void => {
    const failing = meters.flatMap(({ channels, failure }) =>
      channels.flatMap((channel) => {
        const why = failure ?? channel.failure;
        return why === null ? [] : [{ key: channel.info.key, why }];
      }),
    );
    const detail = failing.map(({ key, why }) => `${key}: ${why}`).join('; ');
    if (failing.length === 0 ? health === well : health.detail === detail) return;
    const before = health.state;
    health = failing.length === 0 ? well : { state: 'failed', detail, fix: null };
    if (health.state !== before)
      context.event(
        health.state === 'failed' ? 'warning' : 'info',
        failing[0]?.key ?? null,
        health.state === 'failed'
          ? `An energy meter cannot be read any more: ${detail}. Its energy is missing until it comes back.`
          : 'All energy meters can be read again.',
      );
    context.changed();
  };

  return {
    get health() {
      return health;
    },
    components,
    read(now) {
      for (const meter of meters) meter.read(now);
      figures.show(components, now);
      heed();
    },
    close() {
      for (const meter of meters) meter.close();
      figures.close();
    },
  };
}

export const emi: SourceDefinition = {
  name: 'emi',
  label: 'Energy Meter Interface',
  exists: ({ paths }, platform) => platform === 'win32' || paths.emi !== null,
  open,
};
