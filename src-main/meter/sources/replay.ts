/**
 * A recorded trace in place of sensors, for tests and for showing real captures on a machine without
 * their hardware. Every component says that it is a replay, and of what.
 *
 * Watts are those of the recording. At another speed than 1 joules are divided by it, so that energy is
 * still power times the time that passes here.
 */
import { readFileSync } from 'node:fs';
import type { CounterEnergy } from '../energy.ts';
import { SampleFlag } from '../messages.ts';
import type { ComponentInfo } from '../messages.ts';
import { clearReading, emptyReading, idleSource, messageOf } from './source.ts';
import type { Component, Health, Source, SourceContext, SourceDefinition } from './source.ts';
import { parseTrace } from './trace.ts';
import type { Trace, Track } from './trace.ts';

/** A recording is believed: its readings were judged when they were taken. */
const anyWatts = 1e9;

class Player implements Component {
  readonly reading = emptyReading();
  readonly alive = true;
  readonly info: ComponentInfo;
  readonly #track: Track;
  readonly #speed: number;
  readonly #energy: CounterEnergy;
  /** The last sample at or before the position; -1 before the first. */
  #index = -1;

  constructor(context: SourceContext, track: Track, { about, speed }: Trace) {
    this.info = {
      ...track.info,
      name: `${track.info.name} (replay)`,
      source: 'replay',
      method: `Replay of ${about}; recorded as: ${track.info.method}`,
    };
    this.#track = track;
    this.#speed = speed;
    this.#energy = context.ledger.counter(track.info.key, 'replay', 1);
  }

  rewind(): void {
    this.#index = -1;
    this.#energy.breakOff();
  }

  /** @param position microseconds of the trace; null: it has ended */
  read(now: number, position: number | null): void {
    const { reading } = this;
    const track = this.#track;
    clearReading(reading);
    if (position === null) return;
    while (this.#index + 1 < track.t.length && track.t[this.#index + 1]! <= position) {
      this.#index++;
      if ((track.flags[this.#index]! & SampleFlag.gap) !== 0) this.#energy.breakOff();
    }
    const at = this.#index;
    if (at < 0) return;
    const joules = this.#joulesAt(position);
    if (joules !== null) {
      this.#energy.add(joules / this.#speed, now, Infinity, anyWatts);
      reading.joules = this.#energy.joules;
    }
    reading.watts = track.watts[at]!;
    reading.utilPercent = track.utilPercent[at]!;
    reading.memoryMb = track.memoryMb[at]!;
    reading.tempC = track.tempC[at]!;
    reading.flags = track.flags[at]! & ~SampleFlag.gap;
    if (this.#energy.takeGap()) reading.flags |= SampleFlag.gap;
  }

  /** In a line between the samples around the position, unless the recording has a hole there. */
  #joulesAt(position: number): number | null {
    const { t, joules, flags } = this.#track;
    const at = this.#index;
    const before = joules[at]!;
    const after = joules[at + 1] ?? null;
    if (before === null || after === null) return before;
    if ((flags[at + 1]! & SampleFlag.gap) !== 0 || after < before) return before;
    return before + ((after - before) * (position - t[at]!)) / (t[at + 1]! - t[at]!);
  }
}

function open(context: SourceContext): Source {
  const path = context.settings.paths.replay;
  if (path === null) return idleSource('unused', 'No trace is given.');
  let trace: Trace;
  try {
    trace = parseTrace(readFileSync(path, 'utf8'));
  } catch (cause) {
    return idleSource('unavailable', `The trace ${path} cannot be replayed: ${messageOf(cause)}`);
  }
  const players = trace.tracks.map((track) => new Player(context, track, trace));
  const notes = [
    `Replays ${trace.about}, ${Math.round(trace.length / 1e6)} s at ${trace.speed} times its speed.`,
    trace.badLines > 0 ? `${trace.badLines} line(s) of the file are garbled and left out.` : '',
  ];
  let health: Health = { state: 'reading', detail: notes.filter(Boolean).join(' '), fix: null };
  let start: number | null = null;
  return {
    get health() {
      return health;
    },
    components: players,
    read(now) {
      start ??= now;
      let position: number | null = (now - start) * trace.speed;
      if (position > trace.length) {
        if (trace.loop) {
          start = now;
          position = 0;
          for (const player of players) player.rewind();
        } else {
          position = null;
          if (health.state === 'reading') {
            health = { state: 'unavailable', detail: 'The trace has ended.', fix: null };
            context.event('info', null, 'The replayed trace has ended.');
            context.changed();
          }
        }
      }
      for (const player of players) player.read(now, position);
    },
    close: () => {},
  };
}

export const replay: SourceDefinition = { name: 'replay', label: 'Replay of a recording', open };
