/** What an empty chart says: what will appear in it and, as far as that is known, when. */
import type { RunDetail } from '../../../src-main/contract.ts';
import { count } from '../format/number.ts';
import { duration } from '../format/time.ts';
import type { SeriesByName } from './run-lines.ts';

/** Steps per second in training so far; null before the second step. */
function stepsPerSecond({ step, seconds }: SeriesByName): number | null {
  const [first, last] = [step?.y[0], step?.y.at(-1)];
  const [from, to] = [seconds?.y[0], seconds?.y.at(-1)];
  if (first == null || last == null || from == null || to == null) return null;
  return to > from && last > first ? (last - first) / (to - from) : null;
}

/**
 * After how many epochs a training of one stage is evaluated, and the step of the first time; null where that cannot
 * be told.
 */
function firstEvaluation(detail: RunDetail | null): { every: number; step: number } | null {
  const { config, cost } = detail ?? {};
  if (config?.train.recipe !== 'scratch' || cost?.stepsPerEpoch == null) return null;
  const { evalEvery, epochs } = config.train;
  // the last epoch is evaluated in any case
  return { every: evalEvery, step: cost.stepsPerEpoch * Math.min(evalEvery, epochs) };
}

/** `First evaluation at step 200, in about 40 s.` */
export function promiseOfF1(detail: RunDetail | null, series: SeriesByName): string {
  const first = firstEvaluation(detail);
  if (first === null)
    return detail?.command == null
      ? 'F1 on the validation images appears here after the first evaluated epoch.'
      : 'F1 appears here when the command reports an evaluation.';
  const { every, step: at } = first;
  const what = `F1 on the validation images appears here after every ${every === 1 ? 'epoch' : `${count(every)} epochs`}.`;
  const done = series.step?.y.at(-1) ?? 0;
  const rate = stepsPerSecond(series);
  const left = at - done;
  const when =
    rate === null || left <= 0
      ? `First evaluation at step ${count(at)}${left <= 0 ? ', under way' : ''}.`
      : `First evaluation at step ${count(at)}, in about ${duration(roughly(left / rate))}.`;
  return `${what} ${when}`;
}

/** One digit that counts, in steps that do not flicker: 12 s is about 10 s, 47 s about 45 s. */
function roughly(seconds: number): number {
  const step = seconds < 10 ? 1 : seconds < 60 ? 5 : seconds < 600 ? 30 : 300;
  return Math.max(1, Math.round(seconds / step) * step);
}

/** What stands before the first step: idle power is measured, data and model are prepared. */
const waitsFor: Partial<Record<string, string>> = {
  prepare: 'data and model are being prepared',
  compile: 'the training step is being compiled',
};

export function promiseOfLoss(detail: RunDetail | null): string {
  if (detail?.command != null) return 'The loss appears here when the command reports one.';
  const what = 'The loss of every training step appears here with the first steps';
  const phase = detail?.phases.findLast(({ to }) => to === null)?.name;
  const wait =
    detail?.summary.status === 'baseline'
      ? 'idle power is being measured first'
      : waitsFor[phase ?? ''];
  return wait ? `${what}; ${wait}.` : `${what}.`;
}

export const promiseOfPower = 'Power per component appears here within a second of the start.';
export const promiseOfEnergy = 'Energy since the start appears here within a second of it.';
