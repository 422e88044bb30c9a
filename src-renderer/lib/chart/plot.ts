/**
 * What a chart shows, as numbers: the visible part of its lines, smoothed, thinned to its width and
 * stacked, with the ranges and ticks of both axes. The canvas (`line-chart.ts`), the drawing
 * (`chart-svg.ts`) and the table beside them are all made of this, so that they cannot differ.
 */
import type { Provenance } from '../../../src-main/contract.ts';
import { scaled, siScale, type Scale } from '../format/number.ts';
import type { Marker } from './markers.ts';
import { indicesIn, type Range } from './range.ts';
import { movingAverage, smoothingLabel, smoothings, type Smoothing } from './smooth.ts';
import { stack } from './stack.ts';
import { thin, type Points } from './thin.ts';
import { linearTicks, logTicks, niceStep, type Ticks } from './ticks.ts';

export interface Line {
  key: string;
  label: string;
  x: readonly number[];
  y: readonly (number | null)[];
  /** Mean of each stretch where `x` and `y` are its lowest and highest points: what is smoothed then. */
  mean?: Points | null;
  /** Any CSS colour, custom properties too. */
  colour: string;
  dash?: number[];
  /** On paper: the shape that stands on the line here and there. */
  marker?: Marker;
  /** Drawn thin and light, behind what it supports. */
  faint?: boolean;
  /** Edge of a band: no entry in the legend, no smoothing. */
  edge?: boolean;
  /** The ground between this line and the one before it is shaded. */
  shade?: boolean;
  provenance?: Provenance | null;
}

/** A moment that is marked in every chart of a page. */
export interface Mark {
  x: number;
  text: string;
  /** Set by a person; others come of themselves and are drawn smaller. */
  own: boolean;
}

export interface ChartLook {
  /** `Power`; with the unit it is the title of the y axis. */
  quantity: string;
  unit: string;
  xTitle: string;
  stacked: boolean;
  fromZero: boolean;
  /** Charts of one group share crosshair and zoom. */
  group: string;
  /** Fixed range of x; null: that of the data. */
  xRange: Range | null;
  formatX: (x: number) => string;
  /** Distance of the ticks for a range of this length; without it a round one. */
  stepX: ((span: number) => number) | null;
  marks: readonly Mark[];
}

/** What a person chose for a chart. */
export interface ChartChoice {
  smoothing: Smoothing;
  log: boolean;
  fromZero: boolean;
  /** The y axis leaves out the outermost hundredth of the values on either side. */
  clip: boolean;
}

export interface PlotLine extends Points {
  line: Line;
  label: string;
  /** Own value of each point in the line's unit; `y` is where it is drawn, on the axis' scale. */
  own: (number | null)[];
  /** The values behind a smoothed line. */
  raw: boolean;
}

interface PlotAxis {
  min: number;
  max: number;
  ticks: Ticks;
}

export interface Plot {
  lines: PlotLine[];
  stacked: boolean;
  log: boolean;
  x: PlotAxis;
  y: PlotAxis;
  /** All of x, zoomed or not. */
  full: Range;
  scale: Scale;
  /** What a reader has to know: that it is smoothed, that outliers are left out. */
  remarks: string[];
}

/** Below this a series is single readings: mark each, smooth none. */
export const sparse = 60;
/** Values that are looked at for the range without outliers. */
const sampled = 4000;

/** What one number of the chart means for people: `41.2 W`. */
export const yText = (value: number | null | undefined, scale: Scale) =>
  `${scaled(value, scale)} ${scale.unit}`.trim();

/** Plain numbers on an axis: as many digits as there are, without the dust of binary fractions. */
export const plainTick = (x: number): string => String(Number(x.toPrecision(6)));

/** The SI prefix of the y axis, chosen for the largest value in it. */
export function chartScale(lines: readonly Line[], unit: string, stacked: boolean): Scale {
  const tops = lines.map(({ y }) => extreme(y));
  return siScale(stacked ? [tops.reduce((sum, top) => sum + top, 0)] : tops, unit);
}

function extreme(y: readonly (number | null)[]): number {
  let most = 0;
  for (const value of y) if (value !== null) most = Math.max(most, Math.abs(value));
  return most;
}

/** First and last x of all lines; null where there is no point. */
export function rangeOf(lines: readonly Pick<Line, 'x'>[]): Range | null {
  let [from, to] = [Infinity, -Infinity];
  for (const { x } of lines) {
    from = Math.min(from, x[0] ?? Infinity);
    to = Math.max(to, x.at(-1) ?? -Infinity);
  }
  return from <= to ? [from, to] : null;
}

/**
 * @param zoom the part of x that is shown; null: all of it
 * @param columns pixels from the left to the right edge of the plot
 */
export function plotOf(
  lines: readonly Line[],
  look: ChartLook,
  choice: ChartChoice,
  zoom: Range | null,
  columns: number,
): Plot {
  const full = look.xRange ?? rangeOf(lines) ?? [0, 1];
  const [min, wide] = zoom ?? full;
  const shown: Range = [min, wide > min ? wide : min + 1];
  const scale = chartScale(lines, look.unit, look.stacked);
  const remarks: string[] = [];
  const drawn = look.stacked
    ? stacked(lines, shown, columns)
    : plain(lines, choice.smoothing, full, shown, columns);
  const smooth = drawn.some(({ raw }) => raw);
  if (smooth) remarks.push(`Strong line: ${smoothingLabel(choice.smoothing)}; faint: as recorded.`);
  for (const one of drawn)
    if (scale.factor !== 1)
      one.y = one.y.map((value) => (value === null ? null : value * scale.factor));

  const log = choice.log && !look.stacked && drawn.some(({ y }) => y.some((at) => (at ?? 0) > 0));
  if (choice.log && !look.stacked && !log)
    remarks.push('No value is above zero: drawn on a linear axis.');
  const clip = choice.clip && !look.stacked;
  const y = log ? logRange(drawn, clip) : linearRange(drawn, choice.fromZero, clip);
  if (clip && y.left > 0) remarks.push('Outliers lie beyond the edge.');
  const [low, high] = y.range;
  const span = shown[1] - shown[0];
  return {
    lines: drawn,
    stacked: look.stacked,
    log,
    full,
    scale,
    remarks,
    x: {
      min: shown[0],
      max: shown[1],
      ticks: linearTicks(shown[0], shown[1], look.stepX?.(span) ?? wholeStep(span, look)),
    },
    y: {
      min: low,
      max: high,
      ticks: log ? logTicks(low, high) : linearTicks(low, high, niceStep(high - low, 5)),
    },
  };
}

/** Steps are counted: an axis of them has no halves. */
function wholeStep(span: number, { xTitle }: ChartLook): number {
  const step = niceStep(span, 7);
  return xTitle === 'Step' ? Math.max(1, step) : step;
}

function part<T>(values: readonly T[], [first, end]: [number, number]): readonly T[] {
  return first === 0 && end === values.length ? values : values.slice(first, end);
}

function plain(
  lines: readonly Line[],
  smoothing: Smoothing,
  full: Range,
  shown: Range,
  columns: number,
): PlotLine[] {
  return lines.flatMap((line): PlotLine[] => {
    const piece = indicesIn(line.x, shown);
    const points = thin(part(line.x, piece), part(line.y, piece), columns);
    const own = (label: string, { x, y }: Points, raw: boolean): PlotLine => ({
      line,
      label,
      x,
      y,
      own: y,
      raw,
    });
    if (smoothing === 'off' || line.edge || line.x.length < sparse)
      return [own(line.label, points, false)];
    const { x, y } = line.mean ?? line;
    const average = movingAverage(x, y, smoothings[smoothing] * (full[1] - full[0]));
    const visible = indicesIn(average.x, shown);
    const curve = thin(part(average.x, visible), part(average.y, visible), columns);
    return [own(line.label, points, true), own(`${line.label}, smoothed`, curve, false)];
  });
}

function stacked(lines: readonly Line[], shown: Range, columns: number): PlotLine[] {
  const pieces = lines.map(({ x, y }) => {
    const piece = indicesIn(x, shown);
    return { x: part(x, piece), y: part(y, piece) };
  });
  const { x, values, tops } = stack(pieces, columns / 2);
  return lines.map((line, i) => ({
    line,
    label: line.label,
    x,
    y: tops[i] ?? [],
    own: values[i] ?? [],
    raw: false,
  }));
}

function linearRange(lines: readonly PlotLine[], fromZero: boolean, clip: boolean) {
  const found = extent(lines, clip, -Infinity);
  let { low, high } = found;
  if (fromZero) [low, high] = [Math.min(0, low), Math.max(0, high)];
  // less than this is rounding, and its ticks would all read alike
  if (high - low <= 1e-6 * Math.max(Math.abs(low), Math.abs(high))) {
    const half = Math.abs(high) / 2 || 0.5;
    [low, high] = high === 0 ? [0, 1] : [low - half, high + half];
  }
  const grace = (high - low) * 0.04;
  if (!fromZero || low < 0) low -= grace;
  const range: Range = [low, high + grace];
  return { range, left: found.left };
}

function logRange(lines: readonly PlotLine[], clip: boolean) {
  const { low, high, left } = extent(lines, clip, 0);
  const room = Math.max(1.05, (high / low) ** 0.04);
  const range: Range = [low / room, high * room];
  return { range, left };
}

/** Of the values above `floor`; without outliers, of all but a hundredth at either end. */
function extent(lines: readonly PlotLine[], clip: boolean, floor: number) {
  let [low, high] = [Infinity, -Infinity];
  for (const { y } of lines)
    for (const value of y)
      if (value !== null && value > floor) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
  if (low > high) return { low: floor === 0 ? 1 : 0, high: floor === 0 ? 10 : 0, left: 0 };
  if (!clip) return { low, high, left: 0 };
  const all = lines.flatMap(({ y }) => y.filter((value) => value !== null && value > floor));
  const stride = Math.max(1, Math.floor(all.length / sampled));
  const some = all.filter((_, i) => i % stride === 0) as number[];
  some.sort((a, b) => a - b);
  const at = (share: number) => some[Math.round(share * (some.length - 1))] ?? 0;
  const [from, to] = [at(0.01), at(0.99)];
  const left = all.filter((value) => value! < from || value! > to).length;
  return to > from ? { low: from, high: to, left } : { low, high, left: 0 };
}

/** The numbers of a plot in rows: every line at the same places, at most `rows` of them. */
export function tableOf(plot: Plot, rows = 100): { at: number; values: (number | null)[] }[] {
  const inside = (at: number) => at >= plot.x.min && at <= plot.x.max;
  const columns = plot.lines.map(({ x, own }) => {
    const kept = x.flatMap((at, i) => (inside(at) ? [i] : []));
    const stride = Math.max(1, Math.ceil(kept.length / rows));
    const some = kept.filter((_, i) => i % stride === 0 || i === kept.length - 1);
    return new Map(some.map((i) => [x[i] ?? 0, own[i] ?? null]));
  });
  const places = [...new Set(columns.flatMap((column) => [...column.keys()]))];
  return places
    .sort((a, b) => a - b)
    .map((at) => ({ at, values: columns.map((column) => column.get(at) ?? null) }));
}
