/** Small computations on a captured and on an eager engine, for the golden tests of the attention variants. */
import { afterAll } from 'vitest';
import { openWasmEngine } from '../../../../src-main/trainer/engine/eager.ts';
import type { Engine } from '../../../../src-main/trainer/engine/engine.ts';
import { openOrtEngine } from '../../../../src-main/trainer/engine/session.ts';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import type { Tensor, Tensor4D } from '../../../../src-main/trainer/engine/tf.ts';

export type Nested = number | Nested[];

/** Both ways to run a step: captured, on the processor, and eager. */
export async function openEngines(): Promise<[string, Engine][]> {
  const engines = [openOrtEngine('cpu', { threads: 1 }), await openWasmEngine()];
  afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));
  return engines.map((engine) => [engine.name, engine]);
}

export const flatten = (values: Nested): number[] =>
  typeof values === 'number' ? [values] : values.flatMap(flatten);

const shapeOf = (values: Nested): number[] =>
  typeof values === 'number' ? [] : [values.length, ...shapeOf(values[0]!)];

export type Compute = (inputs: Record<string, Tensor4D>) => Record<string, Tensor>;

/** Runs a computation of float inputs and returns its outputs as flat numbers. */
export async function compute(engine: Engine, inputs: Record<string, Nested>, run: Compute) {
  const entries = Object.entries(inputs);
  const program = await engine.compile(
    (_, tensors) => ({ outputs: run(tensors as Record<string, Tensor4D>) }),
    {
      state: {},
      inputs: Object.fromEntries(
        entries.map(([name, values]) => [name, { shape: shapeOf(values), dtype: 'float32' }]),
      ),
    },
  );
  const outputs = await program.run(
    await engine.createState({}),
    Object.fromEntries(entries.map(([name, values]) => [name, Float32Array.from(flatten(values))])),
  );
  await program.dispose();
  return outputs;
}

/** Σ out · w with the weights of the golden file, sin(0.37 i + 0.9). */
export function goldenLoss(out: Tensor): Tensor {
  const weights = Float32Array.from({ length: out.size }, (_, i) => Math.sin(0.37 * i + 0.9));
  return out.mul(tf.tensor(weights, out.shape)).sum();
}
