/**
 * An in-memory host for the renderer's tests: plausible data in the contract's own types, answered
 * through the contract's own `answer`, so that a call with a wrong input fails here as it would there.
 */
import {
  contractVersion,
  answer,
  AppError,
  calls,
  type Calibration,
  type CheckpointList,
  type KeptCheckpoint,
  keptPatches,
  parseExperimentConfig,
  patchCount,
  type ComponentEnergy,
  type ComponentState,
  type Comparison,
  type ComparisonRow,
  type DatasetState,
  type Energy,
  type EvaluationResult,
  type EventName,
  type Events,
  type ExperimentConfig,
  type Forecast,
  type IntensityProfile,
  type IntensityState,
  type Handlers,
  type Machine,
  type Marker,
  type Matrix,
  type MatrixOrder,
  type MatrixPreview,
  type PhaseEnergy,
  type PowerComponent,
  type PowerSeries,
  type PowerTrace,
  type QueueState,
  type Preset,
  type Region,
  type RunCost,
  type RunDetail,
  type RunSummary,
  type RunValues,
  type SavedView,
  type Series,
  type Settings,
  type WireEvent,
  type XAxis,
  reportSections,
  scoreHalfWidth,
  totalOf,
} from '../../src-main/contract.ts';
import type { WatchedLink } from '../../src-renderer/api.ts';
import { doubtsOf, groupRows, groupsOf, tradeOffOf } from '../../src-main/core/store/groups.ts';
import { repeatsOf } from '../../src-main/core/store/repeats.ts';
import { vitOf } from '../fixtures/vit.ts';
import { picturesOf } from './pictures.ts';
import { comparisonOfMock, pageOfMock, type Predicted } from './predictions.ts';
import { sweepPreview, sweepState } from './sweeps.ts';

const evaluatedImages = 1000;

/** Repeatable noise in -1..1 from a whole number. */
const noise = (n: number): number => {
  const x = Math.sin(n * 12.9898 + 78.233) * 43758.5453;
  return 2 * (x - Math.floor(x)) - 1;
};
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

export function completeConfig(input: unknown): ExperimentConfig {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

export const plainConfig = completeConfig({
  name: 'Example: plain ViT',
  dataset: { kind: 'greensynth', train: 4000, validation: 1000, test: 1000 },
  train: { epochs: 12 },
});
export const dropConfig = completeConfig({
  ...plainConfig,
  name: 'Example: keep 50 % of patches',
  selection: { mode: 'drop', keepRatio: 0.5 },
});

const gpu: PowerComponent = {
  key: 'gpu:0',
  kind: 'gpu',
  name: 'NVIDIA RTX A5000',
  source: 'nvml',
  provenance: 'counted',
  uncertaintyPercent: 5,
  uncertaintyWatts: null,
  method: 'NVML energy counter of the board.',
};
const cpu: PowerComponent = {
  key: 'cpu',
  kind: 'cpu',
  name: 'Intel Xeon Silver 4310',
  source: 'cpu-model',
  provenance: 'modelled',
  uncertaintyPercent: null,
  uncertaintyWatts: 30,
  method: 'Load of /proc/stat times the share of the 120 W design power.',
};
const ram: PowerComponent = {
  key: 'ram',
  kind: 'ram',
  name: '8 DIMMs, 256 GiB',
  source: 'ram-model',
  provenance: 'constant',
  uncertaintyPercent: 30,
  uncertaintyWatts: null,
  method: '3 W per module.',
};
export const components = [gpu, cpu, ram];

export const machine: Machine = {
  inventory: {
    hostname: 'green-ws-1',
    os: 'Debian GNU/Linux 12, kernel 6.1.0',
    cpu: {
      brand: 'Intel Xeon Silver 4310',
      sockets: 1,
      physicalCores: 12,
      cores: 24,
      tdpWatts: 120,
      tdpMatch: 'Intel Xeon Silver 4310',
    },
    memory: { totalBytes: 256 * 2 ** 30, dimms: 8 },
    gpus: [
      { name: 'NVIDIA RTX A5000', memoryBytes: 24 * 2 ** 30, driver: '550.54.14', uuid: 'GPU-1' },
    ],
    board: 'Supermicro X12SPA-TF',
    virtual: false,
  },
  sources: [
    {
      name: 'nvml',
      label: 'NVIDIA NVML',
      state: 'reading',
      detail: 'energy counter of 1 GPU',
      fix: null,
      components: ['gpu:0'],
    },
    {
      name: 'rapl',
      label: 'RAPL (powercap)',
      state: 'unavailable',
      detail: 'The counters can be read by root only, so the processor is modelled from its load.',
      fix: 'sudo chmod -R a+r /sys/class/powercap/intel-rapl:0',
      components: [],
    },
    {
      name: 'nvidia-smi',
      label: 'nvidia-smi',
      state: 'unused',
      detail: 'NVML gives the same numbers, finer.',
      fix: null,
      components: [],
    },
    {
      name: 'cpu-model',
      label: 'CPU model',
      state: 'reading',
      detail: '',
      fix: null,
      components: ['cpu'],
    },
  ],
  components,
  engines: [
    {
      name: 'webgpu',
      label: 'ONNX Runtime, WebGPU',
      available: true,
      detail: 'NVIDIA RTX A5000 through Vulkan',
      fix: null,
    },
    {
      name: 'cpu',
      label: 'ONNX Runtime, CPU',
      available: true,
      detail: '24 threads',
      fix: null,
    },
    {
      name: 'cuda',
      label: 'ONNX Runtime, CUDA',
      available: false,
      detail: 'The CUDA provider is not installed.',
      fix: 'npm run setup:cuda',
    },
    {
      name: 'tensorflow',
      label: 'tfjs-node-gpu',
      available: false,
      detail: 'Its native part is not installed.',
      fix: 'npm run setup:tensorflow',
    },
    {
      name: 'wasm',
      label: 'TensorFlow.js WebAssembly',
      available: true,
      detail: 'eager, about 40 times slower',
      fix: null,
    },
  ],
  autoEngine: 'webgpu',
  engineFailure: null,
  detecting: false,
  hz: 10,
  idle: { at: Date.UTC(2026, 10, 22, 20, 0), watts: { 'gpu:0': 21.4, cpu: 28.2, ram: 24 } },
  overhead: {
    cores: 0.021,
    residentBytes: 412e6,
    watts: { gpu: 0, cpu: 0.63, ram: 0.12 },
    seconds: 30,
  },
};

export const regions: Region[] = [
  ['world', 'World', 'world', 473],
  ['DEU', 'Germany', 'country', 344],
  ['FRA', 'France', 'country', 44],
  ['IND', 'India', 'country', 708],
  ['US-CA', 'California', 'us-state', 210],
].map(([code, name, kind, gPerKwh]) => ({
  code: String(code),
  name: String(name),
  kind: kind as Region['kind'],
  gPerKwh: Number(gPerKwh),
  year: 2024,
  source: 'Ember, CC BY 4.0',
  basis: 'Average of generation, life cycle',
}));

const datasets: DatasetState[] = [
  {
    id: 'greensynth',
    title: 'GreenSynth',
    description: 'Ten shapes on shaded ground, made here from a seed.',
    state: 'ready',
    detail: 'Drawn when it is first needed.',
    fix: null,
    bytes: 43_000_000,
    downloadBytes: null,
    progress: null,
    license: 'MIT, part of this program',
    url: null,
  },
  {
    id: 'cifar10',
    title: 'CIFAR-10',
    description: '60,000 colour images of 32x32 in 10 classes.',
    state: 'downloading',
    detail: 'cifar-10-binary.tar.gz',
    fix: null,
    bytes: null,
    downloadBytes: 170_052_171,
    progress: { received: 61_000_000, total: 170_052_171, label: 'cifar-10-binary.tar.gz' },
    license: 'none stated by its authors',
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  },
  {
    id: 'cifar100',
    title: 'CIFAR-100',
    description: '60,000 colour images of 32x32 in 100 classes.',
    state: 'missing',
    detail: 'Nothing was found in the data folder.',
    fix: 'Download it here, or put cifar-100-binary.tar.gz into the data folder.',
    bytes: null,
    downloadBytes: 168_513_733,
    progress: null,
    license: 'none stated by its authors',
    url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
  },
];

const presets: Preset[] = [
  {
    id: 'green-32',
    title: 'Plain ViT, 32 px',
    description: 'The baseline: every patch in every step.',
    config: plainConfig,
  },
  {
    id: 'drop-50',
    title: 'Drop half of the patches',
    description: 'The authors’ variance heuristic, keep ratio 0.5, annealed.',
    config: dropConfig,
  },
  {
    id: 'cifar10',
    title: 'CIFAR-10, keep 70 %',
    description: 'Needs the data set; 30 epochs.',
    config: completeConfig({
      name: 'CIFAR-10, keep 70 %',
      dataset: { kind: 'cifar10' },
      selection: { mode: 'drop' },
    }),
  },
];

export function forecastOf(config: ExperimentConfig): Forecast {
  const { selection } = config;
  const model = vitOf(config);
  const patches = patchCount(model);
  const kept = selection.mode === 'off' ? patches : keptPatches({ model, selection });
  const per = model.layers * model.dim ** 2 * 12;
  const stepsPerEpoch = 32;
  return {
    parameters: per + 60_000,
    macsFull: per * patches,
    macsKept: per * kept,
    patches,
    kept,
    tokensFull: patches + 1,
    tokensKept: kept + 1,
    stepsPerEpoch,
    steps: stepsPerEpoch * config.train.epochs,
    trainMacs: per * kept * 3 * 4000 * config.train.epochs,
    trainRatio: kept / patches,
    memoryBytes: 412 * 2 ** 20,
  };
}

/** Nothing has run here yet. */
export const costOf = (config: ExperimentConfig): RunCost => ({
  basis: 'none',
  how: 'Nothing like it has run here yet: measure it, or start it.',
  runs: [],
  engine: 'webgpu',
  seconds: null,
  wh: null,
  gCO2e: null,
  baselineSeconds: config.energy.baselineSeconds,
});

/** As steps that were timed here would tell it. */
export const measuredCostOf = (config: ExperimentConfig): RunCost => ({
  ...costOf(config),
  basis: 'measured',
  how: 'From 20 steps that were timed here; 15 % are assumed for a machine that warms up.',
  seconds: { low: 90, value: 100, high: 120 },
  wh: { low: 1.1, value: 1.3, high: 1.6 },
  gCO2e: { low: 0.5, value: 0.6, high: 0.7 },
});

// --- matrices -------------------------------------------------------------------------------------

const matrixList: Matrix[] = [
  {
    id: 'rq2',
    short: 'RQ2',
    title: 'RQ2: patch selection',
    description: 'Does leaving out patches save energy?',
    arms: [
      { id: 'none', title: 'no selection', baseline: null },
      { id: 'variance', title: 'variance, dropped to 70 %', baseline: 'none' },
      { id: 'random', title: 'random, dropped to 70 %', baseline: 'none' },
    ],
    dataset: 'cifar10',
    geometry: 'native',
    repeats: 5,
    epochs: 30,
  },
  {
    id: 'huge',
    short: 'Huge',
    title: 'Too large a model',
    description: 'Fits no ordinary machine.',
    arms: [{ id: 'vit', title: 'ViT', baseline: null }],
    dataset: 'cifar10',
    geometry: 'paper',
    repeats: 3,
    epochs: 5,
  },
];

export function matrixPreview(request: MatrixOrder): MatrixPreview {
  const matrix = matrixList.find(({ id }) => id === request.id);
  if (!matrix) throw new AppError('NOT_FOUND', `There is no matrix "${request.id}".`);
  const chosen = matrix.arms.filter(({ id }) => request.arms?.includes(id) ?? true);
  const repeats = request.repeats ?? matrix.repeats;
  const order = {
    id: matrix.id,
    dataset: request.dataset ?? matrix.dataset,
    geometry: request.geometry ?? matrix.geometry,
    repeats,
    seeds: range(repeats).map((i) => 42 + i),
    epochs: request.epochs ?? matrix.epochs,
    arms: chosen.map(({ id }) => id),
    warmUp: request.warmUp ?? true,
  };
  const config = completeConfig({
    dataset: { kind: order.dataset },
    train: { epochs: order.epochs },
  });
  const arms = chosen.map((arm) => ({
    ...arm,
    config,
    forecast: forecastOf(config),
    cost: costOf(config),
  }));
  const run = (arm: string, i: number, warmUp = false) => ({
    arm,
    repeat: i + 1,
    seed: 42 + i,
    warmUp,
    name: warmUp ? `${matrix.short} warm-up: ${arm}` : `${matrix.short}: ${arm}, seed ${42 + i}`,
  });
  const runs = [
    ...(order.warmUp ? [run(chosen[0]!.id, 0, true)] : []),
    ...range(repeats).flatMap((i) => order.arms.map((arm) => run(arm, i))),
  ];
  const each = forecastOf(config);
  return {
    order,
    arms,
    runs,
    total: {
      runs: runs.length,
      steps: runs.length * each.steps,
      trainMacs: runs.length * each.trainMacs,
      memoryBytes: each.memoryBytes,
      seconds: null,
      wh: null,
      gCO2e: null,
      how: 'Not known: nothing has run here yet.',
    },
    warnings: [],
    refusal:
      matrix.id === 'huge'
        ? {
            message: 'The arm “ViT” would need about 347 GiB of memory; this machine has 24 GiB.',
            hint: 'Make the batch or the model smaller.',
          }
        : null,
  };
}

// --- runs: one story each, told by a few numbers --------------------------------------------------

interface Story {
  id: number;
  config: ExperimentConfig;
  status: RunSummary['status'];
  done: number;
  seconds: number;
  watts: { gpu: number; cpu: number; ram: number };
  topF1: number;
  minutesAgo: number;
  place?: RunSummary['matrix'];
  copyOf?: number;
  example?: boolean;
  paused?: boolean;
  /** What its person wrote beside it. */
  kept?: Partial<Pick<RunSummary, 'star' | 'note' | 'tags' | 'archivedAt'>>;
}
const now = Date.UTC(2026, 10, 22, 21, 0);

export function stories(): Story[] {
  const story = (id: number, more: Partial<Story>): Story => ({
    id,
    config: plainConfig,
    status: 'done',
    done: 1,
    seconds: 62,
    watts: { gpu: 118, cpu: 61, ram: 24 },
    topF1: 0.912,
    minutesAgo: 200 - id * 7,
    ...more,
  });
  const seeded = (config: ExperimentConfig, seed: number): ExperimentConfig => ({
    ...config,
    name: `${config.name}, seed ${seed}`,
    train: { ...config.train, seed },
  });
  return [
    story(1, {}),
    story(2, {
      config: dropConfig,
      seconds: 43,
      watts: { gpu: 104, cpu: 58, ram: 24 },
      topF1: 0.897,
    }),
    story(3, { config: seeded(plainConfig, 43), topF1: 0.905, seconds: 64 }),
    story(4, { config: seeded(dropConfig, 43), topF1: 0.901, seconds: 41 }),
    story(5, { config: seeded(plainConfig, 44), status: 'failed', done: 0.2, topF1: 0.51 }),
    story(6, { config: seeded(dropConfig, 44), status: 'interrupted', done: 0.6, topF1: 0.82 }),
    story(7, { config: seeded(dropConfig, 45), status: 'running', done: 0.45, topF1: 0.78 }),
    story(8, { config: seeded(plainConfig, 45), status: 'queued', done: 0 }),
  ];
}

const gPerKwh = 344;
const elapsed = ({ seconds, done }: Story) => seconds * done;
const whOf = (story: Story, watts: number) => (watts * elapsed(story)) / 3600;
const totalWatts = ({ watts }: Story) => watts.gpu + watts.cpu + watts.ram;
const f1At = ({ topF1, done }: Story, share: number) =>
  topF1 * (1 - Math.exp((-4 * share) / Math.max(done, 0.1))) + 0.004 * noise(share * 100);

function summaryOf(story: Story): RunSummary {
  const { config, done, status } = story;
  const steps = forecastOf(config).steps;
  const begun = done > 0;
  const wh = begun ? whOf(story, totalWatts(story)) : null;
  const macroF1 = begun ? f1At(story, done) : null;
  return {
    id: story.id,
    name: config.name,
    status,
    createdAt: now - story.minutesAgo * 60_000,
    startedAt: begun ? now - story.minutesAgo * 60_000 + 2000 : null,
    endedAt:
      begun && status !== 'running'
        ? now - story.minutesAgo * 60_000 + elapsed(story) * 1000
        : null,
    group: config.selection.mode,
    dataset: 'GreenSynth',
    model: 'ViT 32/4, D 64, L 4',
    selection: config.selection.mode === 'off' ? 'none' : 'drop, keep 0.5',
    method: 'standard',
    matrix: story.place ?? null,
    copyOf: story.copyOf ?? null,
    example: story.example ?? false,
    paused: story.paused ?? false,
    origin: null,
    command: null,
    engine: begun ? 'webgpu' : null,
    seed: config.train.seed,
    epoch: begun ? Math.floor(config.train.epochs * done) : null,
    epochs: config.train.epochs,
    step: begun ? Math.floor(steps * done) : null,
    steps,
    parameters: forecastOf(config).parameters,
    loss: begun ? 2.3 * Math.exp(-2 * done) + 0.4 : null,
    microF1: macroF1 === null ? null : macroF1 + 0.004,
    macroF1,
    f1Split: macroF1 === null ? null : status === 'done' ? 'test' : 'validation',
    imagesSeen: begun ? Math.floor(4000 * config.train.epochs * done) : null,
    imagesPerSecond: begun ? (4000 * config.train.epochs) / story.seconds : null,
    seconds: begun ? elapsed(story) : null,
    wh,
    uncertaintyWh: wh === null ? null : wh * 0.083,
    gCO2e: wh === null ? null : (wh * gPerKwh) / 1000,
    whByKind: begun
      ? {
          gpu: whOf(story, story.watts.gpu),
          cpu: whOf(story, story.watts.cpu),
          ram: whOf(story, story.watts.ram),
        }
      : {},
    provenanceByKind: begun ? { gpu: 'counted', cpu: 'modelled', ram: 'constant' } : null,
    f1PerWh: wh && macroF1 !== null ? (macroF1 * 100) / wh : null,
    error:
      status === 'failed'
        ? {
            code: 'ENGINE',
            message: 'The trainer process ended without a word at step 77.',
            hint: 'Resume the run from its last checkpoint.',
          }
        : null,
    wallWh: wh === null ? null : wh * 1.3,
    processWh: null,
    star: false,
    note: null,
    tags: [],
    archivedAt: null,
    ...story.kept,
  };
}

function energyOf(story: Story): Energy {
  const seconds = elapsed(story);
  const parts = components.map((component): ComponentEnergy => {
    const watts = story.watts[component.kind];
    const idle = { gpu: 21.4, cpu: 28.2, ram: 24 }[component.kind];
    return {
      key: component.key,
      kind: component.kind,
      name: component.name,
      source: component.source,
      provenance: component.provenance,
      method: component.method,
      wh: whOf(story, watts),
      meanWatts: watts,
      uncertaintyWh: whOf(story, watts * { gpu: 0.05, cpu: 0.25, ram: 0.3 }[component.kind]),
      coverage: component.kind === 'gpu' ? 0.987 : 1,
      gaps: component.kind === 'gpu' ? 1 : 0,
      idleWatts: idle,
      netWh: whOf(story, watts - idle),
      counted: true,
      processWh: whOf(story, watts * 0.9),
      programWh: whOf(story, watts * 0.004),
    };
  });
  const wh = whOf(story, totalWatts(story));
  return {
    seconds,
    wh,
    uncertaintyWh: wh * 0.083,
    netWh: parts.reduce((sum, part) => sum + (part.netWh ?? 0), 0),
    processWh: wh * 0.9,
    programWh: wh * 0.004,
    meanWatts: totalWatts(story),
    coverage: 0.987,
    components: parts,
    emissions: {
      gCO2e: (wh * gPerKwh) / 1000,
      gPerKwh,
      regionCode: 'DEU',
      regionName: 'Germany',
      year: 2024,
      source: 'Ember, CC BY 4.0',
      basis: 'Average of generation, life cycle',
      pue: 1,
      hourly: null,
      waterL: null,
      embodiedG: null,
    },
    wall: {
      wh: 14 * (seconds / 3600) + 1.1 * wh,
      uncertaintyWh: 0.04 * (14 * (seconds / 3600) + 1.1 * wh),
      baseWatts: 14,
      factor: 1.1,
      calibratedAt: Date.UTC(2026, 8, 1),
      method: 'typed in',
    },
  };
}

const shapes = [
  'disc',
  'ring',
  'square',
  'frame',
  'triangle',
  'cross',
  'bar',
  'star',
  'wave',
  'grid',
];

function evaluation(story: Story, share: number, split: EvaluationResult['split']) {
  const macroF1 = f1At(story, share);
  const result: EvaluationResult = {
    split,
    images: evaluatedImages,
    loss: 1.4 - macroF1,
    accuracy: macroF1 + 0.004,
    microF1: macroF1 + 0.004,
    macroF1,
    weightedF1: macroF1 + 0.001,
    top5: Math.min(1, macroF1 + 0.1),
    detection: null,
    patchRecall: null,
    attentionSupport: null,
    attentionIdle: null,
    deltaSparsity: null,
    perClass: shapes.map((label, i) => {
      const f1 = Math.min(1, macroF1 + 0.06 * noise(i + 3));
      return { label, precision: Math.min(1, f1 + 0.01), recall: f1 - 0.01, f1, support: 100 };
    }),
    confusion: shapes.map((_, i) => shapes.map((_, j) => (i === j ? 90 : 1))),
  };
  return result;
}

const predictedBy = (story: Story): Predicted => ({
  id: story.id,
  name: story.config.name,
  epoch: story.config.train.epochs,
  accuracy: story.topF1,
  boxes: story.config.train.task === 'detect',
  classes: shapes,
});

function phasesOf(story: Story): PhaseEnergy[] {
  const { epochs } = story.config.train;
  const end = elapsed(story);
  if (end === 0) return [];
  const watts = totalWatts(story);
  const phase = (
    name: PhaseEnergy['name'],
    epoch: number | null,
    from: number,
    to: number | null,
  ): PhaseEnergy => ({
    name,
    epoch,
    from,
    to,
    wh: ((to ?? end) - from) * (watts / 3600),
    byKind: {},
    images: { train: 4000, evaluate: 1000, test: 1000 }[String(name)] ?? null,
  });
  const each = (story.seconds - 5) / epochs;
  return [
    phase('baseline', null, -10, 0),
    phase('prepare', null, 0, 1.5),
    phase('compile', null, 1.5, 4),
    ...range(epochs).flatMap((i) => [
      phase('train', i + 1, 4 + i * each, 4 + (i + 0.88) * each),
      phase('evaluate', i + 1, 4 + (i + 0.88) * each, 4 + (i + 1) * each),
    ]),
  ].filter(({ from }) => from < end);
}

/** By run: what was marked since the page was loaded. */
const marked = new Map<number, Marker[]>();

function detailOf(story: Story): RunDetail {
  const { epochs } = story.config.train;
  const phases = phasesOf(story);
  const names = [...new Set(phases.map(({ name }) => name))];
  const did = Math.floor(epochs * story.done);
  return {
    summary: summaryOf(story),
    config: story.config,
    command: null,
    scalars: [],
    log: null,
    energy: story.done > 0 ? energyOf(story) : null,
    phases,
    phaseTotals: names.map((name) => {
      const own = phases.filter((phase) => phase.name === name);
      return {
        name,
        seconds: own.reduce((sum, { from, to }) => sum + (to ?? from) - from, 0),
        wh: own.reduce((sum, { wh }) => sum + (wh ?? 0), 0),
      };
    }),
    skippedMacs: null,
    evaluations: [
      ...range(did).map((i) => ({
        epoch: i + 1,
        step: (i + 1) * 32,
        at: now,
        result: evaluation(story, (i + 1) / epochs, 'validation'),
      })),
      ...(story.status === 'done'
        ? [{ epoch: epochs, step: epochs * 32, at: now, result: evaluation(story, 1, 'test') }]
        : []),
    ],
    cost: forecastOf(story.config),
    notes: [
      { at: now, level: 'info', message: 'Engine webgpu: the fastest that works here.' },
      {
        at: now,
        level: 'warning',
        message: 'RAPL cannot be read; the processor is modelled from its load.',
      },
    ],
    markers: [
      { id: null, time: 12, kind: 'checkpoint', text: 'Checkpoint at step 32' },
      ...(marked.get(story.id) ?? []),
    ],
    checkpoints: range(did).map((i) => ({
      epoch: i + 1,
      step: (i + 1) * 32,
      path: `/home/ada/.local/share/HuggingGreen/runs/${story.id}/step-${(i + 1) * 32}.safetensors`,
      bytes: 2_534_000,
    })),
    circumstances: {
      machine: machine.inventory,
      engine: 'ONNX Runtime 1.30.0, webgpu, NVIDIA RTX A5000',
      engineWhy: 'the fastest that works here',
      appVersion: '0.1.0',
      node: '24.21.0',
      hz: 10,
      samples: Math.round(elapsed(story) * 10),
      gaps: 1,
      classes: shapes,
      graphNodes: 1169,
      imported: null,
    },
  };
}

function seriesOf(story: Story, names: string[], axis: XAxis): Series[] {
  const steps = Math.floor(forecastOf(story.config).steps * story.done);
  const { epochs } = story.config.train;
  const end = elapsed(story);
  const wh = whOf(story, totalWatts(story));
  const place = (share: number) =>
    ({
      step: share * steps,
      epoch: share * epochs * story.done,
      time: 4 + share * (end - 4),
      macs: share * forecastOf(story.config).trainMacs * story.done,
      wh: share * wh,
      co2: share * wh * 0.344,
    })[axis];
  return names.map((name) => {
    const perStep = !name.includes('.');
    const n = perStep ? steps : Math.floor(epochs * story.done);
    const shares = range(n).map((i) => (i + 1) / Math.max(1, n));
    const value = (share: number, i: number): number =>
      name === 'loss'
        ? 2.3 * Math.exp(-3.2 * share) + 0.45 + 0.09 * noise(i + story.id * 1000)
        : name === 'validation.loss'
          ? 2.2 * Math.exp(-3 * share) + 0.5
          : name === 'step'
            ? share * steps
            : name === 'seconds'
              ? 4 + share * (end - 4)
              : name.endsWith('microF1')
                ? f1At(story, share * story.done) + 0.006
                : name.endsWith('macroF1')
                  ? f1At(story, share * story.done)
                  : 12;
    return { name, x: shares.map(place), y: shares.map(value) };
  });
}

function powerOf(story: Story): PowerSeries {
  const end = elapsed(story);
  if (end === 0) return { components: [] };
  const n = 400;
  return {
    components: components.map((component) => {
      const idle = { gpu: 21.4, cpu: 28.2, ram: 24 }[component.kind];
      const busy = story.watts[component.kind];
      const x = range(n).map((i) => -10 + (i / (n - 1)) * (end + 10));
      const watts = x.map((at, i) => {
        if (component.kind === 'ram') return 24;
        if (component.kind === 'gpu' && i > 220 && i < 236) return null;
        const level = at < 3 ? idle : busy * (Math.floor(at) % 5 === 4 ? 0.82 : 1);
        return level + 3 * noise(i + component.kind.length * 77);
      });
      let sum = 0;
      const wh = x.map((at, i) => {
        if (at > 0) sum += ((watts[i] ?? busy) * (end + 10)) / n / 3600;
        return watts[i] === null ? null : sum;
      });
      const none = x.map(() => null);
      const warm = component.kind === 'gpu';
      return {
        ...component,
        counted: true,
        x,
        watts,
        wh,
        tempC: warm ? watts.map((at) => at && 30 + at / 12) : none,
        clockMhz: warm ? watts.map((at) => at && Math.round(600 + 9 * Math.min(140, at))) : none,
        utilPercent: none,
        memoryMb: none,
        throttled: [],
      };
    }),
  };
}

function compareStories(asked: Story[]): Comparison {
  const ahead = asked.filter((story) => summaryOf(story).matrix?.warmUp);
  const [chosen, left] =
    ahead.length < asked.length
      ? [asked.filter((story) => !ahead.includes(story)), ahead]
      : [asked, []];
  const runs = chosen.map(summaryOf);
  const splits = runs.map(({ f1Split }) => f1Split);
  const row = (
    group: ComparisonRow['group'],
    key: string,
    label: string,
    unit: string | null,
    better: ComparisonRow['better'],
    values: ComparisonRow['values'],
    uncertainty: ComparisonRow['uncertainty'] | null = null,
  ): ComparisonRow => ({
    key,
    label,
    unit,
    group,
    values,
    uncertainty: uncertainty ?? values.map(() => null),
    banded: uncertainty !== null,
    splits: unit === '%' ? splits : null,
    doubts: doubtsOf(values, uncertainty ?? [], unit === '%' ? splits : null),
    better,
    differs: new Set(values).size > 1,
  });
  const of = <K extends keyof RunSummary>(key: K) => runs.map((run) => run[key]);
  const percents = (key: 'macroF1' | 'microF1') =>
    runs.map((run) => (run[key] === null ? null : run[key] * 100));
  const halves = (key: 'macroF1' | 'microF1', factor: number) =>
    runs.map((run) => {
      const half = scoreHalfWidth(run[key], evaluatedImages);
      return half === null ? null : factor * half;
    });
  const kind = (name: 'gpu' | 'cpu' | 'ram') => runs.map(({ whByKind }) => whByKind[name] ?? null);
  const groups = groupsOf(runs);
  const rows: ComparisonRow[] = [
    row(
      'result',
      'macroF1',
      'Macro F1',
      '%',
      'higher',
      percents('macroF1'),
      halves('macroF1', 100),
    ),
    row(
      'result',
      'microF1',
      'Micro F1',
      '%',
      'higher',
      percents('microF1'),
      halves('microF1', 100),
    ),
    row('result', 'f1PerWh', 'F1 per Wh', 'points/Wh', 'higher', of('f1PerWh')),
    row('result', 'seconds', 'Time', 's', 'lower', of('seconds')),
    row('result', 'imagesPerSecond', 'Throughput', 'images/s', 'higher', of('imagesPerSecond')),
    row('result', 'parameters', 'Parameters', null, null, of('parameters')),
    row('energy', 'wh', 'Energy', 'Wh', 'lower', of('wh'), of('uncertaintyWh')),
    row('energy', 'whGpu', 'GPU', 'Wh', 'lower', kind('gpu')),
    row('energy', 'whCpu', 'CPU', 'Wh', 'lower', kind('cpu')),
    row('energy', 'whRam', 'RAM', 'Wh', 'lower', kind('ram')),
    row('energy', 'gCO2e', 'Emissions', 'gCO2e', 'lower', of('gCO2e')),
    row(
      'config',
      'selection.mode',
      'Patch selection',
      null,
      null,
      chosen.map(({ config }) => config.selection.mode),
    ),
    row(
      'config',
      'selection.keepRatio',
      'Keep ratio',
      null,
      null,
      chosen.map(({ config }) => config.selection.keepRatio),
    ),
    row(
      'config',
      'train.epochs',
      'Epochs',
      null,
      null,
      chosen.map(({ config }) => config.train.epochs),
    ),
    row(
      'config',
      'train.seed',
      'Seed',
      null,
      null,
      chosen.map(({ config }) => config.train.seed),
    ),
  ];
  // the host's own sums, which need no store
  return {
    runs,
    others: [],
    warmUps: left.map(summaryOf).map(({ id, name }) => ({ id, name })),
    copies: [],
    rows,
    groups,
    groupRows: groupRows(rows, runs, groups, []),
    withoutSettings: [],
    tradeOff: tradeOffOf(runs, groups, halves('macroF1', 1)),
    repeats: repeatsOf(runs),
  };
}

/** The report's data of some of the stories. */
export function reportOf(ids: number[]) {
  const chosen = stories().filter(({ id }) => ids.includes(id));
  return {
    title: 'Plain against patch-dropping ViT',
    generatedAt: now,
    appVersion: '0.1.0',
    notes: '',
    paper: 'a4' as const,
    sections: [...reportSections],
    runs: chosen.map((story) => ({
      detail: detailOf(story),
      series: seriesOf(
        story,
        ['loss', 'validation.loss', 'validation.macroF1', 'validation.microF1'],
        'time',
      ),
      byEpoch: chosen.length > 1 ? seriesOf(story, ['loss', 'validation.macroF1'], 'epoch') : [],
      power: powerOf(story),
    })),
    comparison: chosen.length > 1 ? compareStories(chosen) : null,
    methods: [
      'Two Vision Transformers were trained from random weights on GreenSynth, 4,000 training, 1,000 validation and 1,000 test images of 32 x 32 pixels.',
      'GPU energy is the difference of two readings of the hardware counter of the board. CPU power was modelled from load and design power, RAM power taken as constant per module.',
    ],
    limits: [
      'The processor was modelled, not measured: its band is 25 % of the design power.',
      'One run each; differences between seeds are not known.',
    ],
  };
}

/** A calibration that was made with typed readings. */
export const calibrated: Calibration = {
  kept: {
    baseWatts: 48.2,
    factor: 1.12,
    residualWatts: null,
    warnings: [],
    at: Date.UTC(2026, 8, 3, 10, 20),
    method: 'typed in',
    idle: { countedWatts: 74, wallWatts: 131.1, seconds: 30, by: 'typed', remarks: [] },
    load: { countedWatts: 212, wallWatts: 285.6, seconds: 60, by: 'typed', remarks: [] },
    stale: null,
  },
  session: null,
};

// --- the link -------------------------------------------------------------------------------------

export interface MockLink extends WatchedLink {
  emit<K extends EventName>(event: K, data: Events[K]): void;
  /** The next event's number jumps, as when the host skipped some. */
  skip(): void;
  /** Names of the calls so far, with their inputs. */
  readonly asked: { name: string; input: unknown }[];
}

const state = (known: Partial<ComponentState>): ComponentState => ({
  utilPercent: null,
  memoryMb: null,
  tempC: null,
  clockMhz: null,
  foreign: false,
  throttled: false,
  ...known,
});

export function powerTrace(seconds: number): PowerTrace {
  const at = range(seconds * 5).map((i) => now - seconds * 1000 + i * 200);
  return {
    at,
    watts: {
      'gpu:0': at.map((_, i) => (i > 100 && i < 130 ? null : 96 + 18 * noise(i))),
      cpu: at.map((_, i) => 58 + 6 * noise(i + 500)),
      ram: at.map(() => 24),
    },
    latest: {
      'gpu:0': state({
        utilPercent: 97,
        memoryMb: 5120,
        tempC: 71,
        clockMhz: 1695,
        throttled: true,
      }),
      cpu: state({ utilPercent: 34 }),
      ram: state({ utilPercent: 18, memoryMb: 47_000 }),
    },
  };
}

/** The last two epochs' and the best one's, as a trainer keeps them. */
function checkpointsOf(story: Story, state: 'there' | 'whole' = 'there'): CheckpointList {
  const { checkpoints } = detailOf(story);
  const folder = `/home/ada/.local/share/HuggingGreen/runs/${story.id}`;
  const kept = checkpoints.toReversed().map(({ epoch, step, bytes }, i): KeptCheckpoint => ({
    step,
    epoch,
    at: now,
    roles: i === 0 ? ['last'] : i === 1 ? ['best'] : [],
    paths: [`${folder}/${['last', 'best'][i] ?? `step-${step}`}.json`],
    tensors: `${folder}/step-${step}.safetensors`,
    bytes: i === 2 ? null : bytes,
    sha256: 'c0ffee'.padEnd(64, '0'),
    state: i === 2 ? 'missing' : state,
    problem: i === 2 ? `step-${step}.safetensors is gone` : null,
    macroF1: 0.5 + 0.01 * epoch,
    f1PerKwh: 4000 - 100 * epoch,
    best: i === 1,
    bestPerKwh: i === checkpoints.length - 1,
  }));
  const others = kept.filter(({ best, state }) => !best && state !== 'missing');
  return {
    folder,
    checkpoints: kept,
    free: {
      count: others.length,
      bytes: others.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
      keeps: kept.filter(({ best }) => best).map(({ step }) => step),
    },
    undo: false,
  };
}

export function mockLink(options: { runs?: Story[]; replace?: Partial<Handlers> } = {}): MockLink {
  let runs = options.runs ?? stories();
  let settings: Settings = {
    region: 'DEU',
    customGPerKwh: null,
    customName: null,
    customSource: null,
    customYear: null,
    pue: 1,
    waterLPerKwh: null,
    embodiedKg: null,
    embodiedYears: null,
    hourly: null,
    hourlyZone: null,
    elsewhere: ['world', 'FRA', 'IND'],
    theme: 'system',
    windowGpu: 'unless measured',
    servePort: null,
    numberFormat: '1,234.5',
    energyUnit: 'Wh',
    coolDownMinutes: 2,
    plateauEvaluations: 10,
    queueBudgetWh: null,
    queueBudgetGCO2e: null,
    queueBudgetMinutes: null,
    queueBudgetPeriod: 'month',
    queueBudgetSince: 0,
    webhook: null,
    notify: true,
    hz: 10,
    cpuTdpWatts: null,
    cpuCurve: null,
    dimms: null,
    ramMode: 'dimms',
    ramWatts: null,
    libreHardwareMonitor: null,
    metrics: null,
  };
  let calibration: Calibration = calibrated;
  let intensity: IntensityState = {
    providers: [
      { name: 'profile', label: 'Profile from a file', network: false, needsKey: false },
      { name: 'electricity-maps', label: 'Electricity Maps', network: true, needsKey: true },
      { name: 'uk', label: 'UK Carbon Intensity API', network: true, needsKey: false },
    ],
    keyEnd: null,
    profiles: [],
  };
  const asked: MockLink['asked'] = [];
  const hearers = new Set<(event: WireEvent) => void>();
  let seq = 0;
  let nextId = 1;

  const one = (id: number): Story => {
    const found = runs.find((run) => run.id === id);
    if (!found) throw new AppError('NOT_FOUND', `There is no run ${id}.`);
    return found;
  };
  let queue: QueueState = {
    active: runs.find(({ status }) => status === 'running')?.id ?? null,
    waiting: runs
      .filter(({ status }) => status === 'queued')
      .map(({ id }) => id)
      .sort((a, b) => a - b),
    paused: false,
    coolDown: null,
    budget: null,
    outlook: {
      waiting: { seconds: null, wh: null, gCO2e: null },
      all: { seconds: null, wh: null, gCO2e: null },
      unknown: 0,
    },
  };
  const changeQueue = (change: Partial<QueueState>): QueueState => {
    queue = { ...queue, ...change };
    tell('queue', queue);
    return queue;
  };
  let removed: Story[] = [];
  let views: SavedView[] = [];
  const tell = <K extends EventName>(event: K, data: Events[K]) => {
    seq++;
    for (const hear of hearers) hear({ event, seq, data });
  };
  const keep = (
    ids: readonly number[],
    change: (kept: NonNullable<Story['kept']>) => NonNullable<Story['kept']>,
  ) => {
    runs = runs.map((run) =>
      ids.includes(run.id) ? { ...run, kept: change(run.kept ?? {}) } : run,
    );
    tell(
      'runs',
      ids.map((id) => summaryOf(one(id))),
    );
  };
  const leafOf = ({ config }: Story, key: string) => {
    const leaf = key
      .split('.')
      .reduce<unknown>(
        (part, name) => (part as Record<string, unknown> | undefined)?.[name],
        config,
      );
    return leaf === undefined ? null : (leaf as RunValues['values'][string][number]);
  };
  let nextDataDir: string | null = null;
  const handlers: Handlers = {
    'jobs.cancel': () => undefined,
    'app.info': () => ({
      version: '0.1.0',
      versions: { Node: '24.21.0' },
      contractVersion,
      shell: 'electron',
      dataDir: '/home/ada/.local/share/HuggingGreen',
      nextDataDir,
      dataDirFixed: false,
      servedAt:
        settings.servePort === null
          ? null
          : `http://127.0.0.1:${settings.servePort}/#token=0123456789abcdef`,
      can: { pdf: true, revealInFolder: true, chooseFolder: true, serve: true, commands: true },
    }),
    'app.chooseDataDir': async ({ usual }) => {
      nextDataDir = usual ? null : '/data/ada/hugginggreen';
      return handlers['app.info']({});
    },
    'machine.get': () => machine,
    'machine.probe': () => machine,
    'machine.idle': () => machine,
    'machine.power': ({ seconds }) => powerTrace(seconds),
    'calibration.get': () => calibration,
    'calibration.start': ({ source }) =>
      (calibration = {
        ...calibration,
        session: {
          source,
          plug: source && { name: `Shelly (generation 2) at ${source.host}`, watts: 131 },
          idle: null,
          load: null,
          measuring: null,
          error: null,
          result: null,
          refusal: null,
        },
      }),
    'calibration.measure': () => calibration,
    'calibration.read': () => calibration,
    'calibration.finish': () => (calibration = calibrated),
    'calibration.cancel': () => (calibration = { ...calibration, session: null }),
    'calibration.restore': () => (calibration = calibrated),
    'calibration.forget': () => (calibration = { kept: null, session: null }),
    'regions.list': () => regions,
    'settings.get': () => settings,
    'settings.set': (change) => (settings = { ...settings, ...change }),
    'webhook.test': () => ({ status: 204, milliseconds: 12 }),
    'intensity.get': () => intensity,
    'intensity.setKey': ({ key }) => (intensity = { ...intensity, keyEnd: key?.slice(-3) ?? null }),
    'intensity.check': () => ({ name: 'Electricity Maps, DK-DK1', at: now, gPerKwh: 88 }),
    'intensity.import': ({ name }) => {
      const profile: IntensityProfile = {
        name,
        kind: 'hours',
        steps: 48,
        from: now - 172_800_000,
        to: now,
        meanGPerKwh: 212,
      };
      intensity = { ...intensity, profiles: [...intensity.profiles, profile] };
      return { profile, taken: 48, refused: [{ row: 7, reason: '"x" is no number' }] };
    },
    'intensity.remove': ({ name }) =>
      (intensity = {
        ...intensity,
        profiles: intensity.profiles.filter((profile) => profile.name !== name),
      }),
    'datasets.list': () => datasets,
    'datasets.download': () => undefined,
    'datasets.cancel': () => undefined,
    'datasets.chooseFolder': () => '/data/ada/cifar-100-binary',
    'experiments.presets': () => presets,
    'experiments.check': ({ config }) => {
      const parsed = parseExperimentConfig(config);
      return parsed.ok
        ? {
            ok: true,
            config: parsed.config,
            forecast: forecastOf(parsed.config),
            warnings: [],
            refusal: null,
          }
        : parsed;
    },
    'datasets.samples': ({ indices, split }) => ({
      size: 8,
      total: 40,
      images: indices.map((index) => ({
        index,
        label: split === 'train' ? 'disc' : shapes[index % shapes.length]!,
        rgb: btoa(String.fromCharCode(...range(192).map((i) => (i * 37) % 256))),
        box: [2, 2, 6, 6],
      })),
    }),
    'experiments.selection': ({ config, epoch, indices }) => {
      const { selection, model } = completeConfig(config);
      if (model.kind !== 'vit') return { patches: null, keep: null, share: null, choices: [] };
      const keep = keptPatches({ model, selection });
      const heuristics = [
        'variance_channel_mean',
        'contrast_guarded',
        'entropy',
        'random',
      ] as const;
      return {
        patches: patchCount(model),
        keep,
        share: 1 / epoch,
        choices: heuristics.map((heuristic) => ({
          heuristic,
          images: indices.map(() => ({ kept: range(keep), objectShare: 0.71 })),
        })),
      };
    },
    'experiments.forecast': ({ config }) => {
      const complete = completeConfig(config);
      return { forecast: forecastOf(complete), cost: costOf(complete), cleaner: null };
    },
    'experiments.measure': ({ config }) => {
      const complete = completeConfig(config);
      return { forecast: forecastOf(complete), cost: measuredCostOf(complete), cleaner: null };
    },
    'matrices.list': () => matrixList,
    'matrices.preview': matrixPreview,
    'matrices.start': (order) => ({
      group: 1,
      ids: matrixPreview(order).runs.map((_, i) => 100 + i),
    }),
    'matrices.get': ({ group }) => {
      if (group !== 4) throw new AppError('NOT_FOUND', `There is no matrix or sweep ${group}.`);
      return sweepState(
        completeConfig({ train: { epochs: 9 } }),
        options.runs?.map(({ id }) => id) ?? [],
      );
    },
    'matrices.stop': () => ({
      ...sweepState(completeConfig({ train: { epochs: 9 } }), []),
      state: 'stopped',
    }),
    'sweeps.preview': (order) => sweepPreview(order, forecastOf, costOf),
    'sweeps.start': () => ({ group: 4, ids: [] }),
    'queue.get': () => queue,
    'queue.move': ({ ids, before }) => {
      const rest = queue.waiting.filter((id) => !ids.includes(id));
      rest.splice(before === null ? rest.length : rest.indexOf(before), 0, ...ids);
      return changeQueue({ waiting: rest });
    },
    'queue.pause': () => changeQueue({ paused: true }),
    'queue.resume': () => changeQueue({ paused: false }),
    'queue.skipCoolDown': () => changeQueue({ coolDown: null }),
    'runs.pause': () => undefined,
    'runs.clone': () => ({ ids: [100] }),
    'runs.start': ({ configs }) => ({ ids: configs.map((_, i) => 100 + i) }),
    'runs.command': () => ({ ids: [100] }),
    'runs.log': () => [],
    'runs.exportLog': ({ id }) => ({
      name: `run-${id}.log`,
      mime: 'text/plain',
      bytes: 9,
      url: '/download/ticket',
      path: `/data/exports/ticket/run-${id}.log`,
    }),
    'runs.markFailed': () => undefined,
    'runs.reveal': () => undefined,
    'checkpoints.list': ({ id }) => checkpointsOf(one(id)),
    'checkpoints.verify': ({ id }) => checkpointsOf(one(id), 'whole'),
    'checkpoints.free': ({ id }) => {
      const { checkpoints, ...list } = checkpointsOf(one(id));
      const free = { ...list.free, count: 0, bytes: 0 };
      return { ...list, checkpoints: checkpoints.filter(({ best }) => best), free, undo: true };
    },
    'checkpoints.restore': ({ id }) => checkpointsOf(one(id)),
    'runs.example': () => ({ ids: [1, 2] }),
    'runs.stop': () => undefined,
    'runs.resume': () => undefined,
    'runs.rename': () => undefined,
    'runs.mark': ({ id, text, time = 20 }) => {
      const marker: Marker = { id: nextId++, time, kind: 'own', text };
      marked.set(id, [...(marked.get(id) ?? []), marker]);
      return marker;
    },
    'runs.unmark': ({ id, marker }) =>
      void marked.set(id, marked.get(id)?.filter((one) => one.id !== marker) ?? []),
    'runs.annotate': ({ ids, star, note, addTags = [], removeTags = [] }) => {
      keep(ids, ({ tags = [], ...kept }) => ({
        ...kept,
        ...(star !== undefined && { star }),
        ...(note !== undefined && { note: note || null }),
        tags: [...new Set([...tags, ...addTags])].filter((tag) => !removeTags.includes(tag)).sort(),
      }));
    },
    'runs.archive': ({ ids }) => keep(ids, (kept) => ({ ...kept, archivedAt: now })),
    'runs.unarchive': ({ ids }) => keep(ids, (kept) => ({ ...kept, archivedAt: null })),
    'runs.delete': ({ ids }) => {
      removed = [...removed, ...runs.filter(({ id }) => ids.includes(id))];
      runs = runs.filter(({ id }) => !ids.includes(id));
      tell('run.removed', { ids });
    },
    'runs.restore': ({ ids }) => {
      const back = removed.filter(({ id }) => ids.includes(id));
      removed = removed.filter(({ id }) => !ids.includes(id));
      runs = [...runs, ...back];
      tell('runs', back.map(summaryOf));
    },
    'runs.disk': ({ ids }) => ({ bytes: ids.length * 4_200_000 }),
    'runs.list': () => runs.map(summaryOf),
    'runs.values': ({ keys }) => ({
      ids: runs.map(({ id }) => id),
      values: Object.fromEntries(keys.map((key) => [key, runs.map((run) => leafOf(run, key))])),
    }),
    'runs.metricNames': () => ['accuracy'],
    'runs.get': ({ id }) => detailOf(one(id)),
    'runs.series': ({ id, names, x }) => seriesOf(one(id), names, x),
    'runs.power': ({ id }) => powerOf(one(id)),
    'runs.pictures': ({ id }) => {
      const { config } = detailOf(one(id));
      return config ? picturesOf(config, 4) : { images: [], snapshots: [] };
    },
    'runs.compare': ({ ids }) => compareStories(ids.map(one)),
    'runs.sideBySide': ({ ids }) => {
      const asked = ids.map(one);
      return { comparison: compareStories(asked), details: asked.map(detailOf) };
    },
    'runs.predictions': (query) => {
      const story = one(query.id);
      return pageOfMock(story.status === 'done' ? predictedBy(story) : null, query);
    },
    'runs.comparePredictions': (query) =>
      comparisonOfMock(
        query.ids.map((id) => predictedBy(one(id))),
        query,
      ),
    'runs.curves': ({ ids, names, x }) => ids.map((id) => seriesOf(one(id), names, x)),
    'runs.totals': ({ ids, width }) =>
      ids.map(one).map(powerOf).map((power) => ({
        watts: totalOf(power, 'watts', width / 2),
        wh: totalOf(power, 'wh', width / 2),
      })), // prettier-ignore
    'runs.export': ({ format }) => ({
      name: `export-${format}.csv`,
      mime: 'text/csv',
      bytes: 9,
      url: '/download/ticket',
      path: `/data/exports/ticket/export-${format}.csv`,
    }),
    'runs.report': () => ({ url: 'about:blank' }),
    'uploads.begin': () => ({ upload: 'ticket' }),
    'uploads.add': () => undefined,
    'runs.importBundle': () => ({
      ids: [1],
      taken: 1,
      known: [{ row: 2, run: 2 }],
      refused: [],
      beside: null,
    }),
    'runs.reprice': () => ({ id: 1 }),
    'runs.fetchHours': ({ id }) => detailOf(one(id)),
    'runs.exportModel': ({ id, format, checkpoint = 'best' }) => ({
      name: `run-${id}-${checkpoint}.${format}`,
      mime: 'application/octet-stream',
      bytes: 1_234_567,
      checkpoint,
      step: 120,
      url: '/download/ticket',
      path: `/data/exports/ticket/run-${id}-${checkpoint}.${format}`,
    }),
    'runs.import': ({ csv }) => ({
      ids: [],
      taken: csv.includes('taken') ? 1 : 0,
      known: csv.includes('known') ? [{ row: 2, run: 1 }] : [],
      refused: csv.includes('shifted') ? [{ row: 3, reason: 'cells have shifted' }] : [],
      beside: csv.includes('t_rel_s') ? 'samples' : null,
    }),
    'views.list': () => views,
    'views.save': ({ name, state }) => {
      const view = { id: views.length + 1, name, state };
      views = [...views.filter((other) => other.name !== name), view];
      return view;
    },
    'views.rename': ({ id, name }) => {
      views = views.map((view) => (view.id === id ? { ...view, name } : view));
    },
    'views.delete': ({ id }) => {
      views = views.filter((view) => view.id !== id);
    },
    ...options.replace,
  };

  return {
    asked,
    async call(name, input) {
      asked.push({ name, input });
      if (!(name in calls)) throw new Error(`The page asked for ${name}.`);
      // what crosses a process or a socket is a copy
      return structuredClone(await answer(handlers, { id: nextId++, name, input }));
    },
    listen(hear) {
      hearers.add(hear);
      return () => void hearers.delete(hear);
    },
    emit: tell,
    skip() {
      seq += 3;
    },
  };
}

export const summaryOfStory = summaryOf;
