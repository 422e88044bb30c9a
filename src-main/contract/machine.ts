/** This computer as the page shows it: the program, sensors, engines, power. */
import type { EngineName } from '../experiment-config.ts';
import type { ComponentKind, Inventory, Provenance, SourceStatus } from '../meter/messages.ts';
import type { EngineStatus } from '../trainer/messages.ts';

export interface AppInfo {
  version: string;
  /** Of what runs beneath: `Node`, `Electron`, `Chromium`. */
  versions: Record<string, string>;
  contractVersion: number;
  shell: 'electron' | 'server';
  dataDir: string;
  /** The data folder from the next start on; null: the same. */
  nextDataDir: string | null;
  /** HUGGINGGREEN_HOME names the data folder: it cannot be chosen here. */
  dataDirFixed: boolean;
  /** Where this window's interface is served to browsers, with the token; null: it is not. */
  servedAt: string | null;
  /** What this shell can do beyond a browser. */
  can: {
    pdf: boolean;
    revealInFolder: boolean;
    chooseFolder: boolean;
    /** Serve its interface to browsers as well, on this computer. */
    serve: boolean;
    /** Start commands of the person's own. */
    commands: boolean;
  };
}

export interface Machine {
  inventory: Inventory | null;
  sources: SourceStatus[];
  components: PowerComponent[];
  engines: EngineStatus[];
  /** The engine that `auto` takes here; null while detection runs. */
  autoEngine: EngineName | null;
  detecting: boolean;
  /** Why the last search for engines found nothing out; null when it went well or none has ended yet. */
  engineFailure: string | null;
  hz: number;
  /** Last measured idle power per component, from a baseline. */
  idle: { at: number; watts: Record<string, number | null> } | null;
  /** Null where it cannot be told (no Linux), and in the first seconds. */
  overhead: Overhead | null;
}

/** What this program itself uses: host, window, meter and every other process of it but a run's. */
export interface Overhead {
  /** Processors that it keeps busy; 1 = one core all the time. */
  cores: number;
  residentBytes: number;
  /** Its part of each kind's power by its share of use, W; null: not known of that kind. */
  watts: Partial<Record<ComponentKind, number | null>>;
  /** Length of time over which the power is averaged. */
  seconds: number;
}

export interface PowerComponent {
  key: string;
  kind: ComponentKind;
  name: string;
  source: string;
  provenance: Provenance;
  uncertaintyPercent: number | null;
  uncertaintyWatts: number | null;
  method: string;
}

/** A piece of a power trace, one column per component key. */
export interface PowerTrace {
  /** Milliseconds since 1970. */
  at: number[];
  watts: Record<string, (number | null)[]>;
  /** What else was read of each component, last; left out where nothing was. */
  latest?: Record<string, ComponentState>;
}

/** What a component was last seen doing; null: not read. */
export interface ComponentState {
  utilPercent: number | null;
  memoryMb: number | null;
  tempC: number | null;
  clockMhz: number | null;
  /** Another process computes on it. */
  foreign: boolean;
  /** Its clock is held down by temperature or power limit. */
  throttled: boolean;
}
