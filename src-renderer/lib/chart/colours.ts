/** CSS colours for a canvas, which knows neither custom properties nor `light-dark()`. */
import type { Provenance } from '../../../src-main/contract.ts';

const resolved = new Map<string, string>();
const fills = new Map<string, string | CanvasPattern>();
let watched = false;

/** E.g. `var(--gpu)` as it looks now; asked once for each theme, for it makes the browser lay out the page. */
export function resolveColour(colour: string): string {
  if (!watched) {
    watched = true;
    onThemeChange(() => {
      resolved.clear();
      fills.clear();
    });
  }
  let found = resolved.get(colour);
  if (found === undefined) {
    const probe = document.createElement('span');
    probe.hidden = true;
    probe.style.color = colour;
    document.body.append(probe);
    found = getComputedStyle(probe).color;
    probe.remove();
    resolved.set(colour, found);
  }
  return found;
}

/** `rgb(1, 2, 3)` with another opacity. */
export const fade = (colour: string, alpha: number): string =>
  colour.replace(/^rgba?\(([^)]+)\)$/, (_, parts: string) => {
    const [r, g, b] = parts.split(/[ ,/]+/);
    return `rgb(${r} ${g} ${b} / ${alpha})`;
  });

let pixel: CanvasRenderingContext2D | null = null;
const plain = new Map<string, { colour: string; alpha: number }>();

/**
 * Any computed colour as a file has it: mixed ones are in colour spaces that few programs read. Read back from the
 * canvas once for each, for a table asks for the same few with every cell.
 */
export function plainColour(css: string): { colour: string; alpha: number } {
  const known = plain.get(css);
  if (known) return known;
  const found = readColour(css);
  plain.set(css, found);
  return found;
}

function readColour(css: string): { colour: string; alpha: number } {
  pixel ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  if (!pixel || css === 'none') return { colour: 'none', alpha: 0 };
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = css;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha = 0] = pixel.getImageData(0, 0, 1, 1).data;
  return { colour: `rgb(${red}, ${green}, ${blue})`, alpha: alpha / 255 };
}

/** The mark of a provenance as a canvas fill: solid, lighter solid, hatched, dotted. */
export function provenanceFill(
  colour: string,
  provenance: Provenance | null,
): string | CanvasPattern {
  const key = `${colour} ${provenance}`;
  const known = fills.get(key);
  if (known !== undefined) return known;
  const fill = newFill(colour, provenance);
  fills.set(key, fill);
  return fill;
}

function newFill(colour: string, provenance: Provenance | null): string | CanvasPattern {
  if (provenance !== 'modelled' && provenance !== 'constant')
    return fade(colour, provenance === 'integrated' ? 0.55 : 0.8);
  const size = provenance === 'modelled' ? 6 : 5;
  const tile = document.createElement('canvas');
  tile.width = tile.height = size;
  const ctx = tile.getContext('2d');
  if (!ctx) return fade(colour, 0.4);
  ctx.fillStyle = fade(colour, 0.22);
  ctx.fillRect(0, 0, size, size);
  ctx.strokeStyle = ctx.fillStyle = colour;
  if (provenance === 'modelled') {
    ctx.lineWidth = 1.4;
    ctx.beginPath();
    for (const shift of [-size, 0, size]) {
      ctx.moveTo(shift - 1, size + 1);
      ctx.lineTo(shift + size + 1, -1);
    }
    ctx.stroke();
  } else {
    ctx.beginPath();
    ctx.arc(size / 2, size / 2, 0.9, 0, 2 * Math.PI);
    ctx.fill();
  }
  return ctx.createPattern(tile, 'repeat') ?? fade(colour, 0.4);
}

/** Calls back when the theme changes, by the system or by the setting. */
export function onThemeChange(hear: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', hear);
  const observer = new MutationObserver(hear);
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return () => {
    system.removeEventListener('change', hear);
    observer.disconnect();
  };
}
