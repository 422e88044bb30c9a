/** Dropout from random bytes that the host draws: one byte per element is what a step can afford. */
import * as tf from '../engine/tf.ts';
import type { Tensor } from '../engine/tf.ts';

/** Rates are multiples of 1/256. */
export const dropoutThreshold = (rate: number): number => Math.round(rate * 256);

/** Cuts the step's random bytes into one mask per call, in the order of the calls. */
export function dropoutFrom(bytes: Tensor, rate: number): (values: Tensor) => Tensor {
  const threshold = dropoutThreshold(rate);
  const scale = tf.scalar(1 / (1 - threshold / 256));
  let offset = 0;
  return (values) => {
    const mask = bytes
      .slice([offset], [values.size])
      .greaterEqual(tf.scalar(threshold, 'int32'))
      .cast('float32')
      .mul(scale);
    offset += values.size;
    return values.mul(mask.reshape(values.shape));
  };
}
