/** Statistics of repeated runs: pure functions, no dependencies (method H.2 to H.5). */
export {
  bandOfMean,
  doubtOf,
  quotientHalfWidth,
  scoreHalfWidth,
  type Banded,
  type Doubt,
  type Split,
} from './bands.ts';
export { medianInterval, percentileInterval, type Bootstrap } from './bootstrap.ts';
export {
  compareAll,
  compareGroups,
  compareToBaseline,
  type ComparisonOptions,
  type Family,
  type Group,
  type GroupComparison,
} from './comparison.ts';
export {
  cohenD,
  differenceOfMeans,
  hedgesG,
  pooledVariation,
  relativeChange,
  runsPerGroup,
  type Difference,
  type RelativeChange,
} from './effects.ts';
export { summariseGroup, type GroupSummary, type Quantity } from './group.ts';
export { mcnemar, mcnemarSentence, type PairedCounts } from './mcnemar.ts';
export type { Interval, NotTestable, Outcome } from './outcome.ts';
export { testNames, verdictsOf, type Verdict } from './sentences.ts';
export { shapiroWilk, type ShapiroWilk } from './shapiro-wilk.ts';
export {
  holm,
  mannWhitney,
  meanInterval,
  pairedT,
  welch,
  wilcoxonSignedRank,
  type RankTest,
  type TTest,
} from './tests.ts';
export {
  dominates,
  energyToReach,
  hypervolume,
  kwhPerF1Point,
  marginalKwhPerF1Point,
  paretoFront,
  standings,
  type GroupPoint,
  type Point,
  type Standing,
} from './trade-off.ts';
