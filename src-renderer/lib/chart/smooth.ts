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

/** @param scale in the unit of `x`; a missing value stays missing and carries no weight */
export function movingAverage(
  x: readonly number[],
  y: readonly (number | null)[],
  scale: number,
): { x: readonly number[]; y: (number | null)[] } {
  let sum = 0;
  let weight = 0;
  let last = x[0] ?? 0;
  const smooth: (number | null)[] = new Array<null>(x.length).fill(null);
  for (let i = 0; i < x.length; i++) {
    const value = y[i] ?? null;
    if (value === null) continue;
    const at = x[i] ?? last;
    const decay = scale > 0 ? Math.exp(-Math.max(0, at - last) / scale) : 0;
    last = at;
    sum = sum * decay + value;
    weight = weight * decay + 1;
    smooth[i] = sum / weight;
  }
  return { x, y: smooth };
}
