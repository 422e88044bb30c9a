import { describe, expect, it } from 'vitest';
import {
  imageSignatures,
  PathSignature,
  signatureSize,
} from '../../../src-main/trainer/models/signature.ts';
import { golden } from '../../fixtures/golden.ts';

const vectors = golden<{
  path: number[][];
  level: number;
  sig: number[];
  dims: Record<'C3_L2' | 'C3_L3' | 'C3_L4', number>;
}>('signature');

describe('a path signature', () => {
  it('has the golden numbers', () => {
    const values = new PathSignature(2, vectors.level).of(vectors.path.flat());
    values.forEach((value, i) => expect(value).toBeCloseTo(vectors.sig[i]!, 10));
    expect(values).toHaveLength(vectors.sig.length);
    expect([2, 3, 4].map((level) => signatureSize(3, level))).toEqual(Object.values(vectors.dims));
  });

  it('depends on nothing but the path: not on points added along a segment, nor on the one before', () => {
    const signature = new PathSignature(3);
    const straight = signature.of([0, 0, 0, 1, 2, 3, 0, 1, 5]).slice();
    signature.of([5, 4, 3, 2, 1, 0]);
    const stopped = signature.of([0, 0, 0, 0.25, 0.5, 0.75, 1, 2, 3, 0, 1, 5]);
    stopped.forEach((value, i) => expect(value).toBeCloseTo(straight[i]!, 10));
  });

  it('of a path that comes back the way it went is nothing', () => {
    const values = new PathSignature(3).of([0, 0, 0, 1, 2, 3, 0, 0, 0]);
    values.forEach((value) => expect(value).toBeCloseTo(0, 12));
  });
});

describe('signatures of an image', () => {
  const size = 4;
  const bytes = Uint8Array.from({ length: 3 * size * size }, (_, i) => (i * 89) % 256);
  const of = (image: number, columns: boolean, from = bytes): Float32Array => {
    const target = new Float32Array((columns ? 2 : 1) * image * 120);
    imageSignatures(from, { channels: 3, size, image, columns }, target);
    return target;
  };

  it('are those of its rows, in [0, 1]', () => {
    const row = [0, 1, 2, 3].flatMap((x) => [0, 1, 2].map((c) => bytes[c * 16 + 4 + x]! / 255));
    const expected = Float32Array.from(new PathSignature(3).of(row));
    expect(of(4, false).subarray(120, 240)).toEqual(expected);
  });

  it('and of its columns, which are the rows of the image turned over', () => {
    const turned = bytes.map((_, i) => bytes[(i & ~15) + (i & 3) * 4 + ((i >> 2) & 3)]!);
    expect(of(4, true).subarray(480)).toEqual(of(4, false, turned));
  });

  it('survive a resize of a flat image: nothing moves', () => {
    expect(
      of(
        8,
        false,
        bytes.map(() => 77),
      ).every((value) => value === 0),
    ).toBe(true);
  });
});
