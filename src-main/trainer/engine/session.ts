/**
 * Captured engines: a step is recorded (capture.ts), written as ONNX (onnx.ts) and run by ONNX Runtime
 * on one execution provider, all of it or not at all.
 *
 * State never leaves the engine between runs. On a GPU it is fed back as device buffers and read through
 * a session of Identity nodes (`getData()` on a device tensor ends the process in onnxruntime-node 1.30).
 * On the processor two sets of arrays take turns: one is read while the other is written, without a copy.
 */
import * as ort from 'onnxruntime-node';
import { capture, inputName, nextName, outputName, stateName } from './capture.ts';
import type { CapturedStep } from './capture.ts';
import type {
  DType,
  Engine,
  EngineState,
  HostArray,
  HostTensor,
  Program,
  Specs,
  Step,
} from './engine.ts';
import { sizeOf } from './graph.ts';
import { encodeModel } from './onnx.ts';
import type { OnnxGraph } from './onnx.ts';

/** Execution providers of ONNX Runtime that the trainer knows. */
export const PROVIDERS = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** Providers whose state can stay in device buffers, as far as onnxruntime-node binds them. */
const KEEPS_STATE_ON_DEVICE: ReadonlySet<Provider> = new Set<Provider>(['webgpu']);

export interface OrtOptions {
  /** Threads for one operator on the processor. */
  threads: number;
  /** Writes ONNX Runtime's own profile, a Chrome trace, to PREFIX_*.json. */
  profilePrefix?: string;
}

export function openOrtEngine(provider: Provider, options: OrtOptions): Engine {
  return new OrtEngine(provider, options);
}

class OrtEngine implements Engine {
  readonly name: Provider;
  readonly kind = 'captured';
  readonly description: string;
  readonly #options: OrtOptions;
  readonly #copiers = new Map<string, Promise<ort.InferenceSession>>();

  constructor(provider: Provider, options: OrtOptions) {
    this.name = provider;
    this.#options = options;
    const version = ort.env.versions.node ?? ort.env.versions.common;
    const threads = `${options.threads} ${options.threads === 1 ? 'thread' : 'threads'}`;
    this.description = `ONNX Runtime ${version}, ${provider}${provider === 'cpu' ? `, ${threads}` : ''}`;
  }

  get #device(): boolean {
    return KEEPS_STATE_ON_DEVICE.has(this.name);
  }

  async createState(values: Record<string, HostTensor>): Promise<EngineState> {
    const specs: Specs = {};
    const tensors: Record<string, ort.Tensor> = {};
    for (const [name, { shape, data }] of Object.entries(values)) {
      const dtype = data instanceof Float32Array ? 'float32' : 'int32';
      if (data instanceof Uint8Array)
        throw new Error(`State ${name} is uint8; state is float32 or int32.`);
      if (data.length !== sizeOf(shape))
        throw new Error(
          `State ${name} has ${data.length} elements, its shape [${shape}] another number.`,
        );
      specs[name] = { shape, dtype };
      // a copy: the engine overwrites its state in place
      tensors[name] = hostTensor(dtype, shape, data.slice());
    }
    const stateless = Object.keys(specs).length === 0;
    if (!this.#device || stateless) return new OrtState(specs, tensors, this);
    const upload = await this.#copier(specs, 'to-device');
    return new OrtState(specs, await copy(upload, tensors), this);
  }

  async compile(step: Step, specs: { state: Specs; inputs: Specs }): Promise<Program> {
    const started = performance.now();
    const captured = capture(step, specs, this.name === 'cpu' ? 'processor' : 'gpu');
    const traced = performance.now();
    const onDevice = this.#device ? captured.replaces.map(nextName) : [];
    const session = await this.createSession(captured.graph, onDevice);
    const compiled = performance.now();
    return new OrtProgram(this, session, captured, specs, {
      nodes: captured.graph.nodes.length,
      traceMs: traced - started,
      compileMs: compiled - traced,
    });
  }

  /** @param onDevice names of outputs that stay in device memory */
  async createSession(
    graph: OnnxGraph,
    onDevice: readonly string[] = [],
  ): Promise<ort.InferenceSession> {
    const { threads, profilePrefix } = this.#options;
    try {
      return await ort.InferenceSession.create(encodeModel(graph), {
        ...sessionOptions(this.name),
        intraOpNumThreads: threads,
        ...(profilePrefix && { enableProfiling: true, profileFilePrefix: profilePrefix }),
        ...(onDevice.length > 0 && {
          preferredOutputLocation: Object.fromEntries(
            graph.outputs.map(({ name }) => [name, onDevice.includes(name) ? 'gpu-buffer' : 'cpu']),
          ),
        }),
      });
    } catch (cause) {
      const missing = isFallback(cause) ? await missingOperators(this.name, graph) : [];
      const reason =
        missing.length > 0
          ? `it has no operator for ${missing.join(', ')}. Choose another engine (cpu runs everything).`
          : messageOf(cause);
      throw new Error(`ONNX Runtime cannot run this step on ${this.name}: ${reason}`, { cause });
    }
  }

  /** Copies state back to the host. */
  async readState(
    specs: Specs,
    tensors: Record<string, ort.Tensor>,
  ): Promise<Record<string, HostTensor>> {
    const host = this.#device ? await copy(await this.#copier(specs, 'to-host'), tensors) : tensors;
    return Object.fromEntries(
      Object.entries(host).map(([name, tensor]) => [
        name,
        { shape: specs[name]!.shape, data: (tensor.data as HostArray).slice() },
      ]),
    );
  }

  async dispose(): Promise<void> {
    const sessions = await Promise.all(this.#copiers.values());
    this.#copiers.clear();
    await Promise.all(sessions.map((session) => session.release()));
  }

  /** A session with one Identity node per tensor, for the way to the device or back. */
  #copier(specs: Specs, direction: 'to-device' | 'to-host'): Promise<ort.InferenceSession> {
    const key = `${direction} ${JSON.stringify(specs)}`;
    const known = this.#copiers.get(key);
    if (known) return known;
    const values = Object.entries(specs).map(([name, { shape, dtype }]) => ({
      name,
      type: dtype,
      shape,
    }));
    const copies = values.map((value) => ({ ...value, name: copyName(value.name) }));
    const session = this.createSession(
      {
        nodes: values.map(({ name }) => ({
          op: 'Identity',
          inputs: [name],
          outputs: [copyName(name)],
          attributes: {},
        })),
        inputs: values,
        outputs: copies,
        constants: [],
      },
      direction === 'to-device' ? copies.map(({ name }) => name) : [],
    );
    this.#copiers.set(key, session);
    return session;
  }
}

const sessionOptions = (provider: Provider): ort.InferenceSession.SessionOptions => ({
  executionProviders: [provider],
  graphOptimizationLevel: 'all',
  // what goes wrong is thrown: nothing is printed but what ends the process
  logSeverityLevel: 4,
  extra: {
    session:
      provider === 'cpu'
        ? // threads that spin on after a run would take the cores from the next program's session
          { force_spinning_stop: '1' }
        : // no node may move quietly to the processor
          { disable_cpu_ep_fallback: '1' },
  },
});

const isFallback = (cause: unknown): boolean => /fallback to CPU EP/.test(messageOf(cause));

/** The operators a provider would have left to the processor, found by trying each kind alone. */
async function missingOperators(provider: Provider, graph: OnnxGraph): Promise<string[]> {
  const values = new Map(
    [...graph.inputs, ...graph.constants, ...(graph.computed ?? []), ...graph.outputs].map(
      (value) => [value.name, value],
    ),
  );
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant]));
  const tried = new Map<string, boolean>();
  for (const node of graph.nodes) {
    const inputs = node.inputs.flatMap((name) => values.get(name) ?? []);
    const types = inputs.map(({ type, shape }) => `${type}${shape.length === 0 ? ' scalar' : ''}`);
    const description = `${node.op} (${types.join(', ')})`;
    if (tried.has(description)) continue;
    const alone: OnnxGraph = {
      nodes: [node],
      inputs: [...new Set(inputs)].filter(({ name }) => !constants.has(name)),
      outputs: node.outputs.flatMap((name) => values.get(name) ?? []),
      constants: [...new Set(node.inputs)].flatMap((name) => constants.get(name) ?? []),
    };
    try {
      const session = await ort.InferenceSession.create(
        encodeModel(alone),
        sessionOptions(provider),
      );
      await session.release();
      tried.set(description, true);
    } catch {
      tried.set(description, false);
    }
  }
  return [...tried].flatMap(([description, placed]) => (placed ? [] : [description]));
}

const copyName = (name: string): string => `copy:${name}`;

async function copy(
  session: ort.InferenceSession,
  tensors: Record<string, ort.Tensor>,
): Promise<Record<string, ort.Tensor>> {
  const copies = await session.run(tensors);
  return Object.fromEntries(Object.keys(tensors).map((name) => [name, copies[copyName(name)]!]));
}

class OrtState implements EngineState {
  readonly specs: Specs;
  readonly #engine: OrtEngine;
  readonly #tensors: Record<string, ort.Tensor>;
  /** On the processor: arrays the next value is written into. */
  readonly #spare: Record<string, ort.Tensor> = {};

  constructor(specs: Specs, tensors: Record<string, ort.Tensor>, engine: OrtEngine) {
    this.specs = specs;
    this.#tensors = tensors;
    this.#engine = engine;
  }

  tensor(name: string): ort.Tensor {
    const tensor = this.#tensors[name];
    if (!tensor) throw new Error(`There is no state called ${name}.`);
    return tensor;
  }

  /** Where the next value of a host tensor goes; null on a device, which allocates it itself. */
  target(name: string): ort.Tensor | null {
    const current = this.tensor(name);
    if (current.location !== 'cpu') return null;
    const { shape, dtype } = this.specs[name]!;
    return (this.#spare[name] ??= hostTensor(dtype, shape, emptyArray(dtype, sizeOf(shape))));
  }

  replace(name: string, next: ort.Tensor): void {
    const old = this.tensor(name);
    this.#tensors[name] = this.#spare[name] ?? next;
    if (old.location === 'cpu') this.#spare[name] = old;
    else old.dispose();
  }

  read(): Promise<Record<string, HostTensor>> {
    return this.#engine.readState(this.specs, this.#tensors);
  }

  async dispose(): Promise<void> {
    for (const [name, tensor] of Object.entries(this.#tensors)) {
      if (tensor.location !== 'cpu') tensor.dispose();
      delete this.#tensors[name];
      delete this.#spare[name];
    }
  }
}

class OrtProgram implements Program {
  readonly stats: Program['stats'];
  readonly #engine: OrtEngine;
  readonly #session: ort.InferenceSession;
  readonly #step: CapturedStep;
  readonly #specs: { state: Specs; inputs: Specs };

  constructor(
    engine: OrtEngine,
    session: ort.InferenceSession,
    step: CapturedStep,
    specs: { state: Specs; inputs: Specs },
    stats: Program['stats'],
  ) {
    this.#engine = engine;
    this.#session = session;
    this.#step = step;
    this.#specs = specs;
    this.stats = stats;
  }

  async run(
    state: EngineState,
    feeds: Record<string, HostArray>,
  ): Promise<Record<string, HostArray>> {
    if (!(state instanceof OrtState))
      throw new Error(`This state belongs to another engine than ${this.#engine.name}.`);
    const inputs: Record<string, ort.Tensor> = {};
    for (const name of this.#step.reads) inputs[stateName(name)] = state.tensor(name);
    for (const name of this.#step.inputs) {
      const { shape, dtype } = this.#specs.inputs[name]!;
      inputs[inputName(name)] = hostTensor(dtype, shape, checkedFeed(name, feeds[name], shape));
    }
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const name of this.#step.replaces) fetches[nextName(name)] = state.target(name);
    for (const name of Object.keys(this.#step.outputs)) fetches[outputName(name)] = null;
    const results = await this.#session.run(inputs, fetches);
    for (const name of this.#step.replaces) state.replace(name, results[nextName(name)]!);
    return Object.fromEntries(
      Object.keys(this.#step.outputs).map((name) => [
        name,
        results[outputName(name)]!.data as HostArray,
      ]),
    );
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}

function hostTensor(dtype: DType, shape: readonly number[], data: HostArray): ort.Tensor {
  return new ort.Tensor(dtype, data, shape);
}

function emptyArray(dtype: DType, size: number): HostArray {
  if (dtype === 'float32') return new Float32Array(size);
  return dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size);
}

/** The array fed for an input. Throws where it is missing or has another length than the input. */
export function checkedFeed(
  name: string,
  data: HostArray | undefined,
  shape: readonly number[],
): HostArray {
  if (!data) throw new Error(`Input ${name} was not fed.`);
  if (data.length !== sizeOf(shape))
    throw new Error(
      `Input ${name} has ${data.length} elements instead of ${sizeOf(shape)} ([${shape}]).`,
    );
  return data;
}

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);
