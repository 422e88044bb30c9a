/**
 * The life of one run: idle baseline, the work itself (`driver.ts`), record, end.
 *
 * Everything that the work says is stamped with the clock that the meter uses, so a phase's energy can be
 * cut exactly; the meter is asked for a reading at every edge, so that the cut lies close to one.
 * However it ends (done, stopped, failed, killed), the run ends here with a status, and what
 * was recorded stays.
 */
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import {
  AppError,
  budgetSchema,
  wireError,
  type Events,
  type ExperimentConfig,
  type Pricing,
  type RunDetail,
  type RunSummary,
} from '../../contract.ts';
import { monotonicMicros } from '../../port.ts';
import { utcOf } from '../clock.ts';
import { besideRegion, socketWh } from '../energy/account.ts';
import { cardsOf, countsIn, runCards, type Card, type RunCards } from '../energy/cards.ts';
import type { RunEnd } from '../store/store.ts';
import { measureBaseline } from './baseline.ts';
import { BudgetWatch } from './budget-watch.ts';
import { commandDriver } from './command/command-driver.ts';
import type { Environment } from './command/process-group.ts';
import type { RunContext } from './context.ts';
import { keepCurves } from './curve-keeper.ts';
import type { Course, Driver, Ending, Problem } from './driver.ts';
import { hourlyPrice, type HourlyPrice } from './hourly-price.ts';
import { rememberedIdle } from './idle.ts';
import { LiveEnergy } from './live-energy.ts';
import { endWords, loggedEvents } from './log-words.ts';
import { RunOutlook } from './outlook.ts';
import { PlateauWatch } from './plateau-watch.ts';
import { othersNote, ProcessorLoad } from './processor-load.ts';
import { ReadingWatch } from './reading-watch.ts';
import { recordRun } from './recorder.ts';
import { resumePoint } from './resume.ts';
import { trainerDriver } from './trainer-driver.ts';

export interface ActiveRun {
  readonly id: number;
  /** Asks for a stop with a checkpoint. Once is enough; `why` becomes a note. */
  stop(why?: string): void;
  /**
   * A person asks for the stop. Asked again after some seconds, the trainer is ended at once; sooner,
   * it was a double click or a Ctrl-C that arrived twice, which must not cost the checkpoint.
   */
  stopByHand(): void;
  /** What it took since it was started or resumed; null before that. */
  used(): UsedHere | null;
  /** What it took in all. */
  soFar(): { wh: number | null; gCO2e: number | null };
  /** What is expected of it; null while nothing is. */
  expected(): Omit<Events['run.outlook'], 'id'> | null;
  /** Its end is told, or about to be: it can be resumed, though it has not left the line yet. */
  readonly isOver: boolean;
  /** It has been told to end. */
  readonly isStopping: boolean;
  /** Resolves when the run has ended and all is stored; never rejects. */
  readonly ended: Promise<void>;
}

/** Of the present stretch of a run. */
export interface UsedHere {
  /** Its start, ms since 1970. */
  since: number;
  seconds: number;
  /** Null: nothing was read. */
  wh: number | null;
  gCO2e: number | null;
}

interface Work {
  /** Which of the machine's cards it computes on. */
  cards(all: readonly Card[]): RunCards;
  /** On which terms its energy is measured. */
  terms: ExperimentConfig['energy'];
  /** It goes on from a checkpoint. */
  resumed: boolean;
  /** @param env for the process that computes */
  create(env: Record<string, string>): Driver;
}

/** Nothing is set for a command: where CUDA's own order cannot be known, every card counts. */
const commandCards = (env: Environment, all: readonly Card[]): RunCards =>
  runCards({ gpu: null, engine: null }, { CUDA_DEVICE_ORDER: 'FASTEST_FIRST', ...env }, all);

const tickMs = 1000;

export function startRun(given: RunContext, id: number): ActiveRun {
  const log = given.logs.open(id, (why) =>
    note('warning', `The log of this run is not written any more: ${why}`),
  );
  const context = { ...given, events: loggedEvents(given.events, log) };
  const { store, metering, events } = context;
  const abort = new AbortController();
  /** From the moment at which it begins. */
  let driver: Driver | null = null;
  /** The hardware was known when the run started, and so whether its calibration holds. */
  let machineKnown = false;
  /** The processes whose trees do the work. */
  let processes: number[] = [];
  /** From the moment at which it is known how the run is priced. */
  let price: HourlyPrice | null = null;
  /** From the moment at which it is measured. */
  let usedUntilNow = (): Promise<number | null> => Promise.resolve(null);
  /** It is not ours to end when we cannot record it. */
  let isCommand = false;
  /** A record could not be written: the run fails with this, whatever the trainer says. */
  let recordProblem: Problem | null = null;
  /** Its budget is used up: that is why it ends. */
  let overBudget: Problem | null = null;
  let used: UsedHere | null = null;
  let expected: Omit<Events['run.outlook'], 'id'> | null = null;
  /** From the moment at which its earlier parts are known. */
  let plateau: PlateauWatch | null = null;
  let outlook: RunOutlook | null = null;

  const recorder = recordRun(context, (cause) => {
    const { code, message, hint } = wireError(cause);
    recordProblem = {
      code,
      message: `The run cannot be recorded any more: ${message}`,
      hint: isCommand ? hint : [hint, 'Then resume the run.'].filter(Boolean).join(' '),
    };
    context.notice({
      level: 'error',
      message: isCommand
        ? `Run ${id}: ${recordProblem.message} The command goes on.`
        : `Run ${id} is ended: ${recordProblem.message}`,
      hint: recordProblem.hint,
    });
    if (!isCommand) stop();
  });

  const note = (level: 'info' | 'warning', message: string, at = monotonicMicros()): void => {
    recorder.write(store.addNote(id, { at, level, message }));
    log.write(level, message, utcOf(at));
  };

  let shown: RunSummary | null = null;
  /** The page hears of the run as it now stands in the store. */
  const announce = async (): Promise<void> => {
    shown = await store.getSummary(id).catch(() => null);
    if (!shown) return;
    outlook?.hear('run', shown);
    events.emit('run', shown);
  };
  /** In between, what changes every second is told without asking the store to sum up anew. */
  const announceProgress = (now: Partial<RunSummary>): void => {
    if (shown) events.emit('run', (shown = { ...shown, ...now }));
  };

  let stoppingSince: number | null = null;
  /** Its end is being stored, or was: nothing is left to stop, and its status is told. */
  let isOver = false;
  const stop = (why?: string): void => {
    if (stoppingSince !== null || isOver) return;
    stoppingSince = performance.now();
    abort.abort();
    log.write('info', 'a stop was asked for');
    if (why) note('info', why);
    recorder.write(store.updateRun(id, { status: 'stopping' }));
    void announce();
    driver?.stop();
  };

  const stopByHand = (): void => {
    if (stoppingSince === null) stop();
    else if (performance.now() - stoppingSince >= context.stopInsistMs) driver?.kill();
  };

  /** Waits for something that a stop need not wait for. */
  const unlessStopped = async (done: Promise<unknown>): Promise<void> => {
    const stopped = new Promise<void>((resolve) => {
      if (abort.signal.aborted) resolve();
      else abort.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([done, stopped]);
  };

  /** Mean power while nothing runs, measured just before the run. */
  const baseline = async (seconds: number): Promise<void> => {
    const began = (at: number): void => {
      recorder.write(store.startPhase(id, 'baseline', null, at));
      events.emit('run.phase', {
        id,
        name: 'baseline',
        epoch: null,
        edge: 'start',
        time: -seconds,
      });
      events.emit('run.progress', { id, label: 'Measuring idle power', fraction: null });
    };
    const measured = await measureBaseline(context, seconds, abort.signal, began);
    const { from, to, watts, problem } = measured;
    recorder.write(store.endPhase(id, 'baseline', null, to));
    events.emit('run.phase', { id, name: 'baseline', epoch: null, edge: 'end', time: 0 });
    // a baseline that was cut short is too short to be an idle power
    if (abort.signal.aborted) return;
    recorder.write(store.setIdle(id, watts));
    if (problem) return note('warning', problem, from);
    recorder.write(store.remember({ idle: rememberedIdle(watts, metering.components) }));
    events.emit('machine', {});
  };

  const watchPlateau = (evaluation: Events['run.evaluation']): void => {
    const said = plateau?.look(evaluation, shown?.wh ?? null, context.plateauEvaluations());
    if (!said || !shown) return;
    note('info', said);
    // nobody follows each run of a grid: there it stays in the run's notes
    if (shown.matrix) return;
    const message = `Run ${id}, ${shown.name}: ${said}`;
    context.notice({
      level: 'info',
      message,
      hint: null,
      about: `plateau ${id}`,
      title: 'No better for a while',
    });
  };

  const course: Course = {
    id,
    // what the work tells of its progress is what the outlook goes by
    context: {
      ...context,
      events: {
        emit: (name, data) => {
          outlook?.hear(name, data);
          events.emit(name, data);
          if (name === 'run.evaluation') watchPlateau(data as Events['run.evaluation']);
        },
      },
    },
    recorder,
    log,
    stopped: abort.signal,
    note,
    announce,
    announceProgress,
    energy: () => usedUntilNow(),
    started: (pid) => metering.watch((processes = [...processes, pid])),
  };

  /** What is to be done, on which terms its energy is measured, and who does it. */
  const work = (detail: RunDetail): Work => {
    const { config, command } = detail;
    if (command)
      return {
        cards: (all) => commandCards(context.commands.environments.get(id) ?? {}, all),
        terms: command.energy,
        resumed: false,
        create: () => commandDriver(course, command),
      };
    if (!config)
      throw new AppError('CONFLICT', `Run ${id} was imported: there is nothing to train.`);
    const resume = resumePoint(detail, context.runDir(id));
    const { gpu, engine } = config.compute;
    return {
      cards: (all) => runCards({ gpu, engine }, process.env, all),
      terms: config.energy,
      resumed: resume !== null,
      create: (env) =>
        trainerDriver(course, config, resume, detail.summary.matrix?.rung?.epochs ?? null, env),
    };
  };

  const live = async (): Promise<Ending> => {
    const detail = await store.getRun(id);
    const { cards: cardsFor, terms, resumed, create } = work(detail);
    isCommand = detail.command !== null;
    plateau = new PlateauWatch(detail.evaluations);
    log.write('info', `${resumed ? 'goes on' : 'starts'}: ${detail.summary.name}`);
    await unlessStopped(metering.known);
    if (abort.signal.aborted) return { status: 'stopped' };
    // whatever could not be told apart before is not this run's
    metering.watch([]);
    const cards = cardsFor(cardsOf(metering.inventory, metering.components));
    const counted = resumed ? withEarlier(cards.counted, detail) : cards.counted;
    const { warning, hourly: choice, ...own } = context.priceOf({ energy: terms });
    const earlier = (await store.pricingOf(id))?.hourly ?? null;
    price = hourlyPrice(store, context.intensity, id, { ...own, choice, earlier }, note);
    const { pricing } = price;
    const wall = context.wall();
    machineKnown = metering.inventory !== null;
    await store.updateRun(id, {
      status: 'baseline',
      machine: metering.inventory,
      hz: context.hz(),
      intensity: pricing.region,
      pue: pricing.pue,
      pricing: besideRegion(pricing),
      wall,
      counted,
    });
    // its figures so far, at the price of now
    const before = await store.getSummary(id);
    const foreknown = await context.foreknown(detail);
    const budget = new BudgetWatch(
      (detail.config ?? detail.command)?.budget ?? unlimited,
      detail.command === null,
    );
    await announce();
    const energy = new LiveEnergy(countsIn({ counted }));
    const stopSampling = context.samples.listen((batch) =>
      energy.append(batch, metering.components),
    );
    let ticker: NodeJS.Timeout | undefined;
    try {
      // looking for engines takes the processor: it would be measured as idle power, or as the run's
      await unlessStopped(context.quiet());
      if (!abort.signal.aborted && !resumed && terms.baselineSeconds > 0)
        await baseline(terms.baselineSeconds);
      const from = await metering.mark();
      if (abort.signal.aborted) return { status: 'stopped' };
      const secondsBefore = await store.startSegment(id, { micros: from, utc: utcOf(from) });
      const timeOf = (at: number): number => secondsBefore + (at - from) / 1e6;
      outlook = new RunOutlook(foreknown, {
        time: secondsBefore,
        wh: before.wh,
        step: resumed ? (before.step ?? 0) : 0,
        steps: before.steps,
      });
      if (!abort.signal.aborted) await store.updateRun(id, { status: 'running' });
      await announce();
      // until the work says what it does
      events.emit('run.progress', { id, label: 'Starting', fraction: null });
      if (warning) note('warning', warning);
      if (cards.note) note('warning', cards.note);
      usedUntilNow = async () => {
        await metering.mark();
        return energy.since(from, before, price!.pricing).wh;
      };
      const readings = new ReadingWatch();
      ticker = setInterval(() => {
        const { readWh, uncertaintyWh, provenanceByKind, ...figures } = energy.since(
          from,
          before,
          price!.pricing,
        );
        price!.tick();
        const now = monotonicMicros();
        const time = timeOf(now);
        const wallWh = wall && readWh !== null ? socketWh(wall, time, readWh) : null;
        events.emit('run.energy', { id, time, ...figures, wallWh });
        const { wh, gCO2e, byKind: whByKind } = figures;
        announceProgress({ seconds: time, wh, uncertaintyWh, gCO2e, whByKind, provenanceByKind });
        used = sinceStart({ time, wh, gCO2e }, before, { time: secondsBefore, utc: utcOf(from) });
        expected = outlook!.at({ time, ...figures }, gramsPerWh(figures, price!.pricing));
        events.emit('run.outlook', { id, ...expected });
        watchBudget(budget, { seconds: time, wh, gCO2e }, expected);
        const news = readings.look(
          energy.ages(now).map(({ key, age }) => ({ name: nameOf(key), age })),
          time - secondsBefore,
          budget.measured,
        );
        if (news) {
          note(news.level, news.message);
          const title = 'Sensor lost';
          const message = `Run ${id}: ${news.message}`;
          context.notice({
            level: news.level,
            message,
            hint: null,
            ...(news.level === 'warning' && { title }),
          });
        }
      }, tickMs);

      await mkdir(context.runDir(id), { recursive: true });
      const load = new ProcessorLoad(from);
      const stopWatching = context.samples.listen((batch) =>
        load.append(batch, metering.components),
      );
      const hostBefore = process.cpuUsage();
      if (abort.signal.aborted) return { status: 'stopped' };
      const own = create(cards.env);
      driver = own;
      const ending = await own.drive(timeOf);
      stopWatching();
      // a trainer that was killed has not said what it used
      const { usage } = own;
      if (usage) {
        const { user, system } = process.cpuUsage(hostBefore);
        const own = usage.processorMicros + user + system;
        const others = othersNote(load.meanPercent, own, usage.at - from);
        if (others) note('warning', others);
      }
      return ending;
    } finally {
      clearInterval(ticker);
      stopSampling();
    }
  };

  const nameOf = (key: string): string =>
    metering.components.find((component) => component.key === key)?.name ?? key;

  const watchBudget = (
    budget: BudgetWatch,
    now: { seconds: number; wh: number | null; gCO2e: number | null },
    { seconds, wh, gCO2e }: Omit<Events['run.outlook'], 'id'>,
  ): void => {
    if (stoppingSince !== null) return;
    const time = now.seconds;
    const { warnings, stop: problem } = budget.look(now, {
      seconds: seconds && [time + seconds[0], time + seconds[1]],
      wh,
      gCO2e,
    });
    for (const message of warnings) {
      note('warning', message);
      // it stays in the run's notes; a queue of such runs would fill the window with warnings
      context.notice({
        level: 'info',
        message: `Run ${id}: ${message}`,
        hint: null,
        title: 'Budget',
      });
    }
    if (!problem) return;
    overBudget = problem;
    context.notice({
      level: 'info',
      message: `Run ${id} is being stopped: ${problem.message}`,
      hint: problem.hint,
    });
    stop(isCommand ? problem.message : `${problem.message} It ends with a checkpoint.`);
  };

  /**
   * While the disk is full a run that is over cannot be stored as over. A program that stays tries
   * until there is room, and starts no other run before; otherwise the run stays active in the store
   * and is found as interrupted at the next start.
   */
  const storeEnd = async (runEnd: RunEnd): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await store.endRun(id, runEnd);
      } catch (cause) {
        const { code, message } = wireError(cause);
        if (attempt === 1) {
          context.log(`The end of run ${id} could not be stored: ${message}`);
          if (shown) {
            const { status, error = null } = runEnd;
            events.emit('run', (shown = { ...shown, status, error }));
          }
        }
        if (code !== 'DISK_FULL' || context.retryMs === null || context.closing.aborted) return;
        if (attempt === 1)
          context.notice({
            level: 'error',
            message: `Run ${id} is over, but there is no space to store its end.`,
            hint: 'Free some space: it is tried again every few seconds, and the next run waits for it.',
          });
        await sleep(context.retryMs, null, { signal: context.closing }).catch(() => {});
      }
    }
  };

  const end = async (ending: Ending): Promise<void> => {
    // all samples up to this moment have been handed on before it is told
    const at = await metering.mark();
    if (processes.length > 0) metering.watch([]);
    // a note of hours that are missing is of the run still
    await price?.settle();
    recorder.close();
    // taking stock of the hardware may have lasted longer than the start of the run
    if (metering.inventory)
      recorder.write(
        store.updateRun(id, {
          machine: metering.inventory,
          ...(!machineKnown && { wall: context.wall() }),
        }),
      );
    await recorder.flush();
    // what had come to its end before it was stopped is done
    const own =
      overBudget && ending.status === 'stopped' ? { ...ending, error: overBudget } : ending;
    const problem: Ending = recordProblem ? { status: 'failed', error: recordProblem } : own;
    // a record that could not be written has been told when it happened
    if (problem.status === 'failed' && problem.error && problem.error !== recordProblem)
      context.notice({
        level: 'error',
        // all that a command wrote last stands on the run's own page
        message: `Run ${id} failed: ${inShort(problem.error.message)}`,
        hint: problem.error.hint,
      });
    isOver = true;
    await storeEnd({ at, ...problem });
    // what a process wrote last is part of its error, and stands in the log already
    const [why] = problem.error?.message.split('\n', 1) ?? [];
    // a budget that is used up ends a run as it was told to
    const level = problem.status === 'failed' ? 'error' : 'warning';
    for (const text of [why, problem.error?.hint]) if (text) log.write(level, text);
    const over = await store.getSummary(id).catch(() => null);
    if (over) log.write(over.error ? level : 'info', endWords(over));
    await log.close();
    await announce();
    // before the next run is measured
    await keepCurves(store, id).catch((cause: unknown) =>
      context.log(`The curves of run ${id} were not kept: ${wireError(cause).message}`),
    );
  };

  const ended = live()
    .catch(async (cause: unknown): Promise<Ending> => {
      driver?.kill();
      const { code, message, hint } = wireError(cause);
      return { status: 'failed', error: { code, message, hint } };
    })
    .then(end);

  return {
    id,
    stop,
    stopByHand,
    used: () => used,
    soFar: () => ({ wh: shown?.wh ?? null, gCO2e: shown?.gCO2e ?? null }),
    expected: () => expected,
    get isStopping() {
      return stoppingSince !== null;
    },
    get isOver() {
      return isOver;
    },
    ended,
  };
}

/** First and last line of many: what happened, and the last word of what a command wrote. */
function inShort(message: string): string {
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  const [first = '', last] = [lines[0], lines.length > 1 ? lines.at(-1)!.trim() : undefined];
  return last === undefined ? first : `${first} ${last.slice(0, 200)}`;
}

/** Without a limit: for what earlier versions stored. */
const unlimited = v.parse(budgetSchema, {});

/** What a run took since it was started or resumed. */
function sinceStart(
  now: { time: number; wh: number | null; gCO2e: number | null },
  before: Pick<RunSummary, 'wh' | 'gCO2e'>,
  start: { time: number; utc: number },
): UsedHere {
  const grown = (value: number | null, was: number | null): number | null =>
    value === null ? null : Math.max(0, value - (was ?? 0));
  return {
    since: start.utc,
    seconds: now.time - start.time,
    wh: grown(now.wh, before.wh),
    gCO2e: grown(now.gCO2e, before.gCO2e),
  };
}

/** Of what is to come: as it was so far, or by the year's figure of the region. */
const gramsPerWh = (
  { wh, gCO2e }: { wh: number | null; gCO2e: number | null },
  { region, pue }: Pricing,
): number => (wh && gCO2e !== null ? gCO2e / wh : (region.gPerKwh * pue) / 1000);

/** A run that goes on on another card keeps what it took of the first. */
function withEarlier(counted: string[] | null, { energy }: RunDetail): string[] | null {
  if (counted === null) return null;
  const before = (energy?.components ?? []).filter(
    ({ kind, counted }) => kind === 'gpu' && counted,
  );
  return [...new Set([...counted, ...before.map(({ key }) => key)])];
}
