import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AppError } from '../../../src-main/contract.ts';
import { requestMs } from '../../../src-main/core/energy/intensity/http.ts';
import { createIntensity } from '../../../src-main/core/energy/intensity/index.ts';
import { dayBetween, readProfile } from '../../../src-main/core/energy/intensity/profile.ts';
import {
  covers,
  hourMs,
  merged,
  stepsOf,
  valueAt,
  weightedIntensity,
  within,
} from '../../../src-main/core/energy/intensity/steps.ts';
import { openScene } from '../store/scene.ts';

const noon = Date.UTC(2024, 5, 1, 12);
const hours = (...values: number[]) =>
  stepsOf(values.map((value, i) => [noon + i * hourMs, value]));

describe('steps', () => {
  it('last until the next, an hour at most', () => {
    const steps = stepsOf([
      [noon, 100],
      [noon + hourMs / 2, 200],
      [noon + 3 * hourMs, 300],
    ]);
    expect(valueAt(steps, noon + hourMs / 2 - 1)).toBe(100);
    expect(valueAt(steps, noon + hourMs / 2)).toBe(200);
    expect(valueAt(steps, noon + 1.5 * hourMs)).toBeNull();
    expect(valueAt(steps, noon - 1)).toBeNull();
    expect(covers(steps, noon, noon + 1.5 * hourMs)).toBe(true);
    expect(covers(steps, noon, noon + 2 * hourMs)).toBe(false);
    expect(covers(steps, noon - 1, noon)).toBe(false);
  });

  it('are put together with the first in the right, and cut to what is needed', () => {
    const both = merged(
      hours(1, 2),
      stepsOf([
        [noon + hourMs, 9],
        [noon - hourMs, 5],
      ]),
    );
    expect(both.gPerKwh).toEqual([5, 1, 2]);
    expect(within(both, [{ from: noon + 1, to: noon + hourMs }]).gPerKwh).toEqual([1]);
  });

  it('weigh by energy; what lies outside takes the yearly figure', () => {
    // 10 Wh in every hour from noon on, but 30 in the second
    const wh = (_: number, from: number, to: number) => {
      const at = (t: number) => {
        const h = (t - noon) / hourMs;
        return 10 * h + 20 * Math.min(1, Math.max(0, h - 1));
      };
      return at(to) - at(from);
    };
    const intervals = [{ from: noon + hourMs / 2, to: noon + 2.5 * hourMs }];
    expect(weightedIntensity(hours(100, 200), intervals, 400, wh)).toEqual({
      gPerKwh: expect.closeTo((5 * 100 + 30 * 200 + 5 * 400) / 40, 9) as number,
      coverage: 35 / 40,
    });
    expect(weightedIntensity(hours(100, 200, 300), intervals, 400, wh).coverage).toBe(1);
    expect(weightedIntensity(hours(), intervals, 400, wh)).toEqual({ gPerKwh: 400, coverage: 0 });
    expect(weightedIntensity(hours(1), intervals, 400, () => null)).toEqual({
      gPerKwh: 400,
      coverage: 0,
    });
  });
});

describe('a profile', () => {
  it('has times with their UTC offset', () => {
    const { kind, steps, taken, refused } = readProfile(
      'time,gPerKwh\n2024-06-01T14:00+02:00,100\n2024-06-01T13:00Z,200.5\n\n2024-06-01 10:00:00-0400,300\n',
    );
    expect({ kind, taken, refused }).toEqual({ kind: 'hours', taken: 3, refused: [] });
    expect(steps).toEqual(hours(100, 200.5, 300));
  });

  it('or the 24 hours of a day, by the clock of this computer', () => {
    const rows = Array.from({ length: 24 }, (_, hour) => `${hour};${hour},5`);
    const { kind, steps } = readProfile(`\uFEFFhour;g\r\n${rows.reverse().join('\r\n')}\r\n`);
    expect(kind).toBe('day');
    const from = new Date(2024, 5, 1, 22, 30).getTime();
    const found = dayBetween(steps, from, from + 2 * hourMs);
    expect(found.gPerKwh).toEqual([22.5, 23.5, 0.5]);
    expect(found.at[0]).toBe(new Date(2024, 5, 1, 22).getTime());
  });

  it.each([
    ['2024-06-01T12:00,100', /no UTC offset/],
    ['2024-02-30T12:00Z,100', /no time that exists/],
    ['2024-06-01T25:00Z,100', /no time that exists/],
    ['2024-06-01T12:00+99:00,100', /no UTC offset/],
    ['01.06.2024 12:00,100', /no ISO time/],
    ['2024-06-01T12:00Z,', /no carbon intensity/],
    ['2024-06-01T12:00Z,NaN', /no number/],
    ['2024-06-01T12:00Z,-1', /not between 0 and 5000/],
    ['2024-06-01T12:00Z,1e9', /not between 0 and 5000/],
    ['2024-06-01T12:00Z,0x10', /no number/],
    ['2024-06-01T12:00Z,100,7', /3 columns/],
    ['2024-06-01T13:00Z,7', /there twice/],
    ['7,100', /an hour of the day/],
    ['=cmd|calc,1', /no ISO time/],
  ])('refuses the row %s and takes the others', (row, reason) => {
    const { taken, refused } = readProfile(
      `2024-06-01T13:00Z,200\n${row}\n2024-06-01T14:00Z,300\n`,
    );
    expect(taken).toBe(2);
    expect(refused).toEqual([{ row: 2, reason: expect.stringMatching(reason) as string }]);
  });

  it('is refused whole where nothing of it can be used', () => {
    expect(() => readProfile('')).toThrow(/no row with a time/);
    expect(() => readProfile('when,what\n')).toThrow(/no row with a time/);
    expect(() => readProfile('0,100\n1,100\n25,3\n')).toThrow(
      /24 hours; 2, 3, .*row 3: "25" is no hour/,
    );
    expect(() => readProfile('"unclosed')).toThrow(/not a CSV file/);
    const error = (() => {
      try {
        readProfile('2024-06-01T12:00,1\nx,y\n');
        return null;
      } catch (cause) {
        return cause as AppError;
      }
    })();
    expect(error?.issues.map(({ path }) => path)).toEqual(['row 1', 'row 2']);
  });
});

// --- services ------------------------------------------------------------------------------------

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let asked: { url: string; token: string | undefined }[] = [];

/** A service on this computer. */
async function serve(answer: Answer): Promise<void> {
  const server = createServer((request, response) => {
    asked.push({
      url: request.url!,
      token: request.headers['auth-token'] as string | undefined,
    });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('HUGGINGGREEN_ELECTRICITY_MAPS_URL', `http://127.0.0.1:${port}/v3/`);
  vi.stubEnv('HUGGINGGREEN_UK_INTENSITY_URL', `http://127.0.0.1:${port}`);
}
const json =
  (value: unknown): Answer =>
  (_, response) =>
    response.end(JSON.stringify(value));
const status =
  (code: number): Answer =>
  (_, response) => {
    response.statusCode = code;
    response.end('secret-key-123 is wrong');
  };

beforeEach(() => {
  asked = [];
  // nothing of these tests may leave the computer
  vi.stubEnv('HUGGINGGREEN_ELECTRICITY_MAPS_URL', 'http://127.0.0.1:9');
  vi.stubEnv('HUGGINGGREEN_UK_INTENSITY_URL', 'http://127.0.0.1:9');
});
afterEach(() => vi.unstubAllEnvs());

const dk = { provider: 'electricity-maps', zone: 'DK-DK1' } as const;
const gb = { provider: 'uk', zone: '' } as const;
const span = { from: noon, to: noon + 2 * hourMs };

describe('Electricity Maps', () => {
  const row = (hour: number, carbonIntensity: unknown) => ({
    zone: 'DK-DK1',
    carbonIntensity,
    datetime: new Date(noon + hour * hourMs).toISOString(),
    isEstimated: false,
  });

  it('is asked with the key of the user, once; then the store knows', async () => {
    await serve(json({ zone: 'DK-DK1', data: [row(1, 60), row(0, 50), row(2, 70)] }));
    const intensity = createIntensity(await openScene());
    await intensity.setKey('secret-key-123');
    const first = await intensity.hours(dk, [span]);
    expect(first).toMatchObject({
      problem: null,
      hourly: {
        ...hours(50, 60),
        kind: 'live',
        name: 'Electricity Maps, DK-DK1',
        basis: 'lifecycle, consumption mix',
      },
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]!.token).toBe('secret-key-123');
    const { pathname, searchParams } = new URL(asked[0]!.url, 'http://x');
    expect(pathname).toBe('/v3/carbon-intensity/past-range');
    expect(Object.fromEntries(searchParams)).toEqual({
      zone: 'DK-DK1',
      start: '2024-06-01T12:00:00.000Z',
      end: '2024-06-01T14:00:00.000Z',
    });
    expect(await intensity.hours(dk, [span])).toEqual(first);
    expect(asked).toHaveLength(1);
  });

  it('foretells as soon as there is a key, though it was asked without one before', async () => {
    const now = Date.now();
    const hour = Math.floor(now / hourMs) * hourMs;
    await serve(
      json({
        zone: 'DK-DK1',
        forecast: [0, 1, 2].map((n) => ({
          datetime: new Date(hour + n * hourMs).toISOString(),
          carbonIntensity: 50 + n,
        })),
      }),
    );
    const intensity = createIntensity(await openScene());
    const ahead = () => intensity.ahead(dk, now, now + hourMs);
    expect((await ahead()).problem).not.toBeNull();
    await intensity.setKey('secret-key-123');
    expect(await ahead()).toMatchObject({ problem: null, hourly: { gPerKwh: [50, 51, 52] } });
    await ahead();
    expect(asked).toHaveLength(1);
  });

  it('is asked for the last day by the part that every plan has, and for this hour if it lacks', async () => {
    const hour = Math.floor(Date.now() / hourMs) * hourMs;
    const at = (datetime: number, carbonIntensity: number) => ({
      datetime: new Date(datetime).toISOString(),
      carbonIntensity,
    });
    await serve((request, response) =>
      json(
        request.url!.includes('/latest')
          ? { zone: 'DE', ...at(hour, 300) }
          : { zone: 'DE', history: [at(hour - 2 * hourMs, 100), at(hour - hourMs, 200)] },
      )(request, response),
    );
    const intensity = createIntensity(await openScene());
    await intensity.setKey('secret-key-123');
    const { hourly } = await intensity.hours({ ...dk, zone: 'DE' }, [
      { from: hour - hourMs, to: hour + 1 },
    ]);
    expect(hourly.gPerKwh).toEqual([200, 300]);
    expect(asked.map(({ url }) => url)).toEqual([
      '/v3/carbon-intensity/history?zone=DE',
      '/v3/carbon-intensity/latest?zone=DE',
    ]);
    expect(await intensity.now({ ...dk, zone: 'DE' })).toMatchObject({ gPerKwh: 300 });
  });

  it('is asked only for what is new of a run of days: a plan without the past still gives the last hours', async () => {
    const hour = Math.floor(Date.now() / hourMs) * hourMs;
    const start = hour - 30 * hourMs;
    await serve((request, response) => {
      if (request.url!.includes('/past-range')) {
        response.writeHead(403).end();
        return;
      }
      const history = Array.from({ length: 24 }, (_, i) => ({
        datetime: new Date(hour - (23 - i) * hourMs).toISOString(),
        carbonIntensity: 200 + i,
      }));
      json({ zone: 'DE', history })(request, response);
    });
    const scene = await openScene();
    const intensity = createIntensity(scene);
    await intensity.setKey('secret-key-123');
    // told while the run went on
    await scene.addIntensitySteps(
      'electricity-maps',
      'DE',
      stepsOf(Array.from({ length: 27 }, (_, i) => [start + i * hourMs, 100])),
    );
    const { hourly, problem } = await intensity.hours({ ...dk, zone: 'DE' }, [
      { from: start, to: hour + 1 },
    ]);
    expect(problem).toBeNull();
    expect(asked.map(({ url }) => url)).toEqual(['/v3/carbon-intensity/history?zone=DE']);
    expect(hourly.at).toHaveLength(31);
    expect(hourly.gPerKwh.at(-1)).toBe(223);
  });

  it('takes no figure that cannot be', async () => {
    await serve(json({ data: [row(0, -5), row(1, '60'), null, row(2, 1e7), { datetime: 'x' }] }));
    const intensity = createIntensity(await openScene());
    await intensity.setKey('secret-key-123');
    const { hourly, problem } = await intensity.hours(dk, [span]);
    expect(hourly.at).toEqual([]);
    expect(problem).toBe('Electricity Maps answered without a figure that can be used.');
  });

  it('is not asked without a key, nor for a zone that is none; the key is shown by its end only', async () => {
    await serve(json({ data: [] }));
    const intensity = createIntensity(await openScene());
    expect((await intensity.hours(dk, [span])).problem).toContain('needs a key of your own');
    await intensity.setKey('secret-key-123');
    expect((await intensity.hours({ ...dk, zone: '../x?' }, [span])).problem).toContain('no zone');
    expect(asked).toEqual([]);
    const state = await intensity.state();
    expect(state.keyEnd).toBe('123');
    expect(JSON.stringify(state)).not.toContain('secret');
    await intensity.setKey(null);
    expect((await intensity.state()).keyEnd).toBeNull();
  });

  it.each<[string, Answer, RegExp]>([
    ['401', status(401), /refused the request \(HTTP 401\)/],
    ['403', status(403), /refused the request \(HTTP 403\)/],
    ['404', status(404), /does not know this place or time/],
    ['429', status(429), /too many requests/],
    ['500', status(500), /failed \(HTTP 500\)/],
    ['no JSON', (_, response) => response.end('<html>'), /no JSON/],
    ['another form', json({ history: 'none' }), /form that is not known/],
    ['null', json(null), /form that is not known/],
    [
      'a redirect, which would take the key elsewhere',
      (_, response) => {
        response.writeHead(302, { location: 'http://127.0.0.1:9/' });
        response.end();
      },
      /could not be reached/,
    ],
    ['a broken connection', (request) => request.socket.destroy(), /could not be reached/],
  ])('fails in words on %s, and the figures that are kept stay', async (_, answer, words) => {
    const store = await openScene();
    await store.addIntensitySteps('electricity-maps', 'DK-DK1', hours(55));
    await serve(answer);
    const intensity = createIntensity(store);
    await intensity.setKey('secret-key-123');
    const { hourly, problem } = await intensity.hours(dk, [span]);
    expect(problem).toMatch(words);
    expect(problem).not.toContain('secret');
    expect(hourly.gPerKwh).toEqual([55]);
  });

  it('is not waited for', async () => {
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
      expect(ms).toBe(requestMs);
      const abort = new AbortController();
      setTimeout(() => abort.abort(new DOMException('late', 'TimeoutError')), 20);
      return abort.signal;
    });
    onTestFinished(() => timeout.mockRestore());
    await serve(() => {});
    const intensity = createIntensity(await openScene());
    await intensity.setKey('secret-key-123');
    expect((await intensity.hours(dk, [span])).problem).toBe(
      'Electricity Maps did not answer within 8 s.',
    );
  });
});

describe('the UK Carbon Intensity API', () => {
  const period = (half: number, actual: unknown, forecast: unknown) => ({
    from: `${new Date(noon + (half * hourMs) / 2).toISOString().slice(0, 16)}Z`,
    to: 'x',
    intensity: { forecast, actual, index: 'low' },
  });

  it('gives what was, else what was forecast', async () => {
    await serve(json({ data: [period(0, 100, 90), period(1, null, 80), period(2, null, null)] }));
    const intensity = createIntensity(await openScene());
    const { hourly, problem } = await intensity.hours(gb, [span]);
    expect(asked[0]!.url).toBe('/intensity/2024-06-01T12:00Z/2024-06-01T14:00Z');
    expect(asked[0]!.token).toBeUndefined();
    expect(hourly.gPerKwh).toEqual([100, 80]);
    expect(hourly.basis).toContain('direct');
    expect(problem).toBe('UK Carbon Intensity API does not have every hour (yet).');
  });

  it('by postcode, and a long run in pieces that the service takes', async () => {
    await serve(json({ data: { regionid: 2, data: [period(0, undefined, 40)] } }));
    const intensity = createIntensity(await openScene());
    const long = { from: noon, to: noon + 20 * 24 * hourMs };
    const { hourly } = await intensity.hours({ ...gb, zone: 'eh8' }, [long]);
    expect(hourly).toMatchObject({ zone: 'EH8', gPerKwh: [40] });
    expect(asked.map(({ url }) => url)).toEqual([
      '/regional/intensity/2024-06-01T12:00Z/2024-06-14T12:00Z/postcode/EH8',
      '/regional/intensity/2024-06-14T12:00Z/2024-06-21T12:00Z/postcode/EH8',
    ]);
    const bad = await intensity.hours({ ...gb, zone: 'EH8 9YL/..' }, [span]);
    expect(bad.problem).toContain('no outward postcode');
    expect(asked).toHaveLength(2);
  });

  it('at an address that is none', async () => {
    vi.stubEnv('HUGGINGGREEN_UK_INTENSITY_URL', 'file:///etc/passwd');
    const intensity = createIntensity(await openScene());
    expect((await intensity.hours(gb, [span])).problem).toContain('no http address');
  });
});

describe('profiles in the store', () => {
  it('price without any network, are replaced under their name, and removed', async () => {
    const intensity = createIntensity(await openScene());
    const day = Array.from({ length: 24 }, (_, hour) => `${hour},${hour * 10}`).join('\n');
    expect((await intensity.importProfile('office', day)).profile).toEqual({
      name: 'office',
      kind: 'day',
      steps: 24,
      from: null,
      to: null,
      meanGPerKwh: 115,
    });
    const zone = { provider: 'profile', zone: 'office' } as const;
    const { hourly, problem } = await intensity.hours(zone, [span]);
    const local = new Date(noon).getHours();
    expect(hourly).toMatchObject({ kind: 'profile', name: 'profile office' });
    expect(hourly.gPerKwh[0]).toBe(local * 10);
    expect(problem).toBeNull();

    const { refused } = await intensity.importProfile(
      'office',
      '2024-06-01T12:00Z,42\n2024-06-01T12:00Z,43\n',
    );
    expect(refused).toHaveLength(1);
    const again = await intensity.hours(zone, [span]);
    expect(again.hourly).toMatchObject(hours(42));
    expect(again.problem).toBe('The profile does not have every hour.');
    expect((await intensity.state()).profiles).toHaveLength(1);

    await intensity.removeProfile('office');
    expect((await intensity.hours(zone, [span])).problem).toBe('There is no profile "office".');
    expect(asked).toEqual([]);
  });
});
