/**
 * What a ViT costs, by formula: parameters, multiply-accumulates, memory (method A.3, A.4, B.7).
 *
 * Notation: N patches, k kept, n tokens (with the class token), D width, I = heads x head width, L
 * layers, r MLP ratio, C classes, p patch side. Parameters and MACs are exact; memory is modelled.
 */
import { patchCount, type AttentionConfig, type VitModel } from '../../contract.ts';
import { attentionCost } from './attention-cost.ts';

export type Model = VitModel;

const channels = 3;
const bytesPerFloat = 4;

const hiddenWidth = ({ dim, mlpRatio }: Model) => Math.max(1, Math.round(dim * mlpRatio));
const patchPixels = ({ patch }: Model) => channels * patch * patch;
/** A single head as wide as the model needs no projection behind it (method A.1). */
const hasOutProjection = (heads: number, { dimHead, dim }: Model) =>
  !(heads === 1 && dimHead === dim);
const standard: AttentionConfig = { kind: 'standard', normaliser: 'softmax' };

/** Trainable numbers of the model. */
export function parameterCount(
  model: Model,
  classes: number,
  attention: AttentionConfig = standard,
): number {
  const { dim, layers, qkvBias } = model;
  const { heads, projections, parameters } = attentionCost(attention, model);
  const inner = heads * model.dimHead;
  const hidden = hiddenWidth(model);
  const embedding = patchPixels(model) * dim + dim + dim + (patchCount(model) + 1) * dim;
  const layer =
    4 * dim +
    projections * inner * dim +
    (qkvBias ? projections * inner : 0) +
    parameters +
    (hasOutProjection(heads, model) ? inner * dim + dim : 0) +
    (2 * dim * hidden + hidden + dim);
  return embedding + layers * layer + 2 * dim + dim * classes + classes;
}

/** MACs of one encoder block on n tokens, with standard attention n (4 D I + 2 r D²) + 2 n² I. */
export function layerMacs(
  model: Model,
  tokens: number,
  attention: AttentionConfig = standard,
): number {
  const { dim } = model;
  const { heads, projections, macs } = attentionCost(attention, model);
  const maps = projections + (hasOutProjection(heads, model) ? 1 : 0);
  const perToken = maps * dim * heads * model.dimHead + 2 * dim * hiddenWidth(model);
  return tokens * perToken + macs(tokens);
}

/** MACs of one image forward when `patches` of its patches go through the encoder. */
export const forwardMacs = (
  model: Model,
  classes: number,
  patches: number,
  attention: AttentionConfig = standard,
): number =>
  patches * patchPixels(model) * model.dim +
  model.layers * layerMacs(model, patches + 1, attention) +
  model.dim * classes;

/** A training step computes about three forward passes: the backward pass costs two. */
export const trainFactor = 3;

/**
 * Memory of one training step in bytes, modelled.
 *
 * - Per parameter seven floats: weight, gradient, two moments, and the new copies of weight and moments
 *   that a step returns before the old ones are freed.
 * - Per image and layer what the backward pass needs again: two LayerNorm outputs, q, k and v, the
 *   attention weights, the heads' output in both layouts, both residual sums and both projections'
 *   outputs, and the hidden layer before and after GELU.
 * - Once: the gradients of one layer at a time, and the pixels of the patches in float, twice.
 *
 * Engines reuse buffers or keep spare ones, so expect the true peak within a factor of about two.
 */
export function stepMemoryBytes(
  model: Model,
  classes: number,
  batch: number,
  patches: number,
  attention: AttentionConfig = standard,
): number {
  const { dim, layers } = model;
  const tokens = patches + 1;
  const { heads } = attentionCost(attention, model);
  const inner = heads * model.dimHead;
  const weights = heads * tokens ** 2;
  const layer = tokens * (6 * dim + 5 * inner + 2 * hiddenWidth(model)) + weights;
  const image =
    layers * layer +
    (layer + weights) +
    2 * patchCount(model) * patchPixels(model) +
    2 * tokens * dim;
  return bytesPerFloat * (7 * parameterCount(model, classes, attention) + batch * image);
}
