/** Every source, best first: an earlier one keeps later ones off the components that it reads. */
import type { MeterSettings } from '../messages.ts';
import { cpuModel } from './cpu-model.ts';
import { nvidiaSmi } from './nvidia-smi.ts';
import { nvml } from './nvml.ts';
import { ramModel } from './ram-model.ts';
import { rapl } from './rapl.ts';
import { replay } from './replay.ts';
import type { SourceDefinition } from './source.ts';

const sensors: readonly SourceDefinition[] = [nvml, nvidiaSmi, rapl, cpuModel, ramModel];

/** A replay stands for the whole machine: it is never mixed with live readings. */
export const sourcesFor = (settings: MeterSettings): readonly SourceDefinition[] =>
  settings.paths.replay === null ? sensors : [replay];
