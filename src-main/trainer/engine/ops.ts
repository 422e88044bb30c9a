/**
 * Composite ops: one kernel name each, so that a captured engine can emit one fused node, with an
 * analytic gradient that reuses what the forward pass already computed. Eager engines run the
 * composition given here. To model code these are ordinary differentiable ops.
 */
import * as tf from './tf.ts';
import type { NamedAttrMap, Tensor } from './tf.ts';

/** Kernel names, as the capture backend maps them (kernels.ts). */
export const LAYER_NORM = 'HuggingGreenLayerNorm';
export const GELU = 'HuggingGreenGelu';
export const GELU_GRADIENT = 'HuggingGreenGeluGradient';
export const ATTENTION = 'HuggingGreenAttention';

/** Backends that execute the composition; the capture backend registers its own mapping. */
const EAGER_BACKENDS = ['cpu', 'wasm', 'tensorflow'];

const SQRT_HALF = Math.SQRT1_2;
const INV_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);

/**
 * Layer normalisation over the last axis: y = (x - mean) / sqrt(var + eps) * gamma + beta, with the
 * biased variance (Ba et al. 2016).
 * @param x [..., D]
 * @param gamma [D]
 * @param beta [D]
 */
export function layerNorm(x: Tensor, gamma: Tensor, beta: Tensor, eps = 1e-5): Tensor {
  const [y] = runKernel(LAYER_NORM, { x, gamma, beta }, { epsilon: eps });
  return y!;
}

/** GELU with the exact error function: x * Phi(x) (Hendrycks and Gimpel 2016). Any shape. */
export function gelu(x: Tensor): Tensor {
  const [y] = runKernel(GELU, { x }, {});
  return y!;
}

/**
 * Scaled dot-product attention: softmax(scale * q kᵀ) v (Vaswani et al. 2017, eq. 1). The gradient uses
 * dS = P * (dO vᵀ - rowsum(dO * O)), which needs no pass over the softmax of its own (Dao et al. 2022,
 * section B.2).
 * @param q [..., n, d]
 * @param k [..., m, d]
 * @param v [..., m, e]
 * @returns [..., n, e]
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, scale: number): Tensor {
  return attentionAndWeights(q, k, v, scale).out;
}

/**
 * The same with its weights [..., n, m]: they cost nothing more.
 * @param differentiable whether a gradient flows back through the weights too, which costs two passes over them;
 * else they are constants.
 */
export function attentionAndWeights(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  scale: number,
  differentiable = false,
): { out: Tensor; weights: Tensor } {
  const [out, weights] = runKernel(ATTENTION, { q, k, v }, { scale, differentiable });
  return { out: out!, weights: weights! };
}

/** The same numbers, but a constant for the gradient. */
export function detach(x: Tensor): Tensor {
  return tf.customGrad((values) => ({
    value: (values as Tensor).clone(),
    gradFunc: (dy: Tensor) => tf.zerosLike(dy),
  }))(x);
}

/** Runs a kernel by name; its results as a list, one where it has one. */
export function runKernel(
  name: string,
  inputs: Record<string, Tensor>,
  attrs: NamedAttrMap,
): readonly Tensor[] {
  // tfjs types a kernel's result as one tensor or several; what comes back is decided by the kernel
  const result: Tensor | Tensor[] = tf.engine().runKernel(name, inputs, attrs);
  return Array.isArray(result) ? result : [result];
}

type Composition = (inputs: Record<string, Tensor>, attrs: NamedAttrMap) => Tensor | Tensor[];

/** Gives every eager backend a kernel of this name: tfjs ops to run in its place. */
export function registerComposition(kernelName: string, compose: Composition): void {
  for (const backendName of EAGER_BACKENDS)
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) =>
        tf.tidy(() => compose(inputs as Record<string, Tensor>, attrs ?? {})),
    });
}

/** Sums over every axis but the last: the gradient of something broadcast along the last axis. */
function sumToLast(t: Tensor): Tensor {
  return tf.sum(tf.reshape(t, [-1, t.shape.at(-1)!]), 0);
}

// Outputs: y, and for the gradient the mean and 1/std of each row ([..., 1])
registerComposition(LAYER_NORM, ({ x, gamma, beta }, { epsilon }) => {
  const mean = tf.mean(x!, -1, true);
  const centred = tf.sub(x!, mean);
  const inverseStd = tf.rsqrt(
    tf.add(tf.mean(tf.square(centred), -1, true), tf.scalar(epsilon as number)),
  );
  return [tf.add(tf.mul(tf.mul(centred, inverseStd), gamma!), beta!), mean, inverseStd];
});

tf.registerGradient({
  kernelName: LAYER_NORM,
  inputsToSave: ['x', 'gamma'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, saved) => {
    const [dy] = dys as Tensor[];
    const [x, gamma, mean, inverseStd] = saved as [Tensor, Tensor, Tensor, Tensor];
    const normalised = tf.mul(tf.sub(x, mean), inverseStd);
    return {
      x: () => {
        // dx = 1/std * (g - mean(g) - n * mean(g * n)),  g = dy * gamma,  n = (x - mean)/std
        const g = tf.mul(dy!, gamma);
        const alongNormal = tf.mean(tf.mul(g, normalised), -1, true);
        const centred = tf.sub(g, tf.mean(g, -1, true));
        return tf.mul(inverseStd, tf.sub(centred, tf.mul(normalised, alongNormal)));
      },
      gamma: () => sumToLast(tf.mul(dy!, normalised)),
      beta: () => sumToLast(dy!),
    };
  },
});

registerComposition(GELU, ({ x }) =>
  tf.mul(
    tf.mul(x!, tf.scalar(0.5)),
    tf.add(tf.erf(tf.mul(x!, tf.scalar(SQRT_HALF))), tf.scalar(1)),
  ),
);

tf.registerGradient({
  kernelName: GELU,
  inputsToSave: ['x'],
  gradFunc: (dy, saved) => ({
    x: () => runKernel(GELU_GRADIENT, { dy: dy as Tensor, x: saved[0]! }, {})[0]!,
  }),
});

registerComposition(GELU_GRADIENT, ({ dy, x }) => {
  // d/dx x Phi(x) = Phi(x) + x phi(x), phi the standard normal density
  const distribution = tf.add(
    tf.mul(tf.erf(tf.mul(x!, tf.scalar(SQRT_HALF))), tf.scalar(0.5)),
    tf.scalar(0.5),
  );
  const density = tf.exp(tf.mul(tf.square(x!), tf.scalar(-0.5)));
  const slope = tf.add(distribution, tf.mul(tf.mul(x!, tf.scalar(INV_SQRT_2PI)), density));
  return tf.mul(dy!, slope);
});

// Outputs: the attended values, and for the gradient the attention weights
registerComposition(ATTENTION, ({ q, k, v }, { scale }) => {
  const scores = tf.matMul(tf.mul(q!, tf.scalar(scale as number)), k!, false, true);
  const weights = tf.softmax(scores);
  return [tf.matMul(weights, v!), weights];
});

tf.registerGradient({
  kernelName: ATTENTION,
  inputsToSave: ['q', 'k', 'v'],
  outputsToSave: [true, true],
  gradFunc: (dys, saved, attrs) => {
    const [dOut, dWeights] = dys as Tensor[];
    const [q, k, v, out, weights] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const scale = tf.scalar(attrs.scale as number);
    const throughOut = tf.matMul(dOut!, v, false, true);
    const ofOut = tf.sum(tf.mul(dOut!, out), -1, true);
    // what arrives at the weights themselves goes the way of what arrives through the output
    const [arriving, delta] = attrs.differentiable
      ? [tf.add(throughOut, dWeights!), tf.add(ofOut, tf.sum(tf.mul(dWeights!, weights), -1, true))]
      : [throughOut, ofOut];
    const dScores = tf.mul(weights, tf.sub(arriving, delta));
    return {
      q: () => tf.mul(tf.matMul(dScores, k), scale),
      k: () => tf.mul(tf.matMul(dScores, q, true, false), scale),
      v: () => tf.matMul(weights, dOut!, true, false),
    };
  },
});
