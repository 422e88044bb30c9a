import { expect, it } from 'vitest';
import { batch, gpu, meter, newRun, openScene, seconds, steady, steps, utc } from './scene.ts';

it('marks now, marks a moment of the past, and forgets a mark; resumes and checkpoints come of themselves', async () => {
  const store = await openScene();
  await meter(store, 'a', [gpu]);
  const id = await store.createRun(newRun('marked'));
  await expect(store.addMarker(id, { time: null, at: 0, text: 'early' })).rejects.toMatchObject({
    code: 'CONFLICT',
  });
  await store.startSegment(id, { micros: seconds(100), utc });
  await store.addSteps(
    id,
    steps(1, 10, (n) => 100 + n),
  );
  await store.addCheckpoint(id, {
    at: utc,
    epoch: 1,
    step: 10,
    paths: ['a'],
    file: null,
    sha256: null,
    bytes: 1,
  });
  await store.addSamples(batch('a', 100, 120, { [gpu.key]: steady(50) }));
  await store.addNote(id, { at: seconds(105), level: 'info', message: 'a note' });
  const now = await store.addMarker(id, { time: null, at: seconds(107), text: 'fan on' });
  expect(now).toMatchObject({ time: 7, kind: 'own', text: 'fan on' });
  await store.endRun(id, { at: seconds(120), status: 'stopped' });

  // 20 s were active before; the pause of 300 s is none of its time
  await store.startSegment(id, { micros: seconds(420), utc: utc + 320_000 });
  const past = await store.addMarker(id, { time: 4, at: seconds(425), text: 'window open' });
  const after = await store.addMarker(id, { time: 22, at: seconds(425), text: 'closed' });
  expect([past.time, after.time]).toEqual([4, 22]);
  await store.endRun(id, { at: seconds(430), status: 'done' });
  await expect(store.addMarker(id, { time: null, at: seconds(500), text: 'late' })).rejects.toThrow(
    /is over/,
  );
  const beyond = await store.addMarker(id, { time: 999, at: seconds(500), text: 'end' });
  expect(beyond.time).toBe(30);

  const { markers } = await store.getRun(id);
  expect(markers.map(({ time, kind, text }) => [time, kind, text])).toEqual([
    [4, 'own', 'window open'],
    [5, 'note', 'a note'],
    [7, 'own', 'fan on'],
    [10, 'checkpoint', 'Checkpoint at step 10'],
    [20, 'resume', 'Resumed after 5 min'],
    [22, 'own', 'closed'],
    [30, 'own', 'end'],
  ]);
  await store.removeMarker(id, past.id!);
  expect((await store.getRun(id)).markers[0]!.text).toBe('a note');
  await expect(store.removeMarker(id, past.id!)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it('places curves over gCO2e: the energy at the mean intensity of the run, PUE included', async () => {
  const store = await openScene();
  await meter(store, 'a', [gpu]);
  const id = await store.createRun(newRun('priced', { pue: 1.2 }));
  await store.startSegment(id, { micros: 0, utc });
  await store.addSteps(
    id,
    steps(1, 36, (n) => n * 100),
  );
  await store.addSamples(batch('a', 0, 3600, { [gpu.key]: steady(50) }));
  await store.endRun(id, { at: seconds(3600), status: 'done' });
  const [loss, time] = await store.series(id, ['loss', 'seconds'], 'co2', 200);
  // 50 Wh at 500 g/kWh and a PUE of 1.2
  expect(loss!.x.at(-1)).toBeCloseTo(30, 6);
  expect(loss!.x[17]).toBeCloseTo(15, 6);
  expect(time!.y[17]).toBeCloseTo(1800, 6);
});
