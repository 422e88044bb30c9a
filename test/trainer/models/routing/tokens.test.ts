/** The pieces of routing, pruning and merging: golden numbers, and the same in plain loops. */
import { beforeAll, describe, expect, it } from 'vitest';
import { parseExperimentConfig } from '../../../../src-main/experiment-config.ts';
import { flatLayout, sliceFlat } from '../../../../src-main/trainer/engine/flat.ts';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import { sizeOf } from '../../../../src-main/trainer/models/parameters.ts';
import { matchTokens, mergeTokens } from '../../../../src-main/trainer/models/routing/merge.ts';
import { importance, pruneTokens } from '../../../../src-main/trainer/models/routing/prune.ts';
import {
  chooseRoute,
  routedBranches,
  zScores,
} from '../../../../src-main/trainer/models/routing/route.ts';
import { gatherRows, scatterRows } from '../../../../src-main/trainer/models/tokens.ts';
import {
  vitHead,
  vitLayers,
  vitParameters,
  vitPool,
} from '../../../../src-main/trainer/models/vit.ts';
import { golden } from '../../../fixtures/golden.ts';
import { vitOf } from '../../../fixtures/vit.ts';
import { expectClose } from '../../close.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

/** Numbers without a pattern. */
const wave = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin((i + 1) * 12.9898 + seed * 78)),
    shape,
  );

describe('routing', () => {
  interface VitTiny {
    tensors: { shape: number[]; phase: number; rule: string }[];
    trace: { block0: number[][][] };
    mod_route_block1: { tokens: number[]; gates: number[]; logits: number[][] };
  }
  const tiny = golden<VitTiny>('vit_tiny');

  it('has the golden logits of a routed second block', () => {
    const parsed = parseExperimentConfig({
      model: { image: 8, patch: 4, dim: 6, layers: 2, heads: 2, dimHead: 3 },
    });
    if (!parsed.ok) throw new Error('the golden model is refused');
    const shape = {
      model: vitOf(parsed.config),
      attention: parsed.config.attention,
      channels: 3,
      classes: 3,
    };
    const weights = tiny.tensors.flatMap(({ shape, phase, rule }) =>
      Array.from({ length: sizeOf(shape) }, (_, i) => {
        const sine = Math.sin(0.37 * i + phase);
        return rule.startsWith('1+') ? 1 + 0.1 * sine : 0.3 * sine;
      }),
    );
    const views = sliceFlat(flatLayout(vitParameters(shape)), tf.tensor1d(weights));
    const { norm, attention, mlp } = vitLayers(shape, views);
    const { tokens, gates, logits } = tiny.mod_route_block1;
    const route = {
      rows: tf.tensor2d([tokens], [1, 3], 'int32'),
      gates: tf.tensor3d(gates, [1, 3, 1]),
    };
    let t = routedBranches(tf.tensor3d(tiny.trace.block0), route, [
      (chosen) => attention(norm(chosen, 'b1.ln1'), 'b1'),
    ]);
    t = t.add(mlp(norm(t, 'b1.ln2'), 'b1', (values) => values));
    expectClose(vitHead(views, vitPool(t)), logits);
  });

  it('chooses the largest sums of logit and hint, and gates by them', () => {
    const logits = tf.tensor2d([[9, 0.1, -0.2, 0.5, 0.3]]);
    const hints = tf.tensor2d([[0, 2, -1, 0.1]]);
    const { rows, gates } = chooseRoute(logits, hints, 2);
    // 0.1, 1.8, -0.5, 0.4: the class token's own logit counts for nothing
    expect(rows.arraySync()).toEqual([[0, 2, 4]]);
    const gate = (r: number) => [2 / (1 + Math.exp(-r))];
    expectClose(gates, [[[1], gate(1.8), gate(0.4)]], 1e-6);
    expect(chooseRoute(logits, null, 2).rows.arraySync()).toEqual([[0, 3, 4]]);
    expect(chooseRoute(tf.zeros([1, 5]), null, 3).rows.arraySync()).toEqual([[0, 1, 2, 3]]);
  });

  it('with all tokens is a dense block whose branch is gated', () => {
    const tokens = wave([2, 5, 3], 1) as tf.Tensor3D;
    const route = chooseRoute(wave([2, 5], 2) as tf.Tensor2D, null, 4);
    const branch = (x: tf.Tensor3D) => x.sum(1, true).add(x.square());
    const routed = routedBranches(tokens, route, [branch]);
    expectClose(routed, tokens.add(branch(tokens).mul(route.gates)).arraySync() as number[][][]);
  });

  it('z-scores the patches of each image; where all score alike, 0', () => {
    expectClose(
      zScores(
        tf.tensor2d([
          [1, 2, 3],
          [5, 5, 5],
        ]),
      ),
      [
        [-Math.sqrt(1.5), 0, Math.sqrt(1.5)],
        [0, 0, 0],
      ],
      1e-5,
    );
  });

  it('reaches the router through the gates of the chosen tokens', () => {
    const tokens = wave([1, 5, 3], 1) as tf.Tensor3D;
    const gradient = tf.grad((logits: tf.Tensor) =>
      routedBranches(tokens, chooseRoute(logits as tf.Tensor2D, null, 2), [(x) => x]).sum(),
    )(tf.tensor2d([[0, 3, 1, 2, 0]]));
    const gateSlope = (r: number) => (2 * Math.exp(-r)) / (1 + Math.exp(-r)) ** 2;
    const sums = tokens.sum(2).arraySync() as number[][];
    expectClose(gradient, [[0, sums[0]![1]! * gateSlope(3), 0, sums[0]![3]! * gateSlope(2), 0]]);
  });
});

describe('rows', () => {
  it('scattered are where they were gathered, and add up where they meet', () => {
    const rows = tf.tensor3d([[[1], [2], [4]]]);
    const places = tf.tensor2d([[3, 0, 3]], [1, 3], 'int32');
    expect(scatterRows(rows, places, 4).arraySync()).toEqual([[[2], [0], [0], [5]]]);
    expect(gatherRows(scatterRows(rows, places, 4), places).arraySync()).toEqual([[[5], [2], [5]]]);
    const back = tf.grad((x: tf.Tensor) =>
      scatterRows(x as tf.Tensor3D, places, 4)
        .mul(tf.tensor([10, 20, 30, 40], [1, 4, 1]))
        .sum(),
    )(rows);
    expect(back.arraySync()).toEqual([[[40], [10], [40]]]);
  });
});

describe('pruning', () => {
  it('takes the golden importance: the column means of the attention weights', () => {
    const { weights } = golden<{ weights: number[][][][] }>('attention_standard');
    const { pi } = golden<{ em_prior_importance: { pi: number[][] } }>(
      'attention_probabilistic',
    ).em_prior_importance;
    expectClose(importance(tf.tensor(weights)), pi, 1e-6);
  });

  it('keeps the class token and the most important in their order, and fuses the rest', () => {
    const [n, kept] = [6, 2];
    const tokens = wave([1, n, 3], 1) as tf.Tensor3D;
    // the class token is the least important of all, and stays
    const pi = tf.tensor2d([[0.01, 0.3, 0.05, 0.1, 0.5, 0.04]]);
    const [rows] = tokens.arraySync();
    const plain = pruneTokens(tokens, pi, kept, false);
    expect(plain.arraySync()).toEqual([[rows![0], rows![1], rows![4]]]);
    const fused = pruneTokens(tokens, pi, kept, true);
    const expected = [0, 1, 2].map(
      (d) => (0.05 * rows![2]![d]! + 0.1 * rows![3]![d]! + 0.04 * rows![5]![d]!) / 0.19,
    );
    expectClose(fused, [[rows![0]!, rows![1]!, rows![4]!, expected]], 1e-6);
  });

  it('never loses or doubles a token where importance is the same', () => {
    const tokens = tf.range(0, 5).reshape<tf.Tensor3D>([1, 5, 1]);
    const fused = pruneTokens(tokens, tf.ones([1, 5]), 2, true).arraySync();
    expect(fused[0]!.flat().map((x) => Math.round(x * 1e5) / 1e5)).toEqual([0, 1, 2, 3.5]);
  });
});

describe('merging', () => {
  /** ToMe as its paper says it, one token after the other. */
  function toMe(tokens: number[][], sizes: number[], keys: number[][], r: number) {
    const cosine = (a: number[], b: number[]) => {
      const dot = (x: number[], y: number[]) => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    };
    const places = tokens.map((_, i) => i);
    const others = places.filter((i) => i % 2 === 1);
    const edges = places
      .filter((i) => i % 2 === 0 && i > 0)
      .map((i) => {
        const likeness = others.map((j) => cosine(keys[i]!, keys[j]!));
        const best = Math.max(...likeness);
        return { i, best, into: likeness.indexOf(best) };
      })
      .sort((a, b) => b.best - a.best)
      .slice(0, r);
    const gone = edges.map(({ i }) => i);
    const staying = places.filter((i) => i % 2 === 0 && !gone.includes(i));
    const merged = others.map((j, o) => {
      const group = [j, ...edges.filter(({ into }) => into === o).map(({ i }) => i)];
      const size = group.reduce((sum, i) => sum + sizes[i]!, 0);
      const mean = tokens[j]!.map(
        (_, d) => group.reduce((sum, i) => sum + sizes[i]! * tokens[i]![d]!, 0) / size,
      );
      return { mean, size };
    });
    return {
      tokens: [...staying.map((i) => tokens[i]!), ...merged.map(({ mean }) => mean)],
      sizes: [...staying.map((i) => sizes[i]!), ...merged.map(({ size }) => size)],
    };
  }

  it.each([
    [9, 3],
    [9, 4],
    [10, 1],
    [10, 4],
  ])('%i tokens less %i, twice, is ToMe in plain loops', (n, r) => {
    const [batch, heads, width] = [2, 2, 3];
    let given = {
      tokens: wave([batch, n, width], 3) as tf.Tensor3D,
      sizes: null as tf.Tensor3D | null,
    };
    let plain = (given.tokens.arraySync() as number[][][]).map((tokens) => ({
      tokens,
      sizes: tokens.map(() => 1),
    }));
    for (const seed of [5, 6]) {
      const left = given.tokens.shape[1];
      const merged = Math.min(r, Math.floor((left - 1) / 2));
      const keys = wave([batch, heads, left, 4], seed) as tf.Tensor4D;
      given = mergeTokens(given, matchTokens(keys, merged));
      const means = keys.mean(1).arraySync() as number[][][];
      plain = plain.map(({ tokens, sizes }, b) => toMe(tokens, sizes, means[b]!, merged));
      expectClose(
        given.tokens,
        plain.map(({ tokens }) => tokens),
        1e-6,
      );
      expectClose(
        given.sizes!.squeeze([2]),
        plain.map(({ sizes }) => sizes),
        1e-6,
      );
    }
    // nobody is lost: the pool of merged tokens is the pool of all
    const total = (given.sizes!.sum().arraySync() as unknown as number) / batch;
    expect(total).toBeCloseTo(n, 5);
  });

  it('does not change the mean of all tokens', () => {
    const tokens = wave([2, 9, 3], 1) as tf.Tensor3D;
    const keys = wave([2, 2, 9, 4], 2) as tf.Tensor4D;
    const merged = mergeTokens({ tokens, sizes: null }, matchTokens(keys, 4));
    expectClose(
      vitPool(merged.tokens, merged.sizes),
      tokens.mean(1).arraySync() as number[][],
      1e-6,
    );
  });

  it('never takes the class token, even where its key is the most alike', () => {
    const keys = tf.tensor4d([
      [
        [
          [1, 0],
          [1, 0],
          [0, 1],
          [0.6, 0.8],
          [-1, 0.1],
        ],
      ],
    ] as never);
    const { staying, merged, into } = matchTokens(keys, 2);
    expect(staying.arraySync()).toEqual([[0]]);
    expect(merged.arraySync()).toEqual([[2, 4]]);
    expect(into.arraySync()).toEqual([[1, 1]]);
  });
});
