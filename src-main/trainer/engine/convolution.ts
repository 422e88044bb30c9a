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
export const BATCH_NORM = 'HuggingGreenBatchNorm';

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
