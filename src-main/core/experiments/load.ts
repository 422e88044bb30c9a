/**
 * A training that does nothing but load the machine, for the calibration against a wall meter: steps of
 * one size without evaluation, until it is stopped. Its scores are no result, so it counts as a warm-up.
 */
import { parseExperimentConfig, type EngineName, type ExperimentConfig } from '../../contract.ts';
import type { NewMatrix } from '../store/types.ts';

export const loadName = 'Calibration load';
const epochs = 5000;

/** @param engine the one that will compute; null: not known yet */
export function loadConfig(engine: EngineName | null): ExperimentConfig {
  const onProcessor = engine === null || engine === 'cpu' || engine === 'wasm';
  const parsed = parseExperimentConfig({
    name: loadName,
    dataset: { kind: 'greensynth', train: 2_048, validation: 128, test: 128 },
    model: { kind: 'vit', image: 32, patch: 4, dim: 192, layers: 6, heads: 6, dimHead: 32 },
    // a graphics card shall not wait for its orders, and a processor shall end its step when it is stopped
    train: {
      epochs,
      batch: onProcessor ? 8 : 256,
      schedule: 'constant',
      evalEvery: epochs,
      checkpointEvery: epochs,
    },
    energy: { baselineSeconds: 0 },
  });
  if (!parsed.ok) throw new Error(`calibration load: ${parsed.issues[0]!.message}`);
  return parsed.config;
}

/** The group under which it is kept apart from results. */
export const loadGroup = (): NewMatrix => ({
  id: 'calibration',
  title: 'Calibration with a wall meter',
  order: {
    id: 'calibration',
    dataset: 'greensynth',
    geometry: 'native',
    repeats: 1,
    seeds: [42],
    epochs,
    arms: ['load'],
    warmUp: true,
  },
});
