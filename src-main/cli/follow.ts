/** Waits for a run to end, showing how it goes; Ctrl-C stops it with a checkpoint. */
import {
  AppError,
  queueBudgetWords,
  statusLine,
  statusTopic,
  type RunSummary,
  type StatusInput,
} from '../contract.ts';
import { onInterrupt } from './interrupt.ts';
import { progressLine } from './progress.ts';
import type { Session } from './session.ts';
import { missing, number } from './text.ts';

export interface Followed {
  run: RunSummary;
  /** The person pressed Ctrl-C. */
  interrupted: boolean;
}

const over: RunSummary['status'][] = ['done', 'stopped', 'failed', 'interrupted'];

/**
 * Starts runs and follows them to the end, in order. Ctrl-C stops those that are left.
 * @param options.more runs to follow when those are over, which may be some of them once more
 * @param options.stop what Ctrl-C does instead of stopping them one by one
 * @throws AppError UNAVAILABLE when the program that trains ends meanwhile.
 */
export async function follow(
  session: Session,
  start: () => Promise<{ ids: number[] }>,
  {
    quiet,
    more = () => Promise.resolve([]),
    stop,
  }: { quiet: boolean; more?: () => Promise<number[]>; stop?: () => Promise<unknown> },
): Promise<Followed[]> {
  const line = progressLine(process.stderr, quiet);
  /** What the sentence about a run is made of. */
  const known = new Map<number, StatusInput>();
  const finished = new Map<number, RunSummary>();
  let wake = (): void => {};
  let current: number | null = null;
  let interrupted = false;

  const learn = (id: number, part: Partial<StatusInput>): void =>
    void known.set(id, { ...(known.get(id) ?? nothingYet), ...part });
  session.on('run', (run) => {
    learn(run.id, { run });
    if (over.includes(run.status)) finished.set(run.id, run);
    wake();
  });
  session.on('run.progress', (activity) => learn(activity.id, { activity }));
  session.on('run.energy', (energy) => learn(energy.id, { energy }));
  session.on('run.outlook', (outlook) => learn(outlook.id, { outlook }));
  session.on('run.evaluation', ({ id, epoch, result }) => {
    if (id === current)
      line.print(
        `epoch ${epoch}, ${result.split}: loss ${number(result.loss)}, accuracy ${percent(result.accuracy)}, macro F1 ${percent(result.macroF1)}${result.detection ? `, mean IoU ${result.detection.meanIou.toFixed(3)}` : ''}`,
      );
  });
  session.on('notice', ({ level, message, hint }) => {
    if (level !== 'info') line.print(`${level}: ${message}${hint ? ` ${hint}` : ''}`);
  });

  let ids: number[] = [];
  const stopAll = (): void => {
    if (stop) return void stop().catch(() => {});
    for (const id of ids.filter((id) => !finished.has(id)))
      // a run that has ended meanwhile needs no stop
      session.call('runs.stop', { id }).catch(() => {});
  };
  const interrupt = (sentence: string) => (): void => {
    line.print(sentence);
    interrupted = true;
    stopAll();
  };
  const stopListening = onInterrupt(
    interrupt('Stopping with a checkpoint; Ctrl-C again in some seconds ends it at once ...'),
    interrupt('Ending at once ...'),
  );
  let kept = false;
  session.on('queue', ({ budget, waiting }) => {
    const own = waiting.filter((id) => ids.includes(id));
    if (!budget?.usedUp || own.length === 0 || kept) return;
    kept = true;
    line.print(`The queue's budget is used up: ${queueBudgetWords(budget)}.`);
    // a program that stays starts them when there is budget again; here nobody would
    if (session.through === null)
      for (const id of own) session.call('runs.stop', { id }).catch(() => {});
  });
  const ticker = setInterval(() => {
    const now = current === null ? undefined : known.get(current);
    if (!now) return;
    const { step, steps } = now.run;
    const share = step && steps ? step / steps : null;
    line.show(statusLine(now), share, statusTopic(now) ?? 'Training');
  }, 250);
  try {
    ids = (await start()).ids;
    if (interrupted) stopAll();
    const results = new Map<number, Followed>();
    for (let next = 0; next < ids.length; next++) {
      const id = ids[next]!;
      current = id;
      // an event may have been skipped: the store knows
      const { summary: now } = await session.call('runs.get', { id });
      if (over.includes(now.status)) finished.set(id, now);
      await Promise.race([
        session.lost.then(() => {
          throw new AppError('UNAVAILABLE', 'The program that trains has ended.', 'Try again.');
        }),
        new Promise<void>((resolve) => {
          wake = () => {
            if (finished.has(id)) resolve();
          };
          wake();
        }),
      ]);
      const { summary } = await session.call('runs.get', { id });
      // on a full disk the store does not know the end, but it was told
      const run = over.includes(summary.status) ? summary : (finished.get(id) ?? summary);
      results.set(id, { run, interrupted });
      if (next < ids.length - 1) continue;
      const again = await more();
      for (const one of again) finished.delete(one);
      ids = [...ids, ...again];
    }
    return [...results.values()];
  } finally {
    clearInterval(ticker);
    stopListening();
    line.end();
  }
}

const nothingYet: StatusInput = {
  run: {
    status: 'queued',
    step: null,
    steps: null,
    imagesPerSecond: null,
    wh: null,
    gCO2e: null,
  },
  energy: null,
  activity: null,
  outlook: null,
};

const percent = (share: number | null): string =>
  share === null ? missing : `${(share * 100).toFixed(1)} %`;
