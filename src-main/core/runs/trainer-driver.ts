/** Training as a config describes it, in a trainer process: what it says becomes the run's record. */
import { basename } from 'node:path';
import type { ExperimentConfig, RunSummary } from '../../contract.ts';
import type { FromTrainer, StepMetrics, ToTrainer } from '../../trainer/messages.ts';
import { utcOf } from '../clock.ts';
import type { Exit, Worker } from '../spawn.ts';
import type { Course, Driver, Ending, Problem } from './driver.ts';

/** Between the trainer's last word and the end of its process. */
const exitPatienceMs = 5000;

/**
 * @param resume checkpoint to go on from, or null
 * @param pauseAfter epoch after which it stops by itself, or null
 * @param env for the trainer, on top of this program's
 */
export function trainerDriver(
  course: Course,
  config: ExperimentConfig,
  resume: string | null,
  pauseAfter: number | null,
  env: Record<string, string> = {},
): Driver {
  const { id, context, recorder, log, stopped, note, announce, announceProgress } = course;
  const { store, metering, events } = context;
  let worker: Worker<ToTrainer> | null = null;
  let killTimer: NodeJS.Timeout | null = null;
  let usage: Driver['usage'] = null;
  let heard: Ending | null = null;
  let checkpointed = resume !== null;
  const said = Promise.withResolvers<void>();
  const settle = (ending: Ending): void => {
    heard = ending;
    said.resolve();
  };

  const hear = (message: FromTrainer, timeOf: (at: number) => number): void => {
    switch (message.type) {
      case 'ready': {
        const { engine, parameters, trainImages, stepsPerEpoch, steps, epochs, firstStep } =
          message;
        recorder.write(store.rewind(id, firstStep));
        if (resume) note('info', `Resumed from the checkpoint at step ${firstStep - 1}.`);
        log.write(
          'info',
          `engine ${engine.name} (${engine.description}; ${engine.why}), ${parameters} parameters, ${trainImages} images, ${steps} steps in ${epochs} epochs`,
        );
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
        announceProgress(lastStep(message.steps, config.train.batch));
        events.emit('run.steps', {
          id,
          steps: message.steps,
          time: message.steps.t.map(timeOf),
        });
        break;
      case 'evaluation': {
        const { at, epoch, step, result, predictions } = message;
        recorder.write(store.addEvaluation(id, { at, epoch, step, result, predictions }));
        events.emit('run.evaluation', { id, epoch, step, time: timeOf(at), result });
        void announce();
        break;
      }
      case 'checkpoint': {
        const { at, epoch, step, path, also, file, sha256, bytes } = message;
        const paths = [path, ...also];
        checkpointed = true;
        recorder.write(
          store.addCheckpoint(id, { at: utcOf(at), epoch, step, paths, file, sha256, bytes }),
        );
        const names = paths.map((one) => basename(one, '.json'));
        log.write(
          'info',
          `checkpoint at step ${step} (${names.join(', ')}), ${(bytes / 1e6).toFixed(1)} MB`,
          utcOf(at),
        );
        break;
      }
      case 'watched':
        recorder.write(store.setWatched(id, message.images));
        break;
      case 'snapshot': {
        const { snapshot } = message;
        const { epoch, step } = snapshot;
        const written = store.addSnapshot(id, snapshot);
        recorder.write(written);
        // whoever asks for it now shall find it
        void written.then(
          () => events.emit('run.snapshot', { id, epoch, step }),
          () => {},
        );
        break;
      }
      case 'energy':
        void course.energy().then((wh) => worker?.post({ type: 'energy', wh }));
        break;
      case 'note':
        note(message.level, message.message, message.at);
        break;
      case 'done':
        settle({ status: 'done', step: message.step, imagesSeen: message.imagesSeen });
        break;
      case 'stopped':
        settle({ status: 'stopped', step: message.step, imagesSeen: message.imagesSeen });
        break;
      case 'failed': {
        // what was broken off by the stop (drawing or reading the data) did not fail
        const asked = stopped.aborted && message.error.code === 'CANCELLED';
        settle(asked ? { status: 'stopped' } : { status: 'failed', error: message.error });
        break;
      }
      case 'usage':
        usage = message;
        break;
      case 'engines':
        break;
    }
  };

  return {
    get usage() {
      return usage;
    },
    drive: async (timeOf) => {
      const own = context.spawn<ToTrainer, FromTrainer>(
        context.trainerEntry,
        `trainer ${id}`,
        (message) => hear(message, timeOf),
        env,
      );
      worker = own;
      own.onLine((stream, line) => log.write(stream, line));
      void own.started.then((pid) => pid !== null && course.started(pid));
      const runDir = context.runDir(id);
      own.post({ type: 'start', config, dataDir: context.dataDir, runDir, resume, pauseAfter });
      await Promise.race([said.promise, own.exited]);
      const leave = setTimeout(() => own.kill(), exitPatienceMs);
      const exit = await own.exited;
      clearTimeout(leave);
      if (killTimer) clearTimeout(killTimer);
      if (heard) return heard;
      if (stopped.aborted) return { status: 'stopped' };
      return { status: 'failed', error: unexpectedEnd(exit, own.lastLines(), checkpointed) };
    },
    stop: () => {
      if (!worker) return;
      worker.post({ type: 'stop' });
      killTimer = setTimeout(() => {
        note(
          'warning',
          `The trainer did not stop within ${context.stopPatienceMs / 1000} s and was ended.`,
        );
        worker?.kill();
      }, context.stopPatienceMs);
    },
    kill: () => worker?.kill(),
  };
}

function lastStep({ step, epoch, stepMs }: StepMetrics, batch: number): Partial<RunSummary> {
  const time = stepMs.reduce((sum, ms) => sum + ms, 0);
  return {
    step: step.at(-1) ?? null,
    epoch: epoch.at(-1) ?? null,
    ...(time > 0 && { imagesPerSecond: (1000 * batch * stepMs.length) / time }),
  };
}

function unexpectedEnd({ code, signal }: Exit, lines: string[], checkpointed: boolean): Problem {
  const how = signal ? `killed by ${signal}` : code === null ? 'not started' : `exit code ${code}`;
  const next = checkpointed
    ? 'Resume goes on from the last checkpoint.'
    : 'No checkpoint had been written yet: Resume begins anew.';
  const last = lines.slice(-20).join('\n');
  return {
    code: 'ENGINE',
    message: `The training process ended unexpectedly (${how}).${last ? `\n${last}` : ''}`,
    hint:
      signal === 'SIGKILL'
        ? `The system may have run out of memory: try a smaller batch. ${next}`
        : next,
  };
}
