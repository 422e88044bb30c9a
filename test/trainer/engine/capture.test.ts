import { describe, expect, it } from 'vitest';
import { capture } from '../../../src-main/trainer/engine/capture.ts';
import type { Step } from '../../../src-main/trainer/engine/engine.ts';
import { decayMask, flatGradients, flatLayout } from '../../../src-main/trainer/engine/flat.ts';
import { attention, gelu, layerNorm } from '../../../src-main/trainer/engine/ops.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import { largestError, reference } from './reference.ts';

const x = { x: { shape: [2, 3], dtype: 'float32' as const } };
const captureOf = (step: Step, inputs: Parameters<typeof capture>[1]['inputs'] = x) =>
  capture(step, { state: {}, inputs });

describe('what a captured step may not do', () => {
  it('read a number on the host: the message names the op', () => {
    expect(() =>
      captureOf((_, { x }) => ({ outputs: { y: tf.scalar(tf.softmax(x!).dataSync()[0]!) } })),
    ).toThrow(/reads the result of Softmax on the host/);
  });

  it('use a kernel without a mapping: the message names it', () => {
    expect(() => captureOf((_, { x }) => ({ outputs: { y: tf.tan(x!) } }))).toThrow(
      /cannot use the tfjs kernel Tan/,
    );
  });

  it('use a tensor from outside', async () => {
    await tf.setBackend('cpu');
    Reflect.set(tf.backend(), 'firstUse', false);
    const outside = tf.ones([2, 3]);
    expect(() => captureOf((_, { x }) => ({ outputs: { y: tf.add(x!, outside) } }))).toThrow(
      /made outside/,
    );
  });

  it('return state it does not have, or of another shape', () => {
    expect(() => captureOf((_, { x }) => ({ state: { w: x! }, outputs: {} }))).toThrow(
      /state w, which is not among its state/,
    );
    expect(() =>
      capture(({ w }) => ({ state: { w: tf.reshape(w!, [4]) }, outputs: {} }), {
        state: { w: { shape: [2, 2], dtype: 'float32' } },
        inputs: {},
      }),
    ).toThrow(/state w as float32 \[4\] instead of float32 \[2,2\]/);
  });

  it('spoil the next capture by failing', () => {
    expect(() =>
      captureOf(() => {
        throw new Error('broken');
      }),
    ).toThrow('broken');
    expect(captureOf((_, { x }) => ({ outputs: { y: tf.exp(x!) } })).graph.nodes).toHaveLength(1);
  });
});

describe('the graph stays small', () => {
  const ops = (step: Step, inputs?: Parameters<typeof captureOf>[1]) =>
    captureOf(step, inputs).graph.nodes.map(({ op }) => op);

  it('leaves out what no output needs, and inputs nobody uses', () => {
    const step = captureOf(
      (_, { x }) => {
        tf.exp(x!);
        return { outputs: { y: tf.sqrt(x!) } };
      },
      { ...x, unused: x.x },
    );
    expect(step.graph.nodes.map(({ op }) => op)).toEqual(['Sqrt']);
    expect(step.inputs).toEqual(['x']);
  });

  it('casts bytes straight to floats', () => {
    const bytes = { x: { shape: [2], dtype: 'uint8' as const } };
    expect(ops((_, { x }) => ({ outputs: { y: tf.cast(x!, 'float32') } }), bytes)).toEqual([
      'Cast',
    ]);
  });

  it('neither multiplies by ones nor adds zeros, and broadcasts in the node that can', () => {
    expect(
      ops((_, { x }) => ({
        outputs: { y: tf.exp(tf.add(tf.mul(x!, tf.ones([2, 3])), tf.zeros([2, 3]))) },
      })),
    ).toEqual(['Exp']);
    expect(ops((_, { x }) => ({ outputs: { y: tf.mul(x!, tf.fill([2, 3], 2)) } }))).toEqual([
      'Mul',
    ]);
  });

  it('keeps a repeated constant as one number', () => {
    const { graph } = captureOf((_, { x }) => ({ outputs: { y: tf.add(x!, tf.fill([2, 3], 7)) } }));
    expect(
      graph.constants.filter(({ type }) => type === 'float32').map(({ shape }) => shape),
    ).toEqual([[]]);
  });
});

it('gives the gradients eager tfjs gives, for a whole transformer block', async () => {
  const [batch, tokens, dim, heads] = [2, 5, 8, 2];
  const layout = flatLayout([
    { name: 'gamma', shape: [dim], decay: false },
    { name: 'beta', shape: [dim], decay: false },
    { name: 'qkv', shape: [dim, 3 * dim], decay: true },
    { name: 'out', shape: [dim, dim], decay: true },
    { name: 'up', shape: [dim, 4 * dim], decay: true },
    { name: 'down', shape: [4 * dim, dim], decay: true },
  ]);
  const step: Step = (_, { x, flat, target }) => {
    const { value, gradient } = flatGradients(
      layout,
      flat!,
      ({ gamma, beta, qkv, out, up, down }) => {
        const norm = layerNorm(x!, gamma!, beta!);
        const projected = tf.matMul(tf.reshape(norm, [-1, dim]), qkv as tf.Tensor2D);
        const [q, k, v] = tf
          .split(tf.reshape(projected, [batch, tokens, 3 * heads, dim / heads]), 3, 2)
          .map((part) => tf.transpose(part, [0, 2, 1, 3]));
        const merged = tf.reshape(tf.transpose(attention(q!, k!, v!, 0.5), [0, 2, 1, 3]), [
          -1,
          dim,
        ]);
        const attended = tf.add(x!, tf.reshape(tf.matMul(merged, out as tf.Tensor2D), x!.shape));
        const hidden = gelu(tf.matMul(tf.reshape(attended, [-1, dim]), up as tf.Tensor2D));
        const y = tf.add(attended, tf.reshape(tf.matMul(hidden, down as tf.Tensor2D), x!.shape));
        return { loss: tf.mean(tf.squaredDifference(y, target!)), y };
      },
    );
    return { outputs: { gradient, loss: value.loss, y: value.y } };
  };
  const specs = {
    x: { shape: [batch, tokens, dim], dtype: 'float32' as const },
    target: { shape: [batch, tokens, dim], dtype: 'float32' as const },
    flat: { shape: [layout.size], dtype: 'float32' as const },
  };
  const wave = (size: number, rate: number) =>
    Float32Array.from({ length: size }, (_, i) => Math.sin(rate * (i + 1)));
  const feeds = {
    x: wave(batch * tokens * dim, 1.3),
    target: wave(batch * tokens * dim, 0.7),
    flat: wave(layout.size, 2.1).map((weight) => 0.3 * weight),
  };
  const expected = await reference(step, specs, feeds);
  const engine = openOrtEngine('cpu', { threads: 1 });
  const program = await engine.compile(step, { state: {}, inputs: specs });
  const outputs = await program.run(await engine.createState({}), feeds);
  await program.dispose();
  for (const name of ['gradient', 'loss', 'y'])
    expect(largestError(outputs[name]!, expected[name]!.data), name).toBeLessThan(1e-5);
  expect(decayMask(layout).reduce((a, b) => a + b)).toBe(layout.size - 2 * dim);
});
