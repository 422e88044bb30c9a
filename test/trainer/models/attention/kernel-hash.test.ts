import { describe, expect, it } from 'vitest';
import { Sfc32 } from '../../../../src-main/trainer/data/prng.ts';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import type { Tensor } from '../../../../src-main/trainer/engine/tf.ts';
import { anchorKernel, signs } from '../../../../src-main/trainer/models/attention/ecoformer.ts';
import {
  learnHash,
  supervision,
  type Rows,
} from '../../../../src-main/trainer/models/attention/kernel-hash.ts';
import { golden } from '../../../fixtures/golden.ts';
import { flatten, type Nested } from './compute.ts';

const { x, supervision: expected } = golden<{
  x: number[][][][];
  supervision: { topk: number; S: Nested[][] };
}>('attention_ecoformer');

/** Unit rows in a few clusters, so that near and far mean something. */
function clusters(shape: Rows['shape'], seed: number): Rows {
  const [images, heads, tokens, dim] = shape;
  const random = new Sfc32(seed, 0, 0);
  const around = () => random.unit() + random.unit() + random.unit() - 1.5;
  const centres = Array.from({ length: 4 }, () => Array.from({ length: dim }, around));
  const data = new Float32Array(images * heads * tokens * dim);
  for (let row = 0; row < data.length; row += dim) {
    const centre = centres[random.randint(4)]!;
    const values = centre.map((value) => value + 0.3 * around());
    const length = Math.hypot(...values);
    data.set(
      values.map((value) => value / length),
      row,
    );
  }
  return { shape, data };
}

const normal = (size: number, seed: number): Float32Array => {
  const random = new Sfc32(seed, 1, 0);
  return Float32Array.from(
    { length: size },
    () => Math.sqrt(-2 * Math.log(random.unit())) * Math.cos(2 * Math.PI * random.unit()),
  );
};

describe('supervision', () => {
  it('has the golden near and far pairs', () => {
    for (const [head, rows] of x[0]!.entries()) {
      const unit = rows.flatMap((row) => row.map((value) => value / Math.hypot(...row)));
      const s = supervision(Float32Array.from(unit), rows.length, expected.topk);
      expect([...s]).toEqual(flatten(expected.S[0]![head]!));
    }
  });

  it('tells every token as many near as far, itself near, also where tokens are few', () => {
    const { data, shape } = clusters([1, 1, 7, 5], 3);
    const s = supervision(data, shape[2], 10);
    for (let i = 0; i < 7; i++) {
      const row = [...s.subarray(i * 7, (i + 1) * 7)];
      expect(row.filter((value) => value === 1)).toHaveLength(3);
      expect(row.filter((value) => value === -1)).toHaveLength(3);
      expect(row[i]).toBe(1);
    }
  });
});

describe('learning the hash', () => {
  const [images, heads, tokens, dim] = [2, 2, 20, 5] as const;
  const rows = clusters([images, heads, tokens, dim], 1);
  const [bits, anchors] = [4, 7];
  const start = { hash: normal(heads * bits * anchors, 5), bits, anchors, keep: null };
  const learned = learnHash(rows, start, new Sfc32(1, 2, 3));

  it('takes different tokens of the head as anchors', () => {
    for (let head = 0; head < heads; head++) {
      const own = new Set(
        Array.from({ length: images * tokens }, (_, i) => {
          const row = ((Math.floor(i / tokens) * heads + head) * tokens + (i % tokens)) * dim;
          return rows.data.subarray(row, row + dim).join();
        }),
      );
      const taken = Array.from({ length: anchors }, (_, a) =>
        learned.anchors.subarray((head * anchors + a) * dim, (head * anchors + a + 1) * dim).join(),
      );
      expect(taken.every((row) => own.has(row))).toBe(true);
      expect(new Set(taken).size).toBe(anchors);
    }
  });

  it('does, bit by bit, what the formula of the method says', async () => {
    await tf.setBackend('cpu');
    const expectedHash: number[] = [];
    const expectedMean: number[] = [];
    for (let head = 0; head < heads; head++) {
      const { kernel, mean } = referenceKernel(head);
      expectedMean.push(...mean);
      for (const row of referenceBits(kernel, head)) expectedHash.push(...row);
    }
    learned.kernelMean.forEach((value, i) => expect(value).toBeCloseTo(expectedMean[i]!, 5));
    learned.hash.forEach((value, i) => expect(value).toBeCloseTo(expectedHash[i]!, 4));
    // something was learned at all
    expect([...learned.hash]).not.toEqual([...start.hash]);
  });

  it('gives near tokens more alike codes than far ones, more so than before', () => {
    const agreement = (hash: Float32Array): number => {
      const codes = codesOf(hash);
      let total = 0;
      for (let image = 0; image < images; image++)
        for (let head = 0; head < heads; head++) {
          const at = (image * heads + head) * tokens;
          const s = supervision(rows.data.subarray(at * dim, (at + tokens) * dim), tokens, 10);
          for (let i = 0; i < tokens; i++)
            for (let j = 0; j < tokens; j++)
              for (let bit = 0; bit < bits; bit++)
                total +=
                  s[i * tokens + j]! *
                  codes[(at + i) * bits + bit]! *
                  codes[(at + j) * bits + bit]!;
        }
      return total / (images * heads * tokens * bits);
    };
    const [before, after] = [agreement(start.hash), agreement(learned.hash)];
    expect(after).toBeGreaterThan(before);
    // 10 near and 10 far of each token: 20 were perfect
    expect(after).toBeGreaterThan(8);
  });

  it('is the same for the same draws, keeps anchors when told to, draws others otherwise', () => {
    expect(learnHash(rows, start, new Sfc32(1, 2, 3))).toEqual(learned);
    const other = learnHash(rows, start, new Sfc32(2, 2, 3));
    expect(other.anchors).not.toEqual(learned.anchors);
    const again = learnHash(rows, { ...start, keep: other.anchors }, new Sfc32(1, 2, 3));
    expect(again).toEqual(other);
  });

  it('survives more anchors than tokens, and tokens that are all one', () => {
    const few: Rows = { shape: [1, 1, 4, 3], data: clusters([1, 1, 4, 3], 2).data };
    const one: Rows = { shape: [1, 1, 4, 2], data: Float32Array.from([1, 0, 1, 0, 1, 0, 1, 0]) };
    for (const given of [few, one]) {
      const result = learnHash(
        given,
        { hash: normal(2 * 8, 1), bits: 2, anchors: 8, keep: null },
        new Sfc32(1, 1, 1),
      );
      for (const values of Object.values(result)) expect(values.every(Number.isFinite)).toBe(true);
    }
  });

  /** Codes of all tokens as the model computes them, [B, h, n, b]. */
  function codesOf(hash: Float32Array): Float32Array {
    return tf.tidy(() => {
      const batch = tf.zeros([images, 1, 1, 1]);
      const of = (values: Float32Array, shape: number[]) => batch.add(tf.tensor(values, shape));
      const kernel = anchorKernel(
        tf.tensor(rows.data, [...rows.shape]),
        of(learned.anchors, [1, heads, anchors, dim]),
      );
      const centred = kernel.sub(tf.tensor(learned.kernelMean, [1, heads, 1, anchors]));
      const projected = tf.matMul(centred, of(hash, [1, heads, bits, anchors]), false, true);
      return signs(projected).dataSync() as Float32Array;
    });
  }

  /** κ - κ̄ of a head by the model's own ops: [B, n, m]. */
  function referenceKernel(head: number): { kernel: Tensor; mean: number[] } {
    const all = anchorKernel(
      tf.tensor(rows.data, [...rows.shape]),
      tf.zeros([images, 1, 1, 1]).add(tf.tensor(learned.anchors, [1, heads, anchors, dim])),
    );
    const own = all.slice([0, head, 0, 0], [images, 1, tokens, anchors]).squeeze([1]);
    const mean = own.mean([0, 1]);
    return { kernel: own.sub(mean), mean: [...mean.dataSync()] };
  }

  /** The greedy learning with S as full matrices and tfjs's own gradients. */
  function referenceBits(kernel: Tensor, head: number): number[][] {
    const s = Array.from({ length: images }, (_, image) => {
      const at = (image * heads + head) * tokens * dim;
      return [...supervision(rows.data.subarray(at, at + tokens * dim), tokens, 10)];
    });
    let left: Tensor = tf.tensor(s.flat(), [images, tokens, tokens]).mul(tf.scalar(bits));
    const objective = (y: Tensor): Tensor =>
      tf
        .matMul(tf.matMul(y, left, true, false), y)
        .mean()
        .mul(tf.scalar(-1 / (tokens * bits)));
    const project = (a: Tensor): Tensor =>
      kernel
        .reshape([images * tokens, anchors])
        .mul(a)
        .sum(1)
        .reshape([images, tokens, 1]);
    const soft = (a: Tensor): Tensor => project(a).sigmoid().mul(tf.scalar(2)).sub(tf.scalar(1));
    const sign = (a: Tensor): Tensor =>
      tf
        .cast(tf.greaterEqual(project(a), tf.scalar(0)), 'float32')
        .mul(tf.scalar(2))
        .sub(tf.scalar(1));

    return Array.from({ length: bits }, (_, bit) => {
      const from = (head * bits + bit) * anchors;
      const before = tf.tensor1d(start.hash.slice(from, from + anchors));
      let a: Tensor = before;
      let velocity: Tensor = tf.zeros([anchors]);
      for (let step = 0; step < 100; step++) {
        const gradient = tf.grad((at) => objective(soft(at)))(a);
        velocity = velocity.mul(tf.scalar(0.9)).add(gradient);
        a = a.sub(gradient.add(velocity.mul(tf.scalar(0.9))).mul(tf.scalar(5e-4)));
      }
      const better = objective(sign(a)).dataSync()[0]! < objective(sign(before)).dataSync()[0]!;
      const kept = better ? a : before;
      const y = sign(kept);
      left = left.sub(tf.matMul(y, y, false, true));
      return [...kept.dataSync()];
    });
  }
});
