/**
 * What a model wants computed once per image (ImageSig's signatures), made for all images of a dataset
 * while the run prepares, so that its time and energy belong to the run. They are kept on disk beside
 * the datasets: the next run on the same images reads them.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { bytesOf, CheckedWriter, headerBytes, readChecked } from './data/checked-file.ts';
import { requireMemory, splitNames } from './data/dataset.ts';
import type { Dataset, SplitName } from './data/index.ts';
import type { FeatureTransform } from './models/registry.ts';

/** Images between two looks at the clock and at the wish to stop. */
const stretch = 64;
/** Bytes that are hashed between two such looks. */
const hashedAtOnce = 32 << 20;
/** More than this is not held in memory but read from the file, image by image. */
const heldBytes = 1 << 30;
/** What all feature files together may take on disk; the longest unused go first. */
const keptBytes = 8 * 2 ** 30;

/** Features of the images of one split. */
export interface FeatureRows {
  /** Copies those of one image to `target`, from `at` on. */
  copy(image: number, target: Float32Array, at: number): void;
}

/** What was taken off every column of the features, and what it was multiplied with then. */
export interface Scaling {
  mean: readonly number[];
  scale: readonly number[];
}

export interface Features {
  rows: Record<SplitName, FeatureRows>;
  scaling: Scaling;
  close(): void;
}

export interface FeatureContext {
  /** Where datasets and their caches lie. */
  dataDir: string;
  onProgress(label: string, fraction: number): void;
  /** A sentence that does not stop the run. */
  onNote(message: string): void;
  stop: AbortSignal;
  /** For tests: another limit of what is held. */
  heldBytes?: number;
}

type Images = Pick<Dataset, 'splits'>;

/** @returns null where it was stopped: a stopped run takes no step. */
export async function openFeatures(
  transform: FeatureTransform,
  data: Images,
  context: FeatureContext,
): Promise<Features | null> {
  const digest = await digestOf(data, context);
  if (digest === null) return null;
  const folder = join(context.dataDir, 'features');
  const key = `${transform.key}_${digest}`;
  const layout = layoutOf(transform, data);
  const file = { path: join(folder, `${key}.bin`), key };

  const found = await read(file, layout, context);
  if (found) return found;
  let written: boolean;
  try {
    written = await write(file, transform, data, context);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    context.onNote(
      `The ${transform.name} are not kept and will be computed again next time: ${reason}`,
    );
    return computeInMemory(transform, data, layout, context);
  }
  if (!written) return null;
  await tidy(folder, file.path);
  const features = await read(file, layout, context);
  if (!features) throw new Error(`${file.path} was written, but cannot be read`);
  return features;
}

/** @returns false where it was stopped. */
async function write(
  { path, key }: { path: string; key: string },
  transform: FeatureTransform,
  data: Images,
  context: FeatureContext,
): Promise<boolean> {
  const writer = await CheckedWriter.create(path, key);
  try {
    const complete = await compute(transform, data, context, (part) => writer.append(part));
    await (complete ? writer.commit() : writer.abort());
    return complete;
  } catch (cause) {
    await writer.abort();
    throw cause;
  }
}

/** The images themselves are what the file belongs to, whatever dataset they came from. */
async function digestOf({ splits }: Images, { stop }: FeatureContext): Promise<string | null> {
  const hash = createHash('sha256');
  for (const name of splitNames) {
    const { images, count } = splits[name];
    hash.update(`${name} ${count} ${images.length}\n`);
    for (let start = 0; start < images.length; start += hashedAtOnce) {
      hash.update(images.subarray(start, start + hashedAtOnce));
      await turn();
      if (stop.aborted) return null;
    }
  }
  return hash.digest('hex').slice(0, 32);
}

// --- the file: rows of train, validation and test as computed, then mean and scale per column -----

interface Layout {
  /** Numbers per image. */
  size: number;
  /** Numbers of one vector, each a column with a mean of its own. */
  width: number;
  /** Place of the first number of each split. */
  first: Record<SplitName, number>;
  /** Numbers of all images. */
  numbers: number;
}

function layoutOf({ shape: [length, width] }: FeatureTransform, { splits }: Images): Layout {
  const size = length * width;
  const { train, validation, test } = splits;
  return {
    size,
    width,
    first: {
      train: 0,
      validation: train.count * size,
      test: (train.count + validation.count) * size,
    },
    numbers: (train.count + validation.count + test.count) * size,
  };
}

/** (x - mean) * scale of every column. */
interface Standard {
  mean: Float64Array;
  scale: Float64Array;
}

function standardise(values: Float32Array, { mean, scale }: Standard): void {
  const width = mean.length;
  for (let start = 0; start < values.length; start += width)
    for (let c = 0; c < width; c++) values[start + c] = (values[start + c]! - mean[c]!) * scale[c]!;
}

/** Features from the file; null where it is not whole. */
async function read(
  { path, key }: { path: string; key: string },
  layout: Layout,
  { heldBytes: limit = heldBytes }: FeatureContext,
): Promise<Features | null> {
  const standard: Standard = {
    mean: new Float64Array(layout.width),
    scale: new Float64Array(layout.width),
  };
  const tail = [bytesOf(standard.mean), bytesOf(standard.scale)];
  const bytes = layout.numbers * Float32Array.BYTES_PER_ELEMENT;
  if (bytes <= limit) {
    const values = new Float32Array(layout.numbers);
    if (!(await readChecked(path, key, [bytesOf(values), ...tail]))) return null;
    await touch(path);
    return held(values, layout, standard);
  }
  // checked with one buffer over and over
  const buffer = new Uint8Array(Math.min(bytes, 16 << 20));
  const whole = Array.from({ length: Math.floor(bytes / buffer.length) }, () => buffer);
  const rest = buffer.subarray(0, bytes % buffer.length);
  if (!(await readChecked(path, key, [...whole, rest, ...tail]))) return null;
  await touch(path);
  return fromFile(openSync(path, 'r'), layout, standard);
}

/** @param values as computed; standardised in place. */
function held(values: Float32Array, { first, size }: Layout, standard: Standard): Features {
  standardise(values, standard);
  const rows = (name: SplitName): FeatureRows => ({
    copy: (image, target, at) => {
      const start = first[name] + image * size;
      target.set(values.subarray(start, start + size), at);
    },
  });
  return { rows: bySplit(rows), scaling: scalingOf(standard), close: () => {} };
}

function fromFile(fd: number, { first, size }: Layout, standard: Standard): Features {
  const row = new Float32Array(size);
  const bytes = bytesOf(row);
  const rows = (name: SplitName): FeatureRows => ({
    copy: (image, target, at) => {
      const place = (first[name] + image * size) * Float32Array.BYTES_PER_ELEMENT;
      if (readSync(fd, bytes, 0, bytes.length, headerBytes + place) !== bytes.length)
        throw new Error('the file of the features was cut off while in use');
      standardise(row, standard);
      target.set(row, at);
    },
  });
  return { rows: bySplit(rows), scaling: scalingOf(standard), close: () => closeSync(fd) };
}

const scalingOf = ({ mean, scale }: Standard): Scaling => ({
  mean: [...mean],
  scale: [...scale],
});

const bySplit = (rows: (name: SplitName) => FeatureRows): Features['rows'] => ({
  train: rows('train'),
  validation: rows('validation'),
  test: rows('test'),
});

/** The time of the file is when it was last used. */
const touch = (path: string): Promise<void> => utimes(path, new Date(), new Date()).catch(() => {});

/** Removes the longest unused files until the rest fits; never `kept`, nor what is in use elsewhere. */
async function tidy(folder: string, kept: string): Promise<void> {
  const files = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const path = join(folder, name);
      const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0 }));
      return { path, size, mtimeMs };
    }),
  );
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (bytes <= keptBytes) return;
    if (path === kept) continue;
    await rm(path, { force: true }).catch(() => {});
    bytes -= size;
  }
}

// --- computing ------------------------------------------------------------------------------------

/**
 * Computes all rows, and mean and scale of the training images': a signature's fourth level is thousands of
 * times smaller than its first, and no optimiser would find it.
 * @param append is given the parts of the file in order; what it is given is used again afterwards.
 * @returns false where it was stopped.
 */
async function compute(
  transform: FeatureTransform,
  { splits }: Images,
  { onProgress, stop }: FeatureContext,
  append: (part: Float32Array | Float64Array) => Promise<void>,
): Promise<boolean> {
  const [length, width] = transform.shape;
  const size = length * width;
  const total = splitNames.reduce((sum, name) => sum + splits[name].count, 0);
  const moments = new Moments(width);
  const block = new Float32Array(stretch * size);
  let done = 0;
  for (const name of splitNames) {
    const { count, images } = splits[name];
    const bytes = images.length / count;
    for (let first = 0; first < count; first += stretch) {
      onProgress(`Computing ${transform.name}`, done / total);
      await turn();
      if (stop.aborted) return false;
      const here = Math.min(stretch, count - first);
      for (let i = 0; i < here; i++) {
        const start = (first + i) * bytes;
        const row = block.subarray(i * size, (i + 1) * size);
        transform.of(images.subarray(start, start + bytes), row);
      }
      const part = block.subarray(0, here * size);
      if (name === 'train') moments.add(part);
      await append(part);
      done += here;
    }
  }
  const { mean, scale } = moments.standard();
  await append(mean);
  await append(scale);
  return true;
}

/** Where the disk takes nothing. */
async function computeInMemory(
  transform: FeatureTransform,
  data: Images,
  layout: Layout,
  context: FeatureContext,
): Promise<Features | null> {
  requireMemory(`Holding the ${transform.name}`, layout.numbers * Float32Array.BYTES_PER_ELEMENT);
  const values = new Float32Array(layout.numbers);
  const standard: Float64Array[] = [];
  let at = 0;
  const complete = await compute(transform, data, context, async (part) => {
    if (part instanceof Float64Array) standard.push(part);
    else values.set(part, at);
    at += part.length;
  });
  if (!complete) return null;
  return held(values, layout, { mean: standard[0]!, scale: standard[1]! });
}

/** Mean and variance of columns, block by block (Chan, Golub and LeVeque 1983). */
class Moments {
  #rows = 0;
  readonly #mean: Float64Array;
  /** Sum of squared distances from the mean. */
  readonly #squares: Float64Array;

  constructor(width: number) {
    this.#mean = new Float64Array(width);
    this.#squares = new Float64Array(width);
  }

  add(values: Float32Array): void {
    const width = this.#mean.length;
    const rows = values.length / width;
    const all = this.#rows + rows;
    for (let c = 0; c < width; c++) {
      let sum = 0;
      for (let i = c; i < values.length; i += width) sum += values[i]!;
      const mean = sum / rows;
      let squares = 0;
      for (let i = c; i < values.length; i += width) squares += (values[i]! - mean) ** 2;
      const apart = mean - this.#mean[c]!;
      this.#squares[c]! += squares + (apart ** 2 * this.#rows * rows) / all;
      this.#mean[c]! += (apart * rows) / all;
    }
    this.#rows = all;
  }

  /** To mean 0 and variance 1; a column that never changes becomes 0. */
  standard(): Standard {
    const scale = this.#squares.map((sum) => (sum > 0 ? 1 / Math.sqrt(sum / this.#rows) : 0));
    return { mean: this.#mean, scale };
  }
}
