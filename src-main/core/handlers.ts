/** The host's answer to every call of the contract. */
import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type * as v from 'valibot';
import {
  type AppInfo,
  AppError,
  contractVersion,
  queueBudgetWords,
  type calls,
  type CleanerStart,
  type commandOrderSchema,
  type ConfigCost,
  type ExperimentConfig,
  type ExportedFile,
  type Handlers,
  type LogLine,
  type Machine,
  type QueueState,
  type Refusal,
  type RunCost,
  type RunDetail,
  type RunPlace,
} from '../contract.ts';
import { parseExperimentConfig } from '../experiment-config.ts';
import { monotonicMicros } from '../port.ts';
import { bundleExtension } from './bundle/manifest.ts';
import { readBundle } from './bundle/read.ts';
import { writeBundle } from './bundle/write.ts';
import { chooseHome, dataHome } from './data-home.ts';
import { besideRegion } from './energy/account.ts';
import { cleanerStart, horizonMs } from './energy/intensity/cleaner.ts';
import { hourMs } from './energy/intensity/steps.ts';
import { regions } from './energy/regions.ts';
import { asWarning, lacks } from './experiments/availability.ts';
import { seriesOver } from './experiments/compute-axis.ts';
import {
  checkExperiment,
  exampleConfigs,
  expandMatrix,
  expandSweep,
  forecast,
  loadConfig,
  loadGroup,
  matrices,
  memoryOf,
  memoryRefusal,
  presets,
  previewOf,
  previewSweep,
  sweepId,
  warningsOf,
  type Expansion,
  type Judges,
  type Memory,
  type Place,
} from './experiments/index.ts';
import type { Workshop } from './host.ts';
import { reportCharts, writeCharts } from './report/charts.ts';
import { exportRuns, fileName, importCsv, writePieces } from './report/index.ts';
import { reachedLimit } from './runs/budget-watch.ts';
import { reportMarkdown } from './report/markdown.ts';
import { reportData } from './report/report-data.ts';
import { executable, type Environment } from './runs/command/process-group.ts';
import { outputPath } from './runs/command/output.ts';
import { presentIdle } from './runs/idle.ts';
import { interruption } from './runs/interruption.ts';
import { folderBytes } from './runs/removal.ts';
import { moved } from './runs/queue.ts';
import { fetchHours, repriceRun } from './runs/reprice.ts';
import { resumePoint } from './runs/resume.ts';
import { pricingOf } from './settings.ts';
import { describeCommand } from './store/describe.ts';
import type { NewMatrix } from './store/store.ts';

export function createHandlers(shop: Workshop): Handlers {
  const { options, store, events, datasets, queue, metering, calibrator, intensity, downloads } =
    shop;

  const machine = async (): Promise<Machine> => {
    const { idle } = await store.recall(['idle']);
    return {
      inventory: metering.inventory,
      sources: metering.sources,
      components: metering.components,
      ...shop.engines(),
      hz: shop.settings().hz,
      idle: presentIdle(idle, metering.components),
      overhead: metering.overhead,
    };
  };

  /** The memory that a config's engine computes in, as far as that is known by now. */
  const memoryFor = ({ compute }: ExperimentConfig): Memory => {
    const { autoEngine } = shop.engines();
    const engine = compute.engine === 'auto' ? autoEngine : compute.engine;
    return memoryOf(engine, metering.inventory?.gpus ?? null);
  };

  /** @throws AppError UNAVAILABLE where a run cannot fit into the memory of its engine */
  const refuseUnfit = async (configs: readonly ExperimentConfig[]): Promise<void> => {
    const largest = configs
      .map((config) => ({ config, cost: forecast(config) }))
      .reduce((a, b) => (b.cost.memoryBytes > a.cost.memoryBytes ? b : a));
    // what fits everywhere need not wait until it is known where it will run
    if (largest.cost.memoryBytes > memoryOfAnyMachine) await shop.hardwareKnown();
    refuse(memoryRefusal(largest.config, largest.cost, memoryFor(largest.config)));
  };

  const placeOf = (config: ExperimentConfig): Place => {
    // looks for the engines where nobody has yet
    shop.engines();
    return shop.costs.place(config);
  };

  const costOf = async (config: ExperimentConfig, runs = 1): Promise<ConfigCost> => {
    // which engine `auto` takes is found out once
    if (placeOf(config).engine === null) await shop.hardwareKnown();
    const own = forecast(config);
    const cost = (await shop.costs.known()).cost(config, own);
    return { forecast: own, cost, cleaner: await cleaner(config, cost, runs) };
  };

  /** A start in the next hours that emits less, where the hours are known. */
  const cleaner = async (
    config: ExperimentConfig,
    { seconds, wh, baselineSeconds }: RunCost,
    runs: number,
  ): Promise<CleanerStart | null> => {
    const { pricing, hourly } = pricingOf(config, shop.settings());
    if (!hourly || !seconds || !wh) return null;
    const now = Date.now();
    const whole = { seconds: runs * (seconds.value + baselineSeconds), wh: runs * wh.value };
    const to = now + horizonMs + hourMs + whole.seconds * 1000;
    const { hourly: hours } = await intensity.ahead(hourly, now, to);
    const found = cleanerStart(hours, now, { ...whole, pue: pricing.pue });
    return found && { ...found, name: hours.name };
  };

  const judges = async (): Promise<Judges> => {
    const [states, { cost }] = await Promise.all([datasets.list(), shop.costs.known()]);
    const { engines } = shop.engines();
    return {
      warnings: (config, cost) => [
        ...lacks(config, states, engines).map(asWarning),
        ...warningsOf(config, cost, memoryFor(config)),
      ],
      refusal: (config, cost) => memoryRefusal(config, cost, memoryFor(config)),
      cost,
    };
  };

  /**
   * A short command has nobody who would wait for another month.
   * @throws AppError CONFLICT where the queue's budget is used up
   */
  const refuseOverBudget = (): void => {
    const { budget } = queue.state();
    if (options.background === false && budget?.usedUp)
      throw new AppError(
        'CONFLICT',
        `The queue's budget is used up: ${queueBudgetWords(budget)}.`,
        'Raise it: hugginggreen settings queueBudgetWh=..., queueBudgetGCO2e, queueBudgetMinutes; null is no limit.',
      );
  };

  /** Puts configs, complete and checked, into the queue. */
  const enqueue = async (
    configs: readonly ExperimentConfig[],
    places: readonly Omit<RunPlace, 'id' | 'title'>[] = [],
    where: 'last' | 'now' = 'last',
    example = false,
  ): Promise<{ ids: number[] }> => {
    refuseOverBudget();
    const ids: number[] = [];
    try {
      for (const [i, config] of configs.entries()) {
        const { pricing } = pricingOf(config, shop.settings());
        const id = await store.createRun({
          name: config.name,
          config,
          machine: metering.inventory,
          appVersion: options.appVersion,
          node: process.versions.node,
          intensity: pricing.region,
          pue: pricing.pue,
          pricing: besideRegion(pricing),
          forecast: forecast(config),
          hz: shop.settings().hz,
          place: places[i],
          example,
        });
        ids.push(id);
        events.emit('run', await store.getSummary(id));
      }
    } finally {
      // where one could not be stored, those before it are in the line all the same
      queue.add(ids, where);
    }
    return { ids };
  };

  /**
   * Queues the runs of a matrix or a sweep.
   * @param rung epoch at which they stop first; null: at their end
   */
  const startMatrix = async (
    { id, title }: { id: string; title: string },
    { order, arms, runs }: Expansion<NewMatrix['order']>,
    force: boolean,
    rung: number | null = null,
  ): Promise<{ group: number; ids: number[] }> => {
    const configs = runs.map(({ config }) => config);
    if (!force) await refuseUnfit(configs);
    const group = await store.createMatrix({ id, title, order });
    const byId = new Map(arms.map((arm) => [arm.id, arm]));
    const places = runs.map(({ arm, repeat, warmUp }) => {
      const { title, baseline } = byId.get(arm)!;
      const place = { group, arm, armTitle: title, baseline, repeat, warmUp };
      return rung === null ? place : { ...place, rung: { epochs: rung, dropped: false } };
    });
    return { group, ...(await enqueue(configs, places)) };
  };

  /** Queues a command. @throws AppError where it could not be started now either */
  const enqueueCommand = async (order: v.InferOutput<typeof commandOrderSchema>) => {
    const { command: argv, cwd, watch, energy, totals } = order;
    refuseOverBudget();
    const env: Environment = order.wholeEnv ? order.env : { ...process.env, ...order.env };
    await folderToRunIn(cwd);
    executable(argv[0]!, cwd, env);
    const { pricing } = pricingOf({ energy }, shop.settings());
    const id = await store.createCommandRun({
      name: order.name || describeCommand(argv),
      command: {
        argv,
        cwd,
        // of a whole environment nobody chose the names
        env: order.wholeEnv ? [] : Object.keys(order.env),
        watch: { jsonl: watch.jsonl ?? null, tensorboard: watch.tensorboard ?? null },
        energy,
        budget: order.budget,
        exit: null,
      },
      dataset: order.dataset ?? '',
      model: order.model ?? '',
      seed: order.seed ?? null,
      totals,
      machine: metering.inventory,
      appVersion: options.appVersion,
      node: process.versions.node,
      intensity: pricing.region,
      pue: pricing.pue,
      pricing: besideRegion(pricing),
      hz: shop.settings().hz,
    });
    shop.commands.environments.set(id, env);
    events.emit('run', await store.getSummary(id));
    queue.add([id]);
    return { ids: [id] };
  };

  const exportFile = async (
    {
      ids,
      format,
      checkpoints,
      look,
      bom,
    }: Omit<v.InferOutput<(typeof calls)['runs.export']['input']>, 'job'>,
    signal: AbortSignal,
  ): Promise<ExportedFile> => {
    const { appVersion, reportDir } = options;
    if (format === 'bundle') {
      const first = await store.getRun(ids[0]!);
      const name = `${fileName(ids.map(() => first))}${bundleExtension}`;
      const { file } = await downloads.make(name, 'application/zip', (path) =>
        writeBundle(
          { store, appVersion, reportDir, runDir: shop.runDir, logs: shop.logs },
          ids,
          path,
          checkpoints,
          signal,
        ),
      );
      return file;
    }
    if (format === 'charts' || format === 'markdown') {
      const data = await reportData(store, ids, appVersion, look);
      const charts = await reportCharts(reportDir, data);
      const name = `${fileName(data.runs.map(({ detail }) => detail))}-${format === 'charts' ? 'charts' : 'report-markdown'}.zip`;
      const [folder, texts] =
        format === 'charts' ? [''] : ['charts/', { 'report.md': reportMarkdown(data, charts, 'charts/') }]; // prettier-ignore
      const { file } = await downloads.make(name, 'application/zip', (path) =>
        writeCharts(path, charts, folder, texts),
      );
      return file;
    }
    const text = await exportRuns(store, ids, format === 'pdf' ? 'report' : format, {
      appVersion,
      reportDir,
      look,
      bom,
    });
    if (format !== 'pdf')
      return (await downloads.make(text.name, text.mime, (path) => writePieces(path, text, signal)))
        .file;
    const name = text.name.replace(/\.html$/, '.pdf');
    const { file } = await downloads.make(name, 'application/pdf', async (path) => {
      let html = '';
      for await (const piece of text.pieces) {
        signal.throwIfAborted();
        html += piece;
      }
      await writeFile(path, await options.printPdf(html));
    });
    return file;
  };

  /** The report as a page for a frame, which the view has look as it likes. */
  const reportPage = async (ids: number[], signal: AbortSignal): Promise<{ url: string }> => {
    const { appVersion, reportDir } = options;
    const text = await exportRuns(store, ids, 'report', { appVersion, reportDir });
    const write = (path: string): Promise<void> => writePieces(path, text, signal);
    return { url: (await downloads.make(text.name, text.mime, write, true)).file.url };
  };

  /** Their rows have changed: said of one by itself, of many at once. */
  const tell = async (ids: number[]): Promise<void> => {
    if (ids.length === 1) events.emit('run', await store.getSummary(ids[0]!));
    else if (ids.length > 1) events.emit('runs', await store.summariesOf(ids));
  };

  const detail = async (id: number): Promise<RunDetail> => {
    const run = await store.getRun(id);
    const { startedAt, copyOf } = run.summary;
    if (!run.command || startedAt === null || copyOf !== null) return run;
    const dir = shop.runDir(id);
    const [stdout, stderr] = [outputPath(dir, 'stdout'), outputPath(dir, 'stderr')];
    return { ...run, log: { stdout, stderr } };
  };

  /** A short command leaves alone what waits for a program that stays, and shows it. */
  const line = async (): Promise<QueueState> => {
    if (options.background !== false) return queue.state();
    const [waiting, { queuePaused }] = await Promise.all([
      store.waitingRuns(),
      store.recall(['queuePaused']),
    ]);
    return { ...queue.state(), waiting, paused: queuePaused === true };
  };

  const stopRun = async (id: number): Promise<void> => {
    // no wait between looking and leaving the line: it could become active meanwhile
    if (queue.stop(id)) return;
    if (!queue.remove(id)) {
      const { status } = await store.getSummary(id);
      if (queue.stop(id)) return;
      if (status !== 'queued')
        throw new AppError('CONFLICT', `Run ${id} is not running (${status}).`);
    }
    shop.commands.environments.delete(id);
    await store.updateRun(id, { status: 'stopped' });
    events.emit('run', await store.getSummary(id));
  };

  /** What decodes a dataset for a look cannot be told to stop: its process ends. */
  const preview = <T>(job: string | undefined, look: () => Promise<T>): Promise<T> =>
    shop.jobs.run(job, (signal) => {
      signal.addEventListener('abort', () => shop.previews.rest());
      return look();
    });

  shop.loads({
    start: async () => {
      const config = loadConfig(shop.engines().autoEngine);
      await refuseUnfit([config]);
      const group = await store.createMatrix(loadGroup());
      const place = {
        group,
        arm: 'load',
        armTitle: 'Load',
        baseline: null,
        repeat: 1,
        warmUp: true,
      };
      const { ids } = await enqueue([config], [place], 'now');
      return ids[0]!;
    },
    stop: stopRun,
  });

  const launchedOn = dataHome();
  const appInfo = (): AppInfo => {
    const next = dataHome();
    return {
      version: options.appVersion,
      versions: versionsBeneath(),
      contractVersion,
      shell: options.shell,
      dataDir: options.home,
      nextDataDir: next === launchedOn ? null : next,
      dataDirFixed: Boolean(process.env.HUGGINGGREEN_HOME),
      servedAt: shop.servedAt(),
      can: options.can,
    };
  };

  return {
    'jobs.cancel': ({ job }) => shop.jobs.cancel(job),

    'app.info': appInfo,
    'app.chooseDataDir': async ({ usual }) => {
      if (!options.chooseFolder)
        throw new AppError(
          'UNAVAILABLE',
          'The data folder cannot be chosen here.',
          'Start the program with HUGGINGGREEN_HOME=/path/to/folder.',
        );
      const chosen = usual ? null : await options.chooseFolder('Folder for runs and datasets');
      if (usual || chosen !== null) await chooseHome(chosen);
      return appInfo();
    },

    'machine.get': machine,
    'machine.probe': () => {
      shop.probe();
      return machine();
    },
    'machine.idle': async ({ seconds, job }) => {
      await shop.jobs.run(job, (signal) => shop.measureIdle(seconds, signal));
      return machine();
    },
    'machine.power': ({ seconds }) => metering.trace(seconds),

    'calibration.get': () => calibrator.get(),
    'calibration.start': ({ source }) => calibrator.start(source),
    'calibration.measure': (order) => calibrator.measure(order),
    'calibration.read': ({ which, wallWatts }) => calibrator.read(which, wallWatts),
    'calibration.finish': () => calibrator.finish(),
    'calibration.cancel': () => calibrator.cancel(),
    'calibration.forget': () => calibrator.forget(),
    'calibration.restore': ({ what }) => calibrator.restore(what),

    'regions.list': () => regions(),
    'settings.get': () => shop.settings(),
    'settings.set': (changes) => shop.changeSettings(changes),
    'webhook.test': () => shop.webhook.test(),

    'intensity.get': () => intensity.state(),
    'intensity.setKey': async ({ key }) => {
      await intensity.setKey(key);
      return intensity.state();
    },
    'intensity.check': () => {
      const { hourly, hourlyZone } = shop.settings();
      if (hourly === null)
        throw new AppError('CONFLICT', 'No source of hourly intensity is chosen in the settings.');
      return intensity.now({ provider: hourly, zone: hourlyZone ?? '' });
    },
    'intensity.import': ({ name, csv }) => intensity.importProfile(name, csv),
    'intensity.remove': async ({ name }) => {
      const { hourly, hourlyZone } = shop.settings();
      if (hourly === 'profile' && hourlyZone === name)
        throw new AppError(
          'CONFLICT',
          `The profile "${name}" prices new runs.`,
          'Choose another source of intensity first.',
        );
      await intensity.removeProfile(name);
      return intensity.state();
    },

    'datasets.list': () => datasets.list(),
    'datasets.download': ({ id }) => datasets.download(id),
    'datasets.cancel': ({ id }) => datasets.cancel(id),
    'datasets.chooseFolder': () => {
      if (!options.chooseFolder)
        throw new AppError(
          'UNAVAILABLE',
          'There is no dialog for folders here.',
          'Type the path of the folder.',
        );
      return options.chooseFolder('Folder with the files of the dataset');
    },

    'datasets.samples': ({ config: input, job, ...which }) => {
      const { dataset } = checked(input, 0, [input]);
      return preview(job, () => shop.previews.images({ dataset, ...which }));
    },
    'experiments.selection': ({ config: input, job, ...which }) => {
      const config = checked(input, 0, [input]);
      return preview(job, () =>
        shop.previews.selection({ dataset: config.dataset, config, ...which }),
      );
    },

    'experiments.presets': () => presets(),
    'experiments.check': async ({ config }) => {
      const result = checkExperiment(config, memoryFor);
      if (!result.ok) return result;
      const missing = lacks(result.config, await datasets.list(), shop.engines().engines);
      return { ...result, warnings: [...missing.map(asWarning), ...result.warnings] };
    },

    'experiments.forecast': ({ config, runs }) => costOf(checked(config, 0, [config]), runs),
    'experiments.measure': ({ config: input, job }) =>
      shop.jobs.run(job, async (signal) => {
        const config = checked(input, 0, [input]);
        await shop.hardwareKnown();
        await refuseUnfit([config]);
        await shop.rehearsals.measure(config, placeOf(config), signal);
        return costOf(config);
      }),

    'matrices.list': () => matrices(),
    'matrices.preview': async (request) => previewOf(expandMatrix(request), await judges()),
    'matrices.start': ({ force, ...request }) => {
      const { matrix, ...expansion } = expandMatrix(request);
      return startMatrix(matrix, expansion, force);
    },
    'matrices.get': ({ group }) => shop.sweeps.state(group),
    'matrices.stop': async ({ group }) => {
      await shop.sweeps.end(group);
      const { runs } = await store.startedMatrix(group);
      const [waiting, active] = [['queued'], ['baseline', 'running', 'stopping']].map((states) =>
        runs.filter(({ status }) => states.includes(status)),
      );
      // the active one last: the next of them would start when it ends
      for (const { id } of [...waiting!, ...active!])
        // one that has ended meanwhile needs no stop
        await stopRun(id).catch(() => {});
      return shop.sweeps.state(group);
    },
    'sweeps.preview': async (request) => previewSweep(expandSweep(request), await judges()),
    'sweeps.start': ({ force, ...request }) => {
      const expansion = expandSweep(request);
      const { order: plan } = expansion;
      const matrix = { id: sweepId, title: plan.name };
      return startMatrix(matrix, expansion, force, plan.halving?.rungs[0]?.epochs ?? null);
    },

    'runs.start': async ({ configs: inputs, force }) => {
      const configs = inputs.map((config, i) => checked(config, i, inputs));
      if (!force) await refuseUnfit(configs);
      return enqueue(configs);
    },
    'runs.command': enqueueCommand,
    'runs.log': async ({ id, lines }) =>
      (await shop.logs.tail(id, lines)) ?? notesAsLog(await store.getRun(id), lines),
    'runs.exportLog': async ({ id }) => {
      const { file, made } = await downloads.make(`run-${id}.log`, 'text/plain', async (path) => {
        const found = await shop.logs.copy(id, path);
        if (!found) await writeFile(path, '');
        return found;
      });
      if (!made) throw new AppError('NOT_FOUND', `Run ${id} has no log.`);
      return file;
    },
    // a first look, not a measurement to publish: it waits for no cool-down
    'runs.example': () => enqueue(exampleConfigs(), [], 'now', true),
    'runs.stop': async ({ id }) => {
      await stopRun(id);
      await store.dropTrial(id);
      const run = await store.getSummary(id);
      if (run.matrix?.rung) events.emit('run', run);
    },
    'runs.pause': ({ id }) => {
      if (!queue.pauseRun(id))
        throw new AppError('CONFLICT', `Run ${id} is not under way: there is nothing to pause.`);
    },
    'runs.clone': async ({ id, retry }) => {
      const { config, command, summary } = await store.getRun(id);
      if (!config)
        throw new AppError(
          'CONFLICT',
          command
            ? `Run ${id} is a command of your own: its environment is not kept.`
            : `Run ${id} was imported: there is nothing to train.`,
          command && 'Start the command again.',
        );
      const { matrix, status } = summary;
      // one that is done has its place in the matrix already
      const place = retry && matrix && status !== 'done' ? [matrix] : [];
      if (retry) queue.letGo([id]);
      return enqueue([config], place, 'last', summary.example);
    },
    'queue.get': line,
    'queue.move': async ({ ids, before }) => {
      if (options.background === false)
        await store.placeRuns(moved(await store.waitingRuns(), ids, before));
      else await queue.move(ids, before);
      return line();
    },
    'queue.pause': async () => {
      await queue.pause();
      return line();
    },
    'queue.resume': async () => {
      await queue.resume();
      return line();
    },
    'queue.skipCoolDown': () => {
      queue.skipCoolDown();
      return line();
    },
    'runs.resume': async ({ id, budget }) => {
      const run = await store.getRun(id);
      const { status } = run.summary;
      if (!['stopped', 'failed', 'interrupted'].includes(status))
        throw new AppError('CONFLICT', `Run ${id} cannot be resumed: it is ${status}.`);
      if (run.summary.copyOf !== null)
        throw new AppError(
          'CONFLICT',
          `Run ${id} is a copy at another price: there is nothing to go on from.`,
          `Resume run ${run.summary.copyOf}.`,
        );
      if (run.command)
        throw new AppError(
          'CONFLICT',
          `Run ${id} is a command of your own: it cannot be resumed from here.`,
          'Start the command again.',
        );
      resumePoint(run, shop.runDir(id));
      const reached = run.config && reachedLimit(budget ?? run.config.budget, run.summary);
      if (reached)
        throw new AppError(
          'CONFLICT',
          `Run ${id} cannot go on. ${reached.message}`,
          'Resume it with a larger budget.',
        );
      refuseOverBudget();
      await shop.sweeps.release(run.summary);
      if (budget) await store.setBudget(id, budget);
      await store.updateRun(id, { status: 'queued' });
      queue.add([id], run.summary.paused ? 'first' : 'last');
      events.emit('run', await store.getSummary(id));
    },
    'runs.rename': async ({ id, name }) => {
      await store.renameRun(id, name);
      events.emit('run', await store.getSummary(id));
    },
    'checkpoints.list': ({ id }) => shop.checkpoints.list(id),
    'checkpoints.verify': ({ id, job }) =>
      shop.jobs.run(job, (signal) => shop.checkpoints.verify(id, signal)),
    'checkpoints.free': ({ id, undoSeconds, job }) =>
      shop.jobs.run(job, async (signal) => {
        const list = await shop.checkpoints.free(id, undoSeconds, signal);
        events.emit('run', await store.getSummary(id));
        return list;
      }),
    'checkpoints.restore': async ({ id }) => {
      const list = await shop.checkpoints.restore(id);
      events.emit('run', await store.getSummary(id));
      return list;
    },
    'runs.markFailed': async ({ id }) => {
      const run = await store.getSummary(id);
      await store.updateRun(id, { status: 'failed', error: interruption(run) });
      await shop.logs.add(id, 'info', 'marked as failed');
      events.emit('run', await store.getSummary(id));
    },
    'runs.reveal': ({ id, file }) => {
      const { reveal } = options;
      if (!reveal)
        throw new AppError(
          'UNAVAILABLE',
          'This program cannot open folders where it runs.',
          `The folder is ${shop.runDir(id)}.`,
        );
      const path = join(shop.runDir(id), file ?? '');
      if (!existsSync(path)) throw new AppError('NOT_FOUND', `There is no ${path} any more.`);
      reveal(path);
    },
    'runs.mark': async ({ id, text, time }) => {
      const at = monotonicMicros();
      const marker = await store.addMarker(id, { time: time ?? null, at, text });
      events.emit('run', await store.getSummary(id));
      return marker;
    },
    'runs.unmark': async ({ id, marker }) => {
      await store.removeMarker(id, marker);
      events.emit('run', await store.getSummary(id));
    },
    'runs.annotate': async ({ ids, ...change }) => {
      await store.annotateRuns(ids, change);
      await tell(ids);
    },
    'runs.archive': async ({ ids }) => {
      await store.archiveRuns(ids, Date.now());
      await tell(ids);
    },
    'runs.unarchive': async ({ ids }) => {
      await store.archiveRuns(ids, null);
      await tell(ids);
    },
    'runs.delete': ({ ids, undoSeconds }) => shop.removal.remove(ids, undoSeconds),
    'runs.restore': async ({ ids }) => tell(await shop.removal.restore(ids)),
    'runs.disk': async ({ ids }) => ({ bytes: await folderBytes(ids.map(shop.runDir)) }),
    'runs.list': () => store.listRuns(),
    'runs.values': ({ keys }) => store.runValues(keys),
    'runs.metricNames': () => store.metricNames(),
    'runs.get': ({ id }) => detail(id),
    'runs.series': (asked) => seriesOver(store, asked),
    'runs.power': ({ id, width }) => store.power(id, width),
    'runs.pictures': ({ id }) => store.pictures(id),
    'runs.curves': ({ ids, names, x, width }) =>
      inOrder(ids, (id) => seriesOver(store, { id, names, x, width })),
    'runs.totals': ({ ids, width }) => inOrder(ids, (id) => store.totals(id, width)),
    'runs.compare': ({ ids }) => store.compare(ids),
    'runs.sideBySide': ({ ids }) => store.sideBySide(ids),
    'runs.predictions': (query) => store.predictions(query),
    'runs.comparePredictions': (query) => store.comparePredictions(query),
    'runs.export': ({ job, ...order }) => shop.jobs.run(job, (signal) => exportFile(order, signal)),
    'runs.report': ({ ids, job }) => shop.jobs.run(job, (signal) => reportPage(ids, signal)),
    'uploads.begin': ({ bytes }) => shop.uploads.begin(bytes),
    'uploads.add': ({ upload, base64 }) => shop.uploads.add(upload, base64),
    'runs.importBundle': async ({ upload }) => {
      const result = await shop.uploads.take(upload, (path, folder) =>
        readBundle({ store, runDir: shop.runDir }, path, folder),
      );
      for (const id of result.ids) events.emit('run', await store.getSummary(id));
      return result;
    },
    'runs.reprice': async ({ id, choice }) => {
      const copy = await repriceRun(shop, id, choice);
      events.emit('run', await store.getSummary(copy));
      return { id: copy };
    },
    'runs.fetchHours': async ({ id }) => {
      const detail = await fetchHours(shop, id);
      events.emit('run', detail.summary);
      return detail;
    },
    'runs.exportModel': async ({ id, format, checkpoint, job }) => {
      const run = await store.getRun(id);
      const file = await shop.jobs.run(job, (signal) =>
        shop.models.write(run, { format, ...(checkpoint && { checkpoint }) }, signal),
      );
      // it took the processor while a run was measured
      if (queue.active !== null)
        await store.addNote(queue.active, {
          at: monotonicMicros(),
          level: 'info',
          message: `The model of run ${id} was written as a file meanwhile; what that took is in the readings.`,
        });
      return file;
    },
    'runs.import': async ({ name, csv }) => {
      const result = await importCsv(store, name, csv);
      for (const id of result.ids) events.emit('run', await store.getSummary(id));
      return result;
    },
    'views.list': () => store.savedViews(),
    'views.save': ({ name, state }) => store.saveView(name, state),
    'views.rename': ({ id, name }) => store.renameView(id, name),
    'views.delete': ({ id }) => store.deleteView(id),
  };
}

/** Of a run that wrote none here: what its notes tell. */
const notesAsLog = ({ notes }: RunDetail, lines: number): LogLine[] =>
  notes.slice(-lines).map(({ at, level, message }) => ({ at, kind: level, text: message }));

/** Of what this program runs on; in a browser's own words it would be the browser's. */
function versionsBeneath(): Record<string, string> {
  const { node, electron, chrome } = process.versions;
  const known = { Electron: electron, Chromium: chrome, Node: node };
  const named = Object.entries(known).filter((entry): entry is [string, string] => !!entry[1]);
  return Object.fromEntries([...named, ['System', `${process.platform} ${process.arch}`]]);
}

/** @throws AppError BAD_INPUT, NOT_FOUND */
async function folderToRunIn(cwd: string): Promise<void> {
  if (!isAbsolute(cwd))
    throw new AppError(
      'BAD_INPUT',
      `The working folder "${cwd}" is relative.`,
      'Give its whole path, from the root.',
    );
  const found = await stat(cwd).catch(() => null);
  if (!found?.isDirectory())
    throw new AppError('NOT_FOUND', `There is no folder ${cwd} to run the command in.`);
}

/** No machine that trains has less. */
const memoryOfAnyMachine = 2e9;

function refuse(refusal: Refusal | null): void {
  if (refusal)
    throw new AppError(
      'UNAVAILABLE',
      refusal.message,
      `${refusal.hint} Forced (--force), it is started all the same.`,
    );
}

/** @throws AppError BAD_INPUT with every issue; of several configs, it says which. */
function checked(input: unknown, index: number, all: unknown[]): ExperimentConfig {
  const result = parseExperimentConfig(input);
  if (result.ok) return result.config;
  const where = all.length > 1 ? `Config ${index + 1} of ${all.length}` : 'The config';
  const what = result.issues
    .map(({ path, message }) => (path ? `${path}: ${message}` : message))
    .join('; ');
  throw new AppError('BAD_INPUT', `${where} cannot be run: ${what}.`, null, result.issues);
}

/** One after the other: the store answers others between two of them. */
async function inOrder<T>(ids: readonly number[], ask: (id: number) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (const id of ids) answers.push(await ask(id));
  return answers;
}
