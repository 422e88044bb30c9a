import { describe, expect, it } from 'vitest';
import type { EvaluationResult } from '../../../src-main/contract.ts';
import { batch, gpu, meter, newRun, openScene, scores, seconds, steps, utc } from './scene.ts';

/** Lowest and highest of each bucket, found the slow way. */
function bruteForce(x: number[], y: number[], bucketOf: (x: number) => number): Set<number> {
  const found = new Set<number>();
  for (const members of Map.groupBy(x.keys(), (i) => bucketOf(x[i]!)).values()) {
    found.add(members.reduce((a, b) => (y[b]! < y[a]! ? b : a)));
    found.add(members.reduce((a, b) => (y[b]! > y[a]! ? b : a)));
  }
  return found;
}

/** Never the same value twice, so that each extreme is one point. */
const rough = (i: number): number => (Math.sin(i * 12.9898) * 43758.5453) % 1;

describe('thinning', () => {
  it('keeps the lowest and the highest step of every column, of 100,000', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('long'));
    await store.startSegment(id, { micros: 0, utc });
    const all = steps(1, 100_000, (n) => n * 0.01, 1000);
    all.loss = all.step.map(rough);
    await store.addSteps(id, all);
    const width = 300;
    const [loss] = await store.series(id, ['loss'], 'step', width);
    // the power of two above 100,000 / 300
    const columnOf = (x: number) => Math.floor((x - 1) / 512);
    const expected = bruteForce(all.step, all.loss, columnOf);
    expect(loss!.x.length).toBeLessThanOrEqual(2 * width);
    expect(loss!.x).toEqual([...expected].map((i) => all.step[i]!).sort((a, b) => a - b));
    expect(loss!.y).toEqual(loss!.x.map((step) => rough(step)));
    const { mean } = loss!;
    expect(mean!.x).toHaveLength(columnOf(100_000) + 1);
    const first = all.step.filter((x) => columnOf(x) === 0);
    const average = (of: number[]) => of.reduce((a, b) => a + b) / of.length;
    expect(mean!.x[0]).toBeCloseTo(average(first), 9);
    expect(mean!.y[0]).toBeCloseTo(average(first.map(rough)), 9);
  });

  it('leaves points where they are while a run goes on, up to the column that is still open', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu]);
    const id = await store.createRun(newRun('live'));
    await store.startSegment(id, { micros: 0, utc });
    const answer = async () => {
      const [loss] = await store.series(id, ['loss'], 'time', 100);
      const [power] = (await store.power(id, 100)).components;
      return [loss!, { x: power!.x, y: power!.watts }, { x: power!.x, y: power!.wh }];
    };
    const go = async (from: number, to: number) => {
      const more = steps(from + 1, to, (n) => n);
      more.loss = more.step.map(rough);
      await store.addSteps(id, more);
      const readings = { joules: (s: number) => 100 * s, watts: (s: number) => rough(s * 10) };
      await store.addSamples(batch('a', from, to, { [gpu.key]: readings }));
    };
    await go(0, 600);
    const before = await answer();
    await go(600, 700);
    const after = await answer();
    after.forEach(({ x, y }, i) => {
      const old = before[i]!;
      // 600 s in at most 100 columns: of 8 s each
      const settled = old.x.findIndex((at) => at >= 592);
      expect(settled).toBeGreaterThan(100);
      expect(x.slice(0, settled)).toEqual(old.x.slice(0, settled));
      expect(y.slice(0, settled)).toEqual(old.y.slice(0, settled));
    });
  });

  it('gives few points as they are, on every axis, and nothing for an unknown name', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('short'));
    await store.updateRun(id, { stepsPerEpoch: 10 });
    await store.startSegment(id, { micros: seconds(50), utc });
    await store.addSteps(
      id,
      steps(1, 30, (n) => 50 + n),
    );
    await store.addEvaluation(id, {
      at: seconds(61),
      epoch: 1,
      step: 10,
      result: scores('validation', 0.3),
    });
    await store.addEvaluation(id, {
      at: seconds(81),
      epoch: 3,
      step: 30,
      result: scores('test', 0.6),
    });
    const [loss, f1, test, unknown, injected] = await store.series(
      id,
      ['loss', 'validation.macroF1', 'test.macroF1', 'nothing', `validation' or 1.loss`],
      'epoch',
      200,
    );
    expect(loss!.x.slice(0, 3)).toEqual([0.1, 0.2, 0.3]);
    expect(loss!.y[29]).toBeCloseTo(10 / 30, 12);
    expect(f1).toEqual({ name: 'validation.macroF1', x: [1], y: [0.3] });
    expect(test).toEqual({ name: 'test.macroF1', x: [3], y: [0.6] });
    expect(unknown).toEqual({ name: 'nothing', x: [], y: [] });
    expect(injected!.x).toEqual([]);
    expect((await store.series(id, ['test.loss'], 'time', 200))[0]!.x).toEqual([31]);
    expect(await store.getSummary(id)).toMatchObject({ macroF1: 0.6, f1Split: 'test' });
  });

  it('has no place over energy for what came before the first reading', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('late'));
    await meter(store, 'a', [gpu]);
    await store.startSegment(id, { micros: 0, utc });
    await store.addSteps(
      id,
      steps(1, 40, (n) => n),
    );
    for (const x of ['wh', 'co2'] as const)
      expect(await store.series(id, ['loss'], x, 300)).toEqual([{ name: 'loss', x: [], y: [] }]);
    await store.addSamples(
      batch('a', 20, 60, { [gpu.key]: { joules: (s) => 36 * s, watts: () => 36 } }),
    );
    const [loss] = await store.series(id, ['loss'], 'wh', 300);
    // behind the 20th second
    expect(loss!.x).toHaveLength(20);
    expect(loss!.x[0]).toBeCloseTo(0.01, 6);
  });

  it('has what later versions measure, and nulls for evaluations from before', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('boxes'));
    await store.updateRun(id, { stepsPerEpoch: 10 });
    await store.startSegment(id, { micros: seconds(0), utc });
    const { top5, detection, patchRecall, attentionSupport, attentionIdle, deltaSparsity, ...old } =
      scores('validation', 0.3);
    expect([top5, detection, patchRecall, attentionSupport, attentionIdle, deltaSparsity]).toEqual(
      Array(6).fill(null),
    );
    await store.addEvaluation(id, {
      at: seconds(1),
      epoch: 1,
      step: 10,
      result: old as unknown as EvaluationResult,
    });
    const found = { boxes: 9, meanIou: 0.5, locAcc50: 0.6, clsLoc50: 0.4, ap: 0.2, ap50: 0.3, ap75: 0.1 }; // prettier-ignore
    await store.addEvaluation(id, {
      at: seconds(2),
      epoch: 2,
      step: 20,
      result: {
        ...scores('validation', 0.4),
        ...{ top5: 0.9, detection: found, patchRecall: 0.7 },
        deltaSparsity: { thresholded: 0.2, in8Bits: 0.3 },
      },
    });
    const { evaluations } = await store.getRun(id);
    expect(evaluations[0]!.result).toMatchObject({
      top5: null,
      detection: null,
      patchRecall: null,
      attentionSupport: null,
      attentionIdle: null,
      deltaSparsity: null,
    });
    expect(evaluations[1]!.result).toMatchObject({ top5: 0.9, detection: found, patchRecall: 0.7 });
    const names = ['top5', 'meanIou', 'ap', 'ap50', 'patchRecall', 'zeroDeltas'];
    const series = await store.series(
      id,
      names.map((name) => `validation.${name}`),
      'epoch',
      200,
    );
    expect(series.map(({ x, y }) => [x, y])).toEqual(
      [0.9, 0.5, 0.2, 0.3, 0.7, 0.2].map((value) => [[2], [value]]),
    );
    expect((await store.metrics(id)).map(({ ap75, clsLoc50 }) => [ap75, clsLoc50])).toEqual([
      [null, null],
      [0.1, 0.4],
    ]);
  });

  it('keeps every peak of 100,000 power samples, with the energy up to each', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu]);
    const id = await store.createRun(newRun('long'));
    await store.startSegment(id, { micros: 0, utc });
    const watts = (s: number) => 100 + rough(Math.round(s * 10));
    const joules = (s: number) => 100 * s;
    const samples = batch('a', 0, 10_000, { [gpu.key]: { joules, watts } });
    await store.addSamples(samples);
    await store.endRun(id, { at: seconds(10_000), status: 'done' });
    const width = 250;
    const [series] = (await store.power(id, width)).components;
    const x = samples.t.map((t) => t / 1e6);
    const expected = bruteForce(x, x.map(watts), (s) => Math.floor(s / 64));
    expect(series!.x.length).toBeLessThanOrEqual(2 * (width + 1));
    expect(new Set(series!.x)).toEqual(new Set([...expected].map((i) => x[i]!)));
    expect(series!.watts).toEqual(series!.x.map(watts));
    series!.wh.forEach((wh, i) => expect(wh).toBeCloseTo((100 * series!.x[i]!) / 3600, 6));
  });
});
