/** The calibration through the real host, its meter a fixture, its plug a server on this machine. */
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Calibration } from '../../../src-main/contract.ts';
import {
  config,
  fixtureOptions,
  removeHome,
  startHost,
  temporaryHome,
  type Witness,
} from '../../fixtures/host.ts';

let home: string;
let watts: string;
let own: Witness;
let server: Server;
let host: string;
/** What the fixture meter counts, W; the plug shows 20 W + 1.25 x that. */
let counted: number;
let silent = false;

const load = (value: number) => {
  counted = value;
  writeFileSync(watts, String(value));
};

beforeEach(async () => {
  home = await temporaryHome();
  watts = join(home, 'watts');
  vi.stubEnv('HUGGINGGREEN_PROC_STAT', watts);
  load(40);
  silent = false;
  server = createServer((_, response) => {
    if (silent) return void response.writeHead(503).end();
    response.end(JSON.stringify({ apower: 20 + 1.25 * counted, aenergy: { total: 1 } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  own = await startHost(fixtureOptions(home));
});
afterEach(async () => {
  await own.host.close();
  server.closeAllConnections();
  server.close();
  vi.unstubAllEnvs();
  await removeHome(home);
});

const short = { seconds: 0.4, settleSeconds: 0.2 };
/** The state after a measurement. */
async function measured(which: 'idle' | 'load'): Promise<Calibration> {
  const { session } = await own.call('calibration.measure', { which, ...short });
  expect(session!.measuring).toMatchObject({ which });
  if (which === 'load') {
    // the load comes with its run
    await own.until('run', ({ status }) => status === 'running');
    load(100);
  }
  for (;;) {
    const now = await own.call('calibration.get', {});
    if (!now.session?.measuring) return now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const withPlug = () => own.call('calibration.start', { source: { kind: 'shelly', host } });

test('two points with a plug give the line, which is kept and applied to the next run', async () => {
  const begun = await withPlug();
  expect(begun.session!.plug).toMatchObject({ watts: 70 });
  const idle = await measured('idle');
  expect(idle.session!.error).toBeNull();
  expect(idle.session!.idle).toMatchObject({ by: 'power', remarks: [] });
  expect(idle.session!.idle!.countedWatts).toBeCloseTo(40, 0);
  const loaded = await measured('load');
  expect(loaded.session!.error).toBeNull();
  expect(loaded.session!.load!.wallWatts).toBeCloseTo(145, 0);
  const { result } = loaded.session!;
  expect(result!.baseWatts).toBeCloseTo(20, 0);
  expect(result!.factor).toBeCloseTo(1.25, 1);
  expect(result!.warnings).toEqual([]);
  expect(own.heard('calibration').some(({ session }) => session?.measuring)).toBe(true);

  // the load was a run of its own, which counts for nothing, and has been stopped
  const [run] = await own.call('runs.list', {});
  expect(run).toMatchObject({ name: 'Calibration load', matrix: { warmUp: true } });
  await own.reached(run!.id, 'stopped');

  const { kept, session } = await own.call('calibration.finish', {});
  expect(session).toBeNull();
  expect(kept).toMatchObject({ stale: null });
  expect(kept!.method).toContain(host);

  const { ids } = await own.call('runs.start', { configs: [config('works')] });
  await own.reached(ids[0]!, 'done');
  const { energy } = await own.call('runs.get', { id: ids[0]! });
  const { wall, wh, seconds } = energy!;
  expect(wall!.calibratedAt).toBe(kept!.at);
  expect(wall!.wh).toBeCloseTo((kept!.baseWatts * seconds) / 3600 + kept!.factor * wh!, 9);
  expect(wall!.uncertaintyWh).toBeCloseTo(0.04 * wall!.wh!, 9);

  const { rows } = await own.call('runs.compare', { ids });
  expect(rows.find(({ key }) => key === 'wallWh')).toMatchObject({
    label: 'Estimated at the socket',
    values: [wall!.wh],
  });

  // the run of before has none, and forgetting takes none away
  expect((await own.call('runs.get', { id: run!.id })).energy!.wall).toBeNull();
  await own.call('calibration.start', { source: null });
  await measured('idle');
  await own.call('calibration.cancel', {});
  expect((await own.call('calibration.forget', {})).kept).toBeNull();
  expect((await own.call('calibration.restore', { what: 'session' })).session).not.toBeNull();
  expect((await own.call('calibration.restore', { what: 'kept' })).kept).toEqual(kept);
  await expect(own.call('calibration.restore', { what: 'kept' })).rejects.toMatchObject({
    code: 'CONFLICT',
  });
  expect((await own.call('calibration.forget', {})).kept).toBeNull();
  expect((await own.call('runs.get', { id: ids[0]! })).energy!.wall).not.toBeNull();
});

test('a point that is measured again does not keep what was typed for the stretch before', async () => {
  await own.call('calibration.start', { source: null });
  await measured('idle');
  await own.call('calibration.read', { which: 'idle', wallWatts: 70 });
  // discarded by mistake
  expect((await own.call('calibration.cancel', {})).session).toBeNull();
  const back = await own.call('calibration.restore', { what: 'session' });
  expect(back.session!.idle).toMatchObject({ wallWatts: 70, by: 'typed' });
  load(50);
  const { session } = await measured('idle');
  expect(session!.idle).toMatchObject({ wallWatts: null, by: null });
});

test('it outlives the program, and other sensors make it void', async () => {
  await own.call('calibration.start', { source: null });
  await measured('idle');
  await own.call('calibration.read', { which: 'idle', wallWatts: 70 });
  await measured('load');
  const { session } = await own.call('calibration.read', { which: 'load', wallWatts: 145 });
  expect(session!.result!.factor).toBeCloseTo(1.25, 1);
  await own.call('calibration.finish', {});
  await own.host.close();

  own = await startHost(fixtureOptions(home));
  await own.until('machine', () => own.host.handlers !== undefined);
  await expect
    .poll(async () => (await own.call('calibration.get', {})).kept)
    .toMatchObject({ stale: null, method: 'typed in' });

  await own.host.close();
  vi.stubEnv('HUGGINGGREEN_NVML', 'other sensors');
  own = await startHost(fixtureOptions(home));
  await expect
    .poll(async () => (await own.call('calibration.get', {})).kept?.stale)
    .toContain('Fixture CPU, rapl, counted is now Fixture CPU, cpu-model, modelled');
  const { ids } = await own.call('runs.start', { configs: [config('works')] });
  await own.reached(ids[0]!, 'done');
  expect((await own.call('runs.get', { id: ids[0]! })).energy!.wall).toBeNull();
});

test('a point at idle and a run keep out of each other’s way', async () => {
  await withPlug();
  const first = await own.call('runs.start', { configs: [config('slow')] });
  await own.reached(first.ids[0]!, 'running');
  await expect(own.call('calibration.measure', { which: 'idle', ...short })).rejects.toThrow(
    'not idle',
  );
  await own.call('runs.stop', { id: first.ids[0]! });
  await own.reached(first.ids[0]!, 'stopped');
  await expect.poll(() => own.host.activeRun).toBeNull();

  await own.call('calibration.measure', { which: 'idle', ...short });
  const { ids } = await own.call('runs.start', { configs: [config('works')] });
  await expect(own.call('calibration.measure', { which: 'load', ...short })).rejects.toMatchObject({
    code: 'CONFLICT',
  });
  await expect(own.call('calibration.finish', {})).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(own.host.activeRun).toBeNull();
  // it starts when the point is there
  await own.reached(ids[0]!, 'done');
  expect((await own.call('calibration.get', {})).session!.idle).not.toBeNull();
});

test('the run under way can be the load, and its end is told', async () => {
  await withPlug();
  const { ids } = await own.call('runs.start', { configs: [config('slow')] });
  const id = ids[0]!;
  await own.until('run.steps', (steps) => steps.id === id);
  const { session } = await measured('load');
  expect(session!.load).not.toBeNull();
  // not ours: it goes on
  expect(own.host.activeRun).toBe(id);

  await own.call('calibration.measure', { which: 'load', seconds: 60, settleSeconds: 0.1 });
  await own.call('runs.stop', { id });
  const failed = await own.until(
    'calibration',
    (now) => now.session?.measuring === null && now.session.error !== null,
  );
  expect(failed.session!.error!.message).toContain('ended before the point was measured');
});

test('a plug that falls silent gives no point, and cancelling leaves nothing behind', async () => {
  await withPlug();
  silent = true;
  const { session } = await measured('idle');
  expect(session).toMatchObject({ idle: null });
  expect(session!.error!.message).toContain('answered for 0 of 0 s only');
  expect(session!.error!.message).toContain('503');

  silent = false;
  await own.call('calibration.measure', { which: 'load', seconds: 60, settleSeconds: 0.1 });
  await own.until('run', (run) => run.name === 'Calibration load' && run.status === 'running');
  const { session: none } = await own.call('calibration.cancel', {});
  expect(none).toBeNull();
  const [run] = await own.call('runs.list', {});
  await own.reached(run!.id, 'stopped');
  await expect(own.call('calibration.read', { which: 'idle', wallWatts: 3 })).rejects.toThrow(
    'No calibration has been begun',
  );
});

test('without a plug there, nothing begins', async () => {
  silent = true;
  await expect(withPlug()).rejects.toThrow('503');
  expect((await own.call('calibration.get', {})).session).toBeNull();
});
