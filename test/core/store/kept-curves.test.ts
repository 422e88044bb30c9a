import { expect, it } from 'vitest';
import { chartWidth } from '../../../src-main/contract.ts';
import { keepCurves } from '../../../src-main/core/runs/curve-keeper.ts';
import {
  batch,
  gpu,
  meter,
  newRun,
  openScene,
  scores,
  seconds,
  steady,
  steps,
  utc,
} from './scene.ts';

const names = ['loss', 'validation.macroF1'];
const axes = ['step', 'epoch', 'time', 'wh', 'co2'] as const;

it('what is kept of a run is what would be made of it anew, also after it has gone on', async () => {
  const store = await openScene();
  const id = await store.createRun(newRun('long'));
  await store.updateRun(id, { stepsPerEpoch: 1000 });
  await meter(store, 'a', [gpu]);
  const stretch = async (from: number, first: number, last: number): Promise<void> => {
    await store.startSegment(id, { micros: seconds(from), utc: utc + from * 1000 });
    await store.addSteps(
      id,
      steps(first, last, (n) => from + (n - first) * 0.01, 1000),
    );
    await store.addEvaluation(id, {
      at: seconds(from + 50),
      epoch: 5,
      step: last,
      result: scores('validation', 0.5),
    });
    await store.addSamples(batch('a', from - 5, from + 65, { [gpu.key]: steady(36) }));
    await store.endRun(id, { at: seconds(from + 60), status: 'stopped' });
  };
  const all = async (width: number) => ({
    series: await Promise.all(axes.map((x) => store.series(id, names, x, width))),
    power: await store.power(id, width),
    totals: await store.totals(id, width),
  });

  await stretch(10, 1, 6000);
  const fresh = await all(chartWidth);
  expect(await store.runsWithoutCurves()).toEqual([id]);
  await keepCurves(store, id);
  expect(await store.runsWithoutCurves(true)).toEqual([]);
  expect(await all(chartWidth)).toEqual(fresh);

  // resumed: what was kept is of a run that was shorter
  await stretch(100, 6001, 9000);
  expect(await store.runsWithoutCurves(true)).toEqual([id]);
  const longer = await all(chartWidth);
  expect(longer.series[0]![0]!.x.at(-1)).toBe(9000);
  expect(longer.totals.wh.y.at(-1)!).toBeGreaterThan(1.1);
  await keepCurves(store, id);
  expect(await all(chartWidth)).toEqual(longer);
});
