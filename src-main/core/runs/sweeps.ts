/**
 * What goes on by itself in a sweep: when all trials have come to a rung, the best are put into the line again
 * and the others are dropped (`experiments/halving.ts` says which); after a restart of the program, the trial
 * that its end cut short goes on.
 *
 * Nothing is kept here: what was decided is in the store, and everything follows from that and from the runs as
 * they stand. So it may be asked at any time, and twice.
 */
import {
  AppError,
  endedByBudget,
  type MatrixState,
  type RunSummary,
  type SweepPlan,
} from '../../contract.ts';
import { monotonicMicros } from '../../port.ts';
import type { EventBus } from '../events.ts';
import { projectWh, survivors } from '../experiments/halving.ts';
import {
  judge,
  matrixState,
  planOf,
  reached,
  trialsOf,
  type Trial,
} from '../experiments/matrix-state.ts';
import { sweepId } from '../experiments/sweep.ts';
import type { RungDecision, StartedMatrix, Store } from '../store/store.ts';
import type { RunQueue } from './queue.ts';
import { resumePoint } from './resume.ts';

export interface Sweeps {
  /** Decides what can be decided now that this run is over; resolves when what follows is in the line. */
  settle(run: number): Promise<void>;
  /** A started matrix as it stands, all that can be decided being decided. @throws AppError NOT_FOUND */
  state(group: number): Promise<MatrixState>;
  /** No trial goes on from here. @throws AppError NOT_FOUND */
  end(group: number): Promise<void>;
  /**
   * Before a run is resumed by hand: what was dropped comes to its end, whatever the others do.
   * @throws AppError CONFLICT for a trial that waits for the others
   */
  release(run: RunSummary): Promise<void>;
  /** After a start of the program: what its end cut short goes on. */
  takeUp(): Promise<void>;
  close(): void;
}

export function createSweeps({
  store,
  events,
  queue,
  runDir,
  log,
}: {
  store: Store;
  events: EventBus;
  /** Made after this one, which it calls. */
  queue: () => RunQueue;
  runDir: (id: number) => string;
  log: (line: string) => void;
}): Sweeps {
  /** One decision at a time. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const own = last.then(work);
    last = own.catch(() => {});
    return own;
  };

  /** Energy to full length, where the objective asks for it. */
  const projections = async (
    trials: readonly Trial[],
    plan: SweepPlan | null,
  ): Promise<Map<number, number | null>> => {
    const projected = new Map<number, number | null>();
    if (plan?.objective !== 'f1WithinWh') return projected;
    for (const { run, validation } of trials.flatMap(({ runs }) => runs)) {
      if (run.status === 'done' || validation === null) continue;
      const { phases, config } = await store.getRun(run.id);
      const epochs = config?.train.epochs ?? plan.epochs;
      projected.set(run.id, projectWh(run.wh, phases, validation.epoch, epochs));
    }
    return projected;
  };

  const note = (id: number, level: 'info' | 'warning', message: string): Promise<void> =>
    store.addNote(id, { at: monotonicMicros(), level, message });
  /** It does not go on: it is not waited for, and not taken up again. */
  const drop = async (id: number): Promise<void> => {
    await store.dropTrial(id);
    events.emit('run', await store.getSummary(id));
  };
  /** The sweep as it stands, without the trials that have used up their budget. */
  const standing = async (group: number): Promise<StartedMatrix> => {
    const started = await store.startedMatrix(group);
    const over = planOf(started)
      ? started.runs.filter((run) => endedByBudget(run) && !(run.matrix?.rung?.dropped ?? false))
      : [];
    if (over.length === 0) return started;
    for (const { id } of over) await drop(id);
    return store.startedMatrix(group);
  };

  const decide = async (group: number): Promise<void> => {
    for (;;) {
      const started = await standing(group);
      const plan = planOf(started);
      if (!plan?.halving || started.stoppedAt !== null) return;
      // the line takes no run that has not left it: it is settled a moment later
      if (started.runs.some(({ id }) => id === queue().active)) return;
      // whether it can be decided does not hang on the projections, which are read run by run
      if (!decisionOf(started, plan, new Map())) return;
      const decision = decisionOf(started, plan, await projections(trialsOf(started), plan))!;
      await store.decideRung(decision, monotonicMicros());
      const changed = [...decision.goOn, ...decision.dropped].map(({ run }) => run);
      events.emit('runs', await store.summariesOf(changed));
      // before whatever else waits: the sweep had its turn already
      queue().add(
        decision.goOn.map(({ run }) => run),
        'first',
      );
      // what came too late decides nothing
      if (decision.decided === started.decided) continue;
      if (decision.goOn.length > 0) return;
      events.emit('notice', {
        level: 'warning',
        message: `The sweep “${plan.name}” ends at epoch ${plan.halving.rungs[started.decided]?.epochs}: no trial has a value to choose by.`,
        hint: 'Its runs can be resumed one by one.',
      });
    }
  };

  const guarded = (group: number): Promise<void> =>
    inTurn(() => decide(group)).catch((cause: unknown) =>
      log(`Sweep ${group} could not go on: ${String(cause)}`),
    );

  const settle = async (id: number): Promise<void> => {
    const run = await store.getSummary(id).catch(() => null);
    if (run?.matrix?.id === sweepId) await guarded(run.matrix.group);
  };

  // a trial that leaves the line, or is deleted, may have been the last that the others waited for
  const stopListening = events.listen(({ event, data }) => {
    if (event === 'run') {
      const { id, status, matrix } = data as RunSummary;
      if (matrix?.rung && status === 'stopped' && queue().active !== id) void guarded(matrix.group);
    }
    if (event === 'run.removed')
      void store
        .openSweeps()
        .then((groups) => groups.forEach((group) => void guarded(group)))
        .catch((cause: unknown) => log(String(cause)));
  });

  return {
    settle,
    state: async (group) => {
      await guarded(group);
      const started = await store.startedMatrix(group);
      return matrixState(started, await projections(trialsOf(started), planOf(started)));
    },
    end: (group) =>
      inTurn(async () => {
        await store.startedMatrix(group);
        await store.endMatrix(group, Date.now());
      }),
    release: async ({ id, matrix }) => {
      if (!matrix?.rung) return;
      const started = await store.startedMatrix(matrix.group);
      const runs = trialsOf(started).flatMap((trial) => trial.runs);
      const waits = runs.some((one) => one.run.id === id && reached(one));
      if (matrix.rung.dropped || started.stoppedAt !== null) return store.freeTrial(id);
      if (waits)
        throw new AppError(
          'CONFLICT',
          `Run ${id} waits at epoch ${matrix.rung.epochs} for the other trials of its sweep.`,
          'It goes on by itself when it is among the best; stop the sweep to resume it by hand.',
        );
    },
    takeUp: async () => {
      for (const group of await store.openSweeps()) {
        const { runs } = await standing(group);
        const cut = runs.filter(
          ({ status, paused, matrix }) =>
            (status === 'stopped' || status === 'interrupted') &&
            !paused &&
            !(matrix?.rung?.dropped ?? false),
        );
        for (const run of cut) await goOn(run.id);
        await guarded(group);
      }
    },
    close: stopListening,
  };

  /** It goes on where its checkpoint is still there, else it is dropped; one that stands at its rung has nothing to do. */
  async function goOn(id: number): Promise<void> {
    const run = await store.getRun(id);
    const { matrix } = run.summary;
    const validated = run.evaluations.findLast(({ result }) => result.split === 'validation');
    const waits =
      run.summary.status === 'stopped' &&
      matrix?.rung?.epochs != null &&
      validated?.epoch === matrix.rung.epochs;
    if (waits) return;
    try {
      resumePoint(run, runDir(id));
    } catch (cause) {
      await note(id, 'warning', `Dropped: ${(cause as Error).message}`);
      return drop(id);
    }
    await store.updateRun(id, { status: 'queued' });
    await note(
      id,
      'info',
      'A trial of a sweep: it goes on by itself after the restart of the program.',
    );
    queue().add([id], 'first');
    events.emit('run', await store.getSummary(id));
  }
}

/**
 * Who goes on from the next rung that is not decided; null while trials are still on their way to it. A trial
 * that comes to a rung which has been decided without it is dropped.
 */
export function decisionOf(
  started: StartedMatrix,
  plan: SweepPlan,
  projected: ReadonlyMap<number, number | null>,
): RungDecision | null {
  const { rungs } = plan.halving!;
  const rung = rungs[started.decided];
  const next = rungs[started.decided + 1]?.epochs ?? null;
  const open = trialsOf(started).filter((trial) => undecided(trial).length > 0);
  const at = ({ runs }: Trial): number =>
    Math.max(...runs.map(({ run }) => run.matrix.rung?.epochs ?? 0));
  const late = open.filter(
    (trial) => (rung === undefined || at(trial) < rung.epochs) && settled(trial),
  );
  if (late.length > 0)
    return {
      group: started.group,
      decided: started.decided,
      goOn: [],
      nextRung: null,
      dropped: late.flatMap((trial) =>
        undecided(trial).map((run) => ({
          run,
          why: 'Dropped: the others had gone on without it.',
        })),
      ),
    };
  if (rung === undefined) return null;
  const here = open.filter((trial) => at(trial) === rung.epochs);
  if (here.length === 0 || !here.every(settled)) return null;

  const judged = here.map((trial) => ({ ...trial, ...judge(trial, plan, projected) }));
  const best = survivors(judged, rung.goOn);
  const place = new Map(survivors(judged, judged.length).map(({ arm }, i) => [arm, i + 1]));
  const goesOn = new Set(best.map(({ arm }) => arm));
  const where = ({ arm }: Trial): string =>
    place.has(arm) ? `${place.get(arm)} of ${here.length}` : 'without a score';
  return {
    group: started.group,
    decided: started.decided + 1,
    nextRung: next,
    goOn: best.flatMap((trial) =>
      undecided(trial).map((run) => ({
        run,
        why: `Goes on from epoch ${rung.epochs} to ${next ?? plan.epochs}: ${where(trial)} in the sweep.`,
      })),
    ),
    dropped: judged
      .filter(({ arm }) => !goesOn.has(arm))
      .flatMap((trial) =>
        undecided(trial).map((run) => ({
          run,
          why: `Dropped at epoch ${rung.epochs}: ${where(trial)} in the sweep, ${best.length} ${best.length === 1 ? 'goes' : 'go'} on.`,
        })),
      ),
  };
}

/** Its runs that go by what is decided: not those that were taken out, or let go to their end by hand. */
const undecided = ({ runs }: Trial): number[] =>
  runs.flatMap(({ run: { id, matrix } }) =>
    matrix.rung?.epochs != null && !matrix.rung.dropped ? [id] : [],
  );

/** Nothing more comes of it before the next rung. One that was paused or cut short will still go on. */
const settled = ({ runs }: Trial): boolean =>
  runs.every(
    (one) =>
      reached(one) ||
      ['done', 'failed'].includes(one.run.status) ||
      (['stopped', 'interrupted'].includes(one.run.status) &&
        (one.run.matrix.rung?.dropped ?? false)),
  );
