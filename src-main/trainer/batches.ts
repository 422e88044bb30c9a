/**
 * What goes into a step: images, labels, scores and noise, copied into buffers that are used again for
 * every batch. The engine waits for this, so it is copying and little else.
 */
import type { Augmenter, Box } from './augment.ts';
import { mixImages, type Mix } from './augment/mix.ts';
import type { Split } from './data/index.ts';
import { Sfc32 } from './data/prng.ts';
import type { HostArray, Specs } from './engine/engine.ts';
import type { FeatureRows } from './features.ts';
import { epochSeed, randomStreams } from './random-streams.ts';

/** The order of the training images in an epoch: a permutation of 0..count-1 that depends on seed and epoch only. */
export function epochOrder(
  count: number,
  { seed, shuffle }: { seed: number; shuffle: boolean },
  epoch: number,
): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  if (!shuffle) return order;
  const random = new Sfc32(seed, randomStreams.shuffle, epoch);
  for (let i = count - 1; i > 0; i--) {
    const j = random.randint(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Uniform in (0, 1) in steps of 2^-23, so that float32 never rounds it to 0 or 1. */
const openUnit = (random: Sfc32): number => ((random.u32() >>> 9) + 0.5) / 2 ** 23;

/** What is done to the images of a batch on their way into a step. */
export interface Changes {
  augmenter: Augmenter | null;
  mix: Mix | null;
}

/** Assembles the inputs of one program. */
export class Feeder {
  readonly feeds: Record<string, HostArray> = {};
  readonly #split: Split;
  readonly #imageBytes: number;
  readonly #features: FeatureRows | null;
  /** The images of a batch before they are mixed; made when first needed. */
  #unmixed: Uint8Array | null = null;

  /**
   * @param inputs what the program wants.
   * @param features computed once per image, for programs that want them in place of images.
   */
  constructor(inputs: Specs, split: Split, features: FeatureRows | null = null) {
    for (const [name, { shape, dtype }] of Object.entries(inputs)) {
      const size = shape.reduce((a, b) => a * b, 1);
      this.feeds[name] =
        dtype === 'float32'
          ? new Float32Array(size)
          : dtype === 'int32'
            ? new Int32Array(size)
            : new Uint8Array(size);
    }
    this.#split = split;
    this.#features = features;
    this.#imageBytes = split.images.length / split.count;
  }

  /** Whether the program has an input of this name. */
  wants(name: string): boolean {
    return name in this.feeds;
  }

  /** Copies rows that were computed per image of the split. */
  perImage(name: string, indices: Uint32Array, values: Float32Array): void {
    const target = this.feeds[name]!;
    const width = target.length / indices.length;
    indices.forEach((image, b) =>
      target.set(values.subarray(image * width, (image + 1) * width), b * width),
    );
  }

  /**
   * Copies images, or what was computed of them, labels and boxes; then changes what is to be changed.
   * @param changes none, where the images are fed as they are stored.
   */
  images(indices: Uint32Array, changes: Changes = { augmenter: null, mix: null }): void {
    this.#copy(indices);
    this.#boxes(indices, changes.augmenter);
    if (changes.augmenter) this.#augment(indices, changes.augmenter);
    if (changes.mix) this.#mix(indices, changes.mix);
  }

  /** Takes the images of another feeder's batch, as they are; false where that has none. */
  imagesOf({ feeds }: Feeder): boolean {
    if (!feeds.images) return false;
    this.feeds.images?.set(feeds.images);
    return true;
  }

  #copy(indices: Uint32Array): void {
    const { images, labels } = this.#split;
    const { images: target, features: targetFeatures, labels: targetLabels } = this.feeds;
    const size = this.#imageBytes;
    const width = targetFeatures ? targetFeatures.length / indices.length : 0;
    for (let b = 0; b < indices.length; b++) {
      const image = indices[b]!;
      target?.set(images.subarray(image * size, (image + 1) * size), b * size);
      if (targetFeatures instanceof Float32Array)
        this.#features?.copy(image, targetFeatures, b * width);
      if (targetLabels) targetLabels[b] = labels[image]!;
    }
  }

  /** Boxes in units of the image's side, as they lie in the changed images; of no area where there is none. */
  #boxes(indices: Uint32Array, augmenter: Augmenter | null): void {
    const target = this.feeds.boxes;
    if (!target) return;
    const { boxes } = this.#split;
    if (!boxes) throw new Error('the program wants boxes, and the dataset has none');
    const side = Math.sqrt(this.#imageBytes / 3);
    indices.forEach((image, b) => {
      const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * image, 4 * image + 4);
      const stored: Box = [x0, y0, x1, y1];
      const box = augmenter?.box(image, stored) ?? stored;
      target.set(
        box.map((value) => value / side),
        4 * b,
      );
    });
  }

  /** Replaces the images of the batch by changed ones. */
  #augment(indices: Uint32Array, augmenter: Augmenter): void {
    const target = this.feeds.images;
    const size = this.#imageBytes;
    if (!(target instanceof Uint8Array)) return;
    indices.forEach((image, b) => {
      const stored = this.#split.images.subarray(image * size, (image + 1) * size);
      augmenter.apply(image, stored, target.subarray(b * size, (b + 1) * size));
    });
  }

  /** Mixes the images of the batch, after all other changes; the step is told of both labels. */
  #mix(indices: Uint32Array, mix: Mix): void {
    const { images, otherLabels, share } = this.feeds;
    const batch = indices.length;
    if (images instanceof Uint8Array) {
      this.#unmixed ??= new Uint8Array(images.length);
      mixImages(images, this.#unmixed, mix, batch, Math.sqrt(this.#imageBytes / 3));
    }
    for (let b = 0; otherLabels && b < batch; b++)
      otherLabels[b] = this.#split.labels[indices[(b + mix.shift) % batch]!]!;
    if (share) share[0] = mix.share;
  }

  /** Takes scores that are in the order of the batch. */
  scoresInOrder(scores: Float32Array): void {
    this.feeds.scores?.set(scores);
  }

  /** A mirrored image has the scores of the stored one, each row of patches from right to left. */
  mirrorScores(indices: Uint32Array, patches: number, augmenter: Augmenter): void {
    const target = this.feeds.scores;
    const side = Math.sqrt(patches);
    if (!target) return;
    indices.forEach((image, b) => {
      if (!augmenter.changeOf(image).mirrored) return;
      for (let row = b * patches; row < (b + 1) * patches; row += side)
        target.subarray(row, row + side).reverse();
    });
  }

  /**
   * Draws the sampling noise of every image from its own stream (method B.4), so that it does not
   * depend on the batch an image is in.
   */
  noise(indices: Uint32Array, place: NoisePlace): void {
    const target = this.feeds.noise;
    if (!target) return;
    const patches = target.length / indices.length;
    const seed = epochSeed(place.seed, place.epoch);
    for (let b = 0; b < indices.length; b++) {
      const random = new Sfc32(seed, place.stream, indices[b]!);
      for (let j = b * patches; j < (b + 1) * patches; j++) target[j] = openUnit(random);
    }
  }

  /** Random bytes for dropout, four per draw. */
  dropout(seed: number, epoch: number, stepInEpoch: number): void {
    const target = this.feeds.dropout;
    if (!target) return;
    const random = new Sfc32(epochSeed(seed, epoch), randomStreams.dropout, stepInEpoch);
    const words = new Uint32Array(Math.ceil(target.length / 4));
    for (let i = 0; i < words.length; i++) words[i] = random.u32();
    target.set(new Uint8Array(words.buffer, 0, target.length));
  }

  /** Draws the noise of the gates on heads (method E.3), one number per gate for the whole batch. */
  gateNoise(seed: number, epoch: number, stepInEpoch: number): void {
    const target = this.feeds.gateNoise;
    if (!target) return;
    const random = new Sfc32(epochSeed(seed, epoch), randomStreams.headGates, stepInEpoch);
    for (let i = 0; i < target.length; i++) target[i] = openUnit(random);
  }

  scalars(values: Record<string, number>): void {
    for (const [name, value] of Object.entries(values)) {
      const target = this.feeds[name];
      if (target) target[0] = value;
    }
  }
}

export interface NoisePlace {
  seed: number;
  epoch: number;
  stream: number;
}

/** One draw per batch: are its patches selected? (method B.5) */
export function isSelected(
  probability: number,
  seed: number,
  epoch: number,
  batch: number,
  stream: number,
): boolean {
  return new Sfc32(epochSeed(seed, epoch), stream, batch).unit() < probability;
}
