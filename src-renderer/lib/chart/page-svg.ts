/**
 * A part of the page as an SVG of its own: tables with bars, matrices and drawings leave the page as they stand
 * there. Boxes, texts and drawings are written down at their places with the colours that they have now.
 * Fields and buttons are left out, and so is what carries `data-undrawn`; a button with `data-drawn` stays.
 */
import type { Provenance } from '../../../src-main/contract.ts';
import { provenanceWords } from '../format/words.ts';
import { fieldSvg } from './chart-svg.ts';
import { plainColour, resolveColour } from './colours.ts';

/** Around what is drawn, in pixels. */
const margin = 8;

const controls = 'button:not([data-drawn]), input, select, [data-undrawn]';
/** What of its style a part of a drawing keeps. */
const strokes = ['stroke-width', 'stroke-dasharray', 'opacity'];
const letters = ['font-size', 'font-weight', 'text-anchor', 'paint-order'];
const provenances = Object.keys(provenanceWords) as Provenance[];
/** As it is when nothing is said. */
const usual: Record<string, string> = {
  'stroke-width': '1px',
  'stroke-dasharray': 'none',
  opacity: '1',
  'font-weight': '400',
  'text-anchor': 'start',
  'paint-order': 'normal',
};

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
const short = (value: number): string => String(Math.round(value * 100) / 100);

/** @param above a line over it, for what has no title on the page */
export function pageSvg(root: Element, title: string, above?: string): string {
  const sheet = new Sheet();
  sheet.element(root, everywhere);
  return sheet.svg(title, above);
}

const everywhere: Box = { left: -Infinity, top: -Infinity, right: Infinity, bottom: Infinity };

const shared = (a: Box, b: Box): Box => ({
  left: Math.max(a.left, b.left),
  top: Math.max(a.top, b.top),
  right: Math.min(a.right, b.right),
  bottom: Math.min(a.bottom, b.bottom),
});

class Sheet {
  readonly #parts: string[] = [];
  /** All that was drawn: what is scrolled to the side is on the sheet too. */
  readonly #box: Box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };

  element(element: Element, within: Box) {
    if (element.matches(controls)) return;
    const style = getComputedStyle(element);
    const isHidden = style.visibility === 'hidden' || style.clipPath.startsWith('inset(50%');
    if (style.display === 'none' || isHidden) return;
    const box = element.getBoundingClientRect();
    if (element instanceof SVGSVGElement) return this.#put(box, drawing(element, box));
    if (element instanceof HTMLCanvasElement) this.#put(box, picture(element, box));
    this.#ground(element, style, box);
    const inside = style.overflow === 'hidden' ? shared(within, box) : within;
    for (const child of element.childNodes)
      if (child instanceof Element) this.element(child, inside);
      else if (child instanceof Text) this.#text(child, style, inside);
  }

  svg(title: string, above?: string): string {
    const { left, right, bottom } = this.#box;
    const top = this.#box.top - (above ? 20 : 0);
    const [x, y] = [Math.floor(left) - margin, Math.floor(top) - margin];
    const [width, height] = [Math.ceil(right) + margin - x, Math.ceil(bottom) + margin - y];
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${x} ${y} ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" role="img">`,
      `<title>${escaped(title)}</title>`,
      `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${resolveColour('var(--surface)')}"/>`,
      above
        ? `<text x="${short(left)}" y="${short(top + 11)}" font-size="12" fill="${resolveColour('var(--ink)')}">${escaped(above)}</text>`
        : '',
      ...this.#parts,
      '</svg>',
    ].join('');
  }

  #put({ left, top, right, bottom }: Box, part: string) {
    const all = this.#box;
    this.#parts.push(part);
    all.left = Math.min(all.left, left);
    all.top = Math.min(all.top, top);
    all.right = Math.max(all.right, right);
    all.bottom = Math.max(all.bottom, bottom);
  }

  #ground(element: Element, style: CSSStyleDeclaration, box: DOMRect) {
    if (box.width === 0 || box.height === 0) return;
    const { classList } = element;
    const provenance = provenances.find((one) => classList.contains(one));
    if (classList.contains('mark') && provenance) {
      const colour = resolveColour(style.getPropertyValue('--mark'));
      this.#put(box, fieldSvg(provenance, colour, box, `mark-${this.#parts.length}`));
      return;
    }
    const ground = paintOf('fill', style.backgroundColor);
    if (ground) this.#put(box, `<rect ${places(box)}${ground} shape-rendering="crispEdges"/>`);
    const over = overprint(getComputedStyle(element, '::after'), box, `over-${this.#parts.length}`);
    if (over) this.#put(box, over);
    const sides = ['top', 'right', 'bottom', 'left'] as const;
    for (const side of sides) {
      const width = parseFloat(style.getPropertyValue(`border-${side}-width`));
      const stroke = paintOf('stroke', style.getPropertyValue(`border-${side}-color`));
      if (!width || !stroke) continue;
      const kind = style.getPropertyValue(`border-${side}-style`);
      const dash = kind === 'dashed' ? ' stroke-dasharray="3 2"' : '';
      this.#put(box, `<path d="${sideOf(box, side, width / 2)}"${stroke} stroke-width="${width}"${dash}/>`); // prettier-ignore
    }
  }

  #text(node: Text, style: CSSStyleDeclaration, within: Box) {
    const fill = paintOf('fill', style.color);
    if (!fill) return;
    const upwards = style.writingMode.startsWith('vertical');
    const align = style.textAlign;
    const anchor = upwards ? 'start' : /right|end/.test(align) ? 'end' : align === 'center' ? 'middle' : 'start'; // prettier-ignore
    const weight = style.fontWeight === '400' ? '' : ` font-weight="${style.fontWeight}"`;
    const rise = riseOf(style);
    for (const line of linesOf(node, upwards)) {
      const words = cut(line, within, upwards);
      if (!words) continue;
      const { left, top, right, bottom } = line;
      const x = upwards ? left + rise : anchor === 'end' ? right : anchor === 'middle' ? (left + right) / 2 : left; // prettier-ignore
      const y = upwards ? bottom : top + rise;
      const turn = upwards ? ` transform="rotate(-90 ${short(x)} ${short(y)})"` : '';
      this.#put(
        shared(line, within),
        `<text x="${short(x)}" y="${short(y)}" font-size="${parseFloat(style.fontSize)}"${weight}${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}${fill}${turn}>${escaped(words)}</text>`,
      );
    }
  }
}

const places = ({ left, top, right, bottom }: Box) =>
  `x="${short(left)}" y="${short(top)}" width="${short(right - left)}" height="${short(bottom - top)}"`;

/** ` fill="rgb(1, 2, 3)" fill-opacity="0.5"`; empty where nothing would be seen. */
function paintOf(what: 'fill' | 'stroke', css: string, opacity = 1): string {
  const { colour, alpha: own } = plainColour(css);
  const alpha = own * opacity;
  if (alpha === 0) return '';
  return ` ${what}="${colour}"${alpha < 1 ? ` ${what}-opacity="${short(alpha)}"` : ''}`;
}

/** Stripes or dots that lie over a box as its second cue beside its colour. */
function overprint(
  { content, backgroundImage }: CSSStyleDeclaration,
  box: Box,
  id: string,
): string {
  if (content === 'none' || backgroundImage === 'none') return '';
  const colour = resolveColour('var(--surface)');
  const [, angle] = /^repeating-linear-gradient\((-?\d+)deg/.exec(backgroundImage) ?? [];
  const mark = backgroundImage.startsWith('radial')
    ? `width="4" height="4"><circle cx="2" cy="2" r="1" fill="${colour}"/>`
    : `width="3" height="3" patternTransform="rotate(${angle ?? 0})"><rect width="3" height="1" fill="${colour}"/>`;
  return `<pattern id="${id}" patternUnits="userSpaceOnUse" ${mark}</pattern><rect ${places(box)} fill="url(#${id})"/>`;
}

/** A border's line, drawn along its middle. */
function sideOf(box: Box, side: 'top' | 'right' | 'bottom' | 'left', half: number): string {
  const [left, top] = [box.left + half, box.top + half].map(short);
  const [right, bottom] = [box.right - half, box.bottom - half].map(short);
  const [from, to] = [short(box.left), short(box.right)];
  if (side === 'top' || side === 'bottom') return `M${from} ${side === 'top' ? top : bottom}H${to}`;
  return `M${side === 'left' ? left : right} ${short(box.top)}V${short(box.bottom)}`;
}

interface TextLine extends Box {
  text: string;
}

/** The lines into which the page breaks a text. */
function linesOf(node: Text, upwards: boolean): TextLine[] {
  const lines: TextLine[] = [];
  const range = document.createRange();
  let end = 0;
  // a line may end after a hyphen, too
  for (const { 0: word, index } of node.data.matchAll(/[^\s-]+-*|-+/g)) {
    range.setStart(node, index);
    const gap = index > end ? ' ' : '';
    end = index + word.length;
    range.setEnd(node, end);
    const { left, top, right, bottom } = range.getBoundingClientRect();
    const last = lines.at(-1);
    if (last && Math.abs(upwards ? last.left - left : last.top - top) < 2) {
      last.text += gap + word;
      Object.assign(last, {
        left: Math.min(last.left, left),
        top: Math.min(last.top, top),
        right: Math.max(last.right, right),
        bottom: Math.max(last.bottom, bottom),
      });
    } else if (right > left && bottom > top) lines.push({ text: word, left, top, right, bottom });
  }
  return lines;
}

/** What of a line lies within: the page, too, ends it with dots. Empty: nothing. */
function cut({ text, left, top, right, bottom }: TextLine, within: Box, upwards: boolean): string {
  if (top >= within.bottom - 1 || bottom <= within.top + 1) return '';
  const seen = upwards
    ? (bottom - Math.max(top, within.top)) / (bottom - top)
    : (Math.min(right, within.right + 1) - left) / (right - left);
  if (seen >= 1) return text;
  const kept = Math.floor(text.length * seen) - 1;
  return kept > 0 ? `${text.slice(0, kept)}…` : '';
}

let measure: CanvasRenderingContext2D | null = null;

/** From the top of a text's box to its baseline. */
function riseOf({ font }: CSSStyleDeclaration): number {
  measure ??= document.createElement('canvas').getContext('2d');
  if (!measure) return 0;
  measure.font = font;
  return measure.measureText('').fontBoundingBoxAscent;
}

const picture = (canvas: HTMLCanvasElement, box: Box): string =>
  `<image ${places(box)} preserveAspectRatio="none" href="${canvas.toDataURL()}"/>`;

/** A drawing of the page by itself: its style lies in the sheets of the page. */
function drawing(svg: SVGSVGElement, box: DOMRect): string {
  const view = svg.viewBox.baseVal;
  const seen = view?.width ? ` viewBox="${view.x} ${view.y} ${view.width} ${view.height}"` : '';
  const parts = [...svg.children].map(part).join('');
  return `<svg ${places(box)}${seen} overflow="${getComputedStyle(svg).overflow === 'visible' ? 'visible' : 'hidden'}">${parts}</svg>`;
}

function part(element: Element): string {
  if (element.matches(controls)) return '';
  const style = getComputedStyle(element);
  if (style.display === 'none' && element.localName !== 'title') return '';
  // its address means something in the page only
  const name = element.localName === 'a' ? 'g' : element.localName;
  const left = /^(class|style|href|tabindex|role|aria-.*|data-.*|(stroke|fill)(-opacity)?)$/;
  const own = [...element.attributes]
    .filter((one) => !left.test(one.name) && usual[one.name] === undefined)
    .map((one) => ` ${one.name}="${escaped(one.value)}"`);
  const isGroup = name === 'g' || name === 'defs' || name === 'clipPath' || name === 'title';
  if (!isGroup) {
    own.push(paintOf('fill', style.fill, Number(style.fillOpacity)) || ' fill="none"');
    own.push(paintOf('stroke', style.stroke, Number(style.strokeOpacity)));
    const isText = name === 'text';
    for (const property of isText ? [...strokes, ...letters] : strokes) {
      const value = style.getPropertyValue(property);
      if (value !== usual[property]) own.push(` ${property}="${escaped(value)}"`);
    }
  } else if (style.opacity !== '1') own.push(` opacity="${style.opacity}"`);
  const inner = [...element.childNodes]
    .map((child) =>
      child instanceof Element ? part(child) : escaped(child.textContent?.trim() ?? ''),
    )
    .join('');
  return `<${name}${own.join('')}>${inner}</${name}>`;
}
