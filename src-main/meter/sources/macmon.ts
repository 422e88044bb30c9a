/**
 * Power of an Apple chip by the command `macmon`, where its counters cannot be read by this program
 * itself. `macmon pipe` prints one JSON object per line, with the mean power of each part since the last
 * one in watts.
 * Source: readme of macmon 0.7 to 0.9, "Output format".
 */
import { existsSync } from 'node:fs';
import type { PowerValue } from './power-channel.ts';
import { allRead, openCommand } from './power-command.ts';
import type { Source, SourceContext, SourceDefinition } from './source.ts';
import { appleInfo, appleGpu } from './apple-parts.ts';

const periodMs = 500;
/** Where package managers put it; a program that is started from the dock has none of them on its path. */
const places = ['/opt/homebrew/bin/macmon', '/usr/local/bin/macmon', '/opt/local/bin/macmon'];

const numberIn = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;
const partOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** One line; a line that is no report holds nothing. */
export function macmonLine(line: string): PowerValue[] {
  let report: Record<string, unknown>;
  try {
    report = partOf(JSON.parse(line));
  } catch {
    return [];
  }
  const temp = partOf(report.temp);
  const share = numberIn(report.gpu_active_ratio);
  const values: PowerValue[] = [];
  const add = (key: string, field: string, more: Partial<PowerValue> = {}): void => {
    if (field in report) values.push({ key, watts: numberIn(report[field]), ...more });
  };
  add('cpu', 'cpu_power', { tempC: numberIn(temp.cpu_temp_avg) });
  add('gpu:apple', 'gpu_power', {
    tempC: numberIn(temp.gpu_temp_avg),
    utilPercent: share === null ? null : 100 * share,
  });
  add('gpu:ane', 'ane_power');
  add('ram', 'ram_power');
  return values;
}

function open(context: SourceContext): Source | Promise<Source> {
  return (
    allRead(context, ['cpu', 'gpu']) ??
    openCommand(context, {
      name: 'macmon',
      title: 'macmon',
      command: context.settings.paths.macmon ?? places.find((path) => existsSync(path)) ?? 'macmon',
      args: ['pipe', '-i', String(periodMs)],
      periodMs,
      firstMs: 5000,
      parser: () => macmonLine,
      describe: (key) => ({
        ...appleInfo(key, context.inventory),
        provenance: 'integrated',
        uncertaintyPercent: 10,
        uncertaintyWatts: null,
        method: `macmon pipe every ${periodMs} ms, integrated`,
      }),
      fix: 'brew install macmon',
      gpu: appleGpu(context.inventory),
    })
  );
}

export const macmon: SourceDefinition = {
  name: 'macmon',
  label: 'macmon command',
  exists: ({ paths }, platform) => platform === 'darwin' || paths.macmon !== null,
  open,
};
