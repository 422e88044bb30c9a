import { describe, expect, it } from 'vitest';
import { pictureDue, watchedImages } from '../../../src-main/trainer/pictures/choose.ts';
import { patchMap, watchedImage } from '../../../src-main/trainer/pictures/pixels.ts';

const chosen = (labels: number[], wanted: number) => [
  ...watchedImages({ labels: Int32Array.from(labels) }, wanted),
];

describe('the watched images', () => {
  it('are the first of classes spread over all of them', () => {
    const labels = Array.from({ length: 50 }, (_, i) => i % 10);
    expect(chosen(labels, 5)).toEqual([0, 2, 4, 6, 8]);
    expect(chosen(labels, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('take a second image of each class where there are fewer classes, and none twice', () => {
    expect(chosen([1, 1, 0, 0, 1], 4)).toEqual([2, 0, 3, 1]);
    expect(chosen([1, 1, 0, 0, 1], 9)).toEqual([2, 0, 3, 1, 4]);
    expect(chosen([7, 7, 7], 2)).toEqual([0, 1]);
  });
});

describe('pictures', () => {
  const epochs = ({
    epochs,
    first = 0,
    ...of
  }: {
    epochs: number;
    first?: number;
    evalEvery?: number;
    snapshots?: number;
  }) =>
    Array.from({ length: epochs }, (_, epoch) => first + epoch).filter((epoch) =>
      pictureDue(epoch, { evalEvery: 1, snapshots: 24, ...of, first, end: first + epochs }),
    );

  it('are taken after every evaluation while these are few', () => {
    expect(epochs({ epochs: 5 })).toEqual([0, 1, 2, 3, 4]);
    expect(epochs({ epochs: 7, evalEvery: 3 })).toEqual([2, 5, 6]);
    // evaluations count the epochs of the run, whatever stage it is in
    expect(epochs({ first: 5, epochs: 6, evalEvery: 2 })).toEqual([5, 7, 9, 10]);
    expect(epochs({ first: 1, epochs: 8, evalEvery: 1, snapshots: 5 })).toEqual([2, 4, 6, 8]);
  });

  it.each([30, 100, 301, 10_000])(
    'are at most so many of %i epochs, evenly, with the last',
    (n) => {
      const taken = epochs({ epochs: n });
      // one more comes before the first epoch
      expect(taken).toHaveLength(23);
      expect(taken.at(-1)).toBe(n - 1);
      const gaps = taken.map((epoch, i) => epoch - (taken[i - 1] ?? -1));
      expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
    },
  );
});

describe('what a page is given', () => {
  it('has numbers in 255 steps, and 0 where there is none', () => {
    const { cells, min, max } = patchMap(Float32Array.of(0.5, NaN, 0.25, 0.375));
    expect([...Buffer.from(cells, 'base64')]).toEqual([255, 0, 1, 128]);
    expect([min, max]).toEqual([0.25, 0.5]);
    const flat = patchMap(Float32Array.of(0.2, 0.2));
    expect([...Buffer.from(flat.cells, 'base64')]).toEqual([1, 1]);
  });

  it('has pixels beside each other, and boxes in units of the side', () => {
    const images = Uint8Array.from({ length: 12 }, (_, i) => i);
    const split = {
      count: 1,
      images,
      labels: Int32Array.of(1),
      boxes: Int16Array.of(0, 1, 1, 2),
    };
    const image = watchedImage(split, 0, { classes: ['a', 'b'], size: 2 });
    expect(image).toMatchObject({ label: 'b', side: 2, box: [0, 0.5, 0.5, 1] });
    expect([...Buffer.from(image.rgb, 'base64')]).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
  });

  it('has large images smaller, by the mean of what falls together', () => {
    const side = 256;
    const images = Uint8Array.from({ length: 3 * side * side }, (_, i) => (i % 2 ? 100 : 200));
    const split = { count: 1, images, labels: Int32Array.of(0), boxes: null };
    const image = watchedImage(split, 0, { classes: ['a'], size: side });
    expect(image.side).toBe(128);
    expect(new Set(Buffer.from(image.rgb, 'base64'))).toEqual(new Set([150]));
  });
});
