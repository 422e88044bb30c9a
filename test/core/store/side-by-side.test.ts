import { expect, it } from 'vitest';
import { batch, gpu, meter, newRun, openScene, scores, seconds, steady, utc } from './scene.ts';

it('runs side by side are each read once, and are what a comparison and their own pages say', async () => {
  const store = await openScene();
  await meter(store, 'a', [gpu]);
  const id = await store.createRun(newRun('trained'));
  await store.startSegment(id, { micros: 0, utc });
  await store.startPhase(id, 'train', 1, seconds(0));
  await store.addSamples(batch('a', 0, 60, { [gpu.key]: steady(100) }));
  await store.addEvaluation(id, {
    at: seconds(50),
    epoch: 1,
    step: 1,
    result: scores('validation', 0.5),
  });
  await store.endRun(id, { at: seconds(60), status: 'done' });
  const ids = [id, await store.createRun(newRun('waits'))];
  const { comparison, details } = await store.sideBySide(ids);
  expect(comparison).toEqual(await store.compare(ids));
  for (const [i, one] of ids.entries()) {
    const run = await store.getRun(one);
    const { phases, phaseTotals } = run;
    expect({ ...details[i], log: null, phases, phaseTotals }).toEqual(run);
    expect(details[i]).not.toHaveProperty('phases');
    expect(phases).toHaveLength(i === 0 ? 1 : 0);
  }
  const wh = comparison.rows.find(({ key }) => key === 'wh')!;
  expect(wh.values).toEqual([details[0]!.energy!.wh, null]);
  await expect(store.sideBySide([ids[0]!, 99])).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
