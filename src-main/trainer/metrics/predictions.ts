/** Predictions of single images while a split is evaluated, and what tells its images from others. */
import { createHash } from 'node:crypto';
import { packPredictions, type Prediction, type Predictions } from '../../predictions.ts';
import type { Split } from '../data/index.ts';

export class PredictionLog {
  readonly #split: Split;
  readonly #side: number;
  readonly #rows: Prediction[] = [];

  /** @param side of the stored images, in pixels. */
  constructor(split: Split, side: number) {
    this.#split = split;
    this.#side = side;
  }

  /** Takes the next image, in the order of the split. */
  add(prediction: Prediction): void {
    this.#rows.push(prediction);
  }

  packed(): Predictions {
    return packPredictions(this.#rows, {
      boxes: this.#rows.some(({ box }) => box !== null),
      side: this.#side,
      fingerprint: fingerprintOf(this.#split),
    });
  }
}

/** Bytes of each image that are looked at: of another image, or in another order, some of them differ. */
const sampledBytes = 32;

const known = new WeakMap<Split, string>();

/**
 * 16 hexadecimal digits of a split: of its labels and of bytes spread over every image, in order. Far cheaper than
 * all the pixels, and once per run.
 */
export function fingerprintOf(split: Split): string {
  const there = known.get(split);
  if (there !== undefined) return there;
  const { images, labels, count } = split;
  const bytes = images.length / Math.max(1, count);
  const stride = Math.max(1, Math.floor(bytes / sampledBytes));
  const perImage = Math.ceil(bytes / stride);
  const sample = new Uint8Array(count * perImage);
  for (let i = 0, at = 0; i < count; i++)
    for (let byte = 0; byte < bytes; byte += stride) sample[at++] = images[i * bytes + byte]!;
  const hash = createHash('sha256');
  hash.update(JSON.stringify(Array.from(labels)));
  hash.update(sample);
  const fingerprint = hash.digest('hex').slice(0, 16);
  known.set(split, fingerprint);
  return fingerprint;
}
