import { describe, expect, it } from 'vitest';
import {
  movedBox,
  operationNames,
  OperationRunner,
  strongest,
  type Box,
  type Operation,
  type OperationName,
} from '../../../src-main/trainer/augment/operations.ts';

const size = 9;
const area = size * size;

const apply = (planes: Uint8Array, name: OperationName, magnitude: number, negative = false) => {
  const changed = Uint8Array.from(planes);
  new OperationRunner(Math.sqrt(planes.length / 3)).apply(changed, { name, magnitude, negative });
  return changed;
};
/** [3, 9, 9], channels apart, all of the range in use. */
const picture = Uint8Array.from({ length: 3 * area }, (_, i) => (i * 73 + (i >> 3) * 11) % 256);
/** Every pixel has this colour. */
const plain = (r: number, g: number, b: number) =>
  Uint8Array.from({ length: 3 * area }, (_, i) => [r, g, b][Math.floor(i / area)]!);
const greyOf = (planes: Uint8Array, i: number) =>
  (77 * planes[i]! + 150 * planes[area + i]! + 29 * planes[2 * area + i]! + 128) >> 8;
const clamp = (v: number) => Math.min(255, Math.max(0, v));

describe('operations on the values of an image', () => {
  it('at magnitude 0 leave it, but for the two that have none', () => {
    for (const name of operationNames)
      for (const negative of [true, false])
        if (!['autocontrast', 'equalise'].includes(name))
          expect([name, ...apply(picture, name, 0, negative)]).toEqual([name, ...picture]);
  });

  it('autocontrast stretches each channel by itself', () => {
    const low = Uint8Array.from(picture, (v, i) => (i < area ? 100 + (v % 11) : 40));
    const changed = apply(low, 'autocontrast', 9);
    for (let i = 0; i < area; i++)
      expect(changed[i]).toBe(Math.round(((low[i]! - 100) * 255) / 10));
    // one value: nothing to stretch
    expect([...changed.subarray(area)]).toEqual([...low.subarray(area)]);
  });

  it('equalise gives four equal parts four equal steps', () => {
    // 256 pixels of each of four close values per channel, as Pillow's ImageOps.equalize maps them
    const close = Uint8Array.from({ length: 3 * 1024 }, (_, i) => 50 + (i % 4));
    const changed = apply(close, 'equalise', 9);
    // step 768 / 255 = 3; (1 + 256 n) / 3, at most 255
    expect([...changed.subarray(0, 4)]).toEqual([0, 85, 171, 255]);
    expect(new Set(changed).size).toBe(4);
    expect([...apply(plain(9, 8, 7), 'equalise', 9)]).toEqual([...plain(9, 8, 7)]);
  });

  it('solarise inverts what is at least 256 (1 - m / 30)', () => {
    expect([...apply(picture, 'solarise', 15)]).toEqual(
      Array.from(picture, (v) => (v >= 128 ? 255 - v : v)),
    );
    expect([...apply(picture, 'solarise', strongest)]).toEqual(Array.from(picture, (v) => 255 - v));
  });

  it('posterise keeps 8 - 4 m / 30 bits', () => {
    expect([...apply(picture, 'posterise', strongest)]).toEqual(
      Array.from(picture, (v) => v & 240),
    );
    expect([...apply(picture, 'posterise', 15)]).toEqual(Array.from(picture, (v) => v & 252));
  });

  const factors = [
    [strongest, false, 256 + 230],
    [strongest, true, 256 - 230],
    [10, false, 256 + 77],
  ] as const;

  it.each(factors)(
    'the four factors at magnitude %i, negative %s',
    (magnitude, negative, factor) => {
      const blended = (from: number, value: number) =>
        clamp(Math.floor((256 * from + (value - from) * factor + 128) / 256));
      expect([...apply(picture, 'brightness', magnitude, negative)]).toEqual(
        Array.from(picture, (v) => blended(0, v)),
      );
      expect([...apply(picture, 'colour', magnitude, negative)]).toEqual(
        Array.from(picture, (v, i) => blended(greyOf(picture, i % area), v)),
      );
      const greys = Array.from({ length: area }, (_, i) => greyOf(picture, i));
      const mean = Math.round(greys.reduce((a, b) => a + b) / area);
      expect([...apply(picture, 'contrast', magnitude, negative)]).toEqual(
        Array.from(picture, (v) => blended(mean, v)),
      );
      const smoothed = (i: number) => {
        let sum = 4 * picture[i]!;
        for (const dy of [-size, 0, size])
          for (const dx of [-1, 0, 1]) sum += picture[i + dy + dx]!;
        return Math.floor(sum / 13 + 0.5);
      };
      expect([...apply(picture, 'sharpness', magnitude, negative)]).toEqual(
        Array.from(picture, (v, i) => {
          const [y, x] = [Math.floor(i / size) % size, i % size];
          const edge = x === 0 || y === 0 || x === size - 1 || y === size - 1;
          return edge ? v : blended(smoothed(i), v);
        }),
      );
    },
  );

  it('grey stays grey, whatever is done to its colour', () => {
    const grey = Uint8Array.from(picture, (_, i) => picture[i % area]!);
    for (const negative of [true, false])
      expect([...apply(grey, 'colour', strongest, negative)]).toEqual([...grey]);
  });
});

/** A reference in floating point, from the definition: source = M (target - centre) + centre + d. */
function moved(planes: Uint8Array, m: [number, number, number, number], d: [number, number]) {
  const c = (size - 1) / 2;
  const at = (channel: number, x: number, y: number) =>
    x < 0 || y < 0 || x >= size || y >= size ? 0 : planes[channel * area + y * size + x]!;
  return Float64Array.from(planes, (_, i) => {
    const [channel, ty, tx] = [Math.floor(i / area), Math.floor(i / size) % size, i % size];
    const x = m[0] * (tx - c) + m[1] * (ty - c) + c + d[0];
    const y = m[2] * (tx - c) + m[3] * (ty - c) + c + d[1];
    const [x0, y0] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [x - x0, y - y0];
    const row = (yy: number) => at(channel, x0, yy) * (1 - fx) + at(channel, x0 + 1, yy) * fx;
    return row(y0) * (1 - fy) + row(y0 + 1) * fy;
  });
}

describe('operations that move pixels', () => {
  const angle = Math.PI / 6;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const shift = Math.round((150 / 331) * size);

  it.each<[OperationName, boolean, [number, number, number, number], [number, number]]>([
    ['rotate', false, [cos, sin, -sin, cos], [0, 0]],
    ['rotate', true, [cos, -sin, sin, cos], [0, 0]],
    ['shear-x', false, [1, 0.3, 0, 1], [0, 0]],
    ['shear-y', true, [1, 0, -0.3, 1], [0, 0]],
    ['translate-x', true, [1, 0, 0, 1], [-shift, 0]],
    ['translate-y', false, [1, 0, 0, 1], [0, shift]],
  ])('%s (negative: %s) is bilinear over black', (name, negative, m, d) => {
    const changed = apply(picture, name, strongest, negative);
    const wanted = moved(picture, m, d);
    // positions are kept in 256ths of a pixel: 255 x 2 / 256 at most, and the rounding
    changed.forEach((v, i) => expect(Math.abs(v - wanted[i]!)).toBeLessThan(2.6));
    if (name.startsWith('translate')) expect([...changed]).toEqual([...wanted]);
  });

  it('move a box with the pixels', () => {
    const side = 32;
    const lit = new Uint8Array(3 * side * side);
    const box: Box = [9, 6, 20, 17];
    for (let row = 0; row < 3 * side; row++)
      if (row % side >= box[1] && row % side < box[3])
        lit.fill(255, row * side + box[0], row * side + box[2]);
    for (const name of operationNames.filter((n) => /rotate|shear|translate/.test(n)))
      for (const magnitude of [4, 11, 23])
        for (const negative of [true, false]) {
          const operation: Operation = { name, magnitude, negative };
          const changed = apply(lit, name, magnitude, negative).subarray(0, side * side);
          // pixels of which at least half is lit
          const on = [...changed.keys()].filter((i) => changed[i]! >= 128);
          const [xs, ys] = [on.map((i) => i % side), on.map((i) => Math.floor(i / side))];
          const bounds = [
            Math.min(...xs),
            Math.min(...ys),
            Math.max(...xs) + 1,
            Math.max(...ys) + 1,
          ];
          const found = movedBox(box, operation, side);
          // the tip of a corner lights no pixel by half
          found.forEach((edge, i) => expect(Math.abs(edge - bounds[i]!)).toBeLessThanOrEqual(1.5));
          if (name.startsWith('translate')) expect(found).toEqual(bounds);
        }
  });

  it('leave a box of no area of what they move out', () => {
    const gone = movedBox(
      [0, 0, 3, 3],
      { name: 'translate-x', magnitude: 30, negative: false },
      32,
    );
    expect(gone).toEqual([0, 0, 0, 3]);
    // turned about the centre, its edge would come to lie across the image
    expect(movedBox(gone, { name: 'rotate', magnitude: 30, negative: false }, 32)).toEqual(gone);
    const still = movedBox([1, 2, 3, 4], { name: 'equalise', magnitude: 30, negative: false }, 32);
    expect(still).toEqual([1, 2, 3, 4]);
  });
});
