/**
 * A training run from the first byte of data to the test: what `main.ts` starts.
 *
 * A run is the stages of its recipe one after the other (`recipes/`); most recipes have one. Everything
 * it reports goes out as messages, its phases with stamps of the monotonic clock, so that the energy of
 * each can be cut from the meter's readings. An engine blocks the thread while it computes; between two
 * steps the loop lets the event loop turn once, and that is when a stop is heard.
 */
import { AppError } from '../contract.ts';
import type { DatasetConfig, ExperimentConfig } from '../experiment-config.ts';
import { monotonicMicros } from '../port.ts';
import { weightsZeroed } from '../experiment-config/pruning-schedule.ts';
import { stageEpochs } from '../experiment-config/stage-epochs.ts';
import { routingOf } from '../experiment-config/token-routing.ts';
import {
  checkpointOrigin,
  readCheckpoint,
  readWeights,
  refuseChangedConfig,
  writeCheckpoint,
  type BestPerEnergy,
  type BestSoFar,
  type Checkpoint,
  type CheckpointName,
  type Position,
  type StoredImages,
  type TaughtBy,
} from './checkpoint.ts';
import { openDataset, type Dataset } from './data/index.ts';
import type { Engine } from './engine/engine.ts';
import { DivergedError } from './failure.ts';
import { openFeatures } from './features.ts';
import type { EvaluationResult, FromTrainer, PhaseName } from './messages.ts';
import { teacherModel } from './recipes/distil.ts';
import { stagesOf, type Recipe, type Stage } from './recipes/index.ts';
import { freshState, inheritsCalibration, namedTensors, type NamedTensors } from './stage-state.ts';
import { StageRunner, type Evaluated, type PreparedStage } from './stage-runner.ts';
import { StepReporter } from './step-reporter.ts';

export interface TrainingRun {
  config: ExperimentConfig;
  /** Datasets and their caches. */
  dataDir: string;
  /** Where checkpoints go; exists. */
  runDir: string;
  /** Checkpoint to go on from. */
  resume: string | null;
  /** Epoch after which it says `stopped` unless it is the last; null or left out: it goes on to the end. */
  pauseAfter?: number | null;
  openEngine(): Promise<{ engine: Engine; why: string }>;
  post(message: FromTrainer): void;
  /** Asks what the run has used until now, in Wh; null, or left out: not known. */
  energy?(): Promise<number | null>;
  /** Aborted: finish the step, write a checkpoint, say `stopped`. */
  stop: AbortSignal;
}

/** Trains, and says `done` or `stopped`. @throws whatever ends the run otherwise. */
export async function train(run: TrainingRun): Promise<void> {
  const prepared = await inPhase(run, 'prepare', null, () => prepare(run));
  try {
    await new Training(run, prepared).run();
  } finally {
    for (const { features } of prepared.stages) features?.close();
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

export interface Prepared {
  engine: Engine;
  why: string;
  stages: readonly PreparedStage[];
  /** The model of an earlier run that teaches this one. */
  taughtBy: TaughtBy | null;
  start: Pick<Checkpoint, 'position' | 'best' | 'bestPerEnergy' | 'state'>;
}

/** Opens data and engine, and the recipe of every stage. */
export async function prepare(run: TrainingRun): Promise<Prepared> {
  const { config } = run;
  const { train, distil } = config;
  const earlier = run.resume ? await checkpointOrigin(run.resume) : null;
  const taughtBy =
    train.recipe === 'distil' && distil.checkpoint !== null
      ? (earlier?.taughtBy ?? (await teacherOf(distil.checkpoint)))
      : null;
  const opened = new Map<string, Dataset>();
  const stages: PreparedStage[] = [];
  for (const stage of stagesOf(config, taughtBy)) {
    // stages on the same images share them
    const key = JSON.stringify(stage.dataset);
    const data = opened.get(key) ?? (await openData(run, stage.dataset));
    opened.set(key, data);
    stages.push(await prepareStage(run, stage, data, stages.at(-1)?.recipe ?? null));
  }
  const { data, recipe } = stages[0]!;
  const start = run.resume
    ? await resumeFrom(run.resume, config, stages)
    : {
        position: { epoch: 0, stepInEpoch: 0, step: 0, imagesSeen: 0, stage: 0 },
        best: null,
        state: freshState(
          recipe,
          train.seed,
          taughtBy ? await teacherTensors(distil.checkpoint!, taughtBy, data) : undefined,
        ),
      };
  return { ...(await run.openEngine()), stages, taughtBy, start };
}

/** What pruning took and left, in words. */
function leftOf(before: Recipe, { parameterCount, structure }: Recipe): string {
  const words = (counts: readonly number[]): string =>
    new Set(counts).size === 1 ? `${counts[0]} in each layer` : `${counts.join(', ')} by layer`;
  const parts = structure
    ? `Heads: ${words(structure.heads)}; MLP neurons: ${words(structure.hidden)}. `
    : '';
  const [left, of] = [parameterCount, before.parameterCount].map((n) => n.toLocaleString('en'));
  return `Pruned. ${parts}${left} of ${of} parameters are left.`;
}

/** @throws AppError where the run it is from had not come to its last stage. */
async function teacherOf(path: string): Promise<TaughtBy> {
  const { config, images, structure, position } = await checkpointOrigin(path);
  if ((position.stage ?? 0) < stageEpochs(config).length - 1)
    throw notATeacher(path, 'its run had not come to its last stage');
  if (config.model.kind === 'imagesig')
    throw notATeacher(path, 'it sees no images but what was computed of them');
  return {
    // its tokens are pruned as they were when it was saved
    config: { ...config, routing: routingOf(config, position) },
    ...(images && { images }),
    ...(structure && { structure }),
  };
}

const notATeacher = (path: string, reason: string): AppError =>
  new AppError(
    'BAD_INPUT',
    `${path} cannot teach this run: ${reason}.`,
    'Choose another checkpoint.',
  );

/** The weights of a teacher from an earlier run. */
async function teacherTensors(
  path: string,
  taughtBy: TaughtBy,
  data: Dataset,
): Promise<NamedTensors> {
  const { classes } = await checkpointOrigin(path);
  if (classes.join('\n') !== data.classes.join('\n'))
    throw notATeacher(
      path,
      `its ${classes.length} classes are not the ${data.classes.length} of this dataset`,
    );
  const { parameters, buffers } = teacherModel(taughtBy, data);
  const weights = await readWeights(path, parameters, buffers);
  const none = new Float32Array();
  return namedTensors(
    { parameters, buffers, frozen: [] },
    { ...weights, moment1: none, moment2: none },
  );
}

export const openData = (
  { dataDir, post, stop }: TrainingRun,
  dataset: DatasetConfig,
): Promise<Dataset> =>
  openDataset(dataset, {
    dataDir,
    onProgress: (label, fraction) => post({ type: 'progress', label, fraction }),
    onNote: (message) => post({ type: 'note', at: monotonicMicros(), level: 'warning', message }),
    signal: stop,
  });

/** A batch size that the data allow, and the steps of an epoch; what does not fit is told. */
async function prepareStage(
  run: TrainingRun,
  stage: Stage,
  data: Dataset,
  before: Recipe | null,
): Promise<PreparedStage> {
  const { count } = data.splits.train;
  const batch = Math.min(stage.train.batch, count);
  if (batch < stage.train.batch)
    note(run, `The training set has only ${count} images: every batch is all of them.`, 'warning');
  const stepsPerEpoch = Math.floor(count / batch);
  const leftOver = count - stepsPerEpoch * batch;
  if (leftOver > 0)
    note(
      run,
      `${leftOver} of ${count} training images do not fill a batch of ${batch} and sit out ` +
        (stage.train.shuffle ? 'each epoch, others every time.' : 'every epoch, always the same.'),
    );
  const recipe = stage.build(data, batch);
  const features =
    recipe.features &&
    (await openFeatures(recipe.features, data, {
      dataDir: run.dataDir,
      onProgress: (label, fraction) => run.post({ type: 'progress', label, fraction }),
      onNote: (message) => note(run, message, 'warning'),
      stop: run.stop,
    }));
  const calibrates = !before || !inheritsCalibration(recipe, before);
  return { stage, data, recipe, features, stepsPerEpoch, calibrates };
}

function note({ post }: TrainingRun, message: string, level: 'info' | 'warning' = 'info'): void {
  post({ type: 'note', at: monotonicMicros(), level, message });
}

async function resumeFrom(
  path: string,
  config: ExperimentConfig,
  stages: readonly PreparedStage[],
): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(path, (index, structure) => {
    const prepared = stages[index];
    if (prepared && structure) {
      const { stage, data, recipe } = prepared;
      prepared.recipe = stage.build(data, recipe.batch, structure);
    }
    return prepared?.recipe;
  });
  refuseChangedConfig(path, checkpoint.config, config);
  return checkpoint;
}

// --- train ----------------------------------------------------------------------------------------

class Training {
  readonly #run: TrainingRun;
  readonly #prepared: Prepared;
  readonly #position: Position;
  readonly #steps: StepReporter;
  #best: BestSoFar | null;
  /** Pictures could not be taken: none are tried again. */
  #unseen = false;
  #bestPerEnergy: BestPerEnergy | null;
  #noEnergy = false;
  /** It has said that it is stopped. */
  #paused = false;

  constructor(run: TrainingRun, prepared: Prepared) {
    this.#run = run;
    this.#prepared = prepared;
    this.#position = { ...prepared.start.position };
    this.#best = prepared.start.best;
    this.#bestPerEnergy = prepared.start.bestPerEnergy ?? null;
    this.#steps = new StepReporter((steps) => run.post({ type: 'steps', steps }));
  }

  get #stopped(): boolean {
    return this.#run.stop.aborted;
  }

  async run(): Promise<void> {
    const { stages, engine, start } = this.#prepared;
    const { config, stop } = this.#run;
    let { state } = start;
    for (const [index, prepared] of stages.entries()) {
      if (index < start.position.stage) continue;
      if (index > start.position.stage) {
        const before = namedTensors(stages[index - 1]!.recipe, state);
        state = freshState(prepared.recipe, config.train.seed, before);
        this.#position.stage = index;
      }
      const runner = await StageRunner.open(
        { config, engine, steps: this.#steps, position: this.#position, stop },
        prepared,
        state,
      );
      try {
        if (!(await this.#runStage(runner, index))) {
          if (!this.#paused) await this.#endEarly(runner);
          return;
        }
        state = await runner.read();
      } finally {
        await runner.dispose();
      }
    }
    const { step, imagesSeen } = this.#position;
    this.#run.post({ type: 'done', at: monotonicMicros(), step, imagesSeen });
  }

  /** @returns false where it was stopped, or has paused and said so. */
  async #runStage(runner: StageRunner, index: number): Promise<boolean> {
    const { stages, start } = this.#prepared;
    const { stage, recipe, stepsPerEpoch } = runner.prepared;
    const { evalEvery, checkpointEvery, keepCheckpoints } = this.#run.config.train;
    const final = index === stages.length - 1;
    const position = this.#position;

    await this.#compile(runner, null);
    if (index === start.position.stage) this.#announce(runner);
    if (recipe.selects && !runner.everSelects)
      note(
        this.#run,
        'Patch selection is on, but its schedule never applies it in this run.',
        'warning',
      );
    // resumed in the test after its last epoch, a stage trains no more
    if (position.epoch < stage.end && !(await this.#derive(runner))) return false;

    // the program went away after the epoch at which it pauses, before it was told
    const { pauseAfter } = this.#run;
    if (position.stepInEpoch === 0 && position.epoch < stage.end && pauseAfter === position.epoch)
      return false;

    if (final && position.epoch < stage.end) await this.#watch(runner);
    while (position.epoch < stage.end) {
      const { epoch } = position;
      const last = epoch === stage.end - 1;
      const due = (every: number): boolean => last || (epoch + 1) % every === 0;

      await this.#compile(runner, epoch);
      if (position.stepInEpoch === 0 && runner.calibratesAt(epoch - stage.first)) {
        await inPhase(this.#run, 'prepare', epoch, () =>
          runner.calibrate((fraction) =>
            this.#run.post({ type: 'progress', label: 'Learning the hash', fraction }),
          ),
        );
        if (this.#stopped) return false;
      }
      if (position.stepInEpoch < stepsPerEpoch)
        await inPhase(this.#run, stage.phase, epoch, () => runner.trainEpoch());
      // a stop from here on leaves the position at the end of this epoch: its evaluation is still due
      if (this.#stopped) return false;

      await this.#shrink(runner, epoch);
      const kept: CheckpointName[] = [];
      if (final && due(evalEvery)) {
        const evaluated = await this.#evaluate(runner, 'validation', epoch);
        if (!evaluated) return false;
        if (this.#report(evaluated, epoch)) kept.push('best');
        if (await this.#leadsPerEnergy(evaluated.result, epoch)) kept.push('best-per-kwh');
        if (runner.picturesDue(epoch)) await this.#takePictures(runner, epoch, epoch + 1);
      }
      Object.assign(position, { epoch: epoch + 1, stepInEpoch: 0 });
      if (keepCheckpoints > 0 && (epoch + 1) % keepCheckpoints === 0)
        kept.push(`step-${position.step}`);
      const pauses = position.epoch === pauseAfter && !last;
      const checkpoint =
        kept.length > 0 || due(checkpointEvery) || pauses
          ? await this.#checkpoint(runner, epoch, ['last', ...kept])
          : null;
      if (pauses) {
        this.#sayStopped(checkpoint!);
        return false;
      }
      if (!last) await runner.forget(position.epoch - stage.first);
    }

    const last = stage.end - 1;
    if (final) {
      const evaluated = await this.#evaluate(runner, 'test', last);
      if (!evaluated) return false;
      this.#report(evaluated, last);
    } else if (recipe.evaluate && stage.phase === 'teacher') {
      const evaluated = await this.#evaluate(runner, 'validation', last);
      if (!evaluated) return false;
      note(
        this.#run,
        `The teacher has ${recipe.parameterCount.toLocaleString('en')} parameters and a macro F1 of ${evaluated.result.macroF1.toFixed(3)} on validation.`,
      );
    }
    return true;
  }

  /** Takes away what pruning has no more use for, and says what is left. */
  async #shrink(runner: StageRunner, epoch: number): Promise<void> {
    const { prepared } = runner;
    const within = epoch - prepared.stage.first;
    if (!runner.shrinks(within)) return;
    const before = prepared.recipe;
    const shrunk = await inPhase(this.#run, 'prune', epoch, () => runner.shrink(within));
    if (!shrunk) return;
    if (prepared.recipe !== before) {
      note(this.#run, leftOf(before, prepared.recipe));
      await this.#compile(runner, epoch);
    }
    const { pruning } = this.#run.config;
    const zeroed = weightsZeroed(pruning, within, prepared.stage.end - prepared.stage.first);
    if (zeroed > 0) note(this.#run, `${(100 * zeroed).toFixed(1)} % of the weights are 0 now.`);
  }

  /** Compiles what the coming epochs need and is not there yet. */
  async #compile(runner: StageRunner, epoch: number | null): Promise<void> {
    const { stage } = runner.prepared;
    const next = Math.min(this.#position.epoch, stage.end - 1) - stage.first;
    const missing = runner.toCompile(next);
    if (missing.length === 0) return;
    await inPhase(this.#run, 'compile', epoch, () =>
      runner.programs.compile(missing, (fraction) =>
        this.#run.post({ type: 'progress', label: 'Compiling the steps', fraction }),
      ),
    );
  }

  /** @returns false where it was stopped. */
  async #derive(runner: StageRunner): Promise<boolean> {
    const { recipe } = runner.prepared;
    const { derived } = recipe;
    if (derived && runner.derivesOnce)
      await inPhase(this.#run, 'features', null, () =>
        runner.derive(derived.splits, (fraction) =>
          this.#run.post({ type: 'progress', label: `Computing ${derived.name}`, fraction }),
        ),
      );
    return !this.#stopped;
  }

  #announce(runner: StageRunner): void {
    const { engine, why, stages } = this.#prepared;
    const { stage } = runner.prepared;
    const { data, recipe } = stages.at(-1)!;
    this.#run.post({
      type: 'ready',
      at: monotonicMicros(),
      engine: { name: engine.name, description: engine.description, why },
      parameters: recipe.parameterCount,
      trainImages: data.splits.train.count,
      stepsPerEpoch: runner.prepared.stepsPerEpoch,
      steps: stages.reduce(
        (sum, { stage: { first, end }, stepsPerEpoch }) => sum + (end - first) * stepsPerEpoch,
        0,
      ),
      epochs: stages.at(-1)!.stage.end,
      classes: data.classes,
      graphNodes: runner.graphNodes(Math.min(this.#position.epoch, stage.end - 1) - stage.first),
      firstStep: this.#position.step + 1,
    });
  }

  #evaluate(
    runner: StageRunner,
    split: 'validation' | 'test',
    epoch: number,
  ): Promise<Evaluated | null> {
    const within = epoch - runner.prepared.stage.first;
    const [phase, shownEpoch] =
      split === 'test' ? (['test', null] as const) : (['evaluate', epoch] as const);
    return inPhase(this.#run, phase, shownEpoch, () => runner.evaluate(split, within));
  }

  /** Tells which images are watched, and takes the pictures before the first step of the stage. */
  async #watch(runner: StageRunner): Promise<void> {
    const { watcher } = runner;
    if (!watcher) return;
    if (watcher.images.length === 0) {
      this.#unseen = true;
      note(
        this.#run,
        'No pictures: the attention over so many patches is too large to be looked at.',
      );
      return;
    }
    this.#run.post({ type: 'watched', images: [...watcher.images] });
    const { epoch, stepInEpoch } = this.#position;
    if (epoch === runner.prepared.stage.first && stepInEpoch === 0)
      await this.#takePictures(runner, null, epoch);
  }

  /**
   * @param epoch that they come after; null: before the first of the stage
   * @param over epochs of the run that are over
   */
  async #takePictures(runner: StageRunner, epoch: number | null, over: number): Promise<void> {
    const { watcher } = runner;
    if (!watcher || this.#unseen) return;
    const { first } = runner.prepared.stage;
    try {
      const seen = await inPhase(this.#run, 'pictures', epoch, () =>
        runner.look(watcher, epoch === null ? 0 : epoch - first),
      );
      const snapshot = { epoch: over, step: this.#position.step, ...seen };
      this.#run.post({ type: 'snapshot', at: monotonicMicros(), snapshot });
    } catch (cause) {
      // a picture is worth no run
      this.#unseen = true;
      const why = cause instanceof Error ? cause.message : String(cause);
      note(this.#run, `No pictures of the watched images: ${why}`, 'warning');
    }
  }

  /** @returns whether it is the best evaluation on validation so far. */
  #report({ result, predictions }: Evaluated, epoch: number): boolean {
    const { step } = this.#position;
    this.#run.post({
      type: 'evaluation',
      at: monotonicMicros(),
      epoch: shown(epoch),
      step,
      result,
      predictions,
    });
    if (result.split === 'test') return false;
    if (this.#best && result.macroF1 <= this.#best.macroF1) return false;
    this.#best = { macroF1: result.macroF1, epoch, step };
    return true;
  }

  /** @returns whether no evaluation before had a higher macro F1 per energy used until then. */
  async #leadsPerEnergy({ macroF1 }: EvaluationResult, epoch: number): Promise<boolean> {
    if (!this.#run.config.train.keepBestPerEnergy) return false;
    const wh = await this.#run.energy?.();
    if (!wh) {
      if (!this.#noEnergy)
        note(
          this.#run,
          'The best F1 per kWh is not kept: no energy was read until the evaluation.',
          'warning',
        );
      this.#noEnergy = true;
      return false;
    }
    const before = this.#bestPerEnergy;
    if (before && macroF1 / wh <= before.macroF1 / before.wh) return false;
    this.#bestPerEnergy = { macroF1, wh, epoch, step: this.#position.step };
    return true;
  }

  async #checkpoint(
    runner: StageRunner,
    epoch: number,
    names: readonly [CheckpointName, ...CheckpointName[]],
  ): Promise<string> {
    return inPhase(this.#run, 'checkpoint', epoch, async () => {
      const { data, recipe } = runner.prepared;
      const { step } = this.#position;
      const state = await runner.read();
      // a checkpoint of a broken model would replace the last good one
      if (!state.parameters.every(Number.isFinite))
        throw new DivergedError('a weight is no finite number', step);
      const written = await writeCheckpoint(this.#run.runDir, names, recipe, {
        config: this.#run.config,
        classes: data.classes,
        images: storedImages(runner.prepared),
        ...(this.#prepared.taughtBy && { taughtBy: this.#prepared.taughtBy }),
        ...(recipe.structure && { structure: recipe.structure }),
        position: { ...this.#position },
        best: this.#best,
        ...(this.#bestPerEnergy && { bestPerEnergy: this.#bestPerEnergy }),
        state,
      });
      this.#run.post({
        type: 'checkpoint',
        at: monotonicMicros(),
        epoch: shown(epoch),
        step,
        ...written,
      });
      return written.path;
    });
  }

  async #endEarly(runner: StageRunner): Promise<void> {
    const { epoch } = this.#position;
    // in the test after the last epoch, the position is already past it
    const during = Math.min(epoch, runner.prepared.stage.end - 1);
    this.#sayStopped(await this.#checkpoint(runner, during, ['last']));
  }

  #sayStopped(checkpoint: string): void {
    const { step, imagesSeen } = this.#position;
    this.#paused = true;
    this.#run.post({ type: 'stopped', at: monotonicMicros(), step, imagesSeen, checkpoint });
  }
}

const storedImages = ({ data, features }: PreparedStage): StoredImages => ({
  channels: data.channels,
  size: data.size,
  mean: [...data.mean],
  std: [...data.std],
  features: features?.scaling ?? null,
});
