/** Leaves of configs and metrics of all runs, asked for when a column or a search needs them. */
import {
  evaluationMetrics,
  metricKey,
  metricRules,
  type RunSummary,
  type RunValue,
  type RunValues,
} from '../../../src-main/contract.ts';
import type { Session } from '../session.svelte.ts';

export class RunValueCache {
  /** Keys of metrics: what any training is evaluated by, and what commands reported, by every rule. */
  metrics = $state.raw<string[]>([]);
  #columns = $state.raw<Record<string, ReadonlyMap<number, RunValue>>>({});
  #asked: string[] = [];
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async loadMetrics(): Promise<void> {
    await this.#session.attempt(async () => {
      const names = await this.#session.api.call('runs.metricNames', {});
      this.metrics = [...evaluationMetrics, ...names].flatMap((name) =>
        metricRules.map((rule) => metricKey(name, rule)),
      );
    });
  }

  /** Asks for what is not known yet; with `again`, for all of it: runs were added. */
  async want(keys: readonly string[], again = false): Promise<void> {
    const missing = keys.filter((key) => again || !this.#asked.includes(key));
    if (missing.length === 0) return;
    this.#asked = [...this.#asked.filter((key) => !missing.includes(key)), ...missing];
    const done = await this.#session.attempt(async () => {
      const { ids, values } = await this.#session.api.call('runs.values', { keys: missing });
      this.#columns = { ...this.#columns, ...columnsOf(ids, values) };
    });
    if (!done) this.#asked = this.#asked.filter((key) => !missing.includes(key));
  }

  readonly of = (run: RunSummary, key: string): RunValue => this.#columns[key]?.get(run.id);
}

const columnsOf = (
  ids: readonly number[],
  values: RunValues['values'],
): Record<string, ReadonlyMap<number, RunValue>> =>
  Object.fromEntries(
    Object.entries(values).map(([key, column]) => [
      key,
      new Map(ids.map((id, i) => [id, column[i]])),
    ]),
  );
