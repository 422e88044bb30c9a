import { afterAll, describe, expect, it } from 'vitest';
import { openWasmEngine } from '../../../src-main/trainer/engine/eager.ts';
import type { Step } from '../../../src-main/trainer/engine/engine.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import { largestError } from './reference.ts';
import { vitStep } from './vit-step.ts';

const cpu = openOrtEngine('cpu', { threads: 1 });
const wasm = await openWasmEngine();
afterAll(() => cpu.dispose());

const vector = (...values: number[]) => ({
  shape: [values.length],
  data: Float32Array.from(values),
});
const spec = { shape: [2], dtype: 'float32' as const };

describe.each([
  ['cpu', cpu],
  ['wasm', wasm],
])('%s', (_, engine) => {
  it('keeps state between runs, shared by several programs', async () => {
    const state = await engine.createState({ w: vector(1, 2), fixed: vector(5, 5) });
    const grow = await engine.compile(
      ({ w, fixed }, { by }) => ({
        state: { w: tf.add(w!, by!) },
        outputs: { before: w!, fixed: fixed! },
      }),
      { state: state.specs, inputs: { by: spec } },
    );
    const look = await engine.compile(({ w }) => ({ outputs: { w: tf.mul(w!, tf.scalar(10)) } }), {
      state: state.specs,
      inputs: {},
    });
    for (let run = 0; run < 3; run++) await grow.run(state, { by: Float32Array.of(1, 2) });
    const { before, fixed } = await grow.run(state, { by: Float32Array.of(0, 0) });
    expect([...before!]).toEqual([4, 8]);
    expect([...fixed!]).toEqual([5, 5]);
    expect([...(await look.run(state, {})).w!]).toEqual([40, 80]);
    const read = await state.read();
    expect(read).toEqual({ w: vector(4, 8), fixed: vector(5, 5) });
    // what was read is a snapshot: later runs do not reach into it
    await grow.run(state, { by: Float32Array.of(1, 1) });
    await grow.run(state, { by: Float32Array.of(1, 1) });
    expect([...read.w!.data]).toEqual([4, 8]);
    await Promise.all([grow.dispose(), look.dispose(), state.dispose()]);
  });

  it('does not change the arrays it was given', async () => {
    const given = Float32Array.of(1, 2);
    const state = await engine.createState({ w: { shape: [2], data: given } });
    const program = await engine.compile(
      ({ w }) => ({ state: { w: tf.add(w!, w!) }, outputs: { w: tf.neg(w!) } }),
      { state: state.specs, inputs: {} },
    );
    const first = (await program.run(state, {})).w!;
    await program.run(state, {});
    await program.run(state, {});
    expect([...given]).toEqual([1, 2]);
    expect([...first]).toEqual([-1, -2]);
    await Promise.all([program.dispose(), state.dispose()]);
  });

  it('swaps two state tensors', async () => {
    const state = await engine.createState({ a: vector(1, 2), b: vector(3, 4) });
    const program = await engine.compile(({ a, b }) => ({ state: { a: b!, b: a! }, outputs: {} }), {
      state: state.specs,
      inputs: {},
    });
    await program.run(state, {});
    expect(await state.read()).toEqual({ a: vector(3, 4), b: vector(1, 2) });
    await Promise.all([program.dispose(), state.dispose()]);
  });

  it('takes bytes, whole numbers and flags', async () => {
    const step: Step = (_state, { bytes, whole, flag }) => ({
      outputs: {
        sum: tf.add(tf.cast(bytes!, 'float32'), tf.cast(whole!, 'float32')),
        flipped: tf.logicalNot(flag!),
        whole: tf.add(whole!, whole!),
      },
    });
    const program = await engine.compile(step, {
      state: {},
      inputs: {
        bytes: { shape: [2], dtype: 'uint8' },
        whole: { shape: [2], dtype: 'int32' },
        flag: { shape: [2], dtype: 'bool' },
      },
    });
    const outputs = await program.run(await engine.createState({}), {
      bytes: Uint8Array.of(255, 1),
      whole: Int32Array.of(-3, 4),
      flag: Uint8Array.of(1, 0),
    });
    expect(outputs).toEqual({
      sum: Float32Array.of(252, 5),
      flipped: Uint8Array.of(0, 1),
      whole: Int32Array.of(-6, 8),
    });
    await program.dispose();
  });

  it('says which input is missing or has the wrong length', async () => {
    const state = await engine.createState({});
    const program = await engine.compile((_, { x }) => ({ outputs: { y: tf.exp(x!) } }), {
      state: {},
      inputs: { x: spec },
    });
    await expect(program.run(state, {})).rejects.toThrow('Input x was not fed.');
    await expect(program.run(state, { x: Float32Array.of(1) })).rejects.toThrow(
      'Input x has 1 elements instead of 2',
    );
    await program.dispose();
  });
});

it('refuses the state of another engine', async () => {
  const program = await cpu.compile(() => ({ outputs: { y: tf.scalar(1) } }), {
    state: {},
    inputs: {},
  });
  await expect(program.run(await wasm.createState({}), {})).rejects.toThrow(/another engine/);
  await program.dispose();
});

it.each([undefined, 3])('trains a ViT alike on cpu and wasm, keeping %s patches', async (keep) => {
  const vit = vitStep({
    image: 8,
    patch: 4,
    dim: 8,
    layers: 1,
    heads: 2,
    dimHead: 4,
    batch: 3,
    ...(keep && { keep }),
  });
  const train = async (engine: typeof cpu) => {
    const state = await engine.createState(vit.state());
    const program = await engine.compile(vit.step, vit.specs);
    const losses: number[] = [];
    for (let t = 1; t <= 3; t++) losses.push((await program.run(state, vit.feeds(t))).loss![0]!);
    const { parameters } = await state.read();
    await Promise.all([program.dispose(), state.dispose()]);
    return { losses, parameters: parameters!.data };
  };
  const captured = await train(cpu);
  const tensorsBefore = tf.memory().numTensors;
  const eager = await train(wasm);
  expect(tf.memory().numTensors).toBe(tensorsBefore);
  expect(captured.losses[2]).toBeLessThan(captured.losses[0]!);
  expect(largestError(captured.losses, eager.losses)).toBeLessThan(1e-5);
  // Adam divides a tiny gradient by its own size: parameters agree less closely than gradients
  expect(largestError(captured.parameters, eager.parameters)).toBeLessThan(1e-3);
});
