/**
 * A plot on a canvas: grid, areas, bands and curves, straight from their columns of numbers. chart.js would
 * make an object of every point and work out all of them again for each that is added.
 *
 * Wide lines that zigzag cost a software rasteriser ten times as much as lines of one pixel, which show as
 * much: a curve with several points per pixel is drawn with these.
 */
import { fade, provenanceFill, resolveColour } from './colours.ts';
import { sparse, type Plot, type PlotLine } from './plot.ts';
import { lowerBound } from './range.ts';

export interface PlotArea {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** How a line looks in the theme of this moment. */
export interface LineStyle {
  colour: string;
  /** Of the area below it, or of the ground between it and the line before; null: none. */
  fill: string | CanvasPattern | null;
  width: number;
  dash: number[];
}

export function styleOf({ line, raw, smoothed }: PlotLine, stacked: boolean): LineStyle {
  const colour = resolveColour(line.colour);
  if (stacked)
    return { colour, fill: provenanceFill(colour, line.provenance ?? null), width: 1, dash: [] };
  // what is smoothed stands out from what it was made of, even where that is drawn lightly
  const light = line.faint && !smoothed;
  return {
    colour: raw || line.edge ? fade(colour, 0.3) : light ? fade(colour, 0.7) : colour,
    fill: line.shade ? fade(colour, 0.16) : null,
    width: raw || light ? 1 : 1.6,
    dash: raw ? [] : (line.dash ?? []),
  };
}

/** Single readings are marked each. */
export const isMarked = ({ x, line }: PlotLine): boolean => x.length < sparse && !line.faint;
/** Radius of such a mark, in pixels. */
const markRadius = 2;

interface Sheet {
  ctx: CanvasRenderingContext2D;
  area: PlotArea;
  plot: Plot;
  styles: readonly LineStyle[];
  colours: { grid: string; axis: string };
}

/** @param from pixel of the x axis from which it is painted; what lies left of it stays as it is */
export function paintPlot({ ctx, area, plot, styles, colours }: Sheet, from = area.left) {
  const { left, right, top, bottom } = area;
  const pen = penOf(plot, area);
  ctx.save();
  ctx.lineJoin = 'round';
  ctx.lineWidth = 1;
  ctx.strokeStyle = colours.grid;
  ctx.beginPath();
  for (const value of plot.y.ticks.values) {
    const y = crisp(pen.y(value));
    ctx.moveTo(from, y);
    ctx.lineTo(right, y);
  }
  ctx.stroke();
  ctx.strokeStyle = colours.axis;
  ctx.beginPath();
  ctx.moveTo(from, crisp(bottom));
  ctx.lineTo(right, crisp(bottom));
  ctx.stroke();

  // the first and last marks lie on the edge of the plot and are whole there
  const whole = plot.x.min <= plot.full[0] && plot.x.max >= plot.full[1];
  const spill = whole && !plot.stacked && plot.lines.some(isMarked) ? 2 * markRadius : 0;
  const start = from > left ? from : left - spill;
  clipTo(ctx, { left: start, right: right + spill, top: top - spill, bottom: bottom + spill });
  /** A little more than the strip: joints reach into it. */
  const wanted = plot.x.min + ((from - 4 - left) / (right - left)) * (plot.x.max - plot.x.min);
  plot.lines.forEach((own, i) => {
    const style = styles[i];
    if (!style) return;
    const first = from > left ? Math.max(0, lowerBound(own.x, wanted) - 2) : 0;
    if (plot.stacked) stretchOfStack(ctx, own, plot.scale.factor, pen, style, first);
    else {
      if (style.fill) band(ctx, plot.lines[i - 1], own, pen, style.fill);
      // dashes are counted from the beginning
      curve(ctx, own, pen, style, style.dash.length > 0 ? 0 : first, right - left);
    }
  });
  ctx.restore();
}

/**
 * Whole pixels of the screen: a rasteriser that works in software takes twice as long for a line that is cut
 * off within one.
 */
export function clipTo(ctx: CanvasRenderingContext2D, { left, right, top, bottom }: PlotArea) {
  const { a: ratio } = ctx.getTransform();
  const low = (at: number) => Math.floor(at * ratio) / ratio;
  const high = (at: number) => Math.ceil(at * ratio) / ratio;
  ctx.beginPath();
  ctx.rect(low(left), low(top), high(right) - low(left), high(bottom) - low(top));
  ctx.clip();
}

/** One-pixel lines lie on pixels, not between them. */
const crisp = (at: number) => Math.round(at - 0.5) + 0.5;

interface Pen {
  x(value: number): number;
  y(value: number): number;
  /** Below it there is no place on the axis. */
  floor: number;
}

function penOf({ x, y, log }: Plot, { left, right, top, bottom }: PlotArea): Pen {
  const perX = (right - left) / (x.max - x.min);
  const height = bottom - top;
  if (log) {
    const [base, perY] = [Math.log(y.min), height / Math.log(y.max / y.min)];
    return {
      x: (value) => left + (value - x.min) * perX,
      y: (value) => bottom - (Math.log(value) - base) * perY,
      floor: 0,
    };
  }
  const perY = height / (y.max - y.min);
  return {
    x: (value) => left + (value - x.min) * perX,
    y: (value) => bottom - (value - y.min) * perY,
    floor: -Infinity,
  };
}

function trace(ctx: CanvasRenderingContext2D, { x, y }: PlotLine, pen: Pen, first: number) {
  ctx.beginPath();
  let open = false;
  for (let i = first; i < x.length; i++) {
    const value = y[i] ?? null;
    if (value === null || value <= pen.floor) {
      open = false;
      continue;
    }
    if (open) ctx.lineTo(pen.x(x[i]!), pen.y(value));
    else ctx.moveTo(pen.x(x[i]!), pen.y(value));
    open = true;
  }
}

/** From its own value below its top up to the top: the series below it may be missing there. */
function stretchOfStack(
  ctx: CanvasRenderingContext2D,
  shown: PlotLine,
  factor: number,
  pen: Pen,
  style: LineStyle,
  first: number,
) {
  const { x, y, own } = shown;
  ctx.fillStyle = style.fill ?? style.colour;
  for (let i = first; i < x.length; i++) {
    const from = i;
    ctx.beginPath();
    for (; i < x.length && y[i] != null; i++) ctx.lineTo(pen.x(x[i]!), pen.y(y[i]!));
    for (let k = i - 1; k >= from; k--)
      ctx.lineTo(pen.x(x[k]!), pen.y(y[k]! - (own[k] ?? 0) * factor));
    if (i > from) ctx.fill();
  }
  ctx.strokeStyle = style.colour;
  ctx.lineWidth = style.width;
  trace(ctx, shown, pen, first);
  ctx.stroke();
}

/** The ground between the two edges of a band. */
function band(
  ctx: CanvasRenderingContext2D,
  lower: PlotLine | undefined,
  upper: PlotLine,
  pen: Pen,
  fill: string | CanvasPattern,
) {
  if (!lower) return;
  const onAxis = (value: number | null | undefined) => value != null && value > pen.floor;
  ctx.fillStyle = fill;
  ctx.beginPath();
  upper.x.forEach((at, i) => {
    if (onAxis(upper.y[i])) ctx.lineTo(pen.x(at), pen.y(upper.y[i]!));
  });
  for (let i = lower.x.length - 1; i >= 0; i--)
    if (onAxis(lower.y[i])) ctx.lineTo(pen.x(lower.x[i]!), pen.y(lower.y[i]!));
  ctx.fill();
}

function curve(
  ctx: CanvasRenderingContext2D,
  own: PlotLine,
  pen: Pen,
  style: LineStyle,
  first: number,
  pixels: number,
) {
  const dense = !own.smoothed && own.x.length > pixels;
  ctx.strokeStyle = style.colour;
  ctx.lineWidth = dense ? 1 : style.width;
  ctx.lineJoin = dense ? 'bevel' : 'round';
  ctx.setLineDash(style.dash);
  trace(ctx, own, pen, first);
  ctx.stroke();
  if (!isMarked(own)) return;
  ctx.fillStyle = style.colour;
  ctx.beginPath();
  own.x.forEach((at, i) => {
    const value = own.y[i] ?? null;
    if (value === null || value <= pen.floor) return;
    const [x, y] = [pen.x(at), pen.y(value)];
    ctx.moveTo(x + markRadius, y);
    ctx.arc(x, y, markRadius, 0, 2 * Math.PI);
  });
  ctx.fill();
}
