/**
 * The fourteen operations of RandAugment (Cubuk, Zoph, Shlens & Le 2020, arXiv 1909.13719), on the stored
 * uint8 planes of one image.
 *
 * The paper names them and leaves their numbers to AutoAugment's code. The ranges here are torchvision's;
 * the arithmetic is our own, in integers, so that every machine computes the same bytes. Magnitudes go from
 * 0 to 30: at 0 no operation but autocontrast and equalise changes anything, at 30 each is at its strongest.
 *
 * | operation       | what it does                               | at magnitude 30          |
 * | --------------- | ------------------------------------------ | ------------------------ |
 * | identity        | nothing                                    |                          |
 * | autocontrast    | stretches each channel to 0..255           | as at any other          |
 * | equalise        | flattens each channel's histogram          | as at any other          |
 * | solarise        | inverts values from a threshold on         | inverts all values       |
 * | posterise       | keeps the highest bits                     | 4 of 8 bits              |
 * | colour          | away from grey, or towards it              | by a factor of 1.9 / 0.1 |
 * | contrast        | away from the mean grey, or towards it     | by a factor of 1.9 / 0.1 |
 * | brightness      | away from black, or towards it             | by a factor of 1.9 / 0.1 |
 * | sharpness       | away from the smoothed image, or towards it | by a factor of 1.9 / 0.1 |
 * | rotate          | about the centre, either way               | 30 degrees               |
 * | shear-x, -y     | about the centre, either way               | 0.3                      |
 * | translate-x, -y | by whole pixels, either way                | 150 / 331 of the side    |
 *
 * Moved pixels are interpolated bilinearly; what is uncovered is black, as in a crop.
 */

/** In the order of the draws. */
export const operationNames = [
  'identity',
  'autocontrast',
  'equalise',
  'solarise',
  'posterise',
  'colour',
  'contrast',
  'brightness',
  'sharpness',
  'rotate',
  'shear-x',
  'shear-y',
  'translate-x',
  'translate-y',
] as const;
export type OperationName = (typeof operationNames)[number];

export const strongest = 30;

/** One operation as it was drawn. */
export interface Operation {
  name: OperationName;
  /** 0..30 */
  magnitude: number;
  /** The other way: darker, to the left; of no meaning to some. */
  negative: boolean;
}

/** In pixels, half-open: x1 and y1 are just outside. */
export type Box = [x0: number, y0: number, x1: number, y1: number];

/** -1..1 */
const shareOf = ({ magnitude, negative }: Operation): number =>
  ((negative ? -1 : 1) * magnitude) / strongest;

/** Applies operations to images of one size; holds the buffers which that needs. */
export class OperationRunner {
  readonly #size: number;
  /** The image before the operation, in a frame of one black pixel. */
  readonly #framed: Uint8Array;
  readonly #table = new Uint8Array(256);
  readonly #counts = new Uint32Array(256);

  /** @param size side of the images. */
  constructor(size: number) {
    this.#size = size;
    this.#framed = new Uint8Array(3 * (size + 2) ** 2);
  }

  /** Changes an image in place. @param planes [3, size, size]: red, green, blue. */
  apply(planes: Uint8Array, operation: Operation): void {
    const share = shareOf(operation);
    const factor = 256 + Math.round(256 * 0.9 * share);
    switch (operation.name) {
      case 'identity':
        return;
      case 'autocontrast':
        return this.#perChannel(planes, autocontrast);
      case 'equalise':
        return this.#perChannel(planes, equalise);
      case 'solarise': {
        const threshold = 256 - Math.round(256 * Math.abs(share));
        return this.#replace(planes, (v) => (v >= threshold ? 255 - v : v));
      }
      case 'posterise': {
        const dropped = Math.round(4 * Math.abs(share));
        return this.#replace(planes, (v) => (v >> dropped) << dropped);
      }
      case 'brightness':
        return this.#replace(planes, (v) => blend(0, v, factor));
      case 'contrast': {
        const mean = meanGrey(planes);
        return this.#replace(planes, (v) => blend(mean, v, factor));
      }
      case 'colour':
        return saturate(planes, factor);
      case 'sharpness':
        return this.#sharpen(planes, factor);
      default:
        return this.#move(planes, movement(operation, this.#size));
    }
  }

  /** Replaces every value by another. */
  #replace(planes: Uint8Array, of: (value: number) => number): void {
    const table = this.#table;
    for (let v = 0; v < 256; v++) table[v] = of(v);
    for (let i = 0; i < planes.length; i++) planes[i] = table[planes[i]!]!;
  }

  #perChannel(planes: Uint8Array, fill: (counts: Uint32Array, table: Uint8Array) => void): void {
    const area = planes.length / 3;
    const [counts, table] = [this.#counts, this.#table];
    for (let start = 0; start < planes.length; start += area) {
      counts.fill(0);
      for (let i = start; i < start + area; i++) counts[planes[i]!]!++;
      fill(counts, table);
      for (let i = start; i < start + area; i++) planes[i] = table[planes[i]!]!;
    }
  }

  #frame(planes: Uint8Array): Uint8Array {
    const size = this.#size;
    const framed = this.#framed;
    for (let channel = 0, from = 0; channel < 3; channel++)
      for (let y = 0; y < size; y++, from += size)
        framed.set(
          planes.subarray(from, from + size),
          (channel * (size + 2) + y + 1) * (size + 2) + 1,
        );
    return framed;
  }

  /** The smoothed image is (5 x centre + 8 neighbours) / 13; the outermost pixels stay as they are. */
  #sharpen(planes: Uint8Array, factor: number): void {
    const size = this.#size;
    const stride = size + 2;
    const framed = this.#frame(planes);
    for (let channel = 0; channel < 3; channel++)
      for (let y = 1; y < size - 1; y++) {
        let to = (channel * size + y) * size + 1;
        let i = (channel * stride + y + 1) * stride + 2;
        for (const end = to + size - 2; to < end; to++, i++) {
          const above = framed[i - stride - 1]! + framed[i - stride]! + framed[i - stride + 1]!;
          const below = framed[i + stride - 1]! + framed[i + stride]! + framed[i + stride + 1]!;
          const value = framed[i]!;
          const sum = above + framed[i - 1]! + 5 * value + framed[i + 1]! + below;
          planes[to] = blend(((2 * sum + 13) / 26) | 0, value, factor);
        }
      }
  }

  #move(planes: Uint8Array, { xx, xy, yx, yy, dx, dy }: Movement): void {
    const size = this.#size;
    const area = size * size;
    const stride = size + 2;
    const framed = this.#frame(planes);
    const [stepXX, stepXY, stepYX, stepYY] = [fixed(xx), fixed(xy), fixed(yx), fixed(yy)];
    // where the first pixel comes from; the centre is at (size - 1) / 2
    const middle = (size - 1) / 2;
    const firstX = fixed(middle + dx) - Math.round((stepXX + stepXY) * middle);
    const firstY = fixed(middle + dy) - Math.round((stepYX + stepYY) * middle);
    for (let y = 0, to = 0; y < size; y++) {
      let [fromX, fromY] = [firstX + stepXY * y, firstY + stepYY * y];
      for (let x = 0; x < size; x++, to++, fromX += stepXX, fromY += stepYX) {
        const [left, top] = [fromX >> 16, fromY >> 16];
        if (left < -1 || left >= size || top < -1 || top >= size) {
          planes[to] = planes[to + area] = planes[to + 2 * area] = 0;
          continue;
        }
        const [right, low] = [(fromX >> 8) & 255, (fromY >> 8) & 255];
        const weights00 = (256 - right) * (256 - low);
        const weights01 = right * (256 - low);
        const weights10 = (256 - right) * low;
        const weights11 = right * low;
        let i = (top + 1) * stride + left + 1;
        for (let channel = 0; channel < 3; channel++, i += stride * stride)
          planes[to + channel * area] =
            (weights00 * framed[i]! +
              weights01 * framed[i + 1]! +
              weights10 * framed[i + stride]! +
              weights11 * framed[i + stride + 1]! +
              32768) >>
            16;
      }
    }
  }
}

/** In 16.16 fixed point. */
const fixed = (value: number): number => Math.round(value * 65536);

/** Where pixels come from, relative to the centre: source = [xx xy; yx yy] target + (dx, dy). */
interface Movement {
  xx: number;
  xy: number;
  yx: number;
  yy: number;
  dx: number;
  dy: number;
}

const still: Movement = { xx: 1, xy: 0, yx: 0, yy: 1, dx: 0, dy: 0 };

/** Of the operations that move pixels; the others stand still. */
function movement(operation: Operation, size: number): Movement {
  const share = shareOf(operation);
  switch (operation.name) {
    case 'rotate': {
      const angle = (share * Math.PI) / 6;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      return { ...still, xx: cos, xy: sin, yx: -sin, yy: cos };
    }
    case 'shear-x':
      return { ...still, xy: 0.3 * share };
    case 'shear-y':
      return { ...still, yx: 0.3 * share };
    case 'translate-x':
      return { ...still, dx: Math.round((150 / 331) * size * share) };
    case 'translate-y':
      return { ...still, dy: Math.round((150 / 331) * size * share) };
    default:
      return still;
  }
}

/**
 * The bounds, within the image, of a box that has been moved with the pixels. Loose after a rotation or a
 * shear, which make of a box something else. A box that was moved out of the image has no area, and stays so.
 */
export function movedBox(box: Box, operation: Operation, size: number): Box {
  const { xx, xy, yx, yy, dx, dy } = movement(operation, size);
  const [x0, y0, x1, y1] = box;
  if (x1 <= x0 || y1 <= y0) return box;
  const middle = size / 2;
  const determinant = xx * yy - xy * yx;
  // source to target: the inverse of the movement
  const corners = [
    [x0, y0],
    [x1, y0],
    [x0, y1],
    [x1, y1],
  ].map(([x = 0, y = 0]) => {
    const [fromX, fromY] = [x - middle - dx, y - middle - dy];
    return {
      x: (yy * fromX - xy * fromY) / determinant + middle,
      y: (xx * fromY - yx * fromX) / determinant + middle,
    };
  });
  const within = (value: number): number => Math.min(size, Math.max(0, value));
  const [xs, ys] = [corners.map(({ x }) => within(x)), corners.map(({ y }) => within(y))];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** `from` + factor / 256 x (value - from), rounded and kept within a byte. */
function blend(from: number, value: number, factor: number): number {
  const blended = (256 * from + (value - from) * factor + 128) >> 8;
  return blended < 0 ? 0 : blended > 255 ? 255 : blended;
}

/** Luma of ITU-R BT.601: (77 R + 150 G + 29 B) / 256, rounded. */
const grey = (r: number, g: number, b: number): number => (77 * r + 150 * g + 29 * b + 128) >> 8;

function meanGrey(planes: Uint8Array): number {
  const area = planes.length / 3;
  let sum = 0;
  for (let i = 0; i < area; i++) sum += grey(planes[i]!, planes[area + i]!, planes[2 * area + i]!);
  return Math.round(sum / area);
}

function saturate(planes: Uint8Array, factor: number): void {
  const area = planes.length / 3;
  for (let r = 0, g = area, b = 2 * area; r < area; r++, g++, b++) {
    const level = grey(planes[r]!, planes[g]!, planes[b]!);
    planes[r] = blend(level, planes[r]!, factor);
    planes[g] = blend(level, planes[g]!, factor);
    planes[b] = blend(level, planes[b]!, factor);
  }
}

/** The lowest value that occurs becomes 0, the highest 255; a channel of one value stays. */
function autocontrast(counts: Uint32Array, table: Uint8Array): void {
  const low = counts.findIndex((count) => count > 0);
  const high = counts.findLastIndex((count) => count > 0);
  const range = high - low;
  for (let v = 0; v < 256; v++)
    table[v] = range === 0 || v < low ? v : (((v - low) * 510 + range) / (2 * range)) | 0;
}

/**
 * As Pillow's ImageOps.equalize: a value becomes the number of pixels below it, and half a step, in steps
 * of (all pixels but those of the highest value) / 255; a channel of fewer stays.
 */
function equalise(counts: Uint32Array, table: Uint8Array): void {
  const last = counts.findLastIndex((count) => count > 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const step = Math.floor((total - counts[last]!) / 255);
  let below = Math.floor(step / 2);
  for (let v = 0; v < 256; v++) {
    table[v] = step === 0 ? v : Math.min(255, Math.floor(below / step));
    below += counts[v]!;
  }
}
