/**
 * The list of a model's parameters: names, shapes, how they start, and whether weight decay applies.
 *
 * The list is also the layout: all parameters lie one after the other in one flat tensor. Rows that a
 * step reads apart but that are known as one tensor (q, k and v of PyTorch's qkv weight) are neighbours
 * with the same `joint` name.
 */
import { Sfc32 } from '../data/prng.ts';
import { randomStreams } from '../random-streams.ts';

export type Initialiser =
  | { kind: 'constant'; value: number }
  /** U(-1/sqrt(fanIn), 1/sqrt(fanIn)): what PyTorch gives Linear and Conv2d, weights and biases. */
  | { kind: 'fan-in'; fanIn: number }
  | { kind: 'normal'; std: number };

export interface Parameter {
  name: string;
  shape: readonly number[];
  init: Initialiser;
  /** Weight decay; false for biases, LayerNorm, class token and positions. */
  decay: boolean;
  /** The tensor these rows belong to outside; neighbours with one joint name are joined along axis 0. */
  joint?: string;
}

export interface NamedShape {
  name: string;
  shape: readonly number[];
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export const parameterCount = (parameters: readonly NamedShape[]): number =>
  parameters.reduce((count, { shape }) => count + sizeOf(shape), 0);

/** Start values of all parameters in one array, a stream of its own for each (method A.2). */
export function initialValues(parameters: readonly Parameter[], seed: number): Float32Array {
  const flat = new Float32Array(parameterCount(parameters));
  let offset = 0;
  parameters.forEach(({ shape, init }, index) => {
    const values = flat.subarray(offset, offset + sizeOf(shape));
    offset += values.length;
    fill(values, init, new Sfc32(seed, randomStreams.init, index));
  });
  return flat;
}

function fill(values: Float32Array, init: Initialiser, random: Sfc32): void {
  switch (init.kind) {
    case 'constant':
      values.fill(init.value);
      break;
    case 'fan-in': {
      const bound = 1 / Math.sqrt(init.fanIn);
      for (let i = 0; i < values.length; i++) values[i] = (2 * random.unit() - 1) * bound;
      break;
    }
    case 'normal':
      for (let i = 0; i < values.length; i++)
        // Box and Muller
        values[i] =
          init.std *
          Math.sqrt(-2 * Math.log(random.unit())) *
          Math.cos(2 * Math.PI * random.unit());
      break;
  }
}

/**
 * The same flat layout as outsiders know it: joint parameters are one tensor. These are the names and
 * shapes in checkpoints; a PyTorch user finds nn.Linear's and nn.Conv2d's weights as they are.
 */
export function publicTensors(parameters: readonly Parameter[]): NamedShape[] {
  const tensors: { name: string; shape: number[] }[] = [];
  let joint: string | undefined;
  for (const parameter of parameters) {
    const last = tensors.at(-1);
    if (parameter.joint !== undefined && parameter.joint === joint && last)
      last.shape[0]! += parameter.shape[0] ?? 0;
    else tensors.push({ name: parameter.joint ?? parameter.name, shape: [...parameter.shape] });
    joint = parameter.joint;
  }
  return tensors;
}
