/** What a comparison comes down to, as sentences: each run against the baseline, in energy and F1. */
import type { RunSummary } from '../../../src-main/contract.ts';
import { difference } from './number.ts';

export function comparisonSentences(runs: readonly RunSummary[]): string[] {
  const [base, ...others] = runs;
  if (!base) return [];
  return others.flatMap((run) => {
    const energy = difference(base.wh, run.wh, 'lower');
    const f1 = difference(base.macroF1, run.macroF1, 'higher', 'F1');
    const parts = [
      energy && `used ${energy.text} energy`,
      f1 && `reached ${f1.text} macro F1`,
    ].filter((part) => part !== null);
    return parts.length > 0 ? [`Against ${base.name}, ${run.name} ${parts.join(' and ')}.`] : [];
  });
}
