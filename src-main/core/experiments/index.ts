/** Experiments before they run: presets, the built-in example, checks and what they will cost. */
export { checkExperiment } from './check.ts';
export { exampleConfigs } from './example.ts';
export { forecast } from './forecast.ts';
export { presets } from './presets.ts';
