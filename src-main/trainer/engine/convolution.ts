/**
 * Convolution and batch normalisation as composite ops, for images [B, C, H, W] and weights
 * [out, in / groups, kh, kw]: ONNX's and PyTorch's layout, so that a captured step transposes nothing.
 * Eager engines run tfjs's own kernels between two transposes.
 *
 * The two gradients of a convolution are kernels of their own, because the fastest way to compute them
 * depends on the engine (convolution-kernels.ts).
 */
import { registerComposition, runKernel } from './ops.ts';
import * as tf from './tf.ts';
import type { NamedAttrMap, Tensor, Tensor1D, Tensor3D, Tensor4D } from './tf.ts';

/** Kernel names, as the capture backend maps them (kernels.ts). */
export const CONV = 'HuggingGreenConv2D';
export const CONV_INPUT_GRADIENT = 'HuggingGreenConv2DInputGradient';
export const CONV_WEIGHT_GRADIENT = 'HuggingGreenConv2DWeightGradient';
export const CHANNEL_AFFINE = 'HuggingGreenChannelAffine';
export const MAX_POOL = 'HuggingGreenMaxPool2D';
export const BATCH_NORM = 'HuggingGreenBatchNorm';

/** Never the largest of a window: what a pool is padded with. */
const lowest = -3.4e38;

export interface ConvOptions {
  stride?: number;
  /** Zeros on every side. */
  pad?: number;
  /** Every channel has a filter of its own; weights are [C, 1, kh, kw]. */
  depthwise?: boolean;
}

/**
 * Convolution without bias (cross-correlation, as everywhere).
 * @param x [B, C, H, W]
 * @param weight [O, C, kh, kw], or [C, 1, kh, kw] where depthwise
 * @returns [B, O, (H + 2 pad - kh) / stride + 1, ...], rounded down
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor4D {
  const { stride = 1, pad = 0, depthwise = false } = options;
  const [y] = runKernel(CONV, { x, weight }, { stride, pad, depthwise });
  return y as Tensor4D;
}

/** x * scale + shift, a number of each per channel. No gradient: for evaluation and inside gradients. */
export function channelAffine(x: Tensor, scale: Tensor, shift: Tensor): Tensor4D {
  const [y] = runKernel(CHANNEL_AFFINE, { x, scale, shift }, {});
  return y as Tensor4D;
}

/**
 * Batch normalisation with the statistics of this batch (Ioffe and Szegedy 2015): y = (x - mean) /
 * sqrt(var + eps) * gamma + beta over batch and pixels of each channel, with the biased variance.
 * @param x [B, C, H, W]
 * @returns y, and mean and biased variance per channel, through which no gradient flows
 */
export function batchNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  epsilon = 1e-5,
): { y: Tensor4D; mean: Tensor1D; variance: Tensor1D } {
  const [y, mean, variance] = runKernel(BATCH_NORM, { x, gamma, beta }, { epsilon });
  return { y: y as Tensor4D, mean: mean as Tensor1D, variance: variance as Tensor1D };
}

/**
 * The largest of every `size` x `size` pixels. The gradient goes to the first of equal ones, row by row,
 * as PyTorch's does.
 * @param x [B, C, H, W]
 * @param pad places on every side that are never the largest; less than `size`
 * @returns [B, C, (H + 2 pad - size) / stride + 1, ...], rounded down
 */
export function maxPool2d(x: Tensor, size: number, stride: number, pad: number): Tensor4D {
  const [y] = runKernel(MAX_POOL, { x }, { size, stride, pad });
  return y as Tensor4D;
}

// --- eager engines --------------------------------------------------------------------------------

const channelsLast = (x: Tensor): Tensor4D => tf.transpose(x as Tensor4D, [0, 2, 3, 1]);
const channelsFirst = (x: Tensor): Tensor4D => tf.transpose(x as Tensor4D, [0, 3, 1, 2]);
/** [O, I, kh, kw] to tfjs's [kh, kw, I, O]; depthwise [C, 1, kh, kw] to [kh, kw, C, 1]. */
const filterOf = (weight: Tensor, depthwise: boolean): Tensor4D =>
  tf.transpose(weight as Tensor4D, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]);
const weightOf = (filter: Tensor, depthwise: boolean): Tensor4D =>
  tf.transpose(filter as Tensor4D, depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1]);
const perChannel = (values: Tensor): Tensor => tf.reshape(values, [1, -1, 1, 1]);

interface ConvAttrs {
  stride: number;
  pad: number;
  depthwise: boolean;
}
const convAttrs = (attrs: NamedAttrMap): ConvAttrs => ({
  stride: attrs['stride'] as number,
  pad: attrs['pad'] as number,
  depthwise: attrs['depthwise'] as boolean,
});
const tfjsAttrs = ({ stride, pad }: ConvAttrs, extra: NamedAttrMap): NamedAttrMap => ({
  strides: [stride, stride],
  pad,
  dilations: [1, 1],
  dimRoundingMode: 'floor',
  ...extra,
});

interface PoolAttrs {
  size: number;
  stride: number;
  pad: number;
}
const poolAttrs = (attrs: NamedAttrMap): PoolAttrs => ({
  size: attrs['size'] as number,
  stride: attrs['stride'] as number,
  pad: attrs['pad'] as number,
});

registerComposition(CONV, ({ x, weight }, attrs) => {
  const { stride, pad, depthwise } = convAttrs(attrs);
  const images = channelsLast(x!);
  const filter = filterOf(weight!, depthwise);
  return channelsFirst(
    depthwise
      ? tf.depthwiseConv2d(images, filter, stride, pad, 'NHWC', 1, 'floor')
      : tf.conv2d(images, filter, stride, pad, 'NHWC', 1, 'floor'),
  );
});

registerComposition(CONV_INPUT_GRADIENT, ({ dy, weight }, attrs) => {
  const options = convAttrs(attrs);
  const [batch, channels, height, width] = attrs['inputShape'] as number[];
  const [dx] = runKernel(
    options.depthwise ? 'DepthwiseConv2dNativeBackpropInput' : 'Conv2DBackpropInput',
    { dy: channelsLast(dy!), filter: filterOf(weight!, options.depthwise) },
    tfjsAttrs(options, {
      inputShape: [batch!, height!, width!, channels!],
      ...(!options.depthwise && { dataFormat: 'NHWC' }),
    }),
  );
  return channelsFirst(dx!);
});

registerComposition(CONV_WEIGHT_GRADIENT, ({ x, dy }, attrs) => {
  const options = convAttrs(attrs);
  const [out, inner, height, width] = attrs['weightShape'] as number[];
  const channels = options.depthwise ? [out!, inner!] : [inner!, out!];
  const [dFilter] = runKernel(
    options.depthwise ? 'DepthwiseConv2dNativeBackpropFilter' : 'Conv2DBackpropFilter',
    { x: channelsLast(x!), dy: channelsLast(dy!) },
    tfjsAttrs(options, {
      filterShape: [height!, width!, ...channels],
      ...(!options.depthwise && { dataFormat: 'NHWC' }),
    }),
  );
  return weightOf(dFilter!, options.depthwise);
});

registerComposition(CHANNEL_AFFINE, ({ x, scale, shift }) =>
  tf.add(tf.mul(x!, perChannel(scale!)), perChannel(shift!)),
);

registerComposition(MAX_POOL, ({ x }, attrs) => {
  const { size, stride, pad } = poolAttrs(attrs);
  return channelsFirst(tf.maxPool(channelsLast(x!), size, stride, pad, 'floor'));
});

registerComposition(BATCH_NORM, ({ x, gamma, beta }, { epsilon }) => {
  const mean = tf.mean(x!, [0, 2, 3]);
  const centred = tf.sub(x!, perChannel(mean));
  const variance = tf.mean(tf.square(centred), [0, 2, 3]);
  const scale = tf.mul(gamma!, tf.rsqrt(tf.add(variance, tf.scalar(epsilon as number))));
  return [tf.add(tf.mul(centred, perChannel(scale)), perChannel(beta!)), mean, variance];
});

// --- gradients ------------------------------------------------------------------------------------

tf.registerGradient({
  kernelName: CONV,
  inputsToSave: ['x', 'weight'],
  gradFunc: (dys, saved, attrs) => {
    const dy = dys as Tensor;
    const [x, weight] = saved as [Tensor, Tensor];
    return {
      x: () =>
        runKernel(CONV_INPUT_GRADIENT, { dy, weight }, { ...attrs, inputShape: x.shape })[0]!,
      weight: () =>
        runKernel(CONV_WEIGHT_GRADIENT, { x, dy }, { ...attrs, weightShape: weight.shape })[0]!,
    };
  },
});

tf.registerGradient({
  kernelName: MAX_POOL,
  inputsToSave: ['x'],
  outputsToSave: [true],
  gradFunc: (dys, saved, attrs) => {
    const { size, stride, pad } = poolAttrs(attrs);
    const dy = dys as Tensor4D;
    const [x, y] = saved as [Tensor4D, Tensor4D];
    return { x: () => maxPoolGradient(x, y, dy, { size, stride, pad }) };
  },
});

/** What each of the size² places of a window hands back, put where that place lies in the image. */
function maxPoolGradient(
  x: Tensor4D,
  y: Tensor4D,
  dy: Tensor4D,
  { size, stride, pad }: PoolAttrs,
): Tensor {
  const [batch, channels, height, width] = x.shape;
  const [, , rows, columns] = y.shape;
  const side: [number, number] = [pad, pad];
  const padded = tf.pad(x, [[0, 0], [0, 0], side, side], lowest);
  const one = [batch * channels, 1, rows, columns];
  /** 1 where no place before was the largest. */
  let free: Tensor = tf.onesLike(y);
  const taps = Array.from({ length: size * size }, (_, tap) => {
    const [top, left] = [Math.floor(tap / size), tap % size];
    const end = [top + (rows - 1) * stride + 1, left + (columns - 1) * stride + 1];
    const seen = tf.stridedSlice(
      padded,
      [0, 0, top, left],
      [batch, channels, ...end],
      [1, 1, stride, stride],
    );
    const hit = tf.mul(free, tf.cast(tf.equal(seen, y), 'float32'));
    free = tf.sub(free, hit);
    return tf.reshape(tf.mul(dy, hit), one);
  });
  // one filter per place of the window that is 1 there: a transposed convolution puts places back
  const places = size * size;
  const filters = Float32Array.from({ length: places ** 2 }, (_, i) =>
    Math.floor(i / places) === i % places ? 1 : 0,
  );
  const [dx] = runKernel(
    CONV_INPUT_GRADIENT,
    { dy: tf.concat(taps, 1), weight: tf.tensor4d(filters, [places, 1, size, size]) },
    { stride, pad, depthwise: false, inputShape: [batch * channels, 1, height, width] },
  );
  return tf.reshape(dx!, x.shape);
}

tf.registerGradient({
  kernelName: BATCH_NORM,
  inputsToSave: ['x', 'gamma'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, saved, attrs) => {
    const [dy] = dys as Tensor[];
    const [x, gamma, mean, variance] = saved as [Tensor, Tensor, Tensor, Tensor];
    const [batch, , height, width] = (x as Tensor4D).shape;
    const share = tf.scalar(1 / (batch * height * width));
    const inverseStd = tf.rsqrt(tf.add(variance, tf.scalar(attrs['epsilon'] as number)));
    const normalised = channelAffine(x, inverseStd, tf.neg(tf.mul(mean, inverseStd)));
    // sums over batch and pixels: the gradients of beta and gamma
    const total = tf.sum(dy!, [0, 2, 3]);
    const alongNormal = tf.sum(tf.mul(dy!, normalised), [0, 2, 3]);
    return {
      x: () => {
        // dx = gamma / std * (dy - mean(dy) - n * mean(dy * n)),  n = (x - mean) / std
        const scale = tf.mul(gamma, inverseStd);
        const slope = tf.mul(tf.mul(scale, alongNormal), share);
        const level = tf.mul(tf.mul(scale, total), share);
        const correction = channelAffine(normalised, tf.neg(slope), tf.neg(level));
        return tf.add(tf.mul(dy!, perChannel(scale)), correction);
      },
      gamma: () => alongNormal,
      beta: () => total,
    };
  },
});

/** For sequences [B, L, C]: the largest of every `size` neighbours, a rest at the end left out. */
export function maxPool1d(x: Tensor3D, size: number): Tensor3D {
  const [batch, length, channels] = x.shape;
  const groups = Math.floor(length / size);
  return tf.max(
    x
      .slice([0, 0, 0], [batch, groups * size, channels])
      .reshape<Tensor4D>([batch, groups, size, channels]),
    2,
  );
}
