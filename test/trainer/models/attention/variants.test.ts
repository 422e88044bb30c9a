/** What holds for every attention variant: it is built as it is counted, and it learns. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { forwardMacs, parameterCount } from '../../../../src-main/core/experiments/cost.ts';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../../../src-main/experiment-config.ts';
import { flatLayout, sliceFlat } from '../../../../src-main/trainer/engine/flat.ts';
import { openOrtEngine } from '../../../../src-main/trainer/engine/session.ts';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import { train } from '../../../../src-main/trainer/loop.ts';
import {
  initialValues,
  parameterCount as sizeOfAll,
} from '../../../../src-main/trainer/models/parameters.ts';
import { vitForward, vitParameters } from '../../../../src-main/trainer/models/vit.ts';
import { vitOf } from '../../../fixtures/vit.ts';

type Attention = NonNullable<ExperimentConfigInput['attention']>;

const cases: [string, Attention][] = [
  ['standard', { kind: 'standard' }],
  ['standard, sparsemax', { kind: 'standard', normaliser: 'sparsemax' }],
  ['standard, entmax15', { kind: 'standard', normaliser: 'entmax15' }],
  ['gmm_fixed', { kind: 'gmm_fixed' }],
  ['gmm_fixed with its gate', { kind: 'gmm_fixed', gate: true }],
  ['gmm_fixed with its likelihood', { kind: 'gmm_fixed', likelihood: 0.01 }],
  ['map_em', { kind: 'map_em' }],
  ['map_em, magnitude', { kind: 'map_em', prior: 'magnitude' }],
  ['map_em, learned', { kind: 'map_em', prior: 'learned' }],
  ['map_em, vmf', { kind: 'map_em', prior: 'vmf' }],
  ['map_em, keys adapt', { kind: 'map_em', keyIterations: 2 }],
  ['map_em, values adapt', { kind: 'map_em', prior: 'magnitude', valueIterations: 2 }],
  ['mgk', { kind: 'mgk' }],
  ['mgk, soft, whole heads', { kind: 'mgk', mixing: 'soft', halfHeads: false }],
  ['mgk, shifted', { kind: 'mgk', keys: 'shifted', precisionRatio: 3 }],
  ['mgk, shifted, hard', { kind: 'mgk', keys: 'shifted', mixing: 'hard' }],
  ['ecoformer', { kind: 'ecoformer' }],
  ['ecoformer, trained', { kind: 'ecoformer', hash: 'trained' }],
  [
    'ecoformer, random, as the public code',
    { kind: 'ecoformer', hash: 'random', publicCode: true },
  ],
  ['gmm_repo', { kind: 'gmm_repo' }],
  ['delta', { kind: 'delta' }],
  ['delta from the mean', { kind: 'delta', reference: 'mean', threshold: 0.5 }],
  ['delta, serpentine', { kind: 'delta', reference: 'serpentine' }],
];

const configOf = (input: ExperimentConfigInput) => {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
};

describe.each(cases)('%s', (_, attention) => {
  it.each([{}, { qkvBias: true }, { heads: 2, dimHead: 12 }])(
    'has the parameters and MACs that are foretold, with %o',
    async (over) => {
      const config = configOf({
        model: { image: 8, patch: 4, dim: 12, layers: 2, heads: 4, dimHead: 3, ...over },
        attention,
        train: { clipNorm: 1 },
      });
      const model = vitOf(config);
      const shape = { model, attention: config.attention, channels: 3, classes: 5 };
      const parameters = vitParameters(shape);
      expect(sizeOfAll(parameters)).toBe(parameterCount(model, 5, config.attention));

      await tf.setBackend('cpu');
      const views = sliceFlat(flatLayout(parameters), tf.tensor1d(initialValues(parameters, 1)));
      const patches = tf.zeros<tf.Rank.R3>([1, 4, 48]);
      const { kernels } = await tf.profile(() => vitForward(shape, views, { patches, kept: null }));
      const macs = kernels
        .filter(({ name }) => name === 'BatchMatMul')
        .map(({ inputShapes, outputShapes }) => {
          const rows = inputShapes[0]!.reduce((a, b) => a * b, 1);
          return rows * (outputShapes[0] as number[]).at(-1)!;
        });
      expect(macs.reduce((a, b) => a + b, 0)).toBe(forwardMacs(model, 5, 4, config.attention));
    },
  );
});

const root = mkdtempSync(join(tmpdir(), 'attention-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('learns on the captured engine', () => {
  it.each(cases)('%s', async (_, attention) => {
    const losses: number[] = [];
    await train({
      config: configOf({
        dataset: { kind: 'greensynth', size: 16, train: 96, validation: 10, test: 10 },
        model: { image: 16, patch: 4, dim: 24, layers: 1, heads: 2, dimHead: 12 },
        attention,
        train: {
          ...{ epochs: 30, evalEvery: 30, checkpointEvery: 30 },
          ...{ batch: 32, lr: 4e-3, labelSmoothing: 0, weightDecay: 0, clipNorm: 1 },
        },
      }),
      dataDir: join(root, 'data'),
      runDir: mkdtempSync(join(root, 'run-')),
      resume: null,
      openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 1 }), why: 'a test' }),
      post: (message) => {
        if (message.type === 'steps') losses.push(...message.steps.loss);
      },
      stop: new AbortController().signal,
    });
    expect(losses.every(Number.isFinite)).toBe(true);
    const last = losses.slice(-3).reduce((a, b) => a + b, 0) / 3;
    // guessing among ten classes costs ln 10 = 2.30
    expect(last).toBeLessThan(1.7);
  });
});
