/** What a comparison comes down to, as sentences: against the baseline, energy and F1. */
import type { RunSummary } from '../../../src-main/contract.ts';
import { difference } from './number.ts';

export function comparisonSentence(runs: readonly RunSummary[]): string[] {
  const [base, ...others] = runs;
  if (!base) return [];
  return others.flatMap((run) => {
    const wh = difference(base.wh, run.wh, 'lower');
    const f1 = difference(base.macroF1, run.macroF1, 'higher', 'F1');
    const parts = [
      wh &&
        (wh.verdict === 'same'
          ? 'the same energy'
          : `${wh.text}${/times/.test(wh.text) ? '' : ''} energy`),
      f1 &&
        (f1.verdict === 'same'
          ? 'the same macro F1'
          : `${f1.text.replace(/(points?) (more|less)/, '$1 of macro F1 $2')}`),
    ].filter((part) => part !== null && part !== '');
    if (parts.length === 0) return [];
    return [`${run.name} against ${base.name}: ${parts.join(', ')}.`];
  });
}
