/** The arms of a matrix against their baselines: means over repeats, and tests of the paired runs. */
import type { RunSummary } from '../contract.ts';
import { compareAll, type Family, type GroupComparison } from '../core/statistics/index.ts';
import { number, table } from './text.ts';

export interface MatrixResults {
  arms: ArmResult[];
  /**
   * Of energy and of F1, each arm against its baseline, over the seeds that all its arms have; one correction over
   * all tests.
   */
  comparisons: GroupComparison[];
  /** Runs that are left out: not done, without figures, or a warm-up. */
  leftOut: { id: number; why: string }[];
}

interface ArmResult {
  arm: string;
  title: string;
  baseline: string | null;
  runs: number;
  /** Means; null without a value. */
  wh: number | null;
  macroF1: number | null;
  seconds: number | null;
}

type Placed = RunSummary & { matrix: NonNullable<RunSummary['matrix']> };

/** @param runs of one start of a matrix, in order */
export function matrixResults(runs: readonly RunSummary[]): MatrixResults {
  const placed = runs.filter((run): run is Placed => run.matrix !== null);
  const why = ({ status, matrix }: Placed): string | null =>
    matrix.warmUp ? 'warm-up' : status === 'done' ? null : status;
  const arms = [...Map.groupBy(placed, ({ matrix }) => matrix.arm)].map(([arm, all]) => {
    const counted = all.filter((run) => why(run) === null);
    const { armTitle: title, baseline } = all[0]!.matrix;
    return { arm, title, baseline, counted };
  });
  return {
    arms: arms.map(({ counted, ...arm }) => ({
      ...arm,
      runs: counted.length,
      wh: meanOf(counted.map(({ wh }) => wh)),
      macroF1: meanOf(counted.map(({ macroF1 }) => macroF1)),
      seconds: meanOf(counted.map(({ seconds }) => seconds)),
    })),
    comparisons: compareAll(
      quantities.flatMap(({ of, what, unit }) =>
        arms
          .filter(({ baseline }) => baseline === null)
          .flatMap((base): Family[] => {
            const variants = arms.filter(({ baseline }) => baseline === base.arm);
            // one set of seeds for all arms of a comparison, so that each value has its partner
            const values = [base, ...variants].map(({ title, counted }) => ({
              name: title,
              bySeed: new Map(
                counted.flatMap((run) => (of(run) === null ? [] : [[run.seed, of(run)!]])),
              ),
            }));
            const seeds = [...values[0]!.bySeed.keys()].filter((seed) =>
              values.every(({ bySeed }) => bySeed.has(seed)),
            );
            const groups = values.map(({ name, bySeed }) => ({
              name,
              values: seeds.map((seed) => bySeed.get(seed)!),
            }));
            return variants.length === 0 || seeds.length === 0
              ? []
              : [
                  {
                    baseline: groups[0]!,
                    variants: groups.slice(1),
                    options: { what, unit, paired: true },
                  },
                ];
          }),
      ),
    ),
    leftOut: placed.flatMap((run) => {
      const reason = why(run);
      return reason === null ? [] : [{ id: run.id, why: reason }];
    }),
  };
}

const quantities: { of: (run: RunSummary) => number | null; what: string; unit: string }[] = [
  { of: ({ wh }) => wh, what: 'energy', unit: 'Wh' },
  {
    of: ({ macroF1 }) => (macroF1 === null ? null : macroF1 * 100),
    what: 'macro F1',
    unit: 'points',
  },
];

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b) / known.length;
}

export function resultsText({ arms, comparisons, leftOut }: MatrixResults): string {
  return [
    table(
      ['arm', 'runs', 'Wh', 'macro F1', 's'],
      arms.map(({ title, runs, wh, macroF1, seconds }) => [
        title,
        String(runs),
        number(wh),
        macroF1 === null ? number(null) : (macroF1 * 100).toFixed(1),
        number(seconds),
      ]),
    ),
    ...comparisons.map(({ sentence }) => sentence),
    ...(leftOut.length > 0
      ? [`Left out: ${leftOut.map(({ id, why }) => `${id} (${why})`).join(', ')}.`]
      : []),
  ].join('\n');
}
