import { describe, expect, it } from 'vitest';
import {
  mixtureVariance,
  queryGate,
  valueMixture,
} from '../../../../src-main/trainer/models/attention/gmm-fixed.ts';
import { golden } from '../../../fixtures/golden.ts';
import { largestError } from '../../engine/reference.ts';
import { compute, flatten, openEngines, type Nested } from './compute.ts';

const inputs = golden<Record<'q' | 'k' | 'v', Nested>>('attention_inputs');
const expected = golden<
  Record<'mean' | 'var' | 'logp' | 'gate' | 'out', Nested> & { sigma2: number; tau: number }
>('attention_gmm_fixed');

describe.each(await openEngines())('gmm_fixed on %s', (_, engine) => {
  it('has the golden mean, variance, density, gate and output', async () => {
    const { q, k, v } = inputs;
    const outputs = await compute(engine, { q, k, v }, ({ q, k, v }) => {
      const { weights, mean, logDensity } = valueMixture(q!, k!, v!);
      const gate = queryGate(logDensity, expected.tau);
      const variance = mixtureVariance(weights, v!, mean, expected.sigma2);
      return { mean, var: variance, logp: logDensity, gate, out: mean.mul(gate) };
    });
    for (const name of ['mean', 'var', 'logp', 'gate', 'out'] as const)
      expect(largestError(outputs[name]!, flatten(expected[name])), name).toBeLessThan(2e-6);
  });

  it('opens its gate when the temperature is high', async () => {
    const { q, k, v } = inputs;
    const outputs = await compute(engine, { q, k, v }, ({ q, k, v }) => ({
      gate: queryGate(valueMixture(q!, k!, v!).logDensity, 1e6),
    }));
    expect(largestError(outputs.gate!, Array(8).fill(1))).toBeLessThan(1e-4);
  });
});
