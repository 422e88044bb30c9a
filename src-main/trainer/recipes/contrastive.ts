/**
 * The contrastive stage of the paper's second RQ3 recipe (method G.2): images of one class are drawn
 * together, images of others pushed apart, hard ones the more.
 */
import { patchCount, type ExperimentConfig } from '../../experiment-config.ts';
import { Sfc32 } from '../data/prng.ts';
import * as tf from '../engine/tf.ts';
import type { Scalar, Tensor1D, Tensor2D } from '../engine/tf.ts';
import type { Tensors } from '../engine/engine.ts';
import { dropoutFrom } from '../models/dropout.ts';
import {
  hardNegativeContrastive,
  khoslaContrastive,
  marginContrastive,
} from '../losses/contrastive.ts';
import { parameterCount, type Parameter } from '../models/parameters.ts';
import { buildModel, dropoutBytesOf } from '../models/registry.ts';
import { vitEncode, vitPool } from '../models/vit.ts';
import { epochSeed, randomStreams } from '../random-streams.ts';
import { encoderParameters } from './masked.ts';
import { calibrationOf } from './calibration.ts';
import { imageInput, modelInput } from './model-input.ts';
import { embeddingWidth } from './stage-models.ts';
import { recipeOf, StateLayout, trainingStep, type DatasetShape, type Recipe } from './recipe.ts';

export function contrastive(
  config: ExperimentConfig,
  dataset: DatasetShape,
  batch: number,
): Recipe {
  const built = buildModel(config, dataset);
  const { vit } = built;
  if (!vit) throw new Error('the contrastive stage needs an encoder');
  const { dim } = vit.model;
  const layer = (name: string, out: number): Parameter[] => [
    {
      name: `${name}.weight`,
      shape: [out, dim],
      init: { kind: 'fan-in', fanIn: dim },
      decay: true,
    },
    { name: `${name}.bias`, shape: [out], init: { kind: 'fan-in', fanIn: dim }, decay: false },
  ];
  const parameters = [
    ...encoderParameters(built.parameters),
    ...layer('projection.fc1', dim),
    ...layer('projection.fc2', embeddingWidth),
  ];
  const state = new StateLayout({ parameters });
  const patches = patchCount(vit.model);
  const dropoutBytes = dropoutBytesOf(built, batch, patches + 1);

  const step = trainingStep(state, config.train, {
    tokens: patches + 1,
    inputs: {
      ...imageInput(dataset, batch),
      labels: { shape: [batch], dtype: 'int32' },
      ...(dropoutBytes > 0 && { dropout: { shape: [dropoutBytes], dtype: 'uint8' } }),
    },
    loss: (views, inputs) => {
      const input = modelInput(config, dataset, built.sees, inputs);
      if (input.kind !== 'patches') throw new Error('the encoder sees patches');
      const pooled = vitPool(
        vitEncode(vit, views, {
          ...input,
          ...(inputs.dropout && { dropout: dropoutFrom(inputs.dropout, built.dropoutRate) }),
        }),
      );
      const z = project(views, tf.relu(project(views, pooled, 'projection.fc1')), 'projection.fc2');
      return { loss: lossOf(z, inputs.labels as Tensor1D, config.contrastive) };
    },
  });

  return recipeOf(state, {
    calibration: calibrationOf(config, dataset, batch, built, state),
    parameterCount: parameterCount(parameters),
    batch,
    patches,
    train: () => step,
    evaluate: null,
  });
}

const project = (views: Tensors, x: Tensor2D, name: string): Tensor2D =>
  tf.matMul(x, views[`${name}.weight`] as Tensor2D, false, true).add(views[`${name}.bias`]!);

function lossOf(
  z: Tensor2D,
  labels: Tensor1D,
  { loss, temperature, hardness, margin }: ExperimentConfig['contrastive'],
): Scalar {
  switch (loss) {
    case 'weighted':
      return hardNegativeContrastive(z, labels, { temperature, hardness });
    case 'khosla':
      return khoslaContrastive(z, labels, temperature);
    case 'margin': {
      // distances between features of any length would be shortened by shrinking them all
      const length = z.square().sum(1, true).add(tf.scalar(1e-12)).sqrt();
      return marginContrastive(z.div(length), labels, margin);
    }
  }
}

/** Images of a class in one batch that make it worth while: three positives for each. */
const enough = 4;

/**
 * An epoch of batches that hold as many images of each of their classes: classes and the images of each
 * come in random order and begin anew when they run out.
 * @param labels [count]
 * @param classes per batch; null: as many as leave four images of each.
 * @returns the images of all whole batches, one after the other; depends on seed and epoch only.
 */
export function classBalancedOrder(
  labels: Int32Array,
  {
    batch,
    classes,
    seed,
    epoch,
  }: { batch: number; classes: number | null; seed: number; epoch: number },
): Uint32Array {
  const random = new Sfc32(epochSeed(seed, epoch), randomStreams.shuffle, 1);
  const members = new Map<number, number[]>();
  labels.forEach((label, image) => {
    const list = members.get(label);
    if (list) list.push(image);
    else members.set(label, [image]);
  });
  const queues = new Map([...members].map(([label, images]) => [label, endless(images, random)]));
  const nextClass = endless([...members.keys()], random);
  // an image alone of its class in a batch has nothing to be drawn to
  const most = Math.max(1, Math.floor(batch / 2));
  const perBatch = Math.min(members.size, most, classes ?? Math.max(2, Math.floor(batch / enough)));

  const order = new Uint32Array(labels.length - (labels.length % batch));
  for (let first = 0; first < order.length; first += batch) {
    const chosen = new Set<number>();
    while (chosen.size < perBatch) chosen.add(nextClass());
    const list = [...chosen];
    for (let i = 0; i < batch; i++) order[first + i] = queues.get(list[i % list.length]!)!();
  }
  return order;
}

/** Deals the items out in random order, shuffled again each time all are dealt. */
function endless<Item>(items: readonly Item[], random: Sfc32): () => Item {
  const deck = [...items];
  let left = 0;
  return () => {
    if (left === 0) left = deck.length;
    const i = random.randint(left--);
    const item = deck[i]!;
    [deck[i], deck[left]] = [deck[left]!, item];
    return item;
  };
}
