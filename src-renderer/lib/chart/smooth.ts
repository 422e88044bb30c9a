/**
 * Three ways to smooth a curve. All of them go by distance on the axis and not by the number of points, so
 * that an uneven step, or a curve that was thinned, is smoothed alike everywhere; and the weights are those
 * of the points that there are, so that neither end is pulled towards zero.
 */
import type { ColumnMeans } from '../../../src-main/contract.ts';
import type { Points } from './thin.ts';

/** Scale as a share of the whole axis. */
export const smoothings = { off: 0, light: 0.005, medium: 0.02, strong: 0.08 } as const;
export type Smoothing = keyof typeof smoothings;

/**
 * `ema`: each value counts `exp(-distance / scale)`, of the past only. `mean`: all within the scale on either side
 * alike. `gaussian`: `exp(-distance² / 2 scale²)`.
 */
export const averages = {
  ema: 'moving average, past only (EMA)',
  mean: 'running mean',
  gaussian: 'Gaussian',
} as const;
export type Average = keyof typeof averages;

/** What it is called where its curve is: kind, and scale as a share of the axis. */
export function smoothingLabel(average: Average, strength: Smoothing): string {
  const share = `${smoothings[strength] * 100} % of the axis`;
  if (average === 'ema') return `moving average (EMA, ${share})`;
  return average === 'mean' ? `running mean (± ${share})` : `Gaussian average (σ ${share})`;
}

/** Columns of the axis over which a centred average is taken. */
export const centredColumns = 1000;
/** Beyond this many scales a Gaussian weight is nothing to be seen. */
const reach = 3;

/**
 * A value for each column that has any, in its middle; a missing reading stays a gap.
 * @param scale in columns
 */
export function centredAverage(
  means: ColumnMeans,
  average: 'mean' | 'gaussian',
  scale: number,
): Points {
  const { range, n, sums, counts, missing } = means;
  const far = Math.floor(average === 'mean' ? scale : reach * scale);
  const weights = Array.from({ length: far + 1 }, (_, distance) =>
    average === 'mean' ? 1 : Math.exp(-(distance ** 2) / (2 * scale ** 2)),
  );
  const perColumn = (range[1] - range[0]) / n;
  const points: Points = { x: [], y: [] };
  for (let column = 0; column < sums.length; column++) {
    if (counts[column] === 0 && !missing[column]) continue;
    points.x.push(range[0] + (column - 0.5) * perColumn);
    if (counts[column] === 0) {
      points.y.push(null);
      continue;
    }
    let [sum, weight] = [0, 0];
    const end = Math.min(sums.length - 1, column + far);
    for (let other = Math.max(0, column - far); other <= end; other++) {
      const by = weights[Math.abs(other - column)]!;
      sum += by * sums[other]!;
      weight += by * counts[other]!;
    }
    points.y.push(sum / weight);
  }
  return points;
}

/** Time-weighted exponential; carried on where a series has grown: no value depends on what comes after it. */
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
