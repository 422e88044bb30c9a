import { expect, it } from 'vitest';
import { defaultMeterSettings } from '../../src-main/meter/settings.ts';

it('looks in the usual places unless the environment names others', () => {
  const { paths, ...rest } = defaultMeterSettings('/res', {});
  expect(rest).toEqual({
    hz: 2,
    cpuTdpWatts: null,
    cpuCurve: null,
    dimms: null,
    ram: { mode: 'dimms', watts: null },
    libreHardwareMonitor: null,
    resourcesDir: '/res',
  });
  expect(new Set(Object.values(paths))).toEqual(new Set([null]));
  const env = {
    HUGGINGGREEN_NVML: '/opt/nvml.so',
    HUGGINGGREEN_NVIDIA_SMI: '/opt/smi',
    HUGGINGGREEN_POWERCAP: '/opt/powercap',
    HUGGINGGREEN_PROC_STAT: '',
    HUGGINGGREEN_REPLAY: '/opt/trace.csv',
  };
  expect(defaultMeterSettings('/res', env).paths).toEqual({
    ...paths,
    nvml: '/opt/nvml.so',
    nvidiaSmi: '/opt/smi',
    powercap: '/opt/powercap',
    procStat: null,
    replay: '/opt/trace.csv',
  });
});
