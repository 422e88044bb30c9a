/** What the program knows now, as OpenMetrics families in base units: joules, watts, seconds, ratios. */
import type { Energy, Overhead, PowerComponent, RunSummary, SourceStatus } from '../../contract.ts';
import type { Family, Labels } from './exposition.ts';
import type { Latest, LatestReading } from './latest.ts';

export interface MeterState {
  components: readonly PowerComponent[];
  sources: readonly SourceStatus[];
  latest: Latest;
}

/** A run with its figures; of one that is going on, as they are now. */
export interface RunState {
  summary: RunSummary;
  wh: number | null;
  gCO2e: number | null;
  coverage: Energy['coverage'];
}

export interface ProgramState {
  version: string;
  /** Of all processes of this program, where the meter can tell. */
  overhead: Overhead | null;
  /** Of this process, the host; the meter and the training are processes of their own. */
  cpuSeconds: number;
  /** Seconds since 1970. */
  startedAt: number;
  residentBytes: number;
}

/** Readings older than this tell of a meter that stands still, and are left out. */
const staleMs = 30_000;
const joulesPerWh = 3600;
const mega = 1e6;
const times = (value: number | null, factor: number): number | null =>
  value === null ? null : value * factor;

export const families = (
  meter: MeterState,
  runs: readonly RunState[],
  program: ProgramState,
  now = Date.now(),
): Family[] => [
  ...meterFamilies(meter, now),
  ...sourceFamilies(meter.sources),
  ...runFamilies(runs),
  ...programFamilies(program),
];

function meterFamilies({ components, latest }: MeterState, now: number): Family[] {
  const { span } = latest;
  const fresh = span !== null && now - span.to <= staleMs;
  const readings = latest.readings();
  const read = components.flatMap((info) => {
    const reading = readings.find(({ key }) => key === info.key);
    return reading ? [{ info, reading }] : [];
  });
  const labelsOf = ({ key, kind, name, source, provenance }: PowerComponent): Labels => ({
    component: key,
    kind,
    name,
    source,
    provenance,
  });
  const created = span === null ? undefined : span.from / 1000;
  const counter = (
    name: string,
    help: string,
    of: (reading: LatestReading) => number | null,
  ): Family => ({
    name,
    type: 'counter',
    unit: 'joules',
    help,
    samples: read.map(({ info, reading }) => ({
      labels: labelsOf(info),
      value: of(reading),
      created,
    })),
  });
  const gauge = (
    name: string,
    unit: Family['unit'],
    help: string,
    of: (reading: LatestReading, info: PowerComponent) => number | null,
  ): Family => ({
    name,
    type: 'gauge',
    unit,
    help,
    samples: fresh
      ? read.map(({ info, reading }) => ({
          labels: { component: info.key, kind: info.kind },
          value: of(reading, info),
        }))
      : [],
  });
  return [
    counter(
      'hugginggreen_energy_joules',
      'Energy of a component since the meter session began, without PUE. provenance: counted by hardware, integrated from power, modelled, or constant.',
      ({ joules }) => joules,
    ),
    counter(
      'hugginggreen_run_share_energy_joules',
      'Part of the energy that falls to the processes of the run, by their share of the use of the component.',
      ({ runJoules }) => runJoules,
    ),
    counter(
      'hugginggreen_program_energy_joules',
      'Part of the energy that falls to this program itself, its overhead, by share of use.',
      ({ programJoules }) => programJoules,
    ),
    gauge('hugginggreen_power_watts', 'watts', 'Power now.', ({ watts }) => watts),
    gauge(
      'hugginggreen_energy_uncertainty_ratio',
      'ratio',
      'Half width of the band around the energy of a component, of the energy.',
      (_, { uncertaintyPercent }) => times(uncertaintyPercent, 0.01),
    ),
    gauge(
      'hugginggreen_power_uncertainty_watts',
      'watts',
      'Half width of the band around the power of a modelled component.',
      (_, { uncertaintyWatts }) => uncertaintyWatts,
    ),
    gauge(
      'hugginggreen_utilization_ratio',
      'ratio',
      'Busy share of the component.',
      ({ utilPercent }) => times(utilPercent, 0.01),
    ),
    gauge('hugginggreen_memory_used_bytes', 'bytes', 'Memory in use.', ({ memoryMb }) =>
      times(memoryMb, mega),
    ),
    gauge(
      'hugginggreen_temperature_celsius',
      'celsius',
      'Temperature of the component.',
      ({ tempC }) => tempC,
    ),
    gauge('hugginggreen_clock_hertz', 'hertz', 'Clock of the cores.', ({ clockMhz }) =>
      times(clockMhz, mega),
    ),
    gauge(
      'hugginggreen_throttled',
      undefined,
      '1 while the clock is held down by heat or a power cap, else 0.',
      ({ throttled }, { kind }) => (kind === 'gpu' ? Number(throttled) : null),
    ),
    gauge(
      'hugginggreen_foreign_process',
      undefined,
      '1 while a process of somebody else computes on the card, else 0.',
      ({ foreign }, { kind }) => (kind === 'gpu' ? Number(foreign) : null),
    ),
  ];
}

const sourceFamilies = (sources: readonly SourceStatus[]): Family[] => [
  {
    name: 'hugginggreen_source_reading',
    type: 'gauge',
    help: '1 for a sensor path that is read, 0 for one that is not.',
    samples: sources.map(({ name, state }) => ({
      labels: { source: name, state },
      value: Number(state === 'reading'),
    })),
  },
];

function runFamilies(runs: readonly RunState[]): Family[] {
  const gauge = (
    name: string,
    unit: Family['unit'],
    help: string,
    of: (run: RunState) => number | null,
  ): Family => ({
    name: `hugginggreen_run_${name}`,
    type: 'gauge',
    unit,
    help,
    samples: runs.map((run) => ({
      labels: { run: String(run.summary.id), name: run.summary.name, status: run.summary.status },
      value: of(run),
    })),
  });
  return [
    gauge(
      'energy_joules',
      'joules',
      'Energy of the run over all components that are its own, without PUE.',
      ({ wh }) => times(wh, joulesPerWh),
    ),
    gauge(
      'energy_uncertainty_joules',
      'joules',
      'Half width of the band around the energy of the run.',
      ({ summary }) => times(summary.uncertaintyWh, joulesPerWh),
    ),
    gauge(
      'emissions_grams',
      'grams',
      'CO2e of the energy, at the intensity and PUE of the run.',
      ({ gCO2e }) => gCO2e,
    ),
    gauge(
      'coverage_ratio',
      'ratio',
      'Share of the time of the run with readings, of its worst component.',
      ({ coverage }) => coverage,
    ),
    gauge(
      'f1_ratio',
      'ratio',
      'Macro F1 of the last evaluation.',
      ({ summary }) => summary.macroF1,
    ),
    gauge(
      'duration_seconds',
      'seconds',
      'Active time of a run that has ended.',
      ({ summary }) => summary.seconds,
    ),
    gauge('epoch', undefined, 'Epochs done.', ({ summary }) => summary.epoch),
    gauge('step', undefined, 'Steps done.', ({ summary }) => summary.step),
  ];
}

const programFamilies = ({
  version,
  overhead,
  cpuSeconds,
  startedAt,
  residentBytes,
}: ProgramState): Family[] => [
  {
    name: 'hugginggreen_program_cpu_ratio',
    type: 'gauge',
    unit: 'ratio',
    help: 'Processors that all processes of this program keep busy, its overhead; 1 is one core all the time.',
    samples: [{ labels: {}, value: overhead?.cores ?? null }],
  },
  {
    name: 'hugginggreen_program_resident_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of all processes of this program but the training.',
    samples: [{ labels: {}, value: overhead?.residentBytes ?? null }],
  },
  {
    name: 'hugginggreen_program_power_watts',
    type: 'gauge',
    unit: 'watts',
    help: 'Power that falls to this program by its share of use, mean of the last seconds.',
    samples: Object.entries(overhead?.watts ?? {}).map(([kind, value]) => ({
      labels: { kind },
      value,
    })),
  },
  {
    name: 'hugginggreen_host_cpu_seconds',
    type: 'counter',
    unit: 'seconds',
    help: 'Processor time of the host process, part of the overhead of this program.',
    samples: [{ labels: {}, value: cpuSeconds, created: startedAt }],
  },
  {
    name: 'hugginggreen_host_resident_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of the host process.',
    samples: [{ labels: {}, value: residentBytes }],
  },
  {
    name: 'hugginggreen_build',
    type: 'info',
    help: 'Version of the program.',
    samples: [{ labels: { version }, value: 1 }],
  },
];
