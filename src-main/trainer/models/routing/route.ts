/**
 * Top-k routing of tokens around attention (after Mixture-of-Depths, Raposo et al. 2024, arXiv 2404.02258;
 * method E.1): a router scores the patch tokens of every image, attention is computed for the best and over
 * them alone, and each output is multiplied by a gate through which the router learns. The number of tokens is fixed,
 * so there is no auxiliary loss, and inference chooses as training does.
 */
import * as tf from '../../engine/tf.ts';
import type { Tensor, Tensor2D, Tensor3D } from '../../engine/tf.ts';
import type { Parameter } from '../parameters.ts';
import { best, columns, gatherRows, scatterRows, untracked } from '../tokens.ts';

/** Parameters of one router; names within the block. */
export const routerParameters = (dim: number): Parameter[] => [
  { name: 'router.weight', shape: [1, dim], init: { kind: 'normal', std: 0.02 }, decay: true },
  { name: 'router.bias', shape: [1], init: { kind: 'constant', value: 0 }, decay: false },
];

/** The tokens a block computes for. */
export interface Route {
  /** [B, m + 1] int32, ascending, the class token (0) first. */
  rows: Tensor2D;
  /** [B, m + 1, 1]: 1 for the class token, 2 sigmoid(r) for the others. */
  gates: Tensor3D;
}

/**
 * @param logits [B, n] of the router, class token included, whose logit is not used
 * @param hints [B, n - 1] z-scored scores of the patches that are added; null for none
 * @param chosen m
 */
export function chooseRoute(logits: Tensor2D, hints: Tensor2D | null, chosen: number): Route {
  const [batch, n] = logits.shape;
  const own = columns(logits, 1, n);
  const scores = (hints ? own.add(hints) : own) as Tensor2D;
  const patches = untracked(() => best(scores, chosen));
  const first = tf.zeros([batch, 1], 'int32');
  const gates = tf
    .sigmoid(gatherRows(scores.reshape([batch, n - 1, 1]), patches))
    .mul(tf.scalar(2));
  return {
    rows: tf.concat([first, patches.add(tf.scalar(1, 'int32'))], 1) as Tensor2D,
    gates: tf.concat([tf.ones([batch, 1, 1]), gates], 1) as Tensor3D,
  };
}

/**
 * (s - mean) / std over the patches of an image; 0 where all score alike.
 * @param scores [B, N]
 */
export function zScores(scores: Tensor2D): Tensor2D {
  const centred = scores.sub(scores.mean(1, true));
  const spread = centred.square().mean(1, true).sqrt();
  return centred.div(spread.add(tf.scalar(1e-12))) as Tensor2D;
}

/**
 * Tokens after a branch that was computed for the routed ones alone: t_S ← t_S + g ⊙ branch(t_S).
 * @param tokens [B, n, D]
 * @param branches residual branches, one after the other: [B, m + 1, D] -> [B, m + 1, D]
 */
export function routedBranches(
  tokens: Tensor3D,
  { rows, gates }: Route,
  branches: readonly ((chosen: Tensor3D) => Tensor)[],
): Tensor3D {
  let chosen = gatherRows(tokens, rows);
  let change: Tensor | null = null;
  for (const branch of branches) {
    const step: Tensor = branch(chosen).mul(gates);
    chosen = chosen.add(step);
    change = change ? change.add(step) : step;
  }
  return change ? tokens.add(scatterRows(change as Tensor3D, rows, tokens.shape[1])) : tokens;
}
