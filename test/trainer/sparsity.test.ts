import { describe, expect, it } from 'vitest';
import {
  isPenalised,
  penalisedLayer,
  penaltyWeight,
} from '../../src-main/trainer/sparsity-schedule.ts';
import { configOf, newRunDir, small, trainSmall, type Of } from './train-small.ts';

const sparse = { lambda: 0.3, every: 2, warmup: 0 } as const;

describe('when attention is penalised', () => {
  const sparsity = configOf({ sparsity: { lambda: 0.02 } }).sparsity;

  it('is every fourth step, four times as strong, climbing over a fifth of the steps', () => {
    const steps = Array.from({ length: 12 }, (_, i) => i + 1);
    expect(steps.filter((step) => isPenalised(sparsity, step))).toEqual([4, 8, 12]);
    expect(isPenalised({ ...sparsity, lambda: 0 }, 4)).toBe(false);
    expect(penaltyWeight(sparsity, 4, 100)).toBeCloseTo(0.02 * 4 * 0.2, 12);
    expect(penaltyWeight(sparsity, 20, 100)).toBeCloseTo(0.08, 12);
    expect(penaltyWeight({ ...sparsity, warmup: 0 }, 1, 100)).toBeCloseTo(0.08, 12);
  });

  it('is one layer per epoch, every layer in its turn', () => {
    const layers = Array.from({ length: 400 }, (_, epoch) => penalisedLayer(42, epoch, 4));
    for (const layer of [0, 1, 2, 3]) {
      const share = layers.filter((drawn) => drawn === layer).length / 400;
      expect(Math.abs(share - 0.25)).toBeLessThan(0.08);
    }
    expect(penalisedLayer(42, 7, 4)).toBe(layers[7]);
  });
});

describe('a run that makes attention sparse', () => {
  const training = {
    dataset: { kind: 'greensynth', size: 16, train: 1200, validation: 50, test: 200 },
    model: { image: 16, patch: 4, dim: 24, layers: 2, heads: 2, dimHead: 12 },
    train: { epochs: 24, batch: 25, lr: 4e-3, labelSmoothing: 0, weightDecay: 0, evalEvery: 24 },
  } as const;

  it('rests on fewer keys than one that does not, and learns all the same', async () => {
    const dense = await trainSmall({ ...training, sparsity: { ...sparse, lambda: 1e-9 } });
    const run = await trainSmall({ ...training, sparsity: sparse });
    const [before, after] = [dense, run].map((one) => one.last('evaluation').result);
    expect(before!.attentionSupport).toBeLessThanOrEqual(17);
    expect(after!.attentionSupport).toBeGreaterThanOrEqual(1);
    expect(after!.attentionSupport!).toBeLessThan(0.8 * before!.attentionSupport!);
    expect(after!.attentionIdle!).toBeGreaterThan(before!.attentionIdle!);
    // chance is 0.1 +- 0.02; processors round differently, which moves it by some hundredths
    expect(after!.accuracy).toBeGreaterThan(0.2);
  });

  it.each([
    { kind: 'standard', normaliser: 'entmax15' },
    { kind: 'gmm_fixed', gate: true },
    { kind: 'map_em', valueIterations: 1 },
    { kind: 'mgk' },
    { kind: 'delta' },
  ] as const)('does so with attention %o', async (attention) => {
    const config = { attention, train: { epochs: 1, clipNorm: 1 } };
    const plain = await trainSmall(small(config));
    const run = await trainSmall(small({ ...config, sparsity: sparse }));
    expect(run.losses.every(Number.isFinite)).toBe(true);
    // the second step is the first with a penalty, the third sees what it did
    expect(run.losses.slice(0, 2)).toEqual(plain.losses.slice(0, 2));
    expect(run.losses[2]).not.toBe(plain.losses[2]);
    const { attentionSupport } = run.last('evaluation').result;
    expect(attentionSupport).toBeGreaterThanOrEqual(1);
    expect(attentionSupport).toBeLessThanOrEqual(17);
  });

  it('goes on bit for bit, with patches dropped beside', async () => {
    const input = small({
      sparsity: sparse,
      model: { layers: 3 },
      selection: { mode: 'drop', keep: 10, prob: 0.5, schedule: 'constant' },
    });
    const straight = await trainSmall(input);
    const runDir = newRunDir();
    const first = await trainSmall(input, { runDir, stopWhen: (m) => m.type === 'checkpoint' });
    const { checkpoint } = first.messages.at(-1) as Of<'stopped'>;
    const second = await trainSmall(input, { runDir, resume: checkpoint });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    expect(second.checkpoint().tensors).toEqual(straight.checkpoint().tensors);
  });

  it('measures nothing where nobody made attention sparse', async () => {
    const { result } = (await trainSmall(small({ train: { epochs: 1 } }))).last('evaluation');
    expect(result).toMatchObject({ attentionSupport: null, attentionIdle: null });
  });
});

describe('a config that makes attention sparse', () => {
  it.each([
    [{ attention: { kind: 'ecoformer' } }, /ecoformer forms no attention weights/],
    [{ model: { kind: 'resnet' } }, /resnet has no attention/],
  ] as const)('is refused where there are no weights: %o', (input, message) => {
    expect(() => configOf({ ...input, sparsity: sparse })).toThrow(message);
  });
});
