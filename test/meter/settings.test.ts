import { expect, it } from 'vitest';
import { defaultMeterSettings } from '../../src-main/meter/settings.ts';

it('looks in the usual places unless the environment names others', () => {
  expect(defaultMeterSettings('/res', {})).toEqual({
    hz: 2,
    cpuTdpWatts: null,
    dimms: null,
    paths: { nvml: null, nvidiaSmi: null, powercap: null, procStat: null, replay: null },
    resourcesDir: '/res',
  });
  const env = {
    HUGGINGGREEN_NVML: '/opt/nvml.so',
    HUGGINGGREEN_NVIDIA_SMI: '/opt/smi',
    HUGGINGGREEN_POWERCAP: '/opt/powercap',
    HUGGINGGREEN_PROC_STAT: '',
    HUGGINGGREEN_REPLAY: '/opt/trace.csv',
  };
  expect(defaultMeterSettings('/res', env).paths).toEqual({
    nvml: '/opt/nvml.so',
    nvidiaSmi: '/opt/smi',
    powercap: '/opt/powercap',
    procStat: null,
    replay: '/opt/trace.csv',
  });
});
