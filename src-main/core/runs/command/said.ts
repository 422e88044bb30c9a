/** What a command says of its training, whichever way it says it. */

export interface Values {
  /** Null where it was not told. */
  step: number | null;
  epoch: number | null;
  /** By name as the command calls them; null is NaN or infinite: a point that is missing. */
  values: Map<string, number | null>;
}

export type Said =
  /** A phase begins, and with it the one before ends. */
  | { type: 'phase'; name: string; epoch: number | null }
  | { type: 'phase end' }
  | ({ type: 'metric' } & Values)
  | ({ type: 'eval'; split: 'validation' | 'test' } & Values)
  /** So many images (samples) more were processed. */
  | { type: 'images'; count: number }
  | { type: 'total'; steps: number | null; epochs: number | null };

/** Steps and epochs beyond this are no counts. */
const largestCount = 1e12;

/** A whole number from 0; null where it is none. */
export const countOf = (value: number | null | undefined): number | null =>
  value != null && Number.isInteger(value) && value >= 0 && value <= largestCount ? value : null;

/**
 * The number of an epoch that may be told with a fraction (0.52 is within the first, 1.0 at its end);
 * null where it is none.
 */
export const epochOf = (value: number | null | undefined): number | null =>
  value != null && Number.isFinite(value) && value >= 0 ? countOf(Math.ceil(value)) : null;

/** Names longer than this are cut: they are shown in tables. */
export const longestName = 120;
