import { afterAll, describe, expect, it } from 'vitest';
import { openWasmEngine } from '../../../src-main/trainer/engine/eager.ts';
import { kernels } from '../../../src-main/trainer/engine/kernels.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import { feedsOf, kernelCases, resultsOf } from './kernel-cases.ts';
import { largestError, reference } from './reference.ts';

const captured = openOrtEngine('cpu', { threads: 1 });
const wasm = await openWasmEngine();
afterAll(() => captured.dispose());

it('tries every kernel that has a mapping', () => {
  expect(Object.keys(kernelCases).sort()).toEqual(Object.keys(kernels).sort());
});

describe.each([
  ['captured', captured],
  ['wasm', wasm],
])('%s', (_, engine) => {
  it.each(Object.keys(kernelCases))('%s computes what tfjs does', async (name) => {
    const testCase = kernelCases[name]!;
    const { specs, feeds } = feedsOf(testCase);
    const step = (_state: object, inputs: Parameters<typeof resultsOf>[1]) => ({
      outputs: resultsOf(testCase, inputs),
    });
    const expected = await reference(step, specs, feeds);
    const state = await engine.createState({});
    const program = await engine.compile(step, { state: {}, inputs: specs });
    const outputs = await program.run(state, feeds);
    await program.dispose();
    expect(Object.keys(outputs)).toEqual(Object.keys(expected));
    for (const [key, { data }] of Object.entries(expected)) {
      expect(largestError(outputs[key]!, data), key).toBeLessThan(2e-6);
    }
  });
});
