/** What a comparison comes down to, as sentences: each run against the baseline, in energy and F1. */
import type { RunDetail, RunSummary } from '../../../src-main/contract.ts';
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

/** What the sentences leave open: how many runs stand behind them, and how the energy came about. */
export function comparisonCaveat(details: readonly RunDetail[]): string | null {
  if (details.length === 0) return null;
  const groups = new Set(details.map(({ summary }) => summary.group));
  const single =
    groups.size === details.length
      ? 'One run of each: other seeds may tell another story.'
      : 'Runs that differ by their seed only are shown one by one.';
  const estimated = new Set(
    details.flatMap(({ energy }) =>
      (energy?.components ?? [])
        .filter(({ provenance }) => provenance === 'modelled' || provenance === 'constant')
        .map(({ kind, provenance }) => `${kind.toUpperCase()} energy is ${provenance}`),
    ),
  );
  return estimated.size > 0
    ? `${single} ${[...estimated].join(', ')}: differences there follow load and running time.`
    : single;
}
