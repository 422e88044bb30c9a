/** A linear layer by the name of its parameters, as PyTorch's nn.Linear stores it. */
import * as tf from '../engine/tf.ts';
import type { Tensors } from '../engine/engine.ts';
import type { Tensor, Tensor2D } from '../engine/tf.ts';

/** @throws where a model asks for a parameter it does not have: a programming error. */
export function parameterOf(parameters: Tensors, name: string): Tensor {
  const tensor = parameters[name];
  if (!tensor) throw new Error(`the model has no parameter "${name}"`);
  return tensor;
}

/** x [rows, in] -> [rows, out], by `NAME.weight` [out, in] and `NAME.bias` [out]. */
export function linear(parameters: Tensors, x: Tensor, name: string): Tensor2D {
  const weight = parameterOf(parameters, `${name}.weight`) as Tensor2D;
  const product = tf.matMul(x as Tensor2D, weight, false, true);
  return product.add(parameterOf(parameters, `${name}.bias`));
}
