import { expect, it } from 'vitest';
import type { Events, RunSummary } from '../../../src-main/contract.ts';
import { endWords, logWords } from '../../../src-main/core/runs/log-words.ts';

const phase = (name: string, edge: 'start' | 'end', time: number, epoch: number | null = null) => ({
  id: 1,
  name,
  epoch,
  edge,
  time,
});

it('phases have their durations; those that come with every epoch only end', () => {
  const words = logWords();
  expect(words('run.phase', phase('prepare', 'start', 0))).toBe('prepare began');
  expect(words('run.phase', phase('prepare', 'end', 12.34))).toBe('prepare took 12.3 s');
  expect(words('run.phase', phase('train', 'start', 20, 3))).toBe('train, epoch 3 began');
  expect(words('run.phase', phase('evaluate', 'start', 200, 3))).toBeNull();
  expect(words('run.phase', phase('evaluate', 'end', 200.5, 3))).toBe(
    'evaluate, epoch 3 took 0.5 s',
  );
  expect(words('run.phase', phase('train', 'end', 200, 3))).toBe('train, epoch 3 took 3.0 min');
});

it('a label is told once, however often its progress is', () => {
  const words = logWords();
  const progress = (label: string, fraction: number) => ({ id: 1, label, fraction });
  expect(words('run.progress', progress('Drawing images', 0))).toBe('Drawing images');
  expect(words('run.progress', progress('Drawing images', 0.5))).toBeNull();
  expect(words('run.progress', progress('Compiling', 0))).toBe('Compiling');
});

it('an evaluation tells the scores that there are', () => {
  const result = { split: 'validation', loss: null, accuracy: 0.5, macroF1: 0.4217 };
  const event = { id: 1, epoch: 2, step: 64, time: 1, result } as Events['run.evaluation'];
  expect(logWords()('run.evaluation', event)).toBe(
    'evaluation on validation after epoch 2, step 64: accuracy 0.500, macro F1 0.422',
  );
});

it('an end tells how far it came, and what is not known is left out', () => {
  const run = { status: 'failed', step: 60, steps: null, seconds: 12.4, wh: null, macroF1: null };
  expect(endWords(run as RunSummary)).toBe('failed after step 60, 12.4 s');
  const done = { ...run, status: 'done', steps: 60, wh: 1.2345, macroF1: 0.8, f1Split: 'test' };
  expect(endWords(done as RunSummary)).toBe(
    'done after step 60 of 60, 12.4 s: 1.23 Wh, macro F1 0.800 (test)',
  );
  expect(endWords({ ...run, step: null, seconds: null } as RunSummary)).toBe('failed');
});
