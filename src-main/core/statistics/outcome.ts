/** What a statistic can say: its numbers, or why there are none. A missing result is never a number. */

export type NotTestable = {
  testable: false;
  why:
    | 'too-few'
    | 'too-many'
    /** All values are equal. */
    | 'no-spread'
    /** Pairs without a partner. */
    | 'unpaired'
    /** A ratio to 0, or to values of both signs. */
    | 'no-ratio';
  /** For people, a whole sentence. */
  sentence: string;
};

export type Outcome<Result> = ({ testable: true } & Result) | NotTestable;

export const notTestable = (why: NotTestable['why'], sentence: string): NotTestable => ({
  testable: false,
  why,
  sentence,
});

export interface Interval {
  low: number;
  high: number;
}

/** Below this a test rejects. */
export const significance = 0.05;
/** Fewer runs than this are reported as they are. */
export const fewestRuns = 3;
