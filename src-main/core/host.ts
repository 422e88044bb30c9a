/**
 * The host: everything behind the contract, without any shell. Electron, the server and the command line
 * each make one, hand it what only they can do (start processes, print, open folders), and pass its
 * handlers and events on.
 *
 * Start: lock the data folder, open the store, mend what a crash left, then the sensors and the queue.
 * End: the other way round, a running training first, with a checkpoint.
 */
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppInfo, Handlers, Machine, RunSummary, Settings } from '../contract.ts';
import { defaultMeterSettings } from '../meter/settings.ts';
import { monotonicMicros } from '../port.ts';
import type { RehearsalLength } from '../trainer/messages.ts';
import { utcOf } from './clock.ts';
import { serveControl } from './control.ts';
import { lockHome } from './data-home.ts';
import { createDatasets, type Datasets } from './datasets.ts';
import { createCalibrator, type Calibrator, type LoadRuns } from './energy/calibration.ts';
import { createIntensity, type IntensityService } from './energy/intensity/index.ts';
import { detectEngines, type Engines } from './engines.ts';
import { createDownloads, type Downloads } from './downloads.ts';
import { createEvents, type EventBus } from './events.ts';
import { createCosts, createRehearsals, type Costs, type Rehearsals } from './experiments/index.ts';
import { createHandlers } from './handlers.ts';
import { createModelExports, type ModelExports } from './model-export.ts';
import { startMetering, traceOf, type Metering } from './metering.ts';
import { createJobs, type Jobs } from './jobs.ts';
import { createMetrics, type Metrics } from './metrics/index.ts';
import { createPreviews, type Previews } from './previews.ts';
import type { PrintPdf } from './print.ts';
import { measureIdle } from './runs/baseline.ts';
import type { CommandDesk } from './runs/command/command-driver.ts';
import type { RunContext } from './runs/context.ts';
import { createCurveKeeper } from './runs/curve-keeper.ts';
import { planOf } from './runs/run-plan.ts';
import { createQueue, type RunQueue } from './runs/queue.ts';
import { createCheckpoints, type Checkpoints } from './runs/checkpoints.ts';
import { createRemoval, type Removal } from './runs/removal.ts';
import { createRunLogs, type RunLogs } from './runs/run-log.ts';
import { createSweeps, type Sweeps } from './runs/sweeps.ts';
import { sampleHub } from './runs/samples.ts';
import { checkSettings, loadSettings, pricingOf } from './settings.ts';
import type { Spawn } from './spawn.ts';
import { createWebhook, type Webhook } from './webhook.ts';
import { createUploads, type Uploads } from './uploads.ts';
import { openStore, type Opened, type Store } from './store/store.ts';

export interface HostOptions {
  /** The data folder; made when missing. */
  home: string;
  /** Folder with the tables and presets that come with the program. */
  resourcesDir: string;
  /** Folder with the built report (`report.js`, `report.css`). */
  reportDir: string;
  /** Scripts of the worker processes and of the store's thread. */
  entries: { trainer: string; meter: string; store: string };
  spawn: Spawn;
  appVersion: string;
  /** What the person started, for the sentence that refuses a second one. */
  program: string;
  shell: AppInfo['shell'];
  can: AppInfo['can'];
  printPdf: PrintPdf;
  /** Asks the person for a folder; null where none was chosen. */
  chooseFolder?: (title: string) => Promise<string | null>;
  /** Serves the page to browsers of this computer at a port, beside this shell's own window. */
  servePage?: (served: ServedPage, port: number) => Promise<PageServer>;
  /** Shows a file or folder in the system's file manager; left out where there is none. */
  reveal?: (path: string) => void;
  /**
   * On (default): the sensors start at once and the runs that an earlier program left in the queue go
   * on. Off, for a short command: sensors start when needed, the queue takes new runs only.
   */
  background?: boolean;
  /** The terminal of commands of the person's own; default: no input, and no output but the log. */
  terminal?: Partial<Pick<CommandDesk, 'echo' | 'stdin'>>;
  /** Takes a line now and then. Default: stderr. */
  log?: (line: string) => void;
  /** Tests shorten these. */
  timing?: {
    stopPatienceMs?: number;
    stopInsistMs?: number;
    meterRestartMs?: number;
    rehearsal?: RehearsalLength;
    coolDownWindowSeconds?: number;
  };
}

/** What a served page needs of the host. */
export type ServedPage = Pick<Host, 'handlers' | 'events' | 'download'>;

export interface PageServer {
  /** With the token. */
  url: string;
  close(): Promise<void>;
}

export interface Host {
  readonly handlers: Handlers;
  readonly events: EventBus;
  /** The file behind a path of the page's origin (`ModelFile.url`); null where that is none. */
  readonly download: Downloads['find'];
  /** Serves the metrics of this program to Prometheus, whatever the setting says. */
  readonly serveMetrics: Metrics['serve'];
  /** What happened to the data on opening that the person should know; null when all was well. */
  readonly remark: string | null;
  /** Runs that were under way when the last program ended without closing, as they are now. */
  readonly interrupted: readonly RunSummary[];
  /** The run that trains now. */
  readonly activeRun: number | null;
  /** Called when a run starts or ends to be the active one. */
  onActivity(changed: () => void): void;
  /** A suspend or resume of the computer, for the record of the active run. */
  recordGap(message: string): void;
  /** Stops what runs, with a checkpoint, and closes the store. May be called twice. */
  close(): Promise<void>;
}

/** What the handlers work with. */
export interface Workshop {
  readonly options: HostOptions;
  readonly store: Store;
  readonly events: EventBus;
  readonly metering: Metering;
  readonly datasets: Datasets;
  readonly queue: RunQueue;
  readonly removal: Removal;
  readonly jobs: Jobs;
  readonly checkpoints: Checkpoints;
  readonly sweeps: Sweeps;
  readonly models: ModelExports;
  readonly downloads: Downloads;
  readonly uploads: Uploads;
  readonly calibrator: Calibrator;
  /** Takes how a run that only loads the machine is queued and stopped. */
  loads(how: LoadRuns): void;
  readonly rehearsals: Rehearsals;
  readonly costs: Costs;
  readonly webhook: Webhook;
  readonly previews: Previews;
  readonly intensity: IntensityService;
  readonly commands: CommandDesk;
  readonly logs: RunLogs;
  readonly dataDir: string;
  runDir(id: number): string;
  settings(): Settings;
  /** Where the page is served beside the window; null: nowhere. */
  servedAt(): string | null;
  /** One change after the other: each is of what the one before it left. @throws AppError BAD_INPUT */
  changeSettings(changes: Partial<Settings>): Promise<Settings>;
  engines(): Pick<Machine, 'engines' | 'autoEngine' | 'engineFailure' | 'detecting'>;
  /** Resolves when engines and graphics cards are known, or will not be known soon. */
  hardwareKnown(): Promise<void>;
  /** Looks for sensors and engines again. */
  probe(): void;
  /** As `runs/baseline.ts` says. */
  measureIdle(seconds: number, signal: AbortSignal): Promise<void>;
}

/** Looking for engines takes a second or two; a driver that hangs shall not keep a run from its queue. */
const hardwarePatienceMs = 30_000;

/** @throws AppError CONFLICT when another program has the data folder, STORE when it cannot be used. */
export async function createHost(options: HostOptions): Promise<Host> {
  const { home, log = console.error, background = true } = options;
  const lock = await lockHome(home, options.program, background);
  const undo: (() => Promise<unknown>)[] = [() => lock.release()];
  try {
    const dataDir = join(home, 'datasets');
    const runDir = (id: number): string => join(home, 'runs', String(id));
    await mkdir(dataDir, { recursive: true });

    const store = await openStore({
      file: join(home, 'hugginggreen.sqlite'),
      threadEntry: options.entries.store,
      log,
    });
    undo.unshift(() => store.close());
    const { setAside } = store.opened;
    // a new database counts runs from 1 again: their checkpoints must not overwrite those of the old
    if (setAside) await rename(join(home, 'runs'), `${setAside}-runs`).catch(ifThere);
    const events = createEvents();
    const changed = (): void => events.emit('machine', {});
    let settings = await loadSettings(store);
    const logs = createRunLogs({
      runDir,
      hear: (id, lines) => events.emit('run.log', { id, lines }),
    });
    const interrupted = await mendCrash(store, logs);
    const intensity = createIntensity(store);
    const samples = sampleHub();
    const meterSettings = () => ({
      ...defaultMeterSettings(options.resourcesDir),
      hz: settings.hz,
      cpuTdpWatts: settings.cpuTdpWatts,
      cpuCurve: settings.cpuCurve,
      dimms: settings.dimms,
      ram: { mode: settings.ramMode, watts: settings.ramWatts },
      libreHardwareMonitor: settings.libreHardwareMonitor,
    });
    // the sensors of a program that only lists runs stay asleep until somebody asks for them
    const metering = lazyMetering(() =>
      startMetering({
        spawn: options.spawn,
        entry: options.entries.meter,
        settings: meterSettings(),
        changed,
        samples: (batch) => {
          samples.push(batch);
          events.emit('power', traceOf([batch]));
        },
        notice: (level, message, hint, _key, at) => {
          events.emit('notice', { level, message, hint });
          if (queue.active !== null && level !== 'error') noteActive(level, message, at);
        },
        restartMs: options.timing?.meterRestartMs,
      }),
    );
    undo.unshift(() => metering.close());

    const engines = engineDetection(options, changed, (message) =>
      events.emit('notice', {
        level: 'error',
        message,
        hint: 'Look for engines again on the page of this machine; "hugginggreen doctor" says more.',
      }),
    );
    const webhook = createWebhook({
      events,
      address: () => settings.webhook,
      notice: (notice) => events.emit('notice', notice),
    });
    undo.unshift(() => webhook.close());
    const costs = createCosts({
      store,
      // who asks for a run's prospects does not ask for a search for engines, which takes power
      autoEngine: engines.known,
      cpu: () => metering.inventory?.cpu.brand ?? null,
      settings: () => settings,
    });
    const closing = new AbortController();
    const commands: CommandDesk = {
      environments: new Map(),
      echo: null,
      stdin: 'ignore',
      ...options.terminal,
    };
    const context: RunContext = {
      store,
      metering,
      samples,
      events,
      spawn: options.spawn,
      trainerEntry: options.entries.trainer,
      dataDir,
      runDir,
      logs,
      commands,
      hz: () => settings.hz,
      priceOf: (config) => pricingOf(config, settings),
      intensity,
      plateauEvaluations: () => settings.plateauEvaluations,
      notice: (notice) => events.emit('notice', notice),
      log,
      quiet: engines.quiet,
      wall: () => calibrator.present(),
      foreknown: async ({ config, cost, summary }) => {
        if (!config) return { plan: null, cost: null };
        const known = await costs.known();
        return {
          plan: planOf(config, known.measured(config), summary.matrix?.rung?.epochs ?? null),
          cost: cost && known.cost(config, cost),
        };
      },
      stopPatienceMs: options.timing?.stopPatienceMs ?? 120_000,
      stopInsistMs: options.timing?.stopInsistMs ?? 3000,
      retryMs: background ? 5000 : null,
      closing: closing.signal,
    };
    let loads: LoadRuns | null = null;
    const activity = new Set<() => void>();
    const sweeps = createSweeps({ store, events, queue: () => queue, runDir, log });
    undo.unshift(async () => sweeps.close());
    // what a short command was asked to run does not wait for a page that is closed
    const pauseOf = async (kept: boolean) => {
      const { queuePaused, queuePausedFor } = await store.recall(['queuePaused', 'queuePausedFor']);
      const id = (queuePausedFor ?? null) as number | null;
      // of a run that is gone, or that went on elsewhere, nobody would let the line go on
      const waits = id !== null && !!(await store.getSummary(id).catch(() => null))?.paused;
      const paused = kept && queuePaused === true && (id === null || waits);
      return { paused, pausedFor: waits ? id : null };
    };
    const queue = createQueue({
      context,
      settle: sweeps.settle,
      activeChanged: () => activity.forEach((tell) => tell()),
      ...(await pauseOf(background)),
      settings: () => settings,
      costs,
      mostCoolDownSeconds: () => settings.coolDownMinutes * 60,
      coolDownWindowSeconds: options.timing?.coolDownWindowSeconds ?? 10,
    });
    undo.unshift(() => {
      closing.abort();
      return queue.close('Stopped because the program was closed.');
    });
    // what is used up already keeps the first run too
    await queue.settingsChanged();
    const removal = createRemoval({
      store,
      queue,
      events,
      runDir,
      forget: (id) => void commands.environments.delete(id),
      log,
    });
    undo.unshift(async () => removal.close());
    const checkpoints = await createCheckpoints({
      store,
      runDir,
      trash: join(home, 'trash'),
      active: (id) => queue.active === id,
      log,
    });
    undo.unshift(async () => checkpoints.close());
    for (const { id } of interrupted) await checkpoints.record(id);
    await removal.settle();
    const noteActive = (
      level: 'info' | 'warning',
      message: string,
      at = monotonicMicros(),
    ): void => {
      if (queue.active === null) return;
      void store
        .addNote(queue.active, { at, level, message })
        .catch((cause: unknown) => log(`a note was lost: ${String(cause)}`));
      void logs.add(queue.active, level, message, utcOf(at));
    };

    const calibrator = await createCalibrator({
      store,
      metering,
      samples,
      events,
      queue,
      quiet: engines.quiet,
      load: {
        start: () => loads!.start(),
        stop: (id) => loads!.stop(id),
      },
    });
    undo.unshift(() => calibrator.close());

    const rehearsals = createRehearsals({
      store,
      metering,
      samples,
      queue,
      spawn: options.spawn,
      trainerEntry: options.entries.trainer,
      dataDir,
      quiet: engines.quiet,
      length: options.timing?.rehearsal,
      tell: (label) => events.emit('measuring', { label }),
    });
    undo.unshift(() => rehearsals.close());

    const previews = createPreviews({
      spawn: options.spawn,
      trainerEntry: options.entries.trainer,
      dataDir,
      began: () =>
        noteActive(
          'info',
          'Images were looked at in the form of a new experiment meanwhile; what that took is in the readings.',
        ),
    });
    undo.unshift(() => previews.close());
    activity.add(() => {
      if (queue.active !== null) previews.rest();
    });

    const datasets = createDatasets(
      dataDir,
      (state) => events.emit('datasets', state),
      (notice) => events.emit('notice', notice),
    );
    undo.unshift(() => datasets.close());

    const downloads = createDownloads(join(home, 'exports'));
    undo.unshift(() => downloads.close());
    const uploads = createUploads(join(home, 'uploads'));
    undo.unshift(() => uploads.close());
    const models = createModelExports({
      downloads,
      runDir,
      spawn: options.spawn,
      trainerEntry: options.entries.trainer,
      appVersion: options.appVersion,
    });

    const metrics = createMetrics({
      store,
      metering,
      samples,
      events,
      version: options.appVersion,
    });
    undo.unshift(() => metrics.close());
    /** A short command serves nothing: its port would be gone in a second. */
    const serveMetrics = async (address: string | null): Promise<void> => {
      if (!background) return;
      const served = await metrics.serve(address);
      if (!served) return;
      log(`Metrics are at ${served.url}`);
      if (served.warning)
        events.emit('notice', { level: 'warning', message: served.warning, hint: null });
    };

    let pageServer: PageServer | null = null;
    const servePage = async (port: number | null): Promise<void> => {
      if (!options.servePage) return;
      const next =
        port === null
          ? null
          : await options.servePage({ handlers, events, download: downloads.find }, port);
      await pageServer?.close();
      pageServer = next;
    };
    undo.unshift(async () => pageServer?.close());

    const changeSettings = async (changes: Partial<Settings>): Promise<Settings> => {
      const next = { ...settings, ...changes };
      checkSettings(next);
      // a port that is taken is no setting
      if (next.metrics !== settings.metrics) await serveMetrics(next.metrics);
      if (next.servePort !== settings.servePort)
        await servePage(next.servePort).catch(async (cause: unknown) => {
          // of changes that are refused none is made
          if (next.metrics !== settings.metrics)
            await serveMetrics(settings.metrics).catch((why: unknown) =>
              log((why as Error).message),
            );
          throw cause;
        });
      await store.remember({ settings: next });
      settings = next;
      metering.configure(meterSettings());
      await queue.settingsChanged();
      changed();
      return next;
    };
    let changing: Promise<unknown> = Promise.resolve();

    const handlers = createHandlers({
      options,
      calibrator,
      removal,
      jobs: createJobs(),
      checkpoints,
      sweeps,
      loads: (how) => (loads = how),
      models,
      rehearsals,
      costs,
      webhook,
      previews,
      downloads,
      uploads,
      intensity,
      commands,
      logs,
      store,
      events,
      datasets,
      queue,
      dataDir,
      runDir,
      metering,
      settings: () => settings,
      servedAt: () => pageServer?.url ?? null,
      changeSettings: (changes) => {
        const own = changing.then(() => changeSettings(changes));
        changing = own.catch(() => {});
        return own;
      },
      engines: engines.state,
      hardwareKnown: async () => {
        engines.state();
        const known = Promise.all([metering.known, engines.quiet()]);
        const patience = sleep(hardwarePatienceMs, null, { ref: false });
        await Promise.race([known, patience]);
      },
      measureIdle: (seconds, signal) =>
        measureIdle(
          { store, metering, samples, events, queue, quiet: engines.quiet },
          seconds,
          AbortSignal.any([signal, closing.signal]),
        ),
      probe: () => {
        metering.probe();
        // looking for engines takes the processor, and would be measured as part of the run
        if (queue.active === null) engines.detect();
      },
    });
    // a folder on a network share may have no room for a socket; all else works without it
    const control = await serveControl(home, handlers, events).catch((cause: unknown) => {
      log(`Other commands cannot reach this program: ${(cause as Error).message}`);
      return null;
    });
    if (control) undo.unshift(() => control.close());
    if (background) {
      engines.detect();
      void metering.known;
      await serveMetrics(settings.metrics).catch((cause: unknown) => log((cause as Error).message));
      await servePage(settings.servePort).catch((cause: unknown) => log((cause as Error).message));
      await sweeps.takeUp();
      await adoptQueue(store, queue);
      const keeper = createCurveKeeper({ store, events, busy: () => queue.active !== null, log });
      undo.unshift(() => keeper.close());
      activity.add(keeper.wake);
      keeper.wake();
    }

    let closed: Promise<void> | null = null;
    return {
      handlers,
      events,
      download: downloads.find,
      serveMetrics: metrics.serve,
      remark: remarkOn(store.opened),
      interrupted,
      get activeRun() {
        return queue.active;
      },
      onActivity: (tell) => void activity.add(tell),
      recordGap: (message) => noteActive('warning', message),
      close: () => (closed ??= inTurn(undo)),
    };
  } catch (cause) {
    await inTurn(undo);
    throw cause;
  }
}

/** Nothing to move where no run has written a checkpoint. */
function ifThere(cause: unknown): void {
  if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
}

const remarkOn = ({ setAside, copy }: Opened): string | null => {
  if (setAside)
    return `The database was damaged and has been set aside as ${setAside}, its checkpoints beside it; this one is new and empty.`;
  return copy
    ? `The database was brought to the present format; its old state is kept as ${copy}.`
    : null;
};

/** Every step is taken, also when one before it fails. */
async function inTurn(steps: (() => Promise<unknown>)[]): Promise<void> {
  for (const step of steps)
    await step().catch((cause: unknown) => console.error(`while closing: ${String(cause)}`));
}

/** Runs that were active when the last program ended are told apart from those that failed. */
async function mendCrash(store: Store, logs: RunLogs): Promise<RunSummary[]> {
  const runs: RunSummary[] = [];
  for (const id of await store.markInterrupted()) {
    const run = await store.getSummary(id);
    const message =
      run.command === null
        ? 'The program ended while this run was active. What was recorded until then is kept, and it can be resumed.'
        : 'The program ended while this command ran. What was recorded until then is kept. The command may still run: nothing of it is measured any more. Start it again to measure it whole.';
    await store.addNote(id, { at: monotonicMicros(), level: 'warning', message });
    await logs.add(id, 'warning', message);
    runs.push(run);
  }
  return runs;
}

async function adoptQueue(store: Store, queue: RunQueue): Promise<void> {
  const queued = (await store.listRuns()).filter(({ status }) => status === 'queued');
  for (const { id } of queued.filter(({ command }) => command !== null)) {
    await store.updateRun(id, { status: 'stopped' });
    await store.addNote(id, {
      at: monotonicMicros(),
      level: 'info',
      message:
        'It waited in the queue when the program ended, and its environment was only in memory. Start it again.',
    });
  }
  queue.add(await store.waitingRuns());
}

/** The engines of this machine, looked for once, when first asked. */
function engineDetection(
  { spawn, entries }: HostOptions,
  changed: () => void,
  failed: (message: string) => void,
) {
  let found: Engines | null = null;
  let detection: Promise<void> | null = null;
  const detect = (): void => {
    detection ??= detectEngines(spawn, entries.trainer).then((engines) => {
      detection = null;
      found = engines;
      if (engines.engineFailure) failed(engines.engineFailure);
      changed();
    });
  };
  return {
    detect,
    /** The engine that `auto` takes, as far as it was looked for. */
    known: () => found?.autoEngine ?? null,
    /** Resolves when nothing is being looked for, which would be measured as idle power. */
    quiet: async () => void (await detection),
    state: () => {
      if (!found) detect();
      const none: Engines = { engines: [], autoEngine: null, engineFailure: null };
      return { ...(found ?? none), detecting: detection !== null };
    },
  };
}

/** Sensors that start when somebody first asks for them. */
function lazyMetering(start: () => Metering): Metering {
  let started: Metering | null = null;
  const own = (): Metering => (started ??= start());
  return {
    get inventory() {
      return own().inventory;
    },
    get sources() {
      return own().sources;
    },
    get components() {
      return own().components;
    },
    get overhead() {
      return own().overhead;
    },
    get known() {
      return own().known;
    },
    configure: (settings) => started?.configure(settings),
    probe: () => own().probe(),
    watch: (run) => own().watch(run),
    mark: () => own().mark(),
    trace: (seconds) => own().trace(seconds),
    close: async () => started?.close(),
  };
}
