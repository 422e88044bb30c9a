/** What a comparison comes down to, as sentences: each run against the baseline, in energy and F1. */
import type { ComparedRun, Comparison, Inventory, RunSummary } from '../../../src-main/contract.ts';
import { difference } from './number.ts';

export function comparisonSentences(runs: readonly RunSummary[]): string[] {
  const [base, ...others] = runs;
  if (!base) return [];
  return others.flatMap((run) => {
    const energy = difference(base.wh, run.wh, 'lower');
    const tied = energy && energy.verdict !== 'same' && withinBands(base, run);
    const f1 = difference(base.macroF1, run.macroF1, 'higher', 'F1');
    const parts = [
      energy && `used ${energy.text} energy${tied ? ` (${withinUncertainty})` : ''}`,
      f1 && `reached ${f1.text} macro F1`,
    ].filter((part) => part !== null);
    return parts.length > 0 ? [`Against ${base.name}, ${run.name} ${parts.join(' and ')}.`] : [];
  });
}

/** What a report quotes: what the tests of repeats come down to, or, without repeats, run against run. */
export const quotable = ({ runs, groups, repeats }: Comparison): string[] =>
  repeats && groups.some(({ ids }) => ids.length > 1)
    ? repeats.verdicts.map(({ sentence }) => sentence)
    : comparisonSentences(runs);

export const withinUncertainty = 'within the uncertainty';
/** What that means, for the hint. */
export const tiedMeaning =
  'The difference is no larger than the bands of both values together (root sum of squares). A sensor’s own gain is the same in both runs, so repeats on one machine may tell more.';

const withinBands = (a: RunSummary, b: RunSummary): boolean =>
  a.wh !== null &&
  b.wh !== null &&
  a.uncertaintyWh !== null &&
  b.uncertaintyWh !== null &&
  Math.abs(a.wh - b.wh) <= Math.hypot(a.uncertaintyWh, b.uncertaintyWh);

/** Says where runs cannot be compared like for like; null where they can. */
export function comparisonCaution(details: readonly ComparedRun[]): string | null {
  const differ = (of: (run: ComparedRun) => string | number | null | undefined) =>
    new Set(details.map(of).filter((value) => value != null)).size > 1;
  const imported = details.filter(({ summary }) => summary.status === 'imported').length;
  const parts = [
    differ(({ summary, config }) =>
      config ? JSON.stringify({ ...config.dataset, seed: null, path: null }) : summary.dataset,
    ) && 'dataset',
    differ(({ summary }) => summary.parameters) && 'model size',
    differ(({ circumstances: { machine } }) => machine && machineKey(machine)) && 'machine',
    imported > 0 && imported < details.length && 'origin (imported or measured here)',
  ].filter((part) => part !== false);
  const last = parts.pop();
  const unlike = 'the comparison is not like for like.';
  if (last !== undefined) {
    const list = parts.length > 0 ? `${parts.join(', ')} and ${last}` : last;
    return `These runs differ in ${list}: ${unlike}`;
  }
  return imported > 0 ? `These runs are imported, their circumstances not known: ${unlike}` : null;
}
const machineKey = ({ hostname, cpu, gpus }: Inventory) =>
  [hostname, cpu.brand, ...gpus.map(({ name }) => name)].join();

/** What the sentences leave open: how many runs stand behind them, and how the energy came about. */
export function comparisonCaveat(details: readonly ComparedRun[]): string | null {
  if (details.length === 0) return null;
  const groups = new Set(details.map(({ summary }) => summary.group));
  const single =
    groups.size === details.length
      ? 'One run of each: other seeds may tell another story.'
      : 'The tests tell differences from chance, not from errors that all runs of a sensor share.';
  const estimated = new Set(
    details.flatMap(({ energy }) =>
      (energy?.components ?? [])
        .filter(
          ({ counted, provenance }) =>
            counted && (provenance === 'modelled' || provenance === 'constant'),
        )
        .map(({ kind, provenance }) => `${kind.toUpperCase()} energy is ${provenance}`),
    ),
  );
  return estimated.size > 0
    ? `${single} ${[...estimated].join(', ')}: differences there follow load and running time.`
    : single;
}
