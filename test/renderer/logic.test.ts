import { describe, expect, it } from 'vitest';
import { clock, clockStep } from '../../src-renderer/lib/chart/axes.ts';
import { totalLine } from '../../src-renderer/lib/chart/run-lines.ts';
import { stack } from '../../src-main/contract.ts';
import { thin } from '../../src-renderer/lib/chart/thin.ts';
import {
  compareHash,
  leadsSomewhere,
  parseRoute,
  routeHash,
} from '../../src-renderer/lib/route.ts';
import { appendTrace } from '../../src-renderer/lib/trace.ts';
import { components } from '../mocks/link.ts';

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('thinning', () => {
  it('keeps the extremes, the ends’ order and the gaps', () => {
    const x = range(10_000);
    const y = x.map((i) => (i >= 5000 && i < 5400 ? null : i === 1234 ? 99 : i === 7777 ? -99 : 1));
    const thinned = thin(x, y, 100);
    expect(thinned.x.length).toBeLessThanOrEqual(300);
    expect(thinned.y).toContain(99);
    expect(thinned.y).toContain(-99);
    expect(thinned.y).toContain(null);
    expect(thinned.x).toEqual([...thinned.x].sort((a, b) => a - b));
  });

  it('leaves alone what fits, and turns what is no number into a gap', () => {
    expect(thin([0, 1, 2], [5, NaN, 7], 100)).toEqual({ x: [0, 1, 2], y: [5, null, 7] });
    expect(thin([], [], 100)).toEqual({ x: [], y: [] });
  });
});

describe('stacking', () => {
  it('puts series of different sampling upon each other without changing their mean', () => {
    const a = { x: range(100), y: range(100).map(() => 10) };
    const b = { x: range(50).map((i) => i * 2), y: range(50).map(() => 5) };
    const { tops, values } = stack([a, b], 20);
    expect(values[0]!.every((value) => value === 10)).toBe(true);
    expect(tops[1]!.every((value) => value === 15)).toBe(true);
  });

  it('keeps a straight line rising where its samples do not come on the beat', () => {
    const x = range(60).map((i) => i + (i % 3 === 0 ? 0.9 : 0));
    const { values } = stack([{ x, y: x.map((at) => 2 * at) }], 60);
    const steps = values[0]!.slice(1).map((value, i) => value! - values[0]![i]!);
    expect(Math.min(...steps)).toBeGreaterThan(0);
  });

  it('crosses a short hole in a straight line, and leaves a longer one open', () => {
    const x = range(60).filter((i) => i !== 20 && (i < 40 || i > 45));
    const { x: at, values } = stack([{ x, y: x }], 60);
    const near = (wanted: number) => values[0]![at.findIndex((one) => one >= wanted)];
    expect(near(20)).toBeCloseTo(20, -1);
    expect(near(43)).toBeNull();
  });

  it('leaves a gap where a series is missing, and the other in its place', () => {
    const x = range(100);
    const gap = { x, y: x.map((i) => (i > 40 && i < 60 ? null : 3)) };
    const { tops } = stack([gap, { x, y: x.map(() => 2) }], 50);
    expect(tops[0]).toContain(null);
    expect(tops[1]).toContain(2);
    expect(tops[1]).toContain(5);
  });

  it('does not call a sum smaller because a part of it is missing, nor larger by a card not used', () => {
    const x = range(40);
    const none = x.map(() => null);
    const part = (y: (number | null)[], counted = true) => ({
      ...components[0]!,
      ...{ counted, x, watts: y, wh: y },
      ...{ tempC: none, clockMhz: none, utilPercent: none, memoryMb: none, throttled: [] },
    });
    const power = {
      components: [
        part(x.map(() => 100)),
        part(x.map((i) => (i > 10 && i < 20 ? null : 50))),
        part(none),
        part(
          x.map(() => 1000),
          false,
        ),
      ],
    };
    const { y } = totalLine(power, 'watts', { id: 1, name: 'a' }, 40);
    expect(new Set(y)).toEqual(new Set([150, null]));
  });
});

describe('the clock axis', () => {
  it('writes and divides time as clocks do', () => {
    expect([clock(5), clock(65), clock(3725), clock(-10)]).toEqual([
      '0:05',
      '1:05',
      '1:02:05',
      '-0:10',
    ]);
    expect([8, 70, 500, 7000].map(clockStep)).toEqual([1, 10, 120, 900]);
    expect(1e9 / clockStep(1e9)).toBeLessThanOrEqual(8);
  });
});

describe('routes', () => {
  it('survive being written and read', () => {
    expect(parseRoute(compareHash([3, 4]))).toEqual({
      view: 'compare',
      id: null,
      query: { ids: '3,4' },
    });
    expect(parseRoute(routeHash('runs', { filter: 'f1>=0.9 & x' })).query.filter).toBe(
      'f1>=0.9 & x',
    );
    expect(parseRoute('#/run/12')).toEqual({ view: 'run', id: 12, query: {} });
  });

  it('are told from addresses that lead nowhere', () => {
    for (const hash of [
      '',
      '#/',
      '#token=x',
      '#/runs?filter=a',
      '#/run/12',
      '#/matrix/3',
      '#/machine',
      '#/machine/calibrate',
      '#/report?ids=1',
      '#/about',
      '#/new?from=2',
    ])
      // prettier-ignore
      expect(leadsSomewhere(hash), hash).toBe(true);
    for (const hash of ['#/bogus', '#/sweep/1', '#/run/x', '#/run/0', '#/runs/3', '#/machine/x'])
      expect(leadsSomewhere(hash), hash).toBe(false);
  });

  it('lead home where they lead nowhere', () => {
    for (const hash of ['', '#/', '#/nowhere', '#/run/x', '#/run/0'])
      expect(parseRoute(hash).view).toBe('machine');
  });
});

describe('a power trace', () => {
  it('grows at its end, forgets its start and fills what a sensor did not say', () => {
    const old = { at: [0, 1000, 2000], watts: { a: [1, 2, 3] } };
    const grown = appendTrace(old, { at: [2500, 3000], watts: { a: [4, 5], b: [7, 8] } }, 2000);
    expect(grown).toEqual({
      at: [1000, 2000, 2500, 3000],
      watts: { a: [2, 3, 4, 5], b: [null, null, 7, 8] },
      latest: {},
    });
    expect(appendTrace(old, { at: [], watts: {} }, 2000)).toBe(old);
  });

  it('takes the newer word where pieces overlap', () => {
    const old = { at: [0, 1000, 2000], watts: { a: [1, 2, 3] } };
    const joined = appendTrace(old, { at: [1000, 2000], watts: { a: [9, 9] } }, 60_000);
    expect(joined).toEqual({ at: [0, 1000, 2000], watts: { a: [1, 9, 9] }, latest: {} });
  });

  it('keeps what a slower question was answered last', () => {
    const reading = { utilPercent: null, memoryMb: null, tempC: null, clockMhz: null };
    const piece = (at: number, latest: object) => ({ at: [at], watts: {}, latest: { a: latest } });
    const first = appendTrace(
      { at: [], watts: {} },
      piece(1, { ...reading, tempC: 40, flags: 2 }) as never,
      1000,
    );
    const next = appendTrace(
      first,
      piece(2, { ...reading, clockMhz: 900, flags: 0 }) as never,
      1000,
    );
    expect(next.latest).toEqual({ a: { ...reading, tempC: 40, clockMhz: 900, flags: 0 } });
  });
});
