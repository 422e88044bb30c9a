/**
 * Eager engines: tfjs backends that execute a step op by op, the same model code without a graph.
 *
 * `wasm` works everywhere and is slow; kernels its backend lacks are borrowed from tfjs's `cpu` backend.
 * `tensorflow` is the optional package @tensorflow/tfjs-node-gpu, for whoever has it working.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type {
  Engine,
  EngineState,
  HostArray,
  HostTensor,
  Program,
  Specs,
  Step,
  Tensors,
} from './engine.ts';
import { sizeOf } from './graph.ts';
import { checkedFeed } from './session.ts';
import * as tf from './tf.ts';

type Backend = 'wasm' | 'tensorflow';

const require = createRequire(import.meta.url);

/** Opens the WebAssembly engine (SIMD where the processor has it). Throws where it cannot start. */
export async function openWasmEngine(): Promise<Engine> {
  const { setWasmPaths, version_wasm: version } = await import('@tensorflow/tfjs-backend-wasm');
  const entry = require.resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(join(dirname(entry), '/'));
  if (!(await tf.setBackend('wasm')))
    throw new Error('The WebAssembly backend of TensorFlow.js did not start.');
  borrowKernels();
  return new EagerEngine('wasm', `TensorFlow.js ${version}, WebAssembly, 1 thread`);
}

/** Opens tfjs-node-gpu. Throws where the package or its native part is missing or does not load. */
export async function openTensorFlowEngine(): Promise<Engine> {
  mendNodeUtil(require);
  const { version } = require('@tensorflow/tfjs-node-gpu') as {
    version: Record<string, string | undefined>;
  };
  if (!(await tf.setBackend('tensorflow')))
    throw new Error('The native part of @tensorflow/tfjs-node-gpu did not start.');
  return new EagerEngine(
    'tensorflow',
    `TensorFlow.js ${version['tfjs-node'] ?? '4'}, libtensorflow`,
  );
}

/** tfjs-node 4.22 calls `util.isNullOrUndefined` in every op; Node 23 removed it. */
export function mendNodeUtil(load: NodeJS.Require): void {
  const util = load('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
}

class EagerEngine implements Engine {
  readonly name: Backend;
  readonly kind = 'eager';
  readonly description: string;

  constructor(name: Backend, description: string) {
    this.name = name;
    this.description = description;
  }

  async createState(values: Record<string, HostTensor>): Promise<EngineState> {
    await tf.setBackend(this.name);
    const specs: Specs = {};
    const tensors: Tensors = {};
    for (const [name, { shape, data }] of Object.entries(values)) {
      if (data instanceof Uint8Array)
        throw new Error(`State ${name} is uint8; state is float32 or int32.`);
      if (data.length !== sizeOf(shape))
        throw new Error(
          `State ${name} has ${data.length} elements, its shape [${shape}] another number.`,
        );
      const dtype = data instanceof Float32Array ? 'float32' : 'int32';
      specs[name] = { shape, dtype };
      tensors[name] = tf.keep(tf.tensor(data.slice(), [...shape], dtype));
    }
    return new EagerState(specs, tensors);
  }

  async compile(step: Step, specs: { state: Specs; inputs: Specs }): Promise<Program> {
    return new EagerProgram(this.name, step, specs);
  }

  async dispose(): Promise<void> {
    // the backend is shared by all engines of its kind in this process; it holds no tensors of ours
  }
}

class EagerState implements EngineState {
  readonly specs: Specs;
  readonly tensors: Tensors;

  constructor(specs: Specs, tensors: Tensors) {
    this.specs = specs;
    this.tensors = tensors;
  }

  async read(): Promise<Record<string, HostTensor>> {
    const entries = Object.entries(this.tensors).map(async ([name, tensor]) => {
      const data = (await tensor.data()) as HostArray;
      return [name, { shape: this.specs[name]!.shape, data: data.slice() }] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  async dispose(): Promise<void> {
    tf.dispose(this.tensors);
    for (const name of Object.keys(this.tensors)) delete this.tensors[name];
  }
}

class EagerProgram implements Program {
  readonly stats = { nodes: null, traceMs: 0, compileMs: 0 };
  readonly #backend: Backend;
  readonly #step: Step;
  readonly #specs: { state: Specs; inputs: Specs };

  constructor(backend: Backend, step: Step, specs: { state: Specs; inputs: Specs }) {
    this.#backend = backend;
    this.#step = step;
    this.#specs = specs;
  }

  async run(
    state: EngineState,
    feeds: Record<string, HostArray>,
  ): Promise<Record<string, HostArray>> {
    if (!(state instanceof EagerState))
      throw new Error(`This state belongs to another engine than ${this.#backend}.`);
    await tf.setBackend(this.#backend);
    const { next, outputs } = tf.tidy(() => {
      const result = this.#step({ ...state.tensors }, this.#inputs(feeds));
      // clones: a step may return a tensor twice, or its own state
      return { next: clones(result.state ?? {}), outputs: clones(result.outputs) };
    });
    const host: Record<string, HostArray> = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      host[name] = ((await tensor.data()) as HostArray).slice();
      tensor.dispose();
    }
    for (const [name, tensor] of Object.entries(next)) {
      const spec = state.specs[name];
      if (!spec) throw new Error(`The step returns state ${name}, which is not among its state.`);
      state.tensors[name]!.dispose();
      state.tensors[name] = tf.keep(tensor);
    }
    return host;
  }

  #inputs(feeds: Record<string, HostArray>): Tensors {
    return Object.fromEntries(
      Object.entries(this.#specs.inputs).map(([name, { shape, dtype }]) => {
        const data = checkedFeed(name, feeds[name], shape);
        // tfjs has no uint8
        const values = dtype === 'uint8' ? Int32Array.from(data) : data;
        return [name, tf.tensor(values, [...shape], dtype === 'uint8' ? 'int32' : dtype)];
      }),
    );
  }

  async dispose(): Promise<void> {}
}

const clones = (tensors: Tensors): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tf.clone(tensor)]));

/** What of a tfjs backend moving tensors between two of them needs. */
interface Storage {
  readSync(dataId: object): tf.BackendValues;
  write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object;
  disposeData(dataId: object): boolean;
}

/**
 * Kernels whose wasm version is wrong in tfjs 4.22: GatherV2 takes every batch's rows from the first,
 * OneHot writes float on and off values as integers.
 */
const WRONG_ON_WASM = ['GatherV2', 'OneHot'];

/** Gives the wasm backend the kernels it lacks from the `cpu` backend, at the price of a copy. */
function borrowKernels(): void {
  const cpu = tf.engine().findBackend('cpu') as tf.KernelBackend & Storage;
  // else it prints an advertisement for tfjs-node on its first use
  Reflect.set(cpu, 'firstUse', false);
  for (const kernelName of WRONG_ON_WASM)
    if (tf.getKernel(kernelName, 'wasm')) tf.unregisterKernel(kernelName, 'wasm');
  mendCast();
  const own = new Set(tf.getKernelsForBackend('wasm').map(({ kernelName }) => kernelName));
  for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('cpu')) {
    if (own.has(kernelName)) continue;
    tf.registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc: ({ inputs, attrs, backend }) => {
        const wasm = backend as Storage;
        const move = (info: tf.TensorInfo, from: Storage, to: Storage): tf.TensorInfo => ({
          ...info,
          dataId: to.write(
            typedValues(from.readSync(info.dataId), info.dtype),
            info.shape,
            info.dtype,
          ),
        });
        // a kernel of a list of tensors gets an array for its inputs
        const borrowed: tf.NamedTensorInfoMap = Object.assign(Array.isArray(inputs) ? [] : {});
        for (const [name, info] of Object.entries(inputs)) {
          if (!info) continue;
          const { dataId, shape, dtype } = info;
          borrowed[name] = move({ dataId, shape, dtype }, wasm, cpu);
        }
        const result = kernelFunc({ inputs: borrowed, backend: cpu, ...(attrs && { attrs }) });
        const outputs = Array.isArray(result) ? result : [result];
        const moved = outputs.map((info) => move(info, cpu, wasm));
        // an output may share its data with an input: each holds one reference of its own
        for (const info of [...outputs, ...Object.values(borrowed)])
          if (info) cpu.disposeData(info.dataId);
        return moved.length === 1 ? moved[0]! : moved;
      },
    });
  }
}

/** wasm's Cast makes 254 of -2 as a bool; whether a number is not 0 is a comparison. */
function mendCast(): void {
  const own = tf.getKernel('Cast', 'wasm');
  if (mended.has(own.kernelFunc)) return;
  const kernelFunc: tf.KernelFunc = (call) => {
    const x = call.inputs.x as tf.Tensor;
    if (call.attrs?.dtype !== 'bool' || x.dtype === 'bool') return own.kernelFunc(call);
    return tf.tidy(() => tf.notEqual(x, tf.zerosLike(x)));
  };
  mended.add(kernelFunc);
  tf.unregisterKernel('Cast', 'wasm');
  tf.registerKernel({ ...own, kernelFunc });
}

const mended = new WeakSet<tf.KernelFunc>();

/** The `cpu` backend may hold whole numbers where floats are meant; wasm copies bytes. */
function typedValues(values: tf.BackendValues, dtype: tf.DataType): tf.BackendValues {
  if (dtype === 'float32' && !(values instanceof Float32Array))
    return Float32Array.from(values as ArrayLike<number>);
  if (dtype === 'int32' && !(values instanceof Int32Array))
    return Int32Array.from(values as ArrayLike<number>);
  return values;
}
