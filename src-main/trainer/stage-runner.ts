/**
 * One stage of a run while it runs: its data, its state on the engine, its programs, and what one epoch
 * and one evaluation of it are.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { augments } from '../experiment-config/augment.ts';
import type { ExperimentConfig } from '../experiment-config.ts';
import { monotonicMicros } from '../port.ts';
import { selectionProbability } from '../experiment-config/selection-schedule.ts';
import { mixOf } from './augment/mix.ts';
import { augmenterOf } from './augment.ts';
import { epochOrder, Feeder, isSelected, type Changes } from './batches.ts';
import type { FlatState, Position } from './checkpoint.ts';
import type { Dataset, Split, SplitName } from './data/index.ts';
import type { Engine, EngineState, HostTensor, Program } from './engine/engine.ts';
import { unpackFlat } from './engine/flat.ts';
import { DivergedError } from './failure.ts';
import type { Features } from './features.ts';
import type { Predictions } from '../predictions.ts';
import type { EvaluationResult, Snapshot } from './messages.ts';
import { Evaluation } from './metrics/evaluation.ts';
import { initialValues } from './models/parameters.ts';
import { learningRate, stepScalars } from './optimiser.ts';
import { pictureDue } from './pictures/choose.ts';
import { Watcher } from './pictures/watcher.ts';
import { Programs } from './programs.ts';
import { randomStreams } from './random-streams.ts';
import type { Recipe, Stage, StepDefinition } from './recipes/index.ts';
import { ScoreCache } from './score-cache.ts';
import { isPenalised, penalisedLayer, penaltyWeight } from './sparsity-schedule.ts';
import type { StepReporter } from './step-reporter.ts';

/** A stage with what it needs, before anything of it is on the engine. */
export interface PreparedStage {
  stage: Stage;
  data: Dataset;
  recipe: Recipe;
  /** What the model wants computed once per image; null where it sees the images. */
  features: Features | null;
  stepsPerEpoch: number;
  /** Whether what the recipe calibrates begins here: it does not come from an earlier stage. */
  calibrates: boolean;
}

export interface StageSurroundings {
  config: ExperimentConfig;
  engine: Engine;
  steps: StepReporter;
  /** Of the whole run; an epoch moves it on. */
  position: Position;
  stop: AbortSignal;
}

/** An evaluation as a whole and image by image. */
export interface Evaluated {
  result: EvaluationResult;
  predictions: Predictions;
}

/** Programs that are compiled before the first step; a stage with more compiles epoch by epoch. */
const compiledAtOnce = 6;

/** Batches that the importance of heads is averaged over: their order hardly changes with more. */
const importanceBatches = 8;

export class StageRunner {
  readonly prepared: PreparedStage;
  readonly programs: Programs;
  readonly #run: StageSurroundings;
  #state: EngineState;
  readonly #scores = new Map<SplitName, ScoreCache>();
  readonly #derived = new Map<SplitName, Float32Array>();
  #watcher: Watcher | null = null;

  static async open(
    run: StageSurroundings,
    prepared: PreparedStage,
    start: FlatState,
  ): Promise<StageRunner> {
    return new StageRunner(run, prepared, await createState(run.engine, prepared.recipe, start));
  }

  private constructor(run: StageSurroundings, prepared: PreparedStage, state: EngineState) {
    this.#run = run;
    this.prepared = prepared;
    this.#state = state;
    this.programs = new Programs(run.engine);
  }

  get #epochs(): number {
    return this.prepared.stage.end - this.prepared.stage.first;
  }

  get #stopped(): boolean {
    return this.#run.stop.aborted;
  }

  async dispose(): Promise<void> {
    await this.programs.retain([]);
    await this.#watcher?.dispose();
    await this.#state.dispose();
  }

  /** Copies the state to the host. */
  async read(): Promise<FlatState> {
    const tensors = await this.#state.read();
    const data = (name: string, tensor: HostTensor | undefined): Float32Array => {
      if (!(tensor?.data instanceof Float32Array)) throw new Error(`the state has no ${name}`);
      return tensor.data;
    };
    return {
      parameters: data('parameters', tensors.parameters),
      moment1: data('moment1', tensors.moment1),
      moment2: data('moment2', tensors.moment2),
      ...(tensors.frozen && { frozen: data('frozen', tensors.frozen) }),
      ...(tensors.buffers && { buffers: data('buffers', tensors.buffers) }),
    };
  }

  // --- programs ---------------------------------------------------------------------------------

  /** What an epoch may run. @param epoch 0-based, of the stage. */
  #needs(epoch: number): StepDefinition[] {
    const { recipe } = this.prepared;
    const probability = recipe.selects ? this.selectionProbability(epoch) : 0;
    const possible = [false, true].filter((selects) =>
      selects ? probability > 0 : probability < 1,
    );
    const evaluated = recipe.evaluate ? this.#evaluationProbability(epoch) : null;
    const layers = this.#penalises ? this.#penalisedIn(epoch) : [null];
    return [
      ...(recipe.score ? [recipe.score] : []),
      ...possible.flatMap((selects) =>
        layers.map((penalised) => recipe.train({ epoch, selects, penalised })),
      ),
      ...(recipe.derived ? [recipe.derived.definition] : []),
      ...(this.#measuresRecall ? [recipe.select!] : []),
      ...(this.calibratesAt(epoch) ? [recipe.calibration!.definition] : []),
      ...(evaluated === null || evaluated === 0
        ? []
        : [recipe.evaluate!({ epoch, selects: true })]),
      ...(evaluated === null || evaluated === 1
        ? []
        : [recipe.evaluate!({ epoch, selects: false })]),
      ...(recipe.watch && evaluated !== null
        ? [false, true]
            .filter((selects) => (selects ? evaluated > 0 : evaluated < 1))
            .map((selects) => recipe.watch!({ epoch, selects }))
        : []),
    ];
  }

  /** What is to be compiled before this epoch: all the stage has, unless that is too much at a time. */
  toCompile(epoch: number): StepDefinition[] {
    const later = Array.from({ length: this.#epochs - epoch }, (_, i) => this.#needs(epoch + i));
    const all = new Set(later.flat());
    return this.programs.missing(all.size <= compiledAtOnce ? all : this.#needs(epoch));
  }

  /** Frees the programs that no later epoch runs. */
  async forget(epoch: number): Promise<void> {
    const later = Array.from({ length: this.#epochs - epoch }, (_, i) => this.#needs(epoch + i));
    const soon = new Set(later.flat());
    await this.programs.retain(soon.size <= compiledAtOnce ? soon : this.#needs(epoch));
  }

  /** Graph nodes of the training step of an epoch; null for engines without a graph. */
  graphNodes(epoch: number): number | null {
    const { recipe } = this.prepared;
    const selects = recipe.selects && this.selectionProbability(epoch) > 0;
    const [penalised] = this.#penalises ? this.#penalisedIn(epoch) : [null];
    return this.programs.of(recipe.train({ epoch, selects, penalised: penalised! })).stats.nodes;
  }

  get #penalises(): boolean {
    return this.prepared.recipe.penalisedLayers > 0;
  }

  /** What steps of an epoch penalise: the layer that it drew, and nothing in the steps between. */
  #penalisedIn(epoch: number): (number | null)[] {
    const { stage, recipe } = this.prepared;
    const layer = penalisedLayer(stage.train.seed, stage.first + epoch, recipe.penalisedLayers);
    return this.#run.config.sparsity.every === 1 ? [layer] : [layer, null];
  }

  // --- calibration ------------------------------------------------------------------------------

  /** Whether an epoch begins with it. @param epoch 0-based, of the stage. */
  calibratesAt(epoch: number): boolean {
    const { recipe, calibrates } = this.prepared;
    if (!recipe.calibration) return false;
    if (epoch === 0 && calibrates) return true;
    const { every } = recipe.calibration;
    return every !== null && epoch > 0 && epoch % every === 0;
  }

  /**
   * Computes what the model does not train from the first batch of the coming epoch. Doing it twice gives the
   * same, so a run that is stopped before its next step resumes with the same values.
   */
  async calibrate(onProgress: (fraction: number) => void): Promise<void> {
    const { stage, data, recipe } = this.prepared;
    const { calibration, layout } = recipe;
    if (!calibration) return;
    const { epoch } = this.#run.position;
    const { seed } = stage.train;
    const split = data.splits.train;
    const order =
      stage.order?.(split, epoch, recipe.batch) ?? epochOrder(split.count, stage.train, epoch);
    const { program, feeder } = this.#runners('train')(calibration.definition);
    feeder.images(order.subarray(0, recipe.batch));
    const again = !(this.prepared.calibrates && epoch === stage.first);
    const initial = initialValues(recipe.parameters, seed);

    for (const [i, part] of calibration.parts.entries()) {
      onProgress(i / calibration.parts.length);
      await turn();
      if (this.#stopped) return;
      const { [part]: observed } = await program.run(this.#state, feeder.feeds);
      const flat = await this.read();
      const named = (values: Float32Array): Record<string, Float32Array> => {
        const all = unpackFlat(layout, values);
        return Object.fromEntries(calibration.names(part).map((name) => [name, all[name]!.data]));
      };
      const own = named(flat.parameters);
      const values = { own, fresh: named(initial) };
      const learned = calibration.learn(part, observed!, values, { seed, again });
      for (const [name, target] of Object.entries(own)) target.set(learned[name]!);
      const next = await createState(this.#run.engine, recipe, flat);
      await this.#state.dispose();
      this.#state = next;
    }
  }

  // --- training ---------------------------------------------------------------------------------

  selectionProbability(epoch: number): number {
    return selectionProbability(this.#run.config.selection, epoch, this.#epochs);
  }

  /** Whether patches are selected in any batch of the stage. */
  get everSelects(): boolean {
    const { recipe } = this.prepared;
    const epochs = Array.from({ length: this.#epochs }, (_, epoch) => epoch);
    return recipe.selects && epochs.some((epoch) => this.selectionProbability(epoch) > 0);
  }

  /**
   * Takes away what is due after an epoch; the model, its state and its programs are the smaller ones then.
   * @param epoch 0-based, of the stage.
   * @returns whether anything went.
   */
  async shrink(epoch: number): Promise<boolean> {
    const { prepared } = this;
    const { recipe, stage, data } = prepared;
    const { shrinking, structure, score } = recipe;
    if (!shrinking) return false;
    const at = { epoch, epochs: this.#epochs };
    const importance = await this.#importance(epoch);
    const shrunk = shrinking.after(at, await this.read(), importance);
    if (!shrunk) return false;
    if (JSON.stringify(shrunk.structure) !== JSON.stringify(structure)) {
      // scores do not depend on the model: their program and what it computed stay
      prepared.recipe = { ...stage.build(data, recipe.batch, shrunk.structure), score };
      await this.programs.retain(score ? [score] : []);
    }
    await this.#state.dispose();
    this.#state = await createState(this.#run.engine, prepared.recipe, shrunk.state);
    return true;
  }

  /** Whether something may have to go after an epoch. */
  shrinks(epoch: number): boolean {
    return this.prepared.recipe.shrinking?.due({ epoch, epochs: this.#epochs }) ?? false;
  }

  /** What every head was worth in the first batches of an epoch. */
  async #importance(epoch: number): Promise<Float32Array | null> {
    const { stage, data, recipe, stepsPerEpoch } = this.prepared;
    const definition = recipe.shrinking?.importance;
    if (!definition) return null;
    const split = data.splits.train;
    const order = epochOrder(split.count, stage.train, stage.first + epoch);
    await this.programs.compile(this.programs.missing([definition]), () => {});
    const { program, feeder } = this.#runners('train')(definition);
    let sum: Float32Array | null = null;
    for (let b = 0; b < Math.min(importanceBatches, stepsPerEpoch); b++) {
      await turn();
      feeder.images(order.subarray(b * recipe.batch, (b + 1) * recipe.batch));
      const { importance } = await program.run(this.#state, feeder.feeds);
      sum = (importance as Float32Array).map((value, head) => value + (sum?.[head] ?? 0));
    }
    return sum;
  }

  /** Trains from the position to the end of its epoch, or until it is stopped. */
  async trainEpoch(): Promise<void> {
    const { stage, data, recipe, stepsPerEpoch } = this.prepared;
    const { position, steps } = this.#run;
    const { train } = stage;
    const { seed } = train;
    const { epoch } = position;
    const within = epoch - stage.first;
    const split = data.splits.train;
    const probability = recipe.selects ? this.selectionProbability(within) : 0;
    const order =
      stage.order?.(split, epoch, recipe.batch) ?? epochOrder(split.count, train, epoch);
    const { augment, sparsity } = this.#run.config;
    const augmenter = augmenterOf(augment, data.size, seed, epoch);
    const runners = this.#runners('train');

    for (let { stepInEpoch } = position; stepInEpoch < stepsPerEpoch; stepInEpoch++) {
      await turn();
      if (this.#stopped) break;
      const started = performance.now();
      const step = position.step + 1;
      const stageStep = within * stepsPerEpoch + stepInEpoch + 1;
      const { selectionApplied, selectionNoise } = randomStreams;
      const selects = isSelected(probability, seed, epoch, stepInEpoch, selectionApplied);
      const penalised =
        this.#penalises && isPenalised(sparsity, stageStep) ? this.#penalisedIn(within)[0]! : null;
      const definition = recipe.train({ epoch: within, selects, penalised });
      const { program, feeder } = runners(definition);
      const indices = order.subarray(stepInEpoch * recipe.batch, (stepInEpoch + 1) * recipe.batch);
      const lr = learningRate(train, stageStep, stepsPerEpoch * this.#epochs);

      const waiting = performance.now();
      const changes: Changes = {
        augmenter,
        // a step without the share of a label takes no mixtures
        mix: feeder.wants('share')
          ? mixOf(augment, data.size, recipe.batch, { seed, epoch, stepInEpoch })
          : null,
      };
      feeder.images(indices, changes);
      feeder.noise(indices, { seed, epoch, stream: selectionNoise });
      feeder.dropout(seed, epoch, stepInEpoch);
      feeder.gateNoise(seed, epoch, stepInEpoch);
      feeder.scalars({
        ...stepScalars(train, lr, stageStep),
        sparsity: penaltyWeight(sparsity, stageStep, stepsPerEpoch * this.#epochs),
      });
      const waitMs = performance.now() - waiting;
      if (feeder.wants('scores')) await this.#feedScores(feeder, 'train', indices, changes);
      if (recipe.derived) await this.#feedDerived(feeder, 'train', indices, changes);

      const { loss: losses } = await program.run(this.#state, feeder.feeds);
      const loss = losses?.[0] ?? NaN;
      if (!Number.isFinite(loss)) throw new DivergedError(`the loss is ${loss}`, step);

      Object.assign(position, { step, stepInEpoch: stepInEpoch + 1 });
      position.imagesSeen += recipe.batch;
      steps.add({
        t: monotonicMicros(),
        step,
        epoch: epoch + 1,
        loss,
        lr,
        tokens: definition.tokens,
        stepMs: performance.now() - started,
        waitMs,
      });
    }
    steps.flush();
  }

  /** Programs with the buffers of their inputs, for one split. */
  #runners(name: SplitName): (definition: StepDefinition) => { program: Program; feeder: Feeder } {
    const split = this.prepared.data.splits[name];
    const features = this.prepared.features?.rows[name] ?? null;
    const made = new Map<StepDefinition, { program: Program; feeder: Feeder }>();
    return (definition) => {
      let runner = made.get(definition);
      if (!runner) {
        const feeder = new Feeder(definition.specs.inputs, split, features);
        made.set(definition, (runner = { program: this.programs.of(definition), feeder }));
      }
      return runner;
    };
  }

  /**
   * Scores of a batch, computed in the first epoch, copied afterwards; of moved pixels, every time.
   * @param feeder holds the images already.
   */
  async #feedScores(
    feeder: Feeder,
    name: SplitName,
    indices: Uint32Array,
    { augmenter, mix }: Changes = asStored,
  ): Promise<void> {
    const { recipe, data } = this.prepared;
    if (!recipe.score) return;
    let cache = this.#scores.get(name);
    if (!cache) {
      cache = new ScoreCache(recipe, this.programs.of(recipe.score), data.splits[name]);
      this.#scores.set(name, cache);
    }
    if (augmenter?.movesPixels || mix) {
      feeder.scoresInOrder(await cache.changed(feeder, this.#state));
      return;
    }
    await cache.ensure(indices, this.#state);
    feeder.perImage('scores', indices, cache.values);
    if (augmenter) feeder.mirrorScores(indices, recipe.patches, augmenter);
  }

  // --- what a frozen model gives ----------------------------------------------------------------

  /** Whether an image gives the same in every epoch. Augmented, it is computed with each batch. */
  get derivesOnce(): boolean {
    return !augments(this.#run.config.augment);
  }

  /** Computes what a frozen model gives for every image of some splits, once. */
  async derive(names: readonly SplitName[], onProgress: (fraction: number) => void): Promise<void> {
    const { recipe, data } = this.prepared;
    const { derived, batch } = recipe;
    if (!derived) return;
    const total = names.reduce((sum, name) => sum + data.splits[name].count, 0);
    let done = 0;
    for (const name of names) {
      const split = data.splits[name];
      const values = new Float32Array(split.count * derived.width);
      const { program, feeder } = this.#runners(name)(derived.definition);
      for (let first = 0; first < split.count; first += batch) {
        await turn();
        if (this.#stopped) return;
        onProgress(done / total);
        feeder.images(fullBatch(first, batch, split));
        const { derived: computed } = await program.run(this.#state, feeder.feeds);
        const count = Math.min(batch, split.count - first);
        values.set(
          (computed as Float32Array).subarray(0, count * derived.width),
          first * derived.width,
        );
        done += count;
      }
      this.#derived.set(name, values);
    }
  }

  async #feedDerived(
    feeder: Feeder,
    name: SplitName,
    indices: Uint32Array,
    changes: Changes = asStored,
  ): Promise<void> {
    const { derived } = this.prepared.recipe;
    if (!derived || !feeder.wants(derived.input)) return;
    const known = this.#derived.get(name);
    if (known && !changes.augmenter && !changes.mix)
      return feeder.perImage(derived.input, indices, known);
    const own = this.#runners(name)(derived.definition);
    if (!own.feeder.imagesOf(feeder)) own.feeder.images(indices, changes);
    const { derived: computed } = await own.program.run(this.#state, own.feeder.feeds);
    feeder.feeds[derived.input]!.set(computed as Float32Array);
  }

  // --- evaluation -------------------------------------------------------------------------------

  /**
   * Every image of a split exactly once: the last batch is filled up with copies that do not count.
   * @param epoch 0-based, of the stage.
   * @returns null where it was stopped.
   */
  async evaluate(name: 'validation' | 'test', epoch: number): Promise<Evaluated | null> {
    const { stage, data, recipe } = this.prepared;
    if (!recipe.evaluate) throw new Error('this stage cannot be evaluated');
    const { seed } = stage.train;
    const split = data.splits[name];
    const { batch } = recipe;
    const probability = this.#evaluationProbability(epoch);
    const runners = this.#runners(name);
    const evaluation = new Evaluation(split, data.classes, data.size, recipe.patches);
    const select = this.#measuresRecall ? recipe.select : null;

    for (let first = 0, b = 0; first < split.count; first += batch, b++) {
      await turn();
      if (this.#stopped) return null;
      const indices = fullBatch(first, batch, split);
      const { evaluationApplied, evaluationNoise } = randomStreams;
      const runEpoch = stage.first + epoch;
      const selects = isSelected(probability, seed, runEpoch, b, evaluationApplied);
      const { program, feeder } = runners(recipe.evaluate({ epoch, selects }));
      feeder.images(indices);
      if (feeder.wants('scores')) await this.#feedScores(feeder, name, indices);
      if (recipe.derived) await this.#feedDerived(feeder, name, indices);
      feeder.noise(indices, { seed, epoch: runEpoch, stream: evaluationNoise });
      const count = Math.min(batch, split.count - first);
      evaluation.add(first, count, await program.run(this.#state, feeder.feeds));
      if (b === 0 && recipe.watch) {
        const watch = this.programs.of(recipe.watch({ epoch, selects }));
        evaluation.attends(count, await watch.run(this.#state, feeder.feeds));
      }
      if (!select) continue;
      const chosen = runners(select);
      if (chosen.feeder.wants('scores')) await this.#feedScores(chosen.feeder, name, indices);
      if (chosen.feeder.wants('images')) chosen.feeder.images(indices);
      chosen.feeder.noise(indices, { seed, epoch: runEpoch, stream: evaluationNoise });
      const { kept } = await chosen.program.run(this.#state, chosen.feeder.feeds);
      if (kept) evaluation.keeps(first, count, kept, kept.length / batch);
    }
    return { result: evaluation.result(name), predictions: evaluation.predictions() };
  }

  // --- pictures ---------------------------------------------------------------------------------

  /** Who looks at the watched images; null where none shall be, or the stage classifies nothing. */
  get watcher(): Watcher | null {
    const { engine, config } = this.#run;
    if (config.watch.images === 0 || !this.prepared.recipe.picture) return null;
    return (this.#watcher ??= new Watcher(engine, this.prepared, config));
  }

  /** Whether pictures are taken after an epoch. @param epoch 0-based, of the run */
  picturesDue(epoch: number): boolean {
    const { train, watch } = this.#run.config;
    const { first, end } = this.prepared.stage;
    return pictureDue(epoch, {
      first,
      end,
      evalEvery: train.evalEvery,
      snapshots: watch.snapshots,
    });
  }

  /**
   * What the model does with the watched images as it is now.
   * @param epoch 0-based, of the stage: whose schedule and noise select patches
   */
  look(watcher: Watcher, epoch: number): Promise<Omit<Snapshot, 'epoch' | 'step'>> {
    return watcher.look(this.#state, {
      epoch,
      training: this.prepared.recipe.selects ? this.selectionProbability(epoch) : 0,
      evaluation: this.#evaluationProbability(epoch),
    });
  }

  /** Whether evaluations tell how much of the objects patch selection keeps: boxes have to be known. */
  get #measuresRecall(): boolean {
    const { recipe, data } = this.prepared;
    return recipe.select !== null && recipe.evaluate !== null && data.splits.test.boxes !== null;
  }

  /** Whether evaluation sees full images, the k best patches, or what training sees (method B.5). */
  #evaluationProbability(epoch: number): number {
    const { evalSelect } = this.#run.config.selection;
    if (!this.prepared.recipe.selects || evalSelect === 'full') return 0;
    return evalSelect === 'topk' ? 1 : this.selectionProbability(epoch);
  }
}

const asStored: Changes = { augmenter: null, mix: null };

/** The state of a recipe's steps, on the engine. */
function createState(
  engine: Engine,
  { layout, frozenLayout, bufferLayout }: Recipe,
  start: FlatState,
): Promise<EngineState> {
  const shape = [layout.size];
  const beside = (name: string, size: number, data: Float32Array | undefined) =>
    size > 0 && { [name]: { shape: [size], data: data! } };
  return engine.createState({
    parameters: { shape, data: start.parameters },
    moment1: { shape, data: start.moment1 },
    moment2: { shape, data: start.moment2 },
    ...beside('frozen', frozenLayout.size, start.frozen),
    ...beside('buffers', bufferLayout.size, start.buffers),
  });
}

/** Places of a batch; what is over the end of the split is its last image again. */
const fullBatch = (first: number, batch: number, { count }: Split): Uint32Array =>
  Uint32Array.from({ length: batch }, (_, i) => Math.min(first + i, count - 1));
