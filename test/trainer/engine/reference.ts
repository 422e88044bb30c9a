/** Steps on tfjs's own `cpu` backend: what captured engines are compared with. */
import type { HostArray, Specs, Step } from '../../../src-main/trainer/engine/engine.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';

/** Runs a step eagerly on tfjs's `cpu` backend. */
export async function reference(
  step: Step,
  specs: Specs,
  feeds: Record<string, HostArray>,
): Promise<Record<string, { shape: number[]; data: HostArray }>> {
  await tf.setBackend('cpu');
  // else it prints an advertisement for tfjs-node on its first use
  Reflect.set(tf.backend(), 'firstUse', false);
  return tf.tidy(() => {
    const inputs = Object.fromEntries(
      Object.entries(specs).map(([name, { shape, dtype }]) => [
        name,
        tf.tensor(feeds[name]!, [...shape], dtype === 'uint8' ? 'int32' : dtype),
      ]),
    );
    const { outputs } = step({}, inputs);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [
        name,
        { shape: tensor.shape, data: tensor.dataSync() as HostArray },
      ]),
    );
  });
}

/** The largest |a - b| / max(1, |b|); Infinity where lengths differ or only one is a number. */
export function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / Math.max(1, Math.abs(expected[i]!));
    if (Number.isNaN(error) && Number.isNaN(actual[i]!) !== Number.isNaN(expected[i]!))
      return Infinity;
    if (error > largest) largest = error;
  }
  return largest;
}

/** |a - b| / |b|, Euclidean; Infinity where lengths differ or a number is none. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let [apart, size] = [0, 0];
  for (let i = 0; i < actual.length; i++) {
    apart += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  return Number.isFinite(apart) ? Math.sqrt(apart / size) : Infinity;
}
