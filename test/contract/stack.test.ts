/** Series on one x, laid upon each other: what falls between their moments, and what was not read. */
import { expect, test } from 'vitest';
import { stack } from '../../src-main/contract/stack.ts';

const from = (at: number, values: (number | null)[]) => ({
  x: values.map((_, i) => at + i),
  y: values,
});

test('the sum of two that are read at the same moments', () => {
  const { values, tops } = stack([from(0, [20, 20, 20]), from(0, [5, 6, 7])], 3);
  expect(values[1]).toEqual([5, 6, 7]);
  expect(tops[1]).toEqual([25, 26, 27]);
});

test('one that was read a moment longer does not fall to the ground at its end', () => {
  const ram = from(0, Array<number>(10).fill(20));
  const cpu = from(0.5, Array<number>(12).fill(5));
  const { x, tops } = stack([ram, cpu], 12);
  expect(x.at(-1)).toBeGreaterThan(11);
  expect(tops[0]).toEqual(Array(12).fill(20));
  expect(tops[1]).toEqual(Array(12).fill(25));
});

test('one that ended long before, or could not be read, is a gap', () => {
  const { tops } = stack([from(0, [20, 20, 20]), from(0, [5, 5, 5, 5, 5, 5, 5, 5])], 8);
  expect(tops[0]).toEqual([20, 20, 20, null, null, null, null, null]);
  expect(tops[1]!.at(-1)).toBe(5);
  const lost = stack([from(0, [20, 20, null]), from(0, [5, 5, 5])], 3);
  expect(lost.tops[0]).toEqual([20, 20, null]);
});
