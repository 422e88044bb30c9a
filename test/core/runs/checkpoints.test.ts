import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseExperimentConfig } from '../../../src-main/contract.ts';
import { createCheckpoints, type Checkpoints } from '../../../src-main/core/runs/checkpoints.ts';
import { resumePoint } from '../../../src-main/core/runs/resume.ts';
import { writeCheckpoint, type CheckpointName } from '../../../src-main/trainer/checkpoint.ts';
import { parameterCount } from '../../../src-main/trainer/models/parameters.ts';
import { vitParameters } from '../../../src-main/trainer/models/vit.ts';
import { removeHome, temporaryHome } from '../../fixtures/host.ts';
import { vitOf } from '../../fixtures/vit.ts';
import {
  batch,
  gpu,
  meter,
  newRun,
  openScene,
  scores,
  seconds,
  steady,
  utc,
} from '../store/scene.ts';

const parsed = parseExperimentConfig({
  model: { image: 8, patch: 4, dim: 6, layers: 1, heads: 2, dimHead: 3 },
});
if (!parsed.ok) throw new Error('bad config');
const { config } = parsed;
const parameters = vitParameters({
  model: vitOf(config),
  attention: { kind: 'standard', normaliser: 'softmax' },
  channels: 3,
  classes: 3,
});
const size = parameterCount(parameters);

let home: string;
let store: Awaited<ReturnType<typeof openScene>>;
let checkpoints: Checkpoints;
let id: number;
let active: boolean;
/** Is called when it is asked whether the run is under way. */
let asked: () => void;
const dir = () => join(home, 'runs', String(id));
const make = () =>
  createCheckpoints({
    store,
    runDir: (run) => join(home, 'runs', String(run)),
    trash: join(home, 'trash'),
    active: () => {
      asked();
      return active;
    },
    log: (line) => expect.unreachable(line),
  });

/** What a trainer does after an epoch of ten steps: writes and tells, or only writes. */
async function write(epoch: number, names: CheckpointName[], told = true): Promise<void> {
  const step = 10 * epoch;
  const flat = (value: number) => new Float32Array(size).fill(value);
  const { path, also, ...written } = await writeCheckpoint(dir(), ['last', ...names], { parameters }, {
    config,
    classes: ['a', 'b', 'c'],
    position: { epoch, stepInEpoch: 0, step, imagesSeen: step, stage: 0 },
    best: null,
    state: { parameters: flat(step), moment1: flat(0), moment2: flat(0) },
  }); // prettier-ignore
  if (told)
    await store.addCheckpoint(id, {
      at: utc + step,
      epoch,
      step,
      paths: [path, ...also],
      ...written,
    });
}
const evaluate = (epoch: number, at: number, macroF1: number) =>
  store.addEvaluation(id, {
    at: seconds(at),
    epoch,
    step: 10 * epoch,
    result: scores('validation', macroF1),
  });

beforeEach(async () => {
  home = await temporaryHome();
  store = await openScene();
  active = false;
  asked = () => {};
  await meter(store, 'a', [gpu]);
  id = await store.createRun(newRun('kept'));
  await mkdir(dir(), { recursive: true });
  await store.startSegment(id, { micros: seconds(100), utc });
  // 36 W: 10 mWh a second
  await store.addSamples(batch('a', 90, 150, { [gpu.key]: steady(36) }));
  await evaluate(1, 110, 0.5);
  await write(1, ['best', 'best-per-kwh', 'step-10']);
  await evaluate(2, 120, 0.7);
  await write(2, ['best']);
  await evaluate(3, 130, 0.6);
  await write(3, []);
  await store.endRun(id, { at: seconds(140), status: 'stopped' });
  checkpoints = await make();
});
afterEach(async () => {
  checkpoints.close();
  await removeHome(home);
});

test('the list tells which is which, what it is worth, and from what bytes', async () => {
  const { folder, checkpoints: all, free } = await checkpoints.list(id);
  expect(folder).toBe(dir());
  expect(all.map(({ step, roles, best, bestPerKwh, state }) => [step, roles, best, bestPerKwh, state])).toEqual([
    [30, ['last'], false, false, 'there'],
    [20, ['best'], true, false, 'there'],
    [10, ['best-per-kwh'], false, true, 'there'],
  ]); // prettier-ignore
  // ten seconds at 36 W are 0.1 Wh
  expect(all[2]).toMatchObject({ epoch: 1, macroF1: 0.5, at: utc + 10 });
  expect(all[2]!.f1PerKwh).toBeCloseTo(50 / 0.0001, 3);
  expect(all[1]!.f1PerKwh).toBeCloseTo(70 / 0.0002, 3);
  const bytes = await Promise.all(
    ['last.json', 'step-30.safetensors'].map(async (name) => (await readFile(join(dir(), name))).length),
  ); // prettier-ignore
  expect(all[0]!.bytes).toBe(bytes[0]! + bytes[1]!);
  expect(free).toEqual({ count: 1, bytes: all[0]!.bytes, keeps: [20, 10] });
});

test('reading them to their last byte can be broken off', async () => {
  const abort = new AbortController();
  const read = checkpoints.verify(id, abort.signal);
  abort.abort();
  await expect(read).rejects.toThrow(/abort/i);
  // a look at the folder reads none
  expect((await checkpoints.list(id)).checkpoints).toHaveLength(3);
});

test('a file that was changed or deleted by hand is noticed and said', async () => {
  const changed = join(dir(), 'step-20.safetensors');
  const content = await readFile(changed);
  content[content.length - 1]! ^= 1;
  await writeFile(changed, content);
  await rm(join(dir(), 'step-30.safetensors'));
  const listed = await checkpoints.list(id);
  // its size is what it was: only its sum tells
  expect(listed.checkpoints.map(({ state }) => state)).toEqual(['missing', 'there', 'there']);
  expect(listed.checkpoints[0]!.problem).toBe('step-30.safetensors is gone');
  const { checkpoints: read } = await checkpoints.verify(id);
  expect(read.map(({ state }) => state)).toEqual(['missing', 'changed', 'whole']);
  expect(read[1]!.problem).toMatch(/step-20.safetensors was changed .* \(SHA-256 differs\)/);
  await writeFile(changed, content.subarray(4));
  expect((await checkpoints.list(id)).checkpoints[1]).toMatchObject({
    state: 'changed',
    problem: expect.stringMatching(/has \d+ bytes instead of/) as string,
  });
});

test('all but the best go, come back while they may, and are gone for good afterwards', async () => {
  active = true;
  await expect(checkpoints.free(id, 60)).rejects.toMatchObject({ code: 'CONFLICT' });
  active = false;
  const before = (await readdir(dir())).sort();
  const freed = await checkpoints.free(id, 60);
  expect(freed.checkpoints.map(({ step }) => step)).toEqual([20, 10]);
  expect(freed.undo).toBe(true);
  expect((await readdir(dir())).sort()).toEqual(
    before.filter((name) => !['last.json', 'step-30.safetensors'].includes(name)),
  );
  // from the best on, not anew over what is recorded
  expect(resumePoint(await store.getRun(id), dir())).toBe(join(dir(), 'best.json'));
  await expect(checkpoints.free(id, 60)).rejects.toThrow(/no checkpoint beside its best/);

  const back = await checkpoints.restore(id);
  expect(back.checkpoints.map(({ step }) => step)).toEqual([30, 20, 10]);
  expect((await readdir(dir())).sort()).toEqual(before);
  expect(resumePoint(await store.getRun(id), dir())).toBe(join(dir(), 'last.json'));
  await expect(checkpoints.restore(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });

  await checkpoints.free(id, 60);
  checkpoints.close();
  checkpoints = await make();
  expect(existsSync(join(home, 'trash'))).toBe(false);
  expect((await checkpoints.list(id)).checkpoints.map(({ step }) => step)).toEqual([20, 10]);
  await checkpoints.verify(id).then(({ checkpoints: read }) => {
    expect(read.every(({ state }) => state === 'whole')).toBe(true);
  });
});

test('taking away can be broken off while the best are read, and all stay', async () => {
  const before = (await readdir(dir())).sort();
  const abort = new AbortController();
  asked = () => abort.abort();
  await expect(checkpoints.free(id, 60, abort.signal)).rejects.toThrow(/abort/i);
  expect((await readdir(dir())).sort()).toEqual(before);
  await expect(checkpoints.restore(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('the last checkpoint of a trainer whose program was killed is found and recorded', async () => {
  await write(4, [], false);
  expect((await store.getRun(id)).checkpoints.at(-1)!.step).toBe(30);
  expect((await checkpoints.list(id)).checkpoints[0]).toMatchObject({
    step: 40,
    epoch: 4,
    state: 'there',
    macroF1: null,
  });
  await checkpoints.record(id);
  expect((await store.getRun(id)).checkpoints.at(-1)!.step).toBe(40);
});

test.each([
  ['cut short', (bytes: Buffer) => bytes.subarray(4)],
  [
    'changed in its last byte',
    (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])]),
  ],
])('a best one that was %s does not outlive the others', async (_, damaged) => {
  const best = join(dir(), 'step-20.safetensors');
  await writeFile(best, damaged(await readFile(best)));
  const freed = await checkpoints.free(id, 60);
  // what can still be used stays: of 10 and 30 that with the higher F1
  expect(freed.checkpoints.map(({ step, best, state }) => [step, best, state])).toEqual([
    [30, true, 'there'],
    [10, false, 'there'],
  ]);
  expect(resumePoint(await store.getRun(id), dir())).toBe(join(dir(), 'last.json'));
});

test('where a file cannot be taken away, all stay where they were and as they were recorded', async () => {
  const before = (await readdir(dir())).sort();
  const recorded = await store.checkpointsOf(id);
  // what lies in the way of a file cannot be replaced by it
  await mkdir(join(home, 'trash', String(id), 'step-30.safetensors', 'x'), { recursive: true });
  await expect(checkpoints.free(id, 60)).rejects.toThrow();
  expect((await readdir(dir())).sort()).toEqual(before);
  expect(await store.checkpointsOf(id)).toEqual(recorded);
  await expect(checkpoints.restore(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('two that ask at once take away once, and it can be undone', async () => {
  const before = (await readdir(dir())).sort();
  const both = await Promise.allSettled([checkpoints.free(id, 60), checkpoints.free(id, 60)]);
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  await checkpoints.restore(id);
  expect((await readdir(dir())).sort()).toEqual(before);
});

test('what a run has written since is not overwritten by what was taken away before', async () => {
  await checkpoints.free(id, 60);
  await write(4, []);
  await expect(checkpoints.restore(id)).rejects.toMatchObject({ code: 'CONFLICT' });
  expect((await store.getRun(id)).checkpoints.at(-1)!.step).toBe(40);
  expect(resumePoint(await store.getRun(id), dir())).toBe(join(dir(), 'last.json'));
  const { checkpoints: read } = await checkpoints.verify(id);
  expect(read[0]).toMatchObject({ step: 40, state: 'whole' });
});
