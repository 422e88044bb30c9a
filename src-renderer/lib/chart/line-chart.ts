/**
 * chart.js held in one place: how our line and area charts are configured and updated.
 *
 * Animation, parsing and points are off, data are thinned before they get here, and the left axis has
 * a fixed width so that charts above each other share their x positions.
 */
import {
  Chart,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
  type ChartDataset,
} from 'chart.js';
import type { Provenance } from '../../../src-main/contract.ts';
import { scaled, siScale, type Scale } from '../format/number.ts';
import { crosshair, joinCrosshair } from './crosshair.ts';
import { fade, provenanceFill, resolver } from './colours.ts';
import { stack } from './stack.ts';
import { thin } from './thin.ts';

Chart.register(Filler, LinearScale, LineController, LineElement, PointElement, Tooltip);

export interface Line {
  key: string;
  label: string;
  x: readonly number[];
  y: readonly (number | null)[];
  /** Any CSS colour, custom properties too. */
  colour: string;
  dash?: number[];
  /** Drawn thin and light, behind what it supports. */
  faint?: boolean;
  provenance?: Provenance | null;
}

export interface ChartLook {
  /** `Power`; with the unit it is the title of the y axis. */
  quantity: string;
  unit: string;
  xTitle: string;
  stacked: boolean;
  fromZero: boolean;
  /** Charts of one group share their crosshair. */
  group: string;
  /** Fixed range of x; null: that of the data. */
  xRange: [number, number] | null;
  formatX: (x: number) => string;
  /** Distance of the ticks for a range of this length; without it chart.js chooses. */
  stepX: ((span: number) => number) | null;
}

export type LineChart = Chart<'line', { x: number; y: number | null }[]>;

/** Width of the left axis with its title, in pixels. */
export const axisWidth = 56;
/** Room for half of the last tick's label. */
export const rightPadding = 14;
/** Width at which a chart for paper is drawn. */
export const stillWidth = 420;
/** Below this a series is single readings: mark each. */
const sparse = 60;

export function createLineChart(canvas: HTMLCanvasElement, still: boolean) {
  return new Chart<'line', { x: number; y: number | null }[]>(canvas, {
    type: 'line',
    data: { datasets: [] },
    plugins: [crosshair],
    options: {
      animation: false,
      parsing: false,
      normalized: true,
      responsive: !still,
      maintainAspectRatio: false,
      devicePixelRatio: still ? 3 : undefined,
      layout: { autoPadding: false, padding: { top: 6, right: rightPadding } },
      events: still ? [] : ['mousemove', 'mouseout', 'touchstart', 'touchmove'],
      interaction: { mode: 'everySeries', intersect: false },
      elements: { line: { tension: 0, borderJoinStyle: 'round' } },
      plugins: { tooltip: { position: 'nearest' } },
    },
  });
}

/** What one number of the chart means for people: `41.2 W`. */
export const yText = (value: number | null | undefined, scale: Scale) =>
  `${scaled(value, scale)} ${scale.unit}`.trim();

/** The SI prefix of the y axis, chosen for the largest value in it. */
export function chartScale(lines: readonly Line[], unit: string, stacked: boolean): Scale {
  if (!stacked)
    return siScale(
      lines.flatMap(({ y }) => extreme(y)),
      unit,
    );
  return siScale([lines.reduce((sum, { y }) => sum + (extreme(y)[0] ?? 0), 0)], unit);
}
const extreme = (y: readonly (number | null)[]) => [
  y.reduce<number>((most, value) => Math.max(most, Math.abs(value ?? 0)), 0),
];

export function updateLineChart(chart: LineChart, lines: readonly Line[], look: ChartLook) {
  const resolve = resolver(chart.canvas.parentElement ?? document.body);
  const ink = resolve('var(--ink)');
  const soft = resolve('var(--ink-soft)');
  const grid = resolve('var(--grid)');
  const raised = resolve('var(--surface-raised)');
  const font = { family: getComputedStyle(chart.canvas).fontFamily, size: 11 };
  const scale = chartScale(lines, look.unit, look.stacked);
  const columns = Math.max(50, chart.width - axisWidth);
  const own: (number | null)[][] = [];

  if (look.stacked) {
    const { x, values, tops } = stack(
      lines.map(({ x, y }) => ({ x: [...x], y: [...y] })),
      columns / 2,
    );
    chart.data.datasets = lines.map(
      (line, i): ChartDataset<'line', { x: number; y: number | null }[]> => {
        const colour = resolve(line.colour);
        own.push(values[i] ?? []);
        return {
          label: line.label,
          data: x.map((at, k) => ({ x: at, y: times(tops[i]?.[k], scale.factor) })),
          borderColor: colour,
          borderWidth: 1,
          pointRadius: 0,
          backgroundColor: provenanceFill(colour, line.provenance ?? null),
          fill: i === 0 ? 'origin' : '-1',
        };
      },
    );
  } else {
    chart.data.datasets = lines.map(
      (line): ChartDataset<'line', { x: number; y: number | null }[]> => {
        const colour = resolve(line.colour);
        const { x, y } = thin(line.x, line.y, columns);
        const marked = x.length < sparse && !line.faint;
        own.push(y);
        return {
          label: line.label,
          data: x.map((at, k) => ({ x: at, y: times(y[k], scale.factor) })),
          borderColor: line.faint ? fade(colour, 0.7) : colour,
          backgroundColor: colour,
          borderWidth: line.faint ? 1 : 1.6,
          borderDash: line.dash ?? [],
          pointRadius: marked ? 2 : 0,
          // the first and last marks lie on the edge of the plot and are whole there
          clip: marked ? 4 : undefined,
          pointHoverRadius: 3,
          fill: false,
        };
      },
    );
  }

  const ends = lines.flatMap(({ x }) => [x[0], x.at(-1)]).filter((x) => x !== undefined);
  const [min, max] = look.xRange ?? [Math.min(...ends), Math.max(...ends)];
  chart.options.scales = {
    x: {
      type: 'linear',
      min,
      max: max > min ? max : min + 1,
      title: { display: true, text: look.xTitle, color: soft, font, padding: { top: 2 } },
      grid: { display: false },
      border: { color: soft },
      ticks: {
        color: soft,
        font,
        maxRotation: 0,
        autoSkipPadding: 16,
        includeBounds: false,
        stepSize: look.stepX?.(max - min),
        callback: (value) => look.formatX(Number(value)),
      },
    },
    y: {
      type: 'linear',
      beginAtZero: look.fromZero,
      grace: look.fromZero ? undefined : '5%',
      title: {
        display: true,
        text: scale.unit ? `${look.quantity} (${scale.unit})` : look.quantity,
        color: soft,
        font,
        padding: { bottom: 2 },
      },
      grid: { color: grid, drawTicks: false },
      border: { display: false },
      ticks: { color: soft, font, maxTicksLimit: 6, padding: 4 },
      afterFit: (axis) => {
        axis.width = axisWidth;
      },
    },
  };
  chart.options.plugins = {
    tooltip: {
      backgroundColor: raised,
      borderColor: soft,
      borderWidth: 1,
      titleColor: soft,
      bodyColor: ink,
      titleFont: { ...font, weight: 'normal' },
      bodyFont: { ...font, size: 12 },
      padding: 8,
      cornerRadius: 4,
      caretSize: 0,
      boxWidth: 8,
      boxHeight: 8,
      boxPadding: 4,
      itemSort: (a, b) => (b.parsed.y ?? 0) - (a.parsed.y ?? 0),
      callbacks: {
        title: ([item]) => (item ? `${look.xTitle}: ${look.formatX(item.parsed.x ?? 0)}` : ''),
        label: ({ datasetIndex, dataIndex, dataset }) =>
          `${dataset.label}: ${yText(own[datasetIndex]?.[dataIndex], scale)}`,
      },
    },
  };
  joinCrosshair(chart, look.group, soft);
  chart.update('none');
}

const times = (value: number | null | undefined, factor: number): number | null =>
  value == null ? null : value * factor;

/** Plain numbers on an axis: as many digits as there are, without the dust of binary fractions. */
export const plainTick = (x: number): string => String(Number(x.toPrecision(6)));
