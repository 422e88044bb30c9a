/**
 * A rehearsal: the programs of a run, trained for a few seconds on a few of its images, so that the host can
 * tell what the whole run will take here. Everything goes through the loop's own code; only the
 * choice between full and reduced batches is made certain, so that each kind is timed by itself.
 */
import type { ExperimentConfig } from '../experiment-config.ts';
import { monotonicMicros } from '../port.ts';
import { selectionProbability } from '../experiment-config/selection-schedule.ts';
import type { Dataset, Split } from './data/index.ts';
import { openData, prepare, type Prepared, type TrainingRun } from './loop.ts';
import type { Rehearsal, RehearsalLength, RehearsedSteps } from './messages.ts';
import { stagesOf, type Recipe } from './recipes/index.ts';
import { freshState, namedTensors } from './stage-state.ts';
import { StageRunner, type PreparedStage } from './stage-runner.ts';
import { StepReporter } from './step-reporter.ts';

/** Batches of the images that are trained on: after one pass over them nothing is computed for the first time. */
const batches = 4;
const evaluatedBatches = 2;

/** @throws whatever would end the run itself. */
export async function rehearse(run: TrainingRun, length: RehearsalLength): Promise<Rehearsal> {
  // drawing or decoding happens once per machine, not once per run
  for (const { dataset } of stagesOf(run.config)) await openData(run, dataset);
  const from = monotonicMicros();
  const prepared = await prepare(run);
  const prepareSeconds = secondsSince(from);
  try {
    return await new Rehearsing(run, prepared, length).all(prepareSeconds);
  } finally {
    for (const { features } of prepared.stages) features?.close();
    await prepared.engine.dispose();
  }
}

const secondsSince = (from: number): number => (monotonicMicros() - from) / 1e6;

class Rehearsing {
  readonly #run: TrainingRun;
  readonly #prepared: Prepared;
  readonly #length: RehearsalLength;
  /** Each kind of step of each stage. */
  readonly #kinds: number;
  #compileSeconds = 0;
  #evaluation: Rehearsal['evaluation'] = { batch: 1, batchSeconds: 0 };

  constructor(run: TrainingRun, prepared: Prepared, length: RehearsalLength) {
    this.#run = run;
    this.#prepared = prepared;
    this.#length = length;
    this.#kinds = prepared.stages.reduce(
      (sum, stage) => sum + choices(run.config, stage).length,
      0,
    );
  }

  async all(prepareSeconds: number): Promise<Rehearsal> {
    const { stages, start, engine, why } = this.#prepared;
    const { seed } = this.#run.config.train;
    const rehearsed: Rehearsal['stages'] = [];
    let state = start.state;
    for (const [index, own] of stages.entries()) {
      // untrained weights of the stage before cost as much as trained ones
      if (index > 0)
        state = freshState(own.recipe, seed, namedTensors(stages[index - 1]!.recipe, state));
      const steps: RehearsedSteps[] = [];
      let onceSecondsPerImage = 0;
      for (const selects of choices(this.#run.config, own)) {
        const took = await this.#stage(index, selects, state);
        steps.push(took.steps);
        ({ onceSecondsPerImage } = took);
      }
      const { phase } = own.stage;
      rehearsed.push({ phase, batch: own.recipe.batch, onceSecondsPerImage, steps });
    }
    return {
      engine: { name: engine.name, description: engine.description, why },
      prepareSeconds,
      compileSeconds: this.#compileSeconds,
      stages: rehearsed,
      evaluation: this.#evaluation,
    };
  }

  async #stage(
    index: number,
    selects: boolean,
    state: Prepared['start']['state'],
  ): Promise<{ steps: RehearsedSteps; onceSecondsPerImage: number }> {
    const { stages, taughtBy, engine } = this.#prepared;
    const own = stages[index]!;
    const config = withSelection(this.#run.config, selects);
    const stage = stagesOf(config, taughtBy)[index]!;
    const data = fewImages(own.data, own.recipe.batch);
    const recipe = stage.build(data, own.recipe.batch);
    const stepsPerEpoch = Math.floor(data.splits.train.count / recipe.batch);
    const position = { epoch: stage.first, stepInEpoch: 0, step: 0, imagesSeen: 0, stage: index };
    const timer = new StepTimer(this.#kindLength(stepsPerEpoch));
    const stop = AbortSignal.any([this.#run.stop, timer.enough]);
    const runner = await StageRunner.open(
      { config, engine, steps: timer, position, stop },
      { ...own, stage, data, recipe, stepsPerEpoch },
      state,
    );
    try {
      await this.#compile(runner);
      if (runner.calibratesAt(0)) await runner.calibrate(() => {});
      const onceSecondsPerImage = await this.#derive(runner, recipe, data);
      if (index === stages.length - 1) await this.#evaluate(runner, data);
      while (!stop.aborted) {
        Object.assign(position, { epoch: stage.first, stepInEpoch: 0 });
        await runner.trainEpoch();
      }
      this.#run.stop.throwIfAborted();
      return { steps: { selects, ...timer.times }, onceSecondsPerImage };
    } finally {
      await runner.dispose();
    }
  }

  #kindLength(stepsPerEpoch: number): RehearsalLength {
    const { warmUp, steps, seconds, mostSeconds } = this.#length;
    return {
      warmUp: Math.max(warmUp, stepsPerEpoch),
      steps,
      seconds: seconds / this.#kinds,
      mostSeconds: mostSeconds / this.#kinds,
    };
  }

  async #compile(runner: StageRunner): Promise<void> {
    const missing = runner.toCompile(0);
    const from = monotonicMicros();
    await runner.programs.compile(missing, (fraction) =>
      this.#run.post({ type: 'progress', label: 'Compiling the steps', fraction }),
    );
    this.#compileSeconds += secondsSince(from);
  }

  /** Seconds per image of what a frozen model gives once; 0 where there is nothing of that kind. */
  async #derive(runner: StageRunner, { derived }: Recipe, data: Dataset): Promise<number> {
    if (!derived || !runner.derivesOnce) return 0;
    // the first pass warms up
    await runner.derive(derived.splits, () => {});
    const from = monotonicMicros();
    await runner.derive(derived.splits, () => {});
    const images = derived.splits.reduce((sum, name) => sum + data.splits[name].count, 0);
    return secondsSince(from) / images;
  }

  async #evaluate(runner: StageRunner, data: Dataset): Promise<void> {
    const { batch } = runner.prepared.recipe;
    await runner.evaluate('validation', 0);
    const from = monotonicMicros();
    await runner.evaluate('validation', 0);
    const count = Math.ceil(data.splits.validation.count / batch);
    this.#evaluation = { batch, batchSeconds: secondsSince(from) / count };
  }
}

/** Takes the time of steps once they are warm, and says when it has enough of them. */
class StepTimer extends StepReporter {
  readonly #length: RehearsalLength;
  readonly #enough = new AbortController();
  #seen = 0;
  #from: number | null = null;
  #last = 0;
  readonly #stepMs: number[] = [];

  constructor(length: RehearsalLength) {
    super(() => {});
    this.#length = length;
  }

  get enough(): AbortSignal {
    return this.#enough.signal;
  }

  /** From the end of the warm-up to that of the last step. */
  get times(): Omit<RehearsedSteps, 'selects'> {
    return { from: this.#from ?? this.#last, to: this.#last, stepMs: this.#stepMs };
  }

  override add({ t }: Parameters<StepReporter['add']>[0]): void {
    const { warmUp, steps, seconds, mostSeconds } = this.#length;
    this.#seen++;
    if (this.#seen < warmUp) return;
    if (this.#from === null) {
      this.#from = this.#last = t;
      return;
    }
    this.#stepMs.push((t - this.#last) / 1000);
    this.#last = t;
    const took = (t - this.#from) / 1e6;
    const count = this.#stepMs.length;
    if ((count >= steps && took >= seconds) || (count >= 2 && took >= mostSeconds))
      this.#enough.abort();
  }
}

/** Whether batches are reduced: of the two kinds, those that the run will have. */
function choices({ selection }: ExperimentConfig, { recipe, stage }: PreparedStage): boolean[] {
  if (!recipe.selects) return [false];
  const epochs = stage.end - stage.first;
  const chances = Array.from({ length: epochs }, (_, epoch) =>
    selectionProbability(selection, epoch, epochs),
  );
  return [false, true].filter((selects) =>
    chances.some((chance) => (selects ? chance > 0 : chance < 1)),
  );
}

const withSelection = (config: ExperimentConfig, selects: boolean): ExperimentConfig => ({
  ...config,
  selection: { ...config.selection, schedule: 'constant', prob: selects ? 1 : 0 },
});

function fewImages(data: Dataset, batch: number): Dataset {
  const { train, validation } = data.splits;
  return {
    ...data,
    splits: {
      ...data.splits,
      train: firstOf(train, batches * batch),
      validation: firstOf(validation, evaluatedBatches * batch),
    },
  };
}

function firstOf({ count, images, labels, boxes }: Split, wanted: number): Split {
  const few = Math.min(count, wanted);
  return {
    count: few,
    images: images.subarray(0, (images.length / count) * few),
    labels: labels.subarray(0, few),
    boxes: boxes?.subarray(0, 4 * few) ?? null,
  };
}
