/**
 * A plot as an SVG: for the report, where it is drawn by itself and prints as text and lines, and for a
 * file that stands alone. Same places as on the canvas: left axis, right edge and marks agree.
 */
import type { Provenance } from '../../../src-main/contract.ts';
import { axisWidth, rightPadding } from './margins.ts';
import { markerSvg, type Marker } from './markers.ts';
import { plainTick, sparse, type ChartLook, type Plot, type PlotLine } from './plot.ts';

interface Sheet {
  width: number;
  height: number;
  /** Colours as they go into the file: custom properties for a page, plain ones for a file. */
  resolve: (colour: string) => string;
  /** Set before the names of patterns, which are unique in a page only with it. */
  id: string;
  /** In a file: title, legend, font and ground of its own. */
  title?: string;
}

const top = 6;
const bottom = 36;
const legendRow = 16;

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
const short = (value: number): string => String(Math.round(value * 100) / 100);

export function chartSvg(plot: Plot, look: ChartLook, sheet: Sheet): string {
  const { width, resolve, id, title } = sheet;
  const legend = title === undefined ? [] : legendOf(plot, resolve, id, width);
  const above = title === undefined ? 0 : 24 + legendRow * legend.length;
  const plotTop = above + top;
  const plotBottom = above + sheet.height - bottom;
  const right = width - rightPadding;
  const placeX = (at: number) =>
    axisWidth + ((at - plot.x.min) / (plot.x.max - plot.x.min)) * (right - axisWidth);
  const share = (at: number) =>
    plot.log
      ? Math.log(Math.max(at, 1e-300) / plot.y.min) / Math.log(plot.y.max / plot.y.min)
      : (at - plot.y.min) / (plot.y.max - plot.y.min);
  const placeY = (at: number) => plotBottom - share(at) * (plotBottom - plotTop);

  const soft = resolve('var(--ink-soft)');
  const grid = resolve('var(--grid)');
  const label = (x: number, y: number, text: string, anchor: string, more = '') =>
    `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}" fill="${soft}"${more}>${escaped(text)}</text>`;

  const yTicks = plot.y.ticks.values.map((at) => {
    const y = placeY(at);
    return (
      `<line x1="${axisWidth}" x2="${right}" y1="${short(y)}" y2="${short(y)}" stroke="${grid}"/>` +
      label(axisWidth - 6, y + 3.5, plainTick(at), 'end')
    );
  });
  const xTicks = spaced(plot.x.ticks.values, (at) => look.formatX(at), placeX).map((at) =>
    label(placeX(at), plotBottom + 13, look.formatX(at), 'middle'),
  );
  const { unit } = plot.scale;
  const yTitle = unit ? `${look.quantity} (${unit})` : look.quantity;
  const middle = (plotTop + plotBottom) / 2;
  const lines = plot.stacked
    ? plot.lines.map((line, i) => area(line, plot.scale.factor, { placeX, placeY, resolve, id: `${id}-${i}` })) // prettier-ignore
    : plot.lines.map(
        (line, i) =>
          shade(line, plot.lines[i - 1] ?? null, { placeX, placeY, resolve, id }) +
          curve(line, { placeX, placeY, resolve, id }, plot.log) +
          shapes(line, { placeX, placeY, resolve, id }, i / plot.lines.length, plot.log),
      );
  const marks = look.marks
    .filter(({ x }) => x >= plot.x.min && x <= plot.x.max)
    .map(({ x, text, own }) => {
      const at = placeX(x);
      const size = own ? 4 : 3;
      const flag = `<path d="M${short(at - size)} ${plotTop}h${2 * size}l${-size} ${1.6 * size}z" fill="${resolve(own ? 'var(--ink)' : 'var(--ink-soft)')}"><title>${escaped(text)}</title></path>`;
      return own
        ? `<line x1="${short(at)}" x2="${short(at)}" y1="${plotTop}" y2="${short(plotBottom)}" stroke="${soft}" stroke-dasharray="4 3"/>${flag}`
        : flag;
    });
  const height = above + sheet.height;
  const alone = title !== undefined;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-size="11"${alone ? ' font-family="system-ui, sans-serif" role="img"' : ' font-family="inherit"'}>`,
    alone ? `<title>${escaped(title)}</title>` : '',
    `<defs><clipPath id="${id}-plot"><rect x="${axisWidth}" y="${plotTop - 3}" width="${right - axisWidth}" height="${plotBottom - plotTop + 6}"/></clipPath></defs>`,
    alone
      ? `<rect width="${width}" height="${height}" fill="${resolve('var(--surface)')}"/><text x="8" y="16" font-weight="600" font-size="12" fill="${resolve('var(--ink)')}">${escaped(title)}</text>`
      : '',
    ...legend.map((row, i) => `<g transform="translate(8 ${32 + i * legendRow})">${row}</g>`),
    ...yTicks,
    `<line x1="${axisWidth}" x2="${right}" y1="${short(plotBottom)}" y2="${short(plotBottom)}" stroke="${soft}"/>`,
    ...xTicks,
    label((axisWidth + right) / 2, above + sheet.height - 6, look.xTitle, 'middle'),
    label(12, middle, yTitle, 'middle', ` transform="rotate(-90 12 ${short(middle)})"`),
    `<g clip-path="url(#${id}-plot)">${lines.join('')}</g>`,
    ...marks,
    '</svg>',
  ].join('');
}

/** Labels of about 6 px a letter that would touch are left out evenly. */
function spaced(
  values: readonly number[],
  text: (at: number) => string,
  place: (at: number) => number,
): number[] {
  const widest = Math.max(0, ...values.map((at) => text(at).length)) * 6 + 16;
  const [first, second] = [values[0], values[1]];
  if (first === undefined || second === undefined) return [...values];
  const every = Math.max(1, Math.ceil(widest / Math.abs(place(second) - place(first))));
  return values.filter((_, i) => i % every === 0);
}

interface Pen {
  placeX: (x: number) => number;
  placeY: (y: number) => number;
  resolve: (colour: string) => string;
  id: string;
}

/** Stretches without a missing value. */
function stretches({ x, y }: PlotLine, above = -Infinity): [number, number][][] {
  const all: [number, number][][] = [];
  let open: [number, number][] = [];
  x.forEach((at, i) => {
    const value = y[i] ?? null;
    if (value !== null && value > above) {
      if (open.length === 0) all.push(open);
      open.push([at, value]);
    } else open = [];
  });
  return all;
}

const path = (points: readonly [number, number][], { placeX, placeY }: Pen): string =>
  points.map(([x, y], i) => `${i ? 'L' : 'M'}${short(placeX(x))} ${short(placeY(y))}`).join('');

function curve(own: PlotLine, pen: Pen, log: boolean): string {
  const { line, raw, smoothed } = own;
  const light = line.faint && !smoothed;
  const colour = pen.resolve(line.colour);
  const opacity = raw || line.edge ? 0.3 : light ? 0.7 : 1;
  const dash = !raw && line.dash?.length ? ` stroke-dasharray="${line.dash.join(' ')}"` : '';
  const parts = stretches(own, log ? 0 : -Infinity);
  const d = parts.map((points) => path(points, pen)).join('');
  const dots =
    own.x.length < sparse && !line.faint && !line.marker
      ? parts
          .flat()
          .map(
            ([x, y]) =>
              `<circle cx="${short(pen.placeX(x))}" cy="${short(pen.placeY(y))}" r="2" fill="${colour}"/>`,
          ) // prettier-ignore
          .join('')
      : '';
  return `<path d="${d}" fill="none" stroke="${colour}" stroke-opacity="${opacity}" stroke-width="${raw || light ? 1 : 1.6}" stroke-linejoin="round"${dash}/>${dots}`;
}

/** Pixels between the shapes on a line. */
const shapeEvery = 56;

/** Shapes along a line; those of other lines stand at other places. */
function shapes(own: PlotLine, pen: Pen, shift: number, log: boolean): string {
  const { marker, colour } = own.line;
  if (!marker || own.raw || own.line.edge) return '';
  const points = stretches(own, log ? 0 : -Infinity).flat();
  const left = pen.placeX(own.x[0] ?? 0);
  let next = own.x.length < sparse ? -Infinity : left + shift * shapeEvery;
  const every = own.x.length < sparse ? 12 : shapeEvery;
  return points
    .flatMap(([x, y]) => {
      const at = pen.placeX(x);
      if (at < next) return [];
      next = Math.max(at, next) + every;
      return markerSvg(marker, at, pen.placeY(y), pen.resolve(colour));
    })
    .join('');
}

/** A short piece of a line as it is drawn, for legends. */
export const sampleSvg = (
  { dash, marker }: { dash?: number[]; marker?: Marker },
  colour: string,
  x: number,
  y: number,
): string =>
  `<line x1="${x}" x2="${x + 26}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2"${dash?.length ? ` stroke-dasharray="${dash.join(' ')}"` : ''}/>` +
  (marker ? markerSvg(marker, x + 13, y, colour) : '');

/** The ground of a band, between its edges. */
function shade(own: PlotLine, below: PlotLine | null, pen: Pen): string {
  if (!own.line.shade || !below) return '';
  const [upper, lower] = [stretches(own).flat(), stretches(below).flat().reverse()];
  if (upper.length === 0 || lower.length === 0) return '';
  const outline = `${path(upper, pen)}${path(lower, pen).replace('M', 'L')}z`;
  return `<path d="${outline}" fill="${pen.resolve(own.line.colour)}" fill-opacity="0.16"/>`;
}

/** From its own value below its top up to the top: the series below it may be missing there. */
function area(shown: PlotLine, factor: number, pen: Pen): string {
  const { line, x, own } = shown;
  const colour = pen.resolve(line.colour);
  const provenance = line.provenance ?? null;
  const values = new Map(x.map((at, i) => [at, (own[i] ?? 0) * factor]));
  return stretches(shown)
    .map((points, i) => {
      const back = points.map(([at, top]): [number, number] => [at, top - (values.get(at) ?? 0)]);
      const edge = path(points, pen);
      const outline = `${edge}${path(back.toReversed(), pen).replace('M', 'L')}z`;
      const all = [...points, ...back];
      const [xs, ys] = [all.map(([x]) => pen.placeX(x)), all.map(([, y]) => pen.placeY(y))];
      const box = { x: Math.min(...xs), y: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) }; // prettier-ignore
      return (
        `<path d="${outline}" fill="${colour}" fill-opacity="${groundOf(provenance)}"/>` +
        texture(provenance, colour, box, outline, `${pen.id}-${i}`) +
        `<path d="${edge}" fill="none" stroke="${colour}"/>`
      );
    })
    .join('');
}

/** How much of its colour shows below the strokes of a mark. */
const groundOf = (provenance: Provenance | null): number =>
  provenance === 'modelled'
    ? 0.22
    : provenance === 'constant'
      ? 0.1
      : provenance === 'integrated'
        ? 0.55
        : 0.8;

interface Box {
  x: number;
  y: number;
  right: number;
  bottom: number;
}

/**
 * Hatched is modelled, dotted is a constant, as everywhere. Strokes behind a mask in the shape of `outline`:
 * a pattern would be printed as a picture.
 * @param id of the mask, unique in the page
 */
function texture(
  provenance: Provenance | null,
  colour: string,
  { x, y, right, bottom }: Box,
  outline: string,
  id: string,
): string {
  if (provenance !== 'modelled' && provenance !== 'constant') return '';
  const hatched = provenance === 'modelled';
  let d = '';
  if (hatched) {
    // on one grid for all areas of a drawing
    const height = bottom - y;
    for (let at = 7 * Math.floor((x + y) / 7); at < right + bottom; at += 7)
      d += `M${short(at - y - height)} ${short(bottom)}L${short(at - y)} ${short(y)}`;
  } else
    for (let row = 5 * Math.ceil(y / 5); row < bottom; row += 5)
      for (let at = 5 * Math.ceil(x / 5); at < right; at += 5) d += `M${at} ${row}h0`;
  const stroke = hatched ? 'stroke-width="1.3"' : 'stroke-width="1.8" stroke-linecap="round"';
  return `<clipPath id="${id}"><path d="${outline}"/></clipPath><path d="${d}" fill="none" stroke="${colour}" ${stroke} clip-path="url(#${id})"/>`;
}

/**
 * A field with the mark of its provenance.
 * @param id of its mask, unique in the page
 */
export function fieldSvg(
  provenance: Provenance | null,
  colour: string,
  box: { left: number; top: number; right: number; bottom: number },
  id: string,
): string {
  const [x, y, right, bottom] = [box.left, box.top, box.right, box.bottom];
  const outline = `M${short(x)} ${short(y)}H${short(right)}V${short(bottom)}H${short(x)}z`;
  return (
    `<path d="${outline}" fill="${colour}" fill-opacity="${groundOf(provenance)}" stroke="${colour}"/>` +
    texture(provenance, colour, { x, y, right, bottom }, outline, id)
  );
}

/** Rows of entries as wide as the sheet. */
function legendOf(plot: Plot, resolve: (c: string) => string, id: string, width: number): string[] {
  const rows: string[] = [];
  let [row, x] = ['', 0];
  plot.lines.forEach(({ line, label, raw }, i) => {
    if (raw || line.edge) return;
    const colour = resolve(line.colour);
    const indent = plot.stacked ? 20 : 32;
    const entry = indent + 6 * label.length + 20;
    if (x > 0 && x + entry > width - 16) {
      rows.push(row);
      [row, x] = ['', 0];
    }
    const mark = plot.stacked
      ? fieldSvg(line.provenance ?? null, colour, { left: x, top: -8, right: x + 14, bottom: 2 }, `${id}-${i}-legend`) // prettier-ignore
      : sampleSvg(line, colour, x, -3);
    row += `${mark}<text x="${x + indent}" y="0" fill="${resolve('var(--ink-soft)')}">${escaped(label)}</text>`;
    x += entry;
  });
  if (row) rows.push(row);
  return rows;
}
