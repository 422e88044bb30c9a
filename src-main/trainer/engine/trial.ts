/**
 * A short timed trial of an engine, in a process of its own: a broken driver may end the process that
 * loads it, or hang.
 *
 * The child is started from source text (`node -e`), not from a file, so that it works the same from
 * TypeScript sources and from a bundle. Its functions may therefore use their arguments and nothing else.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { Graph } from './graph.ts';
import { kernels, Attrs } from './kernels.ts';
import type { Value } from './graph.ts';
import { encodeModel } from './onnx.ts';
import type { OnnxGraph } from './onnx.ts';
import type { Provider } from './session.ts';

export type TrialResult =
  /** @param gflops billions of floating-point operations per second, in the fastest of a few runs */
  { ok: true; gflops: number } | { ok: false; reason: string };

const LIMIT_MS = 30_000;
const RUNS = 4;

/** Attention over [batch, tokens, width], a few times over: products and softmax, as in a ViT. */
export interface TrialSize {
  shape: [batch: number, tokens: number, width: number];
  rounds: number;
  /** Of the products, in all rounds. */
  gflop: number;
}

function size(batch: number, tokens: number, width: number, rounds: number): TrialSize {
  const gflop = (rounds * 2 * 2 * batch * tokens * tokens * width) / 1e9;
  return { shape: [batch, tokens, width], rounds, gflop };
}

/** Tells whether an engine works, and is enough for a slow one. */
export const SMALL = size(4, 64, 64, 2);
/** Enough work that a GPU is not judged by the time it takes to launch a kernel. */
export const LARGE = size(16, 256, 128, 4);
/** Engines below this are not asked to do the large one. */
export const SLOW_GFLOPS = 3;

const require = createRequire(import.meta.url);

/** Times the trial on an execution provider of ONNX Runtime. */
export function tryProvider(provider: Provider, threads: number): Promise<TrialResult> {
  return runChild(providerTrial, {
    module: require.resolve('onnxruntime-node'),
    provider,
    threads,
    sizes: [SMALL, LARGE].map((size) => ({
      ...size,
      model: Buffer.from(encodeModel(trialGraph(size))).toString('base64'),
    })),
    runs: RUNS,
    slow: SLOW_GFLOPS,
  });
}

/** Times products of the same size on @tensorflow/tfjs-node-gpu. */
export function tryTensorFlow(): Promise<TrialResult> {
  return runChild(tensorFlowTrial, {
    module: '@tensorflow/tfjs-node-gpu',
    sizes: [SMALL, LARGE],
    runs: RUNS,
    slow: SLOW_GFLOPS,
  });
}

function trialGraph({ shape, rounds }: TrialSize): OnnxGraph {
  const graph = new Graph();
  const call = (name: string, inputs: Record<string, Value>, attrs = {}): Value => {
    const result = kernels[name]!({
      graph,
      inputs,
      list: Object.values(inputs),
      attrs: new Attrs(attrs),
    });
    return Array.isArray(result) ? result[0]! : result;
  };
  let x = graph.input('x', 'float32', shape);
  for (let round = 0; round < rounds; round++) {
    const scores = call('BatchMatMul', { a: x, b: x }, { transposeA: false, transposeB: true });
    const weights = call('Softmax', { logits: scores }, { dim: -1 });
    x = call('BatchMatMul', { a: weights, b: x }, { transposeA: false, transposeB: false });
  }
  return graph.finish([{ name: 'y', value: call('Sum', { x }, {}) }]);
}

interface ProviderTrial {
  module: string;
  provider: string;
  threads: number;
  sizes: (TrialSize & { model: string })[];
  runs: number;
  slow: number;
}

/** Runs in the child. */
async function providerTrial(load: NodeJS.Require, options: ProviderTrial): Promise<number> {
  const ort = load(options.module) as typeof import('onnxruntime-node');
  let rate = 0;
  for (const { model, shape, gflop } of options.sizes) {
    const session = await ort.InferenceSession.create(Buffer.from(model, 'base64'), {
      executionProviders: [options.provider],
      intraOpNumThreads: options.threads,
      logSeverityLevel: 4,
      ...(options.provider !== 'cpu' && { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
    });
    const data = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) =>
      Math.sin(i),
    );
    rate = 0;
    for (let run = 0; run < options.runs; run++) {
      const x = new ort.Tensor('float32', data, shape);
      const started = performance.now();
      const { y } = await session.run({ x });
      const seconds = (performance.now() - started) / 1000;
      if (!Number.isFinite((y!.data as Float32Array)[0])) throw new Error('it computes nonsense');
      rate = Math.max(rate, gflop / seconds);
    }
    if (rate < options.slow) break;
  }
  return rate;
}

interface TensorFlowTrial {
  module: string;
  sizes: TrialSize[];
  runs: number;
  slow: number;
}

/** Runs in the child. */
async function tensorFlowTrial(load: NodeJS.Require, options: TensorFlowTrial): Promise<number> {
  // Node 23 removed what every op of tfjs-node 4.22 calls
  const util = load('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  const tf = load(options.module) as typeof import('@tensorflow/tfjs-core');
  let rate = 0;
  for (const { shape, rounds, gflop } of options.sizes) {
    rate = 0;
    for (let run = 0; run < options.runs; run++) {
      let x: import('@tensorflow/tfjs-core').Tensor = tf.randomNormal(shape);
      const started = performance.now();
      for (let round = 0; round < rounds; round++)
        x = tf.matMul(tf.softmax(tf.matMul(x, x, false, true)), x);
      if (!Number.isFinite((await tf.sum(x).data())[0])) throw new Error('it computes nonsense');
      rate = Math.max(rate, gflop / ((performance.now() - started) / 1000));
    }
    if (rate < options.slow) break;
  }
  return rate;
}

const MARK = 'HUGGINGGREEN-TRIAL ';

/** Runs `trial` in a child process. Never rejects: a crash and a hang are results too. */
function runChild<Options>(
  trial: (load: NodeJS.Require, options: Options) => Promise<number>,
  options: Options,
): Promise<TrialResult> {
  const from = JSON.stringify(import.meta.url);
  const source = `
    const load = process.getBuiltinModule('node:module').createRequire(${from});
    const say = (result) => process.stdout.write(${JSON.stringify(MARK)} + JSON.stringify(result) + '\\n', () => process.exit(0));
    (${trial.toString()})(load, ${JSON.stringify(options)}).then(
      (gflops) => say({ ok: true, gflops }),
      (error) => say({ ok: false, reason: String(error && error.message || error) }),
    );`;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Electron's own binary is Node when asked
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: '' },
    });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      resolve({ ok: false, reason: `it did not answer within ${LIMIT_MS / 1000} seconds` });
    }, LIMIT_MS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ ok: false, reason: error.message });
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const line = stdout.split('\n').find((text) => text.startsWith(MARK));
      if (line) return resolve(JSON.parse(line.slice(MARK.length)) as TrialResult);
      const last = stderr.trim().split('\n').at(-1);
      const how = signal ? `signal ${signal}` : `exit code ${code}`;
      resolve({
        ok: false,
        reason: `the process that tried it ended (${how})${last ? `: ${last}` : ''}`,
      });
    });
    // a child that ends early closes the pipe; 'close' above says what happened
    child.stdin.on('error', () => {});
    child.stdin.end(source);
  });
}
