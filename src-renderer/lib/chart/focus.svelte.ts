/** The chart that keys and the palette act on: the one that was touched last, of those that are shown. */
import { untrack } from 'svelte';

export interface ChartHandle {
  title: string;
  /** Null where it has none. */
  toggleLog: (() => void) | null;
  toggleTable: (() => void) | null;
  resetZoom: (() => void) | null;
  copy(): void;
}

let shown = $state.raw<readonly ChartHandle[]>([]);
/** What a page of charts does. */
export interface ChartPage {
  nextAxis(): void;
  /** Null where nothing can be marked. */
  mark: (() => void) | null;
}

let page = $state.raw<ChartPage | null>(null);
let touched = $state.raw<ChartHandle | null>(null);

export const charts = {
  /** Null where the page has none. */
  get current(): ChartHandle | null {
    return touched && shown.includes(touched) ? touched : (shown[0] ?? null);
  },
  get page(): ChartPage | null {
    return page;
  },
  setPage(own: ChartPage): () => void {
    page = own;
    return () => {
      if (page === own) page = null;
    };
  },
  add(handle: ChartHandle): () => void {
    // called in effects, which must not run again because of what they add
    untrack(() => (shown = [...shown, handle]));
    return () => {
      shown = shown.filter((other) => other !== handle);
    };
  },
  touch(handle: ChartHandle) {
    if (touched !== handle) touched = handle;
  },
};
