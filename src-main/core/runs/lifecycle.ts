/**
 * The life of one run: idle baseline, trainer process, record, end.
 *
 * Everything the trainer says is stamped with the clock that the meter uses, so a phase's energy can be
 * cut exactly; the meter is asked for a reading at every edge, so that the cut lies close to one.
 * However the trainer ends (done, stopped, failed, killed), the run ends here with a status, and what
 * was recorded stays.
 */
import { mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, wireError, type RunDetail, type RunSummary } from '../../contract.ts';
import { monotonicMicros } from '../../port.ts';
import type { FromTrainer, StepMetrics, ToTrainer } from '../../trainer/messages.ts';
import { utcOf } from '../clock.ts';
import type { Exit, Worker } from '../spawn.ts';
import type { RunEnd } from '../store/store.ts';
import type { RunContext } from './context.ts';
import { LiveEnergy } from './live-energy.ts';
import { recordRun } from './recorder.ts';

export interface ActiveRun {
  readonly id: number;
  /** Ask to stop with a checkpoint; asked again, the trainer is ended at once. `why` becomes a note. */
  stop(why?: string): void;
  /** Resolves when the run has ended and all is stored; never rejects. */
  readonly ended: Promise<void>;
}

type Ending = Pick<RunEnd, 'status' | 'error' | 'step' | 'imagesSeen'>;
type Problem = NonNullable<RunSummary['error']>;

const tickMs = 1000;
/** Between the trainer's last word and the end of its process. */
const exitPatienceMs = 5000;

export function startRun(context: RunContext, id: number): ActiveRun {
  const { store, metering, events } = context;
  const abort = new AbortController();
  let worker: Worker<ToTrainer> | null = null;
  let killTimer: NodeJS.Timeout | null = null;
  /** A record could not be written: the run fails with this, whatever the trainer says. */
  let recordProblem: Problem | null = null;

  const recorder = recordRun(context, (cause) => {
    const { code, message, hint } = wireError(cause);
    recordProblem = { code, message: `The run cannot be recorded any more: ${message}`, hint };
    context.notice({ level: 'error', message: `Run ${id}: ${recordProblem.message}`, hint });
    stop();
  });

  const note = (level: 'info' | 'warning', message: string, at = monotonicMicros()): void =>
    recorder.write(store.addNote(id, { at, level, message }));

  let shown: RunSummary | null = null;
  /** The page hears of the run as it now stands in the store. */
  const announce = async (): Promise<void> => {
    shown = await store.getSummary(id).catch(() => null);
    if (shown) events.emit('run', shown);
  };
  /** In between, what changes every second is told without asking the store to sum up anew. */
  const announceProgress = (now: Partial<RunSummary>): void => {
    if (shown) events.emit('run', (shown = { ...shown, ...now }));
  };

  const stop = (why?: string): void => {
    if (abort.signal.aborted) {
      worker?.kill();
      return;
    }
    abort.abort();
    if (why) note('info', why);
    recorder.write(store.updateRun(id, { status: 'stopping' }));
    void announce();
    if (!worker) return;
    worker.post({ type: 'stop' });
    killTimer = setTimeout(() => {
      note(
        'warning',
        `The trainer did not stop within ${context.stopPatienceMs / 1000} s and was ended.`,
      );
      worker?.kill();
    }, context.stopPatienceMs);
  };

  /** Mean power while nothing runs, measured just before the run. */
  const baseline = async (seconds: number, live: LiveEnergy): Promise<void> => {
    await context.quiet();
    const from = await metering.mark();
    recorder.write(store.startPhase(id, 'baseline', null, from));
    events.emit('run.phase', { id, name: 'baseline', epoch: null, edge: 'start', time: -seconds });
    events.emit('run.progress', { id, label: 'Measuring idle power', fraction: null });
    await sleep(seconds * 1000, null, { signal: abort.signal }).catch(() => {});
    const to = await metering.mark();
    recorder.write(store.endPhase(id, 'baseline', null, to));
    events.emit('run.phase', { id, name: 'baseline', epoch: null, edge: 'end', time: 0 });
    // a baseline that was cut short is too short to be an idle power
    if (abort.signal.aborted) return;
    const watts = live.meanWatts(from, to);
    recorder.write(store.setIdle(id, watts));
    recorder.write(store.remember({ idle: { at: Date.now(), watts } }));
    events.emit('machine', {});
  };

  const live = async (): Promise<Ending> => {
    const detail = await store.getRun(id);
    const { config, summary } = detail;
    if (!config)
      throw new AppError('CONFLICT', `Run ${id} was imported: there is nothing to train.`);
    await metering.known;
    const { region, warning } = context.priceOf(config);
    await store.updateRun(id, {
      status: 'baseline',
      machine: metering.inventory,
      hz: context.hz(),
      intensity: region,
      pue: config.energy.pue,
    });
    await announce();
    const energy = new LiveEnergy();
    const stopSampling = context.samples.listen((batch) =>
      energy.append(batch, metering.components),
    );
    let ticker: NodeJS.Timeout | undefined;
    try {
      const resume = lastCheckpoint(detail);
      if (!resume && config.energy.baselineSeconds > 0)
        await baseline(config.energy.baselineSeconds, energy);
      if (abort.signal.aborted) return { status: 'stopped' };

      const from = await metering.mark();
      const secondsBefore = await store.startSegment(id, { micros: from, utc: utcOf(from) });
      const timeOf = (at: number): number => secondsBefore + (at - from) / 1e6;
      await store.updateRun(id, { status: 'running' });
      await announce();
      if (warning) note('warning', warning);
      if (resume) note('info', `Resumed from the checkpoint at step ${resume.step}.`);
      ticker = setInterval(() => {
        const figures = energy.since(from, summary, region, config.energy.pue);
        const time = timeOf(monotonicMicros());
        events.emit('run.energy', { id, time, ...figures });
        const { wh, gCO2e, byKind: whByKind } = figures;
        announceProgress({ seconds: time, wh, gCO2e, whByKind });
      }, tickMs);

      const runDir = context.runDir(id);
      await mkdir(runDir, { recursive: true });
      return await train(
        {
          type: 'start',
          config,
          dataDir: context.dataDir,
          runDir,
          resume: resume?.path ?? null,
        },
        timeOf,
      );
    } finally {
      clearInterval(ticker);
      stopSampling();
    }
  };

  /** Runs the trainer process to its end. */
  const train = async (
    order: ToTrainer & { type: 'start' },
    timeOf: (at: number) => number,
  ): Promise<Ending> => {
    const said = Promise.withResolvers<Ending>();
    let heard: Ending | null = null;
    const settle = (ending: Ending): void => {
      heard = ending;
      said.resolve(ending);
    };

    const hear = (message: FromTrainer): void => {
      switch (message.type) {
        case 'ready': {
          const { engine, parameters, trainImages, stepsPerEpoch, steps, epochs } = message;
          recorder.write(store.rewind(id, message.firstStep));
          recorder.write(
            store.updateRun(id, {
              engine: engine.name,
              engineWhy: `${engine.description}; ${engine.why}`,
              parameters,
              trainImages,
              stepsPerEpoch,
              steps,
              epochs,
              classes: message.classes,
              graphNodes: message.graphNodes,
            }),
          );
          void announce();
          break;
        }
        case 'phase': {
          const { name, epoch, edge, at } = message;
          // a reading near the edge: what lies between is interpolated
          void metering.mark();
          recorder.write(
            edge === 'start'
              ? store.startPhase(id, name, epoch, at)
              : store.endPhase(id, name, epoch, at),
          );
          events.emit('run.phase', { id, name, epoch, edge, time: timeOf(at) });
          break;
        }
        case 'progress':
          events.emit('run.progress', { id, label: message.label, fraction: message.fraction });
          break;
        case 'steps':
          recorder.write(store.addSteps(id, message.steps));
          announceProgress(lastStep(message.steps, order.config.train.batch));
          events.emit('run.steps', {
            id,
            steps: message.steps,
            time: message.steps.t.map(timeOf),
          });
          break;
        case 'evaluation': {
          const { at, epoch, step, result } = message;
          recorder.write(store.addEvaluation(id, { at, epoch, step, result }));
          events.emit('run.evaluation', { id, epoch, step, time: timeOf(at), result });
          void announce();
          break;
        }
        case 'checkpoint': {
          const { epoch, step, path, bytes } = message;
          recorder.write(store.addCheckpoint(id, { epoch, step, path, bytes }));
          break;
        }
        case 'note':
          note(message.level, message.message, message.at);
          break;
        case 'done':
          settle({ status: 'done', step: message.step, imagesSeen: message.imagesSeen });
          break;
        case 'stopped':
          settle({ status: 'stopped', step: message.step, imagesSeen: message.imagesSeen });
          break;
        case 'failed':
          settle({ status: 'failed', error: message.error });
          break;
        case 'engines':
          break;
      }
    };

    worker = context.spawn<ToTrainer, FromTrainer>(context.trainerEntry, `trainer ${id}`, hear);
    const own = worker;
    own.post(order);
    // asked to stop while the process was being started
    if (abort.signal.aborted) own.post({ type: 'stop' });
    await Promise.race([said.promise, own.exited]);
    const leave = setTimeout(() => own.kill(), exitPatienceMs);
    const exit = await own.exited;
    clearTimeout(leave);
    if (heard) return heard;
    if (abort.signal.aborted) return { status: 'stopped' };
    return { status: 'failed', error: unexpectedEnd(exit, own.lastLines()) };
  };

  const end = async (ending: Ending): Promise<void> => {
    if (killTimer) clearTimeout(killTimer);
    // all samples up to this moment have been handed on before it is told
    const at = await metering.mark();
    recorder.close();
    // taking stock of the hardware may have lasted longer than the start of the run
    if (metering.inventory) recorder.write(store.updateRun(id, { machine: metering.inventory }));
    await recorder.flush();
    const problem: Ending = recordProblem ? { status: 'failed', error: recordProblem } : ending;
    try {
      await store.endRun(id, { at, ...problem });
    } catch (cause) {
      // it stays `running` in the store and is found as interrupted at the next start
      context.log(`run ${id} could not be ended in the store: ${String(cause)}`);
    }
    if (problem.error)
      context.notice({
        level: 'error',
        message: `Run ${id} failed: ${problem.error.message}`,
        hint: problem.error.hint,
      });
    await announce();
  };

  const ended = live()
    .catch((cause: unknown): Ending => {
      worker?.kill();
      const { code, message, hint } = wireError(cause);
      return { status: 'failed', error: { code, message, hint } };
    })
    .then(end);

  return { id, stop, ended };
}

/** The latest checkpoint whose files are still there. */
export const lastCheckpoint = (
  run: Pick<RunDetail, 'checkpoints'>,
): RunDetail['checkpoints'][number] | null =>
  run.checkpoints
    .filter(({ path }) => existsSync(path))
    .reduce<RunDetail['checkpoints'][number] | null>(
      (last, next) => (last && last.step > next.step ? last : next),
      null,
    );

function lastStep({ step, epoch, stepMs }: StepMetrics, batch: number): Partial<RunSummary> {
  const time = stepMs.reduce((sum, ms) => sum + ms, 0);
  return {
    step: step.at(-1) ?? null,
    epoch: epoch.at(-1) ?? null,
    ...(time > 0 && { imagesPerSecond: (1000 * batch * stepMs.length) / time }),
  };
}

function unexpectedEnd({ code, signal }: Exit, lines: string[]): Problem {
  const how = signal ? `killed by ${signal}` : `exit code ${code}`;
  const last = lines.slice(-20).join('\n');
  return {
    code: 'ENGINE',
    message: `The training process ended unexpectedly (${how}).${last ? `\n${last}` : ''}`,
    hint:
      signal === 'SIGKILL'
        ? 'The system may have run out of memory: try a smaller batch. Resume goes on from the last checkpoint.'
        : 'Resume goes on from the last checkpoint.',
  };
}
