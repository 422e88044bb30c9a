/** Compares a tensor with nested arrays of expected numbers. */
import { expect } from 'vitest';
import type { Tensor } from '../../src-main/trainer/engine/tf.ts';

type Nested = number | Nested[];

const flatten = (values: Nested): number[] =>
  typeof values === 'number' ? [values] : values.flatMap(flatten);

export function expectClose(actual: Tensor, expected: Nested, tolerance = 2e-5): void {
  const numbers = flatten(expected);
  const values = actual.dataSync();
  expect(values).toHaveLength(numbers.length);
  numbers.forEach((number, i) => {
    const error = Math.abs(values[i]! - number);
    expect(error, `element ${i}: ${values[i]} instead of ${number}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(number)),
    );
  });
}
