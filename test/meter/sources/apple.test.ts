/** macmon and powermetrics. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ioreport } from '../../../src-main/meter/sources/ioreport.ts';
import { macmon, macmonLine } from '../../../src-main/meter/sources/macmon.ts';
import {
  openPowermetrics,
  powermetricsParser,
} from '../../../src-main/meter/sources/powermetrics.ts';
import { emptyReading } from '../../../src-main/meter/sources/source.ts';
import type { OpenSource, Source } from '../../../src-main/meter/sources/source.ts';
import { monotonicMicros } from '../../../src-main/port.ts';
import { nowhere } from '../child.ts';
import { component, contextFor, machine, openNow } from '../context.ts';
import { commandScript, temporaryFolder } from '../fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
let source: Source | null = null;
/** A reading is judged by its age: read as of then, however late this machine gets to it. */
let stamp = 0;
beforeEach(() => (stamp = monotonicMicros()));
afterEach(() => source?.close());

const apple = { ...machine, cpu: { ...machine.cpu, brand: 'Apple M3 Pro', sockets: 1 } };
/** A source that reads these components already. */
const reading = (...keys: ('cpu' | 'gpu:apple')[]): OpenSource[] => [
  {
    definition: ioreport,
    source: {
      health: { state: 'reading', detail: '', fix: null },
      components: keys.map((key) => ({
        info: {
          key,
          kind: key === 'cpu' ? 'cpu' : 'gpu',
          name: key,
          source: 'ioreport' as const,
          provenance: 'counted' as const,
          uncertaintyPercent: 5,
          uncertaintyWatts: null,
          method: '',
        },
        reading: emptyReading(),
        alive: true,
      })),
      read: () => {},
      close: () => {},
    },
  },
];

describe('macmon', () => {
  const line =
    '{"timestamp":"2025-02-24T20:38:15+00:00","temp":{"cpu_temp_avg":43.7,"gpu_temp_avg":36.9},' +
    '"gpu_active_ratio":0.09,"cpu_power":5.25,"gpu_power":0.0,"ane_power":0.0,"all_power":5.25,' +
    '"sys_power":15.9,"ram_power":0.5,"gpu_ram_power":0.001}';

  it('reads a line', () =>
    expect(macmonLine(line)).toEqual([
      { key: 'cpu', watts: 5.25, tempC: 43.7 },
      { key: 'gpu:apple', watts: 0, tempC: 36.9, utilPercent: 9 },
      { key: 'gpu:ane', watts: 0 },
      { key: 'ram', watts: 0.5 },
    ]));
  it.each(['', '{"cpu_power": 5', 'null', '[]', '{"sys_power":4}'])('no report: %j', (text) =>
    expect(macmonLine(text)).toEqual([]),
  );
  it('takes what is no number for missing', () =>
    expect(macmonLine('{"cpu_power":null}')).toEqual([{ key: 'cpu', watts: null, tempC: null }]));

  const open = async (body: string, earlier: OpenSource[] = []) => {
    const command = commandScript(folder.path, 'macmon', `echo "$*" > ${log}\n${body}`);
    const context = contextFor(nowhere({ macmon: command }), { inventory: apple, earlier });
    source = await openNow(macmon, context);
    return source;
  };
  const log = join(folder.path, 'arguments');

  it('integrates processor, graphics and memory of one process', async () => {
    await open(`echo '${line}'\nexec sleep 60`);
    expect(readFileSync(log, 'utf8').trim()).toBe('pipe -i 500');
    source!.read(stamp, false);
    expect(component(source!, 'cpu')).toMatchObject({
      info: { name: 'Apple M3 Pro', provenance: 'integrated', uncertaintyPercent: 10 },
      reading: { watts: 5.25, tempC: 43.7 },
    });
    expect(component(source!, 'gpu:apple').reading).toMatchObject({ watts: 0, utilPercent: 9 });
    expect(component(source!, 'ram').reading.watts).toBe(0.5);
    expect(source!.gpus?.[0]?.name).toBe('Apple M3 Pro GPU');
  });

  it('reads only what the counters do not', async () => {
    await open(`echo '${line}'\nexec sleep 60`, reading('gpu:apple'));
    expect(source!.components.map(({ info }) => info.key)).toEqual(['cpu', 'gpu:ane', 'ram']);
    expect(source!.gpus).toEqual([]);
  });

  it('is not started where nothing is left', async () => {
    await open('exit 1', reading('cpu', 'gpu:apple'));
    expect(source!.health).toMatchObject({
      state: 'unused',
      detail: 'IOReport counters read the same.',
    });
  });

  it('has nothing to say about a processor at 0 W', async () => {
    const idle = '{"cpu_power":0.0,"ram_power":0.0}';
    await open(`for i in 1 2 3 4 5; do echo '${idle}'; done\nexec sleep 60`);
    expect(source!.health).toMatchObject({ state: 'unavailable' });
    expect(source!.health.detail).toContain('no value for what is not read already');
    source!.read(stamp, false);
  });

  it('says how to get it where it is not installed', async () => {
    source = await openNow(macmon, contextFor(nowhere({ macmon: '/nowhere/macmon' })));
    expect(source.health).toMatchObject({
      state: 'unavailable',
      detail: 'There is no command "/nowhere/macmon".',
      fix: 'brew install macmon',
    });
  });
});

describe('powermetrics', () => {
  const report = [
    '*** Sampled system activity (Fri Sep 11 13:41:46 2026 -0700) (1002.90ms elapsed) ***',
    '',
    'E-Cluster HW active frequency: 1248 MHz',
    'CPU Power: 823 mW',
    'GPU Power: 26 mW',
    'ANE Power: 323 mW',
    'Combined Power (CPU + GPU + ANE): 1172 mW',
    '**** GPU usage ****',
    'GPU Power: 27 mW',
  ];
  const valuesOf = (lines: string[]) => lines.flatMap(powermetricsParser());

  it('reads each part once per report', () => {
    expect(valuesOf([...report, ...report])).toEqual([
      { key: 'cpu', watts: 0.823 },
      { key: 'gpu:apple', watts: 0.026 },
      { key: 'gpu:ane', watts: 0.323 },
      { key: 'cpu', watts: 0.823 },
      { key: 'gpu:apple', watts: 0.026 },
      { key: 'gpu:ane', watts: 0.323 },
    ]);
    expect(
      valuesOf([
        'Intel energy model derived package power (CPUs+GT+SA): 1.58W',
        'DRAM Power: 90 mW',
      ]),
    ).toEqual([
      { key: 'cpu', watts: 1.58 },
      { key: 'ram', watts: 0.09 },
    ]);
    expect(valuesOf(['CPU Power: n/a', 'CPU Power: -3 mW', 'CPU Power:'])).toEqual([]);
  });

  const log = join(folder.path, 'powermetrics-arguments');
  const contextOf = (body: string) =>
    contextFor(
      nowhere({
        powermetrics: commandScript(folder.path, 'powermetrics', `echo "$*" > ${log}\n${body}`),
      }),
      { inventory: apple },
    );

  it('is never started by anyone but root', async () => {
    source = await openPowermetrics(contextOf('exit 1'), 501);
    expect(source.health).toMatchObject({ state: 'unused', fix: null });
    expect(existsSync(log)).toBe(false);
  });

  it('integrates what it prints to root', async () => {
    const lines = report.map((text) => `'${text}'`).join(' ');
    source = await openPowermetrics(contextOf(`printf '%s\\n' ${lines}\nexec sleep 60`), 0);
    expect(readFileSync(log, 'utf8')).toContain('--samplers cpu_power,gpu_power -i 1000');
    source.read(stamp, false);
    expect(component(source, 'cpu').reading.watts).toBe(0.823);
    expect(component(source, 'gpu:apple').reading.watts).toBe(0.026);
    expect(component(source, 'gpu:ane').info.name).toBe('Apple M3 Pro Neural Engine');
    expect(component(source, 'cpu').info.source).toBe('powermetrics');
  });
});
