/**
 * Records a step: a tfjs backend that computes nothing and notes every kernel as ONNX nodes.
 *
 * Model code, tfjs's automatic differentiation and the optimiser run once, on tensors that have shapes
 * but no numbers; what comes out is the graph of the whole training step. See README.md beside this file.
 */
import { Graph } from './graph.ts';
import type { Target, Value } from './graph.ts';
import type { Specs, Step, Tensors } from './engine.ts';
import { Attrs, kernels, onnxType } from './kernels.ts';
import type { OnnxGraph } from './onnx.ts';
import * as tf from './tf.ts';

const BACKEND = 'capture';

/** A recorded step. Graph inputs and outputs are called `state:NAME`, `input:NAME` and `output:NAME`. */
export interface CapturedStep {
  graph: OnnxGraph;
  /** State tensors the step reads, and those it replaces. */
  reads: string[];
  replaces: string[];
  /** Inputs the step uses; the others need not be fed. */
  inputs: string[];
  outputs: Specs;
}

/**
 * Runs `step` once on the capture backend. Throws where it reads a number on the host, uses a tensor from
 * outside, or calls a kernel that has no mapping; the message names the op.
 */
export function capture(
  step: Step,
  specs: { state: Specs; inputs: Specs },
  target: Target = 'processor',
): CapturedStep {
  const previous = tf.engine().backendName;
  const graph = new Graph(target);
  recorder.begin(graph);
  // synchronous in effect: the backend's factory is
  void tf.setBackend(BACKEND);
  tf.engine().startScope('capture');
  try {
    const state: Tensors = {};
    for (const [name, { shape, dtype }] of Object.entries(specs.state))
      state[name] = recorder.tensor(graph.input(stateName(name), onnxType(dtype), shape));
    const inputs: Tensors = {};
    for (const [name, { shape, dtype }] of Object.entries(specs.inputs)) {
      const value = graph.input(inputName(name), dtype, shape);
      // tfjs has no uint8: the step sees int32, and a cast to float goes straight from the bytes
      inputs[name] = recorder.tensor(dtype === 'uint8' ? graph.cast(value, 'int32') : value);
    }
    const result = step(state, inputs);
    return finish(graph, specs, result);
  } finally {
    tf.engine().endScope();
    recorder.end();
    if (previous && previous !== BACKEND) void tf.setBackend(previous);
  }
}

export const stateName = (name: string): string => `state:${name}`;
export const inputName = (name: string): string => `input:${name}`;
export const outputName = (name: string): string => `output:${name}`;
/** The new value of a state tensor. */
export const nextName = (name: string): string => `next:${name}`;

function finish(
  graph: Graph,
  specs: { state: Specs; inputs: Specs },
  result: ReturnType<Step>,
): CapturedStep {
  const next = Object.entries(result.state ?? {}).map(([name, tensor]) => {
    const spec = specs.state[name];
    if (!spec) throw new Error(`The step returns state ${name}, which is not among its state.`);
    if (tensor.shape.join() !== spec.shape.join() || tensor.dtype !== spec.dtype)
      throw new Error(
        `The step returns state ${name} as ${tensor.dtype} [${tensor.shape}] instead of ${spec.dtype} [${spec.shape}].`,
      );
    return { name: nextName(name), value: recorder.value(tensor) };
  });
  const outputs = Object.entries(result.outputs).map(([name, tensor]) => ({
    name: outputName(name),
    value: recorder.value(tensor),
  }));
  const finished = graph.finish([...next, ...outputs]);
  const used = new Set(finished.inputs.map(({ name }) => name));
  return {
    graph: finished,
    reads: Object.keys(specs.state).filter((name) => used.has(stateName(name))),
    replaces: Object.keys(result.state ?? {}),
    inputs: Object.keys(specs.inputs).filter((name) => used.has(inputName(name))),
    outputs: Object.fromEntries(
      Object.entries(result.outputs).map(([name, { shape, dtype }]) => [
        name,
        { shape, dtype: onnxType(dtype) as 'float32' | 'int32' | 'bool' },
      ]),
    ),
  };
}

/** tfjs's view of a tensor without numbers: an id that stands for a value of the graph. */
class CaptureBackend extends tf.KernelBackend {
  #graph: Graph | null = null;
  #values = new WeakMap<object, Value>();
  /** Which kernel made a tensor: the message of a host read names it. */
  #madeBy = new WeakMap<object, string>();

  begin(graph: Graph): void {
    if (this.#graph) throw new Error('A step is being captured inside another one.');
    this.#graph = graph;
  }

  end(): void {
    this.#graph = null;
    this.#values = new WeakMap();
    this.#madeBy = new WeakMap();
  }

  tensor(value: Value): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.info(value));
  }

  info(value: Value, kernel?: string): tf.TensorInfo {
    const dataId = {};
    this.#values.set(dataId, value);
    if (kernel) this.#madeBy.set(dataId, kernel);
    // every integer is int32 to tfjs
    const dtype = value.type === 'float32' || value.type === 'bool' ? value.type : 'int32';
    return { dataId, shape: [...value.shape], dtype };
  }

  value(tensor: tf.TensorInfo): Value {
    const value = this.#values.get(tensor.dataId);
    if (!value) throw foreignTensor();
    return value;
  }

  call(name: string, inputs: tf.NamedTensorInfoMap, attrs: tf.NamedAttrMap | undefined): Value[] {
    const graph = this.#current();
    const mapping = kernels[name];
    if (!mapping)
      throw new Error(
        `A captured step cannot use the tfjs kernel ${name}: it has no ONNX mapping yet (see engine/README.md on how to add one).`,
      );
    const values = Object.entries(inputs).flatMap(([key, info]) =>
      info ? [[key, this.value(info)] as const] : [],
    );
    const result = mapping({
      graph,
      inputs: Object.fromEntries(values),
      list: values.map(([, value]) => value),
      attrs: new Attrs(attrs),
    });
    return Array.isArray(result) ? result : [result];
  }

  override write(values: tf.BackendValues | null, shape: number[], dtype: tf.DataType): object {
    const type = onnxType(dtype);
    const numbers = values as ArrayLike<number>;
    return this.info(this.#current().constant(type, shape, numbers)).dataId;
  }

  override readSync(dataId: object): tf.BackendValues {
    throw this.#hostRead(dataId);
  }

  override read(dataId: object): Promise<tf.BackendValues> {
    return Promise.reject(this.#hostRead(dataId));
  }

  override move(): void {
    throw foreignTensor();
  }

  override disposeData(): boolean {
    // values live as long as the graph; tfjs forgets its tensors, the nodes stay
    return true;
  }

  override incRef(): void {}

  override refCount(): number {
    return 1;
  }

  override numDataIds(): number {
    return 0;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {
    this.end();
  }

  #hostRead(dataId: object): Error {
    const what = this.#madeBy.has(dataId)
      ? `the result of ${this.#madeBy.get(dataId)}`
      : 'a tensor';
    return new Error(
      `A captured step reads ${what} on the host, but has no numbers yet. Return it as an output instead.`,
    );
  }

  #current(): Graph {
    if (!this.#graph) throw new Error('No step is being captured.');
    return this.#graph;
  }
}

const foreignTensor = (): Error =>
  new Error(
    'A captured step uses a tensor made outside of it: make it inside the step, or hand it in as an input.',
  );

const recorder = new CaptureBackend();
tf.registerBackend(BACKEND, () => recorder, -1);
// Every kernel name tfjs knows, so that one without a mapping fails with a sentence of ours
for (const kernelName of new Set([...Object.keys(kernels), ...tfjsKernelNames()]))
  tf.registerKernel({
    kernelName,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs }) => {
      const infos = recorder
        .call(kernelName, inputs, attrs)
        .map((value) => recorder.info(value, kernelName));
      return infos.length === 1 ? infos[0]! : infos;
    },
  });

/** The kernels of the `cpu` backend, which is complete. */
function tfjsKernelNames(): string[] {
  return tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName);
}
