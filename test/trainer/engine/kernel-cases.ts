/** One small use of every kernel the capture backend maps, keyed by the kernel's name. */
import type { HostArray, Specs } from '../../../src-main/trainer/engine/engine.ts';
import {
  BATCH_NORM,
  batchNorm,
  CHANNEL_AFFINE,
  channelAffine,
  CONV,
  CONV_INPUT_GRADIENT,
  CONV_WEIGHT_GRADIENT,
  conv2d,
  MAX_POOL,
  maxPool2d,
} from '../../../src-main/trainer/engine/convolution.ts';
import {
  attention,
  ATTENTION,
  gelu,
  GELU,
  GELU_GRADIENT,
  layerNorm,
  LAYER_NORM,
  runKernel,
} from '../../../src-main/trainer/engine/ops.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import type { Tensor } from '../../../src-main/trainer/engine/tf.ts';
import type { DType } from '../../../src-main/trainer/engine/engine.ts';

export interface KernelCase {
  inputs: Record<string, { shape: number[]; dtype: DType; data: HostArray }>;
  run(inputs: Record<string, Tensor>): Tensor | Tensor[];
}

/** Numbers in (-2, 2), the same on every run. */
const noise = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => 2 * Math.sin((i + 1) * 12.9898 + seed * 78.233));
const sizeOf = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);
const f = (shape: number[], seed = 1) => ({
  shape,
  dtype: 'float32' as const,
  data: noise(sizeOf(shape), seed),
});
const positive = (shape: number[], seed = 1) => ({
  ...f(shape, seed),
  data: noise(sizeOf(shape), seed).map((x) => Math.abs(x) + 0.1),
});
const ints = (shape: number[], values: number[]) => ({
  shape,
  dtype: 'int32' as const,
  data: Int32Array.from(values),
});
const bools = (shape: number[], values: number[]) => ({
  shape,
  dtype: 'bool' as const,
  data: Uint8Array.from(values),
});

const unary = (op: (x: Tensor) => Tensor, input = f([2, 5])): KernelCase => ({
  inputs: { x: input },
  run: ({ x }) => op(x!),
});
/** Twice: with equal shapes and with a broadcast on either side. */
const binary = (
  op: (a: Tensor, b: Tensor) => Tensor,
  a = f([2, 3, 4]),
  b = f([3, 1], 2),
): KernelCase => ({
  inputs: { a, b, c: { ...a, data: a.data.toReversed() } },
  run: ({ a, b, c }) => [op(a!, b!), op(b!, a!), op(a!, c!)],
});
const some = ints([2, 3], [3, 0, -2, 7, 5, 5]);
const others = ints([2, 3], [3, 1, -2, -7, 2, 5]);
const logical = (op: (a: Tensor, b: Tensor) => Tensor): KernelCase => ({
  inputs: { a: bools([2, 2], [1, 0, 1, 0]), b: bools([2, 2], [1, 1, 0, 0]) },
  run: ({ a, b }) => op(a!, b!),
});
const comparison = (op: (a: Tensor, b: Tensor) => Tensor): KernelCase => ({
  inputs: { a: some, b: others, x: f([2, 3]), y: f([3], 2) },
  run: ({ a, b, x, y }) => [op(a!, b!), op(x!, y!)],
});
const reduction = (
  op: (x: Tensor, axis?: number | number[], keepDims?: boolean) => Tensor,
): KernelCase => ({
  inputs: { x: f([2, 3, 4]) },
  run: ({ x }) => [op(x!), op(x!, -1), op(x!, [0, 2], true)],
});
const logicalReduction = (op: (x: Tensor, axis?: number) => Tensor): KernelCase => ({
  inputs: { x: bools([2, 3], [1, 0, 1, 1, 1, 1]) },
  run: ({ x }) => [op(x!), op(x!, 1)],
});
/** Any kernel, also those that are only reached through gradients. */
const kernel = (name: string, inputs: Record<string, Tensor | undefined>, attrs: tf.NamedAttrMap) =>
  runKernel(name, inputs as Record<string, Tensor>, attrs)[0]!;
const conv = (
  strides: number[],
  pad: string,
  shape: number[],
  of: 'input' | 'filter' = 'input',
): tf.NamedAttrMap => ({ strides, pad, dataFormat: 'NHWC', [`${of}Shape`]: shape });
/** d/dx of a sum of f(x) that weighs all elements differently. */
const gradient = (f: (x: Tensor) => Tensor, x: Tensor): Tensor =>
  tf.grad((x: Tensor) => {
    const y = f(x);
    const weights = Array.from(noise(sizeOf(y.shape), 9));
    return tf.sum(tf.mul(y, tf.reshape(tf.tensor1d(weights), y.shape)));
  })(x);
const halves = { ...f([6]), data: Float32Array.of(0.5, 1.5, 2.5, -0.5, -1.5, 1.2) };
export const kernelCases: Record<string, KernelCase> = {
  Abs: { inputs: { x: f([2, 3]), a: some }, run: ({ x, a }) => [tf.abs(x!), tf.abs(a!)] },
  Ceil: unary(tf.ceil),
  Cos: unary(tf.cos),
  Erf: unary(tf.erf),
  Exp: unary(tf.exp),
  Floor: unary(tf.floor),
  Log: unary(tf.log, positive([2, 5])),
  LogicalNot: { inputs: { x: bools([3], [1, 0, 1]) }, run: ({ x }) => tf.logicalNot(x!) },
  Neg: { inputs: { x: f([2, 3]), a: some }, run: ({ x, a }) => [tf.neg(x!), tf.neg(a!)] },
  Reciprocal: unary(tf.reciprocal, positive([2, 5])),
  Relu: unary(tf.relu),
  Round: unary(tf.round, halves),
  Sigmoid: unary(tf.sigmoid),
  Sin: unary(tf.sin),
  Softplus: unary(tf.softplus),
  Sqrt: unary(tf.sqrt, positive([2, 5])),
  Tanh: unary(tf.tanh),
  Rsqrt: unary(tf.rsqrt, positive([2, 5])),
  Square: unary(tf.square),
  Log1p: unary(tf.log1p, positive([2, 5])),
  Expm1: unary(tf.expm1),
  // NaN is made on the way: it must not be folded away
  IsNan: unary((x) => tf.isNaN(tf.sqrt(x))),
  Sign: unary(tf.sign),
  Step: unary((x) => tf.step(x, 0.25)),
  LeakyRelu: unary((x) => tf.leakyRelu(x, 0.1)),
  Relu6: unary((x) => tf.relu6(tf.mul(x, tf.scalar(5)))),
  ClipByValue: unary((x) => tf.clipByValue(x, -0.5, 0.75)),

  Add: binary(tf.add),
  Sub: binary(tf.sub),
  Multiply: binary(tf.mul),
  RealDiv: binary(tf.div, positive([2, 3, 4]), positive([3, 1], 2)),
  FloorDiv: {
    inputs: { a: some, b: ints([3], [2, 3, -4]) },
    run: ({ a, b }) => tf.floorDiv(a!, b!),
  },
  Mod: binary(tf.mod, positive([2, 3, 4]), positive([3, 1], 2)),
  Pow: binary(tf.pow, positive([2, 3, 4]), positive([3, 1], 2)),
  Maximum: binary(tf.maximum),
  Minimum: binary(tf.minimum),
  SquaredDifference: binary(tf.squaredDifference),
  AddN: {
    inputs: { a: f([2, 3]), b: f([2, 3], 2), c: f([2, 3], 3) },
    run: ({ a, b, c }) => tf.addN([a!, b!, c!]),
  },
  Equal: comparison(tf.equal),
  NotEqual: comparison(tf.notEqual),
  Greater: comparison(tf.greater),
  GreaterEqual: comparison(tf.greaterEqual),
  Less: comparison(tf.less),
  LessEqual: comparison(tf.lessEqual),
  LogicalAnd: logical(tf.logicalAnd),
  LogicalOr: logical(tf.logicalOr),
  Select: {
    inputs: { c: bools([2, 3], [1, 0, 0, 1, 1, 0]), a: f([2, 3]), b: f([2, 3], 2) },
    run: ({ c, a, b }) => [tf.where(c!, a!, b!), tf.where(c!, a!, tf.zerosLike(b!))],
  },

  Sum: {
    inputs: { ...reduction(tf.sum).inputs, tall: f([40, 10, 2, 3], 3) },
    run: ({ x, tall }) => [
      ...[reduction(tf.sum).run({ x: x! })].flat(),
      // over many rows the processor multiplies with ones instead
      tf.sum(tall!, [0, 1]),
    ],
  },
  Mean: reduction(tf.mean),
  Max: reduction(tf.max),
  Min: reduction(tf.min),
  Prod: reduction(tf.prod),
  All: logicalReduction(tf.all),
  Any: logicalReduction(tf.any),
  ArgMax: unary((x) => tf.argMax(x, 1)),
  ArgMin: unary((x) => tf.argMin(x, 0)),
  Softmax: unary((x) => tf.softmax(x)),
  Cumsum: unary((x) => tf.concat([tf.cumsum(x, 1), tf.cumsum(x, 1, true, true)])),
  TopK: {
    inputs: { x: f([3, 7]) },
    run: ({ x }) => {
      const { values, indices } = tf.topk(x!, 3);
      return [values, indices, tf.gather(tf.range(0, 7), indices)];
    },
  },

  BatchMatMul: {
    inputs: { a: f([2, 3, 4]), b: f([2, 4, 5], 2), c: f([1, 3, 4], 3), d: f([5, 4], 4) },
    run: ({ a, b, c, d }) => [
      tf.matMul(a!, b!),
      tf.matMul(a!, c!, true),
      tf.matMul(a!, c!, false, true),
      tf.matMul(b!, a!, true, true),
      tf.matMul(tf.reshape(a!, [6, 4]), d!, false, true),
    ],
  },
  Einsum: {
    inputs: { a: f([2, 3, 4]), b: f([2, 4, 5], 2) },
    run: ({ a, b }) => tf.einsum('bij,bjk->bik', a!, b!),
  },
  Conv2D: {
    inputs: { x: f([2, 6, 5, 3]), filter: f([3, 2, 3, 4], 2) },
    run: ({ x, filter }) => [
      tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, [2, 1], 'valid'),
      tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 2, 'same'),
      tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, [
        [0, 0],
        [1, 2],
        [0, 1],
        [0, 0],
      ]),
    ],
  },
  // gradients: strides that leave a rest, `same` of an even side, no stride
  Conv2DBackpropInput: {
    inputs: { dy: f([2, 3, 4, 5]), filter: f([3, 2, 4, 5], 2) },
    run: ({ dy, filter }) => [
      kernel('Conv2DBackpropInput', { dy, filter }, conv([2, 1], 'valid', [2, 8, 5, 4])),
      kernel('Conv2DBackpropInput', { dy, filter }, conv([2, 2], 'same', [2, 6, 8, 4])),
      kernel('Conv2DBackpropInput', { dy, filter }, conv([1, 1], 'same', [2, 3, 4, 4])),
    ],
  },
  Conv2DBackpropFilter: {
    inputs: {
      x: f([2, 8, 5, 4]),
      dy: f([2, 3, 4, 5], 2),
      one: f([1, 4, 5, 4], 3),
      wide: f([1, 4, 5, 3], 4),
    },
    run: ({ x, dy, one, wide }) => [
      kernel('Conv2DBackpropFilter', { x, dy }, conv([2, 1], 'valid', [3, 2, 4, 5], 'filter')),
      kernel(
        'Conv2DBackpropFilter',
        { x: one, dy: wide },
        conv([1, 1], 'same', [3, 3, 4, 3], 'filter'),
      ),
    ],
  },
  DepthwiseConv2dNative: {
    inputs: { x: f([2, 6, 5, 3]), filter: f([3, 3, 3, 1], 2) },
    run: ({ x, filter }) => [
      tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same'),
      tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 2, 'valid'),
    ],
  },
  DepthwiseConv2dNativeBackpropInput: {
    inputs: { dy: f([2, 3, 4, 3]), filter: f([3, 3, 3, 1], 2) },
    run: ({ dy, filter }) => [
      kernel(
        'DepthwiseConv2dNativeBackpropInput',
        { dy, filter },
        {
          ...conv([2, 2], 'same', [2, 6, 8, 3]),
          dilations: [1, 1],
        },
      ),
      kernel(
        'DepthwiseConv2dNativeBackpropInput',
        { dy, filter },
        {
          ...conv([1, 1], 'same', [2, 3, 4, 3]),
          dilations: [1, 1],
        },
      ),
    ],
  },
  DepthwiseConv2dNativeBackpropFilter: {
    inputs: { x: f([2, 6, 8, 3]), dy: f([2, 3, 4, 3], 2) },
    run: ({ x, dy }) =>
      kernel(
        'DepthwiseConv2dNativeBackpropFilter',
        { x, dy },
        {
          ...conv([2, 2], 'same', [3, 3, 3, 1], 'filter'),
          dilations: [1, 1],
        },
      ),
  },

  Identity: unary((x) => tf.clone(x)),
  Cast: {
    inputs: { x: f([2, 3]), a: some, c: bools([2], [1, 0]) },
    run: ({ x, a, c }) => [
      tf.cast(x!, 'int32'),
      tf.cast(a!, 'float32'),
      tf.cast(a!, 'bool'),
      tf.cast(c!, 'float32'),
      tf.cast(tf.cast(c!, 'int32'), 'float32'),
    ],
  },
  Reshape: unary((x) => tf.reshape(x, [5, -1])),
  ExpandDims: unary((x) =>
    tf.concat([tf.expandDims(x, 0), tf.reshape(tf.expandDims(x, -1), [1, 2, 5])]),
  ),
  Transpose: unary((x) => tf.transpose(x, [2, 0, 1]), f([2, 3, 4])),
  BroadcastTo: unary((x) => tf.broadcastTo(x, [3, 2, 4]), f([2, 1])),
  Tile: unary(
    (x) => tf.concat([tf.tile(x, [2, 3]), tf.tile(tf.slice(x, [0, 0], [4, 1]), [1, 9])]),
    f([4, 3]),
  ),
  Slice: {
    inputs: { x: f([3, 4]), a: some },
    run: ({ x, a }) => [
      tf.slice(x!, [1, 1], [2, -1]),
      tf.slice(a!, [0, 1], [1, 2]),
      tf.slice(x!, 1),
    ],
  },
  StridedSlice: {
    inputs: { x: f([4, 5]) },
    run: ({ x }) => [
      tf.stridedSlice(x!, [0, 1], [4, 5], [2, 2]),
      tf.stridedSlice(x!, [3, 4], [0, 0], [-1, -2], 0, 2),
      tf.stridedSlice(x!, [1, 0], [2, 5], [1, 1], 0, 0, 0, 0, 1),
    ],
  },
  Reverse: unary((x) => tf.reverse(x, [1]), f([2, 3, 2])),
  PadV2: unary((x) =>
    tf.pad(
      x,
      [
        [1, 0],
        [0, 2],
      ],
      0.5,
    ),
  ),
  Concat: {
    inputs: { a: f([2, 3]), b: f([2, 1], 2), i: some },
    run: ({ a, b, i }) => [tf.concat([a!, b!], 1), tf.concat([i!, i!], 0), tf.concat([a!, b!], -1)],
  },
  Pack: {
    inputs: { a: f([2, 3]), b: f([2, 3], 2) },
    run: ({ a, b }) => [tf.stack([a!, b!]), tf.stack([a!, b!], 2)],
  },
  Unpack: unary((x) => tf.concat(tf.unstack(x, 1)), f([2, 3, 2])),
  SplitV: {
    inputs: { x: f([2, 6]) },
    run: ({ x }) => [...tf.split(x!, 3, 1), ...tf.split(x!, [1, 5], 1)],
  },

  GatherV2: {
    inputs: { x: f([2, 5, 3]), i: ints([2, 2], [4, 0, 1, 1]) },
    run: ({ x, i }) => [
      tf.gather(x!, i!, 1, 1),
      tf.gather(x!, tf.reshape(i!, [4]), 1),
      tf.gather(tf.reshape(x!, [10, 3]), i!),
    ],
  },
  GatherNd: {
    inputs: { x: f([3, 4, 2]), i: ints([2, 2], [2, 3, 0, 1]) },
    run: ({ x, i }) => tf.gatherND(x!, i!),
  },
  ScatterNd: {
    inputs: { i: ints([3, 1], [4, 1, 4]), u: f([3, 2]) },
    run: ({ i, u }) => tf.scatterND(i!, u!, [5, 2]),
  },
  UnsortedSegmentSum: {
    inputs: { x: f([4, 3]), i: ints([4], [2, 0, 2, 1]) },
    run: ({ x, i }) => tf.unsortedSegmentSum(x!, i as tf.Tensor1D, 3),
  },
  OneHot: {
    inputs: { i: ints([4], [2, 0, 5, 1]) },
    run: ({ i }) => [tf.oneHot(i!, 4), tf.oneHot(i!, 3, 0.9, 0.05, 'float32')],
  },
  // away from the border, where tfjs's cpu backend extrapolates
  ResizeBilinear: unary(
    (x) =>
      tf.slice(
        tf.image.resizeBilinear(x as tf.Tensor4D, [8, 10], false, true),
        [0, 1, 1, 0],
        [1, 6, 8, 2],
      ),
    f([1, 4, 5, 2]),
  ),

  ZerosLike: unary((x) => tf.add(x, tf.zerosLike(x))),
  OnesLike: unary((x) => tf.sub(x, tf.onesLike(x))),
  Fill: unary((x) => tf.concat([x, tf.fill([1, 5], 0.5)])),
  Range: unary((x) => tf.add(x, tf.range(0, 5))),

  [LAYER_NORM]: {
    inputs: { x: f([3, 4, 6]), gamma: f([6], 2), beta: f([6], 3) },
    run: ({ x, gamma, beta }) => layerNorm(x!, gamma!, beta!),
  },
  [GELU]: unary(gelu),
  [GELU_GRADIENT]: unary((x) => tf.grad(gelu)(x)),
  [ATTENTION]: {
    inputs: { q: f([2, 2, 5, 3]), k: f([2, 2, 4, 3], 2), v: f([2, 2, 4, 6], 3) },
    run: ({ q, k, v }) => attention(q!, k!, v!, 0.7),
  },
  [CONV]: {
    inputs: { x: f([2, 3, 6, 5]), weight: f([4, 3, 3, 3], 2), own: f([3, 1, 3, 3], 3) },
    run: ({ x, weight, own }) => [
      conv2d(x!, weight!, { pad: 1 }),
      conv2d(x!, weight!, { stride: 2, pad: 1 }),
      conv2d(x!, own!, { stride: 2, depthwise: true }),
    ],
  },
  [CONV_INPUT_GRADIENT]: {
    inputs: { x: f([2, 3, 6, 5]), weight: f([4, 3, 3, 3], 2), own: f([3, 1, 3, 3], 3) },
    run: ({ x, weight, own }) => [
      gradient((x) => conv2d(x, weight!, { pad: 1 }), x!),
      gradient((x) => conv2d(x, weight!, { stride: 2, pad: 1 }), x!),
      gradient((x) => conv2d(x, own!, { pad: 1, depthwise: true }), x!),
      gradient((x) => conv2d(x, own!, { stride: 2, depthwise: true }), x!),
    ],
  },
  [CONV_WEIGHT_GRADIENT]: {
    inputs: {
      x: f([2, 3, 6, 5]),
      weight: f([4, 3, 3, 3], 2),
      own: f([3, 1, 3, 3], 3),
      few: f([2, 12, 3, 3], 4),
      deep: f([16, 12, 3, 3], 5),
    },
    run: ({ x, weight, own, few, deep }) => [
      gradient((weight) => conv2d(x!, weight, { pad: 1 }), weight!),
      gradient((weight) => conv2d(x!, weight, { stride: 2, pad: 1 }), weight!),
      gradient((own) => conv2d(x!, own, { stride: 2, pad: 1, depthwise: true }), own!),
      // many channels and few pixels: all images in one product
      gradient((deep) => conv2d(few!, deep, { stride: 2, pad: 1 }), deep!),
      gradient((deep) => conv2d(few!, deep), deep!),
    ],
  },
  [MAX_POOL]: {
    // whole numbers, many of them equal and some below zero: the first of the largest gets the gradient
    inputs: { x: { ...f([2, 3, 6, 5]), data: noise(180, 1).map(Math.round) }, y: f([1, 2, 8, 8]) },
    run: ({ x, y }) => [
      maxPool2d(x!, 3, 2, 1),
      maxPool2d(y!, 2, 2, 0),
      gradient((x) => maxPool2d(x, 3, 2, 1), x!),
      gradient((y) => maxPool2d(y, 3, 1, 1), y!),
    ],
  },
  [CHANNEL_AFFINE]: {
    inputs: { x: f([2, 3, 4, 5]), scale: f([3], 2), shift: f([3], 3) },
    run: ({ x, scale, shift }) => channelAffine(x!, scale!, shift!),
  },
  [BATCH_NORM]: {
    inputs: { x: f([2, 3, 4, 5]), gamma: f([3], 2), beta: f([3], 3) },
    run: ({ x, gamma, beta }) => {
      const { y, mean, variance } = batchNorm(x!, gamma!, beta!);
      return [
        y,
        mean,
        variance,
        gradient((x) => batchNorm(x, gamma!, beta!).y, x!),
        gradient((gamma) => batchNorm(x!, gamma, beta!).y, gamma!),
        gradient((beta) => batchNorm(x!, gamma!, beta).y, beta!),
      ];
    },
  },
};

/** The inputs of a case as an engine wants them. */
export function feedsOf({ inputs }: KernelCase): {
  specs: Specs;
  feeds: Record<string, HostArray>;
} {
  return {
    specs: Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [name, { shape, dtype }]),
    ),
    feeds: Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, data])),
  };
}

/** All results of a case by number. */
export function resultsOf(
  testCase: KernelCase,
  inputs: Record<string, Tensor>,
): Record<string, Tensor> {
  const result = testCase.run(inputs);
  return Object.fromEntries(
    (Array.isArray(result) ? result : [result]).map((t, i) => [`r${i}`, t]),
  );
}
