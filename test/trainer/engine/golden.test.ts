import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { openWasmEngine } from '../../../src-main/trainer/engine/eager.ts';
import type { HostArray, Step } from '../../../src-main/trainer/engine/engine.ts';
import { attention, gelu, layerNorm } from '../../../src-main/trainer/engine/ops.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import { crossEntropy } from '../../../src-main/trainer/losses/cross-entropy.ts';
import { largestError } from './reference.ts';

type Nested = number | Nested[];
const golden = <T>(section: string): T =>
  JSON.parse(
    readFileSync(new URL(`../../fixtures/golden/${section}.json`, import.meta.url), 'utf8'),
  ) as T;
const flat = (values: Nested): number[] =>
  Array.isArray(values) ? values.flatMap(flat) : [values];

const primitives = golden<{
  gelu: { x: number[]; erf: number[]; d_erf: number[] };
  layernorm: Record<
    'x' | 'gamma' | 'beta' | 'y' | 'upstream' | 'dx' | 'dgamma' | 'dbeta',
    number[]
  >;
  cross_entropy: { logits: number[][]; label: number; loss: number; dlogits: number[][] };
}>('primitives');
const inputs = golden<Record<'q' | 'k' | 'v', Nested>>('attention_inputs');
const standard = golden<
  Record<'weights' | 'out' | 'dq' | 'dk' | 'dv', Nested> & { scale: number; L: number }
>('attention_standard');

const engines = [openOrtEngine('cpu', { threads: 1 }), await openWasmEngine()];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

/** float32 against numbers of 12 digits. */
const TOLERANCE = 2e-6;

describe.each(engines.map((engine) => [engine.name, engine] as const))('%s', (_, engine) => {
  const run = async (step: Step, feeds: Record<string, { shape: number[]; data: HostArray }>) => {
    const state = await engine.createState({});
    const specs = Object.fromEntries(
      Object.entries(feeds).map(([name, { shape, data }]) => [
        name,
        { shape, dtype: data instanceof Int32Array ? ('int32' as const) : ('float32' as const) },
      ]),
    );
    const program = await engine.compile(step, { state: {}, inputs: specs });
    const outputs = await program.run(
      state,
      Object.fromEntries(Object.entries(feeds).map(([name, { data }]) => [name, data])),
    );
    await program.dispose();
    return outputs;
  };
  const floats = (values: Nested, shape?: number[]) => {
    const data = Float32Array.from(flat(values));
    return { shape: shape ?? [data.length], data };
  };

  it('gelu and its slope', async () => {
    const { x, erf, d_erf } = primitives.gelu;
    const outputs = await run(
      (_state, { x }) => ({
        outputs: { y: gelu(x!), dx: tf.grad((t) => tf.sum(gelu(t)))(x!) },
      }),
      { x: floats(x) },
    );
    expect(largestError(outputs.y!, erf)).toBeLessThan(TOLERANCE);
    expect(largestError(outputs.dx!, d_erf)).toBeLessThan(TOLERANCE);
  });

  it('layer normalisation and its gradients', async () => {
    const { x, gamma, beta, upstream, y, dx, dgamma, dbeta } = primitives.layernorm;
    const outputs = await run(
      (_state, { x, gamma, beta, upstream }) => {
        const [gx, ggamma, gbeta] = tf.grads((a, b, c) =>
          tf.sum(tf.mul(layerNorm(a!, b!, c!, 1e-5), upstream!)),
        )([x!, gamma!, beta!]);
        return {
          outputs: {
            y: layerNorm(x!, gamma!, beta!, 1e-5),
            dx: gx!,
            dgamma: ggamma!,
            dbeta: gbeta!,
          },
        };
      },
      {
        x: floats(x, [1, 4]),
        gamma: floats(gamma),
        beta: floats(beta),
        upstream: floats(upstream, [1, 4]),
      },
    );
    for (const [name, expected] of Object.entries({ y, dx, dgamma, dbeta }))
      expect(largestError(outputs[name]!, expected), name).toBeLessThan(TOLERANCE);
  });

  it('cross-entropy and its gradient', async () => {
    const { logits, label, loss, dlogits } = primitives.cross_entropy;
    const outputs = await run(
      (_state, { logits, label }) => {
        const loss = (t: tf.Tensor) =>
          tf.sum(crossEntropy(t as tf.Tensor2D, label as tf.Tensor1D, 0));
        return { outputs: { loss: loss(logits!), dlogits: tf.grad(loss)(logits!) } };
      },
      { logits: floats(logits, [1, 3]), label: { shape: [1], data: Int32Array.of(label) } },
    );
    expect(largestError(outputs.loss!, [loss])).toBeLessThan(TOLERANCE);
    expect(largestError(outputs.dlogits!, flat(dlogits))).toBeLessThan(TOLERANCE);
  });

  it('attention and its gradients', async () => {
    const shape = [1, 2, 4, 3];
    // L = sum(out * w), the weights by the rule of the golden file
    const weights = Float32Array.from({ length: 24 }, (_, i) => Math.sin(0.37 * i + 0.9));
    const outputs = await run(
      (_state, { q, k, v, w }) => {
        const loss = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
          tf.sum(tf.mul(attention(a, b, c, standard.scale), w!));
        const [dq, dk, dv] = tf.grads((a, b, c) => loss(a!, b!, c!))([q!, k!, v!]);
        return {
          outputs: {
            out: attention(q!, k!, v!, standard.scale),
            L: loss(q!, k!, v!),
            dq: dq!,
            dk: dk!,
            dv: dv!,
          },
        };
      },
      {
        q: floats(inputs.q, shape),
        k: floats(inputs.k, shape),
        v: floats(inputs.v, shape),
        w: { shape, data: weights },
      },
    );
    for (const name of ['out', 'L', 'dq', 'dk', 'dv'] as const)
      expect(largestError(outputs[name]!, flat(standard[name])), name).toBeLessThan(TOLERANCE);
  });
});
