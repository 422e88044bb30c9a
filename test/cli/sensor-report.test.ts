import { expect, it } from 'vitest';
import { sensorReport } from '../../src-main/cli/sensor-report.ts';
import type { Machine, PowerComponent, SourceStatus } from '../../src-main/contract.ts';

const component = (change: Partial<PowerComponent>): PowerComponent => ({
  key: 'cpu',
  kind: 'cpu',
  name: 'Processor',
  source: 'cpu-model',
  provenance: 'modelled',
  uncertaintyPercent: null,
  uncertaintyWatts: 30,
  method: 'TDP and load',
  ...change,
});
const card = component({
  key: 'gpu:1',
  kind: 'gpu',
  name: 'Card',
  source: 'nvml',
  provenance: 'counted',
  uncertaintyPercent: 5,
  uncertaintyWatts: null,
});
const rapl: SourceStatus = {
  name: 'rapl',
  label: 'RAPL counters',
  state: 'unavailable',
  detail: 'Readable by root only.',
  fix: 'a rule; its risk: others can infer what you compute',
  components: [],
};
const gpu = { name: 'Card', memoryBytes: null, driver: null, uuid: null };

function machine(change: Partial<Machine>): Machine {
  return {
    inventory: {
      hostname: 'h',
      os: 'o',
      cpu: { brand: 'b', sockets: 1, physicalCores: 1, cores: 2, tdpWatts: null, tdpMatch: null },
      memory: { totalBytes: 1, dimms: null },
      gpus: [],
      board: null,
      virtual: false,
    },
    sources: [],
    components: [],
    engines: [],
    autoEngine: null,
    engineFailure: null,
    detecting: false,
    hz: 2,
    idle: null,
    overhead: null,
    ...change,
  };
}
const at = (text: string, lines: string[]) => lines.find((line) => line.includes(text));

it('points from a modelled processor to the counter that could be mended, with its risk', () => {
  const report = sensorReport(machine({ sources: [rapl], components: [component({})] }), {}, false);
  expect(report.components[0]).toMatchObject({
    label: 'modelled',
    band: '± 30.0 W',
    watts: null,
    better: 'A counter would give ± 5 %: RAPL counters, see its fix below.',
  });
  expect(report.sources[0]).toMatchObject({ gives: 'counted, 5 %', fix: rapl.fix });
  expect(report.total).toBeNull();
});

it("says where nothing would help but another machine or a figure of one's own", () => {
  const { inventory } = machine({});
  const virtual = machine({
    inventory: { ...inventory!, virtual: true },
    sources: [{ ...rapl, fix: null }],
    components: [component({})],
  });
  expect(sensorReport(virtual, {}, false).components[0]!.better).toMatch(/virtual machine/);
});

it('adds the power of now, its bands as independent errors', () => {
  const report = sensorReport(
    machine({ components: [component({ uncertaintyWatts: 4 }), card] }),
    { cpu: 20, 'gpu:1': 60 },
    false,
  );
  // 3 W of the card and 4 W of the processor
  expect(report.total).toEqual({ watts: 80, bandWatts: 5 });
});

it('names what nobody counts, and the wall meter once there is one', () => {
  const { inventory } = machine({});
  const two = machine({ inventory: { ...inventory!, gpus: [gpu, gpu] }, components: [card] });
  const lines = sensorReport(two, {}, false).notCounted;
  expect(at('1 of 2 graphics cards', lines)).toBeDefined();
  expect(at('The processor: not read', lines)).toBeDefined();
  expect(at('hugginggreen calibrate', lines)).toBeDefined();
  const calibrated = sensorReport(two, {}, true).notCounted;
  expect(at('is calibrated', calibrated)).toBeDefined();
  expect(at('hugginggreen calibrate', calibrated)).toBeUndefined();
  const unread = sensorReport(machine({ inventory: { ...inventory!, gpus: [gpu] } }), {}, false);
  expect(at('The graphics card: no sensor of it', unread.notCounted)).toBeDefined();
});

it('names the counter behind a power that is only integrated', () => {
  const betterFor = (source: PowerComponent['source'], kind: PowerComponent['kind']) => {
    const part = component({ source, kind, provenance: 'integrated', uncertaintyPercent: 10 });
    return sensorReport(machine({ components: [part] }), {}, false).components[0]!.better;
  };
  expect(betterFor('typeperf', 'cpu')).toContain('Energy Meter Interface');
  expect(betterFor('macmon', 'gpu')).toContain('IOReport');
  expect(betterFor('nvidia-smi', 'gpu')).toContain('NVIDIA cards have one');
});
