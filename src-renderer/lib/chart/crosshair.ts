/**
 * One crosshair for every chart of a group: hovering one reads all of them at the same x.
 *
 * An interaction mode of our own finds, in each series, the point nearest in x: chart.js' `index` mode
 * takes the same index everywhere, which is wrong for series that were thinned one by one.
 */
import {
  Interaction,
  type Chart,
  type InteractionItem,
  type InteractionModeFunction,
  type PointElement,
  type Plugin,
} from 'chart.js';
import type { PlotLineController } from './plot-line.ts';

declare module 'chart.js' {
  interface InteractionModeMap {
    everySeries: InteractionModeFunction;
  }
}

interface Group {
  at: number | null;
  charts: Set<Chart>;
}
const groups = new Map<string, Group>();
const joined = new WeakMap<Chart, { key: string; colour: string }>();

const groupOf = (chart: Chart) => groups.get(joined.get(chart)?.key ?? '');

/** Puts a chart into a group, or changes its group or colour. */
export function joinCrosshair(chart: Chart, key: string, colour: string) {
  if (joined.get(chart)?.key !== key) {
    leaveCrosshair(chart);
    const group = groups.get(key) ?? { at: null, charts: new Set() };
    group.charts.add(chart);
    groups.set(key, group);
  }
  joined.set(chart, { key, colour });
}

function leaveCrosshair(chart: Chart) {
  const key = joined.get(chart)?.key ?? '';
  const group = groups.get(key);
  group?.charts.delete(chart);
  if (group?.charts.size === 0) groups.delete(key);
}

/** The point of every line that is nearest to the value `x`. */
export function nearestInEverySeries(chart: Chart, x: number): InteractionItem[] {
  return chart.getSortedVisibleDatasetMetas().flatMap(({ index: datasetIndex, controller }) => {
    const found = (controller as PlotLineController).nearest(x);
    return found ? [{ ...found, datasetIndex }] : [];
  });
}

Interaction.modes.everySeries = (chart, event) => {
  const scale = chart.scales.x;
  const x = 'x' in event && event.x !== null ? scale?.getValueForPixel(event.x) : undefined;
  return x === undefined ? [] : nearestInEverySeries(chart, x);
};

/** Puts the crosshair of the chart's group at `at`; null takes it away. `from` keeps its own tooltip. */
export function pointAt(chart: Chart, at: number | null, from: Chart | null = null) {
  const group = groupOf(chart);
  if (!group || group.at === at) return;
  group.at = at;
  for (const other of group.charts) {
    if (other !== from) {
      const items = at === null ? [] : nearestInEverySeries(other, at);
      const x = at === null ? 0 : (other.scales.x?.getPixelForValue(at) ?? 0);
      other.setActiveElements(items);
      other.tooltip?.setActiveElements(items, { x, y: other.chartArea.top + 1 });
    }
    other.draw();
  }
}

/** Reads the lines anew at the crosshair of the chart's group, after they changed; false: it has none. */
export function readAgain(chart: Chart): boolean {
  const at = groupOf(chart)?.at ?? null;
  if (at === null) return false;
  const items = nearestInEverySeries(chart, at);
  const x = chart.scales.x?.getPixelForValue(at) ?? 0;
  chart.setActiveElements(items);
  chart.tooltip?.setActiveElements(items, { x, y: chart.tooltip.caretY });
  return true;
}

/** Where the crosshair of a group of charts is; null while it is nowhere. */
export const crosshairOf = (group: string): number | null => groups.get(group)?.at ?? null;

/** One keyboard step: to the left or right by a fiftieth of the axis. */
export function stepCrosshair(chart: Chart, direction: -1 | 1) {
  const scale = chart.scales.x;
  if (!scale) return;
  const at = groupOf(chart)?.at ?? (direction > 0 ? scale.min : scale.max);
  const next = at + (direction * (scale.max - scale.min)) / 50;
  pointAt(chart, Math.min(scale.max, Math.max(scale.min, next)));
}

export const crosshair: Plugin<'plotLine'> = {
  id: 'crosshair',
  afterDestroy: leaveCrosshair,
  afterEvent(chart, { event, inChartArea }) {
    if (event.type === 'mouseout') pointAt(chart, null, chart);
    if (event.type !== 'mousemove') return;
    const at = inChartArea && event.x !== null ? chart.scales.x?.getValueForPixel(event.x) : null;
    pointAt(chart, at ?? null, chart);
  },
  afterDatasetsDraw(chart) {
    for (const { element } of chart.getActiveElements())
      (element as PointElement).draw(chart.ctx, chart.chartArea);
    const at = groupOf(chart)?.at ?? null;
    if (at === null) return;
    const x = chart.scales.x?.getPixelForValue(at) ?? -1;
    const { top, bottom, left, right } = chart.chartArea;
    if (x < left || x > right) return;
    const { ctx } = chart;
    ctx.save();
    ctx.strokeStyle = joined.get(chart)?.colour ?? 'gray';
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, bottom);
    ctx.stroke();
    ctx.restore();
  },
};
