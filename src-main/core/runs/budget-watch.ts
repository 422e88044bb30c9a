/**
 * The budget of a run that goes on: looked at every second against the energy that was measured until then.
 *
 * It says each thing once: when most of a limit is used, when the expected end lies beyond it, when it is
 * used up. What cannot be read is never taken for 0: a limit that cannot be watched is said to be none.
 */
import {
  budgetCode,
  budgetLimits,
  limitWords,
  usedOf,
  type BudgetLimit,
} from '../../contract/budget.ts';
import type { BudgetConfig } from '../../contract.ts';
import { figureRange, share, type Range } from '../../contract/figures.ts';
import type { Problem } from './driver.ts';

/** What a run has used, its earlier parts included; null: nothing was read. */
export interface Used {
  seconds: number;
  wh: number | null;
  gCO2e: number | null;
}

/** At the end of the run; null while that is not known. */
export interface ExpectedEnd {
  seconds: Range | null;
  wh: Range | null;
  gCO2e: Range | null;
}

export interface BudgetNews {
  warnings: string[];
  /** The run is to end for this. */
  stop: Problem | null;
}

/** An expectation that lies beyond a limit for one look may be a slow moment. */
const looksBeyond = 5;

export class BudgetWatch {
  readonly #budget: BudgetConfig;
  readonly #limits: BudgetLimit[];
  readonly #resumable: boolean;
  readonly #said = new Set<string>();
  readonly #beyond = new Map<string, number>();

  /** @param resumable whether a run that is stopped can go on later */
  constructor(budget: BudgetConfig, resumable: boolean) {
    this.#budget = budget;
    this.#limits = budgetLimits(budget);
    this.#resumable = resumable;
  }

  /** The limits that need readings of power, in words; null where there are none. */
  get measured(): string | null {
    const names = this.#limits.filter(({ what }) => what !== 'time').map(({ what }) => what);
    return names.length === 0 ? null : names.join(' and ');
  }

  look(used: Used, expected: ExpectedEnd): BudgetNews {
    const news: BudgetNews = { warnings: [], stop: null };
    const say = (key: string, message: string): void => {
      if (!this.#said.has(key)) news.warnings.push(message);
      this.#said.add(key);
    };
    for (const part of this.#limits) {
      const { what, limit, unit } = part;
      const value = usedOf(part, used);
      if (value === null) continue;
      const amounts = share(value, limit, unit);
      if (value >= limit) {
        if (this.#budget.atLimit === 'stop') news.stop ??= usedUp(part, value, this.#resumable);
        else say(`${what} limit`, `The ${what} budget is used up: ${amounts}. The run goes on.`);
        continue;
      }
      const percent = Math.floor((100 * value) / limit);
      if (value >= (this.#budget.warnPercent / 100) * limit)
        say(`${what} share`, `${percent} % of the ${what} budget is used: ${amounts}.`);
      const end = usedOfEnd(part, expected);
      const looks = end && (end[0] + end[1]) / 2 > limit ? (this.#beyond.get(what) ?? 0) + 1 : 0;
      this.#beyond.set(what, looks);
      if (end && looks >= looksBeyond)
        say(
          `${what} end`,
          `The ${what} budget of ${limitWords(part)} is not expected to last: ${figureRange(end, unit)} in the end.`,
        );
    }
    return news;
  }
}

const usedOfEnd = ({ what }: BudgetLimit, { wh, gCO2e, seconds }: ExpectedEnd): Range | null =>
  ({ energy: wh, emissions: gCO2e, time: seconds })[what];

function usedUp(part: BudgetLimit, value: number, resumable: boolean): Problem {
  return {
    code: budgetCode,
    message: `The ${part.what} budget is used up: ${share(value, part.limit, part.unit)}.`,
    hint: resumable
      ? 'Resume it with a larger budget: it goes on from its checkpoint.'
      : 'Start the command again with a larger budget.',
  };
}

/** The first limit that a run has reached already; null where it may go on. */
export function reachedLimit(budget: BudgetConfig, used: Parameters<typeof usedOf>[1]) {
  if (budget.atLimit !== 'stop') return null;
  for (const part of budgetLimits(budget)) {
    const value = usedOf(part, used);
    if (value !== null && value >= part.limit) return usedUp(part, value, true);
  }
  return null;
}
