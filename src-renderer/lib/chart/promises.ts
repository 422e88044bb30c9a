/** What an empty chart says: what will appear in it and, as far as that is known, when. */
import { stageEpochs, type RunDetail } from '../../../src-main/contract.ts';
import { count } from '../format/number.ts';
import { duration } from '../format/time.ts';
import { phaseLabel } from '../format/words.ts';
import type { SeriesByName } from './run-lines.ts';

/** Steps per second in training so far, from this step on; null before the second one. */
function stepsPerSecond({ step, seconds }: SeriesByName, since: number): number | null {
  const began = step?.y.findIndex((value) => value !== null && value > since) ?? -1;
  if (began < 0) return null;
  const [first, last] = [step?.y[began], step?.y.at(-1)];
  const [from, to] = [seconds?.y[began], seconds?.y.at(-1)];
  if (first == null || last == null || from == null || to == null) return null;
  return to > from && last > first ? (last - first) / (to - from) : null;
}

interface FirstEvaluation {
  /** Epochs from one evaluation to the next. */
  every: number;
  step: number;
  /** The stage that is evaluated, the last one; null where the recipe has no other. */
  stage: ReturnType<typeof stageEpochs>[number]['phase'] | null;
  /** The step before its first: those of other stages take another time. */
  since: number;
}

/** Null where it cannot be told. */
function firstEvaluation(detail: RunDetail | null): FirstEvaluation | null {
  const { config, cost } = detail ?? {};
  if (!config || cost?.stepsPerEpoch == null) return null;
  const { evalEvery, epochs } = config.train;
  const stages = stageEpochs(config);
  const final = stages.at(-1)!;
  const before = epochs - final.epochs;
  // epochs are counted over the whole run, and its last is evaluated in any case
  const epoch = Math.min(epochs, (Math.floor(before / evalEvery) + 1) * evalEvery);
  return {
    every: evalEvery,
    // an epoch of another stage may have other images, and another number of steps
    step: cost.steps - (epochs - epoch) * cost.stepsPerEpoch,
    stage: stages.length > 1 ? final.phase : null,
    since: cost.steps - final.epochs * cost.stepsPerEpoch,
  };
}

/** `First evaluation at step 200, in about 40 s.` */
export function promiseOfF1(detail: RunDetail | null, series: SeriesByName): string {
  const first = firstEvaluation(detail);
  if (first === null)
    return detail?.command == null
      ? 'F1 on the validation images appears here after the first evaluated epoch.'
      : 'F1 appears here when the command reports an evaluation.';
  const { every, step: at, stage, since } = first;
  const last = stage ? `in the last stage (${phaseLabel(stage)}), ` : '';
  const what = `F1 on the validation images appears here ${last}after every ${every === 1 ? 'epoch' : `${count(every)} epochs`}.`;
  const done = series.step?.y.at(-1) ?? 0;
  const rate = stepsPerSecond(series, since);
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
