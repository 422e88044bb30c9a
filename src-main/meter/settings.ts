/** Where the meter looks unless told otherwise: the usual places, or what the environment names. */
import type { MeterSettings } from './messages.ts';

/**
 * @param resourcesDir folder with `cpu-tdp.json`
 * @param env HUGGINGGREEN_NVML (library), HUGGINGGREEN_NVIDIA_SMI (command), HUGGINGGREEN_POWERCAP
 *   (folder), HUGGINGGREEN_PROC_STAT (file) and HUGGINGGREEN_REPLAY (recorded trace)
 */
export function defaultMeterSettings(
  resourcesDir: string,
  env: Record<string, string | undefined> = process.env,
): MeterSettings {
  return {
    hz: 2,
    cpuTdpWatts: null,
    dimms: null,
    paths: {
      nvml: env.HUGGINGGREEN_NVML || null,
      nvidiaSmi: env.HUGGINGGREEN_NVIDIA_SMI || null,
      powercap: env.HUGGINGGREEN_POWERCAP || null,
      procStat: env.HUGGINGGREEN_PROC_STAT || null,
      replay: env.HUGGINGGREEN_REPLAY || null,
    },
    resourcesDir,
  };
}
