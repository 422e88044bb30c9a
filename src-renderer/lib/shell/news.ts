/** What became of the runs, in sentences for a screen reader: who sees reads the status line and the tables. */
import { runEnding, type RunSummary } from '../../../src-main/contract.ts';
import { count } from '../format/number.ts';
import { isActive } from '../format/words.ts';

/** Null where nothing began, paused or ended between the two. */
export function runNews(before: RunSummary, run: RunSummary): string | null {
  const name = run.name || `Run ${run.id}`;
  if (!isActive(before) && isActive(run))
    return run.step ? `${name} goes on after step ${count(run.step)}` : `${name} started`;
  if (!before.paused && run.paused)
    return `${name} is paused${run.step ? ` after step ${count(run.step)}` : ''}`;
  const ending = runEnding(before.status, run);
  return ending && [ending.title, ending.body].filter(Boolean).join(': ');
}

/** Compares every list of runs with the one before it: what was there at first is no news. */
export class RunNews {
  #known: ReadonlyMap<number, RunSummary> | null = null;

  /** @returns what is to be said; null: nothing new, what was said last still stands */
  take(runs: readonly RunSummary[]): string | null {
    const known = this.#known;
    this.#known = new Map(runs.map((run) => [run.id, run]));
    const news = runs.flatMap((run) => {
      const before = known?.get(run.id);
      return (before && before !== run && runNews(before, run)) || [];
    });
    return news.length > 0 ? news.join('; ') : null;
  }
}
