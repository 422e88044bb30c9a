/** The metrics page, read back by a parser that takes nothing but OpenMetrics 1.0. */
import { request } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import type { PowerComponent, RunSummary, SourceStatus } from '../../src-main/contract.ts';
import { exposition } from '../../src-main/core/metrics/exposition.ts';
import { families } from '../../src-main/core/metrics/families.ts';
import { latestReadings } from '../../src-main/core/metrics/latest.ts';
import {
  listenForMetrics,
  metricsAddress,
  type MetricsListener,
} from '../../src-main/core/metrics/listener.ts';
import { utcOf } from '../../src-main/core/clock.ts';
import { monotonicMicros } from '../../src-main/port.ts';

interface Parsed {
  type: string;
  unit: string | null;
  help: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

/** OpenMetrics text, strictly. @throws Error with the line that is none */
function parse(text: string): Map<string, Parsed> {
  const families = new Map<string, Parsed>();
  if (!text.endsWith('# EOF\n')) throw new Error('no end mark');
  let open: [string, Parsed] | null = null;
  const lines = text.slice(0, -'# EOF\n'.length).split('\n');
  if (lines.pop() !== '') throw new Error('the last line is not ended');
  const seen = new Set<string>();
  for (const line of lines) {
    const meta = /^# (TYPE|UNIT|HELP) ([a-zA-Z_:][\w:]*) (.*)$/.exec(line);
    if (meta) {
      const [, what, name, rest] = meta as unknown as [string, string, string, string];
      if (what === 'TYPE') {
        if (families.has(name)) throw new Error(`${name} is there twice`);
        if (!['gauge', 'counter', 'info'].includes(rest)) throw new Error(line);
        open = [name, { type: rest, unit: null, help: '', samples: [] }];
        families.set(...open);
      } else {
        if (open?.[0] !== name || open[1].samples.length > 0) throw new Error(`misplaced: ${line}`);
        if (what === 'HELP') open[1].help = rest;
        else {
          if (!name.endsWith(`_${rest}`)) throw new Error(`${name} does not end in its unit`);
          open[1].unit = rest;
        }
      }
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!sample || !open) throw new Error(`not understood: ${line}`);
    const [, name, inner = '', value] = sample as unknown as [string, string, string, string];
    const suffixes = { gauge: [''], counter: ['_total', '_created'], info: ['_info'] }[
      open[1].type
    ]!;
    if (!suffixes.some((suffix) => open![0] + suffix === name))
      throw new Error(`misplaced: ${line}`);
    if (!/^-?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?$/.test(value)) throw new Error(`no number: ${line}`);
    const labels: Record<string, string> = {};
    const rest = inner.replace(
      /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(,(?=.)|$)/g,
      (_, key: string, raw: string) => {
        if (key in labels) throw new Error(`label twice: ${line}`);
        labels[key] = raw.replace(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign));
        return '';
      },
    );
    if (rest !== '') throw new Error(`labels: ${line}`);
    const series = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(series)) throw new Error(`series twice: ${line}`);
    seen.add(series);
    open[1].samples.push({ name, labels, value: Number(value) });
  }
  for (const [name, { samples, type }] of families) {
    if (samples.length === 0) throw new Error(`${name} has no samples`);
    if (type === 'counter' && samples.some(({ value }) => value < 0))
      throw new Error(`${name} < 0`);
  }
  return families;
}

const component = (change: Partial<PowerComponent>): PowerComponent => ({
  key: 'gpu:GPU-1',
  kind: 'gpu',
  name: 'A "card" \\ of\nmine',
  source: 'nvml',
  provenance: 'counted',
  uncertaintyPercent: 5,
  uncertaintyWatts: null,
  method: '',
  ...change,
});
const components = [
  component({}),
  component({
    key: 'cpu',
    kind: 'cpu',
    name: 'CPU',
    source: 'cpu-model',
    provenance: 'modelled',
    uncertaintyPercent: null,
    uncertaintyWatts: 30,
  }),
  // known, but nothing was read of it yet
  component({ key: 'ram', kind: 'ram', name: 'RAM' }),
];
const sources: SourceStatus[] = [
  { name: 'nvml', label: 'NVML', state: 'reading', detail: '', fix: null, components: [] },
  { name: 'rapl', label: 'RAPL', state: 'unavailable', detail: '', fix: 'x', components: [] },
];
const run = {
  id: 3,
  name: 'drop "30 %"',
  status: 'done',
  macroF1: 0.875,
  seconds: 60,
  epoch: 2,
  step: 40,
  uncertaintyWh: null,
} as RunSummary;
const overhead = { cores: 0.02, residentBytes: 3e8, watts: { cpu: 0.5, ram: null }, seconds: 30 };
const program = {
  version: '1.2.3',
  overhead,
  cpuSeconds: 4.5,
  startedAt: 1.7e9,
  residentBytes: 1e8,
};

function page(change: { session?: string; now?: number } = {}) {
  const latest = latestReadings();
  const t0 = monotonicMicros() - 1e6;
  const empty = { utilPercent: [null, null], memoryMb: [null, null], tempC: [null, null] };
  latest.push({
    session: 'a',
    t: [t0, t0 + 5e5],
    series: [
      {
        key: 'gpu:GPU-1',
        joules: [10, 20.5],
        watts: [20, 21],
        flags: [0, 4],
        utilPercent: [50, null],
        memoryMb: [2, null],
        tempC: [61, null],
        clockMhz: [1410, null],
        programJoules: [0, 0.25],
      },
      { key: 'cpu', joules: [1, null], watts: [2, null], flags: [0, 0], ...empty },
    ],
  });
  if (change.session)
    latest.push({
      session: change.session,
      t: [t0 + 9e5],
      series: [
        {
          key: 'gpu:GPU-1',
          joules: [0.5],
          watts: [20],
          flags: [0],
          utilPercent: [null],
          memoryMb: [null],
          tempC: [null],
        },
      ],
    });
  const text = exposition(
    families(
      { components, sources, latest },
      [{ summary: run, wh: 2, gCO2e: 0.9, coverage: null }],
      program,
      change.now,
    ),
  );
  return { text, parsed: parse(text), from: utcOf(t0) / 1000 };
}

it('tells every component in base units, with the label of its kind of value', () => {
  const { parsed, from } = page();
  const energy = parsed.get('hugginggreen_energy_joules')!;
  expect(energy).toMatchObject({ type: 'counter', unit: 'joules' });
  expect(energy.samples.map(({ name, labels, value }) => [name, labels.component, value])).toEqual([
    ['hugginggreen_energy_joules_total', 'gpu:GPU-1', 20.5],
    ['hugginggreen_energy_joules_created', 'gpu:GPU-1', expect.closeTo(from, 1)],
    // what was missing in the last sample was read in the one before: a total stays
    ['hugginggreen_energy_joules_total', 'cpu', 1],
    ['hugginggreen_energy_joules_created', 'cpu', expect.closeTo(from, 1)],
  ]);
  expect(energy.samples[0]!.labels).toEqual({
    component: 'gpu:GPU-1',
    kind: 'gpu',
    name: 'A "card" \\ of\nmine',
    source: 'nvml',
    provenance: 'counted',
  });
  const values = (name: string) => parsed.get(name)?.samples.map(({ value }) => value);
  expect(values('hugginggreen_utilization_ratio')).toEqual([0.5]);
  expect(values('hugginggreen_memory_used_bytes')).toEqual([2e6]);
  expect(values('hugginggreen_temperature_celsius')).toEqual([61]);
  expect(values('hugginggreen_clock_hertz')).toEqual([1.41e9]);
  expect(values('hugginggreen_throttled')).toEqual([1]);
  expect(values('hugginggreen_energy_uncertainty_ratio')).toEqual([0.05]);
  expect(values('hugginggreen_power_uncertainty_watts')).toEqual([30]);
  expect(values('hugginggreen_program_energy_joules')?.[0]).toBe(0.25);
  expect(values('hugginggreen_source_reading')).toEqual([1, 0]);
  expect(values('hugginggreen_program_cpu_ratio')).toEqual([0.02]);
  expect(values('hugginggreen_program_power_watts')).toEqual([0.5]);
});

it('tells runs, and leaves out what is missing', () => {
  const { parsed, text } = page();
  expect(parsed.get('hugginggreen_run_energy_joules')!.samples).toEqual([
    {
      name: 'hugginggreen_run_energy_joules',
      labels: { run: '3', name: 'drop "30 %"', status: 'done' },
      value: 7200,
    },
  ]);
  expect(parsed.get('hugginggreen_run_f1_ratio')!.samples[0]!.value).toBe(0.875);
  expect(parsed.has('hugginggreen_run_coverage_ratio')).toBe(false);
  expect(text).not.toMatch(/NaN|null|undefined/);
});

it('begins anew with a new meter session, and keeps still about a meter that stands still', () => {
  const again = page({ session: 'b' }).parsed.get('hugginggreen_energy_joules')!.samples;
  expect(again.map(({ value }) => value)[0]).toBe(0.5);
  expect(again).toHaveLength(2);
  const late = page({ now: Date.now() + 60_000 }).parsed;
  expect(late.has('hugginggreen_power_watts')).toBe(false);
  expect(late.has('hugginggreen_energy_joules')).toBe(true);
});

it.each([
  ['9797', { host: '127.0.0.1', port: 9797 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['0.0.0.0:9797', { host: '0.0.0.0', port: 9797 }],
])('%s is an address', (text, address) => {
  expect(metricsAddress(text)).toEqual(address);
});
it.each(['', 'x', ':80', '65536', '127.0.0.1', '::1:80', 'http://a:80', 'a b:80'])(
  '"%s" is none',
  (text) => {
    expect(() => metricsAddress(text)).toThrow(/is no address for metrics/);
  },
);

let listener: MetricsListener | null = null;
afterEach(async () => listener?.close());

interface Answer {
  status: number;
  type: string;
  body: string;
}
function ask(
  url: string,
  options: { method?: string; host?: string; path?: string } = {},
): Promise<Answer> {
  const { port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path: options.path ?? pathname,
        method: options.method ?? 'GET',
        headers: { host: options.host ?? `127.0.0.1:${port}` },
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode!, type: response.headers['content-type']!, body }),
        );
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

it('answers over HTTP to this computer, to nobody else, and only to reading', async () => {
  const { text } = page();
  listener = await listenForMetrics(metricsAddress('0'), () => Promise.resolve(text));
  expect(listener.warning).toBeNull();
  const { url } = listener;
  const good = await ask(url);
  expect(good).toEqual({
    status: 200,
    type: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    body: text,
  });
  expect(await ask(url, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  expect((await ask(url, { method: 'POST' })).status).toBe(405);
  expect((await ask(url, { path: '/' })).status).toBe(404);
  // a page of another site under its own name
  expect((await ask(url, { host: 'evil.example' })).status).toBe(403);
  await expect(
    listenForMetrics(metricsAddress(new URL(url).port), () => Promise.resolve(text)),
  ).rejects.toMatchObject({ code: 'CONFLICT' });
});

it('says so where the metrics cannot be had, and warns who opens them to others', async () => {
  listener = await listenForMetrics(metricsAddress('0.0.0.0:0'), () =>
    Promise.reject(new Error('the store is closed')),
  );
  expect(listener.warning).toMatch(/Everybody who reaches 0\.0\.0\.0/);
  expect(await ask(listener.url)).toMatchObject({
    status: 503,
    body: 'The metrics cannot be had: the store is closed\n',
  });
});
