/**
 * Images of a dataset and the patches that selection keeps of them, before anything trains: scores, noise and
 * choice are those of a training step, through the very functions that it is built of.
 */
import {
  keptPatches,
  patchCount,
  type DatasetConfig,
  type ExperimentConfig,
} from '../experiment-config.ts';
import { selectionProbability } from '../experiment-config/selection-schedule.ts';
import { stageEpochs } from '../experiment-config/stage-epochs.ts';
import { Feeder } from './batches.ts';
import { emptySplit, splitNames, type OpenContext, type Split } from './data/dataset.ts';
import { describeDataset, openDataset, type Dataset, type SplitName } from './data/index.ts';
import { GreenSynth } from './data/synthetic.ts';
import * as tf from './engine/tf.ts';
import type { Tensor2D, Tensor4D } from './engine/tf.ts';
import type { ImageSamples, PreviewRequest, SelectionPreview } from './messages.ts';
import { PatchRecall } from './metrics/patch-recall.ts';
import { pixelPatches } from './models/images.ts';
import { scorePatches, selectPatches, type Selection } from './models/patch-selection.ts';
import { randomStreams } from './random-streams.ts';

/** Some images of a split, as it would have them. */
interface Few {
  classes: readonly string[];
  size: number;
  /** Images of the whole split. */
  total: number;
  /** Their places in it. */
  indices: Uint32Array;
  /** These images only. */
  split: Split;
}

export class Previewer {
  readonly #context: OpenContext;
  /** The dataset that was looked at last; one at a time is held in memory. */
  #opened: { key: string; data: Promise<Dataset> } | null = null;

  constructor(context: OpenContext) {
    this.#context = context;
  }

  /** @throws DatasetError where the images are not there */
  async answer(request: PreviewRequest): Promise<ImageSamples | SelectionPreview> {
    const { dataset, split, indices } = request;
    const few = await this.#images(dataset, split, indices);
    return request.what === 'images'
      ? samplesOf(few)
      : selectionOf(request.config, few, request.epoch);
  }

  async #images(dataset: DatasetConfig, name: SplitName, wanted: readonly number[]): Promise<Few> {
    const { size, [name]: total } = describeDataset(dataset);
    const indices = Uint32Array.from(wanted, (index) => index % total);
    // a few drawn images need not wait for all of them
    if (dataset.kind === 'greensynth') {
      const generator = new GreenSynth(dataset);
      const split = emptySplit(indices.length, size, true);
      const bytes = 3 * size * size;
      indices.forEach((index, b) => {
        split.labels[b] = generator.draw(
          splitNames.indexOf(name),
          index,
          split.images.subarray(b * bytes, (b + 1) * bytes),
          split.boxes!.subarray(4 * b, 4 * b + 4),
        );
      });
      return { classes: generator.classNames, size, total, indices, split };
    }
    const data = await this.#open(dataset);
    const all = data.splits[name];
    return {
      classes: data.classes,
      size: data.size,
      total: all.count,
      indices,
      split: picked(all, indices),
    };
  }

  #open(dataset: DatasetConfig): Promise<Dataset> {
    const key = JSON.stringify(dataset);
    if (this.#opened?.key !== key) {
      const data = openDataset(dataset, this.#context);
      this.#opened = { key, data };
      // what could not be opened is tried anew
      data.catch(() => (this.#opened = null));
    }
    return this.#opened.data;
  }
}

function picked({ images, labels, boxes, count }: Split, indices: Uint32Array): Split {
  const bytes = images.length / count;
  const few: Split = {
    count: indices.length,
    images: new Uint8Array(indices.length * bytes),
    labels: new Int32Array(indices.length),
    boxes: boxes && new Int16Array(indices.length * 4),
  };
  indices.forEach((image, b) => {
    few.images.set(images.subarray(image * bytes, (image + 1) * bytes), b * bytes);
    few.labels[b] = labels[image]!;
    if (boxes) few.boxes!.set(boxes.subarray(4 * image, 4 * image + 4), 4 * b);
  });
  return few;
}

function samplesOf({ classes, size, total, indices, split }: Few): ImageSamples {
  const plane = size * size;
  return {
    size,
    total,
    images: [...indices].map((index, b) => {
      // pixel by pixel, as a page draws them
      const rgb = new Uint8Array(3 * plane);
      for (let c = 0; c < 3; c++)
        for (let i = 0; i < plane; i++) rgb[3 * i + c] = split.images[(3 * b + c) * plane + i]!;
      return {
        index,
        label: classes[split.labels[b]!] ?? String(split.labels[b]),
        rgb: Buffer.from(rgb).toString('base64'),
        box: boxOf(split, b),
      };
    }),
  };
}

/** Null also where a box has no area. */
function boxOf({ boxes }: Split, b: number): [number, number, number, number] | null {
  if (!boxes) return null;
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * b, 4 * b + 4);
  return x1 > x0 && y1 > y0 ? [x0, y0, x1, y1] : null;
}

/** One of each family; the config's own stands for its family. */
function heuristicsOf({ heuristic }: Selection): Selection['heuristic'][] {
  const families: Selection['heuristic'][][] = [
    ['variance_channel_mean', 'variance_luma'],
    ['contrast_guarded', 'contrast'],
    ['entropy'],
    ['random'],
  ];
  const shown = families.map((family) => (family.includes(heuristic) ? heuristic : family[0]!));
  return heuristic === 'conv' ? [...shown, 'conv'] : shown;
}

/** @param epoch from 1, of the stage that selects */
function selectionOf(config: ExperimentConfig, few: Few, epoch: number): SelectionPreview {
  const { model, selection, train } = config;
  if (model.kind !== 'vit') return { patches: null, keep: null, share: null, choices: [] };
  const patches = patchCount(model);
  const keep = keptPatches({ model, selection });
  const epochs = stageEpochs(config).at(-1)!.epochs;
  const first = stageEpochs(config).reduce((sum, stage) => sum + stage.epochs, 0) - epochs;
  const within = Math.min(epoch, epochs) - 1;
  const noise = noiseOf(few, patches, { seed: train.seed, epoch: first + within });
  return {
    patches,
    keep,
    share: selectionProbability(selection, within, epochs),
    choices: heuristicsOf(selection).map((heuristic) => ({
      heuristic,
      // its weights are learned in training: before that it has no score
      images:
        heuristic === 'conv'
          ? null
          : keptBy({ ...selection, heuristic }, few, config, noise, keep).map((kept, b) => ({
              kept,
              objectShare: objectShare(few, b, kept, patches),
            })),
    })),
  };
}

/** The noise of these images in an epoch, as training draws it. */
function noiseOf(
  { split, indices }: Few,
  patches: number,
  place: { seed: number; epoch: number },
): Float32Array {
  const shape = [indices.length, patches];
  const feeder = new Feeder({ noise: { shape, dtype: 'float32' } }, split);
  feeder.noise(indices, { ...place, stream: randomStreams.selectionNoise });
  return feeder.feeds.noise as Float32Array;
}

function keptBy(
  selection: Selection,
  { split, size }: Few,
  { model }: ExperimentConfig,
  noise: Float32Array,
  keep: number,
): number[][] {
  if (model.kind !== 'vit') return [];
  const patches = patchCount(model);
  const sampled = selection.probabilistic || selection.heuristic === 'random';
  const kept = tf.tidy(() => {
    const images = tf.tensor4d(split.images, [split.count, 3, size, size], 'int32');
    const pixels = pixelPatches(images as Tensor4D, model.image, model.patch);
    const scores = scorePatches(pixels, selection);
    const drawn = sampled ? tf.tensor2d(noise, [split.count, patches]) : null;
    return selectPatches(scores, drawn as Tensor2D | null, keep, selection).dataSync();
  });
  return Array.from({ length: split.count }, (_, b) => [...kept.slice(b * keep, (b + 1) * keep)]);
}

function objectShare(
  { split, size }: Few,
  b: number,
  kept: readonly number[],
  patches: number,
): number | null {
  const box = boxOf(split, b);
  if (!box) return null;
  const recall = new PatchRecall(patches, size);
  recall.add(kept, box);
  return recall.value;
}
