/**
 * What goes into a step: images, labels, scores and noise, copied into buffers that are used again for
 * every batch. The engine waits for this, so it is copying and little else.
 */
import type { Split } from './data/index.ts';
import { Sfc32 } from './data/prng.ts';
import type { HostArray, Specs } from './engine/engine.ts';
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

/** Assembles the inputs of one program. */
export class Feeder {
  readonly feeds: Record<string, HostArray> = {};
  readonly #split: Split;
  readonly #imageBytes: number;

  /** @param inputs what the program wants. */
  constructor(inputs: Specs, split: Split) {
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
    this.#imageBytes = split.images.length / split.count;
  }

  /** Copies images and labels. */
  images(indices: Uint32Array): void {
    const { images, labels } = this.#split;
    const target = this.feeds.images!;
    const targetLabels = this.feeds.labels;
    const size = this.#imageBytes;
    for (let b = 0; b < indices.length; b++) {
      const image = indices[b]!;
      target.set(images.subarray(image * size, (image + 1) * size), b * size);
      if (targetLabels) targetLabels[b] = labels[image]!;
    }
  }

  /** Copies cached scores, where the program wants them. */
  scores(indices: Uint32Array, scores: Float32Array, patches: number): void {
    const target = this.feeds.scores;
    if (!target) return;
    for (let b = 0; b < indices.length; b++) {
      const image = indices[b]!;
      target.set(scores.subarray(image * patches, (image + 1) * patches), b * patches);
    }
  }

  /**
   * Draws the sampling noise of every image from its own stream (method B.4), so that it does not
   * depend on the batch an image is in.
   */
  noise(indices: Uint32Array, patches: number, place: NoisePlace): void {
    const target = this.feeds.noise;
    if (!target) return;
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
