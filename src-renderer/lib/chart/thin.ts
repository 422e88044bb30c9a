/**
 * Thinning to what a screen can show: the lowest and the highest value of each pixel column, in their
 * order, so that no spike is lost. Done here and not by chart.js' decimation plugin, which replaces the
 * data it is given (chartjs/Chart.js#11929) and knows no gaps.
 */
import type { Maybe } from '../format/number.ts';

export interface Points {
  x: number[];
  y: (number | null)[];
}

/** At most about three points per column (min, max, and a null where a gap lies). `x` ascends. */
export function thin(x: readonly number[], y: readonly Maybe[], columns: number): Points {
  const n = Math.min(x.length, y.length);
  if (n <= 2 * columns || columns < 1)
    return { x: x.slice(0, n), y: Array.from({ length: n }, (_, i) => finite(y[i])) };
  const first = x[0] ?? 0;
  const span = (x[n - 1] ?? first) - first || 1;
  const out: Points = { x: [], y: [] };
  const put = (i: number) => {
    out.x.push(x[i] ?? 0);
    out.y.push(finite(y[i]));
  };
  for (let i = 0; i < n;) {
    const column = columnOf(x[i] ?? 0, first, span, columns);
    let low = -1;
    let high = -1;
    let gap = -1;
    for (; i < n && columnOf(x[i] ?? 0, first, span, columns) === column; i++) {
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

const finite = (value: Maybe): number | null =>
  value != null && Number.isFinite(value) ? value : null;

const columnOf = (x: number, first: number, span: number, columns: number) =>
  Math.min(columns - 1, Math.floor(((x - first) / span) * columns));
