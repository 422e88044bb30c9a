/**
 * Masked patch modelling, the first stage of the paper's RQ3 recipes (method G.1): an encoder learns to
 * predict patches it was not shown, without labels.
 *
 * `simmim` (Xie et al. 2022, arXiv 2111.09886) puts a learned token in the place of hidden patches and
 * computes all of them; `mae` (He et al. 2022, arXiv 2111.06377) gives the encoder the visible patches
 * alone and leaves the rest to a small decoder, which is where it saves.
 */
import { patchCount, type ExperimentConfig } from '../../experiment-config.ts';
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '../engine/tf.ts';
import type { Tensors } from '../engine/engine.ts';
import { layerNorm } from '../engine/ops.ts';
import { maskedL1, maskedMse, normaliseEachPatch } from '../losses/masked.ts';
import { dropoutFrom } from '../models/dropout.ts';
import { normalisePatches, pixelPatches } from '../models/images.ts';
import { parameterCount, type Parameter } from '../models/parameters.ts';
import { gatherPatches, keepMask, selectPatches } from '../models/patch-selection.ts';
import { buildModel, dropoutBytesOf } from '../models/registry.ts';
import {
  layerNormEpsilon,
  vitEncode,
  vitLayers,
  vitParameters,
  type VitInput,
  type VitShape,
} from '../models/vit.ts';
import { calibrationOf } from './calibration.ts';
import { hintsOf, imageInput, normalisationOf } from './model-input.ts';
import { decoderShape, maskedPatches } from './stage-models.ts';
import { recipeOf, StateLayout, trainingStep, type DatasetShape, type Recipe } from './recipe.ts';

/** The encoder's own tensors: those of the model without its head. */
export const encoderParameters = (parameters: readonly Parameter[]): Parameter[] =>
  parameters.filter(({ name }) => !name.startsWith('head.'));

export function masked(config: ExperimentConfig, dataset: DatasetShape, batch: number): Recipe {
  const { pretrain } = config;
  const built = buildModel(config, dataset);
  const { vit, parameters } = built;
  if (!vit) throw new Error('masked pre-training needs an encoder');
  const encoder = encoderParameters(parameters);
  const own = pretrain.method === 'mae' ? mae(vit, pretrain) : simmim(vit);
  const all = [...encoder, ...own.parameters];
  const state = new StateLayout({ parameters: all });
  const patches = patchCount(vit.model);
  const visible = patches - maskedPatches(pretrain.ratio, patches);
  const normalisation = normalisationOf(config, dataset);

  const tokens = (pretrain.method === 'mae' ? visible : patches) + 1;
  const dropoutBytes = dropoutBytesOf(built, batch, tokens);

  const step = trainingStep(state, config.train, {
    tokens,
    inputs: {
      ...imageInput(dataset, batch),
      noise: { shape: [batch, patches], dtype: 'float32' },
      ...(dropoutBytes > 0 && { dropout: { shape: [dropoutBytes], dtype: 'uint8' } }),
    },
    loss: (views, inputs) => {
      const pixels = pixelPatches(inputs.images as Tensor4D, vit.model.image, vit.model.patch);
      const target = normalisePatches(pixels, normalisation);
      const uniform = tf.zeros([batch, patches]) as Tensor2D;
      const kept = selectPatches(uniform, inputs.noise as Tensor2D, visible, {
        probMap: 'linear',
        delta: 0,
      });
      const beside: Beside = {
        // routers are told what later stages tell them
        scores: hintsOf(config, vit.model, inputs),
        ...(inputs.dropout && { dropout: dropoutFrom(inputs.dropout, built.dropoutRate) }),
      };
      return { loss: own.loss(views, target, kept, beside) };
    },
  });

  return recipeOf(state, {
    calibration: calibrationOf(config, dataset, batch, built, state),
    parameterCount: parameterCount(all),
    batch,
    patches,
    train: () => step,
    evaluate: null,
  });
}

/** What the encoder is given beside the patches, as in every other stage. */
type Beside = Pick<VitInput, 'scores' | 'dropout'>;

/** What a method adds to the encoder. */
interface Method {
  parameters: Parameter[];
  /**
   * @param target [B, N, C p²] normalised patches.
   * @param kept [B, visible] int32, ascending: what the model is shown.
   */
  loss(views: Tensors, target: Tensor3D, kept: Tensor2D, beside: Beside): Tensor;
}

const weight = (name: string, rows: number, columns: number): Parameter[] => [
  { name: `${name}.weight`, shape: [rows, columns], init: { kind: 'fan-in', fanIn: columns }, decay: true }, // prettier-ignore
  { name: `${name}.bias`, shape: [rows], init: { kind: 'fan-in', fanIn: columns }, decay: false },
];
const norm = (name: string, width: number): Parameter[] => [
  { name: `${name}.g`, shape: [width], init: { kind: 'constant', value: 1 }, decay: false },
  { name: `${name}.b`, shape: [width], init: { kind: 'constant', value: 0 }, decay: false },
];
const maskToken = (name: string, width: number): Parameter => ({
  name,
  shape: [width],
  init: { kind: 'normal', std: 0.02 },
  decay: false,
});

const normalised = (views: Tensors, x: Tensor3D, name: string): Tensor3D =>
  layerNorm(
    x,
    views[`${name}.g`] as Tensor1D,
    views[`${name}.b`] as Tensor1D,
    layerNormEpsilon,
  ) as Tensor3D;

/** [B, n, in] -> [B, n, out] */
function projected(views: Tensors, x: Tensor3D, name: string): Tensor3D {
  const [batch, count, width] = x.shape;
  const flat = x.reshape<Tensor2D>([batch * count, width]);
  const product = tf.matMul(flat, views[`${name}.weight`] as Tensor2D, false, true);
  return product.add(views[`${name}.bias`]!).reshape([batch, count, -1]);
}

const withoutClassToken = (tokens: Tensor3D): Tensor3D => {
  const [batch, count, width] = tokens.shape;
  return tokens.slice([0, 1, 0], [batch, count - 1, width]);
};

const pixelsOf = ({ model, channels }: VitShape): number => channels * model.patch ** 2;

function simmim(shape: VitShape): Method {
  const { dim } = shape.model;
  return {
    parameters: [
      maskToken('decoder.mask', dim),
      ...norm('decoder.ln', dim),
      ...weight('decoder', pixelsOf(shape), dim),
    ],
    loss: (views, target, kept, beside) => {
      const [, count] = target.shape;
      const shown = keepMask(kept, count); // [B, N, 1]
      const hidden = tf.scalar(1).sub(shown);
      const tokens = vitEncode(shape, views, {
        ...beside,
        patches: target,
        kept: null,
        embedded: (patches) => patches.mul(shown).add(hidden.mul(views['decoder.mask']!)),
      });
      const decoded = normalised(views, withoutClassToken(tokens), 'decoder.ln');
      const predicted = projected(views, decoded, 'decoder');
      return maskedL1(predicted, target, hidden.squeeze([2]), shape.channels);
    },
  };
}

function mae(
  shape: VitShape,
  { decoderLayers, normalisedTarget }: ExperimentConfig['pretrain'],
): Method {
  const decoder = decoderShape(shape, decoderLayers);
  const { dim } = decoder.model;
  const patches = patchCount(shape.model);
  const prefix = 'decoder.';
  const blocks = vitParameters(decoder)
    .filter(({ name }) => /^b\d+\./.test(name))
    .map((parameter) => ({
      ...parameter,
      name: prefix + parameter.name,
      ...(parameter.joint && { joint: prefix + parameter.joint }),
    }));
  return {
    parameters: [
      ...norm('decoder.in', shape.model.dim),
      ...weight('decoder.embed', dim, shape.model.dim),
      maskToken('decoder.mask', dim),
      {
        name: 'decoder.pos',
        shape: [patches + 1, dim],
        init: { kind: 'normal', std: 0.02 },
        decay: false,
      },
      ...blocks,
      ...norm('decoder.ln', dim),
      ...weight('decoder.out', pixelsOf(shape), dim),
    ],
    loss: (views, target, kept, beside) => {
      const tokens = vitEncode(shape, views, {
        ...beside,
        patches: gatherPatches(target, kept),
        kept,
      });
      const narrow = projected(views, normalised(views, tokens, 'decoder.in'), 'decoder.embed');
      const [batch, , width] = narrow.shape;
      const shown = keepMask(kept, patches);
      const hidden = tf.scalar(1).sub(shown);
      const everywhere = spread(withoutClassToken(narrow), kept, patches).add(
        hidden.mul(views['decoder.mask']!),
      ) as Tensor3D;
      const cls = narrow.slice([0, 0, 0], [batch, 1, width]);
      let t = tf.concat([cls, everywhere], 1).add(views['decoder.pos']!) as Tensor3D;

      const inner = Object.fromEntries(
        Object.entries(views)
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
      );
      const layers = vitLayers(decoder, inner);
      for (let layer = 0; layer < decoderLayers; layer++) {
        const b = `b${layer}`;
        t = t.add(layers.attention(layers.norm(t, `${b}.ln1`), b));
        t = t.add(layers.mlp(layers.norm(t, `${b}.ln2`), b, (values) => values));
      }
      const decoded = normalised(views, withoutClassToken(t), 'decoder.ln');
      const predicted = projected(views, decoded, 'decoder.out');
      const wanted = normalisedTarget ? normaliseEachPatch(target) : target;
      return maskedMse(predicted, wanted, hidden.squeeze([2]));
    },
  };
}

/**
 * Visible tokens at the places of their patches, zeros elsewhere: a product with a 0/1 matrix, whose
 * gradient is a product too.
 * @param tokens [B, k, D]
 * @param kept [B, k] int32
 * @returns [B, N, D]
 */
function spread(tokens: Tensor3D, kept: Tensor2D, patches: number): Tensor {
  const [batch, k] = kept.shape;
  const places = kept
    .reshape([batch, 1, k])
    .equal(tf.range(0, patches, 1, 'int32').reshape([1, patches, 1]))
    .cast('float32');
  return tf.matMul(places, tokens);
}
