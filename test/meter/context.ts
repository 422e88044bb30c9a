/** What a source gets from the sampler, with every event and change kept for the test to see. */
import { Ledger } from '../../src-main/meter/energy.ts';
import type { Inventory, MeterSettings } from '../../src-main/meter/messages.ts';
import type {
  Component,
  OpenSource,
  Reading,
  Source,
  SourceContext,
  SourceDefinition,
} from '../../src-main/meter/sources/source.ts';

export const machine: Inventory = {
  hostname: 'bench',
  os: 'Linux',
  cpu: {
    brand: 'Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz',
    sockets: 2,
    physicalCores: 48,
    cores: 96,
    tdpWatts: 205,
    tdpMatch: 'Intel Xeon Gold 6248R',
  },
  memory: { totalBytes: 384 * 2 ** 30, dimms: 12 },
  gpus: [],
  board: null,
  virtual: false,
};

export interface Watched extends SourceContext {
  events: { level: string; key: string | null; message: string }[];
  changes: number;
}

export function contextFor(
  settings: MeterSettings,
  { inventory = machine, ledger = new Ledger(), earlier = [] as OpenSource[], hz = 10 } = {},
): Watched {
  const context: Watched = {
    settings,
    inventory,
    ledger,
    earlier,
    events: [],
    changes: 0,
    period: () => 1e6 / hz,
    event: (level, key, message) => void context.events.push({ level, key, message }),
    changed: () => void context.changes++,
  };
  return context;
}

export const openNow = async (
  definition: SourceDefinition,
  context: SourceContext,
): Promise<Source> => definition.open(context);

export function component(source: Source, key: string): Component {
  const found = source.components.find(({ info }) => info.key === key);
  if (found === undefined)
    throw new Error(`no ${key} among ${source.components.map(({ info }) => info.key).join(', ')}`);
  return found;
}

/** Reads the source at `seconds` and copies one component's reading. */
export function readAt(source: Source, seconds: number, key: string, exact = false): Reading {
  source.read(seconds * 1e6, exact);
  return { ...component(source, key).reading };
}
