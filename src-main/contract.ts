/**
 * The contract between the renderer and the host: every call, every event, every error code.
 *
 * The same list is spoken over Electron IPC and over WebSocket. It is all that the renderer may import
 * of `src-main`. Values are plain JSON: numbers, strings, null, arrays, objects; times are milliseconds
 * since 1970 (`...At`) or seconds since the start of the run; energy is in Wh, power in W, emissions in
 * gCO2e. Null means missing.
 */

// what is said
export * from './contract/calls.ts';
export * from './contract/errors.ts';
export * from './contract/events.ts';
export * from './contract/wire.ts';

// what is told of
export * from './contract/calibration.ts';
export * from './contract/checkpoints.ts';
export * from './contract/commands.ts';
export * from './contract/comparison.ts';
export * from './contract/costs.ts';
export * from './contract/curves.ts';
export * from './contract/datasets.ts';
export * from './contract/energy.ts';
export * from './contract/files.ts';
export * from './contract/intensity.ts';
export * from './contract/judgements.ts';
export * from './contract/machine.ts';
export * from './contract/matrices.ts';
export * from './contract/queue.ts';
export * from './contract/runs.ts';
export * from './contract/settings.ts';
export * from './experiment-config.ts';
export { stageEpochs } from './experiment-config/stage-epochs.ts';
export type { ComponentKind, CpuCurve, Inventory, Provenance, SourceStatus } from './meter/messages.ts'; // prettier-ignore
export type { Judge, Prediction } from './predictions.ts';
export type {
  DeltaSparsity,
  DetectionResult,
  EngineStatus,
  EvaluationResult,
  ImageSamples,
  PatchMap,
  PhaseName,
  Picture,
  SelectionPreview,
  Snapshot,
  StepMetrics,
  WatchedImage,
} from './trainer/messages.ts';

// what is worked out and worded alike on both sides
export * from './contract/actions.ts';
export * from './contract/budget.ts';
export * from './contract/command-line.ts';
export * from './contract/config-keys.ts';
export { exampleCaution, exampleMeaning } from './contract/example.ts';
export {
  energyMeanings,
  labelWords,
  leastCertain,
  provenances,
  sharesByLabel,
  withoutProgramWh,
} from './contract/energy-labels.ts';
export {
  figure,
  figureRange,
  share,
  span,
  spanRange,
  type FigureStyle,
  type Range,
} from './contract/figures.ts';
export * from './contract/meaningful-rows.ts';
export * from './contract/metric-keys.ts';
export { othersCaution } from './contract/other-programs.ts';
export * from './contract/run-ending.ts';
export * from './contract/run-query.ts';
export * from './contract/run-status.ts';
export { ColumnMeans, stack, stackOf, totalOf } from './contract/stack.ts';
export * from './contract/splits.ts';
export * from './contract/status-line.ts';
export * from './contract/sweep-words.ts';
export { decodeText } from './contract/text-encoding.ts';
export {
  bandOfMean,
  doubtOf,
  quotientHalfWidth,
  scoreHalfWidth,
  type Doubt,
} from './core/statistics/bands.ts';
export { studentQuantile } from './core/statistics/distributions.ts';
export { testNames } from './core/statistics/sentences.ts';
// the page shows means of groups that a person puts together by a search
export { meanInterval } from './core/statistics/tests.ts';
export { energyToReach } from './core/statistics/trade-off.ts';
export { foundIou, isRight, judges } from './predictions.ts';
