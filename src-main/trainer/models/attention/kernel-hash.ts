/**
 * How EcoFormer learns its hash (Liu et al., NeurIPS 2022, after supervised hashing with kernels, Liu et al.,
 * CVPR 2012; method F.2): on the host, once, from the tokens of a first batch.
 *
 * Tokens of one image are told to be near (S = 1) or far (S = -1) by their dot products. Bits are learned one
 * after the other, each so that codes agree with what the bits before it left unexplained. Heads do not
 * know of each other.
 */
import type { Sfc32 } from '../../data/prng.ts';

/** Rows of unit length by image and head: [B, h, n, d]. */
export interface Rows {
  shape: readonly [images: number, heads: number, tokens: number, dim: number];
  data: Float32Array;
}

export interface LearnedHash {
  /** [h, m, d], tokens of the batch. */
  anchors: Float32Array;
  /** κ̄, the mean kernel value of every anchor: [h, m]. */
  kernelMean: Float32Array;
  /** A: [h, b, m]. */
  hash: Float32Array;
}

/** The start values [h, b, m] of the hash, and what belongs to it already when it is learned anew. */
export interface HashStart {
  hash: Float32Array;
  bits: number;
  anchors: number;
  /** [h, m, d]; drawn from the batch where null. */
  keep: Float32Array | null;
}

/** Pairs per token and kind that are told near or far. */
export const nearest = 10;

const iterations = 100;
const learningRate = 5e-4;
const momentum = 0.9;

/** @param random draws the anchors */
export function learnHash(x: Rows, start: HashStart, random: Sfc32): LearnedHash {
  const [, heads, , dim] = x.shape;
  const { bits, anchors: count } = start;
  const learned: LearnedHash = {
    anchors: start.keep?.slice() ?? new Float32Array(heads * count * dim),
    kernelMean: new Float32Array(heads * count),
    hash: start.hash.slice(),
  };
  for (let head = 0; head < heads; head++) {
    const anchors = learned.anchors.subarray(head * count * dim, (head + 1) * count * dim);
    if (!start.keep) drawAnchors(x, head, anchors, random);
    const { kernel, mean } = centredKernel(x, head, anchors);
    learned.kernelMean.set(mean, head * count);
    const pairs = similarPairs(x, head, nearest);
    const hash = learned.hash.subarray(head * bits * count, (head + 1) * bits * count);
    learnBits(kernel, pairs, hash, { bits, anchors: count, tokens: x.shape[2] });
  }
  return learned;
}

/** Different tokens while there are enough of them, then any. */
function drawAnchors(x: Rows, head: number, anchors: Float32Array, random: Sfc32): void {
  const [images, heads, tokens, dim] = x.shape;
  const places = Uint32Array.from({ length: images * tokens }, (_, i) => i);
  for (let a = 0; a < anchors.length / dim; a++) {
    const drawn = a < places.length ? a + random.randint(places.length - a) : random.randint(a);
    const place = places[drawn % places.length]!;
    if (a < places.length) [places[a], places[drawn]] = [place, places[a]!];
    const row = ((Math.floor(place / tokens) * heads + head) * tokens + (place % tokens)) * dim;
    anchors.set(x.data.subarray(row, row + dim), a * dim);
  }
}

/**
 * κ - κ̄ of one head: exp(-D / 2σ) of the squared distances D to the anchors, σ their mean in an image, without
 * the mean over the batch. Tokens of one image lie together: [B n, m].
 */
function centredKernel(
  x: Rows,
  head: number,
  anchors: Float32Array,
): { kernel: Float64Array; mean: Float64Array } {
  const [images, heads, tokens, dim] = x.shape;
  const count = anchors.length / dim;
  const kernel = new Float64Array(images * tokens * count);
  const mean = new Float64Array(count);
  for (let image = 0; image < images; image++) {
    const first = (image * heads + head) * tokens * dim;
    const own = kernel.subarray(image * tokens * count, (image + 1) * tokens * count);
    let sum = 0;
    for (let i = 0; i < tokens; i++)
      for (let a = 0; a < count; a++) {
        let distance = 0;
        for (let c = 0; c < dim; c++)
          distance += (x.data[first + i * dim + c]! - anchors[a * dim + c]!) ** 2;
        own[i * count + a] = distance;
        sum += distance;
      }
    const sigma = sum / own.length;
    for (let i = 0; i < own.length; i++) {
      // where all tokens and anchors are one point, every distance is 0
      own[i] = sigma > 0 ? Math.exp(-own[i]! / (2 * sigma)) : 1;
      mean[i % count]! += own[i]! / (images * tokens);
    }
  }
  for (let i = 0; i < kernel.length; i++) kernel[i]! -= mean[i % count]!;
  return { kernel, mean };
}

/** S of all images of a head, symmetrised: entry e joins token `row` and `column[e]` with `weight[e]`. */
export interface Pairs {
  /** Entries of token i are `start[i]` to `start[i + 1]`; tokens of all images, [B n + 1]. */
  start: Uint32Array;
  column: Uint32Array;
  /** S_ij + S_ji */
  weight: Float64Array;
}

/** S + Sᵀ as a list; S by `supervision`. */
function similarPairs(x: Rows, head: number, topk: number): Pairs {
  const [images, heads, tokens, dim] = x.shape;
  const start = new Uint32Array(images * tokens + 1);
  const column: number[] = [];
  const weight: number[] = [];
  for (let image = 0; image < images; image++) {
    const first = (image * heads + head) * tokens * dim;
    const s = supervision(x.data.subarray(first, first + tokens * dim), tokens, topk);
    for (let i = 0; i < tokens; i++) {
      for (let j = 0; j < tokens; j++) {
        const both = s[i * tokens + j]! + s[j * tokens + i]!;
        if (both === 0) continue;
        column.push(image * tokens + j);
        weight.push(both);
      }
      start[image * tokens + i + 1] = column.length;
    }
  }
  return { start, column: Uint32Array.from(column), weight: Float64Array.from(weight) };
}

/**
 * S of one image and head: 1 for the k largest x_i·x_j of every row, -1 for the k smallest, else 0.
 * @param x [n, d]
 * @returns [n, n]
 */
export function supervision(x: Float32Array, tokens: number, topk: number): Int8Array {
  const dim = x.length / tokens;
  const k = Math.min(topk, tokens >> 1);
  const s = new Int8Array(tokens * tokens);
  const products = new Float64Array(tokens);
  const order = Array.from({ length: tokens }, (_, j) => j);
  for (let i = 0; i < tokens; i++) {
    for (let j = 0; j < tokens; j++) {
      let product = 0;
      for (let c = 0; c < dim; c++) product += x[i * dim + c]! * x[j * dim + c]!;
      products[j] = product;
    }
    order.sort((a, b) => products[b]! - products[a]! || a - b);
    for (let r = 0; r < k; r++) {
      s[i * tokens + order[r]!] = 1;
      s[i * tokens + order[tokens - 1 - r]!] = -1;
    }
  }
  return s;
}

/**
 * Learns the rows of `hash` [b, m] in place, one after the other: gradient steps on -yᵀ S_r y / (n b) with
 * y = 2 sigmoid(κ a) - 1, the mean over images, then S_{r+1} = S_r - y yᵀ with the signs. A row stays as it
 * was where that objective of the signs did not improve.
 * @param kernel [B n, m]
 */
export function learnBits(
  kernel: Float64Array,
  pairs: Pairs,
  hash: Float32Array,
  { bits, anchors, tokens }: { bits: number; anchors: number; tokens: number },
): void {
  const rows = kernel.length / anchors;
  const images = rows / tokens;
  const scale = 1 / (images * tokens * bits);
  const explained: Float64Array[] = [];
  const y = new Float64Array(rows);
  const pull = new Float64Array(rows);

  /** κ a of every token, through `map`, into y. */
  const project = (a: ArrayLike<number>, map: (z: number) => number): void => {
    for (let i = 0; i < rows; i++) {
      let z = 0;
      for (let c = 0; c < anchors; c++) z += kernel[i * anchors + c]! * a[c]!;
      y[i] = map(z);
    }
  };

  /** (S_r + S_rᵀ) y into `pull`, S_r being b S without the bits already there. */
  const attract = (): void => {
    for (let i = 0; i < rows; i++) {
      let total = 0;
      for (let e = pairs.start[i]!; e < pairs.start[i + 1]!; e++)
        total += pairs.weight[e]! * y[pairs.column[e]!]!;
      pull[i] = bits * total;
    }
    for (const bit of explained)
      for (let first = 0; first < rows; first += tokens) {
        let overlap = 0;
        for (let i = first; i < first + tokens; i++) overlap += bit[i]! * y[i]!;
        for (let i = first; i < first + tokens; i++) pull[i]! -= 2 * overlap * bit[i]!;
      }
  };

  /** The objective of the signs of κ a; they stay in y. */
  const objective = (a: ArrayLike<number>): number => {
    project(a, (z) => (z >= 0 ? 1 : -1));
    attract();
    let total = 0;
    for (let i = 0; i < rows; i++) total += y[i]! * pull[i]!;
    return (-total / 2) * scale;
  };

  const a = new Float64Array(anchors);
  const velocity = new Float64Array(anchors);
  const gradient = new Float64Array(anchors);
  for (let r = 0; r < bits; r++) {
    const row = hash.subarray(r * anchors, (r + 1) * anchors);
    a.set(row);
    velocity.fill(0);
    for (let step = 0; step < iterations; step++) {
      project(a, (z) => 2 / (1 + Math.exp(-z)) - 1);
      attract();
      gradient.fill(0);
      for (let i = 0; i < rows; i++) {
        // dy/dz = (1 - y²) / 2
        const slope = (-pull[i]! * scale * (1 - y[i]! ** 2)) / 2;
        for (let c = 0; c < anchors; c++) gradient[c]! += slope * kernel[i * anchors + c]!;
      }
      for (let c = 0; c < anchors; c++) {
        velocity[c] = momentum * velocity[c]! + gradient[c]!;
        a[c]! -= learningRate * (gradient[c]! + momentum * velocity[c]!);
      }
    }
    const before = objective(row);
    if (objective(a) < before) row.set(a);
    // of what was kept, in the float32 it is kept in
    objective(row);
    explained.push(y.slice());
  }
}
