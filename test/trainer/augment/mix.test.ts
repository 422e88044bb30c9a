import { describe, expect, it } from 'vitest';
import { mixImages, mixOf, symmetricBeta } from '../../../src-main/trainer/augment/mix.ts';
import { Feeder } from '../../../src-main/trainer/batches.ts';
import { Sfc32 } from '../../../src-main/trainer/data/prng.ts';

const place = (stepInEpoch: number, seed = 7, epoch = 0) => ({ seed, epoch, stepInEpoch });
const drawn = (options: { mixup: number; cutmix: number }, steps = 400) =>
  Array.from({ length: steps }, (_, step) => mixOf(options, 16, 8, place(step))!);

describe('the share of an image in a mixture', () => {
  it.each([0.01, 0.2, 0.5, 0.51, 1, 4])('is Beta(%f, %f): mean 1/2 and its variance', (alpha) => {
    const random = new Sfc32(1, 2, 3);
    const n = 20_000;
    const values = Array.from({ length: n }, () => symmetricBeta(alpha, random));
    for (const value of values) expect(value >= 0 && value <= 1).toBe(true);
    const mean = values.reduce((a, b) => a + b) / n;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n;
    const wanted = 1 / (4 * (2 * alpha + 1));
    // four standard errors of the mean, and 4 % of the variance
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(wanted / n));
    expect(Math.abs(variance / wanted - 1)).toBeLessThan(0.04);
    if (alpha === 1) {
      // Beta(1, 1) is uniform: tenths of equal frequency
      const tenths = Array.from({ length: 10 }, (_, t) =>
        values.filter((v) => Math.floor(v * 10) === t),
      );
      for (const { length } of tenths) expect(Math.abs(length - n / 10)).toBeLessThan(200);
    }
  });
});

describe('mixtures of a batch', () => {
  it('depend on seed, epoch and batch only, and are none where neither kind is on', () => {
    const both = { mixup: 0.8, cutmix: 1 };
    const all = [place(0), place(1), place(0, 8), place(0, 7, 1)];
    const one = all.map((p) => JSON.stringify(mixOf(both, 16, 8, p)));
    expect(new Set(one).size).toBe(4);
    expect(all.map((p) => JSON.stringify(mixOf(both, 16, 8, p)))).toEqual(one);
    expect(mixOf({ mixup: 0, cutmix: 0 }, 16, 8, place(0))).toBeNull();
  });

  it('draw one kind per batch where both are on, each in half of them', () => {
    const kinds = drawn({ mixup: 0.8, cutmix: 1 }).map(({ box }) => box !== null);
    expect(Math.abs(kinds.filter(Boolean).length - 200)).toBeLessThan(50);
    expect(drawn({ mixup: 0.8, cutmix: 0 }).every(({ box }) => box === null)).toBe(true);
    expect(drawn({ mixup: 0, cutmix: 1 }).every(({ box }) => box !== null)).toBe(true);
  });

  it('pair no image with itself, and each shift about as often', () => {
    const shifts = drawn({ mixup: 1, cutmix: 0 }, 700).map(({ shift }) => shift);
    for (let shift = 1; shift < 8; shift++)
      expect(Math.abs(shifts.filter((s) => s === shift).length - 100)).toBeLessThan(45);
    expect(shifts).not.toContain(0);
  });

  const images = Uint8Array.from({ length: 4 * 48 }, (_, i) => (i * 37 + (i >> 4)) % 256);

  it('mixup blends every pixel by the share that the labels get', () => {
    const mixed = Uint8Array.from(images);
    mixImages(mixed, new Uint8Array(mixed.length), { shift: 3, share: 192 / 256, box: null }, 4, 4);
    mixed.forEach((v, i) => {
      const partner = images[(i + 3 * 48) % images.length]!;
      expect(v).toBe(Math.floor(0.75 * images[i]! + 0.25 * partner + 0.5));
    });
  });

  it('CutMix pastes a rectangle; the share is the area that is left', () => {
    let partial = 0;
    for (const mix of drawn({ mixup: 0, cutmix: 1 }, 100).map((m) => ({ ...m, shift: 1 }))) {
      const batch = Uint8Array.from({ length: 3 * 768 }, (_, i) => Math.floor(i / 768));
      mixImages(batch, new Uint8Array(batch.length), mix, 3, 16);
      for (let b = 0; b < 3; b++)
        for (let plane = 0; plane < 3; plane++) {
          const pixels = batch.subarray(b * 768 + plane * 256, b * 768 + (plane + 1) * 256);
          const [x0, y0, x1, y1] = mix.box!;
          pixels.forEach((v, i) => {
            const [x, y] = [i % 16, i >> 4];
            const pasted = x >= x0 && x < x1 && y >= y0 && y < y1;
            expect(v).toBe(pasted ? (b + 1) % 3 : b);
          });
          expect(pixels.filter((v) => v === b).length / 256).toBe(mix.share);
        }
      if (mix.share < 1 && mix.share > 0) partial++;
    }
    expect(partial).toBeGreaterThan(80);
  });

  it('hand the step the label of the partner and the share', () => {
    const split = { count: 4, images, labels: Int32Array.from([5, 6, 7, 8]), boxes: null };
    const feeder = new Feeder(
      {
        images: { shape: [3, 3, 4, 4], dtype: 'uint8' },
        labels: { shape: [3], dtype: 'int32' },
        otherLabels: { shape: [3], dtype: 'int32' },
        share: { shape: [], dtype: 'float32' },
      },
      split,
    );
    const indices = Uint32Array.from([3, 0, 2]);
    feeder.images(indices, { augmenter: null, mix: { shift: 1, share: 0, box: null } });
    const { feeds } = feeder;
    expect([...feeds.labels!]).toEqual([8, 5, 7]);
    expect([...feeds.otherLabels!]).toEqual([5, 7, 8]);
    expect([...feeds.share!]).toEqual([0]);
    // nothing of its own is left: the images of the partners
    expect([...feeds.images!.subarray(0, 48)]).toEqual([...images.subarray(0, 48)]);
  });
});
