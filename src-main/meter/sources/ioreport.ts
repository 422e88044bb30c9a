/**
 * Energy of an Apple chip's processor, graphics and memory, from the counters that IOReport keeps. Needs
 * no root.
 *
 * A counter must be seen to move before it is believed: under macOS 27 the counters of processor and
 * memory are brought up to date every five minutes or never, while that of the graphics still moves (seen
 * on M2, M3 Max, M4 Max and M5 by the makers of macmon and others). What does not move is left to the next
 * source. The Neural Engine may rest, so its counter is believed where
 * the processor's is, which the same part of the system keeps.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMicros } from '../../port.ts';
import type { CounterEnergy } from '../energy.ts';
import { SampleFlag } from '../messages.ts';
import type { ComponentInfo } from '../messages.ts';
import { appleGpu, appleInfo } from './apple-parts.ts';
import type { AppleKey } from './apple-parts.ts';
import { openEnergyModel } from './ioreport-library.ts';
import type { EnergyChannel, EnergyModel } from './ioreport-library.ts';
import { MachineFigures } from './machine-figures.ts';
import { clearReading, emptyReading, idleSource, isLeftToRead, messageOf } from './source.ts';
import type { Component, Health, Source, SourceContext, SourceDefinition } from './source.ts';

/** How long the counters are given to move while the source is opened, and between two looks. */
const patienceMs = 1200;
const lookMs = 100;
/** A processor or memory whose counter stands still for so long is not being counted. */
const stillMicros = 2_000_000;
const wattsOverMicros = 200_000;
/** More than any Apple chip draws in one part. */
const maxWatts = 500;

/**
 * Which channels make up a part. Totals come before the sums of what they contain: `CPU Energy` (one
 * per die) before the clusters, `GPU Energy` before `GPU0`.
 */
const totals: Record<AppleKey, readonly RegExp[]> = {
  cpu: [/^(DIE_\d+_)?CPU Energy$/, /^(DIE_\d+_)?([EPM]CPU|[EPM]ACC_?\d*_CPU)$/],
  'gpu:apple': [/^(DIE_\d+_)?GPU Energy$/, /^(DIE_\d+_)?GPU\d*(_\d+)?$/],
  'gpu:ane': [/^(DIE_\d+_)?ANE\d*(_\d+)?$/],
  ram: [/^(DIE_\d+_)?DRAM\d*(_\d+)?$/],
};

/** Channels of each part, out of all their names; none where the chip shows none. */
export function channelsOf(names: readonly string[]): Map<AppleKey, string[]> {
  const parts = new Map<AppleKey, string[]>();
  for (const [key, patterns] of Object.entries(totals) as [AppleKey, readonly RegExp[]][])
    for (const pattern of patterns) {
      const found = names.filter((name) => pattern.test(name));
      if (found.length === 0) continue;
      parts.set(key, found);
      break;
    }
  return parts;
}

class Part implements Component {
  readonly info: ComponentInfo;
  readonly reading = emptyReading();
  readonly alive = true;
  failure: string | null = null;
  readonly #energy: CounterEnergy;
  /** Joules that the channels have shown, from what they stood at on. */
  #shown: number;
  #movedAt: number | null = null;

  constructor(info: ComponentInfo, energy: CounterEnergy, joules: number) {
    this.info = info;
    this.#energy = energy;
    this.#shown = joules;
  }

  /** @param gain joules since the last reading; NaN or negative: a counter that cannot be followed */
  take(gain: number, now: number): void {
    this.#movedAt ??= now;
    if (!(gain >= 0)) {
      this.#energy.breakOff();
      this.#lose('its counter fell or went away');
      return;
    }
    this.#shown += gain;
    const still = gain === 0 && this.info.kind !== 'gpu';
    if (!still) {
      // what a counter adds after it stood still is from a time that nobody knows
      if (now - this.#movedAt > stillMicros) this.#energy.breakOff();
      this.#movedAt = now;
    } else if (now - this.#movedAt > stillMicros)
      return this.#lose('its counter has stopped moving');
    this.failure = null;
    this.#energy.add(this.#shown, now, Infinity, maxWatts);
    this.reading.joules = this.#energy.joules;
    this.reading.watts = this.#energy.watts(now, wattsOverMicros);
    this.reading.utilPercent = null;
    this.reading.memoryMb = null;
    this.reading.flags = this.#energy.takeGap() ? SampleFlag.gap : 0;
  }

  lose(): void {
    clearReading(this.reading);
  }

  #lose(why: string): void {
    this.failure = why;
    this.lose();
  }
}

/** Which parts move; joules are added up meanwhile, so that nothing is lost. */
async function watch(
  model: EnergyModel,
  parts: Map<AppleKey, { places: number[]; joules: number }>,
  gains: Float64Array,
): Promise<Set<AppleKey>> {
  const moved = new Set<AppleKey>();
  const until = monotonicMicros() + patienceMs * 1000;
  // accelerators may rest: the wait is for the others
  const awaited = [...parts.keys()].filter((key) => !key.startsWith('gpu'));
  while (!awaited.every((key) => moved.has(key)) && monotonicMicros() < until) {
    await sleep(lookMs);
    model.gains(gains);
    for (const [key, part] of parts) {
      const gain = part.places.reduce((sum, place) => sum + gains[place]!, 0);
      if (!(gain >= 0)) continue;
      part.joules += gain;
      if (gain > 0) moved.add(key);
    }
  }
  return moved;
}

async function open(context: SourceContext): Promise<Source> {
  let model: EnergyModel;
  try {
    model = openEnergyModel(context.settings.paths.ioreport);
  } catch (cause) {
    return idleSource('unavailable', `IOReport cannot be read: ${messageOf(cause)}.`);
  }
  const found = channelsOf(model.first.map(({ name }) => name));
  for (const key of [...found.keys()])
    if (!isLeftToRead(appleInfo(key, context.inventory).kind, context)) found.delete(key);
  const selected: EnergyChannel[] = [];
  const parts = new Map(
    [...found].map(([key, names]) => {
      const channels = model.first.filter(({ name }) => names.includes(name));
      const places = channels.map((channel) => selected.push(channel) - 1);
      const joules = channels.reduce((sum, channel) => sum + channel.joules, 0);
      return [key, { places, joules }] as const;
    }),
  );
  const gains = new Float64Array(selected.length);
  let moved: Set<AppleKey>;
  try {
    model.select(selected);
    moved = await watch(model, parts, gains);
  } catch (cause) {
    model.close();
    return idleSource('unavailable', `IOReport cannot be read: ${messageOf(cause)}.`);
  }
  // graphics that rest may stand still: their driver keeps their counter
  if (moved.has('cpu')) moved.add('gpu:ane');
  const still = [...parts.keys()].filter((key) => !moved.has(key) && key !== 'gpu:apple');
  const components = [...parts]
    .filter(([key]) => !still.includes(key))
    .map(([key, { places, joules }]) => {
      const info: ComponentInfo = {
        key,
        ...appleInfo(key, context.inventory),
        source: 'ioreport',
        provenance: 'counted',
        uncertaintyPercent: 5,
        uncertaintyWatts: null,
        method: `IOReport Energy Model, ${found.get(key)!.join(' + ')}`,
      };
      const energy = context.ledger.counter(key, 'ioreport', 1);
      return { part: new Part(info, energy, joules), places };
    });
  const stillText = still.map((key) => `${key} (${found.get(key)!.join(', ')})`).join(', ');
  if (components.length === 0) {
    model.close();
    return idleSource(
      'unavailable',
      still.length > 0
        ? `The energy counters stand still: ${stillText}. macOS 27 keeps them so.`
        : `IOReport has no energy counter for processor, graphics or memory among its ${model.first.length} channels.`,
    );
  }

  const list = components.map(({ part }) => part);
  const processor = list.find(({ info }) => info.key === 'cpu');
  const engine = list.find(({ info }) => info.key === 'gpu:ane');
  const well: Health = {
    state: 'reading',
    detail:
      `Reads ${list.map(({ info }) => info.key).join(', ')}.` +
      (still.length > 0 ? ` Not read, because the counter stands still: ${stillText}.` : ''),
    fix: null,
  };
  let health = well;
  const heed = (failure: string | null): void => {
    const failing = list.filter((part) => part.failure !== null);
    const detail =
      failure ?? failing.map(({ info, failure: why }) => `${info.key}: ${why}`).join('; ');
    const ill = failure !== null || failing.length > 0;
    if (ill ? health.detail === detail : health === well) return;
    const before = health.state;
    health = ill ? { state: 'failed', detail, fix: null } : well;
    if (health.state !== before)
      context.event(
        ill ? 'warning' : 'info',
        failing[0]?.info.key ?? null,
        ill
          ? `An energy counter of IOReport cannot be read any more: ${detail}. Its energy is missing until it comes back.`
          : 'All energy counters of IOReport can be read again.',
      );
    context.changed();
  };
  const figures = new MachineFigures(context.settings.paths.procStat);

  return {
    get health() {
      return health;
    },
    components: list,
    gpus: list.some(({ info }) => info.key === 'gpu:apple') ? [appleGpu(context.inventory)] : [],
    read(now) {
      try {
        model.gains(gains);
      } catch (cause) {
        for (const part of list) part.lose();
        heed(messageOf(cause));
        return;
      }
      for (const { part, places } of components)
        part.take(
          places.reduce((sum, place) => sum + gains[place]!, 0),
          now,
        );
      if (processor?.failure != null) engine?.lose();
      figures.show(list, now);
      heed(null);
    },
    close() {
      model.close();
      figures.close();
    },
  };
}

export const ioreport: SourceDefinition = {
  name: 'ioreport',
  label: 'IOReport counters',
  exists: ({ paths }, platform) => platform === 'darwin' || paths.ioreport !== null,
  open,
};
