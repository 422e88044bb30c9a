/**
 * Power of the processor among Windows' performance counters, by the command `typeperf`: the same meters
 * as the Energy Meter Interface, for where that cannot be opened. There is no energy in what it prints
 * that could be counted, so power is integrated.
 */
import type { PowerValue } from './power-channel.ts';
import { openCommand } from './power-command.ts';
import { idleSource, readerOf } from './source.ts';
import type { Source, SourceContext, SourceDefinition } from './source.ts';
import { packageChannel, packageName } from './windows-channels.ts';

const periodMs = 1000;

/** The cells of a line in which every cell is quoted. */
const cellsOf = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"]|"")*)"/g)].map(([, cell]) => cell!.replaceAll('""', '"'));

/** Milliwatts as the system's language writes them (`19835,8`); blank and negative cells are no value. */
export function milliwatts(cell: string | undefined): number | null {
  const text = cell?.trim().replace(',', '.') ?? '';
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

/**
 * Reads what `typeperf` prints: a line of headers that name the counters
 * (`\\HOST\Energy Meter(RAPL_Package0_PKG)\Power`, its words in the system's language), then one line
 * per second whose first cell is the time.
 */
export function typeperfParser(): (line: string) => PowerValue[] {
  /** Component of each column; null: not one that is counted. */
  let keys: (string | null)[] | null = null;
  return (line) => {
    const cells = cellsOf(line);
    if (/^\(PDH-CSV/.test(cells[0] ?? '')) {
      const seen = new Set<string>();
      keys = cells.map((cell) => {
        const instance = /\\[^\\]*\(([^()]+)\)\\[^\\]*$/.exec(cell)?.[1];
        const key = instance === undefined ? null : (packageChannel(instance)?.key ?? null);
        // the same meter under two devices
        if (key === null || seen.has(key)) return null;
        seen.add(key);
        return key;
      });
      return [];
    }
    if (keys === null || cells.length !== keys.length) return [];
    return keys.flatMap((key, index) => {
      if (key === null) return [];
      const value = milliwatts(cells[index]);
      return [{ key, watts: value === null ? null : value / 1000 }];
    });
  };
}

function open(context: SourceContext): Source | Promise<Source> {
  const reader = readerOf('cpu', context);
  if (reader) return idleSource('unused', `${reader.definition.label} reads the processor.`);
  if (!context.earlier.some(({ source }) => source.successor === 'typeperf'))
    return idleSource('unused', 'Only where the Energy Meter Interface cannot be opened.');
  return openCommand(context, {
    name: 'typeperf',
    title: 'typeperf',
    command: context.settings.paths.typeperf ?? 'typeperf',
    args: ['\\Energy Meter(*)\\Power', '-si', '1'],
    periodMs,
    firstMs: 8000,
    parser: typeperfParser,
    describe(key) {
      const kind = key.startsWith('cpu') ? 'cpu' : 'ram';
      const id = Number(/\d+$/.exec(key)?.[0]);
      return {
        kind,
        name: packageName({ key, kind, id }, context.inventory),
        provenance: 'integrated',
        uncertaintyPercent: 10,
        uncertaintyWatts: null,
        method: 'typeperf, performance counter Energy Meter Power every second, integrated',
      };
    },
    fix: null,
  });
}

export const typeperf: SourceDefinition = {
  name: 'typeperf',
  label: 'typeperf command',
  exists: ({ paths }, platform) => platform === 'win32' || paths.typeperf !== null,
  open,
};
