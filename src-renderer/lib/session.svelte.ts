/**
 * What the page knows of the host, kept up to date by its events: machine, runs, datasets, settings.
 *
 * Everything here can be asked for again; after a gap in the events `refresh` does just that.
 */
import {
  AppError,
  contractVersion,
  type AppInfo,
  type Calibration,
  type CallInput,
  type CallName,
  type CallOutput,
  type DatasetState,
  type Events,
  type Machine,
  type MatrixOrder,
  type PowerTrace,
  type QueueState,
  type RunSummary,
  type Settings,
} from '../../src-main/contract.ts';
import type { Api, Connection } from '../api.ts';
import type { Draft } from './form/fields.ts';
import type { SweepDraft } from './form/sweep.ts';
import { compareHash } from './route.ts';
import { mergeRuns } from './run-list.ts';
import { setNumberStyle } from './format/number.ts';
import { isActive, isOver } from './format/words.ts';
import { appendTrace } from './trace.ts';

export interface Notice {
  id: number;
  level: 'info' | 'warning' | 'error';
  message: string;
  hint: string | null;
  about?: string;
  /** What can be done about it, while the notice is there. */
  action?: { label: string; act: () => unknown };
}

/** The last minute of power, the longest that a sparkline shows. */
const traceMs = 60_000;
/** A window that is only looked at redraws no faster than a person reads. */
const redrawMs = 1950;

/** Information leaves by itself; warnings and errors stay until they are closed. */
const informMs = 6000;

/** A name by which a call can be broken off. Where a page comes over plain HTTP there is no better source. */
export const newJob = (): string => `${Date.now()}-${Math.random()}`;

/** What takes longer than this is worth a notice, with a way to break it off. */
const longMs = 800;

/** How long a deletion can be undone, and what the host waits beyond, for a click in the last moment. */
const undoSeconds = 10;
const undoSlack = 2;
/** Those that can still be undone, also after a reload. */
const deletionsKey = 'hugginggreen.deletions';
interface Deletion {
  ids: number[];
  /** Milliseconds of UTC. */
  until: number;
}
const rememberedDeletions = (): Deletion[] =>
  JSON.parse(sessionStorage.getItem(deletionsKey) ?? '[]') as Deletion[];
const rememberDeletions = (deletions: readonly Deletion[]): void =>
  sessionStorage.setItem(deletionsKey, JSON.stringify(deletions));

/** A reload in the middle of the example does not lose its end. */
const exampleKey = 'hugginggreen.example';
const rememberedExample = (): number[] | null =>
  JSON.parse(sessionStorage.getItem(exampleKey) ?? 'null') as number[] | null;

/** A reload, and a look at another view, do not lose what was compared. */
const comparedKey = 'hugginggreen.compared';

/** What stands in the form of a command of the person's own, as typed. */
export interface CommandDraft {
  line: string;
  cwd: string;
  environment: string;
  name: string;
  dataset: string;
  model: string;
  seed: string;
  watch: 'output' | 'jsonl' | 'tensorboard';
  /** Of the file or folder to watch. */
  path: string;
  region: string | null;
  baseline: string;
  /** Limits in Wh, gCO2e and minutes; empty: none. */
  wh: string;
  gCO2e: string;
  minutes: string;
}
export const emptyCommand: CommandDraft = {
  line: '',
  cwd: '',
  environment: '',
  name: '',
  dataset: '',
  model: '',
  seed: '',
  watch: 'output',
  path: '',
  region: null,
  baseline: '10',
  wh: '',
  gCO2e: '',
  minutes: '',
};

export class Session {
  readonly api: Api;
  connection = $state<Connection>('connecting');
  info = $state.raw<AppInfo | null>(null);
  machine = $state.raw<Machine | null>(null);
  /** Of the whole machine against a meter at the socket. */
  calibration = $state.raw<Calibration | null>(null);
  settings = $state.raw<Settings | null>(null);
  runs = $state.raw<RunSummary[] | null>(null);
  datasets = $state.raw<DatasetState[] | null>(null);
  /** What computes and what waits, in order. */
  queue = $state.raw<QueueState | null>(null);
  /** Why the last download of a dataset ended without it. */
  downloadErrors = $state.raw<
    Partial<Record<DatasetState['id'], Pick<Notice, 'message' | 'hint'> | null>>
  >({});
  /** Last energy event of each active run. */
  energy = $state.raw<Record<number, Events['run.energy']>>({});
  /** What is expected of each active run. */
  outlook = $state.raw<Record<number, Events['run.outlook']>>({});
  /** What a run does where there are no steps to count: preparing, compiling. */
  activity = $state.raw<Record<number, Events['run.progress']>>({});
  /** What a measurement for a forecast is doing; null while there is none. */
  measuring = $state<string | null>(null);
  power = $state.raw<PowerTrace>({ at: [], watts: {} });
  notices = $state<Notice[]>([]);
  #compared = $state.raw(
    JSON.parse(sessionStorage.getItem(comparedKey) ?? '[]') as readonly number[],
  );
  /** The two runs of the example under way; when both are over, the comparison opens. */
  example = $state.raw<number[] | null>(rememberedExample());

  /** What stands in the form of a new experiment; it survives a look at another view. */
  draft = $state.raw<Draft | null>(null);
  /** The text of its JSON while that is edited, whether it can be read or not: what stands there is what starts. */
  jsonDraft = $state<string | null>(null);
  /** What is asked of a matrix there; null while the page is about one experiment. */
  matrixOrder = $state.raw<MatrixOrder | null>(null);
  /** The sweep of what stands in the form; null while the page is about one experiment. */
  sweepDraft = $state.raw<SweepDraft | null>(null);
  /** The command that is set up there; null while the page is about a training of ours. */
  commandDraft = $state.raw<CommandDraft | null>(null);

  /** Power as it came in, drawn or not. */
  #arrived: PowerTrace = { at: [], watts: {} };
  #drawnAt = -Infinity;
  /** How far down the table of runs was left, px. */
  runsTop = 0;
  #nextNotice = 1;
  /** The machine changed while the page was hidden. */
  #machineMissed = false;
  /** The host says what failed first, then that the dataset downloads no more. */
  #lastError: Pick<Notice, 'message' | 'hint'> | null = null;

  constructor(api: Api) {
    this.api = api;
    api.onConnection((state) => {
      this.connection = state;
      if (state === 'open') void this.refresh();
    });
    api.onStale(() => void this.refresh());
    api.on('machine', () => {
      // what nobody looks at is not drawn
      if (document.hidden) this.#machineMissed = true;
      else this.#askMachine();
    });
    api.on('calibration', (calibration) => (this.calibration = calibration));
    api.on('power', (trace) => {
      if (document.hidden) return;
      this.#arrived = appendTrace(this.#arrived, trace, traceMs);
      if (performance.now() - this.#drawnAt >= redrawMs) this.#showPower();
    });
    api.on('run', (run) => this.#put([run]));
    api.on('runs', (runs) => this.#put(runs));
    api.on('run.removed', ({ ids }) => {
      this.runs = this.runs?.filter(({ id }) => !ids.includes(id)) ?? null;
      this.#followExample();
    });
    api.on('run.energy', (energy) => (this.energy = { ...this.energy, [energy.id]: energy }));
    api.on('run.outlook', (event) => (this.outlook = { ...this.outlook, [event.id]: event }));
    api.on('run.progress', (event) => (this.activity = { ...this.activity, [event.id]: event }));
    api.on('measuring', ({ label }) => (this.measuring = label));
    api.on('queue', (queue) => (this.queue = queue));
    api.on('datasets', (dataset) => {
      this.#settleDownload(dataset);
      this.datasets = this.datasets?.map((old) => (old.id === dataset.id ? dataset : old)) ?? null;
    });
    api.on('notice', ({ level, message, hint, about }) => {
      if (level === 'error') this.#lastError = { message, hint };
      this.notify(level, message, hint, about);
    });
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) return;
      void this.#askPower();
      if (this.#machineMissed) this.#askMachine();
    });
    void this.refresh();
  }

  #askMachine() {
    this.#machineMissed = false;
    void this.#ask('machine.get', (value) => (this.machine = value));
    // other sensors may make it void
    void this.#ask('calibration.get', (value) => (this.calibration = value));
  }

  #showPower() {
    this.power = this.#arrived;
    this.#drawnAt = performance.now();
  }

  /** The runs that were compared last, as far as they are still there; none where too few of them are. */
  get compared(): number[] {
    if (this.runs === null || this.#compared.length === 0) return [...this.#compared];
    const there = this.runs.filter(({ id }) => this.#compared.includes(id)).map(({ id }) => id);
    return there.length > 1 ? this.#compared.filter((id) => there.includes(id)) : [];
  }
  set compared(ids: readonly number[]) {
    this.#compared = [...ids];
    sessionStorage.setItem(comparedKey, JSON.stringify(ids));
  }

  /**
   * The run to watch: the one that computes, else the one that was paused with the queue, else the next in the queue,
   * else the latest.
   */
  get current(): RunSummary | null {
    const runs = this.runs ?? [];
    const latest = (of: RunSummary[]) =>
      of.reduce<RunSummary | null>((last, run) => (last && last.id > run.id ? last : run), null);
    const paused = this.queue?.paused ? runs.filter(({ paused }) => paused) : [];
    return runs.find(isActive) ?? latest(paused) ?? this.waiting[0] ?? latest(runs);
  }

  /** The runs that wait, in the order in which they start. */
  get waiting(): RunSummary[] {
    const queued = (this.runs ?? []).filter(({ status }) => status === 'queued');
    return (this.queue?.waiting ?? []).flatMap((id) => queued.find((run) => run.id === id) ?? []);
  }

  /** Changes with the way in which numbers are written. */
  get numberStyle(): string {
    return `${this.settings?.numberFormat ?? '1,234.5'} ${this.settings?.energyUnit ?? 'Wh'}`;
  }

  get outdated(): boolean {
    return this.info !== null && this.info.contractVersion !== contractVersion;
  }

  run(id: number): RunSummary | null {
    return this.runs?.find((run) => run.id === id) ?? null;
  }

  async refresh() {
    await Promise.all([
      this.askInfo(),
      this.#ask('machine.get', (value) => (this.machine = value)),
      this.#ask('calibration.get', (value) => (this.calibration = value)),
      this.#ask('settings.get', (value) => this.#takeSettings(value)),
      this.#ask('runs.list', (value) => {
        this.runs = value;
        this.#followExample();
      }),
      this.#ask('queue.get', (value) => (this.queue = value)),
      this.#ask('datasets.list', (value) => (this.datasets = value)),
      this.#askPower(),
    ]);
  }

  askInfo(): Promise<void> {
    return this.#ask('app.info', (value) => (this.info = value));
  }

  #takeSettings(settings: Settings) {
    setNumberStyle(settings.numberFormat, settings.energyUnit);
    this.settings = settings;
  }

  async setSettings(change: Partial<Settings>) {
    await this.attempt(async () => {
      this.#takeSettings(await this.api.call('settings.set', change));
    });
  }

  async runExample(): Promise<boolean> {
    return this.attempt(async () => {
      const { ids } = await this.api.call('runs.example', {});
      this.#setExample(ids);
    });
  }

  /** Runs an action and shows its failure as a notice; true when it worked. */
  async attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (cause) {
      this.tell(cause);
      return false;
    }
  }

  /** A failure as a notice. */
  tell(cause: unknown) {
    const hint = cause instanceof AppError ? cause.hint : null;
    this.notify('error', cause instanceof Error ? cause.message : String(cause), hint);
  }

  /**
   * Does something that may take long: after a moment a notice says so and offers to break it off.
   * @param act gets a name by which the host knows it, and a signal for what the page does itself
   * @returns whether it came to its end
   */
  async long(
    what: string,
    act: (job: string, signal: AbortSignal) => Promise<unknown>,
  ): Promise<boolean> {
    const job = newJob();
    const abort = new AbortController();
    const id = this.#nextNotice++;
    const cancel = () => {
      abort.abort();
      return this.attempt(() => this.api.call('jobs.cancel', { job }));
    };
    const timer = setTimeout(() => {
      const action = { label: 'Cancel', act: cancel };
      this.notices = [...this.notices, { id, level: 'info', message: what, hint: null, action }];
    }, longMs);
    try {
      return await this.attempt(() =>
        act(job, abort.signal).catch((cause: unknown) => {
          if (!abort.signal.aborted) throw cause;
        }),
      ).then((done) => done && !abort.signal.aborted);
    } finally {
      clearTimeout(timer);
      this.dismiss(id);
    }
  }

  /** @param about of several about the same the newest takes the place of the others */
  notify(
    level: Notice['level'],
    message: string,
    hint: string | null = null,
    about: string | null = null,
  ) {
    const id = this.#nextNotice++;
    const others = this.notices.filter(
      (notice) => notice.message !== message && (about === null || notice.about !== about),
    );
    this.notices = [...others, { id, level, message, hint, ...(about !== null && { about }) }];
    if (level === 'info') setTimeout(() => this.dismiss(id), informMs);
  }

  /** For tables whose cells can be copied. */
  readonly copied = (what: string): void => this.notify('info', `Copied ${what}.`);

  /**
   * Something was done that can be undone; the offer leaves when its time is over.
   * @param about takes the place of an offer about the same, and can be withdrawn by it
   */
  offerUndo(
    message: string,
    seconds: number,
    undo: () => Promise<unknown>,
    about: string | null = null,
  ) {
    if (about !== null) this.withdraw(about);
    const id = this.#offer(message, 'Undo', () => this.attempt(undo), about);
    setTimeout(() => this.dismiss(id), seconds * 1000);
  }

  /** What was offered cannot be had any more. */
  withdraw(about: string) {
    this.notices = this.notices.filter((notice) => notice.about !== about);
  }

  /** Good news with a button, which closes it. */
  #offer(message: string, label: string, then: () => unknown, about: string | null = null): number {
    const id = this.#nextNotice++;
    const act = () => {
      this.dismiss(id);
      return then();
    };
    this.notices = [
      ...this.notices,
      { id, level: 'info', message, hint: null, action: { label, act }, ...(about && { about }) },
    ];
    return id;
  }

  /** Takes runs away so that it can be undone for ten seconds. False when it did not work. */
  async deleteRuns(ids: readonly number[]): Promise<boolean> {
    const list = [...ids];
    const done = await this.attempt(() =>
      this.api.call('runs.delete', { ids: list, undoSeconds: undoSeconds + undoSlack }),
    );
    if (done) {
      const until = Date.now() + undoSeconds * 1000;
      rememberDeletions([...rememberedDeletions(), { ids: list, until }]);
      this.#offerRestore({ ids: list, until }, undoSeconds);
    }
    return done;
  }

  #offerRestore({ ids, until }: Deletion, seconds: number) {
    const what = ids.length === 1 ? `Run ${ids[0]} was` : `${ids.length} runs were`;
    this.offerUndo(`${what} deleted.`, seconds, () => {
      rememberDeletions(rememberedDeletions().filter((one) => one.until !== until));
      return this.api.call('runs.restore', { ids });
    });
  }

  /** What was deleted shortly before the page was loaded again can still be undone. */
  offerWhatWasDeleted() {
    const left = ({ until }: Deletion): number => (until - Date.now()) / 1000;
    const standing = rememberedDeletions().filter((one) => left(one) > 1 && left(one) <= undoSeconds); // prettier-ignore
    rememberDeletions(standing);
    for (const one of standing) this.#offerRestore(one, left(one));
  }

  dismiss(id: number) {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }

  #put(changed: readonly RunSummary[]) {
    this.runs = mergeRuns(this.runs ?? [], changed);
    const over = changed.filter(isOver);
    if (over.length > 0) this.#forgetProgress(over);
    this.#followExample();
  }

  /** What was told along the way: from here on the run says it, and one that goes on begins anew. */
  #forgetProgress(runs: readonly RunSummary[]) {
    const without = <Told>(told: Record<number, Told>): Record<number, Told> =>
      runs.some(({ id }) => id in told)
        ? Object.fromEntries(Object.entries(told).filter(([id]) => !runs.some((run) => run.id === +id))) // prettier-ignore
        : told;
    this.energy = without(this.energy);
    this.outlook = without(this.outlook);
    this.activity = without(this.activity);
  }

  #settleDownload({ id, state }: DatasetState) {
    const before = this.datasets?.find((dataset) => dataset.id === id)?.state;
    if ((before === 'downloading') === (state === 'downloading')) return;
    const failed = before === 'downloading' && state !== 'ready';
    this.downloadErrors = { ...this.downloadErrors, [id]: failed ? this.#lastError : null };
    this.#lastError = null;
  }

  #followExample() {
    const ids = this.example;
    if (!ids || !this.runs) return;
    // of one that was deleted nothing comes any more
    if (ids.some((id) => this.run(id) === null)) return this.#setExample(null);
    if (!ids.every((id) => isOver(this.run(id)!))) return;
    this.#setExample(null);
    if (!ids.every((id) => this.run(id)?.status === 'done')) return;
    const compare = () => (location.hash = compareHash(ids));
    // who has gone elsewhere meanwhile is not taken away from there
    if (/^#\/live/.test(location.hash)) compare();
    else this.#offer('The example is done.', 'Compare its runs', compare);
  }

  #setExample(ids: number[] | null) {
    this.example = ids;
    if (ids) sessionStorage.setItem(exampleKey, JSON.stringify(ids));
    else sessionStorage.removeItem(exampleKey);
  }

  #askPower() {
    const take = (trace: PowerTrace) => {
      this.#arrived = trace;
      this.#showPower();
    };
    return this.#ask('machine.power', take, { seconds: 60 });
  }

  async #ask<K extends CallName>(
    name: K,
    take: (value: CallOutput<K>) => void,
    input: CallInput<K> = {} as CallInput<K>,
  ) {
    try {
      take(await this.api.call(name, input));
    } catch (cause) {
      // a lost connection has its own banner and comes back by itself
      if (cause instanceof AppError && cause.code === 'UNAVAILABLE') return;
      this.notify('error', cause instanceof Error ? cause.message : String(cause));
    }
  }
}
