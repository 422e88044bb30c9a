import { describe, expect, it } from 'vitest';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import { initialValues, parameterCount } from '../../../src-main/trainer/models/parameters.ts';
import { cutFlat } from '../../../src-main/trainer/models/structure.ts';
import { vitParameters, vitStructure } from '../../../src-main/trainer/models/vit.ts';
import { supervised } from '../../../src-main/trainer/recipes/supervised.ts';
import {
  headsRemoved,
  neuronsLeft,
  pruningProgress,
  weightsZeroed,
} from '../../../src-main/experiment-config/pruning-schedule.ts';
import { vitOf } from '../../fixtures/vit.ts';
import { configOf } from '../train-small.ts';

const dataset = {
  channels: 3,
  size: 8,
  classes: ['a', 'b', 'c'],
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
};
const model = { image: 8, patch: 4, dim: 8, layers: 2, heads: 3, dimHead: 2, qkvBias: true };
const config = configOf({ model, pruning: { heads: 'importance', neurons: 0.5 } });
const shape = {
  model: vitOf(config),
  attention: config.attention,
  channels: 3,
  classes: 3,
};
const images = Uint8Array.from({ length: 4 * 3 * 64 }, (_, i) => (i * 7919) % 251);
const labels = Int32Array.from([0, 1, 2, 0]);

/** Losses of a recipe's evaluation with given weights. */
async function lossesOf(recipe: ReturnType<typeof supervised>, parameters: Float32Array) {
  const engine = openOrtEngine('cpu', { threads: 1 });
  const { step, specs } = recipe.evaluate!({ epoch: 0, selects: false });
  const program = await engine.compile(step, specs);
  const state = await engine.createState({
    parameters: { shape: [parameters.length], data: parameters },
  });
  const { losses } = await program.run(state, { images, labels });
  await engine.dispose();
  return Array.from(losses!);
}

describe('cutting a model', () => {
  it('is setting what goes to zero', async () => {
    const whole = supervised(config, dataset, 4);
    const structure = vitStructure(shape);
    const staying = {
      heads: [[0, 2], [1]],
      neurons: [Array.from({ length: 20 }, (_, i) => i + 5), [3, 30]],
    };
    const values = initialValues(whole.parameters, 1);
    const silenced = values.slice();
    let offset = 0;
    for (const { name, shape } of whole.parameters) {
      const size = shape.reduce((a, b) => a * b, 1);
      const [, layer, part] = /^b(\d)\.(out|fc2)\.weight$/.exec(name) ?? [];
      if (part)
        for (let i = 0; i < size; i++) {
          const column = i % shape[1]!;
          const kept = part === 'out' ? staying.heads : staying.neurons;
          const place = part === 'out' ? Math.floor(column / 2) : column;
          if (!kept[Number(layer)]!.includes(place)) silenced[offset + i] = 0;
        }
      offset += size;
    }
    const smaller = supervised(config, dataset, 4, { heads: [2, 1], hidden: [20, 2] });
    const cut = cutFlat(vitParameters(shape), values, structure, staying);
    expect(cut.length).toBe(parameterCount(smaller.parameters));
    const [expected, actual] = [await lossesOf(whole, silenced), await lossesOf(smaller, cut)];
    actual.forEach((loss, i) => expect(loss).toBeCloseTo(expected[i]!, 5));
    const untouched = await lossesOf(whole, values);
    expect(untouched.some((loss, i) => Math.abs(loss - expected[i]!) > 1e-4)).toBe(true);
  });

  it('keeps the projection behind a single head that is as wide as the model', () => {
    const wide = { ...shape, model: { ...shape.model, dimHead: 8 } };
    const parameters = vitParameters({ ...wide, structure: { heads: [1, 1], hidden: [4, 4] } });
    expect(parameters.find(({ name }) => name === 'b0.out.weight')?.shape).toEqual([8, 8]);
  });
});

describe('importance', () => {
  it('is the slope of the loss along each head, image by image', async () => {
    // an evaluation's loss knows no label smoothing
    const sharp = configOf({
      model,
      pruning: { heads: 'importance' },
      train: { labelSmoothing: 0 },
    });
    const recipe = supervised(sharp, dataset, 4);
    const values = initialValues(recipe.parameters, 1);
    const engine = openOrtEngine('cpu', { threads: 1 });
    const { step, specs } = recipe.shrinking!.importance!;
    const program = await engine.compile(step, specs);
    const state = await engine.createState({
      parameters: { shape: [values.length], data: values },
    });
    const { importance } = await program.run(state, { images, labels });
    await engine.dispose();
    expect(importance).toHaveLength(6);

    /** The losses with head 1 of block 0 a little louder or softer. */
    const lossesAt = (factor: number) => {
      const changed = values.slice();
      let offset = 0;
      for (const { name, shape } of recipe.parameters) {
        const size = shape.reduce((a, b) => a * b, 1);
        if (name === 'b0.out.weight')
          for (let i = 0; i < size; i++)
            if (Math.floor((i % shape[1]!) / 2) === 1) changed[offset + i]! *= factor;
        offset += size;
      }
      return lossesOf(recipe, changed);
    };
    const [louder, softer] = [await lossesAt(1.05), await lossesAt(0.95)];
    const slope = louder.reduce((sum, loss, i) => sum + Math.abs((loss - softer[i]!) / 0.1), 0);
    expect(importance![1]! / slope).toBeCloseTo(1, 2);
  });

  it('is not computed where no head goes by it', () => {
    expect(supervised(configOf({ model }), dataset, 4).shrinking).toBeNull();
    const byGate = configOf({ model, pruning: { heads: 'l0' } });
    expect(supervised(byGate, dataset, 4).shrinking!.importance).toBeNull();
  });
});

describe('the schedule', () => {
  const pruning = { ...config.pruning, headShare: 0.5, neurons: 0.5, magnitude: 0.8 };

  it('is cubic between start and end, in five steps at most', () => {
    const at = Array.from({ length: 100 }, (_, epoch) => pruningProgress(pruning, epoch, 100));
    expect(at.slice(0, 29)).toEqual(Array(29).fill(0)); // 0.2 and a fifth of 0.5
    expect(at[29]).toBeCloseTo(1 - 0.8 ** 3, 12);
    expect(at[69]).toBe(1);
    expect(new Set(at).size).toBe(6);
    expect(at.every((progress, i) => i === 0 || progress >= at[i - 1]!)).toBe(true);
  });

  it('reaches its shares and leaves one of everything', () => {
    expect(headsRemoved(pruning, { layers: 4, heads: 4 }, 29, 30)).toBe(8);
    expect(headsRemoved({ ...pruning, headShare: 0.95 }, { layers: 2, heads: 2 }, 29, 30)).toBe(2);
    expect(headsRemoved({ ...pruning, heads: 'l0' }, { layers: 4, heads: 4 }, 29, 30)).toBe(0);
    expect(neuronsLeft(pruning, 256, 29, 30)).toBe(128);
    expect(neuronsLeft(pruning, 256, 0, 30)).toBe(256);
    expect(neuronsLeft({ ...pruning, neurons: 0.95 }, 1, 29, 30)).toBe(1);
    expect(weightsZeroed(pruning, 29, 30)).toBeCloseTo(0.8, 12);
    expect(pruningProgress({ start: 1, end: 1 }, 1, 2)).toBe(1);
    expect(pruningProgress({ start: 1, end: 1 }, 0, 2)).toBe(0);
  });
});
