import { expect, it } from 'vitest';
import { parseExperimentConfig, type ExperimentConfigInput } from '../../../src-main/contract.ts';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';
import { skippedMacs } from '../../../src-main/core/experiments/skipped-macs.ts';

const small = {
  attention: { kind: 'delta' },
  model: { image: 8, patch: 4, dim: 12, layers: 2, heads: 3, dimHead: 4 },
} as const;
const of = (input: ExperimentConfigInput, thresholded = 0.5) => {
  const parsed = parseExperimentConfig({ ...small, ...input });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return skippedMacs(parsed.config, 10, { thresholded, in8Bits: 1 });
};

it('tells the multiplications of an image with and without zeros', () => {
  const { dense, thresholded, in8Bits } = of({})!;
  // three of five tokens have a reference; q and k, 12 -> 12, two layers
  expect(dense - in8Bits).toBe(3 * 2 * 144 * 2);
  expect(dense - thresholded).toBe((dense - in8Bits) / 2);
  expect(of({}, 0)!.thresholded).toBe(dense);
});

it('counts the patches that evaluation keeps', () => {
  const selection = { mode: 'drop', keep: 2 } as const;
  expect(of({ selection })).toEqual(of({}));
  const few = of({ selection: { ...selection, evalSelect: 'topk' } })!;
  expect(few.dense - few.in8Bits).toBe(1 * 2 * 144 * 2);
});

it('begins with what the forecast counts in the test', () => {
  const extras: ExperimentConfigInput[] = [
    {},
    { pruning: { neurons: 0.5 } },
    { train: { task: 'detect' } },
    { train: { recipe: 'pt+ft', epochs: 10 }, finetune: { head: 'mlp' } },
    { selection: { mode: 'drop', keep: 2, heuristic: 'conv', evalSelect: 'topk' } },
  ];
  const plain = of({})!;
  for (const extra of extras) {
    const parsed = parseExperimentConfig({ ...small, ...extra });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
    const skipped = of(extra)!;
    expect(skipped.dense).toBe(forecast(parsed.config).macsTest);
    if (extra.selection) continue;
    expect(skipped.dense - skipped.in8Bits).toBe(plain.dense - plain.in8Bits);
    if (extra !== extras[0]) expect(skipped.dense).not.toBe(plain.dense);
  }
});

it('is not known where tokens vary, or of other attention', () => {
  expect(of({ selection: { mode: 'drop', keep: 2, evalSelect: 'authors-bug' } })).toBeNull();
  expect(of({ attention: { kind: 'standard' } })).toBeNull();
  expect(of({ routing: { kind: 'route' } })).toBeNull();
});

it('refuses serpentine order where patches are missing', () => {
  const attention = { kind: 'delta', reference: 'serpentine' } as const;
  expect(() => of({ attention, selection: { mode: 'drop', keep: 2 } })).toThrow(
    'serpentine order needs every patch in its place',
  );
  expect(of({ attention, selection: { mode: 'mask', keep: 2 } })).not.toBeNull();
});
