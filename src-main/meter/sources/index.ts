/** Every source, best first: an earlier one keeps later ones off the components that it reads. */
import type { MeterSettings } from '../messages.ts';
import { amdgpu } from './amdgpu.ts';
import { cpuModel } from './cpu-model.ts';
import { emi } from './emi.ts';
import { ioreport } from './ioreport.ts';
import { libreHardwareMonitor } from './libre-hardware-monitor.ts';
import { macmon } from './macmon.ts';
import { nvidiaSmi } from './nvidia-smi.ts';
import { nvml } from './nvml.ts';
import { powermetrics } from './powermetrics.ts';
import { ramModel } from './ram-model.ts';
import { rapl } from './rapl.ts';
import { replay } from './replay.ts';
import type { SourceDefinition } from './source.ts';
import { typeperf } from './typeperf.ts';

const sensors: readonly SourceDefinition[] = [
  nvml,
  nvidiaSmi,
  rapl,
  emi,
  typeperf,
  libreHardwareMonitor,
  ioreport,
  macmon,
  powermetrics,
  // after all that read the processor: an APU's power is the processor's too
  amdgpu,
  cpuModel,
  ramModel,
];

/**
 * Those that can exist on this platform. A replay stands for the whole machine: it is never mixed with
 * live readings.
 */
export const sourcesFor = (
  settings: MeterSettings,
  platform: NodeJS.Platform = process.platform,
): readonly SourceDefinition[] =>
  settings.paths.replay === null
    ? sensors.filter(({ exists }) => exists?.(settings, platform) ?? true)
    : [replay];
