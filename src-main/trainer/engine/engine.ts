/**
 * What an execution engine is to the rest of the trainer.
 *
 * A training step is one pure function of tensors, written in plain TensorFlow.js ops. An engine turns
 * it into a `Program` once and runs that many times. Captured engines (ONNX Runtime) record the ops as
 * a graph; eager engines (tfjs-node-gpu, tfjs wasm) execute them one by one. Model code cannot tell.
 *
 * Parameters and optimiser moments are *state*: they stay where the engine computes (on a GPU, in its
 * memory) between runs. Only `inputs` and `outputs` cross to the host.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { EngineName } from '../../experiment-config.ts';

export type DType = 'float32' | 'int32' | 'uint8' | 'bool';
export type HostArray = Float32Array | Int32Array | Uint8Array;

export interface TensorSpec {
  shape: readonly number[];
  dtype: DType;
}

export interface HostTensor {
  shape: readonly number[];
  data: HostArray;
}

export type Specs = Record<string, TensorSpec>;
export type Tensors = Record<string, Tensor>;

/**
 * One whole step as a pure function. `uint8` inputs arrive as int32 tensors (tfjs has no uint8).
 * State names that are returned replace the old values; those left out stay as they are.
 * Reading a tensor on the host inside a step (`dataSync`) is a programming error and throws.
 */
export type Step = (state: Tensors, inputs: Tensors) => { state?: Tensors; outputs: Tensors };

export interface Program {
  /** Graph nodes (null for eager engines) and how long tracing and compiling took, in ms. */
  readonly stats: { nodes: number | null; traceMs: number; compileMs: number };
  /** Runs one step: reads and replaces `state`, returns the outputs as host arrays. */
  run(state: EngineState, feeds: Record<string, HostArray>): Promise<Record<string, HostArray>>;
  dispose(): Promise<void>;
}

/** Tensors that live with the engine between runs. */
export interface EngineState {
  readonly specs: Specs;
  /** Copies every tensor back to the host. */
  read(): Promise<Record<string, HostTensor>>;
  dispose(): Promise<void>;
}

export interface Engine {
  readonly name: EngineName;
  readonly kind: 'captured' | 'eager';
  /** For people: `ONNX Runtime 1.30.0, cpu, 2 threads`. */
  readonly description: string;
  createState(values: Record<string, HostTensor>): Promise<EngineState>;
  compile(step: Step, specs: { state: Specs; inputs: Specs }): Promise<Program>;
  dispose(): Promise<void>;
}
