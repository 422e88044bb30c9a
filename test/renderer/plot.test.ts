import { describe, expect, it } from 'vitest';
import { chartSvg } from '../../src-renderer/lib/chart/chart-svg.ts';
import {
  plainTick,
  plotOf,
  tableOf,
  type ChartChoice,
  type ChartLook,
  type Line,
} from '../../src-renderer/lib/chart/plot.ts';
import {
  indicesIn,
  interpolate,
  moved,
  within,
  zoomAbout,
} from '../../src-renderer/lib/chart/range.ts';
import { MovingAverage } from '../../src-renderer/lib/chart/smooth.ts';
import { linearTicks, logTicks, niceStep } from '../../src-renderer/lib/chart/ticks.ts';

const look: ChartLook = {
  quantity: 'Loss',
  unit: '',
  xTitle: 'Step',
  stacked: false,
  fromZero: false,
  group: 'test',
  xRange: null,
  formatX: plainTick,
  stepX: null,
  marks: [],
};
const usual: ChartChoice = {
  smoothing: 'off',
  average: 'ema',
  log: false,
  fromZero: false,
  clip: false,
};
const line = (y: (number | null)[], more: Partial<Line> = {}): Line => ({
  key: 'a',
  label: 'A',
  x: y.map((_, i) => i),
  y,
  colour: 'red',
  ...more,
});
const count = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('smoothing', () => {
  it('leaves a constant as it is from its first point on, and a gap a gap', () => {
    const y = new MovingAverage(2).extend([0, 1, 2, 3], [5, 5, null, 5]);
    expect(y).toEqual([5, 5, null, 5]);
  });

  it('weighs by distance: the same curve sampled unevenly is smoothed to the same end', () => {
    const dense = count(2001).map((i) => i / 10);
    // the second half has a tenth of the points
    const uneven = dense.filter((x, i) => x <= 100 || i % 10 === 0);
    const at = (x: readonly number[]) =>
      new MovingAverage(20).extend(x, x.map((one) => (one < 100 ? 0 : 1))).at(-1)!; // prettier-ignore
    expect(at(dense)).toBeGreaterThan(0.99);
    // weights are of points: within the scale of the average the sparse side is not drowned
    expect(Math.abs(at(uneven) - at(dense))).toBeLessThan(0.07);
  });

  it('shows the recorded values behind it, says what it is, and never touches a stack', () => {
    const noisy = line(count(400).map((i) => (i % 2 ? 1 : 3)));
    const plot = plotOf([noisy], look, { ...usual, smoothing: 'strong' }, null, 500);
    expect(plot.lines.map(({ raw }) => raw)).toEqual([true, false]);
    expect(plot.lines[1]!.label).toBe('A, smoothed');
    expect(plot.lines[1]!.y.at(-1)).toBeCloseTo(2, 1);
    expect(plot.remarks.join()).toContain('EMA, 8 % of the axis');
    const stacked = plotOf([noisy], { ...look, stacked: true }, { ...usual, smoothing: 'strong' }, null, 500); // prettier-ignore
    expect(stacked.lines).toHaveLength(1);
  });

  it.each(['mean', 'gaussian'] as const)('looks both ways with a %s, and says so', (average) => {
    const step = line(count(1000).map((i) => (i < 500 ? 0 : i === 700 ? null : 10)));
    const choice = { ...usual, smoothing: 'medium', average } as const;
    const { lines, remarks } = plotOf([step], look, choice, null, 1000);
    const smooth = lines[1]!;
    const at = (x: number) => smooth.y[smooth.x.findIndex((one) => one >= x)];
    // 2 % of the axis are 20 steps: before the jump it is felt, far from it and at both ends it is not
    expect(at(495)).toBeGreaterThan(2);
    expect(at(505)).toBeLessThan(8);
    [at(0), at(400)].forEach((value) => expect(value).toBe(0));
    [at(600), smooth.y.at(-1)].forEach((value) => expect(value).toBeCloseTo(10, 9));
    expect(smooth.y).toContain(null);
    expect(remarks.join()).toContain(average === 'mean' ? 'running mean (± 2 %' : 'Gaussian');
    // a zoom shows the same curve, not another one
    const zoomed = plotOf([step], look, choice, [480, 520], 1000).lines[1]!;
    zoomed.x.forEach((x, i) => expect(zoomed.y[i]).toBeCloseTo(at(x)!, 9));
  });

  it('takes the means where a curve holds only its extremes', () => {
    const y = count(200).map((i) => (i % 2 ? 10 : 0));
    const skewed = line(y, { mean: { x: count(100), y: Array<number>(100).fill(2) } });
    const plot = plotOf([skewed], look, { ...usual, smoothing: 'medium' }, null, 500);
    expect(plot.lines[1]!.y.every((value) => value === 2)).toBe(true);
  });
});

describe('ranges', () => {
  it('zoom about a point, move, and never leave what there is', () => {
    expect(zoomAbout([0, 100], 25, 0.5, [0, 100])).toEqual([12.5, 62.5]);
    expect(zoomAbout([10, 20], 15, 20, [0, 100])).toBeNull();
    expect(moved([10, 20], 0.5, [0, 100])).toEqual([15, 25]);
    expect(moved([90, 100], 5, [0, 100])).toEqual([90, 100]);
    expect(within([-50, 20], [0, 100])).toEqual([0, 70]);
    expect(within([3, 3], [0, 100])).toEqual([3, 3.01]);
    expect(within([0, 0], [5, 5])).toBeNull();
  });

  it('take a point more on either side, so that lines run to the edge', () => {
    expect(indicesIn([0, 1, 2, 3, 4, 5], [1.5, 3.5])).toEqual([1, 5]);
    expect(indicesIn([0, 1, 2], [0, 2])).toEqual([0, 3]);
  });

  it('read between two points and not beyond them', () => {
    expect(interpolate([0, 10], [0, 100], 2.5)).toBe(25);
    expect(interpolate([0, 10], [0, 100], 11)).toBeNull();
    expect(interpolate([0, 5, 5, 10], [0, 1, 2, 3], 5)).toBe(2);
  });
});

describe('ticks', () => {
  it('are round, and inside', () => {
    expect(niceStep(97, 5)).toBe(20);
    expect(linearTicks(0.13, 0.61, 0.2).values).toEqual([0.2, 0.4, 0.6]);
    expect(logTicks(0.02, 3).values).toEqual([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]);
    expect(logTicks(1, 1e12).values.length).toBeLessThan(9);
  });
});

describe('a plot', () => {
  it('leaves outliers out where it is asked to, and says so', () => {
    const spiky = line(count(1000).map((i) => (i === 500 ? 1e6 : 1 + (i % 10) / 10)));
    expect(plotOf([spiky], look, usual, null, 2000).y.max).toBeGreaterThan(1e6);
    const clipped = plotOf([spiky], look, { ...usual, clip: true }, null, 2000);
    expect(clipped.y.max).toBeLessThan(3);
    expect(clipped.remarks).toContain('Outliers lie beyond the edge.');
  });

  it('is logarithmic where something is above zero, and says where nothing is', () => {
    const plot = plotOf([line([0, 0.01, 100])], look, { ...usual, log: true }, null, 100);
    expect(plot.log).toBe(true);
    expect(plot.y.min).toBeGreaterThan(0);
    expect(plot.y.min).toBeLessThanOrEqual(0.01);
    const none = plotOf([line([0, -1])], look, { ...usual, log: true }, null, 100);
    expect(none.log).toBe(false);
    expect(none.remarks[0]).toContain('No value is above zero');
  });

  it('fits its y axis to what is zoomed to, with zero only where asked', () => {
    const rising = line(count(101));
    const zoomed = plotOf([rising], look, usual, [40, 50], 1000);
    expect(zoomed.y.min).toBeGreaterThan(35);
    expect(zoomed.y.max).toBeLessThan(55);
    expect(zoomed.full).toEqual([0, 100]);
    expect(plotOf([rising], look, { ...usual, fromZero: true }, [40, 50], 1000).y.min).toBe(0);
  });

  it('thins what is shown only: a zoom shows points that the whole could not', () => {
    const long = line(count(100_000).map((i) => Math.sin(i)));
    expect(plotOf([long], look, usual, null, 100).lines[0]!.x.length).toBeLessThanOrEqual(300);
    expect(plotOf([long], look, usual, [500, 600], 100).lines[0]!.x).toHaveLength(103);
  });

  it('gives the numbers that are shown, and no others', () => {
    const plot = plotOf(
      [line(count(1000)), line([5, null, 7], { key: 'b' })],
      look,
      usual,
      [0, 400],
      2000,
    );
    const rows = tableOf(plot, 50);
    expect(rows.length).toBeLessThanOrEqual(53);
    expect(rows[0]).toEqual({ at: 0, values: [0, 5] });
    expect(rows.find(({ at }) => at === 1)?.values[1] ?? null).toBeNull();
    expect(rows.at(-1)!.at).toBe(400);
  });
});

describe('a drawing', () => {
  const sheet = { width: 420, height: 200, resolve: (colour: string) => colour, id: 'one' };
  const parsed = (svg: string) => {
    const dom = new DOMParser().parseFromString(svg, 'image/svg+xml');
    expect(dom.querySelector('parsererror')).toBeNull();
    return dom;
  };

  it('has axes with units, a line with a gap, and marks with their text', () => {
    const marks = [
      { x: 2, text: 'fan <on>', own: true },
      { x: 99, text: 'outside', own: false },
    ];
    const shown = { ...look, unit: 'W', quantity: 'Power', marks };
    const plot = plotOf([line([1000, 1200, null, 1500, 1400])], shown, usual, null, 300);
    const dom = parsed(chartSvg(plot, shown, sheet));
    const texts = [...dom.querySelectorAll('text')].map(({ textContent }) => textContent);
    expect(texts).toContain('Power (kW)');
    expect(texts).toContain('Step');
    const d = dom.querySelector('g path')!.getAttribute('d')!;
    expect(d.match(/M/g)).toHaveLength(2);
    expect([...dom.querySelectorAll('title')].map(({ textContent }) => textContent)).toEqual([
      'fan <on>',
    ]);
  });

  it('stacks with the marks of provenance, which print in grey', () => {
    const shown = { ...look, stacked: true, fromZero: true };
    const lines = [
      line([1, 1, 1], { key: 'ram', provenance: 'constant' }),
      line([2, 2, 2], { key: 'cpu', provenance: 'modelled' }),
      line([4, 4, 4], { key: 'gpu', provenance: 'counted' }),
    ];
    const dom = parsed(
      chartSvg(plotOf(lines, shown, { ...usual, fromZero: true }, null, 300), shown, sheet),
    );
    // strokes inside of their areas, as a pattern would be printed as a picture
    expect(dom.querySelector('pattern, image')).toBeNull();
    const strokes = [...dom.querySelectorAll('g path[clip-path]')];
    const marks = strokes.map((one) => [one.getAttribute('clip-path'), one.getAttribute('d')!]);
    expect(marks).toEqual([
      ['url(#one-0-0)', expect.stringMatching(/^(M[-.\d]+ [-.\d]+h0)+$/)],
      ['url(#one-1-0)', expect.stringMatching(/^(M[-.\d]+ [-.\d]+L[-.\d]+ [-.\d]+)+$/)],
    ]);
    for (const [url] of marks) expect(dom.querySelector(url!.slice(4, -1))).not.toBeNull();
    const grounds = [...dom.querySelectorAll('g path[fill-opacity]')].map((one) =>
      one.getAttribute('fill-opacity'),
    );
    expect(grounds).toEqual(['0.1', '0.22', '0.8']);
  });

  it('stands alone with title and legend', () => {
    const plot = plotOf([line([1, 2]), line([2, 3], { key: 'b', label: 'B & C' })], look, usual, null, 300); // prettier-ignore
    const dom = parsed(chartSvg(plot, look, { ...sheet, title: 'Loss' }));
    const texts = [...dom.querySelectorAll('text')].map(({ textContent }) => textContent);
    expect(texts).toEqual(expect.arrayContaining(['Loss', 'A', 'B & C']));
  });
});

it('labels an axis with all digits, and what is tiny as a power', () => {
  expect([0, 0.0015, 5e-4, -2.5e-5, 1200, 0.1 + 0.2].map(plainTick)).toEqual([
    '0',
    '0.0015',
    '5e-4',
    '-2.5e-5',
    '1200',
    '0.3',
  ]);
});
