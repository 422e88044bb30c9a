/** Energy against macro F1 as a drawing for paper; what the window has as a chart to point at. */
import type { TradeOff } from '../../src-main/contract.ts';
import { plainTick } from '../lib/chart/plot.ts';
import { siScale } from '../lib/format/number.ts';
import { runColour } from '../lib/format/words.ts';
import { axesOf, isoLines, labelsOf, stairs } from '../views/compare/trade-off.ts';

export const tradeOffTitle = 'Energy against macro F1';
export const tradeOffCaption =
  'Filled: on the front. Open: dominated, or possibly so while they differ by no more than their bands, or nobody can tell. Bars: the bands of the table. Dotted: equal F1 points per Wh.';

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
const short = (value: number): string => String(Math.round(value * 100) / 100);

/** @returns null where no group has both figures */
export function tradeOffSvg(
  { points }: TradeOff,
  {
    width,
    height,
    resolve,
    id,
    title,
    numbers,
  }: {
    width: number;
    height: number;
    resolve: (colour: string) => string;
    /** Set before the names of what is defined in it. */
    id: string;
    /** In a file of its own: title, font and ground. */
    title?: string;
    /** By the first id of a group, beside the points instead of names. */
    numbers?: ReadonlyMap<number, number>;
  },
): string | null {
  if (points.length === 0) return null;
  const above = title === undefined ? 0 : 20;
  const frame = { width, height: height + above, left: 50, right: 14, top: 14 + above, bottom: 36 };
  const axes = axesOf(points, frame);
  const scale = siScale(
    points.map(({ wh }) => wh),
    'Wh',
  );
  const labels = labelsOf(
    numbers
      ? points.map((point) => ({ ...point, name: String(numbers.get(point.ids[0] ?? 0) ?? '') }))
      : points,
    axes,
    frame,
  );
  const soft = resolve('var(--ink-soft)');
  const grid = resolve('var(--grid)');
  const [right, floor] = [width - frame.right, frame.height - frame.bottom];
  const text = (x: number, y: number, words: string, anchor: string, more = '') =>
    `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}" fill="${soft}"${more}>${escaped(words)}</text>`;
  const line = (x1: number, y1: number, x2: number, y2: number, colour: string, more = '') =>
    `<line x1="${short(x1)}" y1="${short(y1)}" x2="${short(x2)}" y2="${short(y2)}" stroke="${colour}"${more}/>`;

  const yTicks = axes.y.ticks.map((tick) => {
    const y = axes.placeY(tick);
    return line(frame.left, y, right, y, grid) + text(frame.left - 6, y + 3.5, plainTick(tick), 'end'); // prettier-ignore
  });
  const room = Math.max(1, Math.floor((right - frame.left) / 48));
  const every = Math.ceil(axes.x.ticks.length / room);
  const xTicks = axes.x.ticks.map((tick, i) => {
    const x = axes.placeX(tick);
    const label = i % every === 0 ? text(x, floor + 13, plainTick(tick * scale.factor), 'middle') : ''; // prettier-ignore
    return line(x, frame.top, x, floor, grid) + label;
  });
  const isos = isoLines(axes).map(({ value, points: at }) => {
    const [x, y] = at.at(-1)!;
    return (
      `<polyline points="${at.map((place) => place.map(short).join()).join(' ')}" fill="none" stroke="${resolve('var(--line-strong)')}" stroke-dasharray="1 4"/>` +
      text(Math.min(x, right - 4), Math.max(y - 4, frame.top - 3), value.toLocaleString('en-GB'), 'end', ' font-size="9"') // prettier-ignore
    );
  });
  const marks = points.map(({ ids, wh, f1, whInterval, f1Interval, standing }, i) => {
    const [x, y] = [axes.placeX(wh), axes.placeY(f1)];
    const colour = resolve(runColour(ids[0] ?? 1));
    const label = labels[i];
    return [
      whInterval && line(axes.placeX(Math.max(whInterval.low, axes.x.min)), y, axes.placeX(whInterval.high), y, colour, ' stroke-width="1.2"'), // prettier-ignore
      f1Interval && line(x, axes.placeY(Math.min(axes.y.max, f1Interval.high)), x, axes.placeY(Math.max(axes.y.min, f1Interval.low)), colour, ' stroke-width="1.2"'), // prettier-ignore
      `<circle cx="${short(x)}" cy="${short(y)}" r="4" fill="${standing === 'front' ? colour : resolve('var(--surface)')}" stroke="${colour}" stroke-width="1.5"/>`,
      label &&
        `<text x="${short(label.x)}" y="${short(label.y)}" text-anchor="${label.anchor}" fill="${resolve('var(--ink)')}">${escaped(label.text)}</text>`,
    ]
      .filter(Boolean)
      .join('');
  });
  const middle = (frame.top + floor) / 2;
  const alone = title !== undefined;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${frame.height}" width="${width}" height="${frame.height}" font-size="11"${alone ? ' font-family="system-ui, sans-serif" role="img"' : ' font-family="inherit"'}>`,
    alone
      ? `<title>${escaped(title)}</title><rect width="${width}" height="${frame.height}" fill="${resolve('var(--surface)')}"/><text x="8" y="16" font-weight="600" font-size="12" fill="${resolve('var(--ink)')}">${escaped(title)}</text>`
      : '',
    `<defs><clipPath id="${id}-plot"><rect x="${frame.left}" y="${frame.top}" width="${right - frame.left}" height="${floor - frame.top}"/></clipPath></defs>`,
    ...yTicks,
    ...xTicks,
    ...isos,
    text((frame.left + right) / 2, frame.height - 6, `Energy of one run (${scale.unit}), logarithmic`, 'middle'), // prettier-ignore
    text(12, middle, 'Macro F1', 'middle', ` transform="rotate(-90 12 ${short(middle)})"`),
    `<path d="${stairs(points, axes)}" fill="none" stroke="${soft}" stroke-width="1.5" clip-path="url(#${id}-plot)"/>`,
    ...marks,
    '</svg>',
  ].join('');
}

/** Whether every point has room for the name of its group. */
export function namesFit({ points }: TradeOff, width: number, height: number): boolean {
  const frame = { width, height, left: 50, right: 14, top: 14, bottom: 36 };
  return points.length === 0 || labelsOf(points, axesOf(points, frame), frame).every((label) => label !== null); // prettier-ignore
}
