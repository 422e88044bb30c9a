import { describe, expect, it } from 'vitest';
import { parseExperimentConfig } from '../../../../src-main/experiment-config.ts';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import type { Tensor } from '../../../../src-main/trainer/engine/tf.ts';
import {
  mixtureVariance,
  negativeLogLikelihood,
  queryGate,
  valueMixture,
} from '../../../../src-main/trainer/models/attention/gmm-fixed.ts';
import { unitRows } from '../../../../src-main/trainer/models/attention/scores.ts';
import { initialValues } from '../../../../src-main/trainer/models/parameters.ts';
import { buildModel } from '../../../../src-main/trainer/models/registry.ts';
import { flatLayout, sliceFlat } from '../../../../src-main/trainer/engine/flat.ts';
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

  it('has the likelihood of unit-length queries under the mixture as a loss', async () => {
    const { q, k, v } = inputs;
    const outputs = await compute(engine, { q, k, v }, ({ q, k, v }) => ({
      loss: negativeLogLikelihood(q!, k!),
      reference: valueMixture(unitRows(q!), unitRows(k!), v!).logDensity.mean().neg(),
      // neither longer nor shorter queries can make it smaller
      scaled: negativeLogLikelihood(q!.mul(tf.scalar(100)), k!.mul(tf.scalar(0.01))),
      along: tf
        .grad((x) => negativeLogLikelihood(x, k!))(q!)
        .mul(q!)
        .sum(-1),
      slope: tf
        .grad((x) => negativeLogLikelihood(x, k!))(q!)
        .abs()
        .max(),
    }));
    expect(largestError(outputs.loss!, [...outputs.reference!])).toBeLessThan(2e-6);
    expect(largestError(outputs.scaled!, [...outputs.loss!])).toBeLessThan(2e-6);
    expect(Math.max(...outputs.along!.map(Math.abs))).toBeLessThan(1e-6);
    expect(outputs.slope![0]).toBeGreaterThan(1e-3);
  });
});

describe.each(['gmm_fixed', 'map_em'] as const)('the likelihood loss of %s', (kind) => {
  const penaltyOf = async (likelihood: number, training: boolean): Promise<number | null> => {
    const parsed = parseExperimentConfig({
      model: { image: 8, patch: 4, dim: 8, layers: 3, heads: 2, dimHead: 4 },
      attention: { kind, likelihood },
    });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
    await tf.setBackend('cpu');
    const model = buildModel(parsed.config, { channels: 3, size: 8, classes: ['a', 'b'] });
    const views = sliceFlat(
      flatLayout(model.parameters),
      tf.tensor(initialValues(model.parameters, 1)),
    );
    const pixels = Float32Array.from({ length: 2 * 4 * 48 }, (_, i) => Math.sin(i));
    const patches = tf.tensor3d(pixels, [2, 4, 48]);
    const { penalty } = model.forward({
      parameters: views,
      buffers: {},
      input: { kind: 'patches', patches, kept: null },
      training,
    });
    return penalty ? ((penalty as Tensor).dataSync()[0] ?? null) : null;
  };

  it('is a penalty of training alone, in proportion to its weight', async () => {
    expect(await penaltyOf(0, true)).toBeNull();
    expect(await penaltyOf(0.01, false)).toBeNull();
    const [small, large] = [await penaltyOf(0.001, true), await penaltyOf(0.01, true)];
    expect(large! / small!).toBeCloseTo(10, 4);
    // unit vectors of four dimensions, α = 1/2, five tokens: between all alike and all opposite
    const base = -2 * Math.log(0.5 / (2 * Math.PI));
    expect(large!).toBeGreaterThan(0.01 * base);
    expect(large!).toBeLessThan(0.01 * (base + 1));
  });
});
