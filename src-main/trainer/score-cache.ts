/**
 * Patch scores of a split, computed when an image is first needed and kept.
 *
 * Unless augmentation moves its pixels, an image is the same in every epoch, so its scores are N floats for the whole run (39 MB for
 * 50,000 images of 196 patches; method B.7). After the first epoch, selecting patches costs a step no
 * more than a top-k.
 */
import { Feeder } from './batches.ts';
import type { Split } from './data/index.ts';
import type { EngineState, Program } from './engine/engine.ts';
import type { Recipe } from './recipes/index.ts';

export class ScoreCache {
  /** [count, N] */
  readonly values: Float32Array;
  readonly #known: Uint8Array;
  readonly #program: Program;
  readonly #feeder: Feeder;
  readonly #patches: number;

  constructor(recipe: Recipe, program: Program, split: Split) {
    if (!recipe.score) throw new Error('this run needs no scores');
    this.values = new Float32Array(split.count * recipe.patches);
    this.#known = new Uint8Array(split.count);
    this.#program = program;
    this.#feeder = new Feeder(recipe.score.specs.inputs, split);
    this.#patches = recipe.patches;
  }

  /** Scores of the images that `feeder` holds, in the order of the batch; never kept. */
  async changed(feeder: Feeder, state: EngineState): Promise<Float32Array> {
    this.#feeder.imagesOf(feeder);
    return this.#run(state);
  }

  async #run(state: EngineState): Promise<Float32Array> {
    const { scores } = await this.#program.run(state, this.#feeder.feeds);
    if (!(scores instanceof Float32Array)) throw new Error('the score program returned no scores');
    return scores;
  }

  /** Makes sure that the scores of these images are there. */
  async ensure(indices: Uint32Array, state: EngineState): Promise<void> {
    if (indices.every((image) => this.#known[image] === 1)) return;
    this.#feeder.images(indices);
    const scores = await this.#run(state);
    const n = this.#patches;
    indices.forEach((image, b) => {
      this.values.set(scores.subarray(b * n, (b + 1) * n), image * n);
      this.#known[image] = 1;
    });
  }
}
