/**
 * chart.js held in one place: how a plot is drawn on a canvas.
 *
 * Animation, parsing and points are off, data are thinned and ranges and ticks chosen before they get
 * here (`plot.ts`), and the left axis has a fixed width so that charts above each other share their x
 * positions. Options are made anew only where words, colours or the kind of axis change: an update that
 * brings data is then cheap enough for many charts at once.
 */
import {
  Chart,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
  type ChartDataset,
} from 'chart.js';
import { crosshair, joinCrosshair } from './crosshair.ts';
import { fade, provenanceFill, resolveColour } from './colours.ts';
import { axisWidth, rightPadding } from './margins.ts';
import { marksAt, overlay, setOverlay } from './overlay.ts';
import { plainTick, sparse, yText, type ChartLook, type Plot, type PlotLine } from './plot.ts';

Chart.register(
  Filler,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
);

interface Point {
  x: number;
  y: number | null;
}
export type LineChart = Chart<'line', Point[]>;

export { axisWidth, rightPadding, stillWidth } from './margins.ts';

/** What is on the canvas now, for the callbacks of chart.js. */
interface Drawn {
  plot: Plot;
  look: ChartLook;
  /** All that the options depend on. */
  key: string;
}
const drawn = new WeakMap<Chart, Drawn>();

export function createLineChart(canvas: HTMLCanvasElement): LineChart {
  return new Chart<'line', Point[]>(canvas, {
    type: 'line',
    data: { datasets: [] },
    plugins: [crosshair, overlay],
    options: {
      animation: false,
      parsing: false,
      normalized: true,
      maintainAspectRatio: false,
      layout: { autoPadding: false, padding: { top: 6, right: rightPadding } },
      events: ['mousemove', 'mouseout', 'touchstart', 'touchmove'],
      interaction: { mode: 'everySeries', intersect: false },
      elements: { line: { tension: 0, borderJoinStyle: 'round' } },
      plugins: { tooltip: { position: 'nearest' } },
    },
  });
}

/** Pixels between the axes' ends, for thinning. */
export const columnsOf = (chart: LineChart): number =>
  Math.max(50, chart.width - axisWidth - rightPadding);

export function drawPlot(chart: LineChart, plot: Plot, look: ChartLook) {
  const ink = resolveColour('var(--ink)');
  const soft = resolveColour('var(--ink-soft)');
  const key = JSON.stringify([plot.log, plot.scale.unit, look.quantity, look.xTitle, ink]);
  const anew = drawn.get(chart)?.key !== key;
  drawn.set(chart, { plot, look, key });
  if (anew) setOptions(chart, plot, look);
  chart.data.datasets = plot.lines.map((line, i) =>
    plot.stacked ? area(line, i === 0) : curve(line, plot),
  );
  setOverlay(chart, { marks: look.marks, ink, soft });
  joinCrosshair(chart, look.group, soft);
  chart.update('none');
}

const pointsOf = ({ x, y }: PlotLine): Point[] => x.map((at, i) => ({ x: at, y: y[i] ?? null }));

function area(own: PlotLine, lowest: boolean): ChartDataset<'line', Point[]> {
  const colour = resolveColour(own.line.colour);
  return {
    label: own.label,
    data: pointsOf(own),
    borderColor: colour,
    borderWidth: 1,
    pointRadius: 0,
    backgroundColor: provenanceFill(colour, own.line.provenance ?? null),
    fill: lowest ? 'origin' : '-1',
  };
}

function curve(own: PlotLine, { x, full }: Plot): ChartDataset<'line', Point[]> {
  const { line, raw } = own;
  const colour = resolveColour(line.colour);
  const marked = own.x.length < sparse && !line.faint;
  return {
    label: own.label,
    data: pointsOf(own),
    borderColor: raw || line.edge ? fade(colour, 0.3) : line.faint ? fade(colour, 0.7) : colour,
    backgroundColor: line.shade ? fade(colour, 0.16) : colour,
    borderWidth: raw || line.faint ? 1 : 1.6,
    borderDash: raw ? [] : (line.dash ?? []),
    pointRadius: marked ? 2 : 0,
    // the first and last marks lie on the edge of the plot and are whole there
    clip: marked && x.min <= full[0] && x.max >= full[1] ? 4 : undefined,
    pointHoverRadius: raw || line.edge ? 0 : 3,
    fill: line.shade ? '-1' : false,
  };
}

function setOptions(chart: LineChart, { log, scale }: Plot, look: ChartLook) {
  const ink = resolveColour('var(--ink)');
  const soft = resolveColour('var(--ink-soft)');
  const raised = resolveColour('var(--surface-raised)');
  const font = { family: getComputedStyle(chart.canvas).fontFamily, size: 11 };
  const now = () => drawn.get(chart)!;
  const axis = (which: 'x' | 'y') => ({
    bounds: 'data' as const,
    afterDataLimits: (own: { min: number; max: number }) => {
      const { min, max } = now().plot[which];
      Object.assign(own, { min, max });
    },
    afterBuildTicks: (own: { ticks: { value: number }[] }) => {
      own.ticks = now().plot[which].ticks.values.map((value) => ({ value }));
    },
  });
  chart.options.scales = {
    x: {
      type: 'linear',
      ...axis('x'),
      title: { display: true, text: look.xTitle, color: soft, font, padding: { top: 2 } },
      grid: { display: false },
      border: { color: soft },
      ticks: {
        color: soft,
        font,
        maxRotation: 0,
        autoSkipPadding: 16,
        callback: (value) => now().look.formatX(Number(value)),
      },
    },
    y: {
      type: log ? 'logarithmic' : 'linear',
      ...axis('y'),
      title: {
        display: true,
        text: scale.unit ? `${look.quantity} (${scale.unit})` : look.quantity,
        color: soft,
        font,
        padding: { bottom: 2 },
      },
      grid: { color: resolveColour('var(--grid)'), drawTicks: false },
      border: { display: false },
      ticks: {
        color: soft,
        font,
        autoSkip: false,
        padding: 4,
        callback: (value) => plainTick(Number(value)),
      },
      afterFit: (own) => {
        own.width = axisWidth;
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
      footerColor: soft,
      titleFont: { ...font, weight: 'normal' },
      bodyFont: { ...font, size: 12 },
      footerFont: { ...font, weight: 'normal' },
      padding: 8,
      cornerRadius: 4,
      caretSize: 0,
      boxWidth: 8,
      boxHeight: 8,
      boxPadding: 4,
      itemSort: (a, b) => (b.parsed.y ?? 0) - (a.parsed.y ?? 0),
      callbacks: {
        title: ([item]) =>
          item ? `${now().look.xTitle}: ${now().look.formatX(item.parsed.x ?? 0)}` : '',
        label: ({ datasetIndex, dataIndex, dataset }) => {
          const { plot } = now();
          return `${dataset.label}: ${yText(plot.lines[datasetIndex]?.own[dataIndex], plot.scale)}`;
        },
        footer: ([item]) => (item ? marksAt(chart, item.element.x) : []),
      },
    },
  };
}

/** What the crosshair reads, largest first: for those who cannot see it. */
export function readout(chart: LineChart): string {
  const found = drawn.get(chart);
  if (!found) return '';
  const { plot, look } = found;
  const items = chart.getActiveElements().flatMap(({ datasetIndex, index }) => {
    const line = plot.lines[datasetIndex];
    const [value, x] = [line?.own[index], line?.x[index]];
    return line && value != null && x !== undefined ? [{ label: line.label, value, x }] : [];
  });
  const [first] = items;
  if (!first) return '';
  const values = items
    .sort((a, b) => b.value - a.value)
    .map(({ label, value }) => `${label} ${yText(value, plot.scale)}`);
  return `${look.xTitle}: ${look.formatX(first.x)}. ${values.join(', ')}.`;
}
