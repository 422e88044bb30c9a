/**
 * Random changes of training images: shifted crops of the padded image and mirroring (the standard pair
 * for CIFAR since He et al. 2016, arXiv 1512.03385, section 4.2), then RandAugment.
 *
 * Drawn per image and epoch from a stream of its own, so that a change does not depend on the batch an
 * image is in and a resumed run goes on bit for bit. Applied to the stored uint8 pixels while they are
 * copied into the batch: nothing is added to the step on the device.
 */
import type { ExperimentConfig } from '../experiment-config.ts';
import type { Box } from './augment/operations.ts';
import { RandAugment } from './augment/rand-augment.ts';
import { Sfc32 } from './data/prng.ts';
import { epochSeed, randomStreams } from './random-streams.ts';

export type { Box } from './augment/operations.ts';
export type Augmentation = ExperimentConfig['augment'];

/** How one image is cropped and mirrored in one epoch. */
export interface Change {
  /** The window moves right and down by so many pixels; what it uncovers is black. */
  dx: number;
  dy: number;
  /** After the shift, left and right change places. */
  mirrored: boolean;
}

/** The changes of one epoch. */
export class Augmenter {
  /** Whether patches hold other pixels than before, not only in another order. */
  readonly movesPixels: boolean;
  readonly #options: Augmentation;
  readonly #size: number;
  readonly #seed: number;
  readonly #operations: RandAugment | null;

  /** @param size side of the stored images. */
  constructor(options: Augmentation, size: number, seed: number, epoch: number) {
    const { crop, randAugment, magnitude } = options;
    this.movesPixels = crop > 0 || randAugment > 0;
    this.#options = options;
    this.#size = size;
    this.#seed = epochSeed(seed, epoch);
    this.#operations =
      randAugment > 0 ? new RandAugment(randAugment, magnitude, size, this.#seed) : null;
  }

  /** The same for an image however often it is asked. */
  changeOf(image: number): Change {
    const { crop, flip } = this.#options;
    const random = new Sfc32(this.#seed, randomStreams.augment, image);
    const dx = random.randint(2 * crop + 1) - crop;
    const dy = random.randint(2 * crop + 1) - crop;
    return { dx, dy, mirrored: flip && random.randint(2) === 1 };
  }

  /**
   * Writes the changed image. @param planes [channels, size, size] of the image as stored.
   * @param into as long as `planes`.
   */
  apply(image: number, planes: Uint8Array, into: Uint8Array): void {
    const { dx, dy, mirrored } = this.changeOf(image);
    const size = this.#size;
    const rows = planes.length / size;
    for (let row = 0; row < rows; row++) {
      const y = (row % size) + dy;
      const to = into.subarray(row * size, (row + 1) * size);
      to.fill(0);
      if (y >= 0 && y < size && Math.abs(dx) < size) {
        const from = (row + dy) * size;
        const [first, last] = [Math.max(0, dx), Math.min(size, size + dx)];
        to.set(planes.subarray(from + first, from + last), first - dx);
      }
      if (mirrored) to.reverse();
    }
    this.#operations?.apply(image, into);
  }

  /**
   * The bounds of a box in the changed image; of no area where it was moved out, not of whole pixels where
   * it was turned or sheared.
   */
  box(image: number, box: Box): Box {
    const moved = this.#shifted(image, box);
    return this.#operations?.box(image, moved) ?? moved;
  }

  #shifted(image: number, [x0, y0, x1, y1]: Box): Box {
    const { dx, dy, mirrored } = this.changeOf(image);
    const size = this.#size;
    const within = (value: number): number => Math.min(size, Math.max(0, value));
    const [left, right] = [within(x0 - dx), within(x1 - dx)];
    const [top, bottom] = [within(y0 - dy), within(y1 - dy)];
    return mirrored ? [size - right, top, size - left, bottom] : [left, top, right, bottom];
  }
}

/** Null where nothing is changed. */
export const augmenterOf = (
  options: Augmentation,
  size: number,
  seed: number,
  epoch: number,
): Augmenter | null =>
  options.flip || options.crop > 0 || options.randAugment > 0
    ? new Augmenter(options, size, seed, epoch)
    : null;
