import { describe, expect, it } from 'vitest';
import { flatLayout, sliceFlat } from '../../../src-main/trainer/engine/flat.ts';
import type { HostArray } from '../../../src-main/trainer/engine/engine.ts';
import type { Tensor4D } from '../../../src-main/trainer/engine/tf.ts';
import { configOf } from '../train-small.ts';
import {
  codeAttention,
  codeWeights,
} from '../../../src-main/trainer/models/attention/ecoformer.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import {
  imagenetNormalisation,
  normalisePatches,
  pixelPatches,
} from '../../../src-main/trainer/models/images.ts';
import { sizeOf } from '../../../src-main/trainer/models/parameters.ts';
import { vitForward, vitParameters, type VitShape } from '../../../src-main/trainer/models/vit.ts';
import { attentionMaps } from '../../../src-main/trainer/pictures/attention-maps.ts';
import {
  GraphTrace,
  traceOf,
  type ImageTrace,
  type LayerTrace,
} from '../../../src-main/trainer/pictures/trace.ts';
import { golden } from '../../fixtures/golden.ts';
import { vitOf } from '../../fixtures/vit.ts';
import { largestError } from '../engine/reference.ts';
import { compute, openEngines } from '../models/attention/compute.ts';

type Matrix = number[][];
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, x, i) => sum + x * b[i]![j]!, 0)));
const transposed = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
const softmax = (row: number[]): number[] => {
  const powers = row.map((x) => Math.exp(x - Math.max(...row)));
  return powers.map((x) => x / powers.reduce((a, b) => a + b));
};
const columnMeans = (a: Matrix): number[] =>
  transposed(a).map((column) => column.reduce((x, y) => x + y) / a.length);
/** ½ W + ½ I */
const withResidual = (w: Matrix): Matrix =>
  w.map((row, i) => row.map((x, j) => x / 2 + (i === j ? 0.5 : 0)));

const tiny = golden<{
  tensors: { name: string; shape: number[]; phase: number; rule: string }[];
  trace: { embed: Matrix[]; block0: Matrix[] };
}>('vit_tiny');
const { image_u8_chw: image } = golden<{ image_u8_chw: number[][][] }>('heuristics');
const wave = ({ shape, phase, rule }: (typeof tiny.tensors)[number]): number[] =>
  range(sizeOf(shape)).map((i) => {
    const value = Math.sin(0.37 * i + phase);
    return rule.startsWith('1+') ? 1 + 0.1 * value : 0.3 * value;
  });
const [heads, width] = [2, 3];

/** softmax(q kᵀ / sqrt d), the mean over heads, written out from the golden tokens that enter a block. */
function goldenAttention(tokens: Matrix, block: number): Matrix {
  const tensor = (name: string) => wave(tiny.tensors.find((one) => one.name === name)!);
  const [gain, shift] = ['g', 'b'].map((part) => tensor(`b${block}.ln1.${part}`));
  const normalised = tokens.map((row) => {
    const mean = row.reduce((a, b) => a + b) / row.length;
    const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length;
    return row.map((x, i) => ((x - mean) / Math.sqrt(variance + 1e-5)) * gain![i]! + shift![i]!);
  });
  const flat = tensor(`b${block}.qkv.weight`);
  const dim = tokens[0]!.length;
  const rows = range(flat.length / dim).map((i) => flat.slice(i * dim, (i + 1) * dim));
  const projected = product(normalised, transposed(rows));
  const inner = heads * width;
  const of = (what: number, head: number): Matrix =>
    projected.map((row) =>
      row.slice(what * inner + head * width, what * inner + (head + 1) * width),
    );
  const each = range(heads).map((head) =>
    product(of(0, head), transposed(of(1, head))).map((row) =>
      softmax(row.map((x) => x / Math.sqrt(width))),
    ),
  );
  return each[0]!.map((row, i) => row.map((_, j) => (each[0]![i]![j]! + each[1]![i]![j]!) / 2));
}

describe.each(await openEngines())('attention of the golden ViT on %s', (_, engine) => {
  it('is softmax(q kᵀ / sqrt d), layer by layer and rolled out', async () => {
    const { attention, ...config } = configOf({
      model: { image: 8, patch: 4, dim: 6, layers: 2, heads, dimHead: width },
    });
    const shape: VitShape = { model: vitOf(config), attention, channels: 3, classes: 3 };
    const layout = flatLayout(vitParameters(shape));
    const weights = Float32Array.from(tiny.tensors.flatMap(wave));
    const pixels = image.flat(2);
    const inputs = { images: [[pixels]], weights: [[[...weights]]] };
    const outputs = await compute(engine, inputs, ({ images, weights }) => {
      const trace = new GraphTrace();
      const bytes = images!.reshape<Tensor4D>([1, 3, 8, 8]).cast<Tensor4D>('int32');
      vitForward(shape, sliceFlat(layout, weights!.reshape([-1])), {
        patches: normalisePatches(pixelPatches(bytes, 8, 4), imagenetNormalisation),
        kept: null,
        trace,
      });
      return trace.outputs;
    });
    const maps = attentionMaps(traceOf(outputs, 0, 1)!, range(4), 4);

    const layers = [tiny.trace.embed[0]!, tiny.trace.block0[0]!].map(goldenAttention);
    for (const [i, layer] of layers.entries()) {
      expect(maps.layers[i]!.tokens).toBe(5);
      expect(largestError(maps.layers[i]!.received, columnMeans(layer).slice(1))).toBeLessThan(
        2e-6,
      );
    }
    // Abnar and Zuidema: the product of all (½ W + ½ I), the last layer first; then the mean that the head takes
    const rolled = product(withResidual(layers[1]!), withResidual(layers[0]!));
    expect(largestError(maps.rollout, columnMeans(rolled).slice(1))).toBeLessThan(2e-6);
  });
});

/** Rows that sum to 1, none like another. */
const weightsOf = (n: number, seed: number): Matrix =>
  range(n).map((i) =>
    softmax(range(n).map((j) => 2 * Math.sin(seed + 3.7 * i + 1.9 * j * (i + 1)))),
  );
const layerOf = (weights: Matrix, more: Partial<LayerTrace> = {}): LayerTrace => ({
  routed: null,
  pruned: null,
  merged: null,
  ...more,
  weights: weights.flat(),
});
/** What reaches every token of the first layer, as a product of matrices. */
const read = (head: number[], ...maps: Matrix[]): number[] =>
  maps.reduce((row, map) => product(row, map), [head])[0]!;
const even = (n: number): number[] => range(n).map(() => 1 / n);
const mapped = (trace: Omit<ImageTrace, 'pool'> & { pool?: number[] }, patches: number) =>
  attentionMaps({ pool: null, ...trace }, range(patches), patches);

describe('a rollout', () => {
  const [first, second] = [weightsOf(5, 1), weightsOf(5, 2)];

  it('starts from what a head with an attention of its own weighs', () => {
    const pool = [0.1, 0.2, 0.3, 0.4];
    const { rollout } = mapped({ layers: [layerOf(first)], pool }, 4);
    expect(largestError(rollout, read([0, ...pool], withResidual(first)).slice(1))).toBeLessThan(
      1e-6,
    );
  });

  it('leaves tokens that were routed around attention as they are', () => {
    const routed = [0, 2, 3];
    const few = weightsOf(3, 4);
    const whole: Matrix = range(5).map((i) => range(5).map((j) => Number(i === j)));
    routed.forEach((token, i) =>
      routed.forEach((key, j) => (whole[token]![key] = withResidual(few)[i]![j]!)),
    );
    const maps = mapped({ layers: [layerOf(first), layerOf(few, { routed })] }, 4);
    expect(
      largestError(maps.rollout, read(even(5), whole, withResidual(first)).slice(1)),
    ).toBeLessThan(1e-6);
    expect(maps.layers[1]!.tokens).toBe(3);
    expect([...maps.layers[1]!.received]).toEqual([
      NaN,
      ...columnMeans(few)
        .slice(1)
        .map((x) => expect.closeTo(x, 6) as number),
      NaN,
    ]);
  });

  it('goes through a pruned layer, to dropped tokens by their share of the fused one', () => {
    const pruned = { staying: [0, 1, 4], fused: { rows: [3, 2], shares: [0.75, 0.25] } };
    const change = [
      [1, 0, 0, 0, 0],
      [0, 1, 0, 0, 0],
      [0, 0, 0, 0, 1],
      [0, 0, 0.25, 0.75, 0],
    ];
    const after = weightsOf(4, 3);
    const maps = mapped({ layers: [layerOf(first, { pruned }), layerOf(after)] }, 4);
    const expected = read(even(4), withResidual(after), change, withResidual(first)).slice(1);
    expect(largestError(maps.rollout, expected)).toBeLessThan(1e-6);
    // patches 1 and 2 have no token of their own any more
    expect([...maps.layers[1]!.received].map(Number.isNaN)).toEqual([false, true, true, false]);
    const gone = mapped(
      {
        layers: [layerOf(first, { pruned: { ...pruned, fused: null } }), layerOf(weightsOf(3, 3))],
      },
      4,
    );
    const bare = read(
      even(3),
      withResidual(weightsOf(3, 3)),
      change.slice(0, 3),
      withResidual(first),
    );
    expect(largestError(gone.rollout, bare.slice(1))).toBeLessThan(1e-6);
  });

  it('goes through merged tokens in proportion to what they stand for', () => {
    // of the candidates 0, 2, 4 the last two go into 1 (of the others, the first), then 3 joins them
    const once = { staying: [0], merged: [2, 4], into: [0, 0] };
    const twice = { staying: [0], merged: [2], into: [0] };
    const [middle, last] = [weightsOf(3, 5), weightsOf(2, 6)];
    const layers = [
      layerOf(first, { merged: once }),
      layerOf(middle, { merged: twice }),
      layerOf(last),
    ];
    const maps = mapped({ layers }, 4);
    // tokens then: class, {1, 2, 4}, 3; and after the second: class, {1, 2, 3, 4}
    const change = [
      [1, 0, 0, 0, 0],
      [0, 1 / 3, 1 / 3, 0, 1 / 3],
      [0, 0, 0, 1, 0],
    ];
    const again = [
      [1, 0, 0],
      [0, 3 / 4, 1 / 4],
    ];
    const expected = read(
      [1 / 5, 4 / 5],
      withResidual(last),
      again,
      withResidual(middle),
      change,
      withResidual(first),
    );
    expect(largestError(maps.rollout, expected.slice(1))).toBeLessThan(1e-6);
    const each = columnMeans(middle)[1]! / 3;
    expect([...maps.layers[1]!.received]).toEqual(
      [each, each, columnMeans(middle)[2]!, each].map((x) => expect.closeTo(x, 6) as number),
    );
  });

  it('knows only the patches that were kept', () => {
    const maps = attentionMaps(
      { layers: [layerOf(second.slice(0, 3).map((row) => row.slice(0, 3)))], pool: null },
      [1, 3],
      4,
    );
    expect([...maps.rollout].map(Number.isNaN)).toEqual([true, false, true, false]);
  });
});

describe.each(await openEngines())('weights that EcoFormer never forms, on %s', (_, engine) => {
  it.each([false, true])('are those of its output, as the public code: %s', async (publicCode) => {
    const codes = range(6).map((i) => range(4).map((b) => (Math.sin(7 * i + 3 * b) < 0 ? -1 : 1)));
    const v = range(6).map((i) => range(3).map((d) => Math.cos(5 * i + d)));
    const { explicit, linear } = await compute(
      engine,
      { codes: [[codes]], v: [[v]] },
      ({ codes, v }) => ({
        explicit: tf.matMul(codeWeights(codes!, publicCode), v!),
        linear: codeAttention(codes!, v!, publicCode),
      }),
    );
    expect(largestError(explicit as HostArray as Float32Array, [...linear!])).toBeLessThan(1e-6);
  });
});
