import { expect, test } from 'vitest';
import {
  readEnvironment,
  seedOf,
  showCommand,
  splitCommand,
  withoutSeed,
} from '../../src-main/contract/command-line.ts';

test.each([
  ['python train.py --lr 0.1', ['python', 'train.py', '--lr', '0.1']],
  [`  a  'b c' "d \\"e\\" $HOME" f\\ g '' `, ['a', 'b c', 'd "e" $HOME', 'f g', '']],
  [`x --name='a'"b"c`, ['x', '--name=abc']],
  ['a \\\n b', ['a', 'b']],
  [`grep '|' "&&"`, ['grep', '|', '&&']],
  ['C:\\\\tools\\\\python.exe', ['C:\\tools\\python.exe']],
])('%s', (line, words) => {
  expect(splitCommand(line)).toEqual(words);
});

test.each(['', '   ', "a 'b", 'a "b', 'a \\', 'a | b', 'a && b', 'a > out.txt', 'a 2> err'])(
  '%s is refused with a reason',
  (line) => {
    expect(splitCommand(line)).toMatchObject({ problem: expect.any(String) });
  },
);

test('what is shown can be typed again', () => {
  for (const words of [['a', "it's", '', '$x', 'b c', '*', 'ä', '--k=v'], ["'"], ['\\', '"', '\n']])
    expect(splitCommand(showCommand(words))).toEqual(words);
});

test('seeds in the arguments', () => {
  const same = [
    ['t.py', '--seed', '3', '--lr', '1'],
    ['t.py', '--seed=3', '--lr', '1'],
    ['t.py', 'seed=3', '--lr', '1'],
    ['t.py', 'trainer.seed=3', '--lr', '1'],
    ['t.py', '--random-seed', '3', '--lr', '1'],
  ];
  for (const argv of same) {
    expect(seedOf(argv)).toBe(3);
    expect(withoutSeed(argv)).toEqual(['t.py', '--lr', '1']);
  }
  for (const argv of [['--seeds=3'], ['--seed'], ['--seed', 'x'], ['seedling=3'], ['--seed=1e3']]) {
    expect(seedOf(argv)).toBeNull();
    expect(withoutSeed(argv)).toEqual(argv);
  }
});

test('environment lines', () => {
  expect(readEnvironment(`# gpu\nexport A=1\r\nB="two words"\n\nC='x'\nD=a=b`)).toEqual({
    variables: { A: '1', B: 'two words', C: 'x', D: 'a=b' },
  });
  expect(readEnvironment('A=1\nnonsense')).toEqual({ problem: 'line 2 is not NAME=value' });
});
