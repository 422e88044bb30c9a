/**
 * Which engines work on this machine, which is the fastest, and why the others do not work. Every engine
 * is really tried on a small graph; what may crash is tried in a process of its own (trial.ts).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { EngineName } from '../../experiment-config.ts';
import type { EngineStatus } from '../messages.ts';
import { openTensorFlowEngine, openWasmEngine } from './eager.ts';
import type { Engine } from './engine.ts';
import { sizeOf } from './graph.ts';
import { openOrtEngine } from './session.ts';
import * as tf from './tf.ts';
import { SMALL, tryProvider, tryTensorFlow } from './trial.ts';
import type { TrialResult } from './trial.ts';

export interface EngineOptions {
  /** Processor threads; null: one per core. */
  threads: number | null;
}

interface EngineKind {
  name: EngineName;
  label: string;
  open(threads: number): Promise<Engine>;
  /** Why it cannot work here, known without trying; null when a trial has to tell. */
  missing(): { detail: string; fix: string | null } | null;
  try(threads: number): Promise<TrialResult>;
  /** What to do when the trial fails. */
  fix: string | null;
  /** Compared by the trial's speed; the eager ones come last, in this order. */
  timed: boolean;
}

const require = createRequire(import.meta.url);

/** Every engine, in the order they are shown. A new one is an entry here. */
const kinds: readonly EngineKind[] = [
  {
    name: 'cuda',
    label: 'ONNX Runtime, CUDA',
    open: async (threads) => openOrtEngine('cuda', { threads }),
    missing: () => {
      if (process.platform !== 'linux' || process.arch !== 'x64')
        return { detail: 'The CUDA provider exists for Linux on x86-64 only.', fix: null };
      return existsSync(join(ortBinaries(), 'libonnxruntime_providers_cuda.so'))
        ? null
        : {
            detail: 'The CUDA provider is not installed: it is fetched on request.',
            fix: 'npm run setup:cuda (needs an NVIDIA GPU with its driver, CUDA 12 and cuDNN 9)',
          };
    },
    try: (threads) => tryProvider('cuda', threads),
    fix: 'Install the NVIDIA driver, CUDA 12 and cuDNN 9, then npm run setup:cuda',
    timed: true,
  },
  {
    name: 'webgpu',
    label: 'ONNX Runtime, WebGPU',
    open: async (threads) => openOrtEngine('webgpu', { threads }),
    missing: () => null,
    try: (threads) => tryProvider('webgpu', threads),
    fix:
      process.platform === 'linux'
        ? 'Install the Vulkan loader (Debian: libvulkan1) and the driver of your GPU'
        : 'Install the current driver of your GPU',
    timed: true,
  },
  {
    name: 'dml',
    label: 'ONNX Runtime, DirectML',
    open: async (threads) => openOrtEngine('dml', { threads }),
    missing: () =>
      process.platform === 'win32' ? null : { detail: 'DirectML is part of Windows.', fix: null },
    try: (threads) => tryProvider('dml', threads),
    fix: 'Install the current driver of your GPU',
    timed: true,
  },
  {
    name: 'coreml',
    label: 'ONNX Runtime, Core ML',
    open: async (threads) => openOrtEngine('coreml', { threads }),
    missing: () =>
      process.platform === 'darwin' ? null : { detail: 'Core ML is part of macOS.', fix: null },
    try: (threads) => tryProvider('coreml', threads),
    fix: null,
    timed: true,
  },
  {
    name: 'cpu',
    label: 'ONNX Runtime, processor',
    open: async (threads) => openOrtEngine('cpu', { threads }),
    missing: () => null,
    try: (threads) => tryProvider('cpu', threads),
    fix: 'Run npm ci again: the package onnxruntime-node is damaged or not made for this system',
    timed: true,
  },
  {
    name: 'tensorflow',
    label: 'TensorFlow (tfjs-node-gpu)',
    open: () => openTensorFlowEngine(),
    missing: () => {
      const folder = packageFolder('@tensorflow/tfjs-node-gpu');
      if (!folder)
        return {
          detail: 'The optional package @tensorflow/tfjs-node-gpu is not installed.',
          fix: 'npm install, then npm run setup:tensorflow',
        };
      return existsSync(join(folder, 'lib'))
        ? null
        : {
            detail: 'The native part of @tensorflow/tfjs-node-gpu is fetched on request.',
            fix: 'npm run setup:tensorflow (some hundred megabytes; for CUDA 11.2 and cuDNN 8.1)',
          };
    },
    try: () => tryTensorFlow(),
    fix: 'npm run setup:tensorflow',
    timed: false,
  },
  {
    name: 'wasm',
    label: 'TensorFlow.js, WebAssembly',
    open: () => openWasmEngine(),
    missing: () => null,
    try: tryWasm,
    fix: 'Run npm ci again: the package @tensorflow/tfjs-backend-wasm is damaged',
    timed: false,
  },
];

/** Opens an engine by name. Throws, with the engine's own reason, where it does not work here. */
export async function openEngine(name: EngineName, { threads }: EngineOptions): Promise<Engine> {
  const kind = kinds.find((candidate) => candidate.name === name);
  if (!kind) throw new Error(`There is no engine called ${name}.`);
  const missing = kind.missing();
  if (missing) throw new Error([missing.detail, missing.fix].filter(Boolean).join(' '));
  return kind.open(threads ?? availableParallelism());
}

export interface Detection {
  engines: EngineStatus[];
  /** The fastest that works here, and the sentence that says so. */
  auto: EngineName;
  why: string;
}

/** Tries every engine. Takes some seconds; never rejects because of a broken driver. */
export async function detectEngines(options: EngineOptions): Promise<Detection> {
  const threads = options.threads ?? availableParallelism();
  const trials: {
    kind: EngineKind;
    missing: ReturnType<EngineKind['missing']>;
    result: TrialResult | null;
  }[] = [];
  // one after the other: they are timed
  for (const kind of kinds) {
    const missing = kind.missing();
    trials.push({ kind, missing, result: missing ? null : await kind.try(threads) });
  }
  const speeds = trials.map(({ kind, result }) => ({
    kind,
    gflops: result?.ok ? result.gflops : null,
  }));
  const cpu = speeds.find(({ kind }) => kind.name === 'cpu')?.gflops ?? 0;
  const engines = trials.map(({ kind, missing, result }): EngineStatus => {
    const { name, label } = kind;
    if (!result)
      return { name, label, available: false, detail: missing!.detail, fix: missing!.fix };
    if (!result.ok)
      return {
        name,
        label,
        available: false,
        detail: `Does not work here: ${plain(result.reason)}`,
        fix: kind.fix,
      };
    return {
      name,
      label,
      available: true,
      detail: describe(kind, result.gflops, cpu, threads),
      fix: null,
    };
  });
  return { engines, ...choose(speeds) };
}

interface Speed {
  kind: Pick<EngineKind, 'name' | 'timed'>;
  /** In the trial; null where it does not work. */
  gflops: number | null;
}

/** The fastest of those compared by speed, else the first of the others that works. */
export function choose(speeds: readonly Speed[]): { auto: EngineName; why: string } {
  const working = speeds.filter(
    (speed): speed is Speed & { gflops: number } => speed.gflops !== null,
  );
  const [fastest, ...slower] = working
    .filter(({ kind }) => kind.timed)
    .sort((a, b) => b.gflops - a.gflops);
  if (!fastest) {
    const fallback = working[0]?.kind.name ?? 'wasm';
    return { auto: fallback, why: `no engine of ONNX Runtime works here, ${fallback} does` };
  }
  const others =
    slower.length > 0
      ? slower.map(({ kind, gflops }) => `${kind.name} ${rate(gflops)}`).join(', ')
      : 'no other engine of ONNX Runtime works here';
  return {
    auto: fastest.kind.name,
    why: `${fastest.kind.name} is the fastest here: ${rate(fastest.gflops)} in a short trial; ${others}`,
  };
}

const rate = (gflops: number): string =>
  `${gflops >= 10 ? gflops.toFixed(0) : gflops.toPrecision(2)} GFLOP/s`;

function describe(kind: EngineKind, gflops: number, cpu: number, threads: number): string {
  const speed = `${rate(gflops)} in a short trial`;
  if (kind.name === 'cpu') return `${threads} ${threads === 1 ? 'thread' : 'threads'}; ${speed}`;
  if (kind.timed && gflops < cpu)
    return `Works, but slower than the processor, as a GPU imitated in software is; ${speed}`;
  return `Works; ${speed}`;
}

/** What ONNX Runtime says, without its source files, as a sentence. */
function plain(reason: string): string {
  if (/fallback to CPU EP|assigned to the default CPU EP/.test(reason))
    return 'it lacks an operator the models need.';
  const said = reason.trim().split(' was false. ').at(-1)!;
  return said.endsWith('.') ? said : `${said}.`;
}

async function tryWasm(): Promise<TrialResult> {
  try {
    const engine = await openWasmEngine();
    const { shape, rounds, gflop } = SMALL;
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i));
    const state = await engine.createState({ x: { shape, data } });
    const program = await engine.compile(
      (tensors) => {
        let x = tensors.x as tf.Tensor3D;
        for (let round = 0; round < rounds; round++)
          x = tf.matMul(tf.softmax(tf.matMul(x, x, false, true)), x);
        return { outputs: { y: tf.sum(x) } };
      },
      { state: state.specs, inputs: {} },
    );
    const started = performance.now();
    const { y } = await program.run(state, {});
    const seconds = (performance.now() - started) / 1000;
    await state.dispose();
    if (!Number.isFinite(y?.[0])) return { ok: false, reason: 'it computes nonsense' };
    return { ok: true, gflops: gflop / seconds };
  } catch (cause) {
    return { ok: false, reason: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** Where onnxruntime-node keeps its libraries for this platform. */
const ortBinaries = (): string =>
  join(packageFolder('onnxruntime-node') ?? '', 'bin', 'napi-v6', process.platform, process.arch);

function packageFolder(name: string): string | null {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return null;
  }
}
