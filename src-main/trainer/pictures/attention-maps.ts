/**
 * From attention weights to what a person can look at: how much each patch of an image was attended to, layer by
 * layer and through all of them.
 *
 * A layer's map is the mean column of its weights, π_j, the attention that a token receives from all: this model
 * classifies by the mean over all tokens (method A.1), so no single row, not even the class token's, is what the
 * class depends on; token pruning goes by the same π (method E.2). The rollout (Abnar and Zuidema 2020, arXiv
 * 2005.00928, section 3) follows it through all layers, ½ W + ½ I each for the residual branch, and starts from
 * what the head reads: the mean of all tokens, or the weights of a head that attends.
 */
import type { ImageTrace, LayerTrace } from './trace.ts';

/** By patch; NaN where its token was not there, or did not attend. */
export interface AttentionMaps {
  /** Shares of what the head reads. With that of the class token they sum to 1, where rows of weights do. */
  rollout: Float32Array;
  layers: {
    /** Tokens that attended, class token included. */
    tokens: number;
    /** Shares of the attention that all tokens of the layer pay; of a token that stands for several patches, a part each. */
    received: Float32Array;
  }[];
}

/** The patches that a token stands for alone: none for the class token and for one fused of what was pruned. */
type Parts = readonly (readonly number[])[];

/**
 * @param places the patch of every token that enters the first layer after the class token, which comes before them
 * @param patches N
 */
export function attentionMaps(
  { layers, pool }: ImageTrace,
  places: readonly number[],
  patches: number,
): AttentionMaps {
  const entering: Parts[] = [];
  const first: Parts = [[], ...places.map((patch) => [patch])];
  let parts = first;
  for (const layer of layers) {
    entering.push(parts);
    parts = leaving(layer, parts);
  }

  let read = readByHead(parts, pool);
  for (let i = layers.length - 1; i >= 0; i--)
    read = beforeAttention(layers[i]!, beforeChange(layers[i]!, entering[i]!, read));
  const rollout = new Float32Array(patches).fill(NaN);
  first.forEach((own, token) => own.forEach((patch) => (rollout[patch] = read[token]!)));
  return { rollout, layers: layers.map((layer, i) => received(layer, entering[i]!, patches)) };
}

/** What every token of a list stands for. */
const sizeOf = (parts: readonly number[]): number => Math.max(1, parts.length);

/** What the tokens behind a layer stand for. */
function leaving({ pruned, merged }: LayerTrace, parts: Parts): Parts {
  if (pruned) {
    const staying = Array.from(pruned.staying, (token) => parts[token]!);
    return pruned.fused ? [...staying, []] : staying;
  }
  if (!merged) return parts;
  const others = parts.filter((_, token) => token % 2 === 1).map((own) => [...own]);
  forEach(merged.merged, (token, i) => others[merged.into[i]!]!.push(...parts[token]!));
  return [...Array.from(merged.staying, (token) => parts[token]!), ...others];
}

/** How much of every token that leaves the last layer the head reads. */
function readByHead(parts: Parts, pool: ArrayLike<number> | null): Float64Array {
  if (pool) return Float64Array.from(parts, (_, token) => (token === 0 ? 0 : pool[token - 1]!));
  const sizes = parts.map(sizeOf);
  const all = sizes.reduce((a, b) => a + b, 0);
  return Float64Array.from(sizes, (size) => size / all);
}

/** What was read of tokens, as of those that they were made of. */
function beforeChange({ pruned, merged }: LayerTrace, parts: Parts, after: Float64Array) {
  if (!pruned && !merged) return after;
  const before = new Float64Array(parts.length);
  if (pruned) {
    forEach(pruned.staying, (token, i) => (before[token] = after[i]!));
    const { fused } = pruned;
    const read = after[pruned.staying.length]!;
    if (fused) forEach(fused.rows, (token, i) => (before[token] = read * fused.shares[i]!));
  } else if (merged) {
    const kept = merged.staying.length;
    forEach(merged.staying, (token, i) => (before[token] = after[i]!));
    const members = Array.from({ length: after.length - kept }, (_, i) => [2 * i + 1]);
    forEach(merged.merged, (token, i) => members[merged.into[i]!]!.push(token));
    members.forEach((tokens, i) => {
      const size = tokens.reduce((sum, token) => sum + sizeOf(parts[token]!), 0);
      for (const token of tokens) before[token] = (after[kept + i]! * sizeOf(parts[token]!)) / size;
    });
  }
  return before;
}

/** r (½ W + ½ I), for the tokens that attend; what is read of the others is read of them alone. */
function beforeAttention({ routed, weights }: LayerTrace, after: Float64Array): Float64Array {
  const tokens = routed ? Array.from(routed) : [...after.keys()];
  const before = after.slice();
  for (const token of tokens) before[token] = after[token]! / 2;
  tokens.forEach((query, i) => {
    const read = after[query]! / 2;
    tokens.forEach((key, j) => (before[key]! += read * weights[i * tokens.length + j]!));
  });
  return before;
}

function received({ routed, weights }: LayerTrace, parts: Parts, patches: number) {
  const tokens = routed ? Array.from(routed) : [...parts.keys()];
  const map = new Float32Array(patches).fill(NaN);
  tokens.forEach((token, j) => {
    const own = parts[token]!;
    if (own.length === 0) return;
    let sum = 0;
    for (let i = 0; i < tokens.length; i++) sum += weights[i * tokens.length + j]!;
    for (const patch of own) map[patch] = sum / tokens.length / own.length;
  });
  return { tokens: tokens.length, received: map };
}

function forEach(list: ArrayLike<number>, act: (value: number, index: number) => void): void {
  for (let i = 0; i < list.length; i++) act(list[i]!, i);
}
