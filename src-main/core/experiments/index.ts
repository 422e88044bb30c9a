/** Experiments before they run: presets, matrices, the built-in example, checks and what they will cost. */
export { createCosts, type Costs } from './costs.ts';
export { checkExperiment, warningsOf } from './check.ts';
export { exampleConfigs } from './example.ts';
export { forecast } from './forecast.ts';
export { loadConfig, loadGroup, loadName } from './load.ts';
export { expandMatrix, matrices, type Expansion } from './matrix.ts';
export { previewOf, type Judges } from './matrix-preview.ts';
export { gigabytes, memoryOf, memoryRefusal, type Memory } from './memory.ts';
export { presets } from './presets.ts';
export { createRehearsals, type Rehearsals } from './rehearse.ts';
export { runCost, shapeOf, type Place } from './run-cost.ts';
export { expandSweep, previewSweep, sweepId } from './sweep.ts';
