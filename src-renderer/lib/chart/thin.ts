/**
 * Thinning to what a screen can show: the lowest and the highest value of each pixel column, in their
 * order, so that no spike is lost. Done here and not by chart.js' decimation plugin, which replaces the
 * data it is given (chartjs/Chart.js#11929) and knows no gaps.
 */
import type { Maybe } from '../format/number.ts';
import type { Range } from './range.ts';

export interface Points {
  x: number[];
  y: (number | null)[];
}

/** At most about three points per column (min, max, and a null where a gap lies). `x` ascends. */
export function thin(x: readonly number[], y: readonly Maybe[], columns: number): Points {
  const n = Math.min(x.length, y.length);
  if (n <= 2 * columns || columns < 1) return asTheyAre(x, y, 0, n);
  return new Thinner([x[0] ?? 0, x[n - 1] ?? 0], columns).extend(x, y, n);
}

export function asTheyAre(
  x: readonly number[],
  y: readonly Maybe[],
  first: number,
  end: number,
): Points {
  const values: (number | null)[] = [];
  for (let i = first; i < end; i++) values.push(finite(y[i]));
  return { x: x.slice(first, end), y: values };
}

/**
 * Thins a series that grows: columns are parts of a range that stays, so those which are complete are
 * never looked at again.
 */
export class Thinner {
  readonly #points: Points = { x: [], y: [] };
  readonly #from: number;
  readonly #perColumn: number;
  /** Where the column begins that may still grow: in the series, and among the points. */
  #open: number;
  #settled = 0;
  #end: number;

  /** @param first index in the series of the first point that counts */
  constructor([from, to]: Range, columns: number, first = 0) {
    this.#from = from;
    this.#perColumn = (to - from || 1) / columns;
    this.#open = this.#end = first;
  }

  /** The points so far, to be read until the next call. `end`: index after the last one that counts. */
  extend(x: readonly number[], y: readonly Maybe[], end: number): Points {
    if (end === this.#end) return this.#points;
    this.#end = end;
    const out = this.#points;
    out.x.length = out.y.length = this.#settled;
    const put = (i: number) => {
      out.x.push(x[i] ?? 0);
      out.y.push(finite(y[i]));
    };
    for (let i = this.#open; i < end;) {
      const column = this.#columnOf(x[i] ?? 0);
      this.#open = i;
      this.#settled = out.x.length;
      let low = -1;
      let high = -1;
      let gap = -1;
      for (; i < end && this.#columnOf(x[i] ?? 0) === column; i++) {
        const value = finite(y[i]);
        if (value === null) {
          gap = i;
          continue;
        }
        if (low < 0 || value < (y[low] ?? 0)) low = i;
        if (high < 0 || value > (y[high] ?? 0)) high = i;
      }
      // in their order, each once
      const [earlier, later] = low < high ? [low, high] : [high, low];
      if (gap >= 0 && gap < earlier) put(gap);
      if (earlier >= 0) put(earlier);
      if (gap > earlier && gap < later) put(gap);
      if (later > earlier) put(later);
      if (gap > later) put(gap);
    }
    return out;
  }

  #columnOf(x: number): number {
    return Math.floor((x - this.#from) / this.#perColumn);
  }
}

const finite = (value: Maybe): number | null =>
  value != null && Number.isFinite(value) ? value : null;
