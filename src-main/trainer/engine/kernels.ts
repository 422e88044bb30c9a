/**
 * How each tfjs kernel is said in ONNX. One entry per kernel name: it gets the values of the kernel's
 * inputs and its attributes, adds nodes to the graph and returns the value (or values) the kernel would
 * have computed, with their shapes. README.md beside this file shows how to add one.
 *
 * Only operators that ONNX Runtime's `cpu` and `webgpu` providers both have are emitted; what webgpu
 * lacks (OneHot, Sign, Mod, Round, IsNaN, Or, most of int64) is composed here.
 */
import {
  BATCH_NORM,
  CHANNEL_AFFINE,
  CONV,
  CONV_INPUT_GRADIENT,
  CONV_WEIGHT_GRADIENT,
  MAX_POOL,
} from './convolution.ts';
import {
  batchNormNodes,
  channelAffineNode,
  convolve,
  convolveInputGradient,
  convolveWeightGradient,
  maxPoolNode,
  type Conv,
} from './convolution-kernels.ts';
import { ATTENTION, GELU, GELU_GRADIENT, LAYER_NORM } from './ops.ts';
import { sameShape, sizeOf, uniformNumber } from './graph.ts';
import type { Graph, Value } from './graph.ts';
import {
  add,
  broadcastShape,
  concat,
  divide,
  elementwise,
  gatherAlong,
  matMul,
  multiply,
  reduceAxes,
  reshape,
  slice,
  subtract,
  transpose,
  unary,
} from './nodes.ts';
import type { OnnxType } from './onnx.ts';
import * as tf from './tf.ts';

export interface KernelCall {
  graph: Graph;
  /** By the kernel's own names; a kernel of a list of tensors (Concat) has them in `list`. */
  inputs: Record<string, Value>;
  list: Value[];
  /** As tfjs hands them over; each mapping knows its kernel's. */
  attrs: Attrs;
}

export type KernelMapping = (call: KernelCall) => Value | Value[];

/** Typed access to a kernel's attributes. */
export class Attrs {
  readonly #values: tf.NamedAttrMap;

  constructor(values: tf.NamedAttrMap | undefined) {
    this.#values = values ?? {};
  }

  number(name: string): number {
    return Number(this.#values[name]);
  }

  boolean(name: string): boolean {
    return Boolean(this.#values[name]);
  }

  text(name: string): string {
    return String(this.#values[name]);
  }

  /** A number stands for a list of itself alone. */
  numbers(name: string): number[] {
    const value = this.#values[name];
    if (value === undefined || value === null) return [];
    return Array.isArray(value) ? value.flat(2).map(Number) : [Number(value)];
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }
}

/** What tfjs calls a type, in ONNX. */
export function onnxType(dtype: string): OnnxType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new Error(`A captured step knows float32, int32 and bool tensors, not ${dtype}.`);
}

const microsoft = { domain: 'com.microsoft' };

/** x -> one ONNX operator of the same shape and type. */
const map1 =
  (op: string): KernelMapping =>
  ({ graph, inputs }) =>
    unary(graph, op, inputs.x!);

const map2 =
  (apply: (g: Graph, a: Value, b: Value) => Value): KernelMapping =>
  ({ graph, inputs }) =>
    apply(graph, inputs.a!, inputs.b!);

const compare = (op: string): KernelMapping => map2((g, a, b) => elementwise(g, op, a, b, 'bool'));

/** webgpu compares numbers only. */
function equal(g: Graph, a: Value, b: Value): Value {
  if (a.type !== 'bool') return elementwise(g, 'Equal', a, b, 'bool');
  return elementwise(g, 'Equal', g.cast(a, 'int32'), g.cast(b, 'int32'), 'bool');
}

const not = (g: Graph, x: Value): Value => unary(g, 'Not', x);

/** Reductions hand their axes over as `axis` or as `reductionIndices`; none means all. */
function reduce(op: string): KernelMapping {
  return ({ graph, inputs, attrs }) => {
    const x = inputs.x!;
    const given = attrs.has('axis') ? attrs.numbers('axis') : attrs.numbers('reductionIndices');
    const all = !attrs.has('axis') && !attrs.has('reductionIndices');
    const axes = tf.util.parseAxisParam(all ? x.shape.map((_, i) => i) : given, [...x.shape]);
    return reduceAxes(graph, op, x, axes, attrs.boolean('keepDims'));
  };
}

/** All and Any: ONNX has no logical reduction, the least or the largest of 0 and 1 is one. */
function reduceLogical(op: string): KernelMapping {
  return ({ graph, inputs, attrs, list }) => {
    const x = graph.cast(inputs.x!, 'int32');
    const value = reduce(op)({ graph, inputs: { x }, attrs, list }) as Value;
    return graph.cast(value, 'bool');
  };
}

function argReduce(op: string): KernelMapping {
  return ({ graph, inputs, attrs }) => {
    const x = inputs.x!;
    const [axis] = tf.util.parseAxisParam(attrs.number('axis'), [...x.shape]);
    const shape = x.shape.filter((_, i) => i !== axis);
    const index = graph.node(
      op,
      [x],
      { shape, type: 'int64' },
      { attributes: { axis: { i: axis! }, keepdims: { i: 0 } } },
    );
    return indexToInt32(graph, index, x.shape[axis!]!);
  };
}

/**
 * dy * (Phi(x) + x phi(x)) in nine passes over memory, which set its pace: with u = x / sqrt 2, Phi is
 * HardSigmoid's 0.5 erf(u) + 0.5, and x phi(x) = u exp(-u^2 - log sqrt pi).
 */
function geluGradient({ graph: g, inputs: { dy, x } }: KernelCall): Value {
  const u = multiply(g, x!, g.scalar(Math.SQRT1_2));
  const distribution = g.node('HardSigmoid', [unary(g, 'Erf', u)], u, {
    attributes: { alpha: { f: 0.5 }, beta: { f: 0.5 } },
  });
  const exponent = subtract(g, g.scalar(-0.5 * Math.log(Math.PI)), multiply(g, u, u));
  const slope = add(g, distribution, multiply(g, u, unary(g, 'Exp', exponent)));
  return multiply(g, dy!, slope);
}

function softmax(g: Graph, x: Value, axis = -1): Value {
  return g.node(
    'Softmax',
    [x],
    { shape: x.shape, type: x.type },
    { attributes: { axis: { i: axis } } },
  );
}

function where(g: Graph, condition: Value, yes: Value, no: Value): Value {
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(
    tf.broadcast_util.assertAndGetBroadcastShape([...condition.shape], [...yes.shape]),
    [...no.shape],
  );
  // tfjs lets a vector choose whole rows
  const rows =
    condition.shape.length === 1 && yes.shape.length > 1
      ? reshape(g, condition, [condition.shape[0]!, ...yes.shape.slice(1).map(() => 1)])
      : condition;
  const compact = (value: Value, other: Value) =>
    value.broadcastOf && sameShape(broadcastShape(rows, other), shape) ? value.broadcastOf : value;
  return g.node('Where', [rows, compact(yes, no), compact(no, rows)], { shape, type: yes.type });
}

/** Rows of `zeros(shape)` at `indices` [..., r] increased by `updates`; equal indices add up. */
function scatterAdd(g: Graph, indices: Value, updates: Value, shape: readonly number[]): Value {
  const zeros = g.expand(g.scalar(0, updates.type), shape);
  return g.node(
    'ScatterND',
    [zeros, g.cast(indices, 'int64'), updates],
    { shape, type: updates.type },
    { attributes: { reduction: { s: 'add' } } },
  );
}

/** Indices below `length` as tfjs has them. webgpu casts nothing from int64, but looks up with it. */
function indexToInt32(g: Graph, index: Value, length: number): Value {
  const numbers = g.constant(
    'int32',
    [length],
    Array.from({ length }, (_, i) => i),
  );
  return { ...gatherAlong(g, numbers, index, 0), castOf: index };
}

function gather(g: Graph, x: Value, indices: Value, axis: number, batchDims: number): Value {
  const { outputShape } = tf.backend_util.segment_util.collectGatherOpShapeInfo(
    asTensor(x),
    asTensor(indices),
    axis,
    batchDims,
  );
  if (batchDims === 0) return gatherAlong(g, x, indices.castOf ?? indices, axis);
  if (axis !== batchDims)
    throw new Error('A gather with batch dimensions is captured along the axis after them only.');
  // reshaped as int32: webgpu does not reshape int64
  const rows = g.cast(reshape(g, indices, [...indices.shape, 1]), 'int64');
  return g.node(
    'GatherND',
    [x, rows],
    { shape: outputShape, type: x.type },
    { attributes: { batch_dims: { i: batchDims } } },
  );
}

/** tfjs's shape helpers take tensors but read their shapes only. */
const asTensor = ({ shape }: Value): tf.Tensor => ({ shape: [...shape] }) as unknown as tf.Tensor;

function stridedSlice({ graph, inputs, attrs }: KernelCall): Value {
  const x = inputs.x!;
  const info = tf.slice_util.sliceInfo(
    [...x.shape],
    attrs.numbers('begin'),
    attrs.numbers('end'),
    attrs.numbers('strides'),
    attrs.number('beginMask'),
    attrs.number('endMask'),
    attrs.number('ellipsisMask'),
    attrs.number('newAxisMask'),
    attrs.number('shrinkAxisMask'),
  );
  const size = tf.slice_util.computeOutShape(info.begin, info.end, info.strides);
  const cut = slice(graph, x, info.begin, size, info.strides);
  return reshape(graph, cut, info.finalShape);
}

/** Channels-last images [B, H, W, C] to [B, C, H, W], which is what ONNX convolves, and back. */
const toChannelsFirst = (g: Graph, x: Value): Value => transpose(g, x, [0, 3, 1, 2]);
const toChannelsLast = (g: Graph, x: Value): Value => transpose(g, x, [0, 2, 3, 1]);

/** What tfjs says of a convolution of channels-last images, in terms of channels-first ones. */
function channelsLastConv(
  attrs: Attrs,
  input: readonly number[],
  filter: readonly number[],
  depthwise: boolean,
): Conv {
  if (attrs.has('dataFormat') && attrs.text('dataFormat') !== 'NHWC')
    throw new Error('Convolutions of tfjs are captured with channels-last images (NHWC) only.');
  if (attrs.has('dilations') && attrs.numbers('dilations').some((step) => step !== 1))
    throw new Error('Convolutions are captured without dilation only.');
  if (depthwise && filter[3] !== 1)
    throw new Error('Depthwise convolutions are captured with one filter per channel only.');
  const strides = attrs.numbers('strides');
  const pads = attrs.numbers('pad');
  const explicit = pads.length > 1 ? pads.slice(2, 6) : pads;
  const { padInfo, strideHeight, strideWidth } = tf.backend_util.computeConv2DInfo(
    [...input] as [number, number, number, number],
    [...filter] as [number, number, number, number],
    [strides[0]!, strides.at(-1)!],
    1,
    Number.isNaN(explicit[0]) ? (attrs.text('pad') as 'valid' | 'same') : 0,
    'floor',
    depthwise,
  );
  const pad = (i: number) => explicit[i] ?? explicit[0]!;
  const { top, left, bottom, right } = Number.isNaN(explicit[0])
    ? padInfo
    : { top: pad(0), bottom: pad(1), left: pad(2), right: pad(3) };
  return { stride: [strideHeight, strideWidth], pads: [top, left, bottom, right], depthwise };
}

/** tfjs's filter [kh, kw, in, out] (depthwise: [kh, kw, C, 1]) as weights [out, in, kh, kw], and back. */
const filterToWeight = (g: Graph, filter: Value, depthwise: boolean): Value =>
  transpose(g, filter, depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1]);
const weightToFilter = (g: Graph, weight: Value, depthwise: boolean): Value =>
  transpose(g, weight, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]);
/** The shape of such a filter, as weights. */
const weightShape = ([height, width, inner, out]: readonly number[], depthwise: boolean) =>
  depthwise ? [inner!, out!, height!, width!] : [out!, inner!, height!, width!];

const tfjsConv =
  (depthwise: boolean): KernelMapping =>
  ({ graph: g, inputs: { x, filter }, attrs }) => {
    const conv = channelsLastConv(attrs, x!.shape, filter!.shape, depthwise);
    const weight = filterToWeight(g, filter!, depthwise);
    return toChannelsLast(g, convolve(g, toChannelsFirst(g, x!), weight, conv));
  };

const tfjsConvInputGradient =
  (depthwise: boolean): KernelMapping =>
  ({ graph: g, inputs: { dy, filter }, attrs }) => {
    const [batch, height, width, channels] = attrs.numbers('inputShape');
    const images = [batch!, height!, width!, channels!];
    const conv = channelsLastConv(attrs, images, filter!.shape, depthwise);
    const weight = filterToWeight(g, filter!, depthwise);
    const shape = [batch!, channels!, height!, width!];
    return toChannelsLast(
      g,
      convolveInputGradient(g, toChannelsFirst(g, dy!), weight, shape, conv),
    );
  };

const tfjsConvFilterGradient =
  (depthwise: boolean): KernelMapping =>
  ({ graph: g, inputs: { x, dy }, attrs }) => {
    const filter = attrs.numbers('filterShape');
    const conv = channelsLastConv(attrs, x!.shape, filter, depthwise);
    const [images, errors] = [toChannelsFirst(g, x!), toChannelsFirst(g, dy!)];
    const shape = weightShape(filter, depthwise);
    const gradient = convolveWeightGradient(g, images, errors, shape, conv);
    return weightToFilter(g, gradient, depthwise);
  };

/** A convolution of our own op: the same stride and padding on all sides. */
function ownConv(attrs: Attrs): Conv {
  const [stride, pad] = [attrs.number('stride'), attrs.number('pad')];
  return {
    stride: [stride, stride],
    pads: [pad, pad, pad, pad],
    depthwise: attrs.boolean('depthwise'),
  };
}

function resizeBilinear({ graph: g, inputs, attrs }: KernelCall): Value {
  const images = inputs.images!;
  const [batch, , , channels] = images.shape;
  const [height, width] = attrs.numbers('size');
  const mode = attrs.boolean('halfPixelCenters')
    ? 'half_pixel'
    : attrs.boolean('alignCorners')
      ? 'align_corners'
      : 'asymmetric';
  const shape = [batch!, channels!, height!, width!];
  const resized = g.node(
    'Resize',
    [toChannelsFirst(g, images), null, null, g.ints(shape)],
    { shape, type: images.type },
    { attributes: { mode: { s: 'linear' }, coordinate_transformation_mode: { s: mode } } },
  );
  return toChannelsLast(g, resized);
}

function layerNorm({ graph: g, inputs, attrs }: KernelCall): Value[] {
  const x = inputs.x!;
  const row = { shape: [...x.shape.slice(0, -1), 1], type: x.type };
  return g.nodes(
    'LayerNormalization',
    [x, inputs.gamma!, inputs.beta!],
    [{ shape: x.shape, type: x.type }, row, row],
    { attributes: { axis: { i: -1 }, epsilon: { f: attrs.number('epsilon') } } },
  );
}

function attention({ graph: g, inputs, attrs }: KernelCall): Value[] {
  const scores = matMul(g, inputs.q!, inputs.k!, false, true);
  const weights = softmax(g, multiply(g, scores, g.scalar(attrs.number('scale'))));
  return [matMul(g, weights, inputs.v!), weights];
}

export const kernels: Record<string, KernelMapping> = {
  // one element at a time
  Abs: ({ graph: g, inputs: { x } }) =>
    x!.type === 'int32'
      ? elementwise(g, 'Max', x!, elementwise(g, 'Sub', g.scalar(0, 'int32'), x!))
      : unary(g, 'Abs', x!),
  Ceil: map1('Ceil'),
  Cos: map1('Cos'),
  Erf: map1('Erf'),
  Exp: map1('Exp'),
  Floor: map1('Floor'),
  Log: map1('Log'),
  LogicalNot: map1('Not'),
  Neg: ({ graph: g, inputs: { x } }) =>
    x!.type === 'int32' ? elementwise(g, 'Sub', g.scalar(0, 'int32'), x!) : unary(g, 'Neg', x!),
  Reciprocal: map1('Reciprocal'),
  Relu: map1('Relu'),
  Sigmoid: map1('Sigmoid'),
  Sin: map1('Sin'),
  Softplus: map1('Softplus'),
  Sqrt: map1('Sqrt'),
  Tanh: map1('Tanh'),
  // half to even: halves were rounded up, so those that came out odd go one down
  Round: ({ graph: g, inputs: { x } }) => {
    const raised = add(g, x!, g.scalar(0.5));
    const up = unary(g, 'Floor', raised);
    const half = unary(g, 'Floor', multiply(g, up, g.scalar(0.5)));
    const even = elementwise(g, 'Equal', multiply(g, half, g.scalar(2)), up, 'bool');
    const tie = elementwise(g, 'Equal', raised, up, 'bool');
    return subtract(g, up, g.cast(elementwise(g, 'And', tie, not(g, even)), 'float32'));
  },
  Rsqrt: ({ graph, inputs }) => unary(graph, 'Reciprocal', unary(graph, 'Sqrt', inputs.x!)),
  Square: ({ graph, inputs }) => multiply(graph, inputs.x!, inputs.x!),
  Log1p: ({ graph, inputs }) => unary(graph, 'Log', add(graph, inputs.x!, graph.scalar(1))),
  Expm1: ({ graph, inputs }) => subtract(graph, unary(graph, 'Exp', inputs.x!), graph.scalar(1)),
  IsNan: ({ graph, inputs }) => not(graph, equal(graph, inputs.x!, inputs.x!)),
  Sign: ({ graph: g, inputs: { x } }) => {
    const zero = g.scalar(0, x!.type);
    const above = g.cast(elementwise(g, 'Greater', x!, zero, 'bool'), x!.type);
    const below = g.cast(elementwise(g, 'Less', x!, zero, 'bool'), x!.type);
    return subtract(g, above, below);
  },
  // 1 above zero, alpha elsewhere
  Step: ({ graph: g, inputs: { x }, attrs }) => {
    const above = elementwise(g, 'Greater', x!, g.scalar(0, x!.type), 'bool');
    return where(g, above, g.scalar(1, x!.type), g.scalar(attrs.number('alpha') || 0, x!.type));
  },
  LeakyRelu: ({ graph: g, inputs: { x }, attrs }) =>
    where(
      g,
      elementwise(g, 'Greater', x!, g.scalar(0), 'bool'),
      x!,
      multiply(g, x!, g.scalar(attrs.number('alpha'))),
    ),
  Relu6: ({ graph: g, inputs: { x } }) =>
    elementwise(g, 'Min', unary(g, 'Relu', x!), g.scalar(6, x!.type)),
  ClipByValue: ({ graph: g, inputs: { x }, attrs }) =>
    g.node(
      'Clip',
      [
        x!,
        g.scalar(attrs.number('clipValueMin'), x!.type),
        g.scalar(attrs.number('clipValueMax'), x!.type),
      ],
      { shape: x!.shape, type: x!.type },
    ),

  // two operands
  Add: map2(add),
  Sub: map2(subtract),
  Multiply: map2(multiply),
  RealDiv: map2(divide),
  FloorDiv: map2((g, a, b) => {
    // ONNX divides integers towards zero, tfjs floors
    const quotient = divide(g, g.cast(a, 'float32'), g.cast(b, 'float32'));
    return g.cast(unary(g, 'Floor', quotient), a.type);
  }),
  Mod: map2((g, a, b) => {
    const quotient = divide(g, g.cast(a, 'float32'), g.cast(b, 'float32'));
    const whole = g.cast(unary(g, 'Floor', quotient), a.type);
    return subtract(g, a, multiply(g, b, whole));
  }),
  Pow: map2((g, a, b) => {
    const shape = broadcastShape(a, b);
    // webgpu's Pow broadcasts scalars, and fails on most else
    const operand = (value: Value) =>
      uniformNumber(value) === undefined
        ? g.expand(value, shape)
        : g.scalar(uniformNumber(value)!, value.type);
    const operands = [operand(a), operand(b)];
    const result = operands.every(({ shape: { length } }) => length === 0) ? [] : shape;
    return g.expand(g.node('Pow', operands, { shape: result, type: a.type }), shape);
  }),
  Maximum: map2((g, a, b) => elementwise(g, 'Max', a, b)),
  Minimum: map2((g, a, b) => elementwise(g, 'Min', a, b)),
  SquaredDifference: map2((g, a, b) => {
    const difference = subtract(g, a, b);
    return multiply(g, difference, difference);
  }),
  AddN: ({ graph, list }) => list.reduce((sum, term) => add(graph, sum, term)),
  Equal: map2(equal),
  NotEqual: map2((g, a, b) => not(g, equal(g, a, b))),
  Greater: compare('Greater'),
  GreaterEqual: compare('GreaterOrEqual'),
  Less: compare('Less'),
  LessEqual: compare('LessOrEqual'),
  LogicalAnd: compare('And'),
  LogicalOr: map2((g, a, b) => not(g, elementwise(g, 'And', not(g, a), not(g, b)))),
  Select: ({ graph, inputs }) => where(graph, inputs.condition!, inputs.t!, inputs.e!),

  // reductions
  Sum: reduce('ReduceSum'),
  Mean: reduce('ReduceMean'),
  Max: reduce('ReduceMax'),
  Min: reduce('ReduceMin'),
  Prod: reduce('ReduceProd'),
  All: reduceLogical('ReduceMin'),
  Any: reduceLogical('ReduceMax'),
  ArgMax: argReduce('ArgMax'),
  ArgMin: argReduce('ArgMin'),
  Softmax: ({ graph, inputs, attrs }) =>
    softmax(graph, inputs.logits!, attrs.has('dim') ? attrs.number('dim') : -1),
  Cumsum: ({ graph: g, inputs: { x }, attrs }) =>
    g.node(
      'CumSum',
      [x!, g.scalar(attrs.number('axis'), 'int64')],
      { shape: x!.shape, type: x!.type },
      {
        attributes: {
          exclusive: { i: attrs.boolean('exclusive') ? 1 : 0 },
          reverse: { i: attrs.boolean('reverse') ? 1 : 0 },
        },
      },
    ),
  TopK: ({ graph: g, inputs: { x }, attrs }) => {
    const k = attrs.number('k');
    const shape = [...x!.shape.slice(0, -1), k];
    const [values, indices] = g.nodes(
      'TopK',
      [x!, g.ints([k])],
      [
        { shape, type: x!.type },
        { shape, type: 'int64' },
      ],
      { attributes: { sorted: { i: 1 } } },
    );
    return [values!, indexToInt32(g, indices!, x!.shape.at(-1)!)];
  },

  // products
  BatchMatMul: ({ graph, inputs, attrs }) =>
    matMul(graph, inputs.a!, inputs.b!, attrs.boolean('transposeA'), attrs.boolean('transposeB')),
  Einsum: ({ graph: g, list, attrs }) => {
    const equation = attrs.text('equation');
    const { allDims, idDims } = tf.backend_util.decodeEinsumEquation(equation, list.length);
    const sides = new Map(
      idDims.flatMap((dims, i) => dims.map((dim, axis) => [dim, list[i]!.shape[axis]!] as const)),
    );
    const output = equation.split('->')[1]!.trim();
    const shape = [...output].map((letter) => sides.get(allDims.indexOf(letter))!);
    return g.node(
      'Einsum',
      list,
      { shape, type: list[0]!.type },
      { attributes: { equation: { s: equation } } },
    );
  },
  Conv2D: tfjsConv(false),
  Conv2DBackpropInput: tfjsConvInputGradient(false),
  Conv2DBackpropFilter: tfjsConvFilterGradient(false),
  DepthwiseConv2dNative: tfjsConv(true),
  DepthwiseConv2dNativeBackpropInput: tfjsConvInputGradient(true),
  DepthwiseConv2dNativeBackpropFilter: tfjsConvFilterGradient(true),

  // shapes
  Identity: ({ inputs }) => inputs.x!,
  Cast: ({ graph, inputs, attrs }) => {
    const type = onnxType(attrs.text('dtype'));
    return graph.cast(inputs.x!, type);
  },
  Reshape: ({ graph, inputs: { x }, attrs }) =>
    reshape(graph, x!, tf.util.inferFromImplicitShape(attrs.numbers('shape'), sizeOf(x!.shape))),
  ExpandDims: ({ graph, inputs: { input }, attrs }) => {
    const shape = [...input!.shape];
    const dim = attrs.number('dim');
    shape.splice(dim < 0 ? shape.length + 1 + dim : dim, 0, 1);
    return reshape(graph, input!, shape);
  },
  Transpose: ({ graph, inputs, attrs }) => transpose(graph, inputs.x!, attrs.numbers('perm')),
  BroadcastTo: ({ graph, inputs, attrs }) => graph.expand(inputs.x!, attrs.numbers('shape')),
  Tile: ({ graph: g, inputs: { x }, attrs }) => {
    const repeats = attrs.numbers('reps');
    // repeating a side of 1 is a broadcast, which the next node can do by itself
    if (repeats.every((times, i) => times === 1 || x!.shape[i] === 1))
      return g.expand(
        x!,
        x!.shape.map((side, i) => side * repeats[i]!),
      );
    const shape = x!.shape.map((side, i) => side * repeats[i]!);
    return g.node('Tile', [x!, g.ints(repeats)], { shape, type: x!.type });
  },
  Slice: ({ graph, inputs: { x }, attrs }) => {
    const [begin, size] = tf.slice_util.parseSliceParams(
      asTensor(x!),
      attrs.numbers('begin'),
      attrs.numbers('size'),
    );
    return slice(graph, x!, begin!, size!);
  },
  StridedSlice: stridedSlice,
  Reverse: ({ graph, inputs: { x }, attrs }) => {
    const dims = tf.util.parseAxisParam(attrs.numbers('dims'), [...x!.shape]);
    const flipped = x!.shape.map((_, i) => dims.includes(i));
    return slice(
      graph,
      x!,
      x!.shape.map((side, i) => (flipped[i] ? side - 1 : 0)),
      x!.shape,
      flipped.map((flip) => (flip ? -1 : 1)),
    );
  },
  PadV2: ({ graph: g, inputs: { x }, attrs }) => {
    const flat = attrs.numbers('paddings');
    const before = flat.filter((_, i) => i % 2 === 0);
    const after = flat.filter((_, i) => i % 2 === 1);
    const shape = x!.shape.map((side, i) => before[i]! + side + after[i]!);
    const fill = g.scalar(attrs.number('constantValue'), x!.type);
    return g.node('Pad', [x!, g.ints([...before, ...after]), fill], { shape, type: x!.type });
  },
  Concat: ({ graph, list, attrs }) => concat(graph, list, attrs.number('axis')),
  Pack: ({ graph: g, list, attrs }) => {
    const rank = list[0]!.shape.length + 1;
    const axis = (attrs.number('axis') + rank) % rank;
    return concat(
      g,
      list.map((part) => reshape(g, part, part.shape.toSpliced(axis, 0, 1))),
      axis,
    );
  },
  Unpack: ({ graph: g, inputs: { value }, attrs }) => {
    const [axis] = tf.util.parseAxisParam(attrs.number('axis'), [...value!.shape]);
    return Array.from({ length: value!.shape[axis!]! }, (_, at) => {
      const begin = value!.shape.map((_, i) => (i === axis ? at : 0));
      const part = slice(g, value!, begin, value!.shape.with(axis!, 1));
      return reshape(g, part, value!.shape.toSpliced(axis!, 1));
    });
  },
  SplitV: ({ graph: g, inputs: { x }, attrs }) => {
    const [axis] = tf.util.parseAxisParam(attrs.number('axis'), [...x!.shape]);
    const given = attrs.numbers('numOrSizeSplits');
    const pieces = tf.backend_util.prepareSplitSize(
      asTensor(x!),
      given.length === 1 ? given[0]! : given,
      axis,
    );
    return g.nodes(
      'Split',
      [x!, g.ints(pieces)],
      pieces.map((side) => ({ shape: x!.shape.with(axis!, side), type: x!.type })),
      { attributes: { axis: { i: axis! } } },
    );
  },

  // indices
  GatherV2: ({ graph, inputs: { x, indices }, attrs }) => {
    const [axis] = tf.util.parseAxisParam(attrs.number('axis'), [...x!.shape]);
    return gather(graph, x!, indices!, axis!, attrs.number('batchDims') || 0);
  },
  GatherNd: ({ graph: g, inputs: { params, indices } }) => {
    const shape = gatherNdShape(params!, indices!);
    return g.node('GatherND', [params!, g.cast(indices!, 'int64')], { shape, type: params!.type });
  },
  ScatterNd: ({ graph, inputs: { indices, updates }, attrs }) =>
    scatterAdd(graph, indices!, updates!, attrs.numbers('shape')),
  // the gradient of a gather along axis 0
  UnsortedSegmentSum: ({ graph: g, inputs: { x, segmentIds }, attrs }) =>
    scatterAdd(g, reshape(g, segmentIds!, [...segmentIds!.shape, 1]), x!, [
      attrs.number('numSegments'),
      ...x!.shape.slice(segmentIds!.shape.length),
    ]),
  OneHot: ({ graph: g, inputs: { indices }, attrs }) => {
    const depth = attrs.number('depth');
    const classes = g.constant(
      indices!.type,
      [depth],
      Array.from({ length: depth }, (_, i) => i),
    );
    const column = reshape(g, indices!, [...indices!.shape, 1]);
    const type = onnxType(attrs.text('dtype'));
    const hit = g.cast(elementwise(g, 'Equal', column, classes, 'bool'), type);
    const on = attrs.number('onValue');
    const off = attrs.number('offValue');
    const scaled = multiply(g, hit, g.scalar(on - off, type));
    return add(g, scaled, g.scalar(off, type));
  },
  ResizeBilinear: resizeBilinear,

  // constants
  ZerosLike: ({ graph, inputs: { x } }) => graph.expand(graph.scalar(0, x!.type), x!.shape),
  OnesLike: ({ graph, inputs: { x } }) => graph.expand(graph.scalar(1, x!.type), x!.shape),
  Fill: ({ graph, attrs }) =>
    graph.expand(
      graph.scalar(attrs.number('value'), onnxType(attrs.text('dtype'))),
      attrs.numbers('shape'),
    ),
  Range: ({ graph, attrs }) => {
    const [start, stop, step] = ['start', 'stop', 'step'].map((name) => attrs.number(name));
    const length = Math.max(0, Math.ceil((stop! - start!) / step!));
    return graph.constant(
      onnxType(attrs.text('dtype')),
      [length],
      Array.from({ length }, (_, i) => start! + i * step!),
    );
  },

  // composite ops of our own (ops.ts, convolution.ts)
  [LAYER_NORM]: layerNorm,
  [GELU]: ({ graph: g, inputs: { x } }) =>
    g.node('Gelu', [x!], { shape: x!.shape, type: x!.type }, microsoft),
  [GELU_GRADIENT]: geluGradient,
  [ATTENTION]: attention,
  [CONV]: ({ graph, inputs: { x, weight }, attrs }) => convolve(graph, x!, weight!, ownConv(attrs)),
  [CONV_INPUT_GRADIENT]: ({ graph, inputs: { dy, weight }, attrs }) =>
    convolveInputGradient(graph, dy!, weight!, attrs.numbers('inputShape'), ownConv(attrs)),
  [CONV_WEIGHT_GRADIENT]: ({ graph, inputs: { x, dy }, attrs }) =>
    convolveWeightGradient(graph, x!, dy!, attrs.numbers('weightShape'), ownConv(attrs)),
  [MAX_POOL]: ({ graph, inputs: { x }, attrs }) =>
    maxPoolNode(graph, x!, {
      size: attrs.number('size'),
      stride: attrs.number('stride'),
      pad: attrs.number('pad'),
    }),
  [CHANNEL_AFFINE]: ({ graph, inputs: { x, scale, shift } }) =>
    channelAffineNode(graph, x!, scale!, shift!),
  [BATCH_NORM]: ({ graph, inputs: { x, gamma, beta }, attrs }) =>
    batchNormNodes(graph, x!, gamma!, beta!, attrs.number('epsilon')),
};

const gatherNdShape = (params: Value, indices: Value): number[] => [
  ...indices.shape.slice(0, -1),
  ...params.shape.slice(indices.shape.at(-1)!),
];
