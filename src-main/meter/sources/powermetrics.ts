/**
 * Power of a Mac by Apple's own command `powermetrics`, which only root may use: taken where this program
 * already runs as root, and never asked for by sudo.
 *
 * The text form is read, because it is written line by line; the property lists of `-f plist` are parted
 * by zero bytes. Apple chips print `CPU Power: 823 mW`, Intel Macs the power of the whole package.
 */
import { appleGpu, appleInfo } from './apple-parts.ts';
import type { AppleKey } from './apple-parts.ts';
import type { PowerValue } from './power-channel.ts';
import { allRead, openCommand } from './power-command.ts';
import { idleSource } from './source.ts';
import type { Source, SourceContext, SourceDefinition } from './source.ts';

const periodMs = 1000;

const keys: Record<string, AppleKey> = {
  CPU: 'cpu',
  GPU: 'gpu:apple',
  ANE: 'gpu:ane',
  DRAM: 'ram',
};

/** Reads the reports of one process. The power of the GPU stands twice in a report: the first counts. */
export function powermetricsParser(): (line: string) => PowerValue[] {
  const seen = new Set<string>();
  return (line) => {
    if (/^\*\*\* Sampled system activity/.test(line)) seen.clear();
    const match =
      /^(?:(CPU|GPU|ANE|DRAM) Power|Intel energy model derived (package) power[^:]*):\s*(\d+(?:\.\d+)?)\s*(mW|W)\s*$/.exec(
        line.trim(),
      );
    if (match === null) return [];
    const key = match[2] ? 'cpu' : keys[match[1]!]!;
    if (seen.has(key)) return [];
    seen.add(key);
    return [{ key, watts: Number(match[3]) / (match[4] === 'mW' ? 1000 : 1) }];
  };
}

/** @param user effective id of the user that this process runs as; undefined where there is none */
export function openPowermetrics(
  context: SourceContext,
  user: number | undefined,
): Source | Promise<Source> {
  const done = allRead(context, ['cpu', 'gpu']);
  if (done) return done;
  if (user !== 0)
    return idleSource(
      'unused',
      'Only root may use powermetrics; this program never asks for that.',
    );
  return openCommand(context, {
    name: 'powermetrics',
    title: 'powermetrics',
    command: context.settings.paths.powermetrics ?? '/usr/bin/powermetrics',
    args: ['--samplers', 'cpu_power,gpu_power', '-i', String(periodMs), '-f', 'text', '-b', '1'],
    periodMs,
    firstMs: 5000,
    parser: powermetricsParser,
    describe: (key) => ({
      ...appleInfo(key, context.inventory),
      provenance: 'integrated',
      uncertaintyPercent: 10,
      uncertaintyWatts: null,
      method: 'powermetrics every second, integrated',
    }),
    fix: null,
    gpu: appleGpu(context.inventory),
  });
}

export const powermetrics: SourceDefinition = {
  name: 'powermetrics',
  label: 'powermetrics command',
  exists: ({ paths }, platform) => platform === 'darwin' || paths.powermetrics !== null,
  open: (context) => openPowermetrics(context, process.geteuid?.()),
};
