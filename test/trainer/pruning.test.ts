import { describe, expect, it } from 'vitest';
import { configOf, newRunDir, small, trainSmall, type Of } from './train-small.ts';
import type { FromTrainer } from '../../src-main/trainer/messages.ts';

const halved = { heads: 'importance', headShare: 0.5, neurons: 0.5, start: 0, end: 0.5 } as const;

describe('structured pruning', () => {
  it('leaves half of the heads and neurons, physically, and says so', async () => {
    const whole = await trainSmall(small());
    const run = await trainSmall(small({ pruning: halved }));
    const { json, tensors } = run.checkpoint();
    const { heads, hidden } = json.structure!;
    expect(heads.reduce((a, b) => a + b)).toBe(4); // of 2 layers x 4
    expect(Math.min(...heads)).toBeGreaterThanOrEqual(1);
    expect(hidden).toEqual([32, 32]);
    heads.forEach((count, layer) => {
      expect(tensors[`b${layer}.qkv.weight`]!.shape).toEqual([3 * 4 * count, 16]);
      expect(tensors[`b${layer}.out.weight`]!.shape).toEqual([16, 4 * count]);
      expect(tensors[`moment1.b${layer}.fc2.weight`]!.shape).toEqual([16, 32]);
    });
    // a head: 4 x (3 x 16 + 16); a neuron: 16 + 1 + 16
    const parameters = whole.last('ready').parameters - 4 * 256 - 64 * 33;
    expect(run.notes.at(-1)).toContain(`${parameters.toLocaleString('en')} of `);
    expect(run.notes.at(-1)).toMatch(/Heads: .*MLP neurons: 32 in each layer/);
    expect(run.last('done').step).toBe(40);
    expect(run.all('phase').some(({ name }) => name === 'prune')).toBe(true);
  });

  it.each([
    ['in the epoch after', (m: FromTrainer) => m.type === 'checkpoint'],
    ['right after the epoch', (m: FromTrainer) => m.type === 'phase' && m.name === 'prune'],
    ['in an epoch', (m: FromTrainer) => m.type === 'steps'],
  ])('goes on bit for bit where it was stopped %s', async (_, stopWhen) => {
    const input = small({ pruning: { ...halved, magnitude: 0.3 }, model: { dropout: 0.1 } });
    const straight = await trainSmall(input);
    const runDir = newRunDir();
    const first = await trainSmall(input, { runDir, stopWhen });
    const { checkpoint, step } = first.messages.at(-1) as Of<'stopped'>;
    expect(step).toBeLessThan(40);
    const second = await trainSmall(input, { runDir, resume: checkpoint });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    expect(second.checkpoint().json.structure).toEqual(straight.checkpoint().json.structure);
    expect(second.checkpoint().tensors).toEqual(straight.checkpoint().tensors);
    expect(second.last('evaluation').result).toEqual(straight.last('evaluation').result);
  });

  it('trains on to clearly better than chance', async () => {
    const run = await trainSmall({
      dataset: { kind: 'greensynth', size: 16, train: 1000, validation: 50, test: 500 },
      model: { image: 16, patch: 4, dim: 32, layers: 2, heads: 4, dimHead: 8 },
      train: { epochs: 20, batch: 25, labelSmoothing: 0, lr: 3e-3, evalEvery: 20 },
      pruning: halved,
    });
    expect(run.checkpoint().json.structure!.hidden).toEqual([64, 64]);
    expect(run.last('evaluation').result.accuracy).toBeGreaterThan(0.2); // chance: 0.1 +- 0.013
  });
});

describe('magnitude pruning', () => {
  it('keeps its zeros to the end and changes no shape', async () => {
    const run = await trainSmall(small({ pruning: { magnitude: 0.6, start: 0, end: 0.5 } }));
    const { json, tensors } = run.checkpoint();
    expect(json.structure).toBeUndefined();
    const matrices = Object.entries(tensors).filter(([name]) =>
      /^(patch|head|b\d\.\w+)\.weight$/.test(name),
    );
    const values = matrices.flatMap(([, { data }]) => Array.from(data));
    const zeros = values.filter((value) => value === 0).length / values.length;
    expect(zeros).toBeGreaterThanOrEqual(0.6 - 1e-3);
    expect(zeros).toBeLessThan(0.601);
    expect(tensors.mask!.data.reduce((a, b) => a + b)).toBe(
      tensors.mask!.data.length - Math.round(zeros * values.length),
    );
    expect(run.notes.at(-1)).toBe('60.0 % of the weights are 0 now.');
  });
});

describe('gates on heads', () => {
  // so much that every gate closes
  const closing = small({
    pruning: { heads: 'l0', l0Penalty: 1 },
    train: { epochs: 8, lr: 0.2, schedule: 'constant', warmup: 0, clipNorm: 1 },
  });

  it('are cut out once they are closed, and one head of each layer stays', async () => {
    const run = await trainSmall(closing);
    const { json, tensors } = run.checkpoint();
    expect(json.structure).toEqual({ heads: [1, 1], hidden: [64, 64] });
    expect(tensors['b0.gate']!.shape).toEqual([1]);
    expect(tensors['b1.out.weight']!.shape).toEqual([16, 4]);
  });

  it('go on bit for bit', async () => {
    const straight = await trainSmall(closing);
    const runDir = newRunDir();
    const first = await trainSmall(closing, {
      runDir,
      stopWhen: (m) => m.type === 'note' && m.message.startsWith('Pruned'),
    });
    const { checkpoint } = first.messages.at(-1) as Of<'stopped'>;
    const second = await trainSmall(closing, { runDir, resume: checkpoint });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    expect(second.checkpoint().tensors).toEqual(straight.checkpoint().tensors);
  });

  it('learn to stay open where heads are of use', async () => {
    const run = await trainSmall({
      dataset: { kind: 'greensynth', size: 16, train: 1000, validation: 50, test: 500 },
      model: { image: 16, patch: 4, dim: 32, layers: 2, heads: 4, dimHead: 8 },
      train: { epochs: 20, batch: 25, labelSmoothing: 0, lr: 3e-3, evalEvery: 20 },
      pruning: { heads: 'l0', l0Penalty: 1e-3 },
    });
    expect(run.last('evaluation').result.accuracy).toBeGreaterThan(0.2);
    const { tensors } = run.checkpoint();
    // every gate starts at 1: the loss moved them apart
    const gates = Array.from(tensors['b0.gate']!.data);
    expect(gates.every((gate) => gate !== 1)).toBe(true);
    expect(Math.max(...gates) - Math.min(...gates)).toBeGreaterThan(0.01);
  });
});

describe('a config that prunes', () => {
  it.each([
    [{ pruning: { heads: 'l0' }, attention: { kind: 'mgk' } }, /heads of mgk cannot be cut out/],
    [{ pruning: { neurons: 0.5 }, model: { kind: 'resnet' } }, /resnet has no heads and blocks/],
    [{ pruning: { neurons: 0.5, start: 0.8, end: 0.2 } }, /is before the start/],
  ] as const)('is refused where it cannot: %o', (input, message) => {
    expect(() => configOf(input)).toThrow(message);
  });
});
