import { expect, it } from 'vitest';
import { sourcesFor } from '../../../src-main/meter/sources/index.ts';
import { defaultMeterSettings } from '../../../src-main/meter/settings.ts';

const settings = defaultMeterSettings('/res', {});
const namesOn = (platform: NodeJS.Platform, given = settings) =>
  sourcesFor(given, platform).map(({ name }) => name);

it('lists what can exist on a platform, best first', () => {
  const windows = ['emi', 'typeperf', 'libre-hardware-monitor'];
  const apple = ['ioreport', 'macmon', 'powermetrics'];
  const models = ['cpu-model', 'ram-model'];
  const linux = namesOn('linux');
  expect(linux).toContain('rapl');
  expect(linux.filter((name) => [...windows, ...apple].includes(name))).toEqual([]);
  expect(namesOn('win32').filter((name) => windows.includes(name))).toEqual(windows);
  expect(namesOn('darwin').filter((name) => apple.includes(name))).toEqual(apple);
  expect(namesOn('win32')).not.toContain('rapl');
  for (const platform of ['linux', 'win32', 'darwin'] as const)
    expect(namesOn(platform).slice(-2)).toEqual(models);
});

it('lists what the settings point to, wherever it is', () => {
  const paths = { ...settings.paths, emi: '/x.so', macmon: '/x', powercap: '/x' };
  expect(namesOn('linux', { ...settings, paths })).toEqual(
    expect.arrayContaining(['emi', 'macmon']),
  );
  expect(namesOn('win32', { ...settings, paths })).toContain('rapl');
  expect(namesOn('linux', { ...settings, libreHardwareMonitor: 'http://x' })).toContain(
    'libre-hardware-monitor',
  );
});

it('never mixes a replay with live readings', () => {
  const paths = { ...settings.paths, replay: '/x.jsonl', emi: '/x.so' };
  expect(namesOn('win32', { ...settings, paths })).toEqual(['replay']);
});
