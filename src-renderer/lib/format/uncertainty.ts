/** Bands that are computed for display, each with the sentence that says how. */

/**
 * Half width of the 95 % interval of a score measured on `images` images, by the normal approximation
 * to the binomial. Exact for accuracy; for macro F1 the usual rough stand-in.
 */
export function scoreHalfWidth(score: number | null, images: number | null): number | null {
  if (score === null || !images) return null;
  return 1.96 * Math.sqrt((score * (1 - score)) / images);
}

/** Half width of a quotient a/b whose parts are independent: relative widths add in squares. */
export function quotientHalfWidth(
  [a, aHalf]: [number, number | null],
  [b, bHalf]: [number, number | null],
): number | null {
  if (a === 0 || b === 0 || (aHalf === null && bHalf === null)) return null;
  return Math.abs(a / b) * Math.hypot((aHalf ?? 0) / a, (bHalf ?? 0) / b);
}
