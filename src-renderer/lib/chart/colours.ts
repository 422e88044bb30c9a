/** CSS colours for a canvas, which knows neither custom properties nor `light-dark()`. */
import type { Provenance } from '../../../src-main/contract.ts';

/** Resolves e.g. `var(--gpu)` as it looks on `element`. */
export function resolver(element: HTMLElement): (colour: string) => string {
  const probe = document.createElement('span');
  probe.hidden = true;
  element.append(probe);
  const resolve = (colour: string) => {
    probe.style.color = colour;
    return getComputedStyle(probe).color;
  };
  // the probe is only needed while colours are being asked for, in the same turn
  queueMicrotask(() => probe.remove());
  return resolve;
}

/** `rgb(1, 2, 3)` with another opacity. */
export const fade = (colour: string, alpha: number): string =>
  colour.replace(/^rgba?\(([^)]+)\)$/, (_, parts: string) => {
    const [r, g, b] = parts.split(/[ ,/]+/);
    return `rgb(${r} ${g} ${b} / ${alpha})`;
  });

/** The mark of a provenance as a canvas fill: solid, lighter solid, hatched, dotted. */
export function provenanceFill(
  colour: string,
  provenance: Provenance | null,
): string | CanvasPattern {
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
