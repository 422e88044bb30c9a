/**
 * What a chart shows, as numbers: the visible part of its lines, smoothed, thinned to its width and
 * stacked, with the ranges and ticks of both axes. The canvas (`line-chart.ts`), the drawing
 * (`chart-svg.ts`) and the table beside them are all made of this, so that they cannot differ.
 */
import type { Provenance } from '../../../src-main/contract.ts';
import { inStyle, scaled, siScale, type Scale } from '../format/number.ts';
import { PlotMemory, type LineMemory } from './line-memory.ts';
import type { Marker } from './markers.ts';
import { indicesIn, type Range } from './range.ts';
import { smoothingLabel, smoothings, type Average, type Smoothing } from './smooth.ts';
import { stackOf } from '../../../src-main/contract.ts';
import type { Points } from './thin.ts';
import { linearTicks, logTicks, niceStep, type Ticks } from './ticks.ts';

export interface Line {
  key: string;
  label: string;
  /** Ascending. Both arrays may grow at their end; any other change comes as other arrays. */
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
  average: Average;
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
  smoothed: boolean;
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
export function plainTick(x: number): string {
  const value = Number(x.toPrecision(6));
  // `5e-4`: a learning rate's zeros would not fit beside its axis
  const small = value !== 0 && Math.abs(value) < 1e-3;
  return inStyle(small ? value.toExponential() : String(value));
}

/** The SI prefix of the y axis, chosen for the largest value in it. */
function chartScale(memories: readonly LineMemory[], unit: string, stacked: boolean): Scale {
  const tops = memories.map(({ most }) => most);
  return siScale(stacked ? [tops.reduce((sum, top) => sum + top, 0)] : tops, unit);
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
 * @param memory of a chart that is drawn again and again: what is in it is not worked out anew
 */
export function plotOf(
  lines: readonly Line[],
  look: ChartLook,
  choice: ChartChoice,
  zoom: Range | null,
  columns: number,
  memory = new PlotMemory(),
): Plot {
  const full = look.xRange ?? rangeOf(lines) ?? [0, 1];
  const [min, wide] = zoom ?? full;
  const shown: Range = [min, wide > min ? wide : min + 1];
  const memories = memory.of(lines);
  const scale = chartScale(memories, look.unit, look.stacked);
  const remarks: string[] = [];
  const drawn = look.stacked
    ? stacked(lines, memories, shown, columns)
    : plain(lines, memories, choice, full, shown, columns);
  const smooth = drawn.some(({ raw }) => raw);
  if (smooth)
    remarks.push(
      `Strong line: ${smoothingLabel(choice.average, choice.smoothing)}; faint: as recorded.`,
    );
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

function plain(
  lines: readonly Line[],
  memories: readonly LineMemory[],
  { smoothing, average }: ChartChoice,
  full: Range,
  shown: Range,
  columns: number,
): PlotLine[] {
  return lines.flatMap((line, i): PlotLine[] => {
    const memory = memories[i]!;
    const points = memory.thinned(shown, columns);
    const recorded = { line, label: line.label, ...points, own: points.y, smoothed: false };
    if (smoothing === 'off' || line.edge || line.x.length < sparse)
      return [{ ...recorded, raw: false }];
    const scale = smoothings[smoothing] * (full[1] - full[0]);
    const curve = memory.smoothed(average, scale, full, shown, columns);
    return [
      { ...recorded, raw: true },
      { ...recorded, ...curve, own: curve.y, label: `${line.label}, smoothed`, raw: false, smoothed: true }, // prettier-ignore
    ];
  });
}

function stacked(
  lines: readonly Line[],
  memories: readonly LineMemory[],
  shown: Range,
  columns: number,
): PlotLine[] {
  const points = lines.map(({ x }) => {
    const [first, end] = indicesIn(x, shown);
    return end - first;
  });
  const n = columnsFor(Math.max(1, ...points), columns / 2);
  const { x, values, tops } = stackOf(memories.map((memory) => memory.columnMeans(shown, n)));
  return lines.map((line, i) => ({
    line,
    label: line.label,
    x,
    y: tops[i] ?? [],
    own: values[i] ?? [],
    raw: false,
    smoothed: false,
  }));
}

/** At most one per point: halved until it is, so that columns stay where they are while points are added. */
function columnsFor(points: number, most: number): number {
  const halvings = Math.max(0, Math.ceil(Math.log2(most / points)));
  return Math.max(1, Math.floor(most / 2 ** halvings));
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
  // room to round numbers: an axis stays as it is while values grow by little
  const grace = (high - low) * 0.04;
  const step = niceStep(high - low, 25);
  if (!fromZero || low < 0) low = Math.floor((low - grace) / step) * step;
  const range: Range = [low, Math.ceil((high + grace) / step) * step];
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

/**
 * The x from which on two plots of the same lines on the same axes differ; null: nowhere.
 */
export function changedFrom(before: Plot, now: Plot): number | null {
  let from = Infinity;
  now.lines.forEach((line, i) => {
    const old = before.lines[i];
    if (!old) from = -Infinity;
    else from = Math.min(from, lineChangedFrom(old, line));
  });
  return from === Infinity ? null : from;
}

function lineChangedFrom(old: PlotLine, now: PlotLine): number {
  const n = Math.min(old.x.length, now.x.length);
  let same = 0;
  while (same < n && old.x[same] === now.x[same] && old.y[same] === now.y[same]) same++;
  // below an area lies its own value, and that may change while its top does not
  if (now.own !== now.y) {
    let own = 0;
    while (own < same && old.own[own] === now.own[own]) own++;
    same = own;
  }
  if (same === n && old.x.length === now.x.length) return Infinity;
  return now.x[same - 1] ?? -Infinity;
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
