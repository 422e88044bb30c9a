/**
 * What a ViT costs, by formula: parameters, multiply-accumulates, memory (method A.3, A.4, B.7).
 *
 * Notation: N patches, k kept, n tokens (with the class token), D width, I = heads x head width, L
 * layers, r MLP ratio, C classes, p patch side. Parameters and MACs are exact; memory is modelled.
 */
import {
  deltaOwn,
  patchCount,
  type AttentionConfig,
  type RoutingConfig,
  type VitModel,
} from '../../contract.ts';
import { planBlocks, type BlockPlan } from '../../experiment-config/token-routing.ts';
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
const dense: RoutingConfig = { kind: 'none' };

/** Trainable numbers of the model. */
export function parameterCount(
  model: Model,
  classes: number,
  attention: AttentionConfig = standard,
  routing: RoutingConfig = dense,
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
  const blocks = planBlocks(routing, layers, patchCount(model) + 1);
  const routers = blocks.filter(({ action }) => action.kind === 'route').length;
  return embedding + layers * layer + routers * (dim + 1) + 2 * dim + dim * classes + classes;
}

/** MACs of one encoder block on n tokens, with standard attention n (4 D I + 2 r D²) + 2 n² I. */
export const layerMacs = (
  model: Model,
  tokens: number,
  attention: AttentionConfig = standard,
): number => attentionMacs(model, tokens, attention) + mlpMacs(model, tokens);

/** Projections, and what is between them. */
function attentionMacs(model: Model, tokens: number, attention: AttentionConfig): number {
  const { heads, projections, macs } = attentionCost(attention, model);
  const maps = projections + (hasOutProjection(heads, model) ? 1 : 0);
  return tokens * maps * model.dim * heads * model.dimHead + macs(tokens);
}

const mlpMacs = (model: Model, tokens: number): number =>
  tokens * 2 * model.dim * hiddenWidth(model);

/**
 * MACs of each block of an encoder that `tokens` tokens enter (method E.1, E.2, F.6). A routed block has
 * (m + 1) 4 D I + 2 (m + 1)² I + n 2 r D² + n D, the last for its router.
 */
export const blockMacs = (
  model: Model,
  tokens: number,
  attention: AttentionConfig,
  routing: RoutingConfig,
): number[] =>
  planBlocks(routing, model.layers, tokens).map(
    (block) =>
      attentionMacs(model, block.attended, attention) +
      mlpMacs(model, block.mlp) +
      routingMacs(model, block, attention),
  );

/** MACs of all of them. */
export const encoderMacs = (...of: Parameters<typeof blockMacs>): number =>
  blockMacs(...of).reduce((sum, macs) => sum + macs, 0);

/** What choosing the tokens costs by itself; sums and sorting are no MACs. */
function routingMacs(
  model: Model,
  { action, tokens }: BlockPlan,
  attention: AttentionConfig,
): number {
  switch (action.kind) {
    case 'dense':
    case 'prune':
      return 0;
    case 'route':
      return tokens * model.dim;
    case 'merge': {
      const pairs = Math.ceil(tokens / 2) * Math.floor(tokens / 2);
      const sized = action.sized ? (attentionCost(attention, model).sizedMacs?.(tokens) ?? 0) : 0;
      return (action.merged > 0 ? pairs * model.dimHead : 0) + sized;
    }
  }
}

/** MACs of one image forward when `patches` of its patches enter the encoder. */
export const forwardMacs = (
  model: Model,
  classes: number,
  patches: number,
  attention: AttentionConfig = standard,
  routing: RoutingConfig = dense,
): number =>
  patches * patchPixels(model) * model.dim +
  encoderMacs(model, patches + 1, attention, routing) +
  model.dim * classes;

/** MACs that the likelihood loss of one image adds to a forward pass in training (method C.6): h n² d per layer. */
export function likelihoodMacs(
  model: Model,
  patches: number,
  attention: AttentionConfig,
  routing: RoutingConfig = dense,
): number {
  if (!('likelihood' in attention) || attention.likelihood === 0) return 0;
  const { heads } = attentionCost(attention, model);
  return planBlocks(routing, model.layers, patches + 1)
    .map(({ attended }) => heads * attended ** 2 * model.dimHead)
    .reduce((sum, macs) => sum + macs, 0);
}

/**
 * MACs of one image forward that delta attention saves on hardware that skips zeros: of the q and k projections
 * only the non-zero differences are computed, and of the mean its own projection.
 * @param share of zero differences, as the meter counts them
 */
export function macsOfZeros(
  model: Model,
  patches: number,
  attention: Extract<AttentionConfig, { kind: 'delta' }>,
  share: number,
): number {
  const compared = patches + 1 - deltaOwn[attention.reference];
  const perToken = 2 * model.dim * model.heads * model.dimHead;
  const reference = attention.reference === 'mean' ? perToken : 0;
  return model.layers * (share * compared * perToken - reference);
}

/** A training step computes about three forward passes: the backward pass costs two. */
export const trainFactor = 3;

/** Floats of one image that each block keeps for its backward pass, and those of its attention weights. */
function blockFloats(
  model: Model,
  patches: number,
  attention: AttentionConfig,
  routing: RoutingConfig,
): { layer: number; weights: number }[] {
  const { dim, layers } = model;
  const { heads } = attentionCost(attention, model);
  const inner = heads * model.dimHead;
  return planBlocks(routing, layers, patches + 1).map(({ attended, mlp }) => {
    const weights = heads * attended ** 2;
    const layer =
      attended * (3 * dim + 5 * inner) + mlp * (3 * dim + 2 * hiddenWidth(model)) + weights;
    return { layer, weights };
  });
}

/** Of one image: the pixels of all its patches in float, twice, and the tokens before and after. */
const imageFloats = (model: Model, patches: number): number =>
  2 * patchCount(model) * patchPixels(model) + 2 * (patches + 1) * model.dim;

/**
 * Memory of one forward pass in bytes, modelled: the weights once, the images, and the largest block with
 * all that it computes; nothing of the others is kept, for there is no backward pass.
 */
export function forwardMemoryBytes(
  model: Model,
  classes: number,
  batch: number,
  patches: number,
  attention: AttentionConfig = standard,
  routing: RoutingConfig = dense,
): number {
  const blocks = blockFloats(model, patches, attention, routing);
  const image = Math.max(...blocks.map(({ layer }) => layer)) + imageFloats(model, patches);
  return bytesPerFloat * (parameterCount(model, classes, attention, routing) + batch * image);
}

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
  routing: RoutingConfig = dense,
): number {
  const blocks = blockFloats(model, patches, attention, routing);
  const image =
    blocks.reduce((sum, { layer }) => sum + layer, 0) +
    Math.max(...blocks.map(({ layer, weights }) => layer + weights)) +
    imageFloats(model, patches);
  return bytesPerFloat * (7 * parameterCount(model, classes, attention, routing) + batch * image);
}
