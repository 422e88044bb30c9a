/**
 * TensorFlow.js as the trainer uses it: the ops of tfjs-core, with the gradients registered.
 *
 * tfjs-core alone knows no gradient; the union package registers them all as a side effect (and the
 * `cpu` backend, which the wasm engine borrows kernels from).
 */
import '@tensorflow/tfjs';

export * from '@tensorflow/tfjs-core';
