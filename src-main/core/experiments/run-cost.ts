/**
 * What a run will take on this machine: seconds and Wh with an interval, from what was timed here. Three
 * ways, the best first: earlier runs of the same experiment, a rehearsal of it (its own programs, trained for
 * some seconds), and the operations per second of other runs. There is no constant behind any of them:
 * on a machine that has computed nothing yet, nothing is told.
 */
import { createHash } from 'node:crypto';
import type { EngineName, Estimate, ExperimentConfig, Forecast, RunCost } from '../../contract.ts';
import { stageEpochs } from '../../experiment-config/stage-epochs.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import type { Rehearsal, RehearsedSteps } from '../../trainer/messages.ts';
import { datasetOf, epochCosts, type EpochCost } from './forecast.ts';

/** A run that was done here, as the store has it. */
export interface PastRun {
  id: number;
  config: ExperimentConfig;
  forecast: Forecast;
  engine: string;
  /** Brand of the processor; null where it was not told. */
  cpu: string | null;
  /** Of the active time. */
  seconds: number;
  /** Null: not measured. */
  wh: number | null;
  /** Seconds by name. */
  phases: Record<string, number>;
}

/** A rehearsal with the power that was drawn during it. */
export interface MeasuredCost {
  /** Milliseconds since 1970. */
  at: number;
  engine: EngineName;
  forecast: Forecast;
  prepareSeconds: number;
  compileSeconds: number;
  stages: {
    phase: Rehearsal['stages'][number]['phase'];
    batch: number;
    onceSecondsPerImage: number;
    steps: { selects: boolean; steps: number; ms: number; errorMs: number }[];
  }[];
  evaluation: Rehearsal['evaluation'];
  /** Mean while steps were timed; null: not measured. */
  watts: number | null;
}

/** What earlier work here tells. */
export interface Experience {
  runs: readonly PastRun[];
  measured: MeasuredCost | null;
  /** Rehearsals of other configs. */
  others: readonly MeasuredCost[];
}

/** Where a run would compute. */
export interface Place {
  engine: EngineName | null;
  cpu: string | null;
}

/** Half widths as shares; assumed, and told in words with the figure. */
const assumed = {
  /** Of a single earlier run: how far the next one may lie from it. */
  oneRun: 0.15,
  /** Of several: what their own spread is not believed below. */
  severalRuns: 0.05,
  /** Of one with other epochs: what was scaled. */
  scaled: 0.1,
  /** Of some seconds: clocks fall as a machine warms up. */
  rehearsal: 0.15,
  /** Of reading data and compiling, which happen once. */
  once: 0.5,
  /** Of power beside that of time. */
  power: 0.1,
  /** A factor: models of other shapes reach other speeds, those of one size. */
  throughput: 3,
};

/** Of configs as they are held, by their place: each of a long queue is set against each run of the past. */
const shapes = new WeakMap<ExperimentConfig, Map<string, string>>();

/** Everything that a step's time depends on; epochs and seed are left out. */
export function shapeOf(config: ExperimentConfig, place: Place): string {
  const known = shapes.get(config) ?? new Map<string, string>();
  shapes.set(config, known);
  const where = `${place.engine} ${place.cpu}`;
  const shape = known.get(where) ?? shapeAt(config, place);
  known.set(where, shape);
  return shape;
}

function shapeAt(config: ExperimentConfig, place: Place): string {
  const { gpu, threads } = config.compute;
  const same = {
    ...config,
    name: '',
    train: { ...config.train, seed: 0, epochs: 0 },
    compute: { engine: place.engine, gpu, threads },
    watch: undefined,
    energy: null,
    budget: undefined,
    cpu: place.cpu,
  };
  return createHash('sha256').update(canonical(same)).digest('hex').slice(0, 16);
}

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

/** @param gPerWh emissions per Wh with PUE, to price the energy */
export function runCost(
  config: ExperimentConfig,
  forecast: Forecast,
  { runs, measured, others }: Experience,
  place: Place,
  gPerWh: number,
): RunCost {
  const shape = shapeOf(config, place);
  const here = runs.filter(
    ({ engine, cpu }) =>
      engine === place.engine && (cpu === null || place.cpu === null || cpu === place.cpu),
  );
  const same = here.filter(
    (run) =>
      shapeOf(run.config, { engine: run.engine as EngineName, cpu: place.cpu }) === shape &&
      run.forecast.trainMacs > 0,
  );
  const found: Told =
    fromRuns(config, forecast, same) ??
    (measured && fromRehearsal(config, measured)) ??
    fromThroughput(
      config,
      forecast,
      here,
      others.filter(({ engine }) => engine === place.engine),
    ) ??
    nothing;
  return {
    ...found,
    engine: place.engine,
    gCO2e: found.wh && times(found.wh, gPerWh),
    baselineSeconds: config.energy.baselineSeconds,
  };
}

type Told = Pick<RunCost, 'basis' | 'how' | 'runs' | 'seconds' | 'wh'>;

const nothing: Told = {
  basis: 'none',
  how: 'Nothing like it has run here yet: measure it, or start it.',
  runs: [],
  seconds: null,
  wh: null,
};

// --- from runs of the same experiment --------------------------------------------------------------

const trainingPhases = ['train', 'teacher', 'pretrain', 'contrastive', 'finetune', 'prune'];
/** The latest ones count: a machine changes. */
const mostRuns = 10;

function fromRuns(
  config: ExperimentConfig,
  forecast: Forecast,
  all: readonly PastRun[],
): Told | null {
  if (all.length === 0) return null;
  const exact = all.filter(({ config: { train } }) => train.epochs === config.train.epochs);
  const used = (exact.length > 0 ? exact : all).slice(0, mostRuns);
  const scaled = exact.length === 0;
  const seconds = used.map((run) => run.seconds * (scaled ? longer(config, forecast, run) : 1));
  const half =
    (used.length === 1 ? assumed.oneRun : Math.max(assumed.severalRuns, spread(seconds))) +
    (scaled ? assumed.scaled : 0);
  const watts = used.flatMap(({ wh, seconds }) => (wh === null ? [] : [(wh * 3600) / seconds]));
  const time = about(mean(seconds), half);
  const epochs = scaled ? ', scaled to these epochs' : '';
  const band =
    used.length === 1
      ? `± ${percent(half)} is assumed`
      : `the interval is two standard deviations, at least ${percent(assumed.severalRuns)}`;
  return {
    basis: 'runs',
    how: `From ${used.length === 1 ? `run ${used[0]!.id}` : `${used.length} runs`} of the same experiment here${epochs}; ${band}.`,
    runs: used.map(({ id }) => id),
    seconds: time,
    wh: energy(time, watts, used.length === 1 ? 0.05 : Math.max(0.02, spread(watts))),
  };
}

/** Its time on other epochs against its own: training by its operations, evaluation by how often. */
function longer(config: ExperimentConfig, forecast: Forecast, past: PastRun): number {
  const training = sum(trainingPhases.map((name) => past.phases[name] ?? 0));
  const evaluating = past.phases['evaluate'] ?? 0;
  const rest = Math.max(0, past.seconds - training - evaluating);
  const trained = forecast.trainMacs / past.forecast.trainMacs;
  const evaluated = evaluations(config) / evaluations(past.config);
  return (rest + training * trained + evaluating * evaluated) / past.seconds;
}

/** Of the validation images, in the stage that leaves the model. */
function evaluations(config: ExperimentConfig): number {
  const epochs = stageEpochs(config).at(-1)!.epochs;
  return Math.ceil(epochs / config.train.evalEvery);
}

// --- from a rehearsal ------------------------------------------------------------------------------

/** What was timed, without what cannot be kept: the host adds power. */
export function measuredCost(
  { engine, prepareSeconds, compileSeconds, stages, evaluation }: Rehearsal,
  forecast: Forecast,
  watts: number | null,
): MeasuredCost {
  return {
    at: Date.now(),
    engine: engine.name,
    forecast,
    prepareSeconds,
    compileSeconds,
    stages: stages.map(({ steps, ...stage }) => ({ ...stage, steps: steps.map(timed) })),
    evaluation,
    watts,
  };
}

/** Mean of the steps, and its standard error. */
function timed({
  selects,
  stepMs,
}: RehearsedSteps): MeasuredCost['stages'][number]['steps'][number] {
  const ms = mean(stepMs);
  const errorMs = stepMs.length < 2 ? ms : deviation(stepMs) / Math.sqrt(stepMs.length);
  return { selects, steps: stepMs.length, ms, errorMs };
}

function fromRehearsal(config: ExperimentConfig, measured: MeasuredCost): Told {
  const { seconds: training, error } = trainingTime(config, measured);
  const { batch, batchSeconds } = measured.evaluation;
  const { validation, test } = describeDataset(config.dataset);
  const perPass = (images: number): number => Math.ceil(images / batch) * batchSeconds;
  const evaluating = evaluations(config) * perPass(validation) + perPass(test);
  const once = measured.prepareSeconds + measured.compileSeconds;
  const value = training + evaluating + once;
  const half = assumed.rehearsal * (training + evaluating) + 2 * error + assumed.once * once;
  const time = { low: value - Math.min(half, 0.8 * value), value, high: value + half };
  const steps = measured.stages.flatMap((stage) => stage.steps);
  return {
    basis: 'measured',
    how: `From ${sum(steps.map(({ steps }) => steps))} steps that were timed here${measured.watts === null ? ' (no power was read)' : ''}; ${percent(assumed.rehearsal)} are assumed for a machine that warms up.`,
    runs: [],
    seconds: time,
    wh: energy(time, measured.watts === null ? [] : [measured.watts], assumed.power),
  };
}

/** Of all stages: each kind of step by how many there will be, as its epoch's model has it. */
function trainingTime(
  config: ExperimentConfig,
  measured: MeasuredCost,
): { seconds: number; error: number } {
  const { classes } = describeDataset(config.dataset);
  const stages = stageEpochs(config);
  let [seconds, error] = [0, 0];
  for (const [index, { phase, epochs }] of stages.entries()) {
    const timed = measured.stages[index]!;
    const { train: images, validation } = describeDataset(datasetOf(config, phase));
    const stepsPerEpoch = Math.floor(images / timed.batch);
    seconds += timed.onceSecondsPerImage * (images + validation);
    const last = index === stages.length - 1;
    const costs = last ? epochCosts(config, classes) : null;
    for (let epoch = 0; epoch < epochs; epoch++)
      for (const { weight, ms, errorMs } of kinds(timed.steps, costs, epoch)) {
        seconds += (stepsPerEpoch * weight * ms) / 1000;
        error += (stepsPerEpoch * weight * errorMs) / 1000;
      }
  }
  return { seconds, error };
}

/** The kinds of steps of an epoch, their share of it, and their time as the epoch's own model has it. */
function kinds(
  steps: MeasuredCost['stages'][number]['steps'],
  costs: readonly EpochCost[] | null,
  epoch: number,
): { weight: number; ms: number; errorMs: number }[] {
  const [first, own] = [costs?.[0], costs?.[epoch]];
  return steps.map(({ selects, ms, errorMs }) => {
    if (!first || !own) return { weight: 1 / steps.length, ms, errorMs };
    // routing and pruning make the model smaller from epoch to epoch
    const [before, now] = selects ? [first.reduced, own.reduced] : [first.full, own.full];
    const factor = before > 0 ? now / before : 1;
    const weight = steps.length === 1 ? 1 : selects ? own.share : 1 - own.share;
    return { weight, ms: ms * factor, errorMs: errorMs * factor };
  });
}

// --- from other work -------------------------------------------------------------------------------

/** Of those whose image costs most nearly as much. */
const nearest = 5;
/** Seconds of training below which a run tells of its start, not of its speed. */
const leastTraining = 1;
/** So many times as costly an image may be: beyond, the speed of one model tells nothing of another's. */
const farthest = 100;

/** How fast something trained here. */
interface Speed {
  id: number | null;
  /** Of an image of its own, forward. */
  macs: number;
  perMac: number;
  watts: number | null;
  /** Reading data, compiling, checkpoints: what does not grow with the training. */
  once: number;
}

function fromThroughput(
  config: ExperimentConfig,
  { trainMacs, macsFull, macsTest }: Forecast,
  runs: readonly PastRun[],
  rehearsals: readonly MeasuredCost[],
): Told | null {
  const speeds = [...runs.map(speedOf), ...rehearsals.map(speedOfSteps)]
    .filter((speed) => speed !== null)
    .filter(({ macs }) => distance(macs, macsFull) <= Math.log(farthest))
    .toSorted((a, b) => distance(a.macs, macsFull) - distance(b.macs, macsFull))
    .slice(0, nearest);
  if (speeds.length === 0) return null;
  // a small model spends most of its time beside its operations: per operation, one that is r times as
  // large takes as much at most, and a root of r less at least
  const perMac = speeds.map(({ perMac, macs }) => {
    const root = Math.sqrt(macsFull / macs);
    return [perMac / Math.max(1, root), perMac * Math.max(1, 1 / root)] as const;
  });
  const low = Math.min(...perMac.map(([low]) => low)) / assumed.throughput;
  const high = Math.max(...perMac.map(([, high]) => high)) * assumed.throughput;
  const { validation, test } = describeDataset(config.dataset);
  const evaluated = evaluations(config) * validation * macsFull + test * (macsTest ?? macsFull);
  const once = mean(speeds.map(({ once }) => once));
  const time = plus(
    times({ low, value: Math.sqrt(low * high), high }, trainMacs + evaluated),
    about(once, assumed.once),
  );
  const ids = speeds.flatMap(({ id }) => id ?? []);
  const factor = Math.max(time.high / time.value, time.value / time.low);
  return {
    basis: 'throughput',
    how: `A rough guess from the operations per second of other work here (${ids.length > 0 ? `run${ids.length > 1 ? 's' : ''} ${ids.join(', ')}` : 'rehearsals'}): within a factor of about ${Number(factor.toPrecision(2))}. Measure here for a better one.`,
    runs: ids,
    seconds: time,
    wh: energy(
      time,
      speeds.flatMap(({ watts }) => watts ?? []),
      assumed.power,
    ),
  };
}

/** By the time that it trained, which is a small part of a short run. */
function speedOf({ id, forecast, phases, seconds, wh }: PastRun): Speed | null {
  const training = sum(trainingPhases.map((name) => phases[name] ?? 0));
  if (training < leastTraining || forecast.trainMacs <= 0 || forecast.macsFull <= 0) return null;
  const evaluating = (phases['evaluate'] ?? 0) + (phases['test'] ?? 0);
  return {
    id,
    macs: forecast.macsFull,
    perMac: training / forecast.trainMacs,
    watts: wh === null ? null : (wh * 3600) / seconds,
    once: Math.max(0, seconds - training - evaluating),
  };
}

/** Of the training operations of the stage that leaves the model. */
function speedOfSteps(measured: MeasuredCost): Speed | null {
  const { stages, forecast, watts, prepareSeconds, compileSeconds } = measured;
  const last = stages.at(-1);
  const full = last?.steps.find(({ selects }) => !selects);
  if (!last || !full || forecast.macsFull <= 0) return null;
  return {
    id: null,
    macs: forecast.macsFull,
    // forward and backward
    perMac: full.ms / 1000 / (last.batch * 3 * forecast.macsFull),
    watts,
    once: prepareSeconds + compileSeconds,
  };
}

const distance = (a: number, b: number): number =>
  Math.abs(Math.log(Math.max(1, a) / Math.max(1, b)));

// --- arithmetic ------------------------------------------------------------------------------------

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;

/** Sample standard deviation. */
function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(sum(values.map((value) => (value - middle) ** 2)) / (values.length - 1));
}

/** Two standard deviations as a share of the mean. */
const spread = (values: readonly number[]): number =>
  values.length < 2 ? 0 : (2 * deviation(values)) / mean(values);

const about = (value: number, half: number): Estimate => ({
  low: value * Math.max(0, 1 - half),
  value,
  high: value * (1 + half),
});

const plus = (a: Estimate, b: Estimate): Estimate => ({
  low: a.low + b.low,
  value: a.value + b.value,
  high: a.high + b.high,
});

const times = ({ low, value, high }: Estimate, factor: number): Estimate => ({
  low: low * factor,
  value: value * factor,
  high: high * factor,
});

/** Energy of a time at a mean power; what is doubtful about either adds up. */
function energy(time: Estimate, watts: readonly number[], half: number): Estimate | null {
  if (watts.length === 0) return null;
  const hours = times(time, mean(watts) / 3600);
  return {
    low: hours.low * Math.max(0, 1 - half),
    value: hours.value,
    high: hours.high * (1 + half),
  };
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** Of several runs together; null where one of them is not known. */
export function total(parts: readonly (Estimate | null)[]): Estimate | null {
  return parts.reduce<Estimate | null>((all, part) => all && part && plus(all, part), {
    low: 0,
    value: 0,
    high: 0,
  });
}
