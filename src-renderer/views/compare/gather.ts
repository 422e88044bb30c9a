/**
 * What a comparison shows, asked of the host once: another axis or other columns ask only for what is not
 * there yet, and a view that was left asks no more.
 */
import {
  chartWidth,
  type ComparedRun,
  type Comparison,
  type RunTotals,
  type Series,
  type XAxis,
} from '../../../src-main/contract.ts';
import type { Api } from '../../api.ts';

/** What is drawn of one run. */
export interface Curves {
  id: number;
  detail: ComparedRun;
  /** Over the chosen axis. */
  series: Series[];
  /** Macro F1 over cumulative Wh, whatever the chosen axis. */
  reach: Series | null;
  totals: RunTotals;
}

/** One line of every chart: a run, or the mean of several. */
export interface Drawn {
  id: number;
  name: string;
  members: Curves[];
}

export interface Column {
  id: number;
  name: string;
  ids: number[];
  n?: number;
}

/** More lines than this cannot be told apart. */
export const mostDrawn = 12;
/** Curves that are fetched for all lines together. */
const mostRead = 40;

const macroF1 = 'validation.macroF1';
const names = ['loss', macroF1];

/** A column for each run, or for each group of repeats. */
export const columnsOf = (table: Comparison, each: boolean): Column[] =>
  each || table.groups.length === table.runs.length
    ? table.runs.map(({ id, name }) => ({ id, name, ids: [id] }))
    : table.groups.map(({ name, ids }) => ({ id: ids[0] ?? 0, name, ids, n: ids.length }));

export interface Shown {
  table: Comparison;
  /** Of all runs of the table. */
  details: ComparedRun[];
  drawn: Drawn[];
}

/** Of some runs as they are now; where one goes on, another one has to be made. */
export class Gathering {
  readonly #api: Pick<Api, 'call'>;
  readonly #ids: number[];
  #table: Comparison | null = null;
  readonly #details = new Map<number, ComparedRun>();
  readonly #totals = new Map<number, RunTotals>();
  readonly #series = new Map<XAxis, Map<number, Series[]>>();
  /** Macro F1 over Wh, where not all is over Wh. */
  readonly #reach = new Map<number, Series[]>();

  constructor(api: Pick<Api, 'call'>, ids: readonly number[]) {
    this.#api = api;
    this.#ids = [...ids];
  }

  /**
   * @param each a line for each run, where groups could be drawn
   * @param wanted whether somebody still waits for the answer
   * @returns null where nobody does
   */
  async show(x: XAxis, each: boolean, wanted: () => boolean): Promise<Shown | null> {
    const series = this.#over(x);
    const reach = x === 'wh' ? series : this.#reach;
    const curves = (x: XAxis, names: string[]) => (ids: number[]) =>
      this.#api.call('runs.curves', { ids, names, x, width: chartWidth });
    const read = (ids: readonly number[]) =>
      Promise.all([
        ask(ids, this.#totals, (ids) => this.#api.call('runs.totals', { ids, width: chartWidth })),
        ask(ids, series, curves(x, names)),
        ...(reach === series ? [] : [ask(ids, reach, curves('wh', [macroF1]))]),
      ]);
    // the table says what is drawn; of few runs it is all, whose curves are on their way meanwhile
    const [table] = await Promise.all([this.#compare(), read(this.#ids.slice(0, mostDrawn))]);
    if (!wanted()) return null;
    const columns = columnsOf(table, each).slice(0, mostDrawn);
    const per = Math.max(1, Math.floor(mostRead / columns.length));
    const lines = columns.map(({ id, name, ids }) => ({ id, name, ids: ids.slice(0, per) }));
    await read(lines.flatMap((line) => line.ids));
    if (!wanted()) return null;
    const curvesOf = (id: number): Curves[] => {
      const [detail, totals] = [this.#details.get(id), this.#totals.get(id)];
      if (!detail || !totals) return [];
      const overWh = reach.get(id)?.find(({ name }) => name === macroF1) ?? null;
      return [{ id, detail, series: series.get(id) ?? [], reach: overWh, totals }];
    };
    return {
      table,
      details: table.runs.flatMap(({ id }) => this.#details.get(id) ?? []),
      drawn: lines.map(({ id, name, ids }) => ({ id, name, members: ids.flatMap(curvesOf) })),
    };
  }

  async #compare(): Promise<Comparison> {
    if (this.#table) return this.#table;
    const { comparison, details } = await this.#api.call('runs.sideBySide', { ids: this.#ids });
    for (const detail of details) this.#details.set(detail.summary.id, detail);
    return (this.#table = comparison);
  }

  #over(x: XAxis): Map<number, Series[]> {
    const known = this.#series.get(x) ?? new Map<number, Series[]>();
    this.#series.set(x, known);
    return known;
  }
}

/** Of those that are not known yet, all with one question. */
async function ask<T>(
  ids: readonly number[],
  known: Map<number, T>,
  question: (ids: number[]) => Promise<T[]>,
): Promise<void> {
  const missing = ids.filter((id) => !known.has(id));
  if (missing.length === 0) return;
  const answers = await question(missing);
  missing.forEach((id, i) => known.set(id, answers[i]!));
}
