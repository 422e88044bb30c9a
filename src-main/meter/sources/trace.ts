/**
 * Recorded traces. Two forms:
 *
 * - JSON lines: `{"type":"trace","about":"where, when and how it was recorded","speed":1,"loop":false}`,
 *   then the meter's own messages `sources` and `samples` as it sent them, one to a line.
 * - CSV as the program exports samples (`t_rel_s, component, source, power_w, energy_wh_cum,
 *   util_percent, mem_mb, temp_c, valid`, by header name), with optional lines `# about: ...`,
 *   `# speed: 10` and `# loop: true` on top.
 *
 * A line that is cut off or garbled is left out and counted, the rest is used.
 */
import { SampleFlag } from '../messages.ts';
import type { ComponentInfo, ComponentKind, FromMeter, Provenance } from '../messages.ts';

/** One component's recording, as columns; times are microseconds since the first sample of the trace. */
export interface Track {
  info: ComponentInfo;
  t: number[];
  joules: (number | null)[];
  watts: (number | null)[];
  flags: number[];
  utilPercent: (number | null)[];
  memoryMb: (number | null)[];
  tempC: (number | null)[];
}

export interface Trace {
  about: string;
  /** Trace seconds per second. */
  speed: number;
  loop: boolean;
  tracks: Track[];
  /** Length in microseconds. */
  length: number;
  /** Lines that could not be used. */
  badLines: number;
}

const emptyTrack = (info: ComponentInfo): Track => ({
  info,
  t: [],
  joules: [],
  watts: [],
  flags: [],
  utilPercent: [],
  memoryMb: [],
  tempC: [],
});

/** @throws Error with a sentence when there is nothing in it to replay. */
export function parseTrace(text: string): Trace {
  const trace = text.trimStart().startsWith('{') ? parseMessages(text) : parseCsv(text);
  const start = Math.min(...trace.tracks.map(({ t }) => t[0] ?? Infinity));
  if (!Number.isFinite(start)) throw new Error('The trace holds no samples.');
  for (const track of trace.tracks) track.t = track.t.map((t) => t - start);
  trace.tracks = trace.tracks.filter(({ t }) => t.length > 0);
  trace.length = Math.max(...trace.tracks.map(({ t }) => t.at(-1)!));
  if (!(trace.speed > 0 && trace.speed <= 1000))
    throw new Error(`The trace's speed is ${trace.speed}; it must lie above 0 and up to 1000.`);
  return trace;
}

const blank = (): Trace => ({
  about: 'a trace without a word about its origin',
  speed: 1,
  loop: false,
  tracks: [],
  length: 0,
  badLines: 0,
});

type Header = { type: 'trace'; about?: string; speed?: number; loop?: boolean };

function parseMessages(text: string): Trace {
  const trace = blank();
  const tracks = new Map<string, Track>();
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    let message: FromMeter | Header;
    try {
      message = JSON.parse(line) as FromMeter | Header;
    } catch {
      trace.badLines++;
      continue;
    }
    switch (message.type) {
      case 'trace':
        trace.about = message.about ?? trace.about;
        trace.speed = message.speed ?? trace.speed;
        trace.loop = message.loop ?? trace.loop;
        break;
      case 'sources':
        for (const info of message.components)
          if (!tracks.has(info.key)) tracks.set(info.key, emptyTrack(info));
        break;
      case 'samples':
        for (const series of message.batch.series) {
          const track = tracks.get(series.key);
          if (track === undefined || series.joules.length !== message.batch.t.length) {
            trace.badLines++;
            continue;
          }
          track.t.push(...message.batch.t);
          track.joules.push(...series.joules);
          track.watts.push(...series.watts);
          track.flags.push(...series.flags);
          track.utilPercent.push(...series.utilPercent);
          track.memoryMb.push(...series.memoryMb);
          track.tempC.push(...series.tempC);
        }
    }
  }
  trace.tracks = [...tracks.values()];
  return trace;
}

/** Cells of one line, RFC 4180 quotes undone. */
const cellsOf = (line: string): string[] =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );

const numberOrNull = (cell: string | undefined): number | null =>
  cell !== undefined && cell.trim() !== '' && Number.isFinite(Number(cell)) ? Number(cell) : null;

function kindOf(component: string): ComponentKind {
  if (component.startsWith('gpu')) return 'gpu';
  return component.startsWith('ram') ? 'ram' : 'cpu';
}

/** What the names of sources in exported files stand for. */
const provenances: Record<string, Provenance> = {
  counter: 'counted',
  nvml: 'counted',
  rapl: 'counted',
  emi: 'counted',
  ioreport: 'counted',
  integrated: 'integrated',
  'nvidia-smi': 'integrated',
  typeperf: 'integrated',
  'libre-hardware-monitor': 'integrated',
  macmon: 'integrated',
  powermetrics: 'integrated',
  'cpu-model': 'modelled',
  model: 'modelled',
  'ram-model': 'constant',
  dimm: 'constant',
  guess: 'constant',
  constant: 'constant',
};
const bands: Partial<Record<Provenance, number>> = {
  metered: 4,
  counted: 5,
  integrated: 15,
  modelled: 50,
  constant: 100,
};

function parseCsv(text: string): Trace {
  const trace = blank();
  const tracks = new Map<string, Track>();
  let header: string[] | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    const comment = /^#\s*(about|speed|loop)\s*:\s*(.*)$/.exec(line);
    if (comment !== null) {
      const value = comment[2]!.trim();
      if (comment[1] === 'about') trace.about = value;
      else if (comment[1] === 'speed') trace.speed = Number(value);
      else trace.loop = value === 'true';
      continue;
    }
    const cells = cellsOf(line);
    if (header === null) {
      header = cells;
      for (const needed of ['t_rel_s', 'component', 'power_w', 'energy_wh_cum'])
        if (!header.includes(needed))
          throw new Error(`The trace is neither JSON lines nor our CSV: no column "${needed}".`);
      continue;
    }
    const row = new Map(header.map((name, index) => [name, cells[index]]));
    const seconds = numberOrNull(row.get('t_rel_s'));
    const component = row.get('component');
    if (cells.length !== header.length || seconds === null || !component) {
      trace.badLines++;
      continue;
    }
    let track = tracks.get(component);
    if (track === undefined) {
      const provenance = provenances[row.get('source') ?? ''] ?? 'integrated';
      track = emptyTrack({
        key: component,
        kind: kindOf(component),
        name: component,
        source: 'replay',
        provenance,
        uncertaintyPercent: bands[provenance] ?? null,
        uncertaintyWatts: null,
        method: row.get('source') || 'unknown source',
      });
      tracks.set(component, track);
    }
    const wh = numberOrNull(row.get('energy_wh_cum'));
    track.t.push(seconds * 1e6);
    track.joules.push(wh === null ? null : wh * 3600);
    track.watts.push(numberOrNull(row.get('power_w')));
    track.flags.push(/^(0|false)$/i.test(row.get('valid') ?? '') ? SampleFlag.gap : 0);
    track.utilPercent.push(numberOrNull(row.get('util_percent')));
    track.memoryMb.push(numberOrNull(row.get('mem_mb')));
    track.tempC.push(numberOrNull(row.get('temp_c')));
  }
  trace.tracks = [...tracks.values()];
  return trace;
}
