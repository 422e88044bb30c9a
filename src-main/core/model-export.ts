/** Trained models on their way out: a trainer process writes the file, downloads.ts hands it on. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  AppError,
  type CallInput,
  type ErrorCode,
  type EvaluationResult,
  type ModelFile,
  type RunDetail,
} from '../contract.ts';
import type { ExportFacts, FromTrainer, ToTrainer, TrainerError } from '../trainer/messages.ts';
import type { Downloads } from './downloads.ts';
import { fileName } from './report/index.ts';
import type { Spawn } from './spawn.ts';

export interface ModelExports {
  /** @throws AppError where the run has no such checkpoint, or it cannot be written as that format */
  write(
    run: RunDetail,
    wish: Pick<CallInput<'runs.exportModel'>, 'format' | 'checkpoint'>,
    signal: AbortSignal,
  ): Promise<ModelFile>;
}

export interface ModelExportOptions {
  downloads: Downloads;
  runDir(id: number): string;
  spawn: Spawn;
  trainerEntry: string;
  appVersion: string;
}

const patienceMs = 600_000;

export function createModelExports(options: ModelExportOptions): ModelExports {
  const { downloads, runDir } = options;
  return {
    write: async (run, { format, checkpoint }, signal) => {
      const { id } = run.summary;
      const kind = checkpointOf(run, runDir(id), checkpoint ?? null);
      const name = `${fileName([run])}-${id}-${kind}.${format}`;
      const { file, made } = await downloads.make(name, 'application/octet-stream', (path) =>
        writeModel(
          options,
          {
            type: 'export',
            checkpoint: join(runDir(id), `${kind}.json`),
            format,
            target: path,
            facts: factsOf(run, options.appVersion),
          },
          signal,
        ),
      );
      return { ...file, checkpoint: kind, step: made.step };
    },
  };
}

/** @throws AppError */
function checkpointOf(
  { summary: { id, status, endedAt }, command }: RunDetail,
  dir: string,
  wanted: 'best' | 'last' | null,
): 'best' | 'last' {
  const there = (kind: string): boolean => existsSync(join(dir, `${kind}.json`));
  if (wanted ? there(wanted) : there('best')) return wanted ?? 'best';
  if (!wanted && there('last')) return 'last';
  if (status === 'imported')
    throw new AppError('NOT_FOUND', `Run ${id} was imported from a file: its model is not here.`);
  if (command)
    throw new AppError(
      'NOT_FOUND',
      `Run ${id} is a command of your own: its model is where the command wrote it.`,
    );
  if (wanted === 'last' && there('best'))
    throw new AppError(
      'NOT_FOUND',
      `The last checkpoint of run ${id} was deleted.`,
      'Take the best one.',
    );
  if (wanted === 'best' && there('last'))
    throw new AppError(
      'NOT_FOUND',
      `Run ${id} has no best checkpoint: it was not evaluated yet.`,
      'Take the last checkpoint.',
    );
  throw new AppError(
    'NOT_FOUND',
    endedAt === null
      ? `Run ${id} has no checkpoint yet, so there is no model to take away.`
      : `Run ${id} has no checkpoint: it ended before one was written, or its files were removed.`,
    endedAt === null ? 'Try again after its first evaluation.' : 'Run its config again.',
  );
}

async function writeModel(
  { spawn, trainerEntry }: ModelExportOptions,
  job: ToTrainer & { type: 'export' },
  signal: AbortSignal,
): Promise<Extract<FromTrainer, { type: 'exported' }>> {
  signal.throwIfAborted();
  let written: Extract<FromTrainer, { type: 'exported' }> | null = null;
  let failure: TrainerError | null = null;
  const worker = spawn<ToTrainer, FromTrainer>(trainerEntry, 'export', (message) => {
    if (message.type === 'exported') written = message;
    if (message.type === 'failed') failure = message.error;
  });
  worker.post(job);
  const kill = (): void => worker.kill();
  signal.addEventListener('abort', kill);
  const timer = setTimeout(kill, patienceMs);
  const exit = await worker.exited;
  clearTimeout(timer);
  signal.removeEventListener('abort', kill);
  if (written) return written;
  const {
    code: reason,
    message,
    hint,
  } = (failure as TrainerError | null) ?? {
    code: 'INTERNAL',
    message: `Writing the model ended with ${exit.signal ?? `exit code ${exit.code}`}: ${worker.lastLines().at(-1) ?? 'it said nothing'}`,
    hint: exit.signal === 'SIGKILL' ? 'The system may have run out of memory.' : null,
  };
  throw new AppError(passedOn.has(reason) ? (reason as ErrorCode) : 'INTERNAL', message, hint);
}

/** What a trainer says in the contract's own codes; its others (DIVERGED) mean nothing here. */
const passedOn: ReadonlySet<string> = new Set<ErrorCode>([
  'BAD_INPUT',
  'CONFLICT',
  'UNAVAILABLE',
  'STORE',
  'DISK_FULL',
]);

function factsOf({ summary, energy, evaluations }: RunDetail, version: string): ExportFacts {
  return {
    version,
    runId: summary.id,
    name: summary.name,
    // only trainings of ours have models, and they report all of it
    evaluations: evaluations.map(({ epoch, step, result }) => {
      const { split, loss, accuracy, microF1, macroF1, weightedF1 } = result as EvaluationResult;
      return { split, epoch, step, loss, accuracy, microF1, macroF1, weightedF1 };
    }),
    energy:
      energy?.wh == null
        ? null
        : {
            kWh: energy.wh / 1000,
            uncertaintyKWh: energy.uncertaintyWh === null ? null : energy.uncertaintyWh / 1000,
            gCO2e: energy.emissions.gCO2e,
            region: energy.emissions.regionName,
            components: energy.components.filter(({ wh }) => wh !== null).map(({ name }) => name),
          },
  };
}
