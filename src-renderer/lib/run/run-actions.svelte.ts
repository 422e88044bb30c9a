/**
 * What can be done with runs, once for every page that shows some: those selected in the table, the one of a
 * page, the one that is watched live. Buttons, keys, menu and palette all lead here.
 */
import type { RunSummary } from '../../../src-main/contract.ts';
import { canResume, isActive, isOver } from '../format/words.ts';
import { reportHash } from '../route.ts';
import { router } from '../route.svelte.ts';
import type { Session } from '../session.svelte.ts';
import type { Behaviours } from '../shell/actions.svelte.ts';
import { draftOfCommand } from './again.ts';

/** What a page does for itself. */
export interface RunPage {
  /** Lets the person type another name. */
  rename: (run: RunSummary) => void;
  /** Lets the person add and take away tags. */
  tag: () => void;
  archived?: () => void;
  deleted?: () => void;
  resumed?: () => void;
}

export class RunActions {
  /** Whether it is asked if they are to be deleted. */
  asking = $state(false);
  /** Those that it is asked about: another run may be watched meanwhile. */
  meant = $state.raw<readonly number[]>([]);
  /** Bytes of files of what would be deleted; null while that is not known. */
  disk = $state<number | null>(null);

  readonly #session: Session;
  readonly #runs: () => readonly RunSummary[];
  readonly #page: RunPage;

  constructor(session: Session, runs: () => readonly RunSummary[], page: RunPage) {
    this.#session = session;
    this.#runs = runs;
    this.#page = page;
  }

  readonly runs = $derived.by(() => this.#runs());
  readonly ids = $derived(this.runs.map(({ id }) => id));
  readonly busy = $derived(this.runs.some(isActive));
  readonly over = $derived(this.runs.length > 0 && this.runs.every(isOver));
  readonly starred = $derived(this.runs.length > 0 && this.runs.every(({ star }) => star));
  readonly away = $derived(
    this.runs.length > 0 && this.runs.every(({ archivedAt }) => archivedAt !== null),
  );
  readonly resumable = $derived(
    this.runs.filter(canResume).filter(({ copyOf }) => copyOf === null),
  );
  /** A command can be set up once more by itself only: its environment is kept nowhere. */
  readonly clonable = $derived(
    this.runs.filter(
      ({ status, command }) =>
        status !== 'imported' && (command === null || this.runs.length === 1),
    ),
  );

  star = () =>
    this.#session.attempt(() =>
      this.#session.api.call('runs.annotate', { ids: this.ids, star: !this.starred }),
    );

  archive = async () => {
    const { api } = this.#session;
    const back = this.away;
    // those that lie there already stay there when it is undone
    const ids = this.runs.filter(({ archivedAt }) => back || archivedAt === null).map(({ id }) => id); // prettier-ignore
    const done = await this.#session.attempt(() =>
      api.call(back ? 'runs.unarchive' : 'runs.archive', { ids }),
    );
    if (!done) return;
    this.#page.archived?.();
    const what = ids.length === 1 ? `Run ${ids[0]} was` : `${ids.length} runs were`;
    if (!back)
      this.#session.offerUndo(`${what} archived. Search is:archived shows them.`, 10, () =>
        api.call('runs.unarchive', { ids }),
      );
  };

  rename = async (run: RunSummary, name: string) => {
    const word = name.trim();
    if (word !== '' && word !== run.name)
      await this.#session.attempt(() =>
        this.#session.api.call('runs.rename', { id: run.id, name: word }),
      );
  };

  resume = async () => {
    let some = false;
    for (const { id } of this.resumable)
      some =
        (await this.#session.attempt(() => this.#session.api.call('runs.resume', { id }))) || some;
    if (some) this.#page.resumed?.();
  };

  /** One opens in the form; several are queued as they are. */
  clone = async () => {
    const { api } = this.#session;
    const [first, ...others] = this.clonable;
    if (!first) return;
    await this.#session.attempt(async () => {
      if (others.length > 0) {
        const details = await Promise.all(
          [first, ...others].map(({ id }) => api.call('runs.get', { id })),
        );
        const configs = details.flatMap(({ config }) => config ?? []);
        const { ids } = await api.call('runs.start', { configs });
        this.#session.notify('info', `${ids.length} runs were queued.`);
      } else if (first.command === null) {
        router.go('new', { from: String(first.id) });
      } else {
        this.#session.commandDraft = draftOfCommand(await api.call('runs.get', { id: first.id }));
        router.go('new');
      }
    });
  };

  report = () => (location.hash = reportHash(this.ids));

  ask = async () => {
    this.disk = null;
    this.meant = this.ids;
    this.asking = true;
    await this.#session.attempt(async () => {
      this.disk = (await this.#session.api.call('runs.disk', { ids: [...this.meant] })).bytes;
    });
  };

  remove = async () => {
    if (await this.#session.deleteRuns(this.meant)) this.#page.deleted?.();
  };

  /** For the table of actions; null for what has no meaning with these runs. */
  get behaviours(): Behaviours {
    const [only, ...others] = this.runs;
    const some = only !== undefined;
    return {
      'runs.star': some ? this.star : null,
      'runs.tag': some ? this.#page.tag : null,
      'runs.archive': this.over ? this.archive : null,
      'runs.rename': only && others.length === 0 ? () => this.#page.rename(only) : null,
      'runs.clone': this.clonable.length > 0 ? this.clone : null,
      'runs.resume': this.resumable.length > 0 ? this.resume : null,
      'runs.delete': some && !this.busy ? this.ask : null,
      'report.open': this.over ? this.report : null,
    };
  }
}
