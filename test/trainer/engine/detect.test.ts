import { describe, expect, it } from 'vitest';
import { choose, detectEngines, openEngine } from '../../../src-main/trainer/engine/detect.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';

const speed = (name: 'cuda' | 'webgpu' | 'cpu' | 'tensorflow' | 'wasm', gflops: number | null) => ({
  kind: { name, timed: name !== 'tensorflow' && name !== 'wasm' },
  gflops,
});

describe('the choice of `auto`', () => {
  it('is the fastest engine of ONNX Runtime', () => {
    const choice = choose([speed('cuda', 9000), speed('webgpu', 4000), speed('cpu', 100)]);
    expect(choice.auto).toBe('cuda');
    expect(choice.why).toMatch(/9000 GFLOP\/s.*webgpu 4000 GFLOP\/s, cpu 100 GFLOP\/s/);
  });

  it('is not a GPU imitated in software, and not an eager engine while another works', () => {
    const speeds = [speed('webgpu', 0.07), speed('cpu', 40), speed('tensorflow', 900)];
    expect(choose(speeds).auto).toBe('cpu');
  });

  it('falls back to what is left', () => {
    const speeds = [speed('cpu', null), speed('tensorflow', null), speed('wasm', 0.2)];
    expect(choose(speeds).auto).toBe('wasm');
  });
});

it('tries every engine here and says why the others do not work', async () => {
  const { engines, auto, why } = await detectEngines({ threads: 1 });
  expect(engines.map(({ name }) => name).sort()).toEqual(
    ['coreml', 'cpu', 'cuda', 'dml', 'tensorflow', 'wasm', 'webgpu'].sort(),
  );
  for (const { name, available, detail, fix } of engines) {
    expect(detail, name).toMatch(/\S/);
    if (available) expect(fix, name).toBeNull();
  }
  const works = (name: string) => engines.find((engine) => engine.name === name)!.available;
  expect(works('cpu')).toBe(true);
  expect(works('wasm')).toBe(true);
  expect(works(auto)).toBe(true);
  expect(why).toContain(auto);
});

it('opens an engine by name, or says in words why not', async () => {
  const engine = await openEngine('cpu', { threads: 1 });
  expect(engine.description).toMatch(/^ONNX Runtime \d+\.\d+\.\d+, cpu, 1 thread$/);
  const program = await engine.compile(() => ({ outputs: { one: tf.scalar(1) } }), {
    state: {},
    inputs: {},
  });
  expect(await program.run(await engine.createState({}), {})).toEqual({ one: Float32Array.of(1) });
  await program.dispose();
  await engine.dispose();
  const elsewhere = process.platform === 'win32' ? 'coreml' : 'dml';
  await expect(openEngine(elsewhere, { threads: 1 })).rejects.toThrow(/is part of/);
});
