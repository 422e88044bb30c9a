/**
 * Who draws from which random stream.
 *
 * Every draw comes from `new Sfc32(seed, stream, index)`: the place in the run decides the numbers, no
 * generator has a state to save, and a resumed run goes on with exactly the draws it would have made.
 */
import { mix32 } from './data/prng.ts';

/** Streams 0, 1 and 2 belong to the splits of GreenSynth. */
export const randomStreams = {
  init: 16,
  /** index: epoch */
  shuffle: 17,
  /** seed: of the epoch; index: batch of the epoch */
  selectionApplied: 18,
  /** seed: of the epoch; index: image */
  selectionNoise: 19,
  /** seed: of the epoch; index: batch of the epoch */
  dropout: 20,
  /** As above, for evaluations that select patches as training does. */
  evaluationApplied: 21,
  evaluationNoise: 22,
  /** seed: of the epoch; index: image */
  augment: 23,
  randAugment: 24,
  /** seed: of the epoch; index: batch of the epoch */
  mix: 25,
  /** index: layer */
  calibration: 30,
  /** seed: of the epoch; index: batch of the epoch */
  headGates: 40,
  /** index: epoch */
  penalisedLayer: 41,
} as const;

/** A seed of its own for every epoch. */
export const epochSeed = (seed: number, epoch: number): number => mix32(seed + mix32(epoch + 1));
