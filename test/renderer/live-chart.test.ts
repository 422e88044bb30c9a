/** A chart that goes on: what is painted, what is not, and that both make the same picture. */
import { afterEach, describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { Chart as ChartJs } from 'chart.js';
import Chart from '../../src-renderer/lib/chart/Chart.svelte';
import { dropFrame, onFrame } from '../../src-renderer/lib/chart/frame.ts';
import { PlotMemory } from '../../src-renderer/lib/chart/line-memory.ts';
import { datasetsOf } from '../../src-renderer/lib/chart/plot-line.ts';
import {
  changedFrom,
  plainTick,
  plotOf,
  type ChartChoice,
  type ChartLook,
  type Line,
} from '../../src-renderer/lib/chart/plot.ts';
import { ahead } from '../../src-renderer/lib/chart/range.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';

const noisy = (i: number) => 100 + 20 * Math.sin(i / 40) + ((i * 7919) % 101) / 10;
const count = (n: number) => Array.from({ length: n }, (_, i) => i);
const line = (n: number, more: Partial<Line> = {}): Line => ({
  key: 'gpu',
  label: 'GPU',
  colour: 'var(--gpu)',
  x: count(n),
  y: count(n).map(noisy),
  ...more,
});
const props = {
  title: 'Live power',
  finding: 'Power.',
  quantity: 'Power',
  unit: 'W',
  xTitle: 'Step',
  empty: '',
};
const look: ChartLook = {
  ...props,
  stacked: false,
  fromZero: false,
  group: 'live test',
  xRange: null,
  formatX: plainTick,
  stepX: null,
  marks: [],
};
const usual: ChartChoice = {
  smoothing: 'medium',
  average: 'ema',
  log: false,
  fromZero: false,
  clip: false,
};

const chartIn = (element: Element) => {
  const canvas = element.querySelector('canvas');
  return canvas ? ChartJs.getChart(canvas) : undefined;
};
const pixels = (chart: ChartJs) =>
  chart.ctx.getImageData(0, 0, chart.canvas.width, chart.canvas.height).data;
const frames = async (n = 3) => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
};

describe('a plot that is carried on', () => {
  const grown = (stacked: boolean) => {
    const lines = stacked
      ? [
          line(3000),
          line(3000, { key: 'cpu', y: count(3000).map((i) => (i % 90 < 4 ? null : 30)) }),
        ]
      : [line(3000, { y: count(3000).map((i) => (i % 700 < 20 ? null : noisy(i))) })];
    const seen: Line[] = lines.map((one) => ({ ...one, x: [], y: [] }));
    const grow = (to: number) =>
      seen.forEach((one, k) => {
        for (let i = one.x.length; i < to; i++) {
          (one.x as number[]).push(lines[k]!.x[i]!);
          (one.y as (number | null)[]).push(lines[k]!.y[i] ?? null);
        }
      });
    return { seen, grow };
  };

  it.each([false, true])('is the one that is made anew (stacked: %s)', (stacked) => {
    const { seen, grow } = grown(stacked);
    const memory = new PlotMemory();
    const range: [number, number] = [0, 3000];
    for (const to of [1, 40, 700, 1201, 1202, 2400, 2401, 3000]) {
      grow(to);
      const shown = { ...look, stacked, xRange: range };
      expect(plotOf(seen, shown, usual, null, 500, memory)).toEqual(
        plotOf(seen, shown, usual, null, 500),
      );
    }
  });

  it('looks at no point twice while its axis stays', () => {
    const { seen, grow } = grown(false);
    grow(2500);
    const memory = new PlotMemory();
    const shown = { ...look, xRange: [0, 3000] as [number, number] };
    plotOf(seen, shown, usual, null, 500, memory);
    // whoever changes what is past does not keep to the rule, and so shows that nobody looks
    (seen[0]!.y as number[])[100] = 1e9;
    grow(2501);
    expect(plotOf(seen, shown, usual, null, 500, memory).y.max).toBeLessThan(1000);
  });

  it('tells from where on it differs', () => {
    const shown = { ...look, xRange: [0, 3000] as [number, number] };
    const at = (n: number) => plotOf([line(n)], shown, usual, null, 500);
    expect(changedFrom(at(2500), at(2500))).toBeNull();
    const from = changedFrom(at(2500), at(2501))!;
    expect(from).toBeGreaterThan(2480);
    expect(from).toBeLessThanOrEqual(2500);
    const other = plotOf([line(2500, { y: count(2500) })], shown, usual, null, 500);
    expect(changedFrom(at(2500), other)).toBe(-Infinity);
  });

  it('has an axis that ends at a round number a little ahead', () => {
    expect(ahead([0, 101])).toEqual([0, 110]);
    expect(ahead([0, 110])).toEqual([0, 110]);
    expect(ahead([-3, 97])).toEqual([-3, 97]);
    expect(ahead([5, 5])).toEqual([5, 5]);
    for (const to of [1, 7.3, 64, 999, 12_345]) {
      const [, end] = ahead([0, to]);
      expect(end).toBeGreaterThanOrEqual(to);
      expect(end).toBeLessThanOrEqual(1.1 * to);
    }
  });
});

describe('a live chart', () => {
  it.each([
    ['a smoothed line', false, {}],
    ['a dashed line', false, { dash: [5, 3] }],
    ['a stack', true, {}],
    ['a hatched stack', true, { provenance: 'modelled' as const }],
  ])('paints at the end of %s what it would paint as a whole', async (_, stacked, more) => {
    const lines = (n: number) => [line(n, more), line(n, { key: 'cpu', colour: 'var(--cpu)', ...more })]; // prettier-ignore
    const shown = {
      ...props,
      title: `Live ${stacked} ${JSON.stringify(more)}`,
      stacked,
      smoothing: stacked ? null : ('medium' as const),
      xRange: [0, 2000] as const,
    };
    const screen = await render(Chart, { ...shown, lines: lines(1700) });
    await expect.poll(() => chartIn(screen.container)?.scales.x?.max).toBe(2000);
    const chart = chartIn(screen.container)!;
    await frames();
    let whole = 0;
    const draw = chart.draw.bind(chart);
    chart.draw = () => {
      whole++;
      draw();
    };
    for (const n of [1701, 1710, 1800]) {
      await screen.rerender({ lines: lines(n) });
      await expect.poll(() => datasetsOf(chart)[0]!.shows.x.at(-1)).toBeGreaterThan(n - 8);
    }
    await frames();
    expect(whole).toBe(0);
    const piece = pixels(chart);
    draw();
    const all = pixels(chart);
    // where a thin line begins decides about single pixels of it; a line that lacks or lies twice is hundreds
    const differs = (pixel: number) =>
      [0, 1, 2, 3].some((k) => Math.abs(all[pixel * 4 + k]! - piece[pixel * 4 + k]!) > 32);
    expect(count(all.length / 4).filter(differs).length).toBeLessThan(40);
    expect(new Set(all).size).toBeGreaterThan(10);
  });

  it.each([20, 500])('touches nothing where nothing changed, of %s points', async (n) => {
    const screen = await render(Chart, { ...props, title: 'Still', lines: [line(n)] });
    await expect.poll(() => chartIn(screen.container)?.scales.x?.max).toBe(n - 1);
    const chart = chartIn(screen.container)!;
    await frames();
    const clear = chart.ctx.clearRect.bind(chart.ctx);
    let cleared = 0;
    chart.ctx.clearRect = (...box) => {
      cleared++;
      clear(...box);
    };
    let written = 0;
    const watch = new MutationObserver((records) => (written += records.length));
    watch.observe(screen.container, { attributes: true, childList: true, characterData: true, subtree: true }); // prettier-ignore
    // as an answer of the host that says the same once more
    await screen.rerender({ lines: [line(n)] });
    await frames();
    expect(cleared).toBe(0);
    expect(written).toBe(0);
    watch.disconnect();
  });

  it('reads what is under the crosshair anew when the lines change', async () => {
    const shown = { ...props, title: 'Read', group: 'read', xRange: [0, 100] as const };
    const screen = await render(Chart, { ...shown, lines: [line(70)] });
    await expect.poll(() => chartIn(screen.container)?.scales.x?.max).toBe(100);
    const image = screen.container.querySelector<HTMLElement>('[role="img"]')!;
    image.focus();
    for (let i = 0; i < 10; i++)
      image.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
    const chart = chartIn(screen.container)!;
    expect(chart.getActiveElements()[0]!.index).toBe(20);
    // half of the points: the same place has another index
    const x = count(40).map((i) => 2 * i);
    await screen.rerender({ lines: [line(40, { x, y: x.map(() => 7) })] });
    await expect.poll(() => chart.getActiveElements()[0]?.index).toBe(10);
    expect(chart.tooltip!.dataPoints[0]!.parsed.y).toBe(7);
  });
});

describe('frames', () => {
  const hide = (hidden: boolean) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  };
  afterEach(() => {
    Reflect.deleteProperty(document, 'hidden');
  });

  it('are none while the page is hidden, and come when it is shown again', async () => {
    hide(true);
    let drawn = 0;
    const job = () => void drawn++;
    onFrame(job);
    await frames(5);
    expect(drawn).toBe(0);
    hide(false);
    await expect.poll(() => drawn).toBe(1);
  });

  it('draw each chart once, however often it asked, and none that is gone', async () => {
    let [kept, gone] = [0, 0];
    const [stays, leaves] = [() => void kept++, () => void gone++];
    for (let i = 0; i < 3; i++) onFrame(stays);
    onFrame(leaves);
    dropFrame(leaves);
    await expect.poll(() => kept).toBe(1);
    await frames();
    expect([kept, gone]).toEqual([1, 0]);
  });
});
