/**
 * What the host and the meter process say to each other, and the words for how good a reading is.
 *
 * Joules are cumulative per component since the meter started (a *session*); energy of any interval is
 * a difference of two of them. Null means missing, never 0. Times are monotonic microseconds.
 */

/** How a number came about (accuracy table, section 5 of the page beside the meter). */
export type Provenance = 'metered' | 'counted' | 'integrated' | 'modelled' | 'constant';
export type ComponentKind = 'gpu' | 'cpu' | 'ram';
export type SourceName =
  | 'nvml'
  | 'nvidia-smi'
  | 'amdgpu'
  | 'rapl'
  | 'emi'
  | 'typeperf'
  | 'libre-hardware-monitor'
  | 'ioreport'
  | 'macmon'
  | 'powermetrics'
  | 'cpu-model'
  | 'ram-model'
  | 'replay';

/** P = sockets x TDP x (idle + span x u^exponent), u the busy share of the machine. */
export interface CpuCurve {
  idle: number;
  span: number;
  exponent: number;
}

export interface MeterSettings {
  /** Samples per second, 0.5 to 20. */
  hz: number;
  /** Thermal design power in watts per socket for the CPU model; null: look the model up. */
  cpuTdpWatts: number | null;
  /** The CPU model's curve; null: the one of the page beside the meter. */
  cpuCurve: CpuCurve | null;
  /** Number of DIMMs for the RAM model; null: inventory, else a guess from the size. */
  dimms: number | null;
  /**
   * How memory is taken where no counter reads it: per DIMM, as a number of watts of one's own, or not
   * at all. `off` leaves its counter out too.
   */
  ram: { mode: 'dimms' | 'constant' | 'off'; watts: number | null };
  /** Address of a running LibreHardwareMonitor web server (Windows, opt-in); null: not asked. */
  libreHardwareMonitor: string | null;
  /** Where the outside is; null: the usual places. Tests and odd installations set them. */
  paths: {
    nvml: string | null;
    nvidiaSmi: string | null;
    powercap: string | null;
    procStat: string | null;
    /** Folder of the processes, `/proc`. */
    proc: string | null;
    /** Folder of the graphics devices, `/sys/class/drm`. */
    drm: string | null;
    /** A library that stands for Windows' Energy Meter Interface (kernel32, cfgmgr32). */
    emi: string | null;
    typeperf: string | null;
    /** A library that stands for IOReport and CoreFoundation (macOS). */
    ioreport: string | null;
    macmon: string | null;
    powermetrics: string | null;
    /** A recorded trace to replay instead of reading sensors. */
    replay: string | null;
  };
  /** Folder of the CPU TDP table. */
  resourcesDir: string;
}

export interface ComponentInfo {
  /** Stable across sessions: `gpu:GPU-uuid`, `cpu:package-0`, `ram:dram-0`, `cpu`, `ram`. */
  key: string;
  kind: ComponentKind;
  /** `NVIDIA H200`, `Xeon package 0`. */
  name: string;
  source: SourceName;
  provenance: Provenance;
  /** Half width of the band around its energy, in percent; null when it is given in watts. */
  uncertaintyPercent: number | null;
  /** Half width in watts, for modelled power (25 % of TDP); null otherwise. */
  uncertaintyWatts: number | null;
  /** One line: what is read and how. */
  method: string;
}

export interface SourceStatus {
  name: SourceName;
  label: string;
  state: 'reading' | 'unavailable' | 'failed' | 'unused';
  /** What it reads, or why it cannot be read. */
  detail: string;
  /** Command or sentence that would mend it, with its risk; null when nothing needs doing. */
  fix: string | null;
  components: string[];
}

export interface Inventory {
  hostname: string;
  os: string;
  cpu: {
    brand: string;
    sockets: number;
    physicalCores: number;
    cores: number;
    tdpWatts: number | null;
    tdpMatch: string | null;
  };
  memory: { totalBytes: number; dimms: number | null };
  gpus: {
    name: string;
    memoryBytes: number | null;
    driver: string | null;
    uuid: string | null;
    /** `00000000:3B:00.0`; CUDA counts cards in this order. */
    busId?: string | null;
    /** UUIDs of the MIG instances of this board. */
    mig?: string[];
  }[];
  board: string | null;
  virtual: boolean;
}

/** Bits of `flags`. */
export const SampleFlag = {
  /** The interval that ends here is not covered: counter reset, suspend, sensor back after a failure. */
  gap: 1,
  /** Another process computes on this GPU. */
  foreign: 2,
  /** The clock is held down (thermal or power cap). */
  throttled: 4,
} as const;

/** One column per component; every column is as long as `t`. */
export interface SampleBatch {
  session: string;
  t: number[];
  series: {
    key: string;
    joules: (number | null)[];
    watts: (number | null)[];
    flags: number[];
    utilPercent: (number | null)[];
    memoryMb: (number | null)[];
    tempC: (number | null)[];
    /** Clock of the cores, MHz. */
    clockMhz?: (number | null)[];
    /**
     * The part of `joules` that falls to the processes of the run and to those of this program, by their
     * share of the component's use; cumulative. Left out where nobody asked (`watch`).
     */
    runJoules?: (number | null)[];
    programJoules?: (number | null)[];
  }[];
}

export type ToMeter =
  | { type: 'start'; settings: MeterSettings }
  | { type: 'rate'; hz: number }
  /** Read every counter now, flush, and answer `marked`. */
  | { type: 'mark'; id: number }
  /** Look for sources again. */
  | { type: 'probe' }
  /**
   * Whose share of the energy is told apart from here on: the processes of the run and of this program,
   * each with all its descendants but those of the other list. Empty lists: nobody's.
   */
  | { type: 'watch'; run: number[]; program: number[] }
  | { type: 'stop' };

export type FromMeter =
  | { type: 'inventory'; inventory: Inventory }
  /** At start, and whenever a source comes or goes. */
  | { type: 'sources'; session: string; components: ComponentInfo[]; sources: SourceStatus[] }
  /** A few times a second. */
  | { type: 'samples'; batch: SampleBatch }
  /**
   * Every few seconds while this program is watched, what it uses itself since the last one: processors
   * (1 = one core all the time) and resident memory.
   */
  | { type: 'overhead'; at: number; cores: number; residentBytes: number }
  | { type: 'marked'; id: number; at: number }
  | { type: 'event'; at: number; level: 'info' | 'warning'; key: string | null; message: string };
