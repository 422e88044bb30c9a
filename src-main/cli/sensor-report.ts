/**
 * What each sensor path of this machine is worth, in words: what it reads, the label and band of its
 * numbers, why it is not read, and what would make them better. Bands are those of the page beside the
 * meter (src-main/meter/README.md).
 */
import type { ComponentKind, Machine, PowerComponent, SourceStatus } from '../contract.ts';

interface Path {
  /** What it is, wherever it exists. */
  reads: string;
  /** Label and half band of what it gives. */
  gives: string;
  kinds: readonly ComponentKind[];
}

/** Every path the program knows, on any system. */
const paths: Record<SourceStatus['name'], Path> = {
  nvml: {
    reads:
      'energy counter of each NVIDIA card through the driver library (Volta and newer); power where there is none',
    gives: 'counted, 5 %; integrated from power, 10 to 15 %',
    kinds: ['gpu'],
  },
  'nvidia-smi': {
    reads:
      "power of each NVIDIA card, printed by the driver's command; only where its library cannot be loaded",
    gives: 'integrated, 10 to 15 %',
    kinds: ['gpu'],
  },
  amdgpu: {
    reads: 'energy or power of each AMD card from the kernel (sysfs, hwmon)',
    gives: 'counted, 5 %; integrated from power, 10 %',
    kinds: ['gpu'],
  },
  rapl: {
    reads: 'energy counters of the processor packages and their memory (Linux powercap)',
    gives: 'counted, 5 %',
    kinds: ['cpu', 'ram'],
  },
  emi: {
    reads: 'energy counters of the processor through the Windows Energy Meter Interface',
    gives: 'counted, 5 %',
    kinds: ['cpu', 'ram'],
  },
  typeperf: {
    reads: 'energy meters of Windows through its performance counters',
    gives: 'integrated, 10 %',
    kinds: ['cpu', 'ram'],
  },
  'libre-hardware-monitor': {
    reads: 'power of the processor from a running LibreHardwareMonitor web server',
    gives: 'integrated, 10 %',
    kinds: ['cpu', 'ram'],
  },
  ioreport: {
    reads: 'energy counters of Apple chips (IOReport)',
    gives: 'counted, 5 %',
    kinds: ['gpu', 'cpu', 'ram'],
  },
  macmon: {
    reads: 'power of Apple chips, printed by the command macmon',
    gives: 'integrated, 10 %',
    kinds: ['gpu', 'cpu', 'ram'],
  },
  powermetrics: {
    reads: 'power of Apple chips, printed by the system command powermetrics',
    gives: 'integrated, 10 %',
    kinds: ['gpu', 'cpu'],
  },
  'cpu-model': {
    reads: 'no sensor: the load of the processor and its design power (TDP)',
    gives: 'modelled, 25 % of TDP; 50 % where the TDP is a guess',
    kinds: ['cpu'],
  },
  'ram-model': {
    reads: 'no sensor: watts per memory module, or those typed in, times the time',
    gives: 'constant, 100 %',
    kinds: ['ram'],
  },
  replay: {
    reads: 'a recording, and nothing of this machine',
    gives: 'as recorded',
    kinds: ['gpu', 'cpu', 'ram'],
  },
};

export interface SourceReport {
  name: SourceStatus['name'];
  label: string;
  state: SourceStatus['state'];
  reads: string;
  gives: string;
  /** What it reads here, or why not. */
  detail: string;
  /** What would mend it, with its risk; null where nothing needs doing. */
  fix: string | null;
  components: string[];
}

export interface ComponentReport {
  key: string;
  name: string;
  kind: ComponentKind;
  source: string;
  label: PowerComponent['provenance'];
  /** `± 5 %`, `± 4.0 W`; null where nobody knows. */
  band: string | null;
  method: string;
  /** Mean power over the last seconds, W. */
  watts: number | null;
  /** How the band could be narrower; null where nothing is known that would do it. */
  better: string | null;
}

export interface SensorReport {
  components: ComponentReport[];
  sources: SourceReport[];
  /** Of the sum of what is read now; the band is the root sum of squares. */
  total: { watts: number; bandWatts: number | null } | null;
  notCounted: string[];
}

/** @param watts mean power per component now; a component without readings is left out or null */
export function sensorReport(
  machine: Machine,
  watts: Record<string, number | null>,
  calibrated: boolean,
): SensorReport {
  const components = machine.components.map((component): ComponentReport => ({
    key: component.key,
    name: component.name,
    kind: component.kind,
    source: component.source,
    label: component.provenance,
    band: bandOf(component),
    method: component.method,
    watts: watts[component.key] ?? null,
    better: betterOf(component, machine),
  }));
  const sources = machine.sources.map(
    ({ name, label, state, detail, fix, components: keys }): SourceReport => ({
      name,
      label,
      state,
      reads: paths[name].reads,
      gives: paths[name].gives,
      detail,
      fix,
      components: keys,
    }),
  );
  return {
    components,
    sources,
    total: totalOf(machine.components, watts),
    notCounted: notCounted(machine, calibrated),
  };
}

function bandOf({ uncertaintyPercent, uncertaintyWatts }: PowerComponent): string | null {
  if (uncertaintyPercent !== null) return `± ${uncertaintyPercent} %`;
  return uncertaintyWatts === null ? null : `± ${uncertaintyWatts.toFixed(1)} W`;
}

function totalOf(
  components: readonly PowerComponent[],
  watts: Record<string, number | null>,
): SensorReport['total'] {
  const read = components.flatMap((component) => {
    const value = watts[component.key];
    return value == null ? [] : [{ component, value }];
  });
  if (read.length === 0) return null;
  const bands = read.flatMap(({ component, value }) => {
    if (component.uncertaintyPercent !== null) return (value * component.uncertaintyPercent) / 100;
    return component.uncertaintyWatts ?? [];
  });
  return {
    watts: read.reduce((sum, { value }) => sum + value, 0),
    bandWatts: bands.length === 0 ? null : Math.hypot(...bands),
  };
}

/** Counters of hardware that could read the same, were they to be had. */
const counters = new Set<SourceStatus['name']>(['nvml', 'amdgpu', 'rapl', 'emi', 'ioreport']);

const energyMeter =
  'The Energy Meter Interface of Windows 11 counts the same to ± 5 %, where it shows this processor and can be opened.';
const ioreport =
  "The chip's own counters (IOReport) give ± 5 %, where macOS keeps them up to date; macOS 27 does so for the graphics only.";
/** What would count that which one of these sources integrates. */
const countedElsewhere: Partial<Record<string, string>> = {
  typeperf: energyMeter,
  'libre-hardware-monitor': energyMeter,
  macmon: ioreport,
  powermetrics: ioreport,
};

function betterOf(component: PowerComponent, { inventory, sources }: Machine): string | null {
  if (component.source === 'replay') return null;
  if (component.provenance === 'counted' || component.provenance === 'metered')
    return 'The band is the gain of the sensor, which is constant for one device: ratios between runs on it are better than the band. A meter at the socket shows the gain (hugginggreen calibrate).';
  const mendable = sources.find(
    ({ name, state, fix }) =>
      counters.has(name) &&
      paths[name].kinds.includes(component.kind) &&
      fix !== null &&
      (state === 'unavailable' || state === 'failed'),
  );
  if (mendable) return `A counter would give ± 5 %: ${mendable.label}, see its fix below.`;
  const counted = countedElsewhere[component.source];
  if (counted !== undefined) return counted;
  switch (component.kind) {
    case 'gpu':
      return 'This card or driver offers no energy counter; NVIDIA cards have one from Volta on.';
    case 'cpu':
      return inventory?.virtual
        ? 'A virtual machine does not see the counters of its host: run on the host itself for ± 5 %. Typing the TDP of the real processor (Settings, CPU TDP) narrows a guessed band by half.'
        : 'No counter of this processor can be read here. Typing its TDP (Settings, CPU TDP) narrows a guessed band by half.';
    case 'ram':
      return 'Only some server processors count the energy of memory. Typing the number of modules, or watts of your own (Settings), makes the constant a better one; its band stays.';
  }
}

const kindWords: Record<ComponentKind, string> = {
  gpu: 'graphics cards',
  cpu: 'the processor',
  ram: 'memory',
};

function notCounted({ components, inventory }: Machine, calibrated: boolean): string[] {
  const lines: string[] = [];
  for (const kind of ['gpu', 'cpu', 'ram'] as const) {
    if (components.some((component) => component.kind === kind)) continue;
    const count = inventory?.gpus.length ?? 0;
    if (kind === 'gpu')
      lines.push(
        count > 0
          ? `${count === 1 ? 'The graphics card' : `The ${count} graphics cards`}: no sensor of ${count === 1 ? 'it' : 'them'} can be read, so no energy of ${count === 1 ? 'it' : 'them'} is in any figure.`
          : 'Graphics cards: none was found that could be read.',
      );
    else lines.push(`${kindWords[kind][0]!.toUpperCase()}${kindWords[kind].slice(1)}: not read.`);
  }
  const unread =
    (inventory?.gpus.length ?? 0) - components.filter(({ kind }) => kind === 'gpu').length;
  if (unread > 0 && components.some(({ kind }) => kind === 'gpu'))
    lines.push(
      `${unread} of ${inventory!.gpus.length} graphics cards: no sensor of theirs can be read.`,
    );
  lines.push(
    `Board, fans, disks, network, and the losses of the power supply: no sensor tells of them, and totals are a lower bound of what the socket delivers. ${
      calibrated
        ? 'This machine is calibrated against a meter at the socket: runs show that estimate beside their total.'
        : 'A meter at the socket and two readings give an estimate of the whole: hugginggreen calibrate.'
    }`,
    'Displays, and cooling of the room: set PUE for the latter (of data centres only; Settings or the config).',
  );
  return lines;
}
