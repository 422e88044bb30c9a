import { describe, expect, it } from 'vitest';
import type { PowerSeries } from '../../src-main/contract.ts';
import {
  energyPerImageLine,
  rateDrops,
  throughputLines,
  warmUpEnds,
} from '../../src-renderer/lib/chart/derived-lines.ts';
import { placed, placeOf } from '../../src-renderer/lib/chart/place.ts';
import { trendsOf } from '../../src-renderer/lib/chart/trends.ts';

const count = (n: number) => Array.from({ length: n }, (_, i) => i);
const one = (x: number[], y: (number | null)[]) => ({ name: '', x, y });
/** Ten steps of 2 s each, the first one begins at 4 s; an evaluation of 10 s after the fifth. */
const ends = count(10).map((i) => 6 + 2 * i + (i >= 5 ? 10 : 0));
const steps = {
  step: one(
    ends,
    count(10).map((i) => i + 1),
  ),
  seconds: one(ends, ends),
};
const phase = (name: string, from: number, to: number | null, wh: number | null) => ({
  name,
  epoch: 1,
  from,
  to,
  wh,
  byKind: {},
});

describe('curves that follow from others', () => {
  it('tell images per second of the steps, and nothing without a batch size', () => {
    const series = { stepMs: one([1, 2], [50, null]) };
    expect(throughputLines(series, 32)[0]!.y).toEqual([640, null]);
    expect(throughputLines(series, null)).toEqual([]);
  });

  it('tell joules per image of each training phase, evaluations left out', () => {
    const phases = [
      phase('prepare', 0, 4, 1),
      phase('train', 4, 14, 0.1),
      phase('evaluate', 14, 24, 5),
      phase('train', 24, 34, 0.2),
      phase('train', 34, null, 1),
    ];
    const [line] = energyPerImageLine(phases, steps, 8);
    expect(line!.x).toEqual([14, 34]);
    expect(line!.y[0]).toBeCloseTo((0.1 * 3600) / 40, 9);
    expect(line!.y[1]).toBeCloseTo((0.2 * 3600) / 40, 9);
    expect(energyPerImageLine([phase('train', 4, 14, null)], steps, 8)).toEqual([]);
  });

  it('mark a drop of the learning rate, and no slope', () => {
    const lr = one(count(6), [0.1, 0.1, 0.1, 0.01, 0.01, 0.009]);
    expect(rateDrops({ lr })).toEqual([{ x: 3, text: 'Learning rate 0.1 → 0.01', own: false }]);
    const cosine = count(50).map((i) => 1 + Math.cos((i / 50) * Math.PI));
    expect(rateDrops({ lr: one(count(50), cosine) })).toEqual([]);
  });
});

describe('the end of a warm-up', () => {
  const ends = (y: number[]) => warmUpEnds({ lr: one(count(y.length), y) });

  it('is marked where the rate rises no more, in each stage', () => {
    const up = [0.1, 0.2, 0.3];
    expect(ends([...up, 0.3, 0.3])).toEqual([
      { x: 2, text: 'Warm-up ends at learning rate 0.3', own: false },
    ]);
    expect(ends([...up, 0.25, 0.1, ...up, 0.29]).map(({ x }) => x)).toEqual([2, 7]);
  });

  it('is nowhere while it still rises, without one, or where the rate only goes up and down', () => {
    expect(ends([0.1, 0.2, 0.3])).toEqual([]);
    expect(ends([0.3, 0.2, 0.1])).toEqual([]);
    expect(ends([0.3, 0.3, 0.3])).toEqual([]);
    expect(ends(count(60).map((i) => 1 + (i % 2)))).toEqual([]);
  });
});

describe('the place of a moment on an axis', () => {
  const line = { key: 'w', label: 'W', colour: 'red', x: [0, 6, 7, 40], y: [1, 2, 3, 4] };

  it('is that of the steps around it, and none before the first', () => {
    // over steps, the host gives the seconds at each
    const place = placeOf('step', { seconds: one(steps.step.y as number[], ends) }, { components: [] }, null)!; // prettier-ignore
    expect(place.toAxis(7)).toBe(1.5);
    expect(place.toTime(1.5)).toBe(7);
    expect(placed(line, place)).toMatchObject({ x: [1, 1.5], y: [2, 3] });
    expect(placeOf('epoch', {}, { components: [] }, null)).toBeNull();
  });

  it('over time is the time itself', () => {
    expect(placed(line, placeOf('time', {}, { components: [] }, null)!)).toBe(line);
  });
});

describe('the trends of the three numbers', () => {
  const component = (wh: (number | null)[]) => ({
    ...{ key: 'gpu', name: 'GPU', kind: 'gpu', provenance: 'counted', counted: true },
    ...{
      x: wh.map((_, i) => (30 * i) / (wh.length - 1)),
      wh,
      watts: [],
      tempC: [],
      clockMhz: [],
      utilPercent: [],
    },
    ...{ memoryMb: [], throttled: [] },
  });
  const power = (wh: (number | null)[]) => ({ components: [component(wh)] }) as unknown as PowerSeries; // prettier-ignore
  /** Evaluations after the first and the third of three steps, which end at 10, 20 and 30 s. */
  const series = {
    seconds: one([1, 2, 3], [10, 20, 30]),
    'validation.macroF1': one([1, 3], [0.5, 0.6]),
  };

  it('are over time whatever the axis, F1 per Wh where F1 was evaluated', () => {
    const trends = trendsOf({ x: 'step', series, power: power(count(301).map((i) => i / 100)), detail: null }); // prettier-ignore
    expect(trends.f1).toEqual({ at: [10_000, 30_000], values: [0.5, 0.6] });
    // no more points than can be seen
    expect(trends.wh!.values.length).toBeLessThanOrEqual(62);
    expect(trends.wh!.values.at(-1)).toBeCloseTo(3, 1);
    expect(trends.perWh!.at).toEqual(trends.f1!.at);
    expect(trends.perWh!.values.map((value) => Math.round(value!))).toEqual([50, 20]);
  });

  it('are none below two points, and no line where energy was not read', () => {
    const once = { ...series, 'validation.macroF1': one([3], [0.6]) };
    const trends = trendsOf({ x: 'step', series: once, power: power([0, null, null, 3]), detail: null }); // prettier-ignore
    expect([trends.f1, trends.perWh]).toEqual([null, null]);
    expect(trends.wh!.values).toEqual([0, null, null, 3]);
    expect(trendsOf({ x: 'time', series: {}, power: power([null, null, null, 3]), detail: null }).wh).toBeNull(); // prettier-ignore
  });
});
