/**
 * Looks at what a stage's model does with a few images of the validation split, the same ones throughout.
 *
 * It has the recipe once more, built for as many images as are watched, and reads the training's state without
 * changing it; noise comes from evaluation's own stream. So training goes on as if nobody had looked.
 */
import { patchCount, type ExperimentConfig } from '../../experiment-config.ts';
import { Feeder } from '../batches.ts';
import type { Engine, EngineState, HostArray } from '../engine/engine.ts';
import type { Picture, Snapshot, WatchedImage } from '../messages.ts';
import type { VitStructure } from '../models/structure.ts';
import { Programs } from '../programs.ts';
import { randomStreams } from '../random-streams.ts';
import type { Recipe, StepDefinition } from '../recipes/index.ts';
import type { PreparedStage } from '../stage-runner.ts';
import { attentionMaps } from './attention-maps.ts';
import { watchedImages } from './choose.ts';
import { patchMap, short, watchedImage } from './pixels.ts';
import { traceOf } from './trace.ts';

/** Weights of all layers and images that are taken out of a graph at once: 512 MB. */
const mostWeights = 2 ** 27;

export interface Moment {
  /** 0-based, of the stage. */
  epoch: number;
  /** Shares of the batches whose patches are selected, in training and in evaluation. */
  training: number;
  evaluation: number;
}

export class Watcher {
  readonly images: readonly WatchedImage[];
  readonly #indices: Uint32Array;
  readonly #programs: Programs;
  readonly #prepared: PreparedStage;
  readonly #config: ExperimentConfig;
  #built: { structure: VitStructure | null; recipe: Recipe } | null = null;
  /** [images, N]; they are those of the pixels, which stay. */
  #scores: Float32Array | null = null;

  constructor(engine: Engine, prepared: PreparedStage, config: ExperimentConfig) {
    const { data } = prepared;
    const split = data.splits.validation;
    this.#config = config;
    this.#prepared = prepared;
    this.#programs = new Programs(engine);
    this.#indices = watchedImages(split, Math.min(config.watch.images, mostImages(config)));
    this.images = Array.from(this.#indices, (index) => watchedImage(split, index, data));
  }

  dispose(): Promise<void> {
    return this.#programs.retain([]);
  }

  /** @param state of the stage; it is read and left as it is */
  async look(state: EngineState, moment: Moment): Promise<Omit<Snapshot, 'epoch' | 'step'>> {
    const recipe = this.#recipe();
    const { epoch, training, evaluation } = moment;
    const reduced = evaluation > 0;
    const definition = recipe.picture?.({ epoch, selects: reduced });
    if (!definition) throw new Error('this stage classifies nothing that could be looked at');
    // a program of another number of tokens is not needed again
    const needed = [definition, recipe.select, recipe.score].filter((one) => one !== null);
    await this.#programs.retain(needed);
    const run = async (one: StepDefinition): Promise<Record<string, HostArray>> => {
      await this.#programs.compile(this.#programs.missing([one]), () => {});
      return this.#programs.of(one).run(state, await this.#feeds(one, state, epoch));
    };
    const outputs = await run(definition);
    const selects = recipe.select !== null && (reduced || training > 0);
    const { kept } = selects ? await run(recipe.select!) : {};
    const dropped = reduced && this.#config.selection.mode === 'drop';
    const patches = recipe.patches > 0 ? recipe.patches : null;
    return {
      patches,
      share: recipe.selects ? training : null,
      reduced,
      pictures: this.images.map((_, image) => {
        const own = kept ? [...slice(kept, image, this.images.length)] : null;
        const places = dropped && own ? own : Array.from({ length: patches ?? 0 }, (_, i) => i);
        return this.#picture(outputs, image, own, places);
      }),
    };
  }

  #recipe(): Recipe {
    const { stage, data, recipe } = this.#prepared;
    const { structure } = recipe;
    if (!this.#built || JSON.stringify(this.#built.structure) !== JSON.stringify(structure))
      this.#built = { structure, recipe: stage.build(data, this.#indices.length, structure) };
    return this.#built.recipe;
  }

  async #feeds({ specs }: StepDefinition, state: EngineState, epoch: number) {
    const { stage, data, features } = this.#prepared;
    const split = data.splits.validation;
    const feeder = new Feeder(specs.inputs, split, features?.rows.validation ?? null);
    feeder.images(this.#indices);
    feeder.noise(this.#indices, {
      seed: stage.train.seed,
      epoch: stage.first + epoch,
      stream: randomStreams.evaluationNoise,
    });
    if (feeder.wants('scores')) feeder.scoresInOrder(await this.#scored(state));
    return feeder.feeds;
  }

  async #scored(state: EngineState): Promise<Float32Array> {
    if (this.#scores) return this.#scores;
    const { score } = this.#recipe();
    if (!score) throw new Error('scores are wanted, and nothing computes them');
    await this.#programs.compile(this.#programs.missing([score]), () => {});
    const feeder = new Feeder(score.specs.inputs, this.#prepared.data.splits.validation);
    feeder.images(this.#indices);
    const { scores } = await this.#programs.of(score).run(state, feeder.feeds);
    return (this.#scores = scores as Float32Array);
  }

  /** @param places the patches that the model saw, in their order */
  #picture(
    outputs: Readonly<Record<string, HostArray>>,
    image: number,
    kept: number[] | null,
    places: readonly number[],
  ): Picture {
    const { data } = this.#prepared;
    const count = this.images.length;
    const probabilities = slice(outputs.probabilities!, image, count);
    const likeliest = probabilities.indexOf(Math.max(...probabilities));
    // nothing is the likeliest of no numbers
    if (likeliest < 0) throw new Error('the model gives no numbers');
    const label = data.splits.validation.labels[this.#indices[image]!]!;
    const trace = traceOf(outputs, image, count);
    const maps = trace && attentionMaps(trace, places, this.#recipe().patches);
    const box = outputs.boxes && slice(outputs.boxes, image, count);
    return {
      predicted: data.classes[likeliest] ?? String(likeliest),
      probability: short(probabilities[likeliest]!),
      trueProbability: short(probabilities[label]!),
      box: box ? [short(box[0]!), short(box[1]!), short(box[2]!), short(box[3]!)] : null,
      kept,
      rollout: maps && patchMap(maps.rollout),
      layers: (maps?.layers ?? []).map(({ tokens, received }) => ({
        tokens,
        received: patchMap(received),
      })),
    };
  }
}

const slice = (all: HostArray, image: number, images: number): HostArray => {
  const size = all.length / images;
  return all.subarray(image * size, (image + 1) * size);
};

/** As many as there is room for their attention weights, which some attention never forms: maybe none. */
function mostImages({ model }: ExperimentConfig): number {
  if (model.kind !== 'vit') return Infinity;
  const weights = model.layers * (patchCount(model) + 1) ** 2;
  return Math.floor(mostWeights / weights);
}
