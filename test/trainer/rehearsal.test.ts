/** Rehearsals of small runs through the captured `cpu` engine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import type { Rehearsal } from '../../src-main/trainer/messages.ts';
import { rehearse } from '../../src-main/trainer/rehearsal.ts';
import { configOf, small } from './train-small.ts';

const root = mkdtempSync(join(tmpdir(), 'rehearsal-'));
afterAll(() => rmSync(root, { recursive: true }));

const length = { warmUp: 2, steps: 3, seconds: 0, mostSeconds: 20 };

const rehearsalOf = (
  extra: Parameters<typeof small>[0],
  stop = new AbortController().signal,
): Promise<Rehearsal> =>
  rehearse(
    {
      config: configOf(small(extra)),
      dataDir: root,
      runDir: '',
      resume: null,
      openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 1 }), why: 'a test' }),
      post: () => {},
      stop,
    },
    length,
  );

test('full and reduced batches are timed by themselves, where the run has both', async () => {
  const { stages, evaluation, engine, prepareSeconds, compileSeconds } = await rehearsalOf({
    selection: { mode: 'drop', keepRatio: 0.5, schedule: 'anneal' },
  });
  expect(engine.name).toBe('cpu');
  expect(stages).toHaveLength(1);
  expect(stages[0]).toMatchObject({ phase: 'train', batch: 16, onceSecondsPerImage: 0 });
  expect(stages[0]!.steps.map(({ selects }) => selects)).toEqual([false, true]);
  for (const { stepMs, from, to } of stages[0]!.steps) {
    expect(stepMs).toHaveLength(3);
    expect(stepMs.reduce((a, b) => a + b) * 1000).toBeCloseTo(to - from, 3);
    expect(Math.min(...stepMs)).toBeGreaterThan(0);
  }
  expect(evaluation.batch).toBe(16);
  for (const seconds of [evaluation.batchSeconds, prepareSeconds, compileSeconds])
    expect(seconds).toBeGreaterThan(0);
});

test('without selection there is one kind of step; with a constant one there is the other', async () => {
  const plain = await rehearsalOf({});
  expect(plain.stages[0]!.steps.map(({ selects }) => selects)).toEqual([false]);
  const reduced = await rehearsalOf({ selection: { mode: 'drop', schedule: 'constant' } });
  expect(reduced.stages[0]!.steps.map(({ selects }) => selects)).toEqual([true]);
});

test('every stage of a recipe is rehearsed, and what a frozen teacher says is timed per image', async () => {
  const { stages } = await rehearsalOf({ train: { recipe: 'distil' } });
  expect(stages.map(({ phase }) => phase)).toEqual(['teacher', 'train']);
  expect(stages[0]!.onceSecondsPerImage).toBe(0);
  expect(stages[1]!.onceSecondsPerImage).toBeGreaterThan(0);
});

test('it can be broken off', async () => {
  await expect(rehearsalOf({}, AbortSignal.abort())).rejects.toThrow();
});
