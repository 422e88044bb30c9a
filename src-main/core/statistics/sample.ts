/** Moments, medians and ranks of a few numbers. */

/** @throws where a value is not a finite number: a missing one must be left out, not passed as NaN. */
export function requireFinite(values: readonly number[], what = 'the sample'): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at >= 0)
    throw new RangeError(
      `Value ${at + 1} of ${what} is ${values[at]}: leave out runs without a number.`,
    );
}

export const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** NaN of an empty sample. */
export const mean = (values: readonly number[]): number => sum(values) / values.length;

/** Unbiased, with n - 1; NaN of fewer than two values. */
export function variance(values: readonly number[]): number {
  // exactly 0 for equal values, whatever the rounding of their mean
  if (values.length > 1 && values.every((value) => value === values[0])) return 0;
  const centre = mean(values);
  return sum(values.map((value) => (value - centre) ** 2)) / (values.length - 1);
}

export const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

export const median = (values: readonly number[]): number => medianOfSorted(ascending(values));

export function medianOfSorted(sorted: ArrayLike<number>): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Ranks from 1, equal values share the mean of theirs; and the sizes of those groups. */
export function ranks(values: readonly number[]): { ranks: number[]; ties: number[] } {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const result = new Array<number>(values.length);
  const ties: number[] = [];
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) result[order[i]!] = (start + 1 + end) / 2;
    if (end - start > 1) ties.push(end - start);
    start = end;
  }
  return { ranks: result, ties };
}
