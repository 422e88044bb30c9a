/**
 * What was worked out of a line for a chart of some width: thinned, averaged, summed into columns. The arrays of
 * a line only ever grow at their end (other values are other arrays), so a live chart looks at each point
 * once and never again at all of them.
 */
import type { Line } from './plot.ts';
import { indicesIn, type Range } from './range.ts';
import { centredAverage, centredColumns, MovingAverage, type Average } from './smooth.ts';
import { ColumnMeans } from '../../../src-main/contract.ts';
import { asTheyAre, thin, Thinner, type Points } from './thin.ts';

type Source = Pick<Line, 'x' | 'y' | 'mean'>;

export class LineMemory {
  readonly #source: Source;
  #most = 0;
  #seen = 0;
  readonly #thinner = new Kept<Thinner>();
  readonly #curve = new Kept<Thinner>();
  readonly #average = new Kept<MovingAverage>();
  readonly #centred = new Kept<ColumnMeans>();
  readonly #means = new Kept<ColumnMeans>();

  constructor(source: Source) {
    this.#source = source;
  }

  isOf({ x, y, mean }: Source): boolean {
    const own = this.#source;
    return own.x === x && own.y === y && own.mean?.y === mean?.y;
  }

  /** Largest absolute value. */
  get most(): number {
    const { y } = this.#source;
    for (; this.#seen < y.length; this.#seen++) {
      const value = Math.abs(y[this.#seen] ?? 0);
      if (value > this.#most) this.#most = value;
    }
    return this.#most;
  }

  thinned(range: Range, columns: number): Points {
    const { x, y } = this.#source;
    return this.#thin(this.#thinner, x, y, range, columns);
  }

  /**
   * Of all of the line, thinned.
   * @param scale in the unit of x
   * @param full all of x: what is shown of it does not change the average
   */
  smoothed(kind: Average, scale: number, full: Range, shown: Range, columns: number): Points {
    const source = this.#source.mean ?? this.#source;
    const { x, y } = source;
    if (kind === 'ema') {
      const average = this.#average.of(`${scale}`, () => new MovingAverage(scale));
      return this.#thin(this.#curve, x, average.extend(x, y), shown, columns, `${scale}`);
    }
    const means = this.#centred
      .of(`${full}`, () => new ColumnMeans(full, centredColumns))
      .extend(source, x.length);
    const perColumn = (full[1] - full[0]) / centredColumns;
    const average = centredAverage(means, kind, scale / perColumn);
    const [first, end] = indicesIn(average.x, shown);
    return thin(average.x.slice(first, end), average.y.slice(first, end), columns);
  }

  columnMeans(range: Range, n: number): ColumnMeans {
    const [first, end] = indicesIn(this.#source.x, range);
    const means = this.#means.of(`${range} ${n}`, () => new ColumnMeans(range, n, first));
    return means.extend(this.#source, end);
  }

  #thin(
    kept: Kept<Thinner>,
    x: readonly number[],
    y: readonly (number | null)[],
    range: Range,
    columns: number,
    more = '',
  ): Points {
    const [first, end] = indicesIn(x, range);
    if (end - first <= 2 * columns || columns < 1) return asTheyAre(x, y, first, end);
    const thinner = kept.of(
      `${range} ${columns} ${more}`,
      () => new Thinner(range, columns, first),
    );
    const points = thinner.extend(x, y, end);
    return { x: points.x.slice(), y: points.y.slice() };
  }
}

/** The last thing that was made, as long as it is asked for by the same name. */
class Kept<T> {
  #name = '';
  #value: T | null = null;

  of(name: string, make: () => T): T {
    if (this.#value === null || this.#name !== name) {
      this.#name = name;
      this.#value = make();
    }
    return this.#value;
  }
}

/** The memories of a chart's lines. */
export class PlotMemory {
  #lines = new Map<string, LineMemory>();

  /** In the order of the lines; what is not asked for any more is forgotten. */
  of(lines: readonly Line[]): LineMemory[] {
    const memories = lines.map((line) => {
      const known = this.#lines.get(line.key);
      return known?.isOf(line) ? known : new LineMemory(line);
    });
    this.#lines = new Map(lines.map(({ key }, i) => [key, memories[i]!]));
    return memories;
  }
}
