/**
 * The baseline Vision Transformer exactly as the authors build it (method A.1): pre-LN blocks, no q, k, v
 * bias, mean over all tokens and LayerNorm after it. It differs from Dosovitskiy et al. 2020 in the
 * pooling, the place of the last LayerNorm and an inner width that is not tied to D (method A.6).
 */
import * as tf from '../engine/tf.ts';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '../engine/tf.ts';
import { patchCount, type RoutingConfig, type VitModel } from '../../experiment-config.ts';
import { planBlocks, type BlockPlan } from '../../experiment-config/token-routing.ts';
import type { Tensors } from '../engine/engine.ts';
import { gelu, layerNorm } from '../engine/ops.ts';
import {
  attentionOf,
  bothReaders,
  type AttentionConfig,
  type AttentionInput,
  type WeightsReader,
} from './attention/registry.ts';
import { scorerParameters } from './learned-score.ts';
import type { Initialiser, Parameter } from './parameters.ts';
import { matchTokens, mergeTokens, type SizedTokens } from './routing/merge.ts';
import { importance, pruneTokens } from './routing/prune.ts';
import { chooseRoute, routedBranches, routerParameters, zScores } from './routing/route.ts';
import type { VitStructure } from './structure.ts';
import type { TokenTrace } from './token-trace.ts';
import { gatherRows, untracked } from './tokens.ts';

/** Everything about a ViT that its parameters and its graph depend on. */
export interface VitShape {
  model: VitModel;
  attention: AttentionConfig;
  /** Of the epoch in question (`routingAt`); none where left out. */
  routing?: RoutingConfig;
  channels: number;
  classes: number;
  /** What pruning has left of every layer; left out: all of it. */
  structure?: VitStructure | undefined;
  /** λ₀ of the learned gates that every head then has, `b0.gate` and so on (method E.3). */
  gatePenalty?: number | undefined;
  /** The share of the patches that a learned score keeps, where one chooses (method B.6). */
  scorer?: number | undefined;
  /** What classifies: one linear layer, or a hidden one of width D before it. */
  head?: 'linear' | 'mlp';
}

export const layerNormEpsilon = 1e-5;

const hiddenWidth = ({ dim, mlpRatio }: VitShape['model']): number =>
  Math.max(1, Math.round(dim * mlpRatio));

/** Heads and neurons of every layer. */
export function vitStructure({ model, attention, structure }: VitShape): VitStructure {
  if (structure) return structure;
  const { heads } = attentionOf(attention, model);
  const each = (count: number): number[] => Array<number>(model.layers).fill(count);
  return { heads: each(heads), hidden: each(hiddenWidth(model)) };
}

/** A single head as wide as the model needs no projection behind it (method A.1); one that pruning left has one. */
function hasOutProjection({ model, attention }: VitShape): boolean {
  const { heads } = attentionOf(attention, model);
  return !(heads === 1 && model.dimHead === model.dim);
}

/** All parameters in their order; names as in a PyTorch module of the same build. */
export function vitParameters(shape: VitShape): Parameter[] {
  const { model, attention, channels, classes, head } = shape;
  const { dim, patch, dimHead } = model;
  const { projections, parameters: own } = attentionOf(attention, model);
  const structure = vitStructure(shape);
  const positions: Initialiser = { kind: 'normal', std: model.posInit === 'authors' ? 1 : 0.02 };

  const weight = (name: string, shape: number[], joint?: string): Parameter => {
    const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
    return { name, shape, init: { kind: 'fan-in', fanIn }, decay: true, ...(joint && { joint }) };
  };
  const bias = (name: string, width: number, fanIn: number, joint?: string): Parameter => ({
    name,
    shape: [width],
    init: { kind: 'fan-in', fanIn },
    decay: false,
    ...(joint && { joint }),
  });
  const norm = (name: string): Parameter[] => [
    { name: `${name}.g`, shape: [dim], init: { kind: 'constant', value: 1 }, decay: false },
    { name: `${name}.b`, shape: [dim], init: { kind: 'constant', value: 0 }, decay: false },
  ];

  /** PyTorch's modules hold q, k and v as one tensor; other sets of projections stay apart. */
  const joint = (b: string, what: 'weight' | 'bias'): string | undefined =>
    projections.join() === 'q,k,v' ? `${b}.qkv.${what}` : undefined;

  /** 1 lets a gate through at 0.78, with P(z ≠ 0) = 0.93: open, but not beyond closing. */
  const gate = (b: string, heads: number): Parameter => ({
    name: `${b}.gate`,
    shape: [heads],
    init: { kind: 'constant', value: 1 },
    decay: false,
  });

  const routed = vitPlan(shape, patchCount(model) + 1).map(({ action }) => action.kind === 'route');

  const block = (b: string, layer: number): Parameter[] => {
    const heads = structure.heads[layer]!;
    const hidden = structure.hidden[layer]!;
    const inner = heads * dimHead;
    return [
      ...(routed[layer]
        ? routerParameters(dim).map((router) => ({ ...router, name: `${b}.${router.name}` }))
        : []),
      ...norm(`${b}.ln1`),
      ...projections.map((part) => weight(`${b}.${part}.weight`, [inner, dim], joint(b, 'weight'))),
      ...(model.qkvBias
        ? projections.map((part) => bias(`${b}.${part}.bias`, inner, dim, joint(b, 'bias')))
        : []),
      ...own.map((parameter) => ({ ...parameter, name: `${b}.${parameter.name}` })),
      ...(shape.gatePenalty !== undefined ? [gate(b, heads)] : []),
      ...(hasOutProjection(shape)
        ? [weight(`${b}.out.weight`, [dim, inner]), bias(`${b}.out.bias`, dim, inner)]
        : []),
      ...norm(`${b}.ln2`),
      weight(`${b}.fc1.weight`, [hidden, dim]),
      bias(`${b}.fc1.bias`, hidden, dim),
      weight(`${b}.fc2.weight`, [dim, hidden]),
      bias(`${b}.fc2.bias`, dim, hidden),
    ];
  };

  return [
    weight('patch.weight', [dim, channels, patch, patch]),
    bias('patch.bias', dim, channels * patch * patch),
    { name: 'cls', shape: [1, 1, dim], init: positions, decay: false },
    { name: 'pos', shape: [patchCount(model) + 1, dim], init: positions, decay: false },
    ...routed.flatMap((_, layer) => block(`b${layer}`, layer)),
    ...norm('head.ln'),
    ...(head === 'mlp'
      ? [weight('head.hidden.weight', [dim, dim]), bias('head.hidden.bias', dim, dim)]
      : []),
    weight('head.weight', [classes, dim]),
    bias('head.bias', classes, dim),
    ...(shape.scorer !== undefined ? scorerParameters(channels, patch, shape.scorer) : []),
  ];
}

/** What the blocks do with tokens, class token included. */
export const vitPlan = ({ routing, model }: VitShape, tokens: number): BlockPlan[] =>
  planBlocks(routing ?? { kind: 'none' }, model.layers, tokens);

/** Elements of one image that dropout applies to: three places in every block (method A.1). */
export function vitDropoutElements(shape: VitShape, tokens: number): number {
  const { dim } = shape.model;
  const { hidden } = vitStructure(shape);
  return vitPlan(shape, tokens).reduce(
    (sum, { attended, mlp }, layer) => sum + attended * dim + mlp * (dim + hidden[layer]!),
    0,
  );
}

export interface VitInput {
  /** [B, n, C p²] normalised patches: all N, or only the kept ones. */
  patches: Tensor3D;
  /** [B, n] their places in the image where patches were dropped; null when all N are there. */
  kept: Tensor2D | null;
  /** [B, N] scores of all patches, for a router that takes hints; without, it decides alone. */
  scores?: Tensor2D | null;
  /** Applied at the three places of every block; left out, nothing is dropped. */
  dropout?: (values: Tensor) => Tensor;
  /** Of every head of a layer, [h] or per image [B, h]; its output is multiplied by them. */
  gates?: (layer: number) => Tensor;
  /** Who reads the attention weights of a layer, which one that forms none never gives. */
  onWeights?: ((layer: number) => WeightsReader | undefined) | undefined;
  /** Changes the projected patches [B, n, D] before class token and positions join them. */
  embedded?: (projected: Tensor3D) => Tensor3D;
  /** Sees the tokens [B, n + 1, D] after the embedding and after every block. For tests. */
  observe?: (name: string, tokens: Tensor3D) => void;
  /** What attention tells beside its output, of every layer. */
  witness?: AttentionWitness;
  /** Follows every token. */
  trace?: TokenTrace | undefined;
}

export interface AttentionWitness extends Pick<AttentionInput, 'onPenalty' | 'onZeroDeltas'> {
  /** Sees what the attention of block `b` is about to attend to. */
  onAttend?: (b: string, input: AttentionInput) => void;
}

/**
 * One forward pass: encoder, mean over the tokens, head.
 * @param parameters by name, shapes as in `vitParameters`.
 * @returns logits [B, classes]
 */
export function vitForward(shape: VitShape, parameters: Tensors, input: VitInput): Tensor2D {
  return vitHead(parameters, vitFeatures(shape, parameters, input));
}

/** What the head sees of an image: the encoder's tokens, pooled by what they stand for. [B, D] */
export function vitFeatures(shape: VitShape, parameters: Tensors, input: VitInput): Tensor2D {
  const { tokens, sizes } = encode(shape, parameters, input);
  return vitPool(tokens, sizes);
}

/**
 * Patches to tokens: projection, class token, positions, all blocks (method A.1). Where the shape's routing merges
 * tokens, use `vitFeatures`, which knows how many patches each stands for.
 * @returns the tokens after the last block, the class token first: [B, n + 1, D], fewer where the shape's
 * routing prunes.
 */
export function vitEncode(shape: VitShape, parameters: Tensors, input: VitInput): Tensor3D {
  const { tokens, sizes } = encode(shape, parameters, input);
  if (sizes) throw new Error('merged tokens stand for several patches: use vitFeatures');
  return tokens;
}

function encode(
  shape: VitShape,
  parameters: Tensors,
  {
    patches,
    kept,
    scores,
    dropout = (values) => values,
    gates,
    onWeights,
    embedded,
    observe,
    witness,
    trace,
  }: VitInput,
): SizedTokens {
  const { norm, attention, mlp, routerLogits } = vitLayers(shape, parameters);
  const { routing } = shape;

  let t = vitEmbed(shape, parameters, patches, kept, embedded);
  let sizes: Tensor3D | null = null;
  observe?.('embed', t);
  for (const [layer, { action }] of vitPlan(shape, t.shape[1]).entries()) {
    const b = `b${layer}`;
    const attended = (x: Tensor3D, seen: AttentionSight = {}): Tensor =>
      dropout(
        attention(norm(x, `${b}.ln1`), b, {
          ...witness,
          ...seen,
          onWeights: bothReaders(
            bothReaders(seen.onWeights, onWeights?.(layer)),
            weightsTracer(layer),
          ),
          gates: gates?.(layer),
        }),
      );
    const mlpOf = (x: Tensor3D): Tensor => dropout(mlp(norm(x, `${b}.ln2`), b, dropout));

    switch (action.kind) {
      case 'dense':
        t = t.add(attended(t));
        break;
      case 'route': {
        const route = chooseRoute(routerLogits(t, b), routerHints(), action.chosen);
        trace?.routed(layer, route.rows);
        const whole = action.scope === 'block';
        t = routedBranches(t, route, whole ? [attended, mlpOf] : [attended]);
        if (whole) {
          observe?.(`block${layer}`, t);
          continue;
        }
        break;
      }
      case 'prune': {
        const seen: { weights?: Tensor } = {};
        t = t.add(attended(t, { onWeights: (weights) => (seen.weights = weights) }));
        const { weights } = seen;
        if (!weights)
          throw new Error(`${shape.attention.kind} forms no attention weights to prune by`);
        t = pruneTokens(
          t,
          untracked(() => importance(weights)),
          action.kept,
          action.fuse,
          (pruned) => trace?.pruned(layer, pruned),
        );
        break;
      }
      case 'merge': {
        const seen: { keys?: Tensor4D } = {};
        t = t.add(attended(t, { logSizes: logSizes(), onKeys: (keys) => (seen.keys = keys) }));
        const { keys } = seen;
        if (!keys) throw new Error(`${shape.attention.kind} has no keys to match tokens by`);
        if (action.merged > 0) {
          const matching = matchTokens(keys, action.merged);
          trace?.merged(layer, matching);
          ({ tokens: t, sizes } = mergeTokens({ tokens: t, sizes }, matching));
        }
        break;
      }
    }
    t = t.add(mlpOf(t));
    observe?.(`block${layer}`, t);
  }
  return { tokens: t, sizes };

  function weightsTracer(layer: number): WeightsReader | undefined {
    return (
      trace && Object.assign((weights: Tensor) => trace.attended(layer, weights), { implied: true })
    );
  }

  function logSizes(): Tensor | undefined {
    return sizes ? untracked(() => sizes!.log().expandDims(1)) : undefined;
  }

  /** z-scores of the patches that are there, [B, n]. */
  function routerHints(): Tensor2D | null {
    if (!scores || routing?.kind !== 'route' || routing.heuristic === 'none') return null;
    const [batch, all] = scores.shape;
    if (!kept) return zScores(scores);
    return zScores(
      gatherRows(scores.reshape([batch, all, 1]), kept).reshape([batch, kept.shape[1]]),
    );
  }
}

/**
 * The mean over all tokens, class token included (method A.1): [B, n, D] -> [B, D].
 * @param sizes [B, n, 1] how many patches each token stands for; null: one each.
 */
export function vitPool(tokens: Tensor3D, sizes: Tensor3D | null = null): Tensor2D {
  if (!sizes) return tokens.mean(1);
  return tokens.mul(sizes).sum<Tensor2D>(1).div(sizes.sum(1));
}

/** The tokens of the patches: [B, n + 1, D] -> [B, n, D]. */
export function withoutClassToken(tokens: Tensor3D): Tensor3D {
  const [batch, count, dim] = tokens.shape;
  return tokens.slice([0, 1, 0], [batch, count - 1, dim]);
}

/** LayerNorm, a hidden layer where the head has one, and the linear classifier: [B, D] -> logits [B, classes]. */
export function vitHead(parameters: Tensors, pooled: Tensor2D): Tensor2D {
  const normalised = norm(parameters, pooled, 'head.ln');
  const hidden = parameters['head.hidden.weight']
    ? gelu(linear(parameters, normalised, 'head.hidden'))
    : normalised;
  return linear(parameters, hidden, 'head') as Tensor2D;
}

/** Patch projection, class token first, positions of the original places: [B, n + 1, D]. */
function vitEmbed(
  { model: { dim } }: VitShape,
  parameters: Tensors,
  patches: Tensor3D,
  kept: Tensor2D | null,
  embedded: (projected: Tensor3D) => Tensor3D = (projected) => projected,
): Tensor3D {
  const [batch, count] = patches.shape;
  const projected = embedded(linear(parameters, patches, 'patch') as Tensor3D);
  // adding to zeros broadcasts; the gradient of tile would walk over the batch one by one
  const cls = tf.zeros([batch, 1, dim]).add(named(parameters, 'cls'));
  return tf.concat([cls, projected], 1).add(positions());

  function positions(): Tensor {
    const all = named(parameters, 'pos') as Tensor2D;
    if (!kept) return all;
    const first = tf.zeros([batch, 1], 'int32');
    const rows = tf.concat([first, kept.add(tf.scalar(1, 'int32'))], 1);
    return tf
      .gather(all, rows.reshape<Tensor1D>([batch * (count + 1)]))
      .reshape([batch, count + 1, dim]);
  }
}

/** What a block is made of; every function takes and returns tokens [B, n, D] of any number n. */
export interface VitLayers {
  norm(tokens: Tensor3D, name: string): Tensor3D;
  /** Multi-head attention of block `b` (`b0`, `b1`, ...) with its output projection. */
  attention(tokens: Tensor3D, b: string, sight?: AttentionSight): Tensor3D;
  mlp(tokens: Tensor3D, b: string, dropout: (values: Tensor) => Tensor): Tensor3D;
  /** One number per token, [B, n]; only of a block that has a router. */
  routerLogits(tokens: Tensor3D, b: string): Tensor2D;
}

/** What an attention is told beside its tokens, and tells. */
interface AttentionSight extends Pick<AttentionInput, 'logSizes' | 'onWeights'>, AttentionWitness {
  /** Of its heads, [h] or [B, h]. */
  gates?: Tensor | undefined;
  /** Is given the keys [B, h, n, d]. */
  onKeys?: (keys: Tensor4D) => void;
}

export function vitLayers(shape: VitShape, parameters: Tensors): VitLayers {
  const { dimHead } = shape.model;
  const { attend } = attentionOf(shape.attention, shape.model);
  const structure = vitStructure(shape);

  return {
    norm: (tokens, name) => norm(parameters, tokens, name) as Tensor3D,

    attention(x, b, { gates, onKeys, onAttend, ...told } = {}) {
      const [batch, tokens] = x.shape;
      const heads = structure.heads[Number(b.slice(1))]!;
      const splitHeads = (projected: Tensor): Tensor4D =>
        projected.reshape<Tensor4D>([batch, tokens, heads, dimHead]).transpose([0, 2, 1, 3]);
      const input: AttentionInput = {
        tokens: x,
        project: (name, input = x) => {
          const projected = splitHeads(linear(parameters, input, `${b}.${name}`));
          if (name === 'k') onKeys?.(projected);
          return projected;
        },
        parameter: (name) => named(parameters, `${b}.${name}`),
        ...told,
      };
      onAttend?.(b, input);
      const attended = attend(input);
      const gated = gates ? attended.mul(gates.reshape([-1, heads, 1, 1])) : attended;
      const merged = gated.transpose([0, 2, 1, 3]).reshape([batch, tokens, heads * dimHead]);
      return (
        hasOutProjection(shape) ? linear(parameters, merged, `${b}.out`) : merged
      ) as Tensor3D;
    },

    mlp: (x, b, dropout) =>
      linear(parameters, dropout(gelu(linear(parameters, x, `${b}.fc1`))), `${b}.fc2`) as Tensor3D,

    routerLogits: (x, b) => linear(parameters, x, `${b}.router`).squeeze([2]),
  };
}

function named(parameters: Tensors, name: string): Tensor {
  const tensor = parameters[name];
  if (!tensor) throw new Error(`the model has no parameter "${name}"`);
  return tensor;
}

/** x [..., in] -> [..., out], as one product over all rows. */
function linear(parameters: Tensors, x: Tensor, name: string): Tensor {
  const w = named(parameters, `${name}.weight`);
  const out = w.shape[0] ?? 1;
  const rows = x.shape.slice(0, -1);
  const flat = x.reshape<Tensor2D>([rows.reduce((a, b) => a * b, 1), -1]);
  const product = tf.matMul(flat, w.reshape<Tensor2D>([out, -1]), false, true);
  const bias = parameters[`${name}.bias`];
  return (bias ? product.add(bias) : product).reshape([...rows, out]);
}

const norm = (parameters: Tensors, x: Tensor, name: string): Tensor =>
  layerNorm(
    x,
    named(parameters, `${name}.g`) as Tensor1D,
    named(parameters, `${name}.b`) as Tensor1D,
    layerNormEpsilon,
  );
