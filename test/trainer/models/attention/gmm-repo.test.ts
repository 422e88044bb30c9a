import { describe, expect, it } from 'vitest';
import { parseExperimentConfig } from '../../../../src-main/experiment-config.ts';
import { headDensityAttention } from '../../../../src-main/trainer/models/attention/gmm-repo.ts';
import { golden } from '../../../fixtures/golden.ts';
import { largestError } from '../../engine/reference.ts';
import { compute, flatten, openEngines, type Nested } from './compute.ts';

const { q, k, v } = golden<Record<'q' | 'k' | 'v', Nested>>('attention_inputs');
const expected = golden<Record<'log_probs' | 'out', Nested>>('attention_gmm_repo');

describe.each(await openEngines())('gmm_repo on %s', (_, engine) => {
  it('has the golden log density and output', async () => {
    const outputs = await compute(engine, { q, k, v }, ({ q, k, v }) => {
      const { logDensity, out } = headDensityAttention(q!, k!, v!);
      return { logDensity, out };
    });
    expect(largestError(outputs.logDensity!, flatten(expected.log_probs))).toBeLessThan(1e-5);
    expect(largestError(outputs.out!, flatten(expected.out))).toBeLessThan(1e-5);
  });
});

it('gmm_repo refuses one head, and to train without gradient clipping', () => {
  const parsed = parseExperimentConfig({ model: { heads: 1 }, attention: { kind: 'gmm_repo' } });
  expect(!parsed.ok && parsed.issues.map(({ path }) => path)).toEqual([
    'model.heads',
    'train.clipNorm',
  ]);
});
