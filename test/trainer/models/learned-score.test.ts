import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../src-main/trainer/engine/engine.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import type { Tensor, Tensor2D, Tensor3D } from '../../../src-main/trainer/engine/tf.ts';
import {
  chooseByScore,
  keptGates,
  ratioLoss,
} from '../../../src-main/trainer/models/learned-score.ts';
import { gatherPatches } from '../../../src-main/trainer/models/patch-selection.ts';
import { compute, openEngines } from './attention/compute.ts';

let engines: [string, Engine][];
beforeAll(async () => void (engines = await openEngines()));

const scores = [
  [0.4, -1.2, 2, 0.1, -0.3],
  [1, 0.2, -0.5, 0.9, 0],
];
const tokens = scores.map((row, b) => row.map((_, j) => [0, 1, 2].map((i) => Math.sin(b + j + i))));
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe('the gate behind a learned choice', () => {
  it('changes no value and gives every kept patch the slope σ’(s) ⟨∂L/∂e’, e⟩', async () => {
    for (const [, engine] of engines) {
      const { gated, few, slope } = await compute(engine, { scores, tokens }, (inputs) => {
        const e = inputs.tokens as unknown as Tensor3D;
        const of = (s: Tensor): Tensor3D => {
          const kept = chooseByScore(s as Tensor2D, null, 2, 1);
          return gatherPatches(e, kept).mul(keptGates(s as Tensor2D, kept));
        };
        const s = inputs.scores as unknown as Tensor2D;
        return {
          gated: of(s),
          few: gatherPatches(e, chooseByScore(s, null, 2, 1)),
          // ∂L/∂e' = e'
          slope: tf.grad((t) => of(t).square().sum().mul(tf.scalar(0.5)))(s),
        };
      });
      expect(Array.from(gated!)).toEqual(Array.from(few!));
      const kept = [
        [0, 2],
        [0, 3],
      ];
      scores.forEach((row, b) =>
        row.forEach((score, j) => {
          const length = tokens[b]![j]!.reduce((sum, x) => sum + x * x, 0);
          const expected = kept[b]!.includes(j)
            ? sigmoid(score) * (1 - sigmoid(score)) * length
            : 0;
          expect(slope![b * 5 + j]).toBeCloseTo(expected, 6);
        }),
      );
    }
  });

  it('is held at the share that is kept', async () => {
    const { loss } = await compute(engines[0]![1], { scores }, ({ scores: s }) => ({
      loss: ratioLoss(s as unknown as Tensor2D, 2),
    }));
    const open = scores.map((row) => row.reduce((sum, x) => sum + sigmoid(x), 0) / 5);
    const expected = open.reduce((sum, mean) => sum + (mean - 0.4) ** 2, 0);
    expect(loss![0]).toBeCloseTo(expected, 6); // 2 x the mean of two
  });

  it('draws by softmax(s / τ): the colder, the surer', async () => {
    const draws = 4000;
    const noise = Array.from({ length: draws }, (_, b) =>
      [0, 1].map((j) => (((b + 1) * (j === 0 ? 0.6180339887 : 0.4142135623)) % 1) * 0.998 + 1e-3),
    );
    for (const temperature of [1, 0.25]) {
      const { kept } = await compute(engines[0]![1], { noise }, ({ noise: u }) => ({
        kept: chooseByScore(
          tf.zeros<tf.Rank.R2>([draws, 2]).add(tf.tensor2d([[0.4, 0]])),
          u as unknown as Tensor2D,
          1,
          temperature,
        ).cast('float32'),
      }));
      const first = Array.from(kept!).filter((place) => place === 0).length / draws;
      expect(Math.abs(first - sigmoid(0.4 / temperature))).toBeLessThan(0.03);
    }
  });
});
