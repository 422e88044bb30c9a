import { describe, expect, it } from 'vitest';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import type { Tensor, Tensor3D } from '../../../../src-main/trainer/engine/tf.ts';
import {
  delta,
  referencesOf,
  serpentinePredecessors,
  thresholded,
  zeroDeltas,
} from '../../../../src-main/trainer/models/attention/delta.ts';
import { standard } from '../../../../src-main/trainer/models/attention/standard.ts';
import { golden } from '../../../fixtures/golden.ts';
import { largestError } from '../../engine/reference.ts';
import { compute, flatten, openEngines, type Nested } from './compute.ts';

const expected = golden<
  Record<
    'X' | 'Wq' | 'Wk' | 'scores' | 'delta' | 'delta_thresholded' | 'scores_thresholded',
    Nested
  > & { tau: number; sparsity: number }
>('divit_delta');
const { X, Wq, Wk } = expected;

const TOLERANCE = 3e-6;

describe.each(await openEngines())('delta on %s', (_, engine) => {
  it('has the golden differences, scores and share of zeros', async () => {
    const outputs = await compute(engine, { X, Wq, Wk }, (inputs) => {
      const [X, Wq, Wk] = [inputs.X!, inputs.Wq!, inputs.Wk!] as unknown as tf.Tensor2D[];
      const first = X!.slice([0, 0], [1, 3]);
      const scores = (x: Tensor) =>
        tf.matMul(tf.matMul(x as tf.Tensor2D, Wq!), tf.matMul(x as tf.Tensor2D, Wk!), false, true);
      const delta = X!.sub(first);
      const kept = thresholded(delta, expected.tau);
      return {
        delta,
        delta_thresholded: kept,
        scores: scores(first.add(thresholded(delta, 0))),
        scores_thresholded: scores(first.add(kept)),
        sparsity: tf.scalar(1).sub(tf.step(kept.abs()).mean()),
      };
    });
    for (const name of [
      'delta',
      'delta_thresholded',
      'scores',
      'scores_thresholded',
      'sparsity',
    ] as const)
      expect(largestError(outputs[name]!, flatten(expected[name])), name).toBeLessThan(TOLERANCE);
  });

  it('refers to the patch before, or to the mean; class token and first patch to themselves', async () => {
    const tokens = [
      [
        [7, 70],
        [1, 10],
        [2, 20],
        [6, 60],
      ],
    ];
    const { previous, mean } = await compute(engine, { tokens }, ({ tokens }) => ({
      previous: referencesOf(tokens! as unknown as Tensor3D, 'previous'),
      mean: referencesOf(tokens! as unknown as Tensor3D, 'mean'),
    }));
    expect([...previous!]).toEqual([7, 70, 1, 10, 1, 10, 2, 20]);
    expect([...mean!]).toEqual([7, 70, 3, 30, 3, 30, 3, 30]);
  });

  const references = ['previous', 'serpentine', 'mean'] as const;
  const tokens = Array.from({ length: 2 }, (_, b) =>
    Array.from({ length: 10 }, (_, i) =>
      Array.from({ length: 4 }, (_, c) => Math.sin(1 + 3.7 * b + 1.3 * i + 0.7 * c * i)),
    ),
  );

  /** Attention of one head over those tokens. */
  const attended = (attend: typeof delta.attend, reference: (typeof references)[number]) =>
    compute(engine, { tokens }, ({ tokens }) => {
      const x = tokens! as unknown as Tensor3D;
      const phases: Record<string, number> = { q: 1, k: 2, v: 3 };
      const weights = (name: string): number[] =>
        Array.from({ length: 12 }, (_, i) => Math.sin(1.9 * i + phases[name]!));
      const project = (name: string, from: Tensor = x): tf.Tensor4D =>
        tf
          .matMul(from.reshape<tf.Tensor2D>([20, 4]), tf.tensor2d(weights(name), [4, 3]))
          .reshape([2, 1, 10, 3]);
      let told: Record<string, Tensor> = {};
      const out = attend(
        {
          tokens: x,
          project,
          parameter: () => tf.scalar(0),
          onZeroDeltas: ({ thresholded, in8Bits }) => (told = { thresholded, in8Bits }),
        },
        { kind: 'delta', reference, threshold: 0 },
      );
      return { out, ...told };
    });

  it.each(references)('loses nothing at threshold 0, with %s as reference', async (reference) => {
    const plain = await attended(
      (input) => standard.attend(input, { kind: 'standard', normaliser: 'softmax' }),
      reference,
    );
    const { out, thresholded, in8Bits } = await attended(delta.attend, reference);
    expect(largestError(out!, [...plain.out!])).toBeLessThan(TOLERANCE);
    // no two tokens are alike, and few differences are as small as a 254th of the largest
    expect([...thresholded!]).toEqual([0, 0]);
    expect(Math.max(...in8Bits!)).toBeLessThan(0.1);
  });

  it('passes gradients to the patches it refers to, winding or not', async () => {
    const slopes = (reference: (typeof references)[number]) =>
      compute(engine, { tokens }, ({ tokens }) => ({
        slope: tf.grad((t) => {
          const rows = referencesOf(t as Tensor3D, reference);
          return rows.mul(tf.range(0, 10).reshape([1, 10, 1])).sum();
        })(tokens!),
      }));
    const { slope: straight } = await slopes('previous');
    const { slope: winding } = await slopes('serpentine');
    // token 0 and 1 refer to themselves, token i to i - 1: weights i + (i + 1 of the follower)
    const firsts = (slope: ArrayLike<number>) => Array.from({ length: 10 }, (_, i) => slope[i * 4]);
    expect(firsts(straight!)).toEqual([0, 3, 3, 4, 5, 6, 7, 8, 9, 0]);
    // 1 2 3 / 6 5 4 / 7 8 9: 3 is before 6, 4 before none but 7
    expect(firsts(winding!)).toEqual([0, 3, 3, 6, 7, 4, 5, 8, 9, 0]);
  });

  it('counts zeros among tokens that have a reference, after a threshold and in 8 bits', async () => {
    // one image: class token, first patch, then two compared patches of four channels
    const kept = [
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 254, 1, -1.5],
        [0.9, 0, -100, 2],
      ],
      [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
    ];
    const { row, mean, rounded } = await compute(engine, { kept }, ({ kept }) => {
      const given = kept! as unknown as Tensor3D;
      const previous = zeroDeltas(given, 'previous');
      return {
        row: previous.thresholded,
        mean: zeroDeltas(given, 'mean').thresholded,
        rounded: previous.in8Bits,
      };
    });
    expect([...row!]).toEqual([2 / 8, 1]);
    expect([...mean!].map((share) => share.toFixed(6))).toEqual(['0.500000', '0.666667']);
    // 0, 1, 0.9 and 0: half a step is 1
    expect([...rounded!]).toEqual([4 / 8, 1]);
  });
});

describe('serpentine order', () => {
  it('turns round at the end of every row', () => {
    //  1  2  3  4
    //  8  7  6  5
    //  9 10 11 12
    // 16 15 14 13, by the order walked
    const before = serpentinePredecessors(16);
    expect([...before]).toEqual([0, 1, 1, 2, 3, 6, 7, 8, 4, 5, 9, 10, 11, 14, 15, 16, 12]);
  });

  it.each([1, 3, 4, 7])('walks a grid of side %i from neighbour to neighbour, once', (side) => {
    const before = serpentinePredecessors(side ** 2);
    const place = (token: number) => [Math.floor((token - 1) / side), (token - 1) % side] as const;
    const followed = new Set<number>();
    for (let token = 2; token <= side ** 2; token++) {
      const [row, column] = place(token);
      const [rowBefore, columnBefore] = place(before[token]!);
      expect(Math.abs(row - rowBefore) + Math.abs(column - columnBefore)).toBe(1);
      followed.add(before[token]!);
    }
    expect(followed.size).toBe(side ** 2 - 1);
  });

  it('says that it needs the whole grid', () => {
    expect(() => serpentinePredecessors(12)).toThrow('12 are no square');
  });
});
