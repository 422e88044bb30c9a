/**
 * The charts of a report as SVG files, without a browser: a script of pure functions for the host, which has
 * the numbers and no page. It leaves `reportCharts` behind.
 */
import type { ReportData } from '../../src-main/contract.ts';
import { chartSvg } from '../lib/chart/chart-svg.ts';
import { plotOf, type ChartLook } from '../lib/chart/plot.ts';
import { ofRun } from '../lib/chart/setups.ts';
import tokens from '../lib/ui/tokens.css?raw';
import { overlays, runFigures, type Figure } from './figures.ts';
import { tradeOffSvg, tradeOffTitle } from './trade-off-svg.ts';

/** What the host calls; `run` is null for a chart of all runs. */
export type ReportCharts = (
  data: ReportData,
) => { title: string; finding: string; run: number | null; svg: string }[];

const [width, height] = [840, 320];

/** Colours as they are on paper, which is light. */
const light = new Map(
  [...tokens.matchAll(/(--[\w-]+):\s*light-dark\((#\w+)/g)].map(([, name, colour]) => [
    name,
    colour,
  ]),
);
const resolve = (colour: string): string =>
  colour.replace(/var\((--[\w-]+)\)/g, (all, name: string) => light.get(name) ?? all);

function svgOf(figure: Figure, title: string): string {
  const look: ChartLook = {
    quantity: figure.quantity,
    unit: figure.unit,
    xTitle: figure.xTitle,
    stacked: figure.stacked,
    fromZero: figure.fromZero,
    group: title,
    xRange: null,
    formatX: figure.formatX,
    stepX: figure.stepX,
    marks: [],
  };
  const choice = {
    smoothing: figure.title === ofRun.loss.title ? ('medium' as const) : ('off' as const),
    average: 'ema' as const,
    log: false,
    fromZero: figure.fromZero,
    clip: false,
  };
  const lines = figure.lines.filter(({ y }) => y.some((value) => value !== null));
  const plot = plotOf(lines, look, choice, null, width);
  return chartSvg(plot, look, { width, height, resolve, id: 'chart', title });
}

const reportCharts: ReportCharts = (data) => {
  const all = overlays(data)
    .figures.filter(({ lines }) => lines.length > 0)
    .map((figure) => ({
      title: figure.title,
      finding: figure.finding,
      run: null,
      svg: svgOf(figure, figure.title),
    }));
  const trade =
    data.comparison &&
    tradeOffSvg(data.comparison.tradeOff, {
      width,
      height,
      resolve,
      id: 'chart',
      title: tradeOffTitle,
    });
  const own = data.runs.flatMap((run) =>
    runFigures(run).map((figure) => {
      const title = `${figure.title}, ${run.detail.summary.name}`;
      return {
        title,
        finding: figure.finding,
        run: run.detail.summary.id,
        svg: svgOf(figure, title),
      };
    }),
  );
  return [
    ...all,
    ...(trade ? [{ title: tradeOffTitle, finding: '', run: null, svg: trade }] : []),
    ...own,
  ];
};

(globalThis as { reportCharts?: ReportCharts }).reportCharts = reportCharts;
