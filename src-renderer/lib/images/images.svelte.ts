/** Images of a split by their place in it, asked for as they are wanted; those that were seen last are kept. */
/* eslint-disable svelte/prefer-svelte-reactivity -- what is known is replaced as a whole; what was asked for is watched by nobody */
import { AppError, type ExperimentConfig, type ImageSamples } from '../../../src-main/contract.ts';
import type { Session } from '../session.svelte.ts';

export type Sample = ImageSamples['images'][number];

/** Of each page of the gallery and some before it; who goes through a whole test split needs no more. */
const mostKept = 240;
const retryMs = 500;

export class Images {
  #key = '';
  #asked = new Set<number>();
  #known = $state.raw<ReadonlyMap<number, Sample>>(new Map());
  /** Side of the images in pixels; null before the first came. */
  size = $state<number | null>(null);
  /** Why there are none. */
  problem = $state.raw<{ message: string; hint: string | null } | null>(null);

  /** The image at that place; null: not, or not yet. */
  at(index: number): Sample | null {
    return this.#known.get(index) ?? null;
  }

  /** The image, where it is there and shows what the run saw; null: not, or not yet. */
  of(index: number, label: string | undefined): Sample | null {
    const sample = this.#known.get(index);
    return sample && sample.label === label ? sample : null;
  }

  /** Whether an image that came shows something else than the run saw: these are other images. */
  isOther(index: number, label: string | undefined): boolean {
    const sample = this.#known.get(index);
    return sample !== undefined && sample.label !== label;
  }

  /**
   * @param indices at most 60. Those that are there already are not asked for again.
   * @param again once more, where the answer was broken off: a run that begins takes the processor for itself
   */
  async want(
    session: Pick<Session, 'api'>,
    config: ExperimentConfig,
    split: 'validation' | 'test',
    indices: readonly number[],
    again = true,
  ): Promise<void> {
    const key = JSON.stringify([config.dataset, split]);
    if (key !== this.#key) {
      this.#key = key;
      this.#asked = new Set();
      this.#known = new Map();
      this.problem = null;
    }
    const missing = indices.filter((index) => !this.#asked.has(index));
    if (missing.length === 0) return;
    for (const index of missing) this.#asked.add(index);
    try {
      const { size, images } = await session.api.call('datasets.samples', {
        config,
        split,
        indices: missing,
      });
      if (key !== this.#key) return;
      this.size = size;
      this.problem = null;
      this.#keep(new Set(indices), images);
    } catch (cause) {
      if (key !== this.#key) return;
      // the next page tries again
      for (const index of missing) this.#asked.delete(index);
      if (again && cause instanceof AppError && cause.code === 'CANCELLED') {
        await new Promise((resolve) => setTimeout(resolve, retryMs));
        if (key === this.#key) await this.want(session, config, split, indices, false);
        return;
      }
      const hint = cause instanceof AppError ? cause.hint : null;
      this.problem = { message: cause instanceof Error ? cause.message : String(cause), hint };
    }
  }

  /** Forgets the oldest beyond those that are wanted. */
  #keep(wanted: ReadonlySet<number>, fresh: readonly Sample[]) {
    const known = new Map(this.#known);
    for (const image of fresh) known.set(image.index, image);
    const others = [...known.keys()].filter((index) => !wanted.has(index));
    for (const index of others.slice(0, Math.max(0, known.size - mostKept))) {
      known.delete(index);
      this.#asked.delete(index);
    }
    this.#known = known;
  }
}
