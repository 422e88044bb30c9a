import { describe, expect, it } from 'vitest';
import { checkExperiment } from '../../../src-main/core/experiments/check.ts';
import { memoryOf, memoryRefusal } from '../../../src-main/core/experiments/memory.ts';
import { presets } from '../../../src-main/core/experiments/presets.ts';

const main = { bytes: 64e9, name: 'this machine' };
const gpu = (name: string, memoryBytes: number | null, uuid: string | null = `GPU-${name}`) => ({
  name,
  memoryBytes,
  driver: null,
  uuid,
});

describe('the memory that counts', () => {
  it.each([
    ['cpu', [gpu('T4', 16e9)], 'this machine'],
    ['wasm', [gpu('T4', 16e9)], 'this machine'],
    ['cuda', [gpu('T4', 16e9)], 'the T4'],
    ['webgpu', [gpu('T4', 16e9), gpu('A100', 80e9)], 'the A100'],
    // a card that does not say how much it has
    ['webgpu', [gpu('Intel Iris', null)], 'this machine'],
    ['webgpu', null, 'this machine'],
    // not told by the driver: a window into the memory, or memory shared with the processor
    ['webgpu', [gpu('Radeon', 256e6, null)], 'this machine'],
    ['webgpu', [gpu('Iris', 128e9, null), gpu('T4', 16e9)], 'the T4'],
    [null, [gpu('Iris', 128e9, null)], 'this machine'],
    // not known yet: the larger one, so that nothing is refused that would run
    [null, [gpu('T4', 16e9)], 'this machine'],
    [null, [gpu('H200', 141e9)], 'the H200'],
  ] as const)('of %s with %j is that of %s', (engine, gpus, name) => {
    expect(memoryOf(engine, gpus && [...gpus], main).name).toBe(name);
  });
});

describe('a literal preset that cannot fit', () => {
  const literal = presets().find(({ id }) => id === 'paper-RQ1-literal')!.config;

  it('is refused with what it would need and what there is', () => {
    const check = checkExperiment(literal, () => ({ bytes: 16 * 2 ** 30, name: 'the Tesla T4' }));
    expect(check).toMatchObject({
      ok: true,
      refusal: {
        message: expect.stringMatching(
          /would need about \d{3} GiB of memory .*; the Tesla T4 has 16 GiB/,
        ),
        hint: expect.stringContaining('batch (512)'),
      },
    });
  });

  it('is not where there is room', () => {
    const check = checkExperiment(literal, () => ({ bytes: 2e12, name: 'it' }));
    expect(check).toMatchObject({ ok: true, refusal: null, warnings: expect.any(Array) });
  });

  it('is refused above all there is, not at it', () => {
    const cost = { memoryBytes: 16e9 };
    expect(memoryRefusal(literal, cost, { bytes: 16e9, name: 'it' })).toBeNull();
    expect(memoryRefusal(literal, cost, { bytes: 16e9 - 1, name: 'it' })).not.toBeNull();
  });
});
