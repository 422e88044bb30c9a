/**
 * Zooming a chart by hand: drag a stretch, wheel about the pointer, Shift and drag to move, double click
 * for all. The wheel alone belongs to the page until the chart has the focus (a click gives it).
 */
import type { LineChart } from './line-chart.ts';
import { setSelection } from './overlay.ts';
import { moved, within, zoomAbout, type Range } from './range.ts';

export interface Zooming {
  /** What is shown now, and all there is. */
  shown(): { range: Range; full: Range };
  zoom(range: Range | null): void;
}

/** A shorter drag is a click. */
const leastPixels = 6;

/** @returns its end */
export function attachGestures(
  frame: HTMLElement,
  chart: LineChart,
  { shown, zoom }: Zooming,
): () => void {
  const { canvas } = chart;
  let drag: { from: number; pan: boolean; last: number } | null = null;

  const pixel = (event: { clientX: number }) => {
    const { left, right } = chart.chartArea;
    const at = event.clientX - canvas.getBoundingClientRect().left;
    return Math.min(right, Math.max(left, at));
  };
  const valueAt = (x: number) => chart.scales.x?.getValueForPixel(x) ?? 0;

  const down = (event: PointerEvent) => {
    if (event.button !== 0 || event.pointerType === 'touch') return;
    const x = pixel(event);
    drag = { from: x, pan: event.shiftKey, last: x };
    canvas.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent) => {
    if (!drag) return;
    const x = pixel(event);
    if (drag.pan) {
      const { range, full } = shown();
      const width = chart.chartArea.right - chart.chartArea.left;
      zoom(moved(range, (drag.last - x) / width, full));
      drag.last = x;
    } else setSelection(chart, [drag.from, x]);
  };
  const up = (event: PointerEvent) => {
    if (!drag) return;
    const { from, pan } = drag;
    const to = pixel(event);
    drag = null;
    if (pan) return;
    setSelection(chart, null);
    if (Math.abs(to - from) < leastPixels) return;
    const ends = [valueAt(from), valueAt(to)].sort((a, b) => a - b);
    zoom(within(ends as unknown as Range, shown().full));
  };
  const wheel = (event: WheelEvent) => {
    // a pinch arrives as a wheel with Ctrl
    const mine = event.ctrlKey || event.metaKey || frame.contains(document.activeElement);
    if (!mine || event.deltaY === 0) return;
    event.preventDefault();
    const { range, full } = shown();
    const factor = Math.exp(Math.max(-100, Math.min(100, event.deltaY)) * 0.002);
    zoom(zoomAbout(range, valueAt(pixel(event)), factor, full));
  };
  const all = () => zoom(null);
  const cancel = () => {
    drag = null;
    setSelection(chart, null);
  };

  canvas.addEventListener('pointerdown', down);
  canvas.addEventListener('pointermove', move);
  canvas.addEventListener('pointerup', up);
  canvas.addEventListener('pointercancel', cancel);
  canvas.addEventListener('wheel', wheel, { passive: false });
  canvas.addEventListener('dblclick', all);
  return () => {
    canvas.removeEventListener('pointerdown', down);
    canvas.removeEventListener('pointermove', move);
    canvas.removeEventListener('pointerup', up);
    canvas.removeEventListener('pointercancel', cancel);
    canvas.removeEventListener('wheel', wheel);
    canvas.removeEventListener('dblclick', all);
  };
}
