/**
 * A training run from the first byte of data to the test: what `main.ts` starts.
 *
 * Everything the run reports goes out as messages, its phases with stamps of the monotonic clock, so
 * that the energy of each can be cut from the meter's readings. An engine blocks the thread while it
 * computes; between two steps the loop lets the event loop turn once, and that is when a stop is heard.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { ExperimentConfig } from '../experiment-config.ts';
import { monotonicMicros } from '../port.ts';
import { selectionProbability } from '../selection-schedule.ts';
import { augmenterOf, type Augmenter } from './augment.ts';
import { epochOrder, Feeder, isSelected } from './batches.ts';
import {
  readCheckpoint,
  refuseChangedConfig,
  writeCheckpoint,
  type BestSoFar,
  type Checkpoint,
  type CheckpointKind,
  type Position,
} from './checkpoint.ts';
import { openDataset, type Dataset, type Split, type SplitName } from './data/index.ts';
import type { Engine, EngineState, Program } from './engine/engine.ts';
import { DivergedError } from './failure.ts';
import { computeFeatures, type Features } from './features.ts';
import type { EvaluationResult, FromTrainer, PhaseName } from './messages.ts';
import { classificationMetrics, Confusion } from './metrics/classification.ts';
import { initialValues } from './models/parameters.ts';
import { learningRate, stepScalars } from './optimiser.ts';
import { randomStreams } from './random-streams.ts';
import { supervised, type Recipe, type StepDefinition } from './recipes/supervised.ts';
import { ScoreCache } from './score-cache.ts';
import { StepReporter } from './step-reporter.ts';

export interface TrainingRun {
  config: ExperimentConfig;
  /** Datasets and their caches. */
  dataDir: string;
  /** Where checkpoints go; exists. */
  runDir: string;
  /** Checkpoint to go on from. */
  resume: string | null;
  openEngine(): Promise<{ engine: Engine; why: string }>;
  post(message: FromTrainer): void;
  /** Aborted: finish the step, write a checkpoint, say `stopped`. */
  stop: AbortSignal;
}

/** Trains, and says `done` or `stopped`. @throws whatever ends the run otherwise. */
export async function train(run: TrainingRun): Promise<void> {
  const prepared = await inPhase(run, 'prepare', null, () => prepare(run));
  try {
    const programs = await inPhase(run, 'compile', null, () => compile(run, prepared));
    await new Training(run, prepared, programs).run();
  } finally {
    await prepared.engine.dispose();
  }
}

/** Inside, epochs count from 0, as schedules and streams do; people, and so all messages, count from 1. */
const shown = (epoch: number): number => epoch + 1;

/** Posts start and end of a phase around some work, also where the work fails. */
async function inPhase<Result>(
  { post }: Pick<TrainingRun, 'post'>,
  name: PhaseName,
  epoch: number | null,
  work: () => Promise<Result>,
): Promise<Result> {
  const phase = { type: 'phase', name, epoch: epoch === null ? null : shown(epoch) } as const;
  post({ ...phase, edge: 'start', at: monotonicMicros() });
  try {
    return await work();
  } finally {
    post({ ...phase, edge: 'end', at: monotonicMicros() });
  }
}

// --- prepare --------------------------------------------------------------------------------------

interface Prepared {
  engine: Engine;
  why: string;
  data: Dataset;
  recipe: Recipe;
  /** What the model wants computed once per image; null where it sees the images. */
  features: Features | null;
  state: EngineState;
  position: Position;
  best: BestSoFar | null;
  stepsPerEpoch: number;
}

async function prepare(run: TrainingRun): Promise<Prepared> {
  const { config, post } = run;
  const note = (message: string, level: 'info' | 'warning' = 'info'): void =>
    post({ type: 'note', at: monotonicMicros(), level, message });

  const data = await openDataset(config.dataset, {
    dataDir: run.dataDir,
    onProgress: (label, fraction) => post({ type: 'progress', label, fraction }),
    onNote: (message) => note(message, 'warning'),
    signal: run.stop,
  });

  const { count } = data.splits.train;
  const batch = Math.min(config.train.batch, count);
  if (batch < config.train.batch)
    note(`The training set has only ${count} images: every batch is all of them.`, 'warning');
  const stepsPerEpoch = Math.floor(count / batch);
  const leftOver = count - stepsPerEpoch * batch;
  if (leftOver > 0)
    note(
      `${leftOver} of ${count} training images do not fill a batch of ${batch} and sit out ` +
        (config.train.shuffle ? 'each epoch, others every time.' : 'every epoch, always the same.'),
    );

  const recipe = supervised(config, data, batch);
  const start = run.resume
    ? await resumeFrom(run.resume, config, recipe)
    : {
        position: { epoch: 0, stepInEpoch: 0, step: 0, imagesSeen: 0 },
        best: null,
        state: {
          parameters: initialValues(recipe.parameters, config.train.seed),
          moment1: new Float32Array(recipe.layout.size),
          moment2: new Float32Array(recipe.layout.size),
          buffers: initialValues(recipe.buffers, config.train.seed),
        },
      };
  if (recipe.train.kept && !(start.position.epoch < config.train.epochs && everSelects(config)))
    note('Patch selection is on, but its schedule never applies it in this run.', 'warning');

  const features =
    recipe.features &&
    (await computeFeatures(recipe.features, data, {
      onProgress: (fraction) =>
        post({ type: 'progress', label: `Computing ${recipe.features!.name}`, fraction }),
      stop: run.stop,
    }));

  const { engine, why } = await run.openEngine();
  try {
    const shape = [recipe.layout.size];
    const state = await engine.createState({
      parameters: { shape, data: start.state.parameters },
      moment1: { shape, data: start.state.moment1 },
      moment2: { shape, data: start.state.moment2 },
      ...(recipe.buffers.length > 0 && {
        buffers: { shape: [recipe.bufferLayout.size], data: start.state.buffers! },
      }),
    });
    const { position, best } = start;
    return { engine, why, data, recipe, features, state, position, best, stepsPerEpoch };
  } catch (cause) {
    await engine.dispose();
    throw cause;
  }
}

async function resumeFrom(
  path: string,
  config: ExperimentConfig,
  recipe: Recipe,
): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(path, recipe.parameters, recipe.buffers);
  refuseChangedConfig(path, checkpoint.config, config);
  return checkpoint;
}

const probabilityAt = ({ selection, train }: ExperimentConfig, epoch: number): number =>
  selectionProbability(selection, epoch, train.epochs);

const epochsOf = ({ train }: ExperimentConfig): number[] =>
  Array.from({ length: train.epochs }, (_, epoch) => epoch);

const everSelects = (config: ExperimentConfig): boolean =>
  epochsOf(config).some((epoch) => probabilityAt(config, epoch) > 0);

const everFull = (config: ExperimentConfig): boolean =>
  epochsOf(config).some((epoch) => probabilityAt(config, epoch) < 1);

// --- compile --------------------------------------------------------------------------------------

/** Programs by use; null where this run has no need of one. */
interface Programs {
  score: Program | null;
  trainFull: Program | null;
  trainKept: Program | null;
  evaluateFull: Program | null;
  evaluateKept: Program | null;
}

async function compile(
  { config, post }: TrainingRun,
  { engine, recipe: { score, train, evaluate } }: Prepared,
): Promise<Programs> {
  const sampledEvaluation = config.selection.evalSelect === 'authors-bug';
  const wanted: Record<keyof Programs, StepDefinition | null> = {
    score,
    trainKept: everSelects(config) ? train.kept : null,
    trainFull: !train.kept || everFull(config) ? train.full : null,
    evaluateKept: evaluate.kept,
    evaluateFull: !evaluate.kept || sampledEvaluation ? evaluate.full : null,
  };
  const programs: Programs = {
    score: null,
    trainFull: null,
    trainKept: null,
    evaluateFull: null,
    evaluateKept: null,
  };
  const all = Object.entries(wanted) as [keyof Programs, StepDefinition | null][];
  const needed = all.filter(([, definition]) => definition !== null);
  for (const [i, [name, definition]] of needed.entries()) {
    post({ type: 'progress', label: 'Compiling the steps', fraction: i / needed.length });
    await turn();
    if (definition) programs[name] = await engine.compile(definition.step, definition.specs);
  }
  return programs;
}

// --- train ----------------------------------------------------------------------------------------

/** A program with the buffers of its inputs. */
interface Runner {
  program: Program;
  feeder: Feeder;
  tokens: number | null;
}

class Training {
  readonly #run: TrainingRun;
  readonly #prepared: Prepared;
  readonly #programs: Programs;
  readonly #position: Position;
  readonly #steps: StepReporter;
  readonly #scores = new Map<SplitName, ScoreCache>();
  #best: BestSoFar | null;

  constructor(run: TrainingRun, prepared: Prepared, programs: Programs) {
    this.#run = run;
    this.#prepared = prepared;
    this.#programs = programs;
    this.#position = { ...prepared.position };
    this.#best = prepared.best;
    this.#steps = new StepReporter((steps) => run.post({ type: 'steps', steps }));
  }

  get #config(): ExperimentConfig {
    return this.#run.config;
  }

  get #stopped(): boolean {
    return this.#run.stop.aborted;
  }

  async run(): Promise<void> {
    const { epochs, evalEvery, checkpointEvery } = this.#config.train;
    this.#announce();
    while (this.#position.epoch < epochs) {
      const { epoch } = this.#position;
      const last = epoch === epochs - 1;
      const due = (every: number): boolean => last || (epoch + 1) % every === 0;

      if (this.#position.stepInEpoch < this.#prepared.stepsPerEpoch)
        await inPhase(this.#run, 'train', epoch, () => this.#trainEpoch(epoch));
      // a stop from here on leaves the position at the end of this epoch: its evaluation is still due
      if (this.#stopped) return this.#endEarly();

      let improved = false;
      if (due(evalEvery)) {
        const result = await inPhase(this.#run, 'evaluate', epoch, () =>
          this.#evaluate('validation', epoch),
        );
        if (!result) return this.#endEarly();
        improved = this.#report(result, epoch);
      }
      Object.assign(this.#position, { epoch: epoch + 1, stepInEpoch: 0 });
      if (improved) await this.#checkpoint(epoch, ['last', 'best']);
      else if (due(checkpointEvery)) await this.#checkpoint(epoch, ['last']);
    }

    const result = await inPhase(this.#run, 'test', null, () => this.#evaluate('test', epochs - 1));
    if (!result) return this.#endEarly();
    this.#report(result, epochs - 1);
    const { step, imagesSeen } = this.#position;
    this.#run.post({ type: 'done', at: monotonicMicros(), step, imagesSeen });
  }

  #announce(): void {
    const { engine, why, data, recipe, stepsPerEpoch } = this.#prepared;
    const { epochs } = this.#config.train;
    const main = this.#programs.trainKept ?? this.#programs.trainFull;
    this.#run.post({
      type: 'ready',
      at: monotonicMicros(),
      engine: { name: engine.name, description: engine.description, why },
      parameters: recipe.parameterCount,
      trainImages: data.splits.train.count,
      stepsPerEpoch,
      steps: stepsPerEpoch * epochs,
      epochs,
      classes: data.classes,
      graphNodes: main?.stats.nodes ?? null,
      firstStep: this.#position.step + 1,
    });
  }

  async #trainEpoch(epoch: number): Promise<void> {
    const { data, recipe, state, stepsPerEpoch } = this.#prepared;
    const { train } = this.#config;
    const { seed } = train;
    const split = data.splits.train;
    const features = this.#prepared.features?.train ?? null;
    const probability = recipe.train.kept ? probabilityAt(this.#config, epoch) : 0;
    const order = epochOrder(split.count, train, epoch);
    const augmenter = augmenterOf(this.#config.augment, data.size, seed, epoch);
    const runners = {
      full: runner(this.#programs.trainFull, recipe.train.full, split, features),
      kept: runner(this.#programs.trainKept, recipe.train.kept, split, features),
    };

    for (let { stepInEpoch } = this.#position; stepInEpoch < stepsPerEpoch; stepInEpoch++) {
      await turn();
      if (this.#stopped) break;
      const started = performance.now();
      const step = this.#position.step + 1;
      const { selectionApplied, selectionNoise } = randomStreams;
      const selects = isSelected(probability, seed, epoch, stepInEpoch, selectionApplied);
      const { program, feeder, tokens } = required(selects ? runners.kept : runners.full);
      const indices = order.subarray(stepInEpoch * recipe.batch, (stepInEpoch + 1) * recipe.batch);
      const lr = learningRate(train, step, stepsPerEpoch * train.epochs);

      if (selects) await this.#feedScores(feeder, 'train', indices, augmenter);
      const waiting = performance.now();
      feeder.images(indices);
      if (augmenter) feeder.augment(indices, augmenter);
      if (selects) feeder.noise(indices, recipe.patches, { seed, epoch, stream: selectionNoise });
      feeder.dropout(seed, epoch, stepInEpoch);
      feeder.scalars({ ...stepScalars(train, lr, step) });
      const waitMs = performance.now() - waiting;

      const { loss: losses } = await program.run(state, feeder.feeds);
      const loss = losses?.[0] ?? NaN;
      if (!Number.isFinite(loss)) throw new DivergedError(`the loss is ${loss}`, step);

      Object.assign(this.#position, { step, stepInEpoch: stepInEpoch + 1 });
      this.#position.imagesSeen += recipe.batch;
      this.#steps.add({
        t: monotonicMicros(),
        step,
        epoch: shown(epoch),
        loss,
        lr,
        tokens,
        stepMs: performance.now() - started,
        waitMs,
      });
    }
    this.#steps.flush();
  }

  /** Scores of a batch, computed in the first epoch, copied afterwards; of moved pixels, every time. */
  async #feedScores(
    feeder: Feeder,
    name: SplitName,
    indices: Uint32Array,
    augmenter: Augmenter | null = null,
  ): Promise<void> {
    const { recipe, data, state } = this.#prepared;
    if (!this.#programs.score) return;
    let cache = this.#scores.get(name);
    if (!cache) {
      cache = new ScoreCache(recipe, this.#programs.score, data.splits[name]);
      this.#scores.set(name, cache);
    }
    if (augmenter?.movesPixels) {
      feeder.scoresInOrder(await cache.changed(indices, augmenter, state));
      return;
    }
    await cache.ensure(indices, state);
    feeder.scores(indices, cache.values, recipe.patches);
    if (augmenter) feeder.mirrorScores(indices, recipe.patches, augmenter);
  }

  /**
   * Every image of a split exactly once: the last batch is filled up with copies that do not count.
   * @returns null where it was stopped.
   */
  async #evaluate(name: 'validation' | 'test', epoch: number): Promise<EvaluationResult | null> {
    const { data, recipe, state } = this.#prepared;
    const { seed } = this.#config.train;
    const split = data.splits[name];
    const features = this.#prepared.features?.[name] ?? null;
    const { batch, patches } = recipe;
    const probability = this.#evaluationProbability(epoch);
    const runners = {
      full: runner(this.#programs.evaluateFull, recipe.evaluate.full, split, features),
      kept: runner(this.#programs.evaluateKept, recipe.evaluate.kept, split, features),
    };
    const confusion = new Confusion(data.classes.length);
    let lossSum = 0;

    for (let first = 0, b = 0; first < split.count; first += batch, b++) {
      await turn();
      if (this.#stopped) return null;
      const indices = Uint32Array.from({ length: batch }, (_, i) =>
        Math.min(first + i, split.count - 1),
      );
      const { evaluationApplied, evaluationNoise } = randomStreams;
      const selects = isSelected(probability, seed, epoch, b, evaluationApplied);
      const { program, feeder } = required(selects ? runners.kept : runners.full);
      if (selects) await this.#feedScores(feeder, name, indices);
      feeder.images(indices);
      feeder.noise(indices, patches, { seed, epoch, stream: evaluationNoise });
      const { losses, predictions } = await program.run(state, feeder.feeds);
      for (let i = 0; i < Math.min(batch, split.count - first); i++) {
        lossSum += losses?.[i] ?? NaN;
        confusion.add(split.labels[first + i] ?? -1, predictions?.[i] ?? -1);
      }
    }
    const metrics = classificationMetrics(confusion.rows(), data.classes);
    return { split: name, loss: lossSum / split.count, ...metrics };
  }

  /** Whether evaluation sees full images, the k best patches, or what training sees (method B.5). */
  #evaluationProbability(epoch: number): number {
    if (!this.#prepared.recipe.evaluate.kept) return 0;
    return this.#config.selection.evalSelect === 'topk' ? 1 : probabilityAt(this.#config, epoch);
  }

  /** @returns whether it is the best evaluation on validation so far. */
  #report(result: EvaluationResult, epoch: number): boolean {
    const { step } = this.#position;
    this.#run.post({
      type: 'evaluation',
      at: monotonicMicros(),
      epoch: shown(epoch),
      step,
      result,
    });
    if (result.split === 'test') return false;
    if (this.#best && result.macroF1 <= this.#best.macroF1) return false;
    this.#best = { macroF1: result.macroF1, epoch, step };
    return true;
  }

  async #checkpoint(
    epoch: number,
    kinds: readonly [CheckpointKind, ...CheckpointKind[]],
  ): Promise<string> {
    return inPhase(this.#run, 'checkpoint', epoch, async () => {
      const { data, recipe } = this.#prepared;
      const { step } = this.#position;
      const tensors = await this.#prepared.state.read();
      const state = {
        parameters: tensors.parameters?.data as Float32Array,
        moment1: tensors.moment1?.data as Float32Array,
        moment2: tensors.moment2?.data as Float32Array,
        ...(tensors.buffers && { buffers: tensors.buffers.data as Float32Array }),
      };
      // a checkpoint of a broken model would replace the last good one
      if (!state.parameters.every(Number.isFinite))
        throw new DivergedError('a weight is no finite number', step);
      const checkpoint = {
        config: this.#config,
        classes: data.classes,
        position: { ...this.#position },
        best: this.#best,
        state,
      };
      const { path, bytes } = await writeCheckpoint(
        this.#run.runDir,
        kinds,
        recipe.parameters,
        checkpoint,
        recipe.buffers,
      );
      this.#run.post({
        type: 'checkpoint',
        at: monotonicMicros(),
        epoch: shown(epoch),
        step,
        path,
        bytes,
      });
      return path;
    });
  }

  async #endEarly(): Promise<void> {
    const { epoch, step, imagesSeen } = this.#position;
    // in the test after the last epoch, the position is already past it
    const during = Math.min(epoch, this.#config.train.epochs - 1);
    const checkpoint = await this.#checkpoint(during, ['last']);
    this.#run.post({ type: 'stopped', at: monotonicMicros(), step, imagesSeen, checkpoint });
  }
}

function runner(
  program: Program | null,
  definition: StepDefinition | null,
  split: Split,
  features: Float32Array | null,
): Runner | null {
  if (!program || !definition) return null;
  const feeder = new Feeder(definition.specs.inputs, split, features);
  return { program, feeder, tokens: definition.tokens };
}

function required(runner: Runner | null): Runner {
  if (!runner) throw new Error('a step was drawn that was not compiled');
  return runner;
}
