/** Everything that can be asked of the store, by name. Reads get a connection that cannot write. */
import * as comparison from './comparison.ts';
import * as annotating from './annotations.ts';
import { checkpointsOf, scoresBySteps } from './checkpoints.ts';
import * as copying from './copies.ts';
import * as curving from './curve-writes.ts';
import * as intensity from './intensity.ts';
import * as intensityWriting from './intensity-writes.ts';
import { addMarker, removeMarker } from './markers.ts';
import * as pictures from './pictures.ts';
import * as predicted from './predictions.ts';
import * as pricing from './pricing.ts';
import * as reading from './reads.ts';
import * as lining from './queue.ts';
import * as placing from './queue-writes.ts';
import * as values from './run-values.ts';
import * as sampled from './sample-pages.ts';
import * as slicing from './slice-write.ts';
import * as joining from './slice-read.ts';
import { power, series, totals } from './series.ts';
import * as tallying from './step-tally.ts';
import { spentSince } from './spent.ts';
import * as removing from './removals.ts';
import * as viewing from './saved-views.ts';
import * as sweeping from './sweeps.ts';
import * as writing from './writes.ts';

export const reads = {
  ...reading,
  series,
  power,
  totals,
  ...tallying,
  runsWithoutCurves: curving.runsWithoutCurves,
  ...intensity,
  ...pricing,
  ...values,
  ...lining,
  checkpointsOf,
  scoresBySteps,
  savedViews: viewing.savedViews,
  removedRuns: removing.removedRuns,
  ...sampled,
  pictures: pictures.pictures,
  ...predicted,
  startedMatrix: sweeping.startedMatrix,
  openSweeps: sweeping.openSweeps,
  writeSlice: slicing.writeSlice,
  compare: comparison.compare,
  sideBySide: comparison.sideBySide,
  spentSince,
};
export const operations = {
  ...reads,
  ...writing,
  ...intensityWriting,
  ...copying,
  ...annotating,
  keepCurves: curving.keepCurves,
  ...removing,
  ...viewing,
  ...sweeping,
  addMarker,
  removeMarker,
  setWatched: pictures.setWatched,
  addSnapshot: pictures.addSnapshot,
  ...placing,
  joinSlice: joining.joinSlice,
};
