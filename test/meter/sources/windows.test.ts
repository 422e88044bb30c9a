/** typeperf and LibreHardwareMonitor. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emi } from '../../../src-main/meter/sources/emi.ts';
import {
  dataAddress,
  libreHardwareMonitor,
  powersOf,
  wattsOf,
} from '../../../src-main/meter/sources/libre-hardware-monitor.ts';
import { idleSource } from '../../../src-main/meter/sources/source.ts';
import type { OpenSource, Source } from '../../../src-main/meter/sources/source.ts';
import { milliwatts, typeperf, typeperfParser } from '../../../src-main/meter/sources/typeperf.ts';
import { packageChannel } from '../../../src-main/meter/sources/windows-channels.ts';
import { monotonicMicros } from '../../../src-main/port.ts';
import { nowhere } from '../child.ts';
import { component, contextFor, openNow } from '../context.ts';
import type { Watched } from '../context.ts';
import { commandScript, temporaryFolder } from '../fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
};

it.each([
  ['RAPL_Package0_PKG', 'cpu:package-0'],
  ['rapl_package12_dram', 'ram:dram-12'],
  ['RAPL_Package0_PP0', undefined],
  ['RAPL_Package0_Core3_CORE', undefined],
  ['_Total', undefined],
])('the channel %s is %s', (name, key) => expect(packageChannel(name)?.key).toBe(key));

describe('typeperf', () => {
  it.each([
    ['19835.800000', 19835.8],
    ['19835,8', 19835.8],
    [' ', null],
    ['-1', null],
    ['Error', null],
    [undefined, null],
  ])('reads the cell %j as %s', (cell, value) => expect(milliwatts(cell)).toBe(value));

  it('reads lines in whatever language, each package once', () => {
    const parse = typeperfParser();
    expect(parse('')).toEqual([]);
    expect(parse('"07.11.2026 10:00:00,000","5"')).toEqual([]);
    const column = (name: string) => `"\\\\PC\\Energieanzeige(${name})\\Leistung"`;
    const names = ['RAPL_Package0_PKG', 'RAPL_Package0_PP0', 'RAPL_Package0_PKG#1', '_Total'];
    expect(parse(`"(PDH-CSV 4.0)",${names.map(column).join(',')}`)).toEqual([]);
    expect(parse('"07.11.2026 10:00:01,012","34500,5","30000,0","34500,5","0,0"')).toEqual([
      { key: 'cpu:package-0', watts: 34.5005 },
    ]);
    // cut off, and without a value
    expect(parse('"07.11.2026 10:00:02,012","345')).toEqual([]);
    expect(parse('"07.11.2026 10:00:02,012"," "," "," "," "')).toEqual([
      { key: 'cpu:package-0', watts: null },
    ]);
  });

  let source: Source | null = null;
  let context: Watched;
  /** A reading is judged by its age: read as of then, however late this machine gets to it. */
  let stamp = 0;
  afterEach(() => source?.close());
  const refused: OpenSource[] = [
    { definition: emi, source: { ...idleSource('unavailable', ''), successor: 'typeperf' } },
  ];
  const open = async (body: string, earlier = refused) => {
    context = contextFor(nowhere({ typeperf: commandScript(folder.path, 'typeperf', body) }), {
      earlier,
    });
    stamp = monotonicMicros();
    source = await openNow(typeperf, context);
    return source;
  };
  const header = String.raw`printf '%s\n' '' '"(PDH-CSV 4.0)","\\PC\Energy Meter(RAPL_Package0_PKG)\Power","\\PC\Energy Meter(RAPL_Package0_DRAM)\Power"'`;
  const row = (pack: string, memory: string) =>
    `printf '%s\\n' '"11/23/2026 03:51:47.123","${pack}","${memory}"'`;

  it('integrates the package and its memory', async () => {
    const source = await open(`${header}\n${row('65000.0', '4000.0')}\nexec sleep 60`);
    source.read(stamp, false);
    expect(source.health.state).toBe('reading');
    expect(component(source, 'cpu:package-0')).toMatchObject({
      info: { provenance: 'integrated', uncertaintyPercent: 10, source: 'typeperf' },
      reading: { watts: 65, joules: expect.any(Number) },
    });
    expect(component(source, 'ram:dram-0').reading.watts).toBe(4);
    // 3.1 s after the last line nothing is known any more
    source.read(monotonicMicros() + 3.1e6, false);
    expect(component(source, 'cpu:package-0').reading).toMatchObject({ joules: null, watts: null });
  });

  it('does not take a memory that reads 0 for one that draws nothing', async () => {
    const source = await open(`${header}\n${row('65000', '0.0')}\nexec sleep 60`);
    expect(source.components.map(({ info }) => info.key)).toEqual(['cpu:package-0']);
  });

  it('says what typeperf says when there is no such counter', async () => {
    const source = await open('echo "Error: No valid counters."\nexit 1');
    expect(source.health).toMatchObject({ state: 'unavailable' });
    expect(source.health.detail).toContain('No valid counters');
    expect(source.components).toEqual([]);
  });

  it('starts it again after it ended, and shows the gap', async () => {
    const source = await open(`${header}\n${row('65000', '4000')}\nsleep 0.3\nexit 3`);
    expect(source.components).toHaveLength(2);
    await until(() => source.health.state === 'failed');
    expect(source.health.detail).toMatch(/exit code 3.*next try in 1 s/);
    expect(context.events).toMatchObject([{ level: 'warning', key: 'cpu:package-0' }]);
    await until(() => source.health.state === 'reading');
    expect(context.events).toMatchObject([{ level: 'warning' }, { level: 'info' }]);
    expect(source.components).toHaveLength(2);
  });

  it('ends a process that hangs', async () => {
    const source = await open(`${header}\n${row('65000', '4000')}\nexec sleep 60`);
    source.read(monotonicMicros() + 21e6, false);
    await until(() => source.health.state === 'failed');
    expect(source.health.detail).toContain('SIGKILL');
  });

  it('is not started where the interface itself is read or not there at all', async () => {
    const source = await open('exit 1', []);
    expect(source.health).toMatchObject({ state: 'unused' });
  });
});

describe('LibreHardwareMonitor', () => {
  it.each([
    ['34,5 W', 34.5],
    ['34.5 W', 34.5],
    ['880 mW', 0.88],
    ['34.5\u00a0W', 34.5],
    ['-', null],
    ['', null],
    ['34.5 °C', null],
    [34.5, null],
  ])('reads %j as %s W', (value, watts) => expect(wattsOf(value)).toBe(watts));

  it.each([
    ['http://127.0.0.1:8085', 'http://127.0.0.1:8085/data.json'],
    ['http://127.0.0.1:8085/', 'http://127.0.0.1:8085/data.json'],
    ['https://bench/lhm/data.json', 'https://bench/lhm/data.json'],
  ])('asks %s at %s', (given, address) => expect(dataAddress(given).href).toBe(address));
  it.each(['file:///etc/passwd', 'bench:8085', '', 'ftp://bench'])('refuses %j', (given) =>
    expect(() => dataAddress(given)).toThrow('is no address of a web server'),
  );

  const sensor = (id: string, name: string, value: string) => ({
    Text: name,
    Value: value,
    SensorId: id,
    Type: id.includes('power') ? 'Power' : 'Temperature',
    Children: [],
  });
  const tree = (...sensors: object[]) => ({
    Text: 'Sensor',
    Children: [{ Text: 'PC', Children: [{ Text: 'CPU', Children: sensors }] }],
  });
  const usual = (watts: string) =>
    tree(
      sensor('/intelcpu/0/temperature/0', 'CPU Package', '51 °C'),
      sensor('/intelcpu/0/power/0', 'CPU Package', watts),
      sensor('/intelcpu/0/power/1', 'CPU Cores', '20,0 W'),
      sensor('/intelcpu/0/power/3', 'CPU Memory', '2,5 W'),
      sensor('/gpu-nvidia/0/power/0', 'GPU Package', '99,0 W'),
    );

  it('takes packages and their memory from the tree, and nothing else', () => {
    expect(powersOf(usual('34,5 W'))).toEqual([
      { key: 'cpu:package-0', watts: 34.5 },
      { key: 'ram:dram-0', watts: 2.5 },
    ]);
    expect(powersOf(tree(sensor('/amdcpu/1/power/0', 'Package', '80.1 W')))).toEqual([
      { key: 'cpu:package-1', watts: 80.1 },
    ]);
    expect(() => powersOf([])).toThrow('not the tree');
  });

  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let asked = 0;
  let address = '';
  let source: Source | null = null;
  let context: Watched;
  const json = (value: unknown) => (_: IncomingMessage, response: ServerResponse) =>
    void response.end(JSON.stringify(value));
  beforeEach(async () => {
    asked = 0;
    server = createServer((request, response) => {
      asked++;
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    source?.close();
    source = null;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const open = async (setting: string | null = address) => {
    context = contextFor(nowhere({}, { libreHardwareMonitor: setting }));
    source = await openNow(libreHardwareMonitor, context);
    return source;
  };

  it('integrates what the server shows', async () => {
    answer = json(usual('65,0 W'));
    const { components, health } = await open();
    expect(health.detail).toContain(address);
    expect(components.map(({ info }) => [info.key, info.provenance])).toEqual([
      ['cpu:package-0', 'integrated'],
      ['ram:dram-0', 'integrated'],
    ]);
    await until(() => asked >= 2);
    await until(() => {
      source!.read(monotonicMicros(), false);
      return components[0]!.reading.joules! > 0;
    });
    const { joules, watts } = components[0]!.reading;
    expect(watts).toBe(65);
    expect(joules).toBeGreaterThan(65 * 0.5);
  });

  it('is missing while the server fails, waits longer each time, and comes back', async () => {
    answer = json(usual('65,0 W'));
    const { components } = await open();
    answer = (_, response) => void response.writeHead(503).end();
    await until(() => source!.health.state === 'failed');
    expect(source!.health.detail).toContain('503');
    source!.read(monotonicMicros() + 3.1e6, false);
    expect(components[0]!.reading).toMatchObject({ joules: null, watts: null });
    answer = json(usual('66,0 W'));
    const before = monotonicMicros();
    await until(() => source!.health.state === 'reading');
    expect(monotonicMicros() - before).toBeGreaterThan(1.2e6);
    expect(context.events).toMatchObject([
      { level: 'warning', key: 'cpu:package-0' },
      { level: 'info' },
    ]);
  });

  it.each<[string, typeof answer, string]>([
    ['no JSON', (_, response) => void response.end('<html>'), 'no JSON'],
    ['another tree', json({ hello: 1 }), 'not the tree'],
    ['no power', json(usual('-')), 'no power of a processor package'],
    ['a processor at 0 W', json(usual('0,0 W')), 'no power of a processor package'],
    [
      'a redirect',
      (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      'cannot be asked',
    ],
    ['silence', () => {}, 'no answer within 2 s'],
  ])('reads nothing where there is %s', async (_, given, detail) => {
    answer = given;
    const { health, components } = await open();
    expect(health.state).toBe('unavailable');
    expect(health.detail).toContain(detail);
    expect(components).toEqual([]);
  });

  it('says that nobody listens', async () => {
    const { health } = await open('http://127.0.0.1:1');
    expect(health).toMatchObject({
      state: 'unavailable',
      fix: expect.stringContaining('Remote web server'),
    });
    expect(health.detail).toMatch(/cannot be asked/);
  });

  it('is asked only when the settings name it', async () => {
    const { health } = await open(null);
    expect(health.state).toBe('unused');
    expect(asked).toBe(0);
  });
});
