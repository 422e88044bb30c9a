/**
 * chart.js held in one place: how a plot is drawn on a canvas.
 *
 * chart.js has the axes, the tooltip and the events; ranges and ticks are chosen before they get here
 * (`plot.ts`), and lines are painted from their columns (`paint.ts`). The left axis has a fixed width so that
 * charts above each other share their x positions. Of a chart that is live only what has changed is
 * painted: as long as its axes stay, that is the strip at its end.
 */
import {
  Chart,
  LinearScale,
  LogarithmicScale,
  PointElement,
  Tooltip,
  type Plugin,
  type TooltipItem,
} from 'chart.js';
import { provenanceWords } from '../format/words.ts';
import { crosshair, joinCrosshair, readAgain } from './crosshair.ts';
import { provenanceFill, resolveColour } from './colours.ts';
import { axisWidth, rightPadding } from './margins.ts';
import { marksAt, overlay, setOverlay } from './overlay.ts';
import { clipTo, isMarked, paintPlot, styleOf, type LineStyle } from './paint.ts';
import { datasetsOf, PlotLineController } from './plot-line.ts';
import { changedFrom, plainTick, yText, type ChartLook, type Plot, type PlotLine } from './plot.ts';

export type LineChart = Chart<'plotLine', never[]>;

export { axisWidth, rightPadding, stillWidth } from './margins.ts';

/** What is on the canvas now. */
interface Drawn {
  plot: Plot;
  look: ChartLook;
  styles: LineStyle[];
  colours: { grid: string; axis: string };
  /** All that options and styles depend on. */
  key: string;
}
const drawn = new WeakMap<Chart, Drawn>();

function paint(chart: Chart, from?: number) {
  const found = drawn.get(chart);
  if (found) paintPlot({ ctx: chart.ctx, area: chart.chartArea, ...found }, from);
}

const painter: Plugin<'plotLine'> = {
  id: 'painter',
  beforeDatasetsDraw: (chart) => paint(chart),
};

Chart.register(LinearScale, LogarithmicScale, PlotLineController, PointElement, Tooltip);

export function createLineChart(canvas: HTMLCanvasElement): LineChart {
  return new Chart<'plotLine', never[]>(canvas, {
    type: 'plotLine',
    data: { datasets: [] },
    plugins: [painter, crosshair, overlay],
    options: {
      animation: false,
      maintainAspectRatio: false,
      layout: { autoPadding: false, padding: { top: 6, right: rightPadding } },
      events: ['mousemove', 'mouseout', 'touchstart', 'touchmove'],
      interaction: { mode: 'everySeries', intersect: false },
      plugins: { tooltip: { position: 'nearest' } },
    },
  });
}

/** Pixels between the axes' ends, for thinning. */
export const columnsOf = (chart: LineChart): number =>
  Math.max(50, chart.width - axisWidth - rightPadding);

export function drawPlot(chart: LineChart, plot: Plot, look: ChartLook) {
  const before = drawn.get(chart);
  const ink = resolveColour('var(--ink)');
  const soft = resolveColour('var(--ink-soft)');
  const key = JSON.stringify([
    ...[plot.log, plot.stacked, plot.scale.unit, look.quantity, look.xTitle, ink],
    ...plot.lines.map(({ line, label, raw }) => {
      const { colour, dash, faint, edge, shade, provenance } = line;
      return [label, raw, colour, dash, faint, edge, shade, provenance];
    }),
  ]);
  const anew = before?.key !== key;
  const styles = anew ? plot.lines.map((line) => styleOf(line, plot.stacked)) : before.styles;
  const colours = anew ? { grid: resolveColour('var(--grid)'), axis: soft } : before.colours;
  drawn.set(chart, { plot, look, styles, colours, key });
  if (anew) {
    setOptions(chart, plot, look);
    const datasets = plot.lines.map((shows, i) => ({ label: shows.label, data: [], shows, style: styles[i]! })); // prettier-ignore
    chart.data.datasets = datasets;
  } else
    plot.lines.forEach((shows, i) => {
      datasetsOf(chart)[i]!.shows = shows;
      (chart.getDatasetMeta(i).controller as PlotLineController).forget();
    });
  const marked = setOverlay(chart, { marks: look.marks, ink, soft });
  joinCrosshair(chart, look.group, soft);

  if (anew || !sameAxes(before.plot, plot)) {
    chart.update('none');
    if (readAgain(chart)) chart.draw();
    return;
  }
  const from = changedFrom(before.plot, plot);
  const read = readAgain(chart);
  if (from === null && !marked) return;
  // marks of readings lie over the edge of the plot, and a tooltip may lie anywhere
  if (marked || read || (!plot.stacked && plot.lines.some(isMarked))) chart.draw();
  else paintFrom(chart, from!);
}

const sameAxes = (a: Plot, b: Plot): boolean =>
  (['x', 'y'] as const).every((axis) => a[axis].min === b[axis].min && a[axis].max === b[axis].max);

/** The part of the plot from a value of x on. */
function paintFrom(chart: LineChart, from: number) {
  const { ctx, chartArea, scales } = chart;
  const { left, right, top, bottom } = chartArea;
  const start = Math.max(left, Math.floor(scales.x!.getPixelForValue(from)) - 2);
  ctx.save();
  clipTo(ctx, { left: start, right: right + 1, top: top - 1, bottom: bottom + 1 });
  ctx.clearRect(0, 0, chart.width, chart.height);
  paint(chart, start);
  chart.notifyPlugins('afterDatasetsDraw');
  ctx.restore();
}

function setOptions(chart: LineChart, { log, scale, lines }: Plot, look: ChartLook) {
  const ink = resolveColour('var(--ink)');
  const soft = resolveColour('var(--ink-soft)');
  const raised = resolveColour('var(--surface-raised)');
  const font = { family: getComputedStyle(chart.canvas).fontFamily, size: 11 };
  const now = () => drawn.get(chart)!;
  /** In a stack the place of a line is not its value. */
  const ownValue = ({ datasetIndex, dataIndex }: TooltipItem<'plotLine'>) =>
    now().plot.lines[datasetIndex]?.own[dataIndex] ?? 0;
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
      border: { display: false },
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
      grid: { display: false, drawTicks: false },
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
      // room for the mark of a provenance
      boxWidth: lines.some(({ line }) => line.provenance) ? 12 : 8,
      boxHeight: 8,
      boxPadding: 4,
      multiKeyBackground: raised,
      itemSort: (a, b) => ownValue(b) - ownValue(a),
      callbacks: {
        title: ([item]) => (item ? placeText(now(), item.parsed.x ?? 0) : ''),
        label: ({ datasetIndex, dataIndex }) => {
          const { plot } = now();
          const line = plot.lines[datasetIndex];
          return `${line && told(line)}: ${yText(line?.own[dataIndex], plot.scale)}`;
        },
        labelColor: ({ datasetIndex }) => {
          const { plot, styles } = now();
          const { colour = soft } = styles[datasetIndex] ?? {};
          const provenance = plot.lines[datasetIndex]?.line.provenance;
          return {
            borderColor: colour,
            backgroundColor: provenance ? provenanceFill(colour, provenance) : colour,
          };
        },
        footer: ([item]) => (item ? marksAt(chart, item.element.x) : []),
      },
    },
  };
}

/** `CPU, modelled` */
const told = ({ label, line }: PlotLine): string =>
  line.provenance ? `${label}, ${provenanceWords[line.provenance].label}` : label;

/** `Step: 120`: whole, or to a thousandth of what is shown. A column has no finer place. */
function placeText({ plot, look }: Pick<Drawn, 'plot' | 'look'>, x: number): string {
  const unit = Math.min(1, 10 ** Math.floor(Math.log10((plot.x.max - plot.x.min) / 1000)));
  return `${look.xTitle}: ${look.formatX(Math.round(x / unit) * unit)}`;
}

/** What the crosshair reads, largest first: for those who cannot see it. */
export function readout(chart: LineChart): string {
  const found = drawn.get(chart);
  if (!found) return '';
  const { plot } = found;
  const items = chart.getActiveElements().flatMap(({ datasetIndex, index }) => {
    const line = plot.lines[datasetIndex];
    const [value, x] = [line?.own[index], line?.x[index]];
    return line && value != null && x !== undefined ? [{ label: told(line), value, x }] : [];
  });
  const [first] = items;
  if (!first) return '';
  const values = items
    .sort((a, b) => b.value - a.value)
    .map(({ label, value }) => `${label} ${yText(value, plot.scale)}`);
  return `${placeText(found, first.x)}. ${values.join(', ')}.`;
}
