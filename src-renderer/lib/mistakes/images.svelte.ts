/** Images of a split by their place in it, asked for as they are wanted and kept while a view is open. */
/* eslint-disable svelte/prefer-svelte-reactivity -- what is known is replaced as a whole; what was asked for is watched by nobody */
import { AppError, type ExperimentConfig, type ImageSamples } from '../../../src-main/contract.ts';
import type { Session } from '../session.svelte.ts';

export type Sample = ImageSamples['images'][number];

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

  /** @param indices at most 60. Those that are there already are not asked for again. */
  async want(
    { api }: Session,
    config: ExperimentConfig,
    split: 'validation' | 'test',
    indices: readonly number[],
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
      const { size, images } = await api.call('datasets.samples', {
        config,
        split,
        indices: missing,
      });
      if (key !== this.#key) return;
      this.size = size;
      this.problem = null;
      this.#known = new Map([
        ...this.#known,
        ...images.map((image): [number, Sample] => [image.index, image]),
      ]);
    } catch (cause) {
      if (key !== this.#key) return;
      // the next page tries again
      for (const index of missing) this.#asked.delete(index);
      const hint = cause instanceof AppError ? cause.hint : null;
      this.problem = { message: cause instanceof Error ? cause.message : String(cause), hint };
    }
  }
}
