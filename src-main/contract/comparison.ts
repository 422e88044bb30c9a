/** Runs beside each other, and what tests of repeats say of them. */
import type {
  Doubt,
  GroupComparison,
  GroupSummary,
  Interval,
  Split,
  Standing,
  Verdict,
} from '../core/statistics/index.ts';
import type { ComparedRun, RunSummary } from './runs.ts';

/** A line of a comparison: one quantity over all runs, the first run being the baseline. */
export interface ComparisonRow {
  key: string;
  label: string;
  unit: string | null;
  group: 'result' | 'energy' | 'config';
  values: (number | string | boolean | null)[];
  /** Half width of the band, same unit; 0 of what is exact, null where none is known. */
  uncertainty: (number | null)[];
  /** A single value has a band of its own, of sensors or of so many images, that repeats do not average away. */
  banded: boolean;
  /** What the scores are of; null for what is no score. */
  splits: (Split | null)[] | null;
  /** What keeps the difference to the first from being called better or worse; null where nothing does. */
  doubts: (Doubt | null)[];
  /** Which direction is better; null when neither is. */
  better: 'lower' | 'higher' | null;
  differs: boolean;
}

export interface Comparison {
  /** The first is the baseline. */
  runs: RunSummary[];
  /** Asked for and left out: warm-ups beside other runs. */
  warmUps: { id: number; name: string }[];
  /** Compared, and left out of the statistics: copies at another price, which measured nothing anew. */
  copies: { id: number; name: string; copyOf: number }[];
  /** Runs during which other programs were at work, and their part of all processors. */
  others: { id: number; percent: number }[];
  rows: ComparisonRow[];
  /** Every run is in one; the group of the first run comes first. */
  groups: ComparisonGroup[];
  /**
   * `rows` with a column per group: means, in the band of their sensors or images with half of the 95 % t interval
   * from three runs on, half of the range of two.
   */
  groupRows: ComparisonRow[];
  /** Runs that can have no settings, which commands and imports are: they differ from nothing in any. */
  withoutSettings: number[];
  tradeOff: TradeOff;
  /** Null where there is neither a group of three finished runs nor a second group. */
  repeats: RepeatedRuns | null;
}

/** A comparison with the runs that it was made of. */
export interface SideBySide {
  comparison: Comparison;
  /** Every run that was asked for, in that order. */
  details: ComparedRun[];
}

/** Runs that repeat each other, under a name that no other group of the comparison has. */
export interface ComparisonGroup {
  name: string;
  ids: number[];
}

/** Energy against macro F1, by groups (method H.2). */
export interface TradeOff {
  points: (ComparisonGroup & {
    /** Runs that have both. */
    n: number;
    /** Means. */
    wh: number;
    /** 0..1. */
    f1: number;
    /** What the F1 is of; null where that is not known. */
    split: Split | null;
    /** Bands of the means, as in the table; null where none is known. */
    whInterval: Interval | null;
    f1Interval: Interval | null;
    standing: Standing;
  })[];
  /** Energy of the dearest point: up to here the hypervolume counts. */
  limitWh: number;
  /** Share of the area from 0 to `limitWh` and from F1 0 to 1 that the front covers; null without points. */
  hypervolume: number | null;
}

/** Runs with the same config but for seed and name, taken together. */
export interface RepeatedRuns {
  /** The one of the first run is the baseline. */
  groups: {
    name: string;
    ids: number[];
    /** Energy and macro F1. */
    quantities: (GroupSummary & { what: string; unit: string })[];
  }[];
  /** Every other group against the baseline, in every quantity; one correction over all tests. */
  comparisons: GroupComparison[];
  /** What they come down to: a sentence per group, to be quoted. */
  verdicts: Verdict[];
}
