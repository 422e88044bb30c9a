/**
 * Time-weighted exponential moving average: each value counts `exp(-distance / scale)`, however many lie
 * between. So an uneven step, or a curve that was thinned, is smoothed alike everywhere, and the
 * beginning is no pull towards zero: the weights are those of the points that there are.
 */
/** Scale of the average as a share of the whole axis. */
export const smoothings = { off: 0, light: 0.005, medium: 0.02, strong: 0.08 } as const;
export type Smoothing = keyof typeof smoothings;

/** What it is called where its curve is. */
export const smoothingLabel = (kind: Smoothing): string =>
  kind === 'off' ? '' : `moving average (EMA, ${smoothings[kind] * 100} % of the axis)`;

/** Carried on where a series has grown: a value never depends on what comes after it. */
export class MovingAverage {
  readonly #scale: number;
  readonly #smooth: (number | null)[] = [];
  #sum = 0;
  #weight = 0;
  #last = 0;

  /** @param scale in the unit of `x` */
  constructor(scale: number) {
    this.#scale = scale;
  }

  /** As long as `x`, to be read until the next call; a missing value stays missing and carries no weight. */
  extend(x: readonly number[], y: readonly (number | null)[]): readonly (number | null)[] {
    const smooth = this.#smooth;
    for (let i = smooth.length; i < x.length; i++) {
      const value = y[i] ?? null;
      if (value === null) {
        smooth.push(null);
        continue;
      }
      const at = x[i] ?? this.#last;
      const distance = this.#weight > 0 ? Math.max(0, at - this.#last) : 0;
      const decay = this.#scale > 0 ? Math.exp(-distance / this.#scale) : 0;
      this.#last = at;
      this.#sum = this.#sum * decay + value;
      this.#weight = this.#weight * decay + 1;
      smooth.push(this.#sum / this.#weight);
    }
    return smooth;
  }
}
