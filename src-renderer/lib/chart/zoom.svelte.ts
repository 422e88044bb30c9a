/** The stretch of x that the charts of a group show; kept until the window closes, a reload included. */
import type { Range } from './range.ts';

export class Zoom {
  /** Null: all there is. */
  range = $state.raw<Range | null>(null);
  readonly #key: string;

  constructor(group: string) {
    this.#key = `hugginggreen.zoom.${group}`;
    this.range = remembered(this.#key);
  }

  set(range: Range | null) {
    this.range = range;
    if (range) sessionStorage.setItem(this.#key, JSON.stringify(range));
    else sessionStorage.removeItem(this.#key);
  }
}

function remembered(key: string): Range | null {
  try {
    const range = JSON.parse(sessionStorage.getItem(key) ?? 'null') as unknown;
    return Array.isArray(range) && range.length === 2 && range.every(Number.isFinite)
      ? (range as unknown as Range)
      : null;
  } catch {
    return null;
  }
}

// eslint-disable-next-line svelte/prefer-svelte-reactivity -- written while a page is drawn, never watched
const zooms = new Map<string, Zoom>();

export function zoomOf(group: string): Zoom {
  let zoom = zooms.get(group);
  if (!zoom) zooms.set(group, (zoom = new Zoom(group)));
  return zoom;
}
