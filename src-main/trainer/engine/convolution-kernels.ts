/**
 * Convolutions and their gradients in ONNX, on images [B, C, H, W]; tfjs's own channels-last kernels are
 * the same between two transposes.
 *
 * Of several ways to say a gradient the fastest on ONNX Runtime's `cpu` was taken, measured at 128 images
 * with ResNet-20's three widths on two cores. Input gradient: a convolution with the turned weights (9, 30
 * and 17 ms) against ConvTranspose (21, 35, 40). Weight gradient: one product per tap of the kernel (51,
 * 38, 9 ms) against a convolution with batch and channels swapped (142, 129, 71), one grouped by image
 * (129, 114, 68) and one product over all taps laid out at once (52, 48, 56).
 * Where images have few pixels and many channels, one product per tap takes all images together: a
 * ResNet-50 step on 16 images of 32 pixels spent a sixth of its time adding up products per image.
 */
import type { Graph, Value } from './graph.ts';
import { add, concat, matMul, multiply, reduceAxes, reshape, slice, transpose } from './nodes.ts';

/** One convolution: weights are [O, C, kh, kw], or [C, 1, kh, kw] where depthwise. */
export interface Conv {
  stride: readonly [number, number];
  /** Zeros above, left, below, right. */
  pads: readonly [number, number, number, number];
  depthwise: boolean;
}

export function convolve(g: Graph, x: Value, weight: Value, conv: Conv): Value {
  const [batch, channels, ...sides] = x.shape as [number, number, number, number];
  const [out, , ...kernel] = weight.shape as [number, number, number, number];
  const [top, left, bottom, right] = conv.pads;
  const lost = [top + bottom - kernel[0]!, left + right - kernel[1]!];
  const outSides = sides.map((side, i) => Math.floor((side + lost[i]!) / conv.stride[i]!) + 1);
  return g.node(
    'Conv',
    [x, weight],
    { shape: [batch, out, ...outSides], type: x.type },
    {
      attributes: {
        strides: { ints: conv.stride },
        pads: { ints: conv.pads },
        group: { i: conv.depthwise ? channels : 1 },
      },
    },
  );
}

/** Gradient with respect to the images. @param inputShape [B, C, H, W] of those. */
export function convolveInputGradient(
  g: Graph,
  dy: Value,
  weight: Value,
  inputShape: readonly number[],
  conv: Conv,
): Value {
  const [top, left, bottom, right] = conv.pads;
  const kernel = weight.shape.slice(2);
  const turnedPads = [top, left, bottom, right].map((pad, i) => kernel[i % 2]! - 1 - pad);
  if (conv.stride.every((step) => step === 1) && turnedPads.every((pad) => pad >= 0)) {
    const turned = turn(g, weight);
    const swapped = conv.depthwise ? turned : transpose(g, turned, [1, 0, 2, 3]);
    const pads = turnedPads as [number, number, number, number];
    return convolve(g, dy, swapped, { stride: [1, 1], pads, depthwise: conv.depthwise });
  }
  // a stride leaves a rest of rows below and columns right that no output saw: they get zeros
  const rest = [0, 1].map((axis) => {
    const reached =
      (dy.shape[2 + axis]! - 1) * conv.stride[axis]! +
      kernel[axis]! -
      conv.pads[axis]! -
      conv.pads[2 + axis]!;
    return inputShape[2 + axis]! - reached;
  });
  return g.node(
    'ConvTranspose',
    [dy, weight],
    { shape: inputShape, type: dy.type },
    {
      attributes: {
        strides: { ints: conv.stride },
        pads: { ints: conv.pads },
        output_padding: { ints: rest },
        group: { i: conv.depthwise ? inputShape[1]! : 1 },
      },
    },
  );
}

/** Gradient with respect to the weights. @param weightShape of those. */
export function convolveWeightGradient(
  g: Graph,
  x: Value,
  dy: Value,
  weightShape: readonly number[],
  conv: Conv,
): Value {
  const [batch, channels] = x.shape as [number, number];
  const [, out, height, width] = dy.shape as [number, number, number, number];
  const [, inner, rows, columns] = weightShape as [number, number, number, number];
  const area = height * width;
  const padded = padImages(g, x, conv.pads);
  // images of few pixels and many channels: a product per image would be larger than the images are
  const together = !conv.depthwise && area * (out + inner) <= out * inner;
  const images = together ? transpose(g, padded, [1, 0, 2, 3]) : padded;
  const flatDy = together
    ? reshape(g, transpose(g, dy, [1, 0, 2, 3]), [out, batch * area])
    : reshape(g, dy, [batch, out, area]);
  const seenShape = [images.shape[0]!, images.shape[1]!, height, width];
  const taps = Array.from({ length: rows * columns }, (_, tap) => {
    const begin = [0, 0, Math.floor(tap / columns), tap % columns];
    const seen = slice(g, images, begin, seenShape, [1, 1, ...conv.stride]);
    if (conv.depthwise)
      return reshape(g, reduceAxes(g, 'ReduceSum', multiply(g, seen, dy), [0, 2, 3], false), [
        out,
        inner,
        1,
      ]);
    if (together) {
      const flat = reshape(g, seen, [channels, batch * area]);
      return reshape(g, matMul(g, flatDy, flat, false, true), [out, inner, 1]);
    }
    const flat = reshape(g, seen, [batch, channels, area]);
    const perImage = matMul(g, flatDy, flat, false, true);
    return reshape(g, reduceAxes(g, 'ReduceSum', perImage, [0], false), [out, inner, 1]);
  });
  return reshape(g, concat(g, taps, 2), weightShape);
}

/** The largest of every size x size pixels of [B, C, H, W]. */
export function maxPoolNode(
  g: Graph,
  x: Value,
  { size, stride, pad }: { size: number; stride: number; pad: number },
): Value {
  const [batch, channels, ...sides] = x.shape as [number, number, number, number];
  const out = sides.map((side) => Math.floor((side + 2 * pad - size) / stride) + 1);
  return g.node(
    'MaxPool',
    [x],
    { shape: [batch, channels, ...out], type: x.type },
    {
      attributes: {
        kernel_shape: { ints: [size, size] },
        strides: { ints: [stride, stride] },
        pads: { ints: [pad, pad, pad, pad] },
      },
    },
  );
}

/** x * scale + shift per channel: ONNX's batch normalisation of mean 0 and variance 1, in one pass. */
export function channelAffineNode(g: Graph, x: Value, scale: Value, shift: Value): Value {
  const channels = [x.shape[1]!];
  const [zeros, ones] = [0, 1].map((value) => g.expand(g.scalar(value), channels));
  return g.node(
    'BatchNormalization',
    [x, scale, shift, zeros!, ones!],
    { shape: x.shape, type: x.type },
    { attributes: { epsilon: { f: 0 } } },
  );
}

/** y, mean and biased variance; the mean is taken off before squaring, so that nothing cancels. */
export function batchNormNodes(
  g: Graph,
  x: Value,
  gamma: Value,
  beta: Value,
  epsilon: number,
): Value[] {
  const channels = x.shape[1]!;
  const row = { shape: [channels], type: x.type };
  const mean = reduceAxes(g, 'ReduceMean', x, [0, 2, 3], false);
  const centred = g.node('Sub', [x, reshape(g, mean, [1, channels, 1, 1])], x);
  const variance = reduceAxes(g, 'ReduceMean', multiply(g, centred, centred), [0, 2, 3], false);
  const std = g.node('Sqrt', [add(g, variance, g.scalar(epsilon))], row);
  const scale = g.node('Div', [gamma, std], row);
  return [channelAffineNode(g, centred, scale, beta), mean, variance];
}

/** The kernel turned by half a turn. */
function turn(g: Graph, weight: Value): Value {
  const [, , rows, columns] = weight.shape as [number, number, number, number];
  if (rows === 1 && columns === 1) return weight;
  return slice(g, weight, [0, 0, rows - 1, columns - 1], weight.shape, [1, 1, -1, -1]);
}

function padImages(g: Graph, x: Value, [top, left, bottom, right]: Conv['pads']): Value {
  if (top + left + bottom + right === 0) return x;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  return g.node('Pad', [x, g.ints([0, 0, top, left, 0, 0, bottom, right])], {
    shape: [batch, channels, height + top + bottom, width + left + right],
    type: x.type,
  });
}
