/** How much of the objects patch selection keeps (method B.1). */
import type { Corners } from './detection.ts';

/**
 * Counts the patches of images that show a part of the object, and how many of them are kept. The recall is
 * the mean over images, each the share of its object patches that is kept.
 */
export class PatchRecall {
  readonly #grid: number;
  readonly #patch: number;
  #images = 0;
  #sum = 0;

  /** @param patches N, a square grid. @param size side of the image, in the unit of its boxes. */
  constructor(patches: number, size: number) {
    this.#grid = Math.round(Math.sqrt(patches));
    this.#patch = size / this.#grid;
  }

  /** @param kept places of one image. An image whose box has no area counts for nothing. */
  add(kept: ArrayLike<number>, [x0, y0, x1, y1]: Corners): void {
    if (!(x1 > x0 && y1 > y0)) return;
    const [left, right] = [this.#first(x0), this.#last(x1)];
    const [top, bottom] = [this.#first(y0), this.#last(y1)];
    let found = 0;
    for (let i = 0; i < kept.length; i++) {
      const [column, row] = [kept[i]! % this.#grid, Math.floor(kept[i]! / this.#grid)];
      if (column >= left && column <= right && row >= top && row <= bottom) found++;
    }
    this.#images++;
    this.#sum += found / ((right - left + 1) * (bottom - top + 1));
  }

  /** Null before the first image. */
  get value(): number | null {
    return this.#images === 0 ? null : this.#sum / this.#images;
  }

  /** The column or row of the first patch that a box from `from` overlaps. */
  #first(from: number): number {
    return Math.max(0, Math.floor(from / this.#patch));
  }

  /** Of the last patch; a box that ends at a border does not overlap the patch behind it. */
  #last(to: number): number {
    return Math.min(this.#grid - 1, Math.ceil(to / this.#patch) - 1);
  }
}
