import { expect, test } from 'vitest';
import type { RunSummary, StepMetrics } from '../../src-main/contract.ts';
import { Progress, progressLine } from '../../src-main/cli/progress.ts';
import { duration, number, table } from '../../src-main/cli/text.ts';

const steps = (step: number, epoch: number): StepMetrics => ({
  t: [0],
  step: [step],
  epoch: [epoch],
  loss: [1],
  lr: [1],
  tokens: [1],
  stepMs: [1],
  waitMs: [0],
});

function trained(epoch: number): Progress {
  const progress = new Progress();
  progress.summary({ status: 'running', steps: 2340, imagesPerSecond: 212 } as RunSummary);
  progress.steps({ id: 1, steps: steps(1, 1), time: [0] });
  progress.steps({ id: 1, steps: steps(840, epoch), time: [151] });
  progress.energy({ id: 1, time: 151, wh: 0.84, gCO2e: 0.24, watts: 41, wallWh: null, byKind: {} });
  return progress;
}

test('the one sentence about a run', () => {
  expect(trained(1).sentence()).toBe(
    'step 840/2340 · 35 % · ETA 3-6 min · 212 img/s · 41 W · 0.84 Wh · 0.24 gCO2e',
  );
  expect(trained(1).fraction).toBeCloseTo(840 / 2340, 12);
});

test('the ETA is an interval until two epochs are done', () => {
  expect(trained(2).sentence()).toContain('ETA 3-6 min');
  expect(trained(3).sentence()).toContain('ETA 4 min');
});

test('what is missing is left out, never 0', () => {
  const progress = new Progress();
  expect(progress.sentence()).toBe('Waiting in the queue');
  progress.working('Drawing images', 0.5);
  progress.energy({ id: 1, time: 0, wh: null, gCO2e: null, watts: null, wallWh: null, byKind: {} });
  expect(progress.sentence()).toBe('Drawing images 50 %');
  expect(progress.topic).toBe('Drawing images');
});

test('a log takes a line when the topic changes, a terminal one line that is drawn anew', () => {
  const written: string[] = [];
  const stream = (isTTY: boolean): NodeJS.WriteStream =>
    ({
      isTTY,
      columns: 30,
      write: (text: string) => written.push(text) > 0,
    }) as unknown as NodeJS.WriteStream;
  const log = progressLine(stream(false), false);
  log.show('Compiling 10 %', null, 'Compiling');
  log.show('Compiling 20 %', null, 'Compiling');
  log.show('step 1/10', 0.1, 'Training');
  expect(written).toEqual(['Compiling 10 %\n', 'step 1/10\n']);

  written.length = 0;
  progressLine(stream(true), false).show('step 5/10 and a long sentence', 0.5);
  expect(written.at(-1)).toBe(`${'█'.repeat(10)}${'░'.repeat(10)} step 5/1`);

  written.length = 0;
  progressLine(stream(true), true).show('nothing', 0.5);
  expect(written).toEqual([]);
});

test('numbers, durations and tables as text', () => {
  expect([null, 0, 0.012345, 41.26, 123456, 2e7, 1e-7].map((value) => number(value))).toEqual([
    '–',
    '0',
    '0.0123',
    '41.3',
    '123456',
    '2.00e+7',
    '1.00e-7',
  ]);
  expect([3, 60, 600, 8000, null].map(duration)).toEqual(['3.0 s', '60 s', '10 min', '2.2 h', '–']);
  expect(
    table(
      ['run', 'name'],
      [
        ['1', 'a'],
        ['12', 'b'],
      ],
    ),
  ).toBe('run  name\n---  ----\n  1  a\n 12  b');
});
