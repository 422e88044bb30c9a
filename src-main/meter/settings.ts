/** Where the meter looks unless told otherwise: the usual places, or what the environment names. */
import type { MeterSettings } from './messages.ts';

/**
 * @param resourcesDir folder with `cpu-tdp.json`
 * @param env HUGGINGGREEN_NVML (library), HUGGINGGREEN_NVIDIA_SMI (command), HUGGINGGREEN_POWERCAP
 *   (folder), HUGGINGGREEN_PROC_STAT (file), HUGGINGGREEN_PROC and HUGGINGGREEN_DRM (folders), HUGGINGGREEN_EMI and
 *   HUGGINGGREEN_IOREPORT (libraries), HUGGINGGREEN_TYPEPERF, HUGGINGGREEN_MACMON and
 *   HUGGINGGREEN_POWERMETRICS (commands) and HUGGINGGREEN_REPLAY (recorded trace)
 */
export function defaultMeterSettings(
  resourcesDir: string,
  env: Record<string, string | undefined> = process.env,
): MeterSettings {
  return {
    hz: 2,
    cpuTdpWatts: null,
    cpuCurve: null,
    dimms: null,
    ram: { mode: 'dimms', watts: null },
    libreHardwareMonitor: null,
    paths: {
      nvml: env.HUGGINGGREEN_NVML || null,
      nvidiaSmi: env.HUGGINGGREEN_NVIDIA_SMI || null,
      powercap: env.HUGGINGGREEN_POWERCAP || null,
      procStat: env.HUGGINGGREEN_PROC_STAT || null,
      proc: env.HUGGINGGREEN_PROC || null,
      drm: env.HUGGINGGREEN_DRM || null,
      emi: env.HUGGINGGREEN_EMI || null,
      typeperf: env.HUGGINGGREEN_TYPEPERF || null,
      ioreport: env.HUGGINGGREEN_IOREPORT || null,
      macmon: env.HUGGINGGREEN_MACMON || null,
      powermetrics: env.HUGGINGGREEN_POWERMETRICS || null,
      replay: env.HUGGINGGREEN_REPLAY || null,
    },
    resourcesDir,
  };
}
