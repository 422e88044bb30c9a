import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../src-main/trainer/engine/engine.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import type { Tensor } from '../../../src-main/trainer/engine/tf.ts';
import {
  openProbabilities,
  openProbability,
  sampledGates,
  settledGates,
} from '../../../src-main/trainer/models/hard-concrete.ts';
import { golden } from '../../fixtures/golden.ts';
import { compute, openEngines } from './attention/compute.ts';

const vectors = golden<{
  log_alpha: number[];
  u: number[];
  z: number[];
  P_nonzero: number[];
  dz_dlogalpha: number[];
  dP_dlogalpha: number[];
  z_eval: number[];
}>('hard_concrete');

let engines: [string, Engine][];
beforeAll(async () => void (engines = await openEngines()));

const near = (actual: ArrayLike<number>, expected: number[]) =>
  expected.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 6));

describe('hard-concrete gates', () => {
  it('are the golden ones with their gradients, captured and eager', async () => {
    for (const [, engine] of engines) {
      const result = await compute(
        engine,
        { logAlpha: vectors.log_alpha, noise: vectors.u },
        ({ logAlpha, noise }) => {
          const gate = (t: Tensor) => sampledGates(t, noise!);
          return {
            z: gate(logAlpha!),
            open: openProbabilities(logAlpha!),
            settled: settledGates(logAlpha!),
            dz: tf.grad((t) => gate(t).sum())(logAlpha!),
            dOpen: tf.grad((t) => openProbabilities(t).sum())(logAlpha!),
          };
        },
      );
      near(result.z!, vectors.z);
      near(result.open!, vectors.P_nonzero);
      near(result.settled!, vectors.z_eval);
      near(result.dz!, vectors.dz_dlogalpha);
      near(result.dOpen!, vectors.dP_dlogalpha);
    }
    near(vectors.log_alpha.map(openProbability), vectors.P_nonzero);
  });

  it('are open as often as they say', async () => {
    const draws = Array.from({ length: 4000 }, (_, i) => (i + 0.5) / 4000);
    const { z } = await compute(engines[0]![1], { noise: draws }, ({ noise }) => ({
      z: sampledGates(tf.fill([4000], -1), noise!),
    }));
    const open = Array.from(z!).filter((gate) => gate > 0).length / 4000;
    expect(open).toBeCloseTo(openProbability(-1), 3);
  });
});
