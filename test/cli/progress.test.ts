import { expect, test } from 'vitest';
import { progressLine } from '../../src-main/cli/progress.ts';
import { duration, number, table } from '../../src-main/cli/text.ts';

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
