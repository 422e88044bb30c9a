import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { PlugKind } from '../../../src-main/contract.ts';
import { openPlug, parsePlug } from '../../../src-main/core/energy/plugs.ts';
import { plugEnergy, PlugWatch } from '../../../src-main/core/energy/plug-watch.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A device at an address of its own: path to body; a text is sent as it is. */
async function device(
  pages: Record<string, unknown>,
  answer?: RequestListener,
): Promise<{ host: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    if (answer) return answer(request, response);
    const page = pages[request.url!];
    if (page === undefined) return void response.writeHead(404).end('No handler for it');
    response.end(typeof page === 'string' ? page : JSON.stringify(page));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const open = async (kind: PlugKind, pages: Record<string, unknown>) => {
  const { host } = await device(pages);
  return openPlug({ kind, host }, 500);
};

const second = '/rpc/Switch.GetStatus?id=0';
const tasmota = '/cm?cmnd=Status%2010';

test('a Shelly of the second generation gives watts and watt-hours', async () => {
  const { plug, first } = await open('shelly', {
    [second]: { id: 0, output: true, apower: 61.4, aenergy: { total: 1234.567, minute_ts: 1 } },
  });
  expect(plug.name).toContain('generation 2');
  expect(first).toMatchObject({ watts: 61.4, wh: 1234.567 });
  expect(await plug.read()).toMatchObject({ watts: 61.4, wh: 1234.567 });
});

test('a Shelly power meter without a switch, and the first generation in watt-minutes', async () => {
  const meter = await open('shelly', {
    '/rpc/PM1.GetStatus?id=0': { apower: 12, aenergy: { total: 3 } },
  });
  expect(meter.first).toMatchObject({ watts: 12, wh: 3 });
  const old = await open('shelly', { '/meter/0': { power: 40.5, is_valid: true, total: 600 } });
  expect(old.plug.name).toContain('generation 1');
  expect(old.first).toMatchObject({ watts: 40.5, wh: 10 });
  const status = await open('shelly', { '/status': { meters: [{ power: 7, total: 60 }] } });
  expect(status.first).toMatchObject({ watts: 7, wh: 1 });
});

test('a Tasmota gives watts and kilowatt-hours', async () => {
  const { first } = await open('tasmota', {
    [tasmota]: { StatusSNS: { Time: 'x', ENERGY: { Total: 1.5, Power: 88, Voltage: 230 } } },
  });
  expect(first).toMatchObject({ watts: 88, wh: 1500 });
});

test('a plug without a counter still has a power', async () => {
  const { first } = await open('shelly', { [second]: { apower: 5 } });
  expect(first).toMatchObject({ watts: 5, wh: null });
});

test.each<[string, PlugKind, Record<string, unknown>, string]>([
  ['a switch without a meter', 'shelly', { [second]: { id: 0, output: true } }, 'no power'],
  ['nothing known', 'shelly', {}, 'answered 404'],
  ['a web page', 'tasmota', { [tasmota]: '<html>Router</html>' }, 'not answer in JSON'],
  ['JSON of something else', 'tasmota', { [tasmota]: [1, 2] }, 'no power'],
  ['no JSON object at all', 'tasmota', { [tasmota]: 'null' }, 'no power'],
  ['a text for a number', 'shelly', { [second]: { apower: 'NaN' } }, 'names no power'],
  ['NaN, which is no JSON', 'shelly', { [second]: '{"apower": NaN}' }, '404'],
  ['null', 'shelly', { [second]: { apower: null } }, 'names no power'],
  ['a negative power', 'shelly', { [second]: { apower: -12 } }, 'less than nothing'],
  [
    'a meter that is not valid',
    'shelly',
    { '/meter/0': { power: 3, is_valid: false } },
    'no power',
  ],
  ['several meters', 'tasmota', { [tasmota]: { StatusSNS: { ENERGY: { Power: [1, 2] } } } }, '2 m'],
  ['a locked Tasmota', 'tasmota', { [tasmota]: { WARNING: 'Need user=' } }, 'password'],
  ['a book', 'tasmota', { [tasmota]: 'x'.repeat(100_000) }, 'far too long'],
])('%s is refused with a reason', async (_, kind, pages, reason) => {
  await expect(open(kind, pages)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining(reason) as string,
    hint: expect.stringMatching(/\w/) as string,
  });
});

test('a lock, a redirection, silence and nobody are told apart', async () => {
  const locked = await device({}, (_, response) => response.writeHead(401).end());
  await expect(openPlug({ kind: 'shelly', host: locked.host })).rejects.toThrow('password');
  // the other ways to ask would meet the same lock
  expect(locked.asked).toHaveLength(1);
  const elsewhere = await device({}, (_, response) =>
    response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  );
  await expect(openPlug({ kind: 'tasmota', host: elsewhere.host })).rejects.toThrow('answered 302');
  const silent = await device({}, () => {});
  await expect(openPlug({ kind: 'shelly', host: silent.host }, 60)).rejects.toThrow(
    'did not answer within 0.06 s',
  );
  expect(silent.asked).toHaveLength(1);
  const { host } = await device({});
  servers.pop()!.close();
  await expect(openPlug({ kind: 'shelly', host })).rejects.toThrow('cannot be reached');
});

test.each([
  '',
  '  ',
  'a b',
  'user:secret@plug',
  'plug/cm?cmnd=Power',
  'file:///etc/passwd',
  'ftp://plug',
  'plug#x',
])('"%s" is no address', async (host) => {
  await expect(openPlug({ kind: 'shelly', host })).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

test('a plug on the command line', () => {
  expect(parsePlug('shelly://192.168.1.20')).toEqual({ kind: 'shelly', host: '192.168.1.20' });
  expect(parsePlug('Tasmota://plug.lan:8080/')).toEqual({ kind: 'tasmota', host: 'plug.lan:8080' });
  for (const text of ['192.168.1.20', 'kasa://plug', 'shelly://', 'shelly://a b'])
    expect(() => parsePlug(text)).toThrow('not the address of a plug');
});

// --- energy of a stretch --------------------------------------------------------------------------

const readings = (n: number, of: (i: number) => { watts?: number | null; wh?: number | null }) =>
  Array.from({ length: n }, (_, i) => ({ at: i * 1e6, watts: null, wh: null, ...of(i) }));

test('a counter that moves with each reading is preferred to power', () => {
  // 180 W, 0.05 Wh a second; the power that is shown is wrong
  const all = readings(61, (i) => ({ watts: 500, wh: 7 + 0.05 * i }));
  const energy = plugEnergy(all, 0, 60e6)!;
  expect(energy.by).toBe('counter');
  expect(energy.joules / energy.covered).toBeCloseTo(180, 6);
  expect(energy.from).toBe(1e6);
});

test('a counter that moves seldom, or started anew, is not', () => {
  const coarse = readings(61, (i) => ({ watts: 100 + i, wh: Math.floor(i / 20) }));
  expect(plugEnergy(coarse, 0, 60e6)).toMatchObject({ by: 'power', joules: 130 * 60, covered: 60 });
  const reset = readings(61, (i) => ({ watts: 90, wh: i === 30 ? 0 : i }));
  expect(plugEnergy(reset, 0, 60e6)).toMatchObject({ by: 'power', joules: 90 * 60 });
});

test('nothing is invented across a silence', () => {
  const all = readings(60, () => ({ watts: 100 })).filter(({ at }) => at <= 10e6 || at >= 40e6);
  expect(plugEnergy(all, 0, 59e6)).toMatchObject({ joules: 2900, covered: 29 });
  expect(plugEnergy(all, 100e6, 200e6)).toBeNull();
  expect(plugEnergy([], 0, 1e6)).toBeNull();
});

test('a plug that fails for a while is read again', async () => {
  let calls = 0;
  const { host } = await device({}, (_, response) => {
    calls++;
    if (calls === 2 || calls === 3) return void response.writeHead(500).end();
    response.end(JSON.stringify({ apower: 50, aenergy: { total: calls } }));
  });
  const { plug } = await openPlug({ kind: 'shelly', host });
  const watch = new PlugWatch(plug, 5);
  await expect.poll(() => watch.readings.length).toBeGreaterThan(2);
  await watch.stop();
  expect(watch.readings.every(({ watts }) => watts === 50)).toBe(true);
  // a question that was on its way may still arrive; none follows it
  await new Promise((resolve) => setTimeout(resolve, 100));
  const asked = calls;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(calls).toBe(asked);
});
