import { describe, expect, it } from 'vitest';
import type { ExperimentConfigInput } from '../../../src-main/contract.ts';
import { macsAfter, seriesOver, tallyOf } from '../../../src-main/core/experiments/compute-axis.ts';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';
import { config, newRun, openScene, steps, utc } from '../store/scene.ts';

const dataset = { kind: 'greensynth', size: 16, train: 160, validation: 50, test: 30 } as const;
const model = { image: 16, patch: 4, dim: 16, layers: 2, heads: 4, dimHead: 4 };
const small = ({ train, ...more }: ExperimentConfigInput = {}) =>
  config({ dataset, model, ...more, train: { epochs: 4, batch: 16, ...train } });

const half = { mode: 'drop', heuristic: 'random', keepRatio: 0.5, prob: 0.6, schedule: 'constant' } as const; // prettier-ignore

describe('MACs after each step of a training', () => {
  it.each<[string, ExperimentConfigInput]>([
    ['scratch', {}],
    ['patches dropped on a schedule', { selection: { ...half, schedule: 'hyperbolic' } }],
    ['patches masked', { selection: { ...half, mode: 'mask' } }],
    ['pre-training and fine-tuning', { train: { recipe: 'pt+ft' } }],
    ['three stages', { train: { recipe: 'pt+cl+ft' } }],
    ['a teacher first', { train: { recipe: 'distil' } }],
  ])('come to the forecast in the end: %s', (_, input) => {
    const asked = small(input);
    const { steps, trainMacs } = forecast(asked);
    const after = macsAfter(asked, []);
    expect(after(steps) / trainMacs).toBeCloseTo(1, 9);
    expect(after(0)).toBe(0);
    for (let step = 1; step <= steps; step++) expect(after(step)).toBeGreaterThan(after(step - 1));
  });

  it('go by the steps that were reduced, not by those that were expected', () => {
    const asked = small({ selection: half });
    const full = macsAfter(small(), [])(10);
    const none = macsAfter(asked, [{ epoch: 0, steps: 10, reduced: 0 }]);
    const all = macsAfter(asked, [{ epoch: 0, steps: 10, reduced: 10 }]);
    expect(none(10)).toBe(full);
    expect(all(10)).toBeLessThan(0.7 * full);
    // the second epoch has not been: as its schedule has it, six in ten
    expect(none(20) - none(10)).toBeCloseTo(0.4 * none(10) + 0.6 * all(10), 0);
  });

  it('bend where an epoch of a schedule ends', () => {
    const asked = small({ selection: { ...half, schedule: 'anneal', prob: 1 } });
    const after = macsAfter(asked, []);
    const [first, last] = [after(10), after(40) - after(30)];
    expect(last).toBeGreaterThan(first);
    expect(after(5)).toBeCloseTo(first / 2, 0);
  });

  it('place the curves of a run, its tokens counted in the store', async () => {
    const store = await openScene();
    const asked = small({ selection: half });
    const id = await store.createRun(newRun('counted', { config: asked }));
    await store.startSegment(id, { micros: 0, utc });
    const { tokens } = tallyOf(asked);
    expect(tokens).toBe(9);
    const all = steps(1, 15, (n) => n);
    // three steps in four of the first epoch, none of the second
    all.tokens = all.step.map((step) => (step <= 10 && step % 4 !== 0 ? tokens : 17));
    await store.addSteps(id, all);
    expect(await store.stepTally(id, tallyOf(asked))).toEqual([
      { epoch: 0, steps: 10, reduced: 8 },
      { epoch: 1, steps: 5, reduced: 0 },
    ]);
    const ask = { id, names: ['loss', 'seconds'], x: 'macs', width: 200 } as const;
    const [loss, time] = await seriesOver(store, { ...ask, names: [...ask.names] });
    const macs = macsAfter(asked, [
      { epoch: 0, steps: 10, reduced: 8 },
      { epoch: 1, steps: 5, reduced: 0 },
    ]);
    expect(loss!.x).toEqual(all.step.map(macs));
    expect(loss!.y).toEqual(all.loss);
    expect(time!.x).toEqual(loss!.x);
    expect((await seriesOver(store, { ...ask, names: ['loss'], x: 'step' }))[0]!.x).toEqual(
      all.step,
    );
  });

  it('are not known where there is no config', async () => {
    const store = await openScene();
    const answer = await seriesOver(
      { series: store.series, stepTally: store.stepTally, runConfig: () => Promise.resolve(null) },
      { id: 1, names: ['loss'], x: 'macs', width: 200 },
    );
    expect(answer).toEqual([{ name: 'loss', x: [], y: [] }]);
  });
});
