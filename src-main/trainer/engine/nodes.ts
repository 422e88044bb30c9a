/**
 * The vocabulary kernel mappings are written in: arithmetic, products, reductions and shapes as graph
 * nodes. Shapes are worked out here, and what would change nothing adds no node.
 */
import { sameShape, sizeOf, uniformNumber } from './graph.ts';
import type { Graph, Value } from './graph.ts';
import type { OnnxType } from './onnx.ts';
import * as tf from './tf.ts';

export function broadcastShape(a: Value, b: Value): number[] {
  return tf.broadcast_util.assertAndGetBroadcastShape([...a.shape], [...b.shape]);
}

/** A node over the broadcast of two operands; an operand that was broadcast already is not, again. */
export function elementwise(
  g: Graph,
  op: string,
  a: Value,
  b: Value,
  type: OnnxType = a.type,
): Value {
  const shape = broadcastShape(a, b);
  const covers = (small: Value, other: Value) => sameShape(broadcastShape(small, other), shape);
  const left = a.broadcastOf && covers(a.broadcastOf, b) ? a.broadcastOf : a;
  const right = b.broadcastOf && covers(left, b.broadcastOf) ? b.broadcastOf : b;
  return g.node(op, [left, right], { shape, type });
}

export function add(g: Graph, a: Value, b: Value): Value {
  if (uniformNumber(a) === 0) return g.expand(b, broadcastShape(a, b));
  if (uniformNumber(b) === 0) return g.expand(a, broadcastShape(a, b));
  return elementwise(g, 'Add', a, b);
}

export function subtract(g: Graph, a: Value, b: Value): Value {
  if (uniformNumber(b) === 0) return g.expand(a, broadcastShape(a, b));
  return elementwise(g, 'Sub', a, b);
}

export function multiply(g: Graph, a: Value, b: Value): Value {
  if (uniformNumber(a) === 1) return g.expand(b, broadcastShape(a, b));
  if (uniformNumber(b) === 1) return g.expand(a, broadcastShape(a, b));
  return elementwise(g, 'Mul', a, b);
}

export function divide(g: Graph, a: Value, b: Value): Value {
  if (uniformNumber(b) === 1) return g.expand(a, broadcastShape(a, b));
  return elementwise(g, 'Div', a, b);
}

export const unary = (g: Graph, op: string, x: Value, type: OnnxType = x.type): Value =>
  g.node(op, [x], { shape: x.shape, type });

export function reshape(g: Graph, x: Value, shape: readonly number[]): Value {
  if (sameShape(x.shape, shape)) return x;
  if (uniformNumber(x) !== undefined) return g.expand(g.scalar(uniformNumber(x)!, x.type), shape);
  return g.node('Reshape', [x, g.ints(shape)], { shape, type: x.type });
}

export function transpose(g: Graph, x: Value, perm: readonly number[]): Value {
  if (perm.every((axis, i) => axis === i)) return x;
  const shape = perm.map((axis) => x.shape[axis]!);
  return g.node(
    'Transpose',
    [x],
    { shape, type: x.type },
    { attributes: { perm: { ints: perm } } },
  );
}

export const swapLastTwo = (g: Graph, x: Value): Value => {
  const axes = x.shape.map((_, i) => i);
  const last = axes.length - 1;
  return transpose(g, x, [...axes.slice(0, -2), last, last - 1]);
};

/** Batched matrix product with tfjs's flags; ONNX Runtime folds the transposes into the product. */
export function matMul(
  g: Graph,
  a: Value,
  b: Value,
  transposeA = false,
  transposeB = false,
): Value {
  const left = transposeA ? swapLastTwo(g, a) : a;
  const right = transposeB ? swapLastTwo(g, b) : b;
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(
    left.shape.slice(0, -2),
    right.shape.slice(0, -2),
  );
  const shape = [...batch, left.shape.at(-2)!, right.shape.at(-1)!];
  return g.node('MatMul', [left, right], { shape, type: a.type });
}

export function slice(
  g: Graph,
  x: Value,
  begin: readonly number[],
  size: readonly number[],
  steps?: readonly number[],
): Value {
  if (sameShape(x.shape, size) && !steps?.some((step) => step !== 1)) return x;
  // webgpu slices floats only; whole numbers are gathered
  if (x.type === 'int32')
    return size.reduce<Value>((cut, side, axis) => {
      const step = steps?.[axis] ?? 1;
      if (side === cut.shape[axis] && step === 1) return cut;
      const at = Array.from({ length: side }, (_, i) => begin[axis]! + i * step);
      return gatherAlong(g, cut, g.constant('int32', [side], at), axis);
    }, x);
  // only the axes that are cut
  const axes = x.shape
    .map((_, i) => i)
    .filter((i) => begin[i] !== 0 || size[i] !== x.shape[i] || (steps?.[i] ?? 1) !== 1);
  const ends = axes.map((i) => {
    const end = begin[i]! + size[i]! * (steps?.[i] ?? 1);
    // before the first element: -1 would mean the last one
    return end < 0 ? -x.shape[i]! - 1 : end;
  });
  const inputs = [
    x,
    g.ints(axes.map((i) => begin[i]!)),
    g.ints(ends),
    g.ints(axes),
    ...(steps ? [g.ints(axes.map((i) => steps[i]!))] : []),
  ];
  return g.node('Slice', inputs, { shape: size, type: x.type });
}

/** Rows of x along an axis; indices are int32 or int64, the result has their shape in place of the axis. */
export function gatherAlong(g: Graph, x: Value, indices: Value, axis: number): Value {
  const shape = x.shape.toSpliced(axis, 1, ...indices.shape);
  return g.node(
    'Gather',
    [x, indices],
    { shape, type: x.type },
    { attributes: { axis: { i: axis } } },
  );
}

export function concat(g: Graph, values: readonly Value[], axis: number): Value {
  const parts = values.filter(({ shape }) => sizeOf(shape) > 0);
  if (parts.length === 1) return parts[0]!;
  const first = parts[0] ?? values[0]!;
  const at = axis < 0 ? axis + first.shape.length : axis;
  const shape = first.shape.map((side, i) =>
    i === at ? parts.reduce((sum, part) => sum + part.shape[at]!, 0) : side,
  );
  return g.node('Concat', parts, { shape, type: first.type }, { attributes: { axis: { i: at } } });
}

export function reduceAxes(
  g: Graph,
  op: string,
  x: Value,
  axes: readonly number[],
  keepDims: boolean,
): Value {
  if (axes.length === 0) return x;
  if (op === 'ReduceSum' && !keepDims && isTallSum(g, x, axes)) return sumRows(g, x, axes.length);
  const shape = keepDims
    ? x.shape.map((side, i) => (axes.includes(i) ? 1 : side))
    : x.shape.filter((_, i) => !axes.includes(i));
  return g.node(
    op,
    [x, g.ints(axes)],
    { shape, type: x.type },
    { attributes: { keepdims: { i: keepDims ? 1 : 0 } } },
  );
}

/** Rows from which on a product with ones beats ONNX Runtime's own sum over them. */
const tall = 256;

/** Whether a sum runs over all the leading axes of many rows: the gradient of every bias does. */
const isTallSum = ({ target }: Graph, { type, shape }: Value, axes: readonly number[]): boolean =>
  target === 'processor' &&
  type === 'float32' &&
  axes.length < shape.length &&
  axes.every((axis, i) => axis === i) &&
  sizeOf(shape.slice(0, axes.length)) >= tall;

/** The sum over leading axes as a product: [1, rows] ones by [rows, columns]. */
function sumRows(g: Graph, x: Value, leading: number): Value {
  const rows = sizeOf(x.shape.slice(0, leading));
  const rest = x.shape.slice(leading);
  const columns = sizeOf(rest);
  const ones = g.expand(g.scalar(1), [1, rows]);
  const sums = g.node('MatMul', [ones, reshape(g, x, [rows, columns])], {
    shape: [1, columns],
    type: 'float32',
  });
  return reshape(g, sums, rest);
}
