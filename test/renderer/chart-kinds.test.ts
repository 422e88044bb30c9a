/** Every kind of chart, as a person sees and works it: line, stack, band, ribbon, strip, sparkline. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import { Chart as ChartJs } from 'chart.js';
import { bandLines } from '../../src-renderer/lib/chart/bands.ts';
import BrushStrip from '../../src-renderer/lib/chart/BrushStrip.svelte';
import Chart from '../../src-renderer/lib/chart/Chart.svelte';
import { Choice } from '../../src-renderer/lib/chart/choice.svelte.ts';
import PhaseRibbon from '../../src-renderer/lib/chart/PhaseRibbon.svelte';
import { DraggedPicture } from '../../src-renderer/lib/chart/picture.ts';
import type { Line } from '../../src-renderer/lib/chart/plot.ts';
import Sparkline from '../../src-renderer/lib/chart/Sparkline.svelte';
import { zoomOf } from '../../src-renderer/lib/chart/zoom.svelte.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';

const count = (n: number) => Array.from({ length: n }, (_, i) => i);
const flat = (key: string, value: number, more: Partial<Line> = {}): Line => ({
  key,
  label: key,
  x: count(101),
  y: count(101).map(() => value),
  colour: `var(--${key.toLowerCase()})`,
  ...more,
});
const look = {
  finding: 'Steady.',
  quantity: 'Power',
  unit: 'W',
  xTitle: 'Step',
  empty: 'Nothing.',
};

async function shown(props: Parameters<typeof render<typeof Chart>>[1]) {
  const screen = await render(Chart, props);
  const chart = () => ChartJs.getChart(screen.container.querySelector('canvas')!)!;
  await expect.poll(() => chart()?.scales.x?.max).toBeGreaterThan(50);
  return { screen, chart: chart() };
}
/** Colour of the canvas at a value. */
function colourAt(chart: ChartJs, x: number, y: number): number[] {
  const ratio = chart.currentDevicePixelRatio;
  const [left, top] = [chart.scales.x!.getPixelForValue(x), chart.scales.y!.getPixelForValue(y)];
  return [...chart.ctx.getImageData(Math.round(left * ratio), Math.round(top * ratio), 1, 1).data];
}
const image = (container: Element) => container.querySelector<HTMLElement>('.canvas')!;
const press = (on: HTMLElement, key: string, more: KeyboardEventInit = {}) =>
  on.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));

afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  vi.restoreAllMocks();
});

describe('a line', () => {
  it('reads every line under the pointer, the largest first', async () => {
    const lines = [flat('RAM', 20), flat('GPU', 90), flat('CPU', 55)];
    const { screen, chart } = await shown({ ...look, title: 'Read all', lines });
    const box = chart.canvas.getBoundingClientRect();
    const { left, right, top, bottom } = chart.chartArea;
    chart.canvas.dispatchEvent(
      new MouseEvent('mousemove', {
        clientX: box.left + (left + right) / 2,
        clientY: box.top + (top + bottom) / 2,
        bubbles: true,
      }),
    );
    await expect.poll(() => chart.tooltip!.opacity).toBe(1);
    expect(chart.tooltip!.title).toEqual(['Step: 50']);
    expect(chart.tooltip!.body.map(({ lines }) => lines[0])).toEqual(['GPU: 90.0 W', 'CPU: 55.0 W', 'RAM: 20.0 W']); // prettier-ignore
    // the same in words, by keyboard
    press(image(screen.container), 'ArrowRight');
    await expect
      .element(screen.getByText(/^Step: 52\. GPU 90.0 W, CPU 55.0 W, RAM 20.0 W\.$/))
      .toBeInTheDocument();
  });

  it('of a stack is read by its own value and with the mark and the word of how it came about', async () => {
    // the largest lies at the bottom, where its top is the lowest
    const lines = [
      flat('RAM', 60, { provenance: 'constant' }),
      flat('GPU', 20, { provenance: 'counted' }),
      flat('CPU', 30, { provenance: 'modelled' }),
    ];
    const { screen, chart } = await shown({
      ...look,
      title: 'Stack that is read',
      stacked: true,
      lines,
    });
    press(image(screen.container), 'ArrowRight');
    await expect.poll(() => chart.tooltip!.opacity).toBe(1);
    expect(chart.tooltip!.body.map(({ lines }) => lines[0])).toEqual([
      'RAM, constant: 60.0 W',
      'CPU, modelled: 30.0 W',
      'GPU, counted: 20.0 W',
    ]);
    // hatched and dotted are patterns, what was counted is one colour
    expect(chart.tooltip!.labelColors.map(({ backgroundColor }) => backgroundColor instanceof CanvasPattern)).toEqual([true, true, false]); // prettier-ignore
    await expect.element(screen.getByText(/RAM, constant 60\.0 W, CPU, modelled 30/)).toBeInTheDocument(); // prettier-ignore
  });

  it('is smoothed as chosen, says how, and is so again in the next session', async () => {
    const noisy = flat('GPU', 0, { y: count(101).map((i) => 50 + (i % 2 ? 20 : -20)) });
    const props = { ...look, title: 'Chosen', lines: [noisy], smoothing: 'medium' as const };
    const { screen } = await shown(props);
    await expect.element(screen.getByText(/moving average \(EMA, 2 % of the axis\)/)).toBeVisible();
    await screen.getByRole('button', { name: 'Options of Chosen' }).click();
    await page.getByRole('combobox', { name: /^Kind/ }).selectOptions('gaussian');
    await page.getByLabelText('Leave out outliers').click();
    await page.getByLabelText('From zero').click();
    await expect.element(screen.getByText(/Gaussian average \(σ 2 % of the axis\)/)).toBeVisible();
    const usual = { smoothing: 'off', average: 'ema', log: false, fromZero: false, clip: false } as const; // prettier-ignore
    const chosen = {
      ...usual,
      smoothing: 'medium',
      average: 'gaussian',
      fromZero: true,
      clip: true,
    };
    expect(new Choice('Chosen', { ...usual, smoothing: 'medium' }).value).toEqual(chosen);
    // another chart has what is usual for it
    expect(new Choice('Another', usual).value).toEqual(usual);
  });

  it('keeps what another version wrote as far as it is understood', () => {
    const usual = { smoothing: 'light', average: 'ema', log: false, fromZero: false, clip: false } as const; // prettier-ignore
    localStorage.setItem(
      'hugginggreen.chart.Old',
      JSON.stringify({ smoothing: 'furious', average: 7, log: true, clip: 'yes' }),
    );
    expect(new Choice('Old', usual).value).toEqual({ ...usual, log: true });
    localStorage.setItem('hugginggreen.chart.Broken', '{');
    expect(new Choice('Broken', usual).value).toEqual(usual);
  });

  it('is copied as a picture with Ctrl C, and tells so', async () => {
    const written = vi.spyOn(navigator.clipboard, 'write').mockResolvedValue();
    const { screen } = await shown({ ...look, title: 'Copied', lines: [flat('GPU', 90)] });
    image(screen.container).focus();
    press(image(screen.container), 'c', { ctrlKey: true });
    await expect.poll(() => written.mock.calls.length).toBe(1);
    const [item] = written.mock.calls[0]![0];
    const png = new Uint8Array(await (await item!.getType('image/png')).arrayBuffer());
    expect([...png.subarray(1, 4)]).toEqual([...new TextEncoder().encode('PNG')]);
    await expect.element(screen.getByText('Copied copied as a picture.')).toBeInTheDocument();
  });

  it('is dragged out of the window by its title, as a file', async () => {
    const { screen } = await shown({ ...look, title: 'Power of it', lines: [flat('GPU', 90)] });
    const title = screen.container.querySelector('h2')!;
    expect(title.draggable).toBe(true);
    const drag = () => {
      const transfer = new DataTransfer();
      title.dispatchEvent(new DragEvent('dragstart', { dataTransfer: transfer, bubbles: true }));
      return transfer.getData('DownloadURL');
    };
    title.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }));
    // faster than the picture is made: the drawing
    expect(drag()).toMatch(/^image\/svg\+xml:power-of-it\.svg:data:image\/svg\+xml,%3Csvg/);
    // however long that takes beside a training
    await expect.poll(drag, { timeout: 20_000 }).toMatch(/^image\/png:power-of-it\.png:blob:/);
    const png = await fetch(drag().replace(/^image\/png:[^:]+:/, ''));
    expect((await png.blob()).type).toBe('image/png');
  });

  it('is let go where nobody drags it any more, finished or not', async () => {
    const [made, revoked] = [vi.spyOn(URL, 'createObjectURL'), vi.spyOn(URL, 'revokeObjectURL')];
    const left = () =>
      made.mock.results.filter(({ value }) => !revoked.mock.calls.some(([url]) => url === value))
        .length;
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>';
    const dragged = new DraggedPicture();
    const given = () => {
      const transfer = new DataTransfer();
      dragged.give(transfer, () => svg, 'None');
      return transfer.getData('DownloadURL');
    };
    const early = dragged.prepare(svg, 'Early');
    await Promise.all([early, dragged.prepare(svg, 'Late')]);
    expect(given()).toMatch(/^image\/png:late\.png:/);
    expect(left()).toBe(1);
    const never = dragged.prepare(svg, 'Never');
    // its chart leaves the page
    dragged.forget();
    await never;
    expect(given()).toMatch(/^image\/svg\+xml:none\.svg:/);
    expect(left()).toBe(0);
  });

  it('zooms by key, for its whole group, and shows all again', async () => {
    const { screen, chart } = await shown({ ...look, title: 'Z', group: 'zoomed', lines: [flat('GPU', 9)] }); // prettier-ignore
    const other = await shown({ ...look, title: 'Y', group: 'zoomed', lines: [flat('CPU', 9)] });
    press(image(screen.container), '+');
    await expect.poll(() => [chart.scales.x!.min, chart.scales.x!.max]).toEqual([25, 75]);
    await expect.poll(() => other.chart.scales.x!.max).toBe(75);
    await screen.getByRole('button', { name: 'All', exact: true }).first().click();
    await expect.poll(() => chart.scales.x!.max).toBe(100);
  });
});

describe('a stack', () => {
  it('puts each component upon the ones below, in its colour, and reads its own value', async () => {
    const lines = [
      flat('RAM', 20, { provenance: 'counted' }),
      flat('CPU', 30, { provenance: 'counted' }),
      flat('GPU', 50, { provenance: 'counted' }),
    ];
    const { screen, chart } = await shown({ ...look, title: 'Stacked', lines, stacked: true, fromZero: true }); // prettier-ignore
    expect(chart.scales.y!.min).toBe(0);
    expect(chart.scales.y!.max).toBeGreaterThanOrEqual(100);
    const [ram, cpu, gpu, above] = [10, 35, 75, 103].map((y) => colourAt(chart, 50.5, y));
    expect(new Set([ram, cpu, gpu].map(String)).size).toBe(3);
    expect(gpu![3]).toBeGreaterThan(150);
    expect(above![3]).toBe(0);
    press(image(screen.container), 'ArrowRight');
    await expect
      .element(screen.getByText(/GPU, counted 50.0 W, CPU, counted 30.0 W, RAM, counted 20.0 W/))
      .toBeInTheDocument();
  });

  it('stands on what is there where a component below was not read', async () => {
    const gap = count(101).map((i) => (i > 40 && i < 60 ? null : 30));
    const lines = [flat('RAM', 20), flat('CPU', 0, { y: gap }), flat('GPU', 50)];
    const { chart } = await shown({ ...look, title: 'Gap', lines, stacked: true, fromZero: true });
    // GPU from 20 to 70 there, and nothing above
    expect(colourAt(chart, 50.5, 65)[3]).toBeGreaterThan(150);
    expect(colourAt(chart, 50.5, 90)[3]).toBe(0);
    expect(String(colourAt(chart, 50.5, 30))).toBe(String(colourAt(chart, 50.5, 65)));
  });
});

describe('a band', () => {
  it('shades the ground between its edges, its mean in front and alone in the legend', async () => {
    const curves = [40, 50, 60].map((y) => ({ x: count(101), y: count(101).map(() => y) }));
    const lines = bandLines({ key: 'a', label: 'Group', colour: 'rgb(200 0 0)' }, curves, 'range');
    const { screen, chart } = await shown({ ...look, title: 'Band', lines, fromZero: true });
    const legend = [...screen.container.querySelectorAll('.legend li')];
    expect(legend.map(({ textContent }) => textContent.trim())).toEqual(['Group (n = 3)']);
    const [inside, mean, outside] = [45, 50, 25].map((y) => colourAt(chart, 50.5, y)[3]!);
    expect(inside).toBeGreaterThan(20);
    expect(inside).toBeLessThan(100);
    expect(mean).toBeGreaterThan(inside!);
    expect(outside).toBe(0);
  });
});

describe('the ribbon of phases', () => {
  it('places each phase under the axis, cut where the axis ends, with its energy in words', async () => {
    const phase = (name: string, from: number, to: number | null, wh: number | null) => ({
      ...{ name, epoch: 1, from, to, wh, byKind: {}, images: null },
    });
    const screen = await render(PhaseRibbon, {
      phases: [phase('train', 0, 50, 0.5), phase('evaluate', 50, null, null)],
      range: [25, 75] as const,
      now: 70,
      toAxis: (time: number) => time,
      xTitle: 'Step',
      formatX: String,
    });
    const bands = [...screen.container.querySelectorAll<HTMLElement>('.ribbon span')];
    expect(bands.map(({ style }) => [style.left, style.width])).toEqual([
      ['0%', '50%'],
      ['50%', '40%'],
    ]);
    expect(bands[0]!.title).toBe('Train, epoch 1: 50 s, 0.500 Wh (1.80 kJ), 36.0 W');
    expect(bands[1]!.title).toMatch(/^Validate, epoch 1: under way, energy not read/);
    await expect.element(screen.getByRole('img', { name: /^Phases: Train/ })).toBeVisible();
    // begun after the last step: it has no place among the steps yet
    await screen.rerender({ toAxis: (time: number) => (time < 50 ? time : null) });
    expect(screen.container.querySelectorAll('.ribbon span')).toHaveLength(1);
  });
});

describe('the strip below the switch', () => {
  it('sketches the line and sets what charts show, by its ends and by keys', async () => {
    const screen = await render(BrushStrip, {
      group: 'strip',
      full: [0, 100] as const,
      formatX: String,
      line: flat('GPU', 5),
    });
    expect(screen.container.querySelector('polyline')!.getAttribute('points')).toContain('1000,');
    const from = screen.getByRole('slider', { name: /Left end/ });
    await expect.element(from).toHaveAttribute('aria-valuenow', '0');
    (from.element() as HTMLElement).focus();
    await userEvent.keyboard('{ArrowRight}{Shift>}{ArrowRight}{/Shift}');
    expect(zoomOf('strip').range).toEqual([12, 100]);
    await expect.element(from).toHaveAttribute('aria-valuetext', '12');
    await userEvent.keyboard('{Home}');
    expect(zoomOf('strip').range).toBeNull();
  });
});

describe('a sparkline', () => {
  it('draws the last minute from the right, with a gap where nothing was read', async () => {
    const screen = await render(Sparkline, {
      at: [0, 30_000, 45_000, 60_000],
      values: [0, 10, null, 5],
      colour: 'red',
      label: 'GPU, last minute',
      width: 100,
      height: 23,
    });
    await expect.element(screen.getByRole('img', { name: 'GPU, last minute' })).toBeVisible();
    // from 60 s ago at the left, 10 at the top, the point after the gap begins anew
    expect(screen.container.querySelector('path')!.getAttribute('d')).toBe(
      'M0.0 22.0L50.0 2.0M100.0 12.0',
    );
  });
});
