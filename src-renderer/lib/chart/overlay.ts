/** What lies over the lines of a chart: moments that are marked, and the stretch that is being chosen. */
import type { Chart, Plugin } from 'chart.js';
import type { Mark } from './plot.ts';

interface Overlay {
  marks: readonly Mark[];
  ink: string;
  soft: string;
}
const overlays = new WeakMap<Chart, Overlay>();
const selections = new WeakMap<Chart, readonly [number, number]>();

/** Pixels from a marked moment in which the crosshair tells its text. */
const near = 6;

/** @returns whether other moments are marked than before */
export function setOverlay(chart: Chart, overlay: Overlay): boolean {
  const before = overlays.get(chart)?.marks ?? [];
  overlays.set(chart, overlay);
  const { marks } = overlay;
  return (
    marks.length !== before.length ||
    marks.some(({ x, text }, i) => x !== before[i]?.x || text !== before[i].text)
  );
}

/** Pixels between which a person drags; null: none. */
export function setSelection(chart: Chart, selection: readonly [number, number] | null) {
  if (selection) selections.set(chart, selection);
  else selections.delete(chart);
  chart.draw();
}

/** Texts of the marks at a place on the canvas. */
export function marksAt(chart: Chart, x: number): string[] {
  const scale = chart.scales.x;
  if (!scale) return [];
  return (overlays.get(chart)?.marks ?? [])
    .filter((mark) => Math.abs(scale.getPixelForValue(mark.x) - x) <= near)
    .map(({ text }) => text);
}

export const overlay: Plugin<'plotLine'> = {
  id: 'overlay',
  afterDatasetsDraw(chart) {
    const { ctx, chartArea, scales } = chart;
    const { left, right, top, bottom } = chartArea;
    ctx.save();
    for (const { x: at, own } of overlays.get(chart)?.marks ?? []) {
      const x = scales.x?.getPixelForValue(at) ?? -1;
      if (x < left || x > right) continue;
      const { ink, soft } = overlays.get(chart)!;
      ctx.fillStyle = ctx.strokeStyle = own ? ink : soft;
      if (own) {
        ctx.setLineDash([4, 3]);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, bottom);
        ctx.stroke();
        ctx.setLineDash([]);
      }
      const size = own ? 4 : 3;
      ctx.beginPath();
      ctx.moveTo(x - size, top);
      ctx.lineTo(x + size, top);
      ctx.lineTo(x, top + 1.6 * size);
      ctx.fill();
    }
    const selection = selections.get(chart);
    if (selection) {
      const [from, to] = selection;
      ctx.globalAlpha = 0.15;
      ctx.fillStyle = overlays.get(chart)?.ink ?? 'gray';
      ctx.fillRect(Math.min(from, to), top, Math.abs(to - from), bottom - top);
    }
    ctx.restore();
  },
};
