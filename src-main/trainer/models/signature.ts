/**
 * Path signatures of an image's rows (ImageSig, Ibrahim and Lyons 2022, arXiv 2205.06929; method F.4).
 *
 * A row of S pixels is a path of S points in colour space. Its signature up to level 4 is a fixed list of
 * iterated integrals: nothing in it is learned, so it is computed once per image, on the host.
 */
export const signatureLevel = 4;

/** C + C² + C³ + C⁴ numbers; 120 for colour. Level 0, always 1, is left out. */
export const signatureSize = (channels: number, level = signatureLevel): number =>
  Array.from({ length: level }, (_, l) => channels ** (l + 1)).reduce((a, b) => a + b, 0);

/**
 * Computes signatures of paths of straight segments, one path after the other in the same memory.
 *
 * Chen's identity adds a segment d: S <- S x exp(d). Level L of that is, by Horner's rule,
 * ((d / L + S1) x d / (L - 1) + S2) x d / (L - 2) + ... + SL, computed from the highest level down, so
 * that every level still finds the old ones below it. Golden: `signature`.
 */
export class PathSignature {
  /** Level 1 (C numbers), level 2 (C², row-major), and so on. */
  readonly values: Float64Array;
  readonly #levels: Float64Array[];
  readonly #step: Float64Array;
  /** Horner's inner products of one level. */
  readonly #terms: Float64Array[];

  constructor(channels: number, level = signatureLevel) {
    this.values = new Float64Array(signatureSize(channels, level));
    this.#levels = Array.from({ length: level }, (_, l) =>
      this.values.subarray(signatureSize(channels, l), signatureSize(channels, l + 1)),
    );
    this.#step = new Float64Array(channels);
    this.#terms = this.#levels.map((values) => new Float64Array(values.length));
  }

  /** @param points [length, channels], row by row */
  of(points: ArrayLike<number>): Float64Array {
    const step = this.#step;
    const channels = step.length;
    this.values.fill(0);
    for (let p = channels; p < points.length; p += channels) {
      for (let c = 0; c < channels; c++) step[c] = points[p + c]! - points[p + c - channels]!;
      for (let level = this.#levels.length; level >= 1; level--) this.#extend(level);
    }
    return this.values;
  }

  #extend(level: number): void {
    const step = this.#step;
    const own = this.#levels;
    let below = this.#terms[0]!;
    if (level === 1) {
      for (let c = 0; c < step.length; c++) own[0]![c]! += step[c]!;
      return;
    }
    for (let c = 0; c < step.length; c++) below[c] = step[c]! / level + own[0]![c]!;
    for (let l = 1; l < level; l++) {
      // the last product is the level's own new value
      const target = l === level - 1 ? own[l]! : this.#terms[l]!;
      productAdd(target, below, step, 1 / (level - l), own[l]!);
      below = target;
    }
  }
}

/** target = share (left x step) + added, a row of `step.length` numbers per number of `left`. */
function productAdd(
  target: Float64Array,
  left: Float64Array,
  step: Float64Array,
  share: number,
  added: Float64Array,
): void {
  // colours, by far the most of all paths: no inner loop
  if (step.length === 3) {
    const [red, green, blue] = [share * step[0]!, share * step[1]!, share * step[2]!];
    for (let i = 0, at = 0; i < left.length; i++, at += 3) {
      const value = left[i]!;
      target[at] = value * red + added[at]!;
      target[at + 1] = value * green + added[at + 1]!;
      target[at + 2] = value * blue + added[at + 2]!;
    }
    return;
  }
  for (let i = 0, at = 0; i < left.length; i++)
    for (let c = 0; c < step.length; c++, at++)
      target[at] = left[i]! * share * step[c]! + added[at]!;
}

export interface SignatureOptions {
  channels: number;
  /** Side of the stored image. */
  size: number;
  /** Side of the image whose rows are paths; resized bilinearly to it. */
  image: number;
  /** Columns too, after the rows. */
  columns: boolean;
}

/** Sequence length: rows, or rows and columns. */
export const signatureCount = ({
  image,
  columns,
}: Pick<SignatureOptions, 'image' | 'columns'>): number => (columns ? 2 * image : image);

/**
 * Signatures of one image, of pixels in [0, 1].
 * @param bytes [C, size, size]
 * @param target [S, signatureSize], or [2 S, ...] with columns
 */
export function imageSignatures(
  bytes: Uint8Array,
  { channels, size, image, columns }: SignatureOptions,
  target: Float32Array,
): void {
  const pixels = Array.from({ length: channels }, (_, c) =>
    resizePlane(bytes.subarray(c * size * size, (c + 1) * size * size), size, image),
  );
  const width = signatureSize(channels);
  const signature = new PathSignature(channels);
  const path = new Float64Array(image * channels);
  const paths = signatureCount({ image, columns });
  for (let line = 0; line < paths; line++) {
    const along = line < image;
    for (let i = 0; i < image; i++) {
      const at = along ? line * image + i : i * image + (line - image);
      for (let c = 0; c < channels; c++) path[i * channels + c] = pixels[c]![at]! / 255;
    }
    target.set(signature.of(path), line * width);
  }
}

/** Bilinear with half-pixel centres, as images are resized on the device (images.ts). */
function resizePlane(bytes: Uint8Array, from: number, to: number): ArrayLike<number> {
  if (from === to) return bytes;
  const places = Array.from({ length: to }, (_, i) => {
    const centre = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const low = Math.min(from - 1, Math.floor(centre));
    return { low, high: Math.min(from - 1, low + 1), share: centre - low };
  });
  const plane = new Float64Array(to * to);
  places.forEach((row, y) =>
    places.forEach((column, x) => {
      const across = (line: number): number =>
        bytes[line * from + column.low]! * (1 - column.share) +
        bytes[line * from + column.high]! * column.share;
      plane[y * to + x] = across(row.low) * (1 - row.share) + across(row.high) * row.share;
    }),
  );
  return plane;
}
