/** What is foretold of a run that prunes, against the model that it builds. */
import { expect, it } from 'vitest';
import { checkExperiment } from '../../../src-main/core/experiments/check.ts';
import { forwardMacs } from '../../../src-main/core/experiments/cost.ts';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';
import { pruningProgress } from '../../../src-main/experiment-config/pruning-schedule.ts';
import { parameterCount } from '../../../src-main/trainer/models/parameters.ts';
import { supervised } from '../../../src-main/trainer/recipes/supervised.ts';
import { parseExperimentConfig, type ExperimentConfigInput } from '../../../src-main/contract.ts';

const configOf = (input: ExperimentConfigInput) => {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
};
const model = { image: 32, patch: 4, dim: 64, layers: 4, heads: 4, dimHead: 16 } as const;
const pruning = { heads: 'importance', headShare: 0.5, neurons: 0.5 } as const;
const dataset = {
  channels: 3,
  size: 32,
  classes: Array.from({ length: 10 }, (_, i) => String(i)),
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

it('ends with the parameters and MACs of the model that is left', () => {
  const config = configOf({ model, pruning });
  const left = supervised(config, dataset, 1, { heads: [1, 3, 2, 2], hidden: Array(4).fill(128) });
  const cost = forecast(config);
  expect(cost.parameters).toBe(parameterCount(left.parameters));
  const half = configOf({ model: { ...model, heads: 2, mlpRatio: 2 } }).model;
  if (half.kind !== 'vit') throw new Error('no ViT');
  expect(cost.macsTest).toBe(forwardMacs(half, 10, 64));
  expect(cost.macsFull).toBe(forecast(configOf({ model })).macsFull);
});

it('averages over the epochs: what goes after an epoch is saved from the next', () => {
  const config = configOf({ model, pruning: { neurons: 0.5 }, train: { epochs: 10 } });
  const whole = forecast(configOf({ model, train: { epochs: 10 } }));
  const perNeuron = 4 * 65 * 2 * 64; // layers, tokens, two matrices of width D
  let saved = 0;
  for (let epoch = 0; epoch < 10; epoch++)
    saved += Math.floor(0.5 * pruningProgress(config.pruning, epoch - 1, 10) * 256 + 1e-9);
  expect(saved).toBeGreaterThan(0);
  const cost = forecast(config);
  expect(cost.trainRatio).toBeCloseTo(1 - (saved / 10) * (perNeuron / whole.macsFull), 10);
});

it('counts the gates of l0, and says that it cannot know which will close', () => {
  const plain = forecast(configOf({ model }));
  const config = configOf({ model, pruning: { heads: 'l0' } });
  expect(forecast(config).parameters).toBe(plain.parameters + 16);
  expect(forecast(config).parameters).toBe(
    parameterCount(supervised(config, dataset, 1).parameters),
  );
  const checked = checkExperiment({ model, pruning: { heads: 'l0', magnitude: 0.5 } });
  if (!checked.ok) throw new Error('refused');
  expect(checked.warnings.join(' ')).toMatch(/counts all heads to the end.*saves no energy/);
});

it('prunes at once where the schedule starts and ends at 0', () => {
  expect(pruningProgress({ start: 0, end: 0 }, -1, 10)).toBe(0);
  expect(pruningProgress({ start: 0, end: 0 }, 0, 10)).toBe(1);
});
