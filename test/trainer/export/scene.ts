/** A model with weights that no place of it can hide, as a checkpoint on disk, and what its evaluation says. */
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/experiment-config.ts';
import { writeCheckpoint, type StoredImages } from '../../../src-main/trainer/checkpoint.ts';
import { Sfc32 } from '../../../src-main/trainer/data/prng.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import type { HostArray } from '../../../src-main/trainer/engine/engine.ts';
import { parameterCount } from '../../../src-main/trainer/models/parameters.ts';
import { initialValues } from '../../../src-main/trainer/models/parameters.ts';
import { supervised } from '../../../src-main/trainer/recipes/supervised.ts';

export const classes = ['ant', 'bee', 'cat', 'dog'];
export const side = 16;

/** Bytes of images with edges, so that heuristics and signatures have something to see. */
export function someImages(count: number, seed: number, size = side): Uint8Array {
  const random = new Sfc32(seed, 1, 0);
  const images = new Uint8Array(count * 3 * size * size);
  for (let plane = 0; plane < count * 3; plane++) {
    const [level, slope, edge] = [random.unit() * 200, random.unit() * 4, random.unit() * size];
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++)
        images[plane * size * size + y * size + x] =
          level + slope * y + (x > edge ? 40 : 0) + 15 * random.unit();
  }
  return images;
}

export interface Scene {
  /** JSON of the checkpoint. */
  checkpoint: string;
  /** Log-probabilities [count, classes] and predictions of the run's own evaluation. */
  evaluate(
    images: Uint8Array,
    noise?: Float32Array,
  ): Promise<{ log: Float32Array[]; predictions: number[]; boxes: ArrayLike<number> | null }>;
}

/** @param epochs that the checkpoint has behind it; left out: all of the run. */
export async function sceneOf(
  input: ExperimentConfigInput,
  folder: string,
  epochs?: number,
): Promise<Scene> {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  const { config } = parsed;
  const dataset = {
    channels: 3,
    size: side,
    classes,
    mean: [0.45, 0.5, 0.55],
    std: [0.2, 0.25, 0.3],
  };
  const behind = epochs ?? config.train.epochs;
  const batch = 7;
  const recipe = supervised(config, dataset, batch);
  const random = new Sfc32(7, 2, 0);
  // norms, biases and priors start at 0 or 1: moved, they would be missed
  const moved = (start: Float32Array): Float32Array =>
    start.map((value) => value + 0.1 * (random.unit() - 0.5));
  const parameters = moved(initialValues(recipe.parameters, 3));
  const buffers = recipe.buffers.length > 0 ? await statistics() : new Float32Array();

  /** Running statistics as training leaves them: without, a deep model's numbers grow beyond all bounds. */
  async function statistics(): Promise<Float32Array> {
    const engine = openOrtEngine('cpu', { threads: 1 });
    const { step, specs } = recipe.train({ epoch: 0, selects: false });
    const program = await engine.compile(step, specs);
    const shape = [parameters.length];
    const state = await engine.createState({
      parameters: { shape, data: parameters },
      moment1: { shape, data: new Float32Array(parameters.length) },
      moment2: { shape, data: new Float32Array(parameters.length) },
      buffers: {
        shape: [parameterCount(recipe.buffers)],
        data: new Float32Array(parameterCount(recipe.buffers)),
      },
    });
    const feeds = Object.fromEntries(
      Object.entries(specs.inputs).map(([name, { dtype, shape }]) => {
        const size = shape.reduce((product, side) => product * side, 1);
        // no byte of 255 drops anything
        if (dtype === 'uint8') return [name, new Uint8Array(size).fill(255)];
        return [name, dtype === 'int32' ? new Int32Array(size) : new Float32Array(size)];
      }),
    );
    await program.run(state, { ...feeds, images: someImages(batch, 8) });
    const { buffers } = await state.read();
    await engine.dispose();
    // one step moved them a tenth of the way, from 0 to the batch's
    return (buffers!.data as Float32Array).map((value) => value * 10);
  }

  const width = recipe.features ? recipe.features.shape[0] * recipe.features.shape[1] : 0;
  const scaling =
    recipe.features && scalingOf(featuresOf(someImages(64, 9)), recipe.features.shape[1]);
  function featuresOf(images: Uint8Array): Float32Array {
    const bytes = 3 * side * side;
    const count = images.length / bytes;
    const features = new Float32Array(count * width);
    for (let i = 0; i < count; i++)
      recipe.features!.of(
        images.subarray(i * bytes, (i + 1) * bytes),
        features.subarray(i * width, (i + 1) * width),
      );
    return features;
  }

  const images: StoredImages = {
    channels: 3,
    size: side,
    mean: dataset.mean,
    std: dataset.std,
    features: scaling,
  };
  const { path } = await writeCheckpoint(folder, ['last', 'best'], recipe, {
    config,
    classes,
    images,
    position: { stage: 0, epoch: behind, stepInEpoch: 0, step: 12, imagesSeen: 120 },
    best: null,
    state: {
      parameters,
      moment1: new Float32Array(parameters.length),
      moment2: new Float32Array(parameters.length),
      buffers,
    },
  });

  return {
    checkpoint: path,
    async evaluate(bytes, noise) {
      const engine = openOrtEngine('cpu', { threads: 1 });
      try {
        const state = await engine.createState({
          parameters: { shape: [parameters.length], data: parameters },
          buffers: { shape: [parameterCount(recipe.buffers)], data: buffers },
        });
        const feeds: Record<string, HostArray> = { images: bytes };
        if (noise) feeds.noise = noise;
        if (recipe.features) {
          const features = featuresOf(bytes);
          const { mean, scale } = scaling!;
          feeds.features = features.map(
            (value, i) => (value - mean[i % mean.length]!) * scale[i % mean.length]!,
          );
        }
        const selects = config.selection.evalSelect === 'topk' && config.selection.mode !== 'off';
        const { step, specs } = recipe.evaluate!({ epoch: behind - 1, selects });
        if (specs.inputs.scores && recipe.score) {
          const score = await engine.compile(recipe.score.step, recipe.score.specs);
          const none = await engine.createState({});
          feeds.scores = (await score.run(none, { images: bytes })).scores!;
        }
        const program = await engine.compile(step, specs);
        const log: Float32Array[] = Array.from(
          { length: batch },
          () => new Float32Array(classes.length),
        );
        let predictions: number[] = [];
        let boxes: ArrayLike<number> | null = null;
        // without an area, a box adds nothing to the loss
        if (config.train.task === 'detect') feeds.boxes = new Float32Array(batch * 4);
        // the loss of a label is minus the log-probability of its class
        for (const label of classes.keys()) {
          const labels = new Int32Array(batch).fill(label);
          const out = await program.run(state, { ...feeds, labels });
          out.losses!.forEach((loss, i) => (log[i]![label] = -loss));
          predictions = [...out.predictions!];
          boxes = out.boxes ?? null;
        }
        return { log, predictions, boxes };
      } finally {
        await engine.dispose();
      }
    },
  };
}

function scalingOf(values: Float32Array, width: number) {
  const rows = values.length / width;
  const column = (c: number) => values.filter((_, i) => i % width === c);
  const all = Array.from({ length: width }, (_, c) => {
    const own = column(c);
    const mean = own.reduce((sum, value) => sum + value / rows, 0);
    const variance = own.reduce((sum, value) => sum + (value - mean) ** 2 / rows, 0);
    return { mean, scale: variance > 0 ? 1 / Math.sqrt(variance) : 0 };
  });
  return { mean: all.map(({ mean }) => mean), scale: all.map(({ scale }) => scale) };
}
