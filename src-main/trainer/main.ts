/**
 * The trainer process: one run, its rehearsal, one look at the engines or one model to take away, then
 * it ends; or previews, until the host has no more use for them. Started by the host.
 *
 * Exit code 0: done, stopped as asked, rehearsed, engines reported or file written. 1: failed; a `failed` message says why.
 */
import { AppError } from '../contract.ts';
import type { ExperimentConfig } from '../experiment-config.ts';
import { monotonicMicros, parentPort } from '../port.ts';
import { detectEngines, openEngine } from './engine/detect.ts';
import type { Engine } from './engine/engine.ts';
import { exportModel } from './export/index.ts';
import { describeFailure } from './failure.ts';
import { train } from './loop.ts';
import type { FromTrainer, ToTrainer } from './messages.ts';
import { Previewer } from './preview.ts';
import { rehearse } from './rehearsal.ts';

const stop = new AbortController();
// without a parent nobody watches or pays: keep what was learnt, then end
const port = parentPort<ToTrainer, FromTrainer>(() => stop.abort());
let busy = false;
/** Who waits to hear what the run has used. */
let hearEnergy: ((wh: number | null) => void) | null = null;

port.listen((message) => {
  if (message.type === 'stop') return stop.abort();
  if (message.type === 'energy') return hearEnergy?.(message.wh);
  if (message.type === 'preview') return void preview(message);
  if (busy) return;
  busy = true;
  workOf(message).then(() => end(0), fail);
});

// the host stops a run with a message; Ctrl-C in its terminal must not cut a checkpoint short
process.on('SIGINT', () => {});
process.on('SIGTERM', () => stop.abort());
process.on('uncaughtException', fail);

function workOf(
  message: Exclude<ToTrainer, { type: 'stop' | 'preview' | 'energy' }>,
): Promise<void> {
  switch (message.type) {
    case 'detect':
      return detect();
    case 'export':
      return exportModel(message).then((exported) => port.post({ type: 'exported', ...exported }));
    case 'rehearse':
      return rehearseFor(message);
    case 'start':
      return start(message);
  }
}

let previewer: Previewer | null = null;

/** Answered one after the other by itself: what computes blocks the thread. */
async function preview({ id, dataDir, request }: ToTrainer & { type: 'preview' }): Promise<void> {
  previewer ??= new Previewer({
    dataDir,
    onProgress: (label, fraction) => port.post({ type: 'progress', label, fraction }),
    signal: stop.signal,
  });
  try {
    port.post({ type: 'previewed', id, answer: await previewer.answer(request) });
  } catch (cause) {
    port.post({ type: 'refused', id, error: describeFailure(cause) });
  }
}

async function detect(): Promise<void> {
  const { engines, auto } = await detectEngines({ threads: null });
  port.post({ type: 'engines', engines, chosen: auto });
}

function start(message: ToTrainer & { type: 'start' }): Promise<void> {
  const { config, dataDir, runDir, resume, pauseAfter } = message;
  return train({
    config,
    dataDir,
    runDir,
    resume,
    pauseAfter: pauseAfter ?? null,
    openEngine: () => open(config.compute),
    post: (message) => {
      if (message.type === 'done' || message.type === 'stopped') postUsage();
      port.post(message);
    },
    energy: askEnergy,
    stop: stop.signal,
  });
}

/** A host that does not answer is one that ends. */
const answerPatienceMs = 5000;

/** What the run has used until now, in Wh; null where that is not known. */
async function askEnergy(): Promise<number | null> {
  const answered = Promise.withResolvers<number | null>();
  hearEnergy = answered.resolve;
  const timer = setTimeout(() => answered.resolve(null), answerPatienceMs);
  port.post({ type: 'energy', at: monotonicMicros() });
  return answered.promise.finally(() => clearTimeout(timer));
}

async function rehearseFor(message: ToTrainer & { type: 'rehearse' }): Promise<void> {
  const { config, dataDir, length } = message;
  const rehearsal = await rehearse(
    {
      config,
      dataDir,
      // nothing is written
      runDir: '',
      resume: null,
      openEngine: () => open(config.compute),
      post: (said) => port.post(said),
      stop: stop.signal,
    },
    length,
  );
  port.post({ type: 'rehearsed', rehearsal });
}

/** The host tells by it what other programs took of the processor. */
function postUsage(): void {
  const { user, system } = process.cpuUsage();
  port.post({ type: 'usage', at: monotonicMicros(), processorMicros: user + system });
}

/** The engine the config names, or the fastest that works here; and why this one. */
async function open(
  compute: ExperimentConfig['compute'],
): Promise<{ engine: Engine; why: string }> {
  if (compute.engine === 'auto')
    port.post({ type: 'progress', label: 'Trying the engines', fraction: null });
  const { name, why } =
    compute.engine === 'auto'
      ? await detectEngines(compute).then(({ auto, why }) => ({ name: auto, why }))
      : { name: compute.engine, why: 'named in the config' };
  try {
    return { engine: await openEngine(name, compute), why };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      'ENGINE',
      `The engine ${name} cannot be used here: ${reason}`,
      'Choose another engine; auto takes the fastest that works.',
    );
  }
}

function fail(cause: unknown): void {
  console.error(cause);
  port.post({ type: 'failed', at: monotonicMicros(), error: describeFailure(cause) });
  end(1);
}

function end(code: number): void {
  process.exitCode = code;
  port.close();
  // what still holds the process (a driver's thread, Electron's port) must not keep it alive
  setTimeout(() => process.exit(), 1000).unref();
}
